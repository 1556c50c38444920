//! Programs that speak messages, as `tests/agents` plays them: each does the same things in its own words.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use protocol::agents::{ChatEventBody, PlanStatus, RunReason};
use protocol::spec::{AgentSpec, ApprovalPolicy, Codec, CodexSandbox, Host, OneshotFormat};
use runtime::{Graces, Outcome};
use tempfile::TempDir;

use super::support::{Agent, Heard};

/// Where the scripts are.
const AGENTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/agents");

/// Between one signal and the next, for those that do not hear the first.
const SHORT: Graces =
    Graces { interrupt: Duration::from_millis(300), terminate: Duration::from_millis(300) };

fn scripted(codec: Codec, script: &str, args: &[&str]) -> AgentSpec {
    let mut command: Vec<String> = vec![format!("{AGENTS}/{script}")];
    command.extend(args.iter().map(|arg| (*arg).to_owned()));
    let host = Host::Process {
        command: "node".to_owned(),
        args: command,
        env: BTreeMap::from([("FAKE_LOG".to_owned(), "log".to_owned())]),
        cwd: None,
    };
    AgentSpec::new("fake", codec, Some(host))
}

fn acp(args: &[&str]) -> AgentSpec {
    scripted(Codec::Acp {}, "acp.mjs", args)
}

fn claude() -> AgentSpec {
    scripted(Codec::Claude {}, "claude.mjs", &[])
}

fn codex() -> AgentSpec {
    scripted(Codec::Codex { sandbox: CodexSandbox::default() }, "codex.mjs", &[])
}

