use protocol::agents::{ActivityState, AgentInfo, AgentState};
use protocol::{ConnectionId, Seq, Timestamp};
use serde_json::{Value, json};
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;

use super::*;
use crate::scripted::{Screen, Scripted, conversation, screen};

fn client() -> ClientId {
    ClientId::new("c").unwrap()
}

fn agent(id: &str) -> AgentId {
    AgentId::new(id).unwrap()
}

fn payload(value: &Value) -> Arc<RawValue> {
    raw(value).into()
}

fn update(action: ClientAction) -> Arc<ClientUpdate> {
    Arc::new(ClientUpdate {
        client_id: client(),
        name: "c".into(),
        action,
        connected: true,
        agents: Vec::new(),
        attempt: None,
        retry_at: None,
        error: None,
        timestamp: Timestamp::now(),
    })
}

fn open(value: &Value) -> Open {
    Open { agent: agent("a"), payload: payload(value) }
}

fn listen(audience: &Arc<Audience>) -> (Listening, Screen) {
    let (outbox, screen) = screen();
    (audience.listen(&ConnectionId::random(), &outbox, &Clients::All), screen)
}

fn tell(listening: Listening) -> JoinHandle<()> {
    tokio::spawn(async move { listening.tell().await })
}

fn info(id: &str) -> AgentInfo {
    let (agent_id, name) = (agent(id), id.to_owned());
    AgentInfo { agent_id, name, state: AgentState::Idle, client_count: 0 }
}

fn agent_update(id: &str, action: &str, state: &str) -> Value {
    json!({
        "agentId": id, "name": id, "codec": "echo", "state": state, "action": action,
        "timestamp": Timestamp::now(),
    })
}

fn run(n: u64) -> RunActivity {
    RunActivity {
        agent_id: agent("a"),
        conversation_id: conversation("x"),
        conversation_name: "x".into(),
        run_id: "r".parse().unwrap(),
        seq: Seq(n),
        state: ActivityState::Done,
        reason: None,
        error: None,
        duration_ms: None,
        viewer_id: None,
        user: None,
        interaction_id: None,
        message: None,
        timestamp: Timestamp::now(),
    }
}

#[tokio::test]
async fn nothing_is_told_of_a_client_that_may_not_be_seen() {
    let audience = Audience::new();
    let (outbox, _screen) = screen();
    let others = Clients::Only([ClientId::new("other").unwrap()].into());
    let limited = audience.listen(&ConnectionId::random(), &outbox, &others);
    let (all, _all) = listen(&audience);

    audience.client(&update(ClientAction::Current), None);
    audience.agent(&client(), &agent("a"), &payload(&agent_update("a", "current", "idle")));
    audience.conversation(&client(), &conversation("x"), &open(&json!({})));

    assert_eq!(limited.listener().lock().len(), 0);
    assert_eq!(all.listener().lock().len(), 3);
}

#[tokio::test]
async fn a_viewer_that_was_slow_is_told_the_newest_of_each() {
    let audience = Audience::new();
    let (listening, mut screen) = listen(&audience);
    let id = conversation("x");

    audience.client(&update(ClientAction::Connected), Some(&BTreeMap::new()));
    for n in 0..10_000 {
        audience.conversation(&client(), &id, &open(&json!(n)));
        audience.agent(&client(), &agent("a"), &payload(&json!(n)));
    }
    let telling = tell(listening);

    assert_eq!(screen.next().await.0, CLIENT_UPDATE);
    for event in [AGENT_UPDATE, CONVERSATION_ACTIVITY] {
        let (_, told) = screen.next().await;
        assert_eq!((&told["event"], &told["payload"]), (&json!(event), &json!(9_999)));
    }
    audience.client(&update(ClientAction::Changed), None);
    assert_eq!(screen.next().await.1["action"], "changed", "nothing in between");
    telling.abort();
}

