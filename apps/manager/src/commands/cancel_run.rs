//! `cancelRun`: end a run that waits or runs.

use protocol::agents::{CancelRun, RunCancelled};

use crate::call::Call;
use crate::connection::Connection;
use crate::conversation::{Answer, Ask, Conversation};
use crate::error::Error;

/// Answered by the conversation. The run's terminal entry follows when the agent has let go of it.
pub(super) fn run(connection: &Connection, call: Call) {
    match prepare(connection, &call) {
        Ok((conversation, payload)) => {
            let answer = Answer::new(move |done| call.give(done.map(|kind| RunCancelled { kind })));
            conversation.ask(Ask::Cancel(payload.run_id, answer));
        }
        Err(error) => call.refuse(error),
    }
}

/// A run of an agent that the connection is not logged in to does not exist for it.
fn prepare(connection: &Connection, call: &Call) -> Result<(Conversation, CancelRun), Error> {
    let payload: CancelRun = call.payload()?;
    let found = connection.server().agents.open_runs().find(&payload.run_id);
    let conversation = found.ok_or(Error::RunNotFound)?;
    connection.member(conversation.agent_id()).map_err(|_| Error::RunNotFound)?;
    Ok((conversation, payload))
}
