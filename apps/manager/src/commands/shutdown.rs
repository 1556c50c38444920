//! `shutdown`: for admins. What follows is the server's affair.

use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;

pub(super) fn run(connection: &Connection, call: Call) {
    let result = call.payload().and_then(|shutdown| {
        let stopping = connection.server().stop.command(shutdown);
        stopping.map_err(|error| Error::InvalidPayload(error.message))
    });
    if let Ok(stopping) = &result {
        let user = call.origin().user.as_deref().unwrap_or("a controller");
        tracing::info!(user, restart = stopping.restart, "shutdown asked for");
    }
    call.give(result);
}
