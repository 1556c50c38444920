//! The Agent Client Protocol, version 1 (<https://agentclientprotocol.com/protocol/v1>).
//!
//! No file system and no terminal are offered to the agent: it works in its own. A session is taken up with
//! `session/resume`, or with `session/load`, whose replay of the history is not heard: the log has it.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::PathBuf;

use protocol::agents::{PlanStatus, PlanStep, RunReason, Usage};
use serde_json::{Value, json};

use super::json::Places;
use super::out::Out;
use super::permission::{About, Allows, Choice, Permission, PermissionOption};
use super::rpc::{Failure, Incoming, METHOD_NOT_FOUND, Rpc};
use super::{Dialect, Message, Opening, Unknown};
use crate::event::Outcome;

/// The agent wants credentials first.
const AUTH_REQUIRED: i64 = -32_000;
/// A request was cancelled.
const CANCELLED: i64 = -32_800;
/// Tools whose content is remembered until they end, at most.
const MAX_TOOLS: usize = 64;
/// Thoughts are kept together up to this length, in bytes.
const MAX_THOUGHT: usize = 256 << 10;

/// The state of the conversation with an agent.
#[derive(Debug)]
pub(super) struct Acp {
    rpc: Rpc<Asked>,
    directory: PathBuf,
    /// The session to take up.
    resume: Option<String>,
    /// Whether the agent can take one up.
    resumes: bool,
    /// How the agent may be logged in to, for people.
    logins: String,
    session: Option<String>,
    /// Whether what the agent shows is what was, replayed: from `session/load` to the first prompt.
    replays: bool,
    thought: String,
    /// What the session has cost so far, in US dollars, and what of it was counted.
    cost: (f64, Option<f64>),
    tools: HashMap<String, Tool>,
    permissions: HashMap<String, Asking>,
}

/// A request of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Initialize,
    New,
    TakeUp,
    Prompt,
}

/// A tool in use, as far as it was described.
#[derive(Debug, Default)]
struct Tool {
    name: Option<String>,
    kind: Option<String>,
    title: Option<String>,
    input: Option<Value>,
    /// What it has shown so far.
    output: Option<Value>,
    /// Whether people know of it.
    told: bool,
}

/// A request for permission that is open.
#[derive(Debug)]
struct Asking {
    id: Value,
    options: Vec<Value>,
}

impl Acp {
    pub(super) fn new() -> Self {
        Self {
            rpc: Rpc::new(true),
            directory: PathBuf::new(),
            resume: None,
            resumes: false,
            logins: String::new(),
            session: None,
            replays: false,
            thought: String::new(),
            cost: (0.0, Some(0.0)),
            tools: HashMap::new(),
            permissions: HashMap::new(),
        }
    }

    fn on_answer(&mut self, to: Asked, result: Result<&Value, Failure<'_>>, out: &mut Out) {
        match (to, result) {
            (Asked::Initialize, Ok(agent)) => self.on_initialized(agent, out),
            (Asked::Initialize, Err(failure)) => out.refused(failure.to_string()),
            (Asked::New, Ok(result)) => match result.text("/sessionId") {
                Some(session) => self.on_session(session.to_owned(), out),
                None => out.refused("it began a session without an id"),
            },
            (Asked::New | Asked::TakeUp, Err(failure)) if failure.code == AUTH_REQUIRED => {
                out.refused(format!("it has to be logged in first ({failure}){}", self.logins));
            }
            (Asked::New, Err(failure)) => out.refused(failure.to_string()),
            (Asked::TakeUp, Ok(_)) => {
                let session = self.resume.take().unwrap_or_default();
                out.session(&session);
                self.session = Some(session);
                // Some go on with the replay after the answer.
                if self.replays { out.ready_when_quiet() } else { out.ready() }
            }
            (Asked::TakeUp, Err(failure)) => self.begin_anew(&failure.to_string(), out),
            (Asked::Prompt, Ok(result)) => self.on_end(result, out),
            (Asked::Prompt, Err(failure)) => {
                self.conclude(out);
                out.ended(match failure.code {
                    CANCELLED => Outcome::Cancelled,
                    _ => Outcome::failed(RunReason::AgentError, failure.to_string()),
                });
            }
        }
    }

