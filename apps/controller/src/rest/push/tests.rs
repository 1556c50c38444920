use axum::Router;
use axum::body::Body as Bytes;
use axum::http::{Method, Request};
use store::{AccessKey, ControllerDb, SecretKey};
use tempfile::TempDir;
use tower::ServiceExt;

use super::super::router;
use super::*;
use crate::config::Config;

/// Of two users, each with a token that is their name.
struct Api {
    router: Router,
    _dir: TempDir,
}

impl Api {
    async fn start() -> Self {
        let dir = TempDir::new().unwrap();
        let key = SecretKey::load_or_create(&dir.path().join("secret.key"), None).unwrap();
        let db = ControllerDb::open(&dir.path().join("controller.db"), key).await.unwrap();
        for user in ["ada", "bob"] {
            db.accept_token(user, user).await.unwrap();
            let session = AccessKey::of(&format!("lss_{user}"));
            db.open_session(user, session, Timestamp::now()).await.unwrap().unwrap();
        }
        let server = Server::new(&Config::new(dir.path()), db).unwrap();
        Self { router: router(Arc::new(server)), _dir: dir }
    }

    async fn ask(&self, user: &str, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("/api/push/subscriptions{path}"))
            .header("host", "box")
            // As if another server of the host had set one for a longer path.
            .header("cookie", format!("longshore_80=x; longshore_80=lss_{user}"))
            .header("content-type", "application/json")
            .body(Bytes::from(body.to_string()))
            .unwrap();
        self.send(request).await
    }

    async fn send(&self, request: Request<Bytes>) -> (u16, Value) {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = axum::body::to_bytes(response.into_body(), 1 << 16).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }
}

fn subscription() -> Value {
    let p256dh =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    let keys = json!({ "p256dh": p256dh, "auth": "BTBZMqHH6r4Tts7J_aSIgg" });
    let device = json!({ "endpoint": "https://push.example.com/x", "keys": keys });
    json!({ "subscription": device, "kinds": ["done"] })
}

#[tokio::test]
async fn nobody_sees_or_touches_what_is_another_users() {
    let api = Api::start().await;
    let (status, added) = api.ask("ada", Method::POST, "", subscription()).await;
    assert_eq!((status, &added["label"]), (201, &json!("Browser")));
    let of_ada = format!("/{}", added["id"].as_str().unwrap());

    for (method, path, body) in [
        (Method::PATCH, of_ada.clone(), json!({ "private": true })),
        (Method::POST, format!("{of_ada}/test"), Value::Null),
        (Method::PUT, format!("{of_ada}/presence"), json!({ "visible": true })),
    ] {
        let (status, answer) = api.ask("bob", method, &path, body).await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (404, &json!("SUBSCRIPTION_NOT_FOUND")),
            "{path}"
        );
    }
    assert_eq!(
        api.ask("bob", Method::DELETE, &of_ada, Value::Null).await.0,
        204,
        "it is not there"
    );
    assert_eq!(api.ask("bob", Method::GET, "", Value::Null).await.1, json!({ "items": [] }));
    assert_eq!(api.ask("eve", Method::GET, "", Value::Null).await.0, 401);

    let items = api.ask("ada", Method::GET, "", Value::Null).await.1;
    assert_eq!(items, json!({ "items": [added] }));
}

#[tokio::test]
async fn who_shows_a_token_cannot_subscribe() {
    let api = Api::start().await;
    let request = Request::post("/api/push/subscriptions")
        .header("authorization", "Bearer ada")
        .header("host", "box")
        .header("cookie", "longshore_80=lss_ada")
        .header("content-type", "application/json")
        .body(Bytes::from(subscription().to_string()))
        .unwrap();

    let (status, answer) = api.send(request).await;

    assert_eq!((status, &answer["error"]["code"]), (403, &json!("FORBIDDEN")));
    assert_eq!(api.ask("ada", Method::GET, "", Value::Null).await.1, json!({ "items": [] }));
}

#[tokio::test]
async fn what_the_router_refuses_is_told_as_every_other_error() {
    let api = Api::start().await;

    for (method, path, status, code) in [
        (Method::PATCH, "/%ff", 400, "INVALID_PAYLOAD"),
        (Method::PUT, "", 405, "UNKNOWN_EVENT"),
        (Method::GET, "/a/b/c", 404, "UNKNOWN_EVENT"),
    ] {
        let (answered, answer) = api.ask("ada", method, path, json!({})).await;
        assert_eq!((answered, &answer["error"]["code"]), (status, &json!(code)), "{path}");
    }
}
