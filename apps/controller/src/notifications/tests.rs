//! With a push service and a webhook that are real servers, and a browser that decrypts.

use std::collections::VecDeque;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use notify::{Device, DeviceKeys};
use protocol::agents::{ActivityState, RunActivity};
use protocol::{
    AgentId, ClientId, Clients, ConversationId, InteractionId, NotificationKind, RunId, Seq,
    SubscriptionId, Timestamp,
};
use ring::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use ring::rand::SystemRandom;
use ring::{aead, hkdf, hmac, signature};
use serde_json::Value;
use store::{AccessKey, PushRecord, SecretKey};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::config::WebhookConfig;

/// Longer than anything takes, so that a test that is going to fail does.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn activity(run: &str, state: ActivityState) -> Activity {
    let is_blocked = state == ActivityState::Blocked;
    let run = RunActivity {
        agent_id: AgentId::new("ag_1").unwrap(),
        conversation_id: ConversationId::new("default").unwrap(),
        conversation_name: "default".into(),
        run_id: RunId::new(run).unwrap(),
        seq: Seq(7),
        state,
        reason: None,
        error: None,
        duration_ms: None,
        viewer_id: None,
        user: None,
        interaction_id: is_blocked.then(|| InteractionId::new("in_1").unwrap()),
        message: Some("May I?".into()),
        timestamp: Timestamp::from_millis(5),
    };
    let client_id = ClientId::new("cl_1").unwrap();
    Activity { client_id, client_name: "local".into(), agent_name: "calc".into(), run }
}

pub(super) fn occasion(run: &str, kind: NotificationKind) -> Occasion {
    Occasion::of(happening(run, kind)).unwrap()
}

fn happening(run: &str, kind: NotificationKind) -> Activity {
    let state = match kind {
        NotificationKind::NeedsYou => ActivityState::Blocked,
        NotificationKind::Done => ActivityState::Done,
        NotificationKind::Failed => ActivityState::Failed,
    };
    activity(run, state)
}

/// What a receiver got.
struct Got {
    path: String,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Got {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A push service or a webhook: answers with these, then with 201.
struct Receiver {
    url: String,
    got: mpsc::UnboundedReceiver<Got>,
}

type Script = Arc<(mpsc::UnboundedSender<Got>, Mutex<VecDeque<u16>>)>;

impl Receiver {
    async fn start(answers: &[u16]) -> Self {
        let (got, received) = mpsc::unbounded_channel();
        let script: Script = Arc::new((got, Mutex::new(answers.iter().copied().collect())));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(receive).with_state(script);
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { url, got: received }
    }

    async fn next(&mut self) -> Got {
        timeout(PATIENCE, self.got.recv()).await.expect("a message").unwrap()
    }
}

async fn receive(State(script): State<Script>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 8_192).await.unwrap().to_vec();
    let got = Got { path: parts.uri.path().to_owned(), headers: parts.headers, body };
    let answer = script.1.lock().unwrap().pop_front().unwrap_or(201);
    script.0.send(got).ok();
    (StatusCode::from_u16(answer).unwrap(), [(header::RETRY_AFTER, "0")], "said").into_response()
}

/// A browser. Its key is good for one message, as the library has no other keys.
struct Browser {
    private: EphemeralPrivateKey,
    public: Vec<u8>,
}

const AUTH: [u8; 16] = [9; 16];

impl Browser {
    fn new() -> Self {
        let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let public = private.compute_public_key().unwrap().as_ref().to_vec();
        Self { private, public }
    }

    fn device(&self, endpoint: &str) -> Device {
        let p256dh = URL_SAFE_NO_PAD.encode(&self.public);
        let keys = DeviceKeys { p256dh, auth: URL_SAFE_NO_PAD.encode(AUTH) };
        Device { endpoint: endpoint.to_owned(), keys }
    }

