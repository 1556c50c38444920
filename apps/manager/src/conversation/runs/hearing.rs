//! What an agent says.

use std::sync::Arc;

use protocol::agents::{
    AgentChangedBody, AgentEventBody, ChatEventBody, FilterDirection, MessageFilterResultBody,
    RunReason,
};
use protocol::limits::MAX_ENTRY;
use protocol::{AgentId, RunId};
use runtime::{AgentEvent, Outcome};

use super::{Current, Effect, Means, Output, Plan, Runs, Seat};
use crate::conversation::entries::{self, AgentName, Ending};
use crate::filters::{Findings, Stream};

/// Something that a session has said.
pub(in crate::conversation) struct Heard<'a> {
    pub(in crate::conversation) seat: &'a Seat,
    /// The name of its agent.
    pub(in crate::conversation) name: &'a str,
}

impl Runs {
    /// Takes what a session says.
    pub(in crate::conversation) fn hear(
        &mut self,
        from: &Heard<'_>,
        event: AgentEvent,
        means: &Means<'_>,
        plan: &mut Plan,
    ) {
        let now = means.now.timestamp;
        match event {
            AgentEvent::Delta { run, text } => self.hear_delta(run, text, means, plan),
            AgentEvent::Message { run, text } => {
                self.hear_message(from, run.as_ref(), text, means, plan);
            }
            AgentEvent::Note { run, body } => self.hear_note(run.as_ref(), body, means, plan),
            AgentEvent::Event { run, topic, payload } => {
                let payload = filtered(run.as_ref(), payload, means, plan);
                if means.filters.are_outgoing() && is_too_large(&payload) {
                    return plan.entry(entries::note(run.as_ref(), &too_large(), now));
                }
                let body = AgentEventBody { topic, payload };
                plan.entry(entries::event(run.as_ref(), &body, now));
            }
            AgentEvent::Asked { run, ask } => self.hear_question(from.seat, run, ask, means, plan),
            AgentEvent::Withdrawn { interaction_id } => {
                self.withdraw(from.seat, &interaction_id, now, plan);
            }
            // Nothing that people see: the worker keeps it.
            AgentEvent::Session { .. } => {}
            AgentEvent::Handoff { run, agent, message, reason } => {
                let handed = self.hand_over(&run, &agent, message, reason, means, plan);
                if let Err(problem) = handed {
                    let message = format!("hand-off to \"{agent}\" refused: {problem}");
                    let body = ChatEventBody::Status { message };
                    plan.entry(entries::note(Some(&run), &body, now));
                }
            }
            AgentEvent::Ended { run, outcome } => {
                self.hear_end(from.seat, &run, outcome, means, plan);
            }
        }
    }

    fn run_mut(&mut self, run: &RunId) -> Option<&mut Current> {
        self.current_mut().find(|current| current.run.id == *run)
    }

    fn hear_delta(&mut self, run: RunId, text: String, means: &Means<'_>, plan: &mut Plan) {
        let Some(current) = self.run_mut(&run).filter(|current| current.run.streams) else {
            return;
        };
        if let Some(text) = current.stream.more(means.filters, text) {
            plan.outputs.push(Output::Delta { run, sequence: current.deltas, text });
            current.deltas += 1;
        }
    }

    fn hear_message(
        &mut self,
        from: &Heard<'_>,
        run: Option<&RunId>,
        text: String,
        means: &Means<'_>,
        plan: &mut Plan,
    ) {
        let mut unasked = Stream::default();
        let stream = run.and_then(|run| self.run_mut(run)).map_or(&mut unasked, |c| &mut c.stream);
        let (text, findings) = stream.message(means.filters, text);
        report(run, &findings, means, plan);
        // What filters put in may have made it larger than an entry may be.
        for part in text.iter().flat_map(|text| runtime::parts(text)) {
            plan.entry(entries::agent(run, from.name, part.to_owned(), means.now.timestamp));
        }
    }

    fn hear_note(
        &mut self,
        run: Option<&RunId>,
        body: ChatEventBody,
        means: &Means<'_>,
        plan: &mut Plan,
    ) {
        if let ChatEventBody::Usage(usage) = &body
            && let Some(current) = run.and_then(|run| self.run_mut(run))
        {
            current.usage = Some(usage.clone());
        }
        let body = if means.filters.are_outgoing() {
            let value = serde_json::to_value(&body).unwrap_or_default();
            let (kind, mut value) = (value["kind"].clone(), value);
            let payload = filtered(run, value["payload"].take(), means, plan);
            let value = serde_json::json!({ "kind": kind, "payload": payload });
            if is_too_large(&value) {
                too_large()
            } else {
                // A filter may have changed a word that means something, such as a stream's name.
                let Ok(body) = serde_json::from_value(value) else { return };
                body
            }
        } else {
            body
        };
        plan.entry(entries::note(run, &body, means.now.timestamp));
    }

