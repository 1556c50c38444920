//! Claude Code, stream-json both ways with control requests
//! (<https://code.claude.com/docs/en/headless>; messages as version 2.1 writes them).
//!
//! Its input stays open for the whole session. It says its session only with the first turn, and tells an interrupted turn
//! from a failed one only by whether it was told to interrupt.

use std::collections::HashMap;

use protocol::agents::{PlanStatus, PlanStep, RunReason, Usage};
use serde_json::{Value, json};

use super::json::Places;
use super::out::{self, Out};
use super::permission::{About, Allows, Choice, Permission, PermissionOption};
use super::{Dialect, Message, Opening, Unknown};
use crate::event::Outcome;

/// What makes it speak messages and ask for permission in them.
const ARGUMENTS: [&str; 9] = [
    "-p",
    "--input-format",
    "stream-json",
    "--output-format",
    "stream-json",
    "--verbose",
    "--include-partial-messages",
    "--permission-prompt-tool",
    "stdio",
];

/// Its tools that change nothing.
const READING: [&str; 6] = ["Read", "Glob", "Grep", "LS", "NotebookRead", "TaskList"];

/// The tool with which it asks people something.
const QUESTION: &str = "AskUserQuestion";

/// Our first request.
const INITIALIZE: &str = "initialize";

/// The state of the conversation with it.
#[derive(Debug, Default)]
pub(super) struct Claude {
    session: Option<String>,
    interrupts: u64,
    /// Whether this turn was told to end.
    interrupted: bool,
    /// Whether this turn has an answer.
    answered: bool,
    /// What the program has cost so far, in US dollars.
    cost: f64,
    permissions: HashMap<String, Asking>,
}

/// A request for permission that is open.
#[derive(Debug)]
struct Asking {
    input: Value,
    /// What is to be allowed from now on, if that is chosen.
    always: Vec<Value>,
    /// The question that it asks, if it does not ask for permission, and its choices.
    question: Option<(String, Vec<String>)>,
}

impl Claude {
    fn on_assistant(&mut self, message: &Message, out: &mut Out) {
        let is_helper = message.at("/parent_tool_use_id").is_some();
        for block in message.items("/message/content") {
            match (block.text("/type"), block.text("/text")) {
                // What it lets others do is not its answer.
                (Some("text"), Some(text)) if is_helper => out.thinking(text),
                (Some("text"), Some(text)) => {
                    self.answered = true;
                    out.message(text);
                }
                (Some("thinking"), _) => out.thinking(block.text("/thinking").unwrap_or_default()),
                (Some("tool_use" | "server_tool_use"), _) => tool_use(block, out),
                _ => {}
            }
        }
    }

    fn on_user(message: &Message, out: &mut Out) {
        for block in message.items("/message/content") {
            if let (Some("tool_result"), Some(id)) =
                (block.text("/type"), block.text("/tool_use_id"))
            {
                out.tool_result(id, block.is("/is_error"), block.at("/content").cloned());
            }
        }
    }

    fn on_control_request(&mut self, message: &Message, out: &mut Out) -> Result<(), Unknown> {
        let id = message.text("/request_id").ok_or(Unknown)?;
        let request = message.at("/request").ok_or(Unknown)?;
        let tool = request.text("/tool_name");
        let (Some("can_use_tool"), Some(tool)) = (request.text("/subtype"), tool) else {
            let error = "not offered";
            let response = json!({"subtype": "error", "request_id": id, "error": error});
            out.say(&json!({"type": "control_response", "response": response}));
            return Err(Unknown);
        };
        let input = request.at("/input").cloned().unwrap_or_else(|| json!({}));
        let question = (tool == QUESTION).then(|| question(&input)).flatten();
        if tool == QUESTION && question.is_none() {
            let message = "Ask one question with one answer at a time, or ask in your answer.";
            let answer = json!({"behavior": "deny", "message": message, "interrupt": false});
            let response = json!({"subtype": "success", "request_id": id, "response": answer});
            out.say(&json!({"type": "control_response", "response": response}));
            return Ok(());
        }
        let permission = match &question {
            Some((text, choices)) => Permission {
                key: id.to_owned(),
                question: text.clone(),
                options: choices
                    .iter()
                    .map(|name| PermissionOption::new(name, Allows::Once))
                    .collect(),
                about: About::Asking,
            },
            None => permission(id, tool, request, &input),
        };
        let always = rules(request).collect();
        self.permissions.insert(id.to_owned(), Asking { input, always, question });
        out.permission(permission);
        Ok(())
    }

