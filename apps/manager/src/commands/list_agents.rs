//! `listAgents`: the manager's agents.

use protocol::agents::Agents;

use crate::call::Call;
use crate::connection::Connection;

pub(super) fn run(connection: &Connection, call: Call) {
    call.give(Ok(Agents { agents: connection.server().agents.list() }));
}
