//! `enhanceChat` and `generateTicketBody`: the agent as a helper for texts.

use protocol::agents::{EnhanceChat, GenerateTicketBody, HelperAccepted};
use protocol::{CorrelationId, RunId};

use super::chat::check;
use crate::call::Call;
use crate::connection::Connection;
use crate::error::Error;
use crate::isolated::helper::{self, Helper, Kind};
use crate::isolated::{self, Order};

pub(super) fn enhance_chat(connection: &Connection, call: Call) {
    let asked = call.payload::<EnhanceChat>().and_then(|payload| {
        check(&payload.message, "message")?;
        Ok((helper::enhance(&payload.message), payload.correlation_id))
    });
    run(connection, call, Kind::Enhance, asked);
}

pub(super) fn generate_ticket_body(connection: &Connection, call: Call) {
    let asked = call.payload::<GenerateTicketBody>().and_then(|payload| {
        check(&payload.title, "title")?;
        let context = payload.hierarchy_context.as_deref();
        Ok((helper::ticket(&payload.title, context), payload.correlation_id))
    });
    run(connection, call, Kind::Ticket, asked);
}

fn run(
    connection: &Connection,
    call: Call,
    kind: Kind,
    asked: Result<(String, CorrelationId), Error>,
) {
    let prepared = asked.and_then(|(text, id)| prepare(connection, &call, kind, text, id));
    match prepared {
        Ok((accepted, begin)) => {
            call.give(Ok(accepted));
            begin();
        }
        Err(error) => call.refuse(error),
    }
}

fn prepare(
    connection: &Connection,
    call: &Call,
    kind: Kind,
    text: String,
    correlation_id: CorrelationId,
) -> Result<(HelperAccepted, impl FnOnce() + use<>), Error> {
    let agent = connection.agent(call)?;
    let text = isolated::filter(&agent.filters, &text.into())?;
    let run_id = RunId::random();
    let accepted =
        HelperAccepted { correlation_id: correlation_id.clone(), run_id: run_id.clone() };
    let listener = Helper {
        kind,
        outbox: connection.outbox().clone(),
        agent_id: agent.id.clone(),
        run_id: run_id.clone(),
        correlation_id,
        connection_id: call.origin().connection_id.clone(),
        filters: agent.filters.clone(),
        answer: String::new(),
        is_too_long: false,
    };
    let agents = connection.server().agents.clone();
    let order =
        Order { run: run_id, text, timeout: helper::TIMEOUT, origin: call.origin().clone() };
    let ready = isolated::prepare(&agents, &agent, order, connection.outbox())?;
    Ok((accepted, move || ready.begin(&agents, listener)))
}