    fn on_result(&mut self, message: &Message, out: &mut Out) {
        // It may begin a turn by itself, when something in the background has ended. That is not the turn of the message.
        let began_itself = message.text("/origin/kind").is_some_and(|kind| kind != "user");
        let cost = message.at("/total_cost_usd").and_then(Value::as_f64).unwrap_or(self.cost);
        out.usage(Usage {
            input_tokens: message.number("/usage/input_tokens"),
            output_tokens: message.number("/usage/output_tokens"),
            cached_tokens: message.number("/usage/cache_read_input_tokens"),
            // It counts from its start.
            cost_usd: Some(cost - self.cost).filter(|cost| *cost > 0.0),
        });
        self.cost = cost;
        if began_itself {
            return;
        }
        let said = message.text("/result").filter(|said| !said.is_empty());
        if !message.is("/is_error") {
            // A command of its own is answered here only.
            if let Some(said) = said.filter(|_| !self.answered) {
                out.message(said);
            }
            return out.ended(Outcome::Done);
        }
        if self.interrupted {
            return out.ended(Outcome::Cancelled);
        }
        let errors = message.items("/errors").iter().filter_map(Value::as_str);
        let errors = errors.collect::<Vec<_>>().join("; ");
        let kind = message.text("/subtype").unwrap_or("it failed");
        let error = said.unwrap_or(if errors.is_empty() { kind } else { &errors });
        out.ended(Outcome::failed(RunReason::AgentError, error));
    }
}

impl Dialect for Claude {
    fn says_again(&self) -> bool {
        true
    }

    fn arguments(&self, configured: &[String], resume: Option<&str>) -> Vec<String> {
        let ours = ARGUMENTS.map(str::to_owned).into_iter();
        let resume = resume.map(|session| format!("--resume={session}"));
        configured.iter().cloned().chain(ours).chain(resume).collect()
    }

    fn open(&mut self, opening: &Opening<'_>, out: &mut Out) {
        let session = opening.resume.map(str::to_owned);
        *self = Self { session, ..Self::default() };
        let request = json!({"subtype": "initialize", "hooks": null});
        out.say(&json!({"type": "control_request", "request_id": INITIALIZE, "request": request}));
    }

    fn prompt(&mut self, text: &str) -> String {
        (self.interrupted, self.answered) = (false, false);
        let session = self.session.as_deref().unwrap_or("default");
        let message = json!({"role": "user", "content": text});
        out::line(&json!({
            "type": "user", "message": message, "parent_tool_use_id": null, "session_id": session,
        }))
    }

    fn hear(&mut self, message: &Message, out: &mut Out) -> Result<(), Unknown> {
        match message.text("/type").ok_or(Unknown)? {
            "system" => match message.text("/subtype") {
                Some("init") => {
                    let session = message.text("/session_id").ok_or(Unknown)?;
                    if self.session.as_deref() != Some(session) {
                        self.session = Some(session.to_owned());
                    }
                    out.session(session);
                }
                Some("status" | "thinking_tokens") => {}
                Some("compact_boundary") => out.status("the agent has shortened what it remembers"),
                _ => return Err(Unknown),
            },
            "stream_event" => {
                let is_text = message.text("/event/delta/type") == Some("text_delta");
                if is_text && message.at("/parent_tool_use_id").is_none() {
                    out.delta(message.text("/event/delta/text").ok_or(Unknown)?);
                }
            }
            "assistant" => self.on_assistant(message, out),
            "user" => Self::on_user(message, out),
            "result" => self.on_result(message, out),
            "control_request" => return self.on_control_request(message, out),
            "control_cancel_request" => {
                let id = message.text("/request_id").ok_or(Unknown)?;
                self.permissions.remove(id).ok_or(Unknown)?;
                out.withdrawn(id);
            }
            "control_response" if message.text("/response/request_id") == Some(INITIALIZE) => {
                let error = message.text("/response/error").unwrap_or("it does not begin");
                match message.text("/response/subtype") {
                    Some("success") => out.ready(),
                    _ => out.refused(error),
                }
            }
            "control_response" | "keep_alive" => {}
            "rate_limit_event" => {
                if let Some(status) = message.text("/rate_limit_info/status")
                    && status != "allowed"
                {
                    out.status(format!("rate limit: {status}"));
                }
            }
            _ => return Err(Unknown),
        }
        Ok(())
    }

