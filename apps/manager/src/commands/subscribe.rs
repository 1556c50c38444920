//! `subscribe`: choose what to be told about an agent.

use protocol::agents::{Subscribe, Subscribed, Topic};

use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;

/// What is told comes behind the acknowledgement.
pub(super) fn run(connection: &Connection, call: Call) {
    let subscribed = call.payload().and_then(|payload| subscribe(connection, &call, payload));
    match subscribed {
        Err(error) => call.refuse(error),
        Ok((subscribed, begin)) => {
            call.give(Ok(subscribed));
            begin();
        }
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
    let subscribed = Subscribed { agent_id: agent.id.clone(), topics };
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
