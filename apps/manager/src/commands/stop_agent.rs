//! `stopAgent`: end an agent's runs and its program, and take no more messages.

use protocol::agents::{Done, ForAgent};

use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;
use crate::server::Server;

/// Answered when the program has ended.
pub(super) fn run(connection: &mut Connection, call: Call) {
    let server = connection.server().clone();
    connection.spawn(async move {
        let done = stop(&server, &call).await;
        call.give(done);
    });
}

async fn stop(server: &Server, call: &Call) -> Result<Done, Error> {
    let ForAgent { agent_id } = call.payload()?;
    server.agents.stop(&agent_id).await?;
    Ok(Done {})
}