    fn decide(&mut self, key: &str, choice: Choice, out: &mut Out) {
        let Some(asking) = self.permissions.remove(key) else { return };
        let deny = |interrupt: bool| json!({"behavior": "deny", "message": "The user said no.", "interrupt": interrupt});
        let allow = |input| json!({"behavior": "allow", "updatedInput": input});
        let answer = match (choice, asking.question) {
            (Choice::Cancelled, _) => deny(true),
            (Choice::Option(nth), Some((question, choices))) => {
                let mut input = asking.input;
                input["answers"] = json!({ question: choices.get(nth) });
                allow(input)
            }
            (Choice::Option(0), None) => allow(asking.input),
            (Choice::Option(1), None) if !asking.always.is_empty() => {
                let mut answer = allow(asking.input);
                answer["updatedPermissions"] = asking.always.into();
                answer
            }
            _ => deny(false),
        };
        let response = json!({"subtype": "success", "request_id": key, "response": answer});
        out.say(&json!({"type": "control_response", "response": response}));
    }

    fn cancel(&mut self, out: &mut Out) -> bool {
        self.interrupted = true;
        self.interrupts += 1;
        let id = format!("interrupt-{}", self.interrupts);
        let request = json!({"subtype": "interrupt"});
        out.say(&json!({"type": "control_request", "request_id": id, "request": request}));
        true
    }
}

fn tool_use(block: &Value, out: &mut Out) {
    let (Some(id), Some(name)) = (block.text("/id"), block.text("/name")) else { return };
    let title = block.text("/input/description");
    out.tool_call(id, name, title, block.at("/input").cloned());
    if name == "TodoWrite" {
        out.plan(block.items("/input/todos").iter().filter_map(step).collect());
    }
}

fn step(todo: &Value) -> Option<PlanStep> {
    let status = match todo.text("/status") {
        Some("completed") => PlanStatus::Completed,
        Some("in_progress") => PlanStatus::InProgress,
        _ => PlanStatus::Pending,
    };
    Some(PlanStep { content: todo.text("/content")?.to_owned(), status })
}

fn permission(id: &str, tool: &str, request: &Value, input: &Value) -> Permission {
    let mut options = vec![PermissionOption::new("Allow", Allows::Once)];
    if rules(request).next().is_some() {
        options.push(PermissionOption::new("Allow for this session", Allows::Always));
    }
    options.push(PermissionOption::new("Deny", Allows::Nothing));
    let what = ["/command", "/file_path", "/path", "/url", "/pattern"];
    let what = what.iter().find_map(|place| input.text(place));
    let what = what.or_else(|| request.text("/description"));
    let question = what
        .map_or_else(|| format!("May I use {tool}?"), |what| format!("May I use {tool}: {what}"));
    let about = if READING.contains(&tool) { About::Reading } else { About::Doing };
    Permission { key: id.to_owned(), question, options, about }
}

/// Rules that it suggests, for what it asks for and nothing beyond, to hold for this session and be written nowhere.
fn rules(request: &Value) -> impl Iterator<Item = Value> {
    let suggestions = request.items("/permission_suggestions").iter();
    let rules = suggestions.filter(|suggestion| suggestion.text("/type") == Some("addRules"));
    rules.cloned().map(|mut rules| {
        rules["destination"] = "session".into();
        rules
    })
}

/// What it asks people, and what they can answer, if it is one question with one answer.
fn question(input: &Value) -> Option<(String, Vec<String>)> {
    let [question] = input.items("/questions") else { return None };
    let labels = question.items("/options").iter().filter_map(|option| option.text("/label"));
    let labels: Vec<_> = labels.map(str::to_owned).collect();
    let is_one = !question.is("/multiSelect") && !labels.is_empty();
    is_one.then(|| Some((question.text("/question")?.to_owned(), labels)))?
}