/// The three that are talked with all the time.
fn all() -> [(&'static str, AgentSpec); 3] {
    [("acp", acp(&[])), ("claude", claude()), ("codex", codex())]
}

fn oneshot(format: OneshotFormat, args: &[&str]) -> AgentSpec {
    let codec = Codec::Oneshot { format: Some(format), rules: Vec::new(), resume: Vec::new() };
    scripted(codec, "oneshot.mjs", args)
}

/// Those that are started for each turn, with the arguments that their tables have.
fn each_turn() -> [(&'static str, AgentSpec); 4] {
    [
        ("codex", oneshot(OneshotFormat::Codex, &["codex", "exec", "--json", "{resume}", "-"])),
        (
            "gemini",
            oneshot(
                OneshotFormat::Gemini,
                &["gemini", "--output-format", "stream-json", "{resume}"],
            ),
        ),
        (
            "opencode",
            oneshot(OneshotFormat::Opencode, &["opencode", "run", "--format", "json", "{resume}"]),
        ),
        (
            "claude",
            oneshot(
                OneshotFormat::Claude,
                &["claude", "-p", "--output-format", "stream-json", "--verbose", "{resume}"],
            ),
        ),
    ]
}

fn said(heard: &Heard) -> String {
    heard.messages.concat()
}

fn log(workdir: &TempDir) -> String {
    std::fs::read_to_string(workdir.path().join("agents/one/log")).unwrap_or_default()
}

async fn turn(agent: &mut Agent, text: &str) -> Heard {
    agent.ask(text).await
}

#[tokio::test]
async fn a_turn_is_streamed_and_counted() {
    for (name, spec) in all() {
        let mut agent = Agent::start(&spec);

        let heard = turn(&mut agent, "say Hello from a model").await;

        assert_eq!(heard.answer(), "Hello from a model", "{name}");
        assert_eq!(heard.deltas, "Hello from a model", "{name}");
        let usage = heard.notes.iter().find_map(|note| match note {
            ChatEventBody::Usage(usage) => Some(usage.clone()),
            _ => None,
        });
        assert!(usage.is_some_and(|usage| usage.output_tokens > Some(0)), "{name}: {heard:?}");
        assert!(heard.session.is_some(), "{name}");
        agent.stop().await;
    }
}

#[tokio::test]
async fn tools_thoughts_and_plans_are_told() {
    for (name, spec) in all() {
        let mut agent = Agent::start(&spec);

        let heard = turn(&mut agent, "tool").await;
        let calls: Vec<_> = heard
            .notes
            .iter()
            .filter_map(|note| match note {
                ChatEventBody::ToolCall { id, .. } => Some((id.clone(), true)),
                ChatEventBody::ToolResult { id, is_error: false, output: Some(_) } => {
                    Some((id.clone(), false))
                }
                _ => None,
            })
            .collect();
        assert_eq!(calls.len(), 2, "{name}: {heard:?}");
        assert!(calls[0].0 == calls[1].0 && calls[0].1 && !calls[1].1, "{name}: {heard:?}");
        assert_eq!(heard.answer(), "I listed the files.", "{name}");

        let heard = turn(&mut agent, "think").await;
        let thought = |note: &ChatEventBody| matches!(note, ChatEventBody::Thinking { text } if text == "Let me think about it.");
        assert!(heard.notes.iter().any(thought), "{name}: {heard:?}");

        let heard = turn(&mut agent, "plan").await;
        let plan = heard.notes.iter().find_map(|note| match note {
            ChatEventBody::Plan { steps } => Some(steps.clone()),
            _ => None,
        });
        if let Some(steps) = plan {
            let status: Vec<_> = steps.iter().map(|step| step.status).collect();
            assert_eq!(
                status,
                [PlanStatus::Completed, PlanStatus::InProgress, PlanStatus::Pending]
            );
        } else {
            assert_eq!(name, "claude", "it has tools for its plans: {heard:?}");
        }
        agent.stop().await;
    }
}

#[tokio::test]
async fn people_are_asked_for_permission() {
    for (name, spec) in all() {
        let mut agent = Agent::start(&spec);

        let run = agent.prompt("ask").await;
        let ask = agent.question().await;
        assert!(ask.message.contains("rm -rf build"), "{name}: {ask:?}");
        let (yes, no) = match name {
            "acp" => ("Allow", "Reject"),
            _ => ("Allow", "Deny"),
        };
        assert!(ask.choices.iter().any(|choice| choice == no), "{name}: {ask:?}");
        agent.answer(&ask, yes);
        assert_eq!(said(&agent.hear(&run).await), "allowed: once", "{name}");

        let run = agent.prompt("ask").await;
        let ask = agent.question().await;
        agent.answer(&ask, no);
        assert_eq!(said(&agent.hear(&run).await), "denied", "{name}");

        let run = agent.prompt("ask").await;
        let ask = agent.question().await;
        let always = ask
            .choices
            .iter()
            .find(|choice| choice.contains("lways") || choice.contains("session"));
        agent.answer(&ask, &always.unwrap().clone());
        assert_eq!(said(&agent.hear(&run).await), "allowed: always", "{name}");
        assert_eq!(said(&turn(&mut agent, "ask").await), "allowed: remembered", "{name}");
        agent.stop().await;
    }
}

#[tokio::test]
async fn a_policy_answers_what_it_allows_and_says_so() {
    for (name, mut spec) in all() {
        spec.approvals.policy = ApprovalPolicy::AllowRead;
        let mut agent = Agent::start(&spec);

        // Codex does not say what only reads.
        if name != "codex" {
            let heard = turn(&mut agent, "read").await;
            assert_eq!(said(&heard), "allowed: once", "{name}");
            assert!(
                heard.status.iter().any(|said| said.contains("by policy")),
                "{name}: {heard:?}"
            );
        }
        let run = agent.prompt(if name == "codex" { "read" } else { "ask" }).await;
        let ask = agent.question().await;
        agent.answer(&ask, "no such choice");
        assert_eq!(said(&agent.hear(&run).await), "denied", "{name}");
        agent.stop().await;
    }
}

#[tokio::test]
async fn a_cancelled_turn_ends_and_the_program_goes_on() {
    for (name, spec) in all() {
        let mut agent = Agent::start(&spec);

        let run = agent.prompt("slow").await;
        agent.wait_for_delta("tick 2").await;
        agent.session.cancel(&run);
        assert_eq!(agent.hear(&run).await.outcome, Some(Outcome::Cancelled), "{name}");

        assert_eq!(said(&turn(&mut agent, "count").await), "2", "{name}: it is the same session");
        let heard = turn(&mut agent, "say still here").await;
        let anew = |said: &String| said.contains("started again");
        assert!(!heard.status.iter().any(anew), "{name}: {heard:?}");
        agent.stop().await;
    }
}

#[tokio::test]
async fn a_question_does_not_outlive_its_turn() {
    for (name, spec) in all() {
        let mut agent = Agent::start(&spec);

        let run = agent.prompt("ask").await;
        agent.question().await;
        agent.session.cancel(&run);
        assert_eq!(agent.hear(&run).await.outcome, Some(Outcome::Cancelled), "{name}");

        let run = agent.prompt("late-ask").await;
        agent.wait_for_delta("tick 1").await;
        agent.session.cancel(&run);
        let heard = agent.hear(&run).await;
        assert_eq!(heard.outcome, Some(Outcome::Cancelled), "{name}");
        assert!(heard.asked.is_empty(), "{name}: nobody is asked by who was cancelled");
        assert_eq!(said(&turn(&mut agent, "say next").await), "next", "{name}");
        agent.stop().await;
    }
}

#[tokio::test]
async fn who_does_not_let_go_is_made_to() {
    for (name, spec) in all() {
        for how in ["stubborn", "deaf"] {
            let mut agent = Agent::start_with(&spec, SHORT);

            let run = agent.prompt(how).await;
            agent.wait_for_delta("I").await;
            agent.session.cancel(&run);
            assert_eq!(agent.hear(&run).await.outcome, Some(Outcome::Cancelled), "{name} {how}");

            let heard = turn(&mut agent, "count").await;
            assert_eq!(said(&heard), "2", "{name} {how}: its session is taken up");
            assert!(heard.status.iter().any(|said| said.contains("started again")), "{name}");
            agent.stop().await;
        }
    }
}

#[tokio::test]
async fn nothing_that_a_program_says_breaks_its_turn() {
    for (name, spec) in all() {
        let mut agent = Agent::start(&spec);

        let heard = turn(&mut agent, "noise").await;
        assert_eq!(heard.outcome, Some(Outcome::Done), "{name}: {heard:?}");
        let answer = said(&heard);
        for part in ["line one\u{2028}line two\u{2029}", "ü€😀", "noise over"] {
            assert!(answer.contains(part), "{name}: {answer}");
        }
        let raw = format!("{:?}", heard.raw);
        for part in ["This is not JSON.", "42", "null"] {
            assert!(raw.contains(part), "{name}: {raw}");
        }

        let heard = turn(&mut agent, "wrong").await;
        assert_eq!(heard.outcome, Some(Outcome::Done), "{name}: {heard:?}");
        assert!(said(&heard).ends_with("still here") && !heard.raw.is_empty(), "{name}: {heard:?}");

        let heard = turn(&mut agent, "huge 32").await;
        assert_eq!(heard.outcome, Some(Outcome::Done), "{name}");
        assert!(said(&heard).ends_with("still here"), "{name}");
        let cut = |note: &ChatEventBody| matches!(note, ChatEventBody::Raw { truncated: true, bytes: Some(bytes), .. } if *bytes > 32 << 20);
        assert!(heard.raw.iter().any(cut), "{name}");

        let heard = turn(&mut agent, "twice").await;
        assert_eq!(heard.outcome, Some(Outcome::Done), "{name}");
        assert_eq!(said(&turn(&mut agent, "say one end each").await), "one end each", "{name}");
        agent.stop().await;
    }
}

#[tokio::test]
async fn a_crash_ends_the_turn_and_the_session_is_taken_up() {
    for (name, spec) in all() {
        let mut agent = Agent::start(&spec);

        let heard = turn(&mut agent, "crash").await;
        assert_eq!(heard.failure().0, RunReason::AgentExited, "{name}");
        assert!(heard.failure().1.contains("exited with code 3"), "{name}");
        assert!(said(&heard).contains("I am about to"), "{name}: what was said is kept");

        assert_eq!(said(&turn(&mut agent, "count").await), "2", "{name}");
        let given = log(&agent.workdir);
        assert_eq!(given.matches("crash").count(), 1, "{name}: no message is given twice: {given}");
        agent.stop().await;
    }
}

#[tokio::test]
async fn a_session_outlives_everything() {
    let late = ("acp, loaded", acp(&["--sessions=late-load"]));
    let loaded = ("acp, loaded late", acp(&["--sessions=load"]));
    for (name, spec) in all().into_iter().chain([late, loaded]) {
        let mut agent = Agent::start(&spec);
        let heard = turn(&mut agent, "say one").await;
        let (session, workdir) = (heard.session, agent.workdir);
        agent.session.stop().await;

        let mut agent = Agent::resume(&spec, SHORT, session, workdir);
        let heard = turn(&mut agent, "count").await;

        assert_eq!(said(&heard), "2", "{name}: nothing of the history is said again");
        let forgot = |said: &String| said.contains("remembers nothing");
        assert!(!heard.status.iter().any(forgot), "{name}: {heard:?}");
        agent.stop().await;
    }
}

#[tokio::test]
async fn who_cannot_take_up_a_session_says_so() {
    let none = ("acp, none", acp(&["--sessions=none"]));
    for (name, spec) in all().into_iter().chain([none]) {
        let unknown = Some("6a5d1c0e-1111-4222-8333-444455556666".to_owned());
        let mut agent = Agent::resume(&spec, SHORT, unknown, tempfile::tempdir().unwrap());

        let heard = turn(&mut agent, "count").await;

        assert_eq!(said(&heard), "1", "{name}");
        let told = |said: &String| said.contains("remembers nothing");
        assert!(heard.status.iter().any(told), "{name}: {heard:?}");
        assert!(heard.session.is_some(), "{name}: it has a new one");
        agent.stop().await;
    }
}

#[tokio::test]
async fn a_failure_is_told_in_the_programs_words() {
    for (name, spec) in all() {
        let mut agent = Agent::start(&spec);

        let heard = turn(&mut agent, "error the model is overloaded").await;
        let (reason, error) = heard.failure();
        assert_eq!(reason, RunReason::AgentError, "{name}");
        assert!(error.contains("the model is overloaded"), "{name}: {error}");

        assert_eq!(said(&turn(&mut agent, "say next").await), "next", "{name}");
        agent.stop().await;
    }
}

#[tokio::test]
async fn silence_is_told_once_and_can_be_ended() {
    for (name, mut spec) in all() {
        spec.silence_secs = 1;
        let mut agent = Agent::start_with(&spec, SHORT);

        let run = agent.prompt("stall").await;
        loop {
            if let runtime::AgentEvent::Note { body: ChatEventBody::Status { message }, .. } =
                agent.event().await
                && message.contains("has said nothing for 1 s")
            {
                break;
            }
        }
        agent.session.cancel(&run);
        assert_eq!(agent.hear(&run).await.outcome, Some(Outcome::Cancelled), "{name}");
        agent.stop().await;
    }
}

#[tokio::test]
async fn a_program_of_another_kind_is_refused() {
    for (name, spec) in [
        ("exits", acp(&["--handshake=exit"])),
        ("says no", acp(&["--handshake=error"])),
        ("wants a login", acp(&["--auth"])),
        (
            "another codec's",
            scripted(Codec::Codex { sandbox: CodexSandbox::default() }, "nothing.mjs", &[]),
        ),
    ] {
        let mut agent = Agent::start_with(&spec, SHORT);

        let heard = turn(&mut agent, "say hello").await;

        assert_eq!(heard.failure().0, RunReason::AgentUnavailable, "{name}: {heard:?}");
        agent.stop().await;
    }
}

#[tokio::test]
async fn each_turn_may_have_a_program_of_its_own() {
    for (name, spec) in each_turn() {
        let mut agent = Agent::start(&spec);

        let heard = turn(&mut agent, "say Hello -- from \"a model\"").await;
        assert_eq!(heard.outcome, Some(Outcome::Done), "{name}: {heard:?}");
        assert_eq!(said(&heard), "Hello -- from \"a model\"", "{name}: {heard:?}");
        assert!(heard.notes.iter().any(|note| matches!(note, ChatEventBody::Usage(_))), "{name}");
        let (session, heard) = (heard.session, turn(&mut agent, "count").await);
        assert!(session.is_some(), "{name}");
        assert_eq!(said(&heard), "2", "{name}: the session goes on: {heard:?}");

        let heard = turn(&mut agent, "tool").await;
        let tools = heard.notes.iter().filter(|note| {
            matches!(note, ChatEventBody::ToolCall { .. } | ChatEventBody::ToolResult { .. })
        });
        assert_eq!(tools.count(), 2, "{name}: {heard:?}");

        let heard = turn(&mut agent, "error out of credits").await;
        let (reason, error) = heard.failure();
        assert_eq!(reason, RunReason::AgentError, "{name}");
        assert!(error.contains("out of credits"), "{name}: {error}");

        let heard = turn(&mut agent, "crash").await;
        assert_eq!(heard.failure().0, RunReason::AgentExited, "{name}");
        let heard = turn(&mut agent, "noise").await;
        assert_eq!(heard.outcome, Some(Outcome::Done), "{name}");
        agent.stop().await;
    }
}

#[tokio::test]
async fn a_turn_with_a_program_of_its_own_is_cancelled_with_it() {
    for (name, spec) in each_turn() {
        for how in ["stall", "deaf"] {
            let mut agent = Agent::start_with(&spec, SHORT);

            let run = agent.prompt(how).await;
            while log(&agent.workdir).is_empty() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            agent.session.cancel(&run);
            assert_eq!(agent.hear(&run).await.outcome, Some(Outcome::Cancelled), "{name} {how}");
            agent.stop().await;
        }
    }
}

#[tokio::test]
async fn a_session_that_is_gone_is_given_up_by_a_program_for_each_turn() {
    for (name, spec) in each_turn() {
        let unknown = Some("6a5d1c0e-1111-4222-8333-444455556666".to_owned());
        let mut agent = Agent::resume(&spec, SHORT, unknown, tempfile::tempdir().unwrap());

        // Once may have another reason, such as a login that has run out.
        for _ in 0..2 {
            let heard = turn(&mut agent, "count").await;
            assert!(matches!(heard.outcome, Some(Outcome::Failed { .. })), "{name}: {heard:?}");
        }
        let heard = turn(&mut agent, "count").await;
        assert_eq!(said(&heard), "1", "{name}: {heard:?}");
        agent.stop().await;
    }
}

#[tokio::test]
async fn a_message_that_is_never_read_can_be_cancelled() {
    let codec = Codec::Oneshot {
        format: Some(OneshotFormat::Codex),
        rules: Vec::new(),
        resume: Vec::new(),
    };
    let host = Host::Process {
        command: "sh".to_owned(),
        args: vec![
            "-c".to_owned(),
            "echo '{\"type\":\"error\",\"message\":\"here\"}'; sleep 1000".to_owned(),
        ],
        env: BTreeMap::new(),
        cwd: None,
    };
    let mut agent = Agent::start_with(&AgentSpec::new("deaf", codec, Some(host)), SHORT);

    let run = agent.prompt(&"x".repeat(1 << 20)).await;
    agent.event().await;
    agent.session.cancel(&run);

    assert_eq!(agent.hear(&run).await.outcome, Some(Outcome::Cancelled));
    agent.stop().await;
}

#[tokio::test]
async fn what_is_said_all_the_time_does_not_put_off_a_cancel() {
    let script = r#"
        const say = (message) => console.log(JSON.stringify({ jsonrpc: '2.0', ...message }))
        require('readline').createInterface({ input: process.stdin }).on('line', (line) => {
            const { id, method } = JSON.parse(line)
            if (method === 'initialize') say({ id, result: { protocolVersion: 1, agentCapabilities: {} } })
            if (method === 'session/new') say({ id, result: { sessionId: 's' } })
            if (method === 'session/prompt') {
                say({ method: 'session/update', params: { sessionId: 's', update: { sessionUpdate: 'agent_message_chunk', content: { type: 'text', text: 'go' } } } })
                for (;;) require('fs').writeSync(1, '\n'.repeat(4096))
            }
        })"#;
    let host = Host::Process {
        command: "node".to_owned(),
        args: vec!["-e".to_owned(), script.to_owned()],
        env: BTreeMap::new(),
        cwd: None,
    };
    let mut agent = Agent::start_with(&AgentSpec::new("loud", Codec::Acp {}, Some(host)), SHORT);

    let run = agent.prompt("hello").await;
    agent.wait_for_delta("go").await;
    agent.session.cancel(&run);

    assert_eq!(agent.hear(&run).await.outcome, Some(Outcome::Cancelled));
    agent.stop().await;
}

#[test]
fn the_scripts_are_there() {
    for script in ["acp.mjs", "claude.mjs", "codex.mjs", "oneshot.mjs"] {
        assert!(Path::new(AGENTS).join(script).exists(), "{script}");
    }
}
