//! Codex, `codex app-server` (<https://developers.openai.com/codex/app-server>; messages as version 0.169 writes them).
//!
//! JSON-RPC that does not say so. A turn that is given while another is under way would become a part of that.

use std::collections::HashMap;
use std::path::PathBuf;

use protocol::agents::{PlanStatus, PlanStep, RunReason, Usage};
use protocol::spec::CodexSandbox;
use serde_json::{Value, json};

use super::json::Places;
use super::out::Out;
use super::permission::{About, Allows, Choice, Permission, PermissionOption};
use super::rpc::{Failure, Incoming, METHOD_NOT_FOUND, Rpc};
use super::{Dialect, Message, Opening, Unknown};
use crate::event::Outcome;

/// Makes it speak messages.
const SERVER: &str = "app-server";

/// What can be answered to a request for approval, and how it is said.
const DECISIONS: [(&str, Allows, &str); 3] = [
    ("Allow", Allows::Once, "accept"),
    ("Allow for this session", Allows::Always, "acceptForSession"),
    ("Deny", Allows::Nothing, "decline"),
];

/// The state of the conversation with it.
#[derive(Debug)]
pub(super) struct Codex {
    sandbox: CodexSandbox,
    rpc: Rpc<Asked>,
    directory: PathBuf,
    /// The thread to take up.
    resume: Option<String>,
    thread: Option<String>,
    turn: Turn,
    /// Request ids of open approvals.
    approvals: HashMap<String, Value>,
}

/// A turn, from when it is asked for.
#[derive(Debug, Default)]
struct Turn {
    id: Option<String>,
    /// It is to be interrupted as soon as it has an id.
    interrupt: bool,
    /// What its requests to the model have used so far.
    used: Usage,
}

/// A request of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Initialize,
    Start,
    Resume,
    Turn,
    Interrupt,
}

impl Codex {
    pub(super) fn new(sandbox: CodexSandbox) -> Self {
        Self {
            sandbox,
            rpc: Rpc::new(false),
            directory: PathBuf::new(),
            resume: None,
            thread: None,
            turn: Turn::default(),
            approvals: HashMap::new(),
        }
    }

    fn on_answer(&mut self, to: Asked, result: Result<&Value, Failure<'_>>, out: &mut Out) {
        match (to, result) {
            (Asked::Initialize, Ok(_)) => {
                out.lines.push(self.rpc.notification("initialized", &json!({})));
                match self.resume.clone() {
                    Some(thread) => self.take_up(&thread, out),
                    None => self.begin(out),
                }
            }
            (Asked::Start | Asked::Resume, Ok(result)) => match result.text("/thread/id") {
                Some(thread) => {
                    out.session(thread);
                    self.thread = Some(thread.to_owned());
                    out.ready();
                }
                None => out.refused("it began a thread without an id"),
            },
            (Asked::Resume, Err(failure)) => {
                out.not_resumed(failure.message);
                self.begin(out);
            }
            (Asked::Initialize | Asked::Start, Err(failure)) => out.refused(failure.to_string()),
            (Asked::Turn, Ok(result)) => {
                if let Some(turn) = result.text("/turn/id") {
                    self.on_turn(turn, out);
                }
            }
            (Asked::Turn, Err(failure)) => {
                out.ended(Outcome::failed(RunReason::AgentError, failure.to_string()));
            }
            // That there is no turn any more says its end, too.
            (Asked::Interrupt, _) => {}
        }
    }

    fn begin(&mut self, out: &mut Out) {
        let params = self.thread_params();
        out.lines.push(self.rpc.request("thread/start", &params, Asked::Start));
    }

    fn take_up(&mut self, thread: &str, out: &mut Out) {
        let mut params = self.thread_params();
        params["threadId"] = thread.into();
        params["excludeTurns"] = true.into();
        out.lines.push(self.rpc.request("thread/resume", &params, Asked::Resume));
    }

    fn thread_params(&self) -> Value {
        let sandbox = match self.sandbox {
            CodexSandbox::ReadOnly => "read-only",
            CodexSandbox::WorkspaceWrite => "workspace-write",
            CodexSandbox::DangerFullAccess => "danger-full-access",
        };
        json!({"cwd": self.directory, "approvalPolicy": "on-request", "sandbox": sandbox})
    }

    fn on_turn(&mut self, turn: &str, out: &mut Out) {
        self.turn.id = Some(turn.to_owned());
        if std::mem::take(&mut self.turn.interrupt) {
            self.interrupt(turn, out);
        }
    }

    fn interrupt(&mut self, turn: &str, out: &mut Out) {
        let params = json!({"threadId": self.thread, "turnId": turn});
        out.lines.push(self.rpc.request("turn/interrupt", &params, Asked::Interrupt));
    }