    fn on_initialized(&mut self, agent: &Value, out: &mut Out) {
        match agent.number("/protocolVersion") {
            Some(1) => {}
            version => {
                let version =
                    version.map_or_else(|| "no".to_owned(), |version| version.to_string());
                return out.refused(format!("it speaks {version} version of the protocol, not 1"));
            }
        }
        let logins = agent.items("/authMethods").iter().filter_map(|method| method.text("/name"));
        let logins: Vec<_> = logins.collect();
        if !logins.is_empty() {
            self.logins = format!("; it offers: {}", logins.join(", "));
        }
        let capabilities = agent.at("/agentCapabilities").unwrap_or(&Value::Null);
        let resumes = capabilities.at("/sessionCapabilities/resume").is_some();
        self.resumes = resumes || capabilities.is("/loadSession");
        let Some(session) = &self.resume else { return self.begin(out) };
        if !self.resumes {
            return self.begin_anew("the agent cannot take one up", out);
        }
        self.replays = !resumes;
        let method = if resumes { "session/resume" } else { "session/load" };
        let params = json!({"sessionId": session, "cwd": self.directory, "mcpServers": []});
        out.lines.push(self.rpc.request(method, &params, Asked::TakeUp));
    }

    fn begin_anew(&mut self, why: &str, out: &mut Out) {
        (self.resume, self.replays) = (None, false);
        out.not_resumed(why);
        self.begin(out);
    }

    fn begin(&mut self, out: &mut Out) {
        let params = json!({"cwd": self.directory, "mcpServers": []});
        out.lines.push(self.rpc.request("session/new", &params, Asked::New));
    }

    fn on_session(&mut self, session: String, out: &mut Out) {
        out.session(&session);
        self.session = Some(session);
        out.ready();
    }

    fn on_end(&mut self, result: &Value, out: &mut Out) {
        self.conclude(out);
        // Not in the protocol, and said by most all the same.
        let tokens = |ours, theirs| result.number(ours).or(result.number(theirs));
        let (cost, counted) = self.cost;
        // Of a session that was taken up it is not known what it had cost before.
        let counted = counted.unwrap_or(cost);
        self.cost.1 = Some(cost);
        out.usage(Usage {
            input_tokens: tokens("/usage/inputTokens", "/_meta/quota/token_count/input_tokens"),
            output_tokens: tokens("/usage/outputTokens", "/_meta/quota/token_count/output_tokens"),
            cached_tokens: result.number("/usage/cachedReadTokens"),
            cost_usd: Some(cost - counted).filter(|cost| *cost > 0.0),
        });
        let failed = |error: &str| Outcome::failed(RunReason::AgentError, error);
        out.ended(match result.text("/stopReason") {
            Some("end_turn") => Outcome::Done,
            Some("cancelled") => Outcome::Cancelled,
            Some("refusal") => failed("the agent refuses to go on"),
            Some("max_tokens") => failed("the agent has reached the limit of tokens"),
            Some("max_turn_requests") => {
                failed("the agent has reached the limit of model requests")
            }
            other => failed(&format!("the agent stopped: {}", other.unwrap_or("no reason given"))),
        });
    }

    /// Says what was kept back.
    fn conclude(&mut self, out: &mut Out) {
        out.thinking(&std::mem::take(&mut self.thought));
        for (id, mut tool) in std::mem::take(&mut self.tools) {
            tool.tell(&id, out);
        }
    }

