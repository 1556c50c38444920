//! What people do, at random.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::check::Said;
use crate::record::{Accepted, Record};
use crate::viewer::Viewer;

/// How long a message is tried to be sent.
const INSISTENCE: Duration = Duration::from_secs(30);

/// Messages of one person that are under way.
const AT_ONCE: usize = 3;

/// Conversations that may be cleared or deleted. A message is sent to them once only: once the log is gone, that
/// the same message was in it cannot be known.
const FLEETING: usize = 4;

/// What all who are there share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) record: Arc<Record>,
    /// Conversations that stay.
    pub(crate) stable: Vec<String>,
    fleeting: Mutex<Vec<String>>,
    /// All there ever were.
    all: Mutex<Vec<String>>,
    next: AtomicU64,
}

impl World {
    pub(crate) fn new(record: Arc<Record>, stable: Vec<String>) -> Self {
        let all = Mutex::new(stable.clone());
        Self { record, stable, fleeting: Mutex::default(), all, next: AtomicU64::new(1) }
    }

    pub(crate) fn conversations(&self) -> Vec<String> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fleeting(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.fleeting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pick(&self, rng: &mut Rng) -> (String, bool) {
        let fleeting = self.fleeting();
        if !fleeting.is_empty() && rng.u8(..4) == 0 {
            return (fleeting[rng.usize(..fleeting.len())].clone(), false);
        }
        (self.stable[rng.usize(..self.stable.len())].clone(), true)
    }
}

/// One person until `end`.
pub(crate) async fn run(world: Arc<World>, viewer: Viewer, mut rng: Rng, end: Instant) {
    let mut person = Person { world, viewer, messages: JoinSet::new(), runs: Vec::new() };
    while Instant::now() < end {
        person.act(&mut rng).await;
        sleep(Duration::from_millis(rng.u64(0..60))).await;
    }
    while person.messages.join_next().await.is_some() {}
}

struct Person {
    world: Arc<World>,
    viewer: Viewer,
    messages: JoinSet<()>,
    /// Runs that were begun.
    runs: Vec<String>,
}

impl Person {
    async fn act(&mut self, rng: &mut Rng) {
        let (conversation, is_stable) = self.world.pick(rng);
        match rng.u8(..100) {
            0..55 => self.say(conversation, is_stable, rng).await,
            55..63 => self.start_run(&conversation, rng).await,
            63..70 => self.cancel(rng).await,
            70..76 => self.viewer.join(&conversation),
            76..79 => self.viewer.leave(&conversation),
            79..89 => self.answer(rng).await,
            89..93 => self.create(rng).await,
            93..95 => {
                let name = format!("renamed {}", rng.u32(..));
                let payload = json!({"conversationId": conversation, "newName": name});
                self.viewer.command("renameConversation", payload).await;
            }
            95..97 if !is_stable => {
                self.world.record.lock().cleared.insert(conversation.clone());
                let payload = json!({"conversationId": conversation});
                self.viewer.command("clearHistory", payload).await;
            }
            97..98 if !is_stable => {
                self.world.record.lock().deleted.insert(conversation.clone());
                self.world.fleeting().retain(|other| *other != conversation);
                let payload = json!({"conversationId": conversation});
                self.viewer.command("deleteConversation", payload).await;
            }
            _ => {
                if let Some(run) = self.runs.last().cloned() {
                    self.viewer.command("promoteRun", json!({"runId": run})).await;
                }
            }
        }
    }

