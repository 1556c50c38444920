//! `cancelRun` and `promoteRun`: end a run, or let it be the next.

use protocol::RunId;
use protocol::agents::{CancelKind, CancelRun, PromoteRun, RunCancelled, RunPromoted};

use crate::call::Call;
use crate::connection::Connection;
use crate::conversation::{Answer, Ask, Place};
use crate::error::Error;

/// Answered by the conversation. The run's terminal entry follows when the agent has let go of it.
pub(super) fn run(connection: &Connection, call: Call) {
    let payload = call.payload::<CancelRun>();
    match payload.and_then(|payload| Ok((find(connection, &payload.run_id)?, payload.run_id))) {
        Ok((Place::Conversation(conversation), run)) => {
            let answer = Answer::new(move |done| call.give(done.map(|kind| RunCancelled { kind })));
            conversation.ask(Ask::Cancel(run, answer));
        }
        Ok((Place::Isolated(isolated), _)) => {
            isolated.cancel.cancel();
            call.give(Ok(RunCancelled { kind: CancelKind::CancelledRunning }));
        }
        Err(error) => call.refuse(error),
    }
}

/// Answered by the conversation.
pub(super) fn promote(connection: &Connection, call: Call) {
    let payload = call.payload::<PromoteRun>();
    match payload.and_then(|payload| Ok((find(connection, &payload.run_id)?, payload.run_id))) {
        Ok((Place::Conversation(conversation), run)) => {
            let answer = Answer::new(move |done| {
                call.give(done.map(|position| RunPromoted { position }));
            });
            conversation.ask(Ask::Promote(run, answer));
        }
        Ok((Place::Isolated(_), _)) => call.refuse(Error::RunNotFound),
        Err(error) => call.refuse(error),
    }
}

/// A run of an agent that the connection is not logged in to does not exist for it.
fn find(connection: &Connection, run: &RunId) -> Result<Place, Error> {
    let place = connection.server().agents.runs().find(run).ok_or(Error::RunNotFound)?;
    let agent = match &place {
        Place::Conversation(conversation) => conversation.agent_id(),
        Place::Isolated(isolated) => &isolated.agent,
    };
    connection.member(agent).map_err(|_| Error::RunNotFound)?;
    Ok(place)
}
