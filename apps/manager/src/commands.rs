//! The commands of namespace `/agents`: one file each, with its check, its effect and its answer.

mod cancel_run;
mod chat;
mod create_agent;
mod delete_agent;
mod get_history;
mod list_agents;
mod login;
mod logout;
mod restart_agent;
mod start_agent;
mod stop_agent;

use protocol::names::agents as names;

use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;

pub(crate) use login::Checked;

/// Carries out a command.
pub(crate) fn run(connection: &mut Connection, call: Call) {
    match call.name() {
        names::LOGIN => login::run(connection, call),
        names::LOGOUT => logout::run(connection, call),
        names::CHAT => chat::run(connection, call),
        names::CANCEL_RUN => cancel_run::run(connection, call),
        names::GET_HISTORY => get_history::run(connection, call),
        names::LIST_AGENTS => list_agents::run(connection, call),
        names::CREATE_AGENT => create_agent::run(connection, call),
        names::DELETE_AGENT => delete_agent::run(connection, call),
        names::START_AGENT => start_agent::run(connection, call),
        names::STOP_AGENT => stop_agent::run(connection, call),
        names::RESTART_AGENT => restart_agent::run(connection, call),
        unknown => {
            let error = Error::UnknownCommand(unknown.to_owned());
            call.refuse(error);
        }
    }
}