    fn on_notification(
        &mut self,
        method: &str,
        params: &Value,
        out: &mut Out,
    ) -> Result<(), Unknown> {
        match (params.text("/threadId"), &self.thread) {
            // What there was in one that is being taken up is in the log.
            (Some(_), None) => return Ok(()),
            // Agents that it has made speak in threads of their own.
            (Some(thread), Some(own)) if thread != own => return Err(Unknown),
            _ => {}
        }
        match method {
            "item/agentMessage/delta" => out.delta(params.text("/delta").ok_or(Unknown)?),
            "item/started" => return started(params.at("/item").ok_or(Unknown)?, out),
            "item/completed" => return completed(params.at("/item").ok_or(Unknown)?, out),
            "turn/started" => self.on_turn(params.text("/turn/id").ok_or(Unknown)?, out),
            "turn/plan/updated" => {
                out.plan(params.items("/plan").iter().filter_map(step).collect());
            }
            // One that is taken up says what its last turn used.
            "thread/tokenUsage/updated" if params.text("/turnId") != self.turn.id.as_deref() => {}
            "thread/tokenUsage/updated" => {
                let last = params.at("/tokenUsage/last").ok_or(Unknown)?;
                let used = &mut self.turn.used;
                let add = |so_far: &mut Option<u64>, place| {
                    *so_far = last.number(place).map(|more| so_far.unwrap_or(0) + more).or(*so_far);
                };
                add(&mut used.input_tokens, "/inputTokens");
                add(&mut used.output_tokens, "/outputTokens");
                add(&mut used.cached_tokens, "/cachedInputTokens");
            }
            "turn/completed" => return self.on_completed(params, out),
            "serverRequest/resolved" => {
                let key = params.at("/requestId").ok_or(Unknown)?.to_string();
                if self.approvals.remove(&key).is_some() {
                    out.withdrawn(key);
                }
            }
            "error" => {
                let error = params.text("/error/message").ok_or(Unknown)?;
                // A last one says the turn's end, too.
                if params.is("/willRetry") {
                    out.status(error);
                }
            }
            "warning" | "configWarning" | "deprecationNotice" => {
                let message = params.text("/message").or(params.text("/summary"));
                out.status(message.ok_or(Unknown)?);
            }
            // What longshore shows otherwise, or not at all.
            "thread/started"
            | "thread/status/changed"
            | "thread/name/updated"
            | "thread/goal/cleared"
            | "turn/diff/updated"
            | "account/rateLimits/updated"
            | "remoteControl/status/changed"
            | "mcpServer/startupStatus/updated"
            | "item/commandExecution/outputDelta"
            | "item/fileChange/outputDelta"
            | "item/plan/delta"
            | "item/reasoning/summaryPartAdded"
            | "item/reasoning/summaryTextDelta"
            | "item/reasoning/textDelta" => {}
            _ => return Err(Unknown),
        }
        Ok(())
    }

    fn on_completed(&mut self, params: &Value, out: &mut Out) -> Result<(), Unknown> {
        if self.turn.id.is_none() || params.text("/turn/id") != self.turn.id.as_deref() {
            return Err(Unknown);
        }
        let outcome = match params.text("/turn/status").ok_or(Unknown)? {
            "completed" => Outcome::Done,
            "interrupted" => Outcome::Cancelled,
            status => {
                let error = params.text("/turn/error/message");
                Outcome::failed(RunReason::AgentError, error.unwrap_or(status))
            }
        };
        for key in std::mem::take(&mut self.approvals).into_keys() {
            out.withdrawn(key);
        }
        out.usage(std::mem::take(&mut self.turn).used);
        out.ended(outcome);
        Ok(())
    }

    fn on_request(
        &mut self,
        id: &Value,
        method: &str,
        params: &Value,
        out: &mut Out,
    ) -> Result<(), Unknown> {
        let question = match method {
            "item/commandExecution/requestApproval" => command(params),
            "item/fileChange/requestApproval" => match params.text("/grantRoot") {
                Some(root) => format!("May I change files, also later, below {root}"),
                None => "May I change files?".to_owned(),
            },
            _ => {
                let problem = format!("{method} is not offered");
                out.lines.push(self.rpc.refusal(id, METHOD_NOT_FOUND, &problem));
                return Err(Unknown);
            }
        };
        let reason = params.text("/reason").map(|reason| format!(" ({reason})"));
        let key = id.to_string();
        self.approvals.insert(key.clone(), id.clone());
        let option =
            |(name, allows, _): &(&str, Allows, &str)| PermissionOption::new(*name, *allows);
        out.permission(Permission {
            key,
            question: question + &reason.unwrap_or_default(),
            options: DECISIONS.iter().map(option).collect(),
            // What it says of a command is meant to be shown: it does not tell reading from doing. Its sandbox does.
            about: About::Doing,
        });
        Ok(())
    }
}

impl Dialect for Codex {
    fn says_again(&self) -> bool {
        true
    }

    fn arguments(&self, configured: &[String], _resume: Option<&str>) -> Vec<String> {
        let ours =
            (!configured.iter().any(|argument| argument == SERVER)).then(|| SERVER.to_owned());
        configured.iter().cloned().chain(ours).collect()
    }

