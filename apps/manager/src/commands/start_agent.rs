//! `startAgent`: let a stopped agent take messages again.

use protocol::agents::{Done, ForAgent};

use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;
use crate::server::Server;

/// Its program starts with the next message.
pub(super) fn run(connection: &mut Connection, call: Call) {
    let server = connection.server().clone();
    connection.spawn(async move {
        let done = start(&server, &call).await;
        call.give(done);
    });
}

async fn start(server: &Server, call: &Call) -> Result<Done, Error> {
    let ForAgent { agent_id } = call.payload()?;
    server.agents.start(&agent_id).await?;
    Ok(Done {})
}
