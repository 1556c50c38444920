//! A manager that does what a test says, behind a link in memory.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{sink, stream};
use gateway::sink::{Refusal, Sink};
use gateway::{Envelope, Meters, NoHistory, Outbox, outbox};
use link::transport::{BoxFuture, Dial, Incoming, Outgoing};
use link::{Endpoint, Link};
use protocol::agents::{AgentInfo, LoggedIn, LoginSuccess};
use protocol::names::agents::{LIST_AGENTS, LOGIN, LOGIN_SUCCESS, SUBSCRIBE};
use protocol::{AgentId, ClientId, ConversationId, Epoch, Seq, Timestamp};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use store::{ClientRecord, ControllerDb, SecretKey};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::activity::Audience;
use crate::remote::Remote;

const OPEN: &str =
    r#"0{"sid":"s","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000}"#;
/// Longer than anything takes, so that a test that is going to fail does.
const PATIENCE: Duration = Duration::from_secs(10);

/// The manager's side, and the remote that talks to it.
pub(crate) struct Scripted {
    pub(crate) remote: Arc<Remote>,
    pub(crate) audience: Arc<Audience>,
    dials: mpsc::Receiver<Peer>,
    peer: Peer,
    _dir: TempDir,
}

struct Peer {
    to_link: mpsc::Sender<io::Result<String>>,
    from_link: mpsc::Receiver<String>,
}

struct Dialled(mpsc::Sender<Peer>);

/// What the remote asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    id: u64,
    pub(crate) event: String,
    pub(crate) payload: Value,
    pub(crate) origin: Value,
}

pub(crate) fn agent() -> AgentId {
    AgentId::new("a").unwrap()
}

pub(crate) fn conversation(id: &str) -> ConversationId {
    ConversationId::new(id).unwrap()
}

impl Scripted {
    /// A remote with credentials for [`agent`], connected and ready.
    pub(crate) async fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let key = SecretKey::load_or_create(&dir.path().join("secret.key"), None).unwrap();
        let db = ControllerDb::open(&dir.path().join("controller.db"), key).await.unwrap();
        let client = ClientRecord {
            client_id: ClientId::random(),
            name: "c".into(),
            endpoint: "http://test".into(),
            api_key: "k".into(),
            created_at: Timestamp::now(),
        };
        db.add_client(&client).await.unwrap();
        db.set_credentials(&client.client_id, &agent(), "p").await.unwrap();
        let endpoint = Endpoint::new("http://test", "/agents", json!({})).unwrap();
        let (dial, mut dials) = mpsc::channel(8);
        let audience = Audience::new();
        let (link, signals) = Link::open_over(Dialled(dial), endpoint);
        let remote = Remote::over(link, signals, &client, db, &audience, link::Meters::default());
        let peer = let_in(&mut dials, &there_are(&[], true)).await;
        timeout(PATIENCE, remote.tried()).await.unwrap();
        Self { remote, audience, dials, peer, _dir: dir }
    }

    /// Hangs up, and lets the remote in again.
    pub(crate) async fn reconnect(&mut self) {
        self.reconnect_with(&[], true).await;
    }

    /// The same; then it has these agents, and may tell what they are doing.
    pub(crate) async fn reconnect_with(&mut self, agents: &[AgentInfo], tells: bool) {
        self.reconnect_saying(&there_are(agents, tells)).await;
    }

    /// The same; then it refuses to say what there is.
    pub(crate) async fn reconnect_refusing(&mut self, code: &str) {
        let refused = refusal(code);
        self.reconnect_saying(&[(SUBSCRIBE, refused.clone()), (LIST_AGENTS, refused)]).await;
    }

    /// The same, and hangs up before it has said anything.
    pub(crate) async fn reconnect_in_vain(&mut self) {
        self.reconnect_saying(&[]).await;
    }

    async fn reconnect_saying(&mut self, answers: &[(&str, Value)]) {
        // The old peer goes first, or the link would not dial.
        self.peer = Peer { to_link: mpsc::channel(1).0, from_link: mpsc::channel(1).1 };
        self.peer = let_in(&mut self.dials, answers).await;
    }

    /// The remote's next command.
    pub(crate) async fn asked(&mut self) -> Asked {
        let text = timeout(PATIENCE, self.peer.from_link.recv()).await.expect("a command").unwrap();
        read(&text)
    }

    /// The remote's next command, which is to be this one.
    pub(crate) async fn expect(&mut self, event: &str) -> Asked {
        let asked = self.asked().await;
        assert_eq!(asked.event, event, "{asked:?}");
        asked
    }

    pub(crate) async fn answer(&mut self, asked: &Asked, data: &Value) {
        self.ack(asked, &json!({ "success": true, "data": data })).await;
    }

    pub(crate) async fn refuse(&mut self, asked: &Asked, code: &str) {
        self.ack(asked, &refusal(code)).await;
    }

    /// Refuses a login. With wrong credentials the remote tries the password after the token, which is as wrong.
    pub(crate) async fn refuse_login(&mut self, login: &Asked, code: &str) {
        assert_eq!(login.event, LOGIN, "{login:?}");
        self.refuse(login, code).await;
        if code == "INVALID_CREDENTIALS" && login.payload.get("resumeToken").is_some() {
            let with_password = self.expect(LOGIN).await;
            self.refuse(&with_password, code).await;
        }
    }

    pub(crate) async fn event(&mut self, name: &str, payload: &Value) {
        self.send(format!("42/agents,{}", json!([name, payload]))).await;
    }

    /// Lets the remote in to the conversation that it asks for, or to `default`, whose log is empty.
    pub(crate) async fn let_in(&mut self, login: &Asked) {
        assert_eq!(login.event, LOGIN, "{login:?}");
        let id = login.payload["conversationId"].as_str().unwrap_or("default");
        let success = LoginSuccess {
            message: "Welcome, a!".into(),
            agent_id: agent(),
            agent_name: "a".into(),
            conversation_id: conversation(id),
            epoch: Epoch::new("e").unwrap(),
            head_seq: Seq(0),
        };
        self.event(LOGIN_SUCCESS, &json!(success)).await;
        let logged_in = LoggedIn { success, resume_token: "t".into() };
        self.answer(login, &json!(logged_in)).await;
    }

    async fn ack(&mut self, asked: &Asked, answer: &Value) {
        self.send(format!("43/agents,{}[{answer}]", asked.id)).await;
    }

    async fn send(&mut self, text: String) {
        self.peer.to_link.send(Ok(text)).await.unwrap();
    }
}