    /// What RFC 8291 says that a browser does.
    fn decrypt(self, body: &[u8]) -> Value {
        let (salt, rest) = body.split_at(16);
        let (sender, sealed) = rest[5..].split_at(usize::from(rest[4]));
        let peer = UnparsedPublicKey::new(&ECDH_P256, sender);
        let shared = agree_ephemeral(self.private, &peer, <[u8]>::to_vec).unwrap();
        let info = [b"WebPush: info\0".as_slice(), &self.public, sender].concat();
        let ikm = derive(&AUTH, &shared, &info, 32);
        let key = derive(salt, &ikm, b"Content-Encoding: aes128gcm\0", 16);
        let nonce = derive(salt, &ikm, b"Content-Encoding: nonce\0", 12);
        let key = aead::LessSafeKey::new(aead::UnboundKey::new(&aead::AES_128_GCM, &key).unwrap());
        let nonce = aead::Nonce::try_assume_unique_for_key(&nonce).unwrap();
        let mut record = sealed.to_vec();
        let plain = key.open_in_place(nonce, aead::Aad::empty(), &mut record).unwrap();
        serde_json::from_slice(plain.strip_suffix(&[2]).unwrap()).unwrap()
    }
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn derive(salt: &[u8], ikm: &[u8], info: &[u8], length: usize) -> Vec<u8> {
    let mut key = vec![0; length];
    let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(ikm);
    prk.expand(&[info], Length(length)).unwrap().fill(&mut key).unwrap();
    key
}

struct Fixture {
    notifications: Arc<Notifications>,
    runs: broadcast::Sender<Activity>,
    db: ControllerDb,
    _dir: TempDir,
}

impl Fixture {
    async fn start(webhook: Option<WebhookConfig>) -> Self {
        let dir = TempDir::new().unwrap();
        let key = SecretKey::load_or_create(&dir.path().join("secret.key"), None).unwrap();
        let db = ControllerDb::open(&dir.path().join("controller.db"), key).await.unwrap();
        db.accept_token("ada", "ls_ada").await.unwrap();
        let session = AccessKey::of("lss_ada");
        db.open_session("ls_ada", session, Timestamp::now()).await.unwrap().unwrap();
        let mut config = Config::new(dir.path());
        (config.webhook, config.push_allow_private) = (webhook, true);
        let (runs, activity) = broadcast::channel(16);
        let notifications =
            Notifications::start(&config, db.clone(), activity, &Meters::default()).unwrap();
        Self { notifications, runs, db, _dir: dir }
    }

    async fn subscribe(&self, device: &Device, change: impl FnOnce(&mut PushRecord)) -> PushRecord {
        let mut record = PushRecord {
            subscription_id: SubscriptionId::random(),
            user: "ada".into(),
            device: serde_json::to_string(device).unwrap(),
            clients: Clients::All,
            label: "phone".into(),
            kinds: NotificationKind::ALL.into(),
            private: false,
            viewer_id: None,
            created_at: Timestamp::now(),
            last_delivered_at: None,
            last_error: None,
        };
        change(&mut record);
        let session = AccessKey::of("lss_ada");
        let put = self.db.put_subscription(&record, &device.endpoint, session, 20).await.unwrap();
        assert_eq!(put.as_ref(), Some(&record.subscription_id));
        record
    }

    fn happens(&self, run: &str, kind: NotificationKind) {
        self.runs.send(happening(run, kind)).unwrap();
    }

