//! `changeEnvironment`: set and remove variables of an agent's environment.

use protocol::agents::{ChangeEnvironment, Environment};

use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;
use crate::server::Server;

/// Values go in and do not come out.
pub(super) fn run(connection: &mut Connection, call: Call) {
    let server = connection.server().clone();
    connection.spawn(async move {
        let changed = change(&server, &call).await;
        call.give(changed);
    });
}

async fn change(server: &Server, call: &Call) -> Result<Environment, Error> {
    let ChangeEnvironment { agent_id, set, remove } = call.payload()?;
    let names = server.agents.change_environment(&agent_id, set, remove).await?;
    Ok(Environment { agent_id, names })
}