/// What a viewer is told.
pub(crate) struct Screen(mpsc::UnboundedReceiver<(String, Value)>);

struct Shown(mpsc::UnboundedSender<(String, Value)>);

/// A viewer's outbox, which shows all at once.
pub(crate) fn screen() -> (Outbox, Screen) {
    let (shown, screen) = mpsc::unbounded_channel();
    let (outbox, _) =
        outbox::spawn(Shown(shown), Envelope::Direct, Arc::new(NoHistory), Meters::default());
    (outbox, Screen(screen))
}

impl Screen {
    /// What is told next.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        timeout(PATIENCE, self.0.recv()).await.expect("an event").expect("an open outbox")
    }

    /// Waits until an event is told, and passes over others.
    pub(crate) async fn shows(&mut self, event: &str) -> Value {
        let found = async {
            loop {
                let (name, payload) = self.0.recv().await.expect("an open outbox");
                if name == event {
                    return payload;
                }
            }
        };
        timeout(PATIENCE, found).await.unwrap_or_else(|_| panic!("no {event}"))
    }
}

impl Sink for Shown {
    fn event(&mut self, name: &str, payload: &RawValue) -> Result<(), Refusal> {
        let payload = serde_json::from_str(payload.get()).unwrap();
        self.0.send((name.to_owned(), payload)).map_err(|_| Refusal::Closed)
    }

    fn ack(&mut self, _: i64, payload: &RawValue) -> Result<(), Refusal> {
        self.event("ack", payload)
    }

    fn close(&mut self) -> Result<(), Refusal> {
        Ok(())
    }
}

fn read(text: &str) -> Asked {
    let text = text.strip_prefix("42/agents,").expect("a command");
    let (id, arguments) = text.split_at(text.find('[').unwrap());
    let mut arguments: Vec<Value> = serde_json::from_str(arguments).unwrap();
    let origin = if arguments.len() > 2 { arguments.remove(2) } else { Value::Null };
    Asked {
        id: id.parse().unwrap(),
        event: arguments[0].as_str().unwrap().to_owned(),
        payload: if arguments.len() > 1 { arguments.remove(1) } else { Value::Null },
        origin,
    }
}

fn refusal(code: &str) -> Value {
    json!({ "success": false, "error": { "code": code, "message": code } })
}

/// What a manager with these agents says when it is asked what there is.
fn there_are(agents: &[AgentInfo], tells: bool) -> [(&'static str, Value); 2] {
    let subscribed = json!({ "success": true, "data": { "topics": ["activity"] } });
    let subscribed = if tells { subscribed } else { refusal("INVALID_PAYLOAD") };
    let listed = json!({ "success": true, "data": { "agents": agents } });
    [(SUBSCRIBE, subscribed), (LIST_AGENTS, listed)]
}

async fn let_in(dials: &mut mpsc::Receiver<Peer>, answers: &[(&str, Value)]) -> Peer {
    let mut peer = timeout(PATIENCE, dials.recv()).await.expect("an attempt").unwrap();
    peer.to_link.send(Ok(OPEN.to_owned())).await.unwrap();
    let connect = timeout(PATIENCE, peer.from_link.recv()).await.unwrap().unwrap();
    assert!(connect.starts_with("40/agents,"));
    peer.to_link.send(Ok(r#"40/agents,{"sid":"x"}"#.to_owned())).await.unwrap();
    // It asks what there is.
    for (event, answer) in answers {
        let asked = read(&timeout(PATIENCE, peer.from_link.recv()).await.unwrap().unwrap());
        assert_eq!(asked.event, *event, "{asked:?}");
        let ack = format!("43/agents,{}[{answer}]", asked.id);
        peer.to_link.send(Ok(ack)).await.unwrap();
    }
    peer
}

impl Dial for Dialled {
    fn dial(&mut self) -> BoxFuture<io::Result<(Outgoing, Incoming)>> {
        let dials = self.0.clone();
        Box::pin(async move {
            let (to_link, incoming) = mpsc::channel(1_024);
            let (outgoing, from_link) = mpsc::channel::<String>(1_024);
            dials.send(Peer { to_link, from_link }).await.map_err(io::Error::other)?;
            let incoming = stream::unfold(incoming, async |mut incoming| {
                let text = incoming.recv().await?;
                Some((text, incoming))
            });
            let outgoing = sink::unfold(outgoing, async |outgoing, text: String| {
                outgoing.send(text).await.map_err(io::Error::other)?;
                Ok::<_, io::Error>(outgoing)
            });
            Ok((Box::pin(outgoing) as Outgoing, Box::pin(incoming) as Incoming))
        })
    }
}
