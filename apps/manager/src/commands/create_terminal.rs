//! `createTerminal`: start a shell in an agent's environment.

use protocol::SessionId;
use protocol::agents::CreateTerminal;
use protocol::limits::{MAX_PATH, MAX_SIDE};
use runtime::{Place, Shell, Size};

use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;
use crate::terminals::Reserved;

/// Answered when the program runs. Who made it watches it.
pub(super) fn run(connection: &Connection, call: Call) {
    match prepare(connection, &call) {
        Err(error) => call.refuse(error),
        Ok((reserved, place)) => {
            let (key, outbox) = (connection.key(call.origin()), connection.outbox().clone());
            let terminals = connection.server().agents.terminals();
            terminals.start(reserved, place, move |started| match started {
                Err(error) => call.refuse(error),
                Ok(terminal) => {
                    call.give(Ok(terminal.info()));
                    terminal.show(&key, &outbox);
                }
            });
        }
    }
}

fn prepare(connection: &Connection, call: &Call) -> Result<(Reserved, Place), Error> {
    let payload: CreateTerminal = call.payload()?;
    let agent = connection.agent(call)?;
    let place = agent.place_of(payload.conversation_id.as_ref())?;
    let size = size(payload.cols.unwrap_or(80), payload.rows.unwrap_or(24))?;
    let program = payload.shell.unwrap_or_else(|| place.shell());
    if program.is_empty() || program.len() > MAX_PATH || program.contains('\0') {
        let problem = "shell has 1 to 4,096 bytes without NUL";
        return Err(Error::InvalidPayload(problem.to_owned()));
    }
    let chosen = payload.session_id.or_else(|| call.origin().session_id.clone());
    let id = chosen.unwrap_or_else(SessionId::random);
    agent.changes.take().map_err(|retry_after| Error::TooManyChanges { retry_after })?;
    let (shell, key) = (Shell { program, size }, connection.key(call.origin()));
    let reserved = connection.server().agents.terminals().reserve(&agent, id, shell, key)?;
    Ok((reserved, place))
}

/// Whether a terminal may be of that size.
pub(super) fn size(cols: u32, rows: u32) -> Result<Size, Error> {
    let side = |side: u32| (1..=MAX_SIDE).contains(&side).then(|| u16::try_from(side).ok())?;
    let problem = || Error::InvalidPayload(format!("cols and rows are 1 to {MAX_SIDE}"));
    Ok(Size { cols: side(cols).ok_or_else(problem)?, rows: side(rows).ok_or_else(problem)? })
}
