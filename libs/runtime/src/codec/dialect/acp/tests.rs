//! Compared with the protocol's own types.

use std::path::Path;

use agent_client_protocol_schema::v1::{
    CancelNotification, ContentBlock, ContentChunk, InitializeRequest, LoadSessionRequest,
    NewSessionRequest, PermissionOption, PermissionOptionKind, PlanEntry, PlanEntryPriority,
    PlanEntryStatus, PromptRequest, PromptResponse, RequestPermissionRequest,
    RequestPermissionResponse, ResumeSessionRequest, SessionNotification, SessionUpdate,
    StopReason, ToolCall, ToolCallStatus, ToolCallUpdate, ToolCallUpdateFields, ToolKind,
};
use serde::de::DeserializeOwned;

use super::*;
use crate::codec::dialect::out::Heard;

/// A client, and an agent that speaks with the official types.
struct Talk {
    acp: Acp,
    out: Out,
}

impl Talk {
    fn open(resume: Option<&str>) -> Self {
        let (mut acp, mut out) = (Acp::new(), Out::default());
        acp.open(&Opening { resume, directory: Path::new("/work") }, &mut out);
        Self { acp, out }
    }

    /// The parameters of the last line that was said, as the official types read them.
    fn said<T: DeserializeOwned>(&mut self, method: &str) -> T {
        let line: Value = serde_json::from_str(&self.out.lines.pop().unwrap()).unwrap();
        assert_eq!((line.text("/jsonrpc"), line.text("/method")), (Some("2.0"), Some(method)));
        serde_json::from_value(line["params"].clone()).unwrap()
    }

    fn hear(&mut self, message: Value) {
        let Value::Object(message) = message else { panic!("a message") };
        self.acp.hear(&message, &mut self.out).unwrap();
    }

    fn update(&mut self, update: SessionUpdate) {
        let params = SessionNotification::new("s", update);
        self.hear(json!({"jsonrpc": "2.0", "method": "session/update", "params": params}));
    }

    fn capabilities(&mut self, capabilities: &Value) {
        let result = json!({"protocolVersion": 1, "agentCapabilities": capabilities});
        self.hear(json!({"jsonrpc": "2.0", "id": 0, "result": result}));
    }

    fn heard(&mut self) -> Vec<Heard> {
        std::mem::take(&mut self.out.heard)
    }
}

fn chunk(text: &str) -> ContentChunk {
    ContentChunk::new(ContentBlock::from(text))
}

#[test]
fn a_turn_in_the_official_types() {
    let mut talk = Talk::open(None);
    let _: InitializeRequest = talk.said("initialize");
    talk.capabilities(&json!({}));
    assert_eq!(talk.said::<NewSessionRequest>("session/new").cwd, Path::new("/work"));
    talk.hear(json!({"jsonrpc": "2.0", "id": 1, "result": {"sessionId": "s"}}));
    assert_eq!(talk.heard(), [Heard::Session("s".into()), Heard::Ready]);

    let prompt = talk.acp.prompt("hello");
    talk.out.lines.push(prompt);
    let prompt: PromptRequest = talk.said("session/prompt");
    assert_eq!(prompt.prompt, [ContentBlock::from("hello")]);

    talk.update(SessionUpdate::AgentThoughtChunk(chunk("\n\nhm")));
    talk.update(SessionUpdate::AgentMessageChunk(chunk("Let me see.")));
    let call = ToolCall::new("t", "Read a.txt").kind(ToolKind::Read);
    talk.update(SessionUpdate::ToolCall(call));
    let fields = ToolCallUpdateFields::new().status(ToolCallStatus::Completed);
    let fields = fields.raw_output(json!("text"));
    talk.update(SessionUpdate::ToolCallUpdate(ToolCallUpdate::new("t", fields)));
    let entry = PlanEntry::new("Do it", PlanEntryPriority::High, PlanEntryStatus::InProgress);
    let plan = agent_client_protocol_schema::v1::Plan::new(vec![entry]);
    talk.update(SessionUpdate::Plan(plan));
    let result = PromptResponse::new(StopReason::EndTurn);
    talk.hear(json!({"jsonrpc": "2.0", "id": 2, "result": result}));

    let mut expected = Out::default();
    expected.thinking("hm");
    expected.delta("Let me see.");
    expected.tool_call("t", "read", Some("Read a.txt"), None);
    expected.tool_result("t", false, Some("text".into()));
    let step = PlanStep { content: "Do it".into(), status: PlanStatus::InProgress };
    expected.plan(vec![step]);
    expected.ended(Outcome::Done);
    assert_eq!(talk.heard(), expected.heard);
}

#[test]
fn a_permission_in_the_official_types() {
    let mut talk = Talk::open(Some("s"));
    talk.capabilities(&json!({"sessionCapabilities": {"resume": {}}}));
    let _: ResumeSessionRequest = talk.said("session/resume");
    talk.hear(json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
    talk.heard();
    let kinds = [PermissionOptionKind::AllowAlways, PermissionOptionKind::AllowOnce];
    let options = kinds.map(|kind| PermissionOption::new(format!("{kind:?}"), "x", kind)).into();
    let fields = ToolCallUpdateFields::new().title("rm").kind(ToolKind::Search);
    let ask = RequestPermissionRequest::new("s", ToolCallUpdate::new("t", fields), options);
    let method = "session/request_permission";
    let ask = json!({"jsonrpc": "2.0", "id": "uuid", "method": method, "params": ask});

    for choice in [Choice::Option(1), Choice::Denied] {
        talk.hear(ask.clone());
        let heard = talk.heard();
        let Some(Heard::Permission(permission)) = heard.last() else { panic!("{heard:?}") };
        assert_eq!(
            (permission.about, permission.question.as_str()),
            (About::Reading, "May I: rm?")
        );
        talk.acp.decide(&permission.key, choice, &mut talk.out);
        let line: Value = serde_json::from_str(&talk.out.lines.pop().unwrap()).unwrap();
        assert_eq!(line["id"], "uuid");
        let answer: RequestPermissionResponse =
            serde_json::from_value(line["result"].clone()).unwrap();
        let chosen = json!(answer)["outcome"]["optionId"].clone();
        let expected = if choice == Choice::Denied { Value::Null } else { "AllowOnce".into() };
        assert_eq!(chosen, expected);
    }
    talk.acp.cancel(&mut talk.out);
    let _: CancelNotification = talk.said("session/cancel");
}

#[test]
fn a_replay_is_not_heard() {
    let mut talk = Talk::open(Some("s"));
    talk.capabilities(&json!({"loadSession": true}));
    let _: LoadSessionRequest = talk.said("session/load");

    talk.update(SessionUpdate::AgentMessageChunk(chunk("before")));
    talk.hear(json!({"jsonrpc": "2.0", "id": 1, "result": {}}));
    talk.update(SessionUpdate::AgentMessageChunk(chunk("late")));
    assert_eq!(talk.heard(), [Heard::Session("s".into()), Heard::ReadyWhenQuiet]);

    talk.acp.prompt("hello");
    talk.update(SessionUpdate::AgentMessageChunk(chunk("now")));
    assert_eq!(talk.heard(), [Heard::Delta("now".into())]);
}
