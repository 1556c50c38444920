//! What agents ask, and the first answer.

use std::sync::Arc;
use std::time::Duration;

use protocol::agents::{
    ChatEventBody, InteractionKind, InteractionRequestBody, InteractionState,
    InteractionUpdateBody, Origin,
};
use protocol::limits::{MAX_INTERACTIONS, MAX_MESSAGE};
use protocol::{InteractionId, RunId, Timestamp};
use runtime::{Ask, InteractionAnswer};
use serde_json::Value;
use tokio::time::Instant;

use super::hearing::report;
use super::{Current, Effect, Means, Plan, Runs, Seat};
use crate::conversation::InteractionClaim;
use crate::conversation::entries;
use crate::error::Error;
use crate::filters::Findings;

/// An interaction that waits for an answer.
#[derive(Debug, Clone)]
pub(in crate::conversation) struct Asked {
    pub(in crate::conversation) run: Option<RunId>,
    /// As people see it.
    pub(in crate::conversation) body: InteractionRequestBody,
    /// The agent's own id for it.
    pub(in crate::conversation) asked_as: InteractionId,
    /// The choices as the agent gave them: filters may show others.
    pub(in crate::conversation) choices: Vec<String>,
    /// Who waits for the answer.
    pub(in crate::conversation) seat: Seat,
    /// When it ends by itself.
    pub(in crate::conversation) deadline: Instant,
    /// Keeps the id findable until it has ended.
    pub(in crate::conversation) _claim: Option<Arc<InteractionClaim>>,
}

/// An answer that somebody gave.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) interaction: InteractionId,
    /// None: they declined.
    pub(crate) value: Option<Value>,
    pub(crate) origin: Origin,
}

impl Runs {
    /// When the next interaction ends by itself.
    pub(in crate::conversation) fn answer_deadline(&self) -> Option<Instant> {
        self.asked.iter().map(|asked| asked.deadline).min()
    }

    /// Goes on waiting for an answer that was waited for before the manager was restarted.
    pub(in crate::conversation) fn restore(&mut self, asked: Asked) {
        self.asked.push(asked);
    }

    pub(super) fn hear_question(
        &mut self,
        seat: &Seat,
        run: Option<RunId>,
        ask: Ask,
        means: &Means<'_>,
        plan: &mut Plan,
    ) {
        let now = means.now;
        let run = run.filter(|run| self.current().any(|current| current.run.id == *run));
        if self.asked.len() >= MAX_INTERACTIONS {
            let message = format!("a question was declined: {MAX_INTERACTIONS} are open");
            let body = ChatEventBody::Status { message };
            plan.entry(entries::note(run.as_ref(), &body, now.timestamp));
            let state = InteractionState::Cancelled;
            let answer =
                InteractionAnswer { interaction_id: ask.interaction_id, state, value: None };
            return plan.effects.push(Effect::Answer(seat.clone(), answer));
        }
        let interaction = InteractionId::random();
        let mut findings = Findings::default();
        let mut shown = |text: &str| means.filters.outgoing(text, &mut findings).0;
        let body = InteractionRequestBody {
            interaction_id: interaction.clone(),
            kind: ask.kind,
            message: shown(&ask.message),
            choices: ask.choices.iter().map(|choice| shown(choice)).collect(),
            default_index: ask.default_index,
            fields: ask.fields.iter().map(|field| shown(field)).collect(),
            expires_at: later(now.timestamp, ask.timeout),
        };
        report(run.as_ref(), &findings, means, plan);
        plan.entry(entries::asked(run.as_ref(), &body, &ask.interaction_id, now.timestamp));
        self.asked.push(Asked {
            run: run.clone(),
            body,
            asked_as: ask.interaction_id,
            choices: ask.choices,
            seat: seat.clone(),
            deadline: now.instant + ask.timeout,
            _claim: (means.claim)(&interaction),
        });
        if let Some(run) = run {
            self.set_blocked(&run, now.timestamp, plan);
        }
    }

    /// Takes an answer. One that the interaction does not want leaves it open.
    pub(in crate::conversation) fn respond(
        &mut self,
        response: &Response,
        means: &Means<'_>,
        plan: &mut Plan,
    ) -> Result<InteractionState, Error> {
        let at = self
            .asked
            .iter()
            .position(|asked| asked.body.interaction_id == response.interaction)
            .ok_or(Error::AlreadyAnswered)?;
        let state = match &response.value {
            None => InteractionState::Cancelled,
            Some(value) => {
                check(&self.asked[at].body, value)?;
                InteractionState::Resolved
            }
        };
        self.end_asked(
            at,
            state,
            response.value.clone(),
            &response.origin,
            means.now.timestamp,
            plan,
        );
        Ok(state)
    }

