//! What is done with a terminal that is there.

use std::sync::Arc;

use protocol::SessionId;
use protocol::agents::{
    Done, ForTerminal, JoinTerminal, ListTerminals, ResizeTerminal, TerminalEnd, TerminalInput,
    Terminals,
};
use protocol::limits::MAX_INPUT;

use super::create_terminal::size;
use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;
use crate::terminals::Terminal;

/// What is left of the output comes behind the acknowledgement. A controller gets all of it: its viewers have each their
/// own offset.
pub(super) fn join(connection: &Connection, call: Call) {
    let prepared = call.payload::<JoinTerminal>().and_then(|payload| {
        let agent = connection.agent(&call)?;
        Ok((agent, payload))
    });
    let (agent, payload) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return call.refuse(error),
    };
    let key = connection.key(call.origin());
    let from = payload.offset.filter(|_| call.is_direct());
    let terminals = connection.server().agents.terminals();
    let mut waiting = Some(call);
    let answer = |info| {
        if let Some(call) = waiting.take() {
            call.give(Ok(info));
        }
    };
    let joined =
        terminals.join(&agent.id, &payload.session_id, key, connection.outbox(), from, answer);
    if let (Err(error), Some(call)) = (joined, waiting) {
        call.refuse(error);
    }
}

pub(super) fn leave(connection: &Connection, call: Call) {
    let key = connection.key(call.origin());
    let left = call.payload::<ForTerminal>().and_then(|payload| {
        let terminals = connection.server().agents.terminals();
        terminals.leave(&payload.session_id, &key, connection.outbox())
    });
    call.give(left.map(|()| Done {}));
}

pub(super) fn input(connection: &Connection, call: Call) {
    let typed = call.payload::<TerminalInput>().and_then(|payload| {
        if payload.data.len() > MAX_INPUT {
            return Err(Error::PayloadTooLarge("data has 64 KiB at most".to_owned()));
        }
        let terminal = find(connection, &call, &payload.session_id)?;
        if payload.data.is_empty() { Ok(()) } else { terminal.input(payload.data) }
    });
    call.give(typed.map(|()| Done {}));
}

pub(super) fn resize(connection: &Connection, call: Call) {
    let resized = call.payload::<ResizeTerminal>().and_then(|payload| {
        let size = size(payload.cols, payload.rows)?;
        find(connection, &call, &payload.session_id)?.resize(size);
        Ok(Done {})
    });
    call.give(resized);
}

/// Its end follows by itself.
pub(super) fn close(connection: &Connection, call: Call) {
    let closed = call.payload::<ForTerminal>().and_then(|payload| {
        find(connection, &call, &payload.session_id)?.close(TerminalEnd::Closed);
        Ok(Done {})
    });
    call.give(closed);
}

pub(super) fn list(connection: &Connection, call: Call) {
    let listed = call.payload::<ListTerminals>().and_then(|_| {
        let agent = connection.agent(&call)?;
        Ok(Terminals { terminals: connection.server().agents.terminals().list(&agent.id) })
    });
    call.give(listed);
}

/// Whoever watches a terminal has logged in to its agent; for others it does not exist.
fn find(connection: &Connection, call: &Call, id: &SessionId) -> Result<Arc<Terminal>, Error> {
    connection.server().agents.terminals().find(id, &connection.key(call.origin()))
}
