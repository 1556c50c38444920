//! The commands of namespace `/agents`: with their checks, their effects and their answers.

mod cancel_run;
mod change_environment;
mod chat;
mod check_agent;
mod create_agent;
mod create_terminal;
mod custom;
mod delete_agent;
mod edit_conversation;
mod files;
mod get_history;
mod helper;
mod join_conversation;
mod list_agents;
mod list_conversations;
mod login;
mod logout;
mod respond_interaction;
mod restart_agent;
mod search_conversations;
mod shutdown;
mod start_agent;
mod stop_agent;
mod subscribe;
mod terminal;

use protocol::names::agents as names;

use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;

pub(crate) use login::Checked;

/// Carries out a command.
pub(crate) fn run(connection: &mut Connection, call: Call) {
    if let Err(error) = call.is_allowed() {
        return call.refuse(error);
    }
    match call.name() {
        names::LOGIN => login::run(connection, call),
        names::LOGOUT => logout::run(connection, call),
        names::CHAT => chat::run(connection, call),
        names::START_RUN => chat::start_run(connection, call),
        names::CANCEL_RUN => cancel_run::run(connection, call),
        names::PROMOTE_RUN => cancel_run::promote(connection, call),
        names::RESPOND_INTERACTION => respond_interaction::run(connection, call),
        names::JOIN_CONVERSATION => join_conversation::join(connection, call),
        names::LEAVE_CONVERSATION => join_conversation::leave(connection, call),
        names::PRESENCE => join_conversation::presence(connection, call),
        names::CREATE_CONVERSATION => edit_conversation::create(connection, call),
        names::RENAME_CONVERSATION => edit_conversation::rename(connection, call),
        names::DELETE_CONVERSATION => edit_conversation::delete(connection, call),
        names::CLEAR_HISTORY => edit_conversation::clear(connection, call),
        names::INSERT_HISTORY => edit_conversation::insert(connection, call),
        names::LIST_CONVERSATIONS => list_conversations::run(connection, call),
        names::SEARCH_CONVERSATIONS => search_conversations::run(connection, call),
        names::ENHANCE_CHAT => helper::enhance_chat(connection, call),
        names::GENERATE_TICKET_BODY => helper::generate_ticket_body(connection, call),
        names::GET_HISTORY => get_history::run(connection, call),
        names::CREATE_TERMINAL => create_terminal::run(connection, call),
        names::JOIN_TERMINAL => terminal::join(connection, call),
        names::LEAVE_TERMINAL => terminal::leave(connection, call),
        names::TERMINAL_INPUT => terminal::input(connection, call),
        names::RESIZE_TERMINAL => terminal::resize(connection, call),
        names::CLOSE_TERMINAL => terminal::close(connection, call),
        names::LIST_TERMINALS => terminal::list(connection, call),
        names::LIST_FILES => files::list(connection, call),
        names::READ_FILE => files::read(connection, call),
        names::WRITE_FILE => files::write(connection, call),
        names::CREATE_FILE => files::create(connection, call),
        names::CREATE_DIRECTORY => files::create_directory(connection, call),
        names::DELETE_FILE => files::delete(connection, call),
        names::MOVE_FILE => files::rename(connection, call),
        names::FILE_UPDATE => files::update(connection, call),
        names::SUBSCRIBE => subscribe::run(connection, call),
        names::CHANGE_ENVIRONMENT => change_environment::run(connection, call),
        names::LIST_AGENTS => list_agents::run(connection, call),
        names::CREATE_AGENT => create_agent::run(connection, call),
        names::DELETE_AGENT => delete_agent::run(connection, call),
        names::START_AGENT => start_agent::run(connection, call),
        names::STOP_AGENT => stop_agent::run(connection, call),
        names::CHECK_AGENT => check_agent::run(connection, call),
        names::RESTART_AGENT => restart_agent::run(connection, call),
        names::SHUTDOWN => shutdown::run(connection, call),
        _ => custom::run(connection, call),
    }
}

/// Whether so many may be asked for.
fn check_limit(limit: Option<u32>, most: usize) -> Result<(), Error> {
    match limit {
        Some(limit) if !(1..=most).contains(&(limit as usize)) => {
            Err(Error::InvalidPayload(format!("limit is 1 to {most}")))
        }
        _ => Ok(()),
    }
}
