//! `logout`: stop following an agent.

use protocol::agents::LogoutSuccess;
use protocol::names::agents as names;

use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;

/// Runs go on; other connections stay logged in.
pub(super) fn run(connection: &mut Connection, call: Call) {
    match leave(connection, &call) {
        Ok(success) => {
            connection.emit(names::LOGOUT_SUCCESS, &success);
            call.give(Ok(success));
        }
        Err(error) => call.refuse(error),
    }
}

fn leave(connection: &mut Connection, call: &Call) -> Result<LogoutSuccess, Error> {
    let agent_id = call.agent()?;
    connection.leave(&agent_id)?;
    Ok(LogoutSuccess { agent_id })
}