    async fn say(&mut self, conversation: String, is_stable: bool, rng: &mut Rng) {
        while self.messages.len() >= AT_ONCE {
            self.messages.join_next().await;
        }
        let token = self.world.next.fetch_add(1, Ordering::Relaxed);
        let order = order(rng);
        let run = format!("run_{token}");
        let mut payload = json!({
            "conversationId": conversation,
            "message": Said::write(token, &conversation, &order),
            "messageId": format!("message_{token}"),
            "runId": run,
        });
        if rng.u8(..20) == 0 {
            payload["interrupt"] = json!(true);
        }
        self.begun(run.clone());
        let (world, viewer) = (self.world.clone(), self.viewer.clone());
        let patience = rng.u64(100..2_000);
        self.messages.spawn(async move {
            let give_up = Instant::now() + INSISTENCE;
            loop {
                let answer = viewer.command("chat", payload.clone()).await;
                if let Some(accepted) = accepted(answer.as_ref(), &conversation, token) {
                    world.record.lock().accepted.push(accepted);
                    break;
                }
                let gone = answer
                    .is_some_and(|answer| answer["error"]["code"] == "CONVERSATION_NOT_FOUND");
                if gone || !is_stable || Instant::now() > give_up {
                    return;
                }
                sleep(Duration::from_millis(100)).await;
            }
            // Who lets an agent stall comes back to it.
            if order == "stall" {
                sleep(Duration::from_millis(patience)).await;
                viewer.command("cancelRun", json!({"runId": run})).await;
            }
        });
    }

    /// Tried once: the id of a run that has ended may be used again.
    async fn start_run(&mut self, conversation: &str, rng: &mut Rng) {
        let token = self.world.next.fetch_add(1, Ordering::Relaxed);
        let run = format!("run_{token}");
        let payload = json!({
            "conversationId": conversation,
            "message": Said::write(token, conversation, &order(rng)),
            "runId": run,
            "cancelOnDisconnect": rng.u8(..3) == 0,
        });
        self.begun(run);
        let answer = self.viewer.command("startRun", payload).await;
        if let Some(accepted) = accepted(answer.as_ref(), conversation, token) {
            self.world.record.lock().accepted.push(accepted);
        }
    }

    fn begun(&mut self, run: String) {
        self.runs.push(run);
        if self.runs.len() > 8 {
            self.runs.remove(0);
        }
    }

    async fn cancel(&mut self, rng: &mut Rng) {
        if !self.runs.is_empty() {
            let run = self.runs.swap_remove(rng.usize(..self.runs.len()));
            self.viewer.command("cancelRun", json!({"runId": run})).await;
        }
    }

    async fn answer(&mut self, rng: &mut Rng) {
        if let Some(question) = self.viewer.question() {
            let value = if rng.bool() { "yes" } else { "no" };
            let payload = json!({"interactionId": question, "value": value});
            self.viewer.command("respondInteraction", payload).await;
        }
    }

    async fn create(&mut self, rng: &mut Rng) {
        if self.world.fleeting().len() >= FLEETING {
            return;
        }
        let payload =
            json!({"name": format!("chaos {}", rng.u32(..)), "onNameCollision": "appendNumber"});
        let Some(answer) = self.viewer.command("createConversation", payload).await else { return };
        if let Some(id) = answer["data"]["conversationId"].as_str() {
            self.world.fleeting().push(id.to_owned());
            self.world.all.lock().unwrap_or_else(PoisonError::into_inner).push(id.to_owned());
            self.viewer.join(id);
        }
    }
}

/// What the agent is to do.
fn order(rng: &mut Rng) -> String {
    match rng.u8(..100) {
        0..60 => "echo".to_owned(),
        60..75 => format!("lines {}", rng.u8(1..20)),
        75..82 => format!("flood {}", rng.u16(1..2_000)),
        82..88 => "half".to_owned(),
        88..95 => "ask".to_owned(),
        95..98 => "stall".to_owned(),
        _ => "exit".to_owned(),
    }
}

fn accepted(answer: Option<&Value>, conversation: &str, token: u64) -> Option<Accepted> {
    let data = answer.filter(|answer| answer["success"] == true)?.get("data")?;
    Some(Accepted {
        conversation: conversation.to_owned(),
        token,
        run: data["runId"].as_str()?.to_owned(),
        seq: data["seq"].as_u64()?,
    })
}