    /// Ends the interactions that nobody has answered in time.
    pub(in crate::conversation) fn expire(&mut self, means: &Means<'_>, plan: &mut Plan) {
        let late = |asked: &Asked| asked.deadline <= means.now.instant;
        while let Some(at) = self.asked.iter().position(late) {
            let body = &self.asked[at].body;
            let default = body.default_index.and_then(|index| body.choices.get(index as usize));
            let value = default.map(|choice| Value::String(choice.clone()));
            let nobody = Origin::default();
            self.end_asked(
                at,
                InteractionState::TimedOut,
                value,
                &nobody,
                means.now.timestamp,
                plan,
            );
        }
    }

    /// Ends what was asked in a run that ends, or by the session that it had for itself. Nobody waits for the answers.
    pub(super) fn cancel_asked_in(
        &mut self,
        run: &RunId,
        seat: &Seat,
        now: Timestamp,
        plan: &mut Plan,
    ) {
        let own = seat.run.is_some();
        let of_run =
            |asked: &Asked| asked.run.as_ref() == Some(run) || (own && asked.seat == *seat);
        while let Some(at) = self.asked.iter().position(of_run) {
            let asked = self.asked.remove(at);
            let body = update(&asked, InteractionState::Cancelled, None, &Origin::default());
            plan.entry(entries::answered(asked.run.as_ref(), &body, now));
        }
    }

    /// The agent does not want to know any more.
    pub(super) fn withdraw(
        &mut self,
        seat: &Seat,
        asked_as: &InteractionId,
        now: Timestamp,
        plan: &mut Plan,
    ) {
        let is_it = |asked: &Asked| asked.seat == *seat && asked.asked_as == *asked_as;
        let Some(at) = self.asked.iter().position(is_it) else { return };
        let asked = self.asked.remove(at);
        let body = update(&asked, InteractionState::Cancelled, None, &Origin::default());
        plan.entry(entries::answered(asked.run.as_ref(), &body, now));
        if let Some(run) = asked.run {
            self.set_blocked(&run, now, plan);
        }
    }

    fn end_asked(
        &mut self,
        at: usize,
        state: InteractionState,
        value: Option<Value>,
        origin: &Origin,
        now: Timestamp,
        plan: &mut Plan,
    ) {
        let asked = self.asked.remove(at);
        let told = value.as_ref().map(|value| asked.as_the_agent_knows_it(value));
        let body = update(&asked, state, value, origin);
        plan.entry(entries::answered(asked.run.as_ref(), &body, now));
        let answer = InteractionAnswer { interaction_id: asked.asked_as, state, value: told };
        plan.effects.push(Effect::Answer(asked.seat, answer));
        if let Some(run) = asked.run {
            self.set_blocked(&run, now, plan);
        }
    }

    /// A run is blocked as long as something asked in it is open.
    pub(super) fn set_blocked(&mut self, run: &RunId, now: Timestamp, plan: &mut Plan) {
        let blocked = self.asked.iter().any(|asked| asked.run.as_ref() == Some(run));
        let of = |current: &&mut Current| current.run.id == *run && current.blocked != blocked;
        let Some(current) = self.current_mut().find(of) else { return };
        current.blocked = blocked;
        plan.entry(entries::waits(run, current.run.viewer(), blocked, now));
        self.version += 1;
    }
}

impl Asked {
    fn as_the_agent_knows_it(&self, value: &Value) -> Value {
        let shown = |choice: &String| Some(choice.as_str()) == value.as_str();
        let index = self.body.choices.iter().position(shown);
        let choice = index.and_then(|index| self.choices.get(index));
        choice.map_or_else(|| value.clone(), |choice| Value::String(choice.clone()))
    }
}

fn update(
    asked: &Asked,
    state: InteractionState,
    value: Option<Value>,
    origin: &Origin,
) -> InteractionUpdateBody {
    InteractionUpdateBody {
        interaction_id: asked.body.interaction_id.clone(),
        state,
        value,
        viewer_id: origin.viewer_id.clone(),
        user: origin.user.clone(),
    }
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    Timestamp::from_millis(now.as_millis().saturating_add(millis))
}

/// Whether it is an answer that the interaction wants.
fn check(body: &InteractionRequestBody, value: &Value) -> Result<(), Error> {
    let wrong = |what: &str| Err(Error::InvalidPayload(format!("value must be {what}")));
    match body.kind {
        InteractionKind::Question => {
            let chosen = |choice: &String| Some(choice.as_str()) == value.as_str();
            if !body.choices.iter().any(chosen) {
                return wrong("one of the choices");
            }
        }
        InteractionKind::Text => {
            if value.as_str().is_none_or(|text| text.len() > MAX_MESSAGE) {
                return wrong("a string of at most 1 MiB");
            }
        }
        InteractionKind::Form => {
            let known = |(field, value): (&String, &Value)| {
                body.fields.contains(field)
                    && value.as_str().is_some_and(|text| text.len() <= MAX_MESSAGE)
            };
            if !value.as_object().is_some_and(|fields| fields.iter().all(known)) {
                return wrong("an object of the form's fields, each a string");
            }
        }
    }
    Ok(())
}