    fn on_update(&mut self, params: &Value, out: &mut Out) -> Result<(), Unknown> {
        // What is replayed while a session is taken up is in the log.
        let Some(session) = self.session.as_ref().filter(|_| !self.replays) else { return Ok(()) };
        let (update, kind) = (params.at("/update"), params.text("/update/sessionUpdate"));
        let (Some(update), Some(kind)) = (update, kind) else { return Err(Unknown) };
        if params.text("/sessionId") != Some(session) {
            return Err(Unknown);
        }
        if kind != "agent_thought_chunk" && kind != "usage_update" {
            out.thinking(&std::mem::take(&mut self.thought));
        }
        match kind {
            "agent_message_chunk" => {
                out.delta(content(update.at("/content").ok_or(Unknown)?).ok_or(Unknown)?);
            }
            "agent_thought_chunk" => {
                let thought = content(update.at("/content").ok_or(Unknown)?).ok_or(Unknown)?;
                let begins = self.thought.is_empty();
                self.thought.push_str(if begins { thought.trim_start() } else { thought });
                if self.thought.len() >= MAX_THOUGHT {
                    out.thinking(&std::mem::take(&mut self.thought));
                }
            }
            "tool_call" | "tool_call_update" => {
                let id = update.text("/toolCallId").ok_or(Unknown)?;
                self.on_tool(id, update, out);
            }
            "plan" => out.plan(update.items("/entries").iter().filter_map(step).collect()),
            "usage_update" => {
                if update.text("/cost/currency") == Some("USD") {
                    self.cost.0 =
                        update.at("/cost/amount").and_then(Value::as_f64).unwrap_or(self.cost.0);
                }
            }
            "notice" => {
                let title = update.text("/title").ok_or(Unknown)?;
                let more = update.text("/description").map(|more| format!(": {more}"));
                out.status(format!("{title}{}", more.unwrap_or_default()));
            }
            // The log has the first; the others are about what longshore does not show.
            "user_message_chunk"
            | "available_commands_update"
            | "current_mode_update"
            | "config_option_update"
            | "session_info_update"
            | "compaction_summary_chunk" => {}
            "compaction_update" => {
                let status = update.text("/status").unwrap_or("in_progress");
                out.status(format!("the agent shortens what it remembers: {status}"));
            }
            _ => return Err(Unknown),
        }
        Ok(())
    }

    /// More about a tool. Some say first that there is one, and then what it is to do.
    fn on_tool(&mut self, id: &str, update: &Value, out: &mut Out) {
        if self.tools.len() >= MAX_TOOLS && !self.tools.contains_key(id) {
            return;
        }
        let tool = self.tools.entry(id.to_owned()).or_default();
        tool.learn(update);
        match update.text("/status") {
            Some(status @ ("completed" | "failed")) => {
                tool.tell(id, out);
                out.tool_result(id, status == "failed", tool.output.take());
                self.tools.remove(id);
            }
            Some("in_progress") => tool.tell(id, out),
            _ if tool.input.is_some() => tool.tell(id, out),
            _ => {}
        }
    }

    fn on_permission(&mut self, id: &Value, params: &Value, out: &mut Out) -> Result<(), Unknown> {
        let known = |option: &Value| {
            let allows = match option.text("/kind")? {
                "allow_once" => Allows::Once,
                "allow_always" => Allows::Always,
                "reject_always" => Allows::Never,
                _ => Allows::Nothing,
            };
            let id = option.at("/optionId")?.clone();
            Some((PermissionOption::new(option.text("/name")?, allows), id))
        };
        let (options, ids): (Vec<_>, Vec<_>) =
            params.items("/options").iter().filter_map(known).unzip();
        if options.is_empty() {
            return Err(Unknown);
        }
        let mut tool = Tool::default();
        if let Some(call) = params.at("/toolCall") {
            let known = call.text("/toolCallId").map(|id| {
                self.on_tool(id, call, out);
                (id, self.tools.get_mut(id))
            });
            match known {
                Some((id, Some(known))) => {
                    known.tell(id, out);
                    (tool.title, tool.kind) = (known.title.clone(), known.kind.clone());
                }
                _ => tool.learn(call),
            }
        }
        let title = tool.title.or_else(|| tool.kind.clone()).unwrap_or_else(|| "go on".to_owned());
        let key = id.to_string();
        self.permissions.insert(key.clone(), Asking { id: id.clone(), options: ids });
        out.permission(Permission {
            key,
            question: format!("May I: {title}?"),
            options,
            about: match tool.kind.as_deref() {
                Some("read" | "search") => About::Reading,
                _ => About::Doing,
            },
        });
        Ok(())
    }
}