#[tokio::test]
async fn a_client_that_is_told_late_counts_as_all_that_it_was() {
    let audience = Audience::new();
    let (listening, mut screen) = listen(&audience);
    let there = BTreeMap::from([(conversation("x"), open(&json!("x")))]);

    audience.agent(&client(), &agent("a"), &payload(&json!("before")));
    audience.conversation(&client(), &conversation("y"), &open(&json!("before")));
    for action in [ClientAction::Disconnected, ClientAction::Retrying, ClientAction::Retrying] {
        audience.client(&update(action), None);
    }
    audience.client(&update(ClientAction::Connected), Some(&there));
    for _ in 0..10 {
        audience.client(&update(ClientAction::Changed), None);
    }
    let telling = tell(listening);

    for action in ["disconnected", "retrying", "retrying", "current"] {
        assert_eq!(screen.next().await.1["action"], action);
    }
    assert_eq!(screen.next().await.1["payload"], "x");
    audience.client(&update(ClientAction::Deleted), Some(&BTreeMap::new()));
    assert_eq!(screen.next().await.1["action"], "deleted", "nothing in between");
    telling.abort();
}

#[tokio::test]
async fn what_is_gone_is_not_told_of_behind_its_end() {
    let audience = Audience::new();
    let (listening, mut screen) = listen(&audience);
    let (x, y) = (conversation("x"), conversation("y"));

    audience.conversation(&client(), &x, &open(&json!("x")));
    audience.conversation(&client(), &y, &open(&json!("y")));
    audience.event(&client(), "conversationUpdate", &payload(&json!("deleted")), Some(&x));
    audience.agent_deleted(&client(), &agent("a"));
    audience.client(&update(ClientAction::Changed), None);
    let telling = tell(listening);

    assert_eq!(screen.next().await.1["payload"], "deleted");
    assert_eq!(screen.next().await.1["action"], "changed");
    telling.abort();
}

#[tokio::test]
async fn who_listens_no_more_hears_nothing() {
    let audience = Audience::new();
    let (outbox, mut screen) = screen();
    let connection = ConnectionId::random();
    let listening = audience.listen(&connection, &outbox, &Clients::All);

    audience.client(&update(ClientAction::Created), None);
    audience.end(&connection);
    audience.client(&update(ClientAction::Changed), None);
    let telling = tell(listening);
    outbox.event("end", &json!({}));

    assert_eq!(screen.next().await.0, "end");
    telling.abort();
}

/// Passes over all until the client is connected.
async fn connected_again(screen: &mut Screen) -> Value {
    loop {
        let (_, update) = screen.next().await;
        if update["action"] == "connected" {
            return update;
        }
    }
}

#[tokio::test]
async fn of_a_manager_that_does_not_tell_the_agents_are_known() {
    let mut manager = Scripted::start().await;
    let (listening, mut screen) = listen(&manager.audience);
    let telling = tell(listening);

    for agents in [&[info("a"), info("b")][..], &[info("b")]] {
        manager.reconnect_with(agents, false).await;
        let connected = connected_again(&mut screen).await;

        let known = connected["agents"].as_array().unwrap();
        assert_eq!(known.len(), agents.len(), "{connected}");
        assert_eq!((&known[0]["codec"], &known[0]["state"]), (&json!("unknown"), &json!("idle")));
    }
    telling.abort();
}