    fn hear_end(
        &mut self,
        seat: &Seat,
        run: &RunId,
        outcome: Outcome,
        means: &Means<'_>,
        plan: &mut Plan,
    ) {
        // A run ends once: an agent's second word on it, or one on a run that it does not have, is not heard.
        let has = |current: &Current| current.run.id == *run && current.seat == *seat;
        if !self.current().any(has) {
            return;
        }
        let Some(mut current) = self.take(seat) else { return };
        if let (Outcome::Done, None, Some((agent, text))) =
            (&outcome, current.reason, current.handoff.take())
        {
            return self.pass_on(current, agent, text, means, plan);
        }
        let ending = match (outcome, current.reason) {
            (_, Some(RunReason::StoreUnavailable)) => Ending::because(RunReason::StoreUnavailable),
            (Outcome::Done, _) => Ending::done(),
            (Outcome::Failed { reason, error }, None) => Ending::failed(reason, Some(error)),
            // What was being ended and failed instead of letting go has ended as it was told to.
            (Outcome::Cancelled | Outcome::Failed { .. }, reason) => {
                Ending::because(reason.unwrap_or(RunReason::User))
            }
        };
        self.finish(&current, ending, means, plan);
    }

    /// Notes that the turn goes on with another agent once this one is through with it.
    fn hand_over(
        &mut self,
        run: &RunId,
        agent: &str,
        message: Option<String>,
        reason: Option<String>,
        means: &Means<'_>,
        plan: &mut Plan,
    ) -> Result<(), &'static str> {
        let next = (means.find_agent)(agent).ok_or("there is no such agent")?;
        let current = self.run_mut(run).ok_or("there is no such run")?;
        if current.seat.agent == next.id || current.handed.contains(&next.id) {
            return Err("it has had this turn already");
        }
        if current.handoff.is_some() {
            return Err("the turn is handed over already");
        }
        let text = message.map_or_else(|| current.run.text.clone(), Arc::from);
        let body = AgentChangedBody {
            active_agent_id: next.id.clone(),
            agent_name: next.name.clone(),
            previous_agent_id: current.seat.agent.clone(),
            reason,
        };
        current.handoff = Some((next.clone(), text));
        plan.entry(entries::agent_changed(run, &body, means.now.timestamp));
        self.active = next;
        Ok(())
    }

    /// Gives the turn to the agent that it was handed to.
    fn pass_on(
        &mut self,
        mut current: Current,
        agent: AgentName,
        text: Arc<str>,
        means: &Means<'_>,
        plan: &mut Plan,
    ) {
        let seat = Seat { agent: agent.id, run: current.seat.run.clone() };
        let before = std::mem::replace(&mut current.seat, seat.clone());
        current.handed.push(before.agent.clone());
        plan.effects.push(Effect::Prompt(seat, current.run.id.clone(), text));
        let run = current.run.id.clone();
        if before.run.is_some() {
            plan.effects.push(Effect::End(before.clone()));
            self.own.push(current);
        } else {
            self.main = Some(current);
        }
        // Who asked has no part in the turn any more.
        self.cancel_asked_in(&run, &before, means.now.timestamp, plan);
        self.set_blocked(&run, means.now.timestamp, plan);
    }

    /// Who an agent is handed from: for tests and for who is asked after a restart.
    pub(in crate::conversation) fn main_seat(&self) -> Seat {
        let agent: AgentId = self.active.id.clone();
        Seat { agent, run: None }
    }
}

/// A value without what the agent's filters remove.
fn filtered(
    run: Option<&RunId>,
    mut value: serde_json::Value,
    means: &Means<'_>,
    plan: &mut Plan,
) -> serde_json::Value {
    if means.filters.are_outgoing() {
        let mut findings = Findings::default();
        means.filters.value(&mut value, &mut findings);
        report(run, &findings, means, plan);
    }
    value
}

/// Whether filters have made a value larger than an entry may be.
fn is_too_large(value: &serde_json::Value) -> bool {
    // What stands around it in the entry is small.
    value.to_string().len() > MAX_ENTRY - 4 * 1024
}

fn too_large() -> ChatEventBody {
    let message = "left out: filters have made it larger than an entry may be".to_owned();
    ChatEventBody::Status { message }
}

/// Says that filters found something.
pub(super) fn report(run: Option<&RunId>, findings: &Findings, means: &Means<'_>, plan: &mut Plan) {
    if let Some(status) = findings.status() {
        let body = MessageFilterResultBody {
            direction: FilterDirection::Outgoing,
            status,
            applied_filters: findings.names(),
            viewer_id: None,
        };
        plan.entry(entries::filtered(run, &body, means.now.timestamp));
    }
}
