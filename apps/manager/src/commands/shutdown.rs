//! `shutdown`: for admins. What follows is the server's affair.

use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;

pub(super) fn run(connection: &Connection, call: Call) {
    let shutdown = match call.payload() {
        Ok(shutdown) => shutdown,
        Err(error) => return call.refuse(error),
    };
    let mut call = Some(call);
    let ordered = connection.server().stop.command(shutdown, |stopping| {
        let Some(call) = call.take() else { return };
        let user = call.origin().user.as_deref().unwrap_or("a controller");
        tracing::info!(user, restart = stopping.restart, "shutdown asked for");
        call.give(Ok(stopping));
    });
    if let (Err(error), Some(call)) = (ordered, call) {
        call.refuse(Error::InvalidPayload(error.message));
    }
}