#[tokio::test]
async fn a_client_is_connected_when_all_its_agents_are_known() {
    let mut manager = Scripted::start().await;
    let (listening, mut screen) = listen(&manager.audience);
    let telling = tell(listening);

    manager.reconnect_with(&[info("a"), info("b")], true).await;
    manager.event(AGENT_UPDATE, &agent_update("a", "current", "idle")).await;
    manager.event(AGENT_UPDATE, &agent_update("b", "current", "running")).await;
    let connected = loop {
        let (name, update) = screen.next().await;
        assert_eq!(name, CLIENT_UPDATE, "{update}");
        if update["action"] == "connected" {
            break update;
        }
        assert_eq!(update["connected"], false, "{update}");
    };

    let states: Vec<_> = connected["agents"].as_array().unwrap().iter().collect();
    assert_eq!(
        (states[0]["state"].clone(), states[1]["state"].clone()),
        (json!("idle"), json!("running"))
    );
    manager.event(AGENT_UPDATE, &agent_update("b", "deleted", "idle")).await;
    assert_eq!(screen.next().await.1["payload"]["action"], "deleted");
    manager.reconnect_with(&[info("a")], true).await;
    manager.event(AGENT_UPDATE, &agent_update("a", "current", "idle")).await;
    let again = connected_again(&mut screen).await;
    assert_eq!(again["agents"].as_array().map(Vec::len), Some(1));
    telling.abort();
}

/// The number of agents with each news of a client up to the one that says that it is connected.
async fn agents_until_connected(screen: &mut Screen) -> Vec<usize> {
    let mut counts = Vec::new();
    loop {
        let (name, update) = screen.next().await;
        assert_eq!(name, CLIENT_UPDATE, "{update}");
        counts.push(update["agents"].as_array().map_or(0, Vec::len));
        if update["connected"] == true {
            return counts;
        }
    }
}

#[tokio::test]
async fn agents_are_known_while_a_manager_does_not_say_and_it_is_asked_again() {
    let mut manager = Scripted::start().await;
    manager.event(AGENT_UPDATE, &agent_update("a", "created", "idle")).await;
    let (listening, mut screen) = listen(&manager.audience);
    let telling = tell(listening);
    assert_eq!(screen.next().await.1["event"], AGENT_UPDATE);

    manager.reconnect_in_vain().await;
    manager.reconnect_refusing("STORE_UNAVAILABLE").await;

    let counts = agents_until_connected(&mut screen).await;
    assert!(counts.iter().all(|count| *count == 1), "{counts:?}");
    let subscribe = manager.expect("subscribe").await;
    manager.answer(&subscribe, &json!({ "topics": ["activity"] })).await;
    let list = manager.expect("listAgents").await;
    manager.answer(&list, &json!({ "agents": [info("b"), info("c")] })).await;
    for agent in ["b", "c"] {
        manager.event(AGENT_UPDATE, &agent_update(agent, "current", "idle")).await;
    }
    let known = connected_again(&mut screen).await["agents"].clone();
    let known: Vec<_> = known.as_array().unwrap().iter().map(|a| a["agentId"].clone()).collect();
    assert_eq!(known, ["b", "c"]);
    telling.abort();
}

#[tokio::test]
async fn the_controller_hears_of_runs_with_names_and_sees_what_it_has_lost() {
    let mut manager = Scripted::start().await;
    let mut runs = manager.audience.runs();
    let unheard_of = RunActivity { agent_id: agent("unheard"), ..run(1) };

    manager.event("runActivity", &json!(unheard_of)).await;
    assert_eq!(runs.recv().await.unwrap().agent_name, "unheard");
    manager.event(AGENT_UPDATE, &agent_update("a", "created", "idle")).await;
    manager.event("runActivity", &json!(run(7))).await;
    let heard = runs.recv().await.unwrap();
    assert_eq!((heard.client_name.as_str(), heard.agent_name.as_str()), ("c", "a"));
    assert!(!heard.client_id.as_str().is_empty());
    assert_eq!(heard.run, run_at(7, &heard.run));

    for n in 0..=BACKLOG as u64 {
        manager.audience.run(Activity { run: run(n), ..heard.clone() });
    }
    assert!(matches!(runs.recv().await, Err(RecvError::Lagged(1))));
    assert_eq!(runs.recv().await.unwrap().run.seq, Seq(1));
}

/// The same with the time at which it was made.
fn run_at(n: u64, like: &RunActivity) -> RunActivity {
    RunActivity { timestamp: like.timestamp, ..run(n) }
}