impl Dialect for Acp {
    fn open(&mut self, opening: &Opening<'_>, out: &mut Out) {
        *self = Self::new();
        self.directory = opening.directory.to_owned();
        self.resume = opening.resume.map(str::to_owned);
        self.cost.1 = opening.resume.is_none().then_some(0.0);
        let me = json!({"name": "longshore", "title": "longshore", "version": env!("CARGO_PKG_VERSION")});
        let params = json!({"protocolVersion": 1, "clientCapabilities": {}, "clientInfo": me});
        out.lines.push(self.rpc.request("initialize", &params, Asked::Initialize));
    }

    fn prompt(&mut self, text: &str) -> String {
        self.replays = false;
        let prompt = json!([{"type": "text", "text": text}]);
        let params = json!({"sessionId": self.session, "prompt": prompt});
        self.rpc.request("session/prompt", &params, Asked::Prompt)
    }

    fn hear(&mut self, message: &Message, out: &mut Out) -> Result<(), Unknown> {
        match self.rpc.read(message)? {
            Incoming::Answer { to, result } => self.on_answer(to, result, out),
            Incoming::Notification { method: "session/update", params } => {
                return self.on_update(params, out);
            }
            Incoming::Notification { method: "$/cancel_request", params } => {
                let key = params.at("/requestId").ok_or(Unknown)?.to_string();
                self.permissions.remove(&key).ok_or(Unknown)?;
                out.withdrawn(key);
            }
            Incoming::Notification { .. } => return Err(Unknown),
            Incoming::Request { id, method: "session/request_permission", params } => {
                if self.on_permission(id, params, out).is_err() {
                    out.lines.push(self.rpc.refusal(id, -32_602, "a permission needs options"));
                    return Err(Unknown);
                }
            }
            Incoming::Request { id, method, .. } => {
                let problem = format!("{method} is not offered");
                out.lines.push(self.rpc.refusal(id, METHOD_NOT_FOUND, &problem));
                return Err(Unknown);
            }
        }
        Ok(())
    }

    fn decide(&mut self, key: &str, choice: Choice, out: &mut Out) {
        let Some(Asking { id, options }) = self.permissions.remove(key) else { return };
        let outcome = match choice {
            Choice::Option(nth) => json!({"outcome": "selected", "optionId": options.get(nth)}),
            Choice::Denied | Choice::Cancelled => json!({"outcome": "cancelled"}),
        };
        out.lines.push(self.rpc.answer(&id, &json!({"outcome": outcome})));
    }

    fn resumes(&self) -> bool {
        self.resumes
    }

    fn cancel(&mut self, out: &mut Out) -> bool {
        let Some(session) = &self.session else { return false };
        out.lines.push(self.rpc.notification("session/cancel", &json!({"sessionId": session})));
        let open: Vec<_> = self.permissions.keys().cloned().collect();
        for key in open {
            self.decide(&key, Choice::Cancelled, out);
            out.withdrawn(key);
        }
        true
    }
}

impl Tool {
    /// Takes what is said of it; what is not said is as before.
    fn learn(&mut self, update: &Value) {
        let text = |place: &str| update.text(place).map(str::to_owned);
        self.name = text("/name").or(self.name.take());
        self.kind = text("/kind").or(self.kind.take());
        self.title = text("/title").or(self.title.take());
        let filled = |place: &str| update.at(place).filter(|value| !is_empty(value)).cloned();
        self.input = filled("/rawInput").or(self.input.take());
        self.output = filled("/rawOutput").or_else(|| filled("/content")).or(self.output.take());
    }

    /// Tells people that it is used, once.
    fn tell(&mut self, id: &str, out: &mut Out) {
        if !std::mem::replace(&mut self.told, true) {
            let name = self.name.as_deref().or(self.kind.as_deref()).unwrap_or("other");
            out.tool_call(id, name, self.title.as_deref(), self.input.take());
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

/// The text of a content block; of a link, where it leads.
fn content(block: &Value) -> Option<&str> {
    block.text("/text").or(block.text("/uri")).or(block.text("/resource/text"))
}

fn step(entry: &Value) -> Option<PlanStep> {
    let status = match entry.text("/status") {
        Some("completed") => PlanStatus::Completed,
        Some("in_progress") => PlanStatus::InProgress,
        _ => PlanStatus::Pending,
    };
    Some(PlanStep { content: entry.text("/content")?.to_owned(), status })
}
