//! `subscribe`: choose what to be told about an agent, or about all.

use protocol::agents::{Subscribe, Subscribed, Topic};

use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;

/// What is told comes behind the acknowledgement.
pub(super) fn run(connection: &mut Connection, call: Call) {
    let read =
        call.payload().and_then(|payload: Subscribe| Ok((of_all(&call, &payload)?, payload)));
    match read {
        Err(error) => call.refuse(error),
        Ok((true, payload)) => {
            let mut topics = payload.topics;
            topics.dedup();
            let wanted = topics.contains(&Topic::Activity);
            connection.stop_activity();
            call.give(Ok(Subscribed { agent_id: None, topics }));
            if wanted {
                connection.tell_activity();
            }
        }
        Ok((false, payload)) => match subscribe(connection, &call, payload) {
            Err(error) => call.refuse(error),
            Ok((subscribed, begin)) => {
                call.give(Ok(subscribed));
                begin();
            }
        },
    }
}

/// Whether the choice is about all agents, and not about one.
fn of_all(call: &Call, payload: &Subscribe) -> Result<bool, Error> {
    let has = |topic| payload.topics.contains(&topic);
    let named = match call.agent() {
        Ok(_) => true,
        Err(Error::AgentMissing) => false,
        Err(error) => return Err(error),
    };
    match (has(Topic::Activity), has(Topic::ContainerStats), named) {
        (true, false, false) => Ok(true),
        (true, _, _) => Err(Error::InvalidPayload(
            "activity is of all agents: without agentId, and alone".to_owned(),
        )),
        // Without an agent, that of the last login.
        (false, true, _) => Ok(false),
        (false, false, named) => Ok(!named),
    }
}

fn subscribe(
    connection: &Connection,
    call: &Call,
    payload: Subscribe,
) -> Result<(Subscribed, impl FnOnce() + use<>), Error> {
    let agent = connection.agent(call)?;
    let place = agent.place()?;
    let mut topics = payload.topics;
    topics.dedup();
    let (key, outbox) = (connection.key(call.origin()), connection.outbox().clone());
    let wants_stats = topics.contains(&Topic::ContainerStats);
    let agents = connection.server().agents.clone();
    let subscribed = Subscribed { agent_id: Some(agent.id.clone()), topics };
    let begin = move || {
        if !wants_stats {
            agent.watchers.leave(&key);
        } else if agent.watchers.enter(key, &outbox) {
            let stopping = agents.stopping().clone();
            let measuring = agent.watchers.clone().measure(agent.id.clone(), place, stopping);
            agents.tasks().spawn(measuring);
        }
    };
    Ok((subscribed, begin))
}