    fn open(&mut self, opening: &Opening<'_>, out: &mut Out) {
        *self = Self::new(self.sandbox);
        self.directory = opening.directory.to_owned();
        self.resume = opening.resume.map(str::to_owned);
        let me = json!({"name": "longshore", "title": "longshore", "version": env!("CARGO_PKG_VERSION")});
        out.lines.push(self.rpc.request(
            "initialize",
            &json!({"clientInfo": me}),
            Asked::Initialize,
        ));
    }

    fn prompt(&mut self, text: &str) -> String {
        self.turn = Turn::default();
        let input = json!([{"type": "text", "text": text}]);
        let params = json!({"threadId": self.thread, "input": input});
        self.rpc.request("turn/start", &params, Asked::Turn)
    }

    fn hear(&mut self, message: &Message, out: &mut Out) -> Result<(), Unknown> {
        match self.rpc.read(message)? {
            Incoming::Answer { to, result } => self.on_answer(to, result, out),
            Incoming::Notification { method, params } => {
                return self.on_notification(method, params, out);
            }
            Incoming::Request { id, method, params } => {
                return self.on_request(id, method, params, out);
            }
        }
        Ok(())
    }

    fn decide(&mut self, key: &str, choice: Choice, out: &mut Out) {
        let Some(id) = self.approvals.remove(key) else { return };
        let decision = match choice {
            Choice::Option(nth) => DECISIONS.get(nth).map_or("decline", |(.., said)| said),
            Choice::Denied => "decline",
            Choice::Cancelled => "cancel",
        };
        out.lines.push(self.rpc.answer(&id, &json!({"decision": decision})));
    }

    fn cancel(&mut self, out: &mut Out) -> bool {
        match self.turn.id.clone() {
            Some(turn) => self.interrupt(&turn, out),
            None => self.turn.interrupt = true,
        }
        true
    }
}

/// What a command is to do.
fn command(params: &Value) -> String {
    let command = params.text("/command").unwrap_or("a command");
    let host = params.text("/networkApprovalContext/host");
    let network = host.map(|host| format!(", and reach {host}")).unwrap_or_default();
    match params.text("/kind") {
        None | Some("command") => format!("May I run: {command}{network}"),
        Some("writeStdin") => format!("May I type into what runs: {command}{network}"),
        Some(kind) => format!("May I ({kind}): {command}{network}"),
    }
}

/// Something begins.
fn started(item: &Value, out: &mut Out) -> Result<(), Unknown> {
    let id = item.text("/id").ok_or(Unknown)?;
    match item.text("/type").ok_or(Unknown)? {
        "commandExecution" => {
            let input = json!({"command": item.at("/command"), "cwd": item.at("/cwd")});
            out.tool_call(id, "shell", item.text("/command"), Some(input));
        }
        "fileChange" => out.tool_call(id, "edit", None, item.at("/changes").cloned()),
        "mcpToolCall" => {
            let name = [item.text("/server"), item.text("/tool")];
            let name = name.into_iter().flatten().collect::<Vec<_>>().join(".");
            out.tool_call(id, &name, None, item.at("/arguments").cloned());
        }
        "webSearch" => out.tool_call(id, "webSearch", item.text("/query"), None),
        "dynamicToolCall" | "collabAgentToolCall" => {
            let name = item.text("/tool").unwrap_or("tool");
            out.tool_call(id, name, None, item.at("/arguments").cloned());
        }
        // Said when it is whole, or not at all.
        _ => {}
    }
    Ok(())
}

/// Something is there.
fn completed(item: &Value, out: &mut Out) -> Result<(), Unknown> {
    let id = item.text("/id").ok_or(Unknown)?;
    let failed = matches!(item.text("/status"), Some("failed" | "declined"));
    match item.text("/type").ok_or(Unknown)? {
        "agentMessage" => out.message(item.text("/text").ok_or(Unknown)?),
        "reasoning" => {
            let thoughts = [item.items("/summary"), item.items("/content")];
            let thoughts = thoughts.into_iter().find(|thoughts| !thoughts.is_empty());
            let thoughts = thoughts.unwrap_or_default().iter().filter_map(Value::as_str);
            out.thinking(&thoughts.collect::<Vec<_>>().join("\n\n"));
        }
        "commandExecution" => {
            let failed = failed || item.at("/exitCode").and_then(Value::as_i64).unwrap_or(0) != 0;
            let output = item.at("/aggregatedOutput").or(item.at("/status"));
            out.tool_result(id, failed, output.cloned());
        }
        "fileChange" | "webSearch" => out.tool_result(id, failed, item.at("/status").cloned()),
        "mcpToolCall" | "dynamicToolCall" | "collabAgentToolCall" => {
            let output = item.at("/error").or(item.at("/result"));
            out.tool_result(id, failed, output.cloned());
        }
        "contextCompaction" => out.status("the agent has shortened what it remembers"),
        "userMessage" | "plan" => {}
        _ => return Err(Unknown),
    }
    Ok(())
}

fn step(step: &Value) -> Option<PlanStep> {
    let status = match step.text("/status") {
        Some("completed") => PlanStatus::Completed,
        Some("inProgress") => PlanStatus::InProgress,
        _ => PlanStatus::Pending,
    };
    Some(PlanStep { content: step.text("/step")?.to_owned(), status })
}