    async fn found(&self, record: &PushRecord) -> Option<PushRecord> {
        self.db.subscription(&record.subscription_id).await.unwrap()
    }
}

fn webhook(url: &str, kinds: &[NotificationKind]) -> WebhookConfig {
    WebhookConfig { url: format!("{url}/hook"), secret: Some("s3cret".into()), kinds: kinds.into() }
}

#[tokio::test]
async fn a_browser_reads_what_happened_and_the_push_service_who_sent_it() {
    let mut service = Receiver::start(&[]).await;
    let fixture = Fixture::start(None).await;
    let browser = Browser::new();
    fixture.subscribe(&browser.device(&format!("{}/a", service.url)), |_| {}).await;

    fixture.happens("run_1", NotificationKind::NeedsYou);

    let got = service.next().await;
    assert_eq!(
        (got.path.as_str(), got.header("urgency"), got.header("ttl")),
        ("/a", "high", "86400")
    );
    let (token, public) =
        got.header("authorization").strip_prefix("vapid t=").unwrap().split_once(", k=").unwrap();
    assert_eq!(public, fixture.notifications.push.public_key().await.unwrap());
    let (signed, sealed) = token.rsplit_once('.').unwrap();
    let decode = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, decode(public))
        .verify(signed.as_bytes(), &decode(sealed))
        .unwrap();
    let claims: Value = serde_json::from_slice(&decode(signed.split_once('.').unwrap().1)).unwrap();
    assert_eq!(claims["aud"], service.url);
    let told = browser.decrypt(&got.body);
    assert_eq!((&told["kind"], &told["message"]), (&"needs_you".into(), &"May I?".into()));
    fixture.notifications.close().await;
}

#[tokio::test]
async fn everybody_is_told_what_they_asked_for_and_nobody_who_looks() {
    let mut service = Receiver::start(&[]).await;
    let mut hook = Receiver::start(&[]).await;
    let fixture = Fixture::start(Some(webhook(
        &hook.url,
        &[NotificationKind::Done, NotificationKind::Failed],
    )))
    .await;
    let (asked, looks, private) = (Browser::new(), Browser::new(), Browser::new());
    let device = |browser: &Browser, path| browser.device(&format!("{}/{path}", service.url));
    fixture
        .subscribe(&device(&asked, "asked"), |record| {
            record.kinds = vec![NotificationKind::NeedsYou];
        })
        .await;
    let looking = fixture.subscribe(&device(&looks, "looks"), |_| {}).await;
    fixture.notifications.push.presence.set(&looking, "p", true);
    fixture
        .subscribe(&device(&private, "private"), |record| {
            (record.kinds, record.private) = (vec![NotificationKind::Failed], true);
        })
        .await;

    fixture.happens("run_1", NotificationKind::Done);
    fixture.happens("run_2", NotificationKind::Failed);
    let failed = service.next().await;
    fixture.happens("run_3", NotificationKind::NeedsYou);
    let needs_you = service.next().await;

    assert_eq!((failed.path.as_str(), failed.header("urgency")), ("/private", "normal"));
    let told = private.decrypt(&failed.body);
    assert_eq!((&told["kind"], &told["message"]), (&"failed".into(), &Value::Null));
    assert_eq!(needs_you.path, "/asked");
    assert_eq!(asked.decrypt(&needs_you.body)["runId"], "run_3");
    let mut told =
        [hook.next().await.json()["runId"].clone(), hook.next().await.json()["runId"].clone()];
    told.sort_by_key(ToString::to_string);
    assert_eq!(told, ["run_1", "run_2"], "the webhook did not ask for the third");
    fixture.notifications.push.presence.set(&looking, "p", false);
    fixture.happens("run_4", NotificationKind::Done);
    let next = service.next().await;
    assert_eq!(
        (next.path.as_str(), &looks.decrypt(&next.body)["runId"]),
        ("/looks", &"run_4".into())
    );
    fixture.notifications.close().await;
}

#[tokio::test]
async fn a_webhook_is_told_once_signed_and_again_under_the_same_id_when_it_was_busy() {
    let mut hook = Receiver::start(&[503]).await;
    let fixture = Fixture::start(Some(webhook(&hook.url, &NotificationKind::ALL))).await;

    for run in ["run_1", "run_1", "run_2"] {
        fixture.happens(run, NotificationKind::Done);
    }

    let mut deliveries = Vec::new();
    for _ in 0..3 {
        let got = hook.next().await;
        assert_eq!((got.path.as_str(), got.header("x-longshore-event")), ("/hook", "done"));
        let key = hmac::Key::new(hmac::HMAC_SHA256, b"s3cret");
        let signature: String =
            hmac::sign(&key, &got.body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(got.header("x-longshore-signature"), format!("sha256={signature}"));
        let run = got.json()["runId"].as_str().unwrap().to_owned();
        deliveries.push((run, got.header("x-longshore-delivery").to_owned()));
    }
    deliveries.sort();
    deliveries.dedup();
    let runs: Vec<_> = deliveries.iter().map(|(run, _)| run.as_str()).collect();
    assert_eq!(runs, ["run_1", "run_2"], "one id each: the third was the first again");
    fixture.notifications.close().await;
}

#[tokio::test]
async fn a_busy_push_service_is_asked_again() {
    let mut service = Receiver::start(&[429, 500]).await;
    let fixture = Fixture::start(None).await;
    let browser = Browser::new();
    fixture.subscribe(&browser.device(&service.url), |_| {}).await;

    fixture.happens("run_1", NotificationKind::Done);

    let bodies = [service.next().await.body, service.next().await.body, service.next().await.body];
    assert!(bodies.iter().all(|body| *body == bodies[0]));
    assert_eq!(browser.decrypt(&bodies[0])["runId"], "run_1");
    fixture.notifications.close().await;
}

#[tokio::test]
async fn a_test_says_what_came_of_it_and_a_browser_that_is_gone_is_forgotten() {
    let mut service = Receiver::start(&[201, 403, 410]).await;
    let fixture = Fixture::start(None).await;
    let browser = Browser::new();
    let record = fixture.subscribe(&browser.device(&service.url), |_| {}).await;
    let test = async || fixture.notifications.push.test(&record).await.unwrap();

    assert_eq!(test().await.unwrap().status, 201);
    let told = browser.decrypt(&service.next().await.body);
    assert_eq!((&told["kind"], &told["message"]), (&"test".into(), &"Notifications work.".into()));
    let delivered = fixture.found(&record).await.unwrap();
    assert!(delivered.last_delivered_at.is_some() && delivered.last_error.is_none());

    assert_eq!(said(&test().await), "403 said");
    let refused = fixture.found(&record).await.unwrap();
    assert_eq!(refused.last_error.as_deref(), Some("403 said"));
    assert_eq!(refused.last_delivered_at, delivered.last_delivered_at);

    assert_eq!(test().await.unwrap().status, 410);
    assert!(fixture.found(&record).await.is_none());
    fixture.notifications.close().await;
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused_at_the_start() {
    let fixture = Fixture::start(None).await;
    let refused = |change: fn(&mut Config)| {
        let mut config = Config::new("/nonexistent");
        change(&mut config);
        let error = Notifications::start(
            &config,
            fixture.db.clone(),
            fixture.runs.subscribe(),
            &Meters::default(),
        )
        .map(drop)
        .unwrap_err();
        format!("{error:#}")
    };

    let error = refused(|config| config.webhook = Some(webhook("ftp://x", &[])));
    assert!(error.contains("the address of the webhook"), "{error}");
    let error = refused(|config| config.push_contact = "me".into());
    assert!(error.contains("mailto:"), "{error}");
    fixture.notifications.close().await;
}
