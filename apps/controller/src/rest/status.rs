//! How the controller is, for whatever watches over it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{Extensions, HeaderMap};
use axum::response::Response;
use gateway::listen::peer_of;
use gateway::metrics as page;
use gateway::ready::{self, Check};
use protocol::{ErrorCode, Timestamp};
use store::free_bytes;

use super::answer::Failure;
use crate::access;
use crate::audit::{Actor, Event};
use crate::error::Error;
use crate::guesses;
use crate::server::Server;

/// With less on the disk it is about to be full.
const LOW_DISK: u64 = 64 << 20;
/// 2024-01-01: a clock before that was never set.
const SANE: u64 = 1_704_067_200_000;

/// The process is there.
pub(super) async fn health() -> Response {
    ready::health("controller", env!("CARGO_PKG_VERSION"))
}

/// Whether it can serve. With its managers away it still does: it says so, and shows what it has; taken out of a load
/// balancer, all controllers would be away with one manager.
pub(super) async fn ready(State(server): State<Arc<Server>>) -> Response {
    let stopping = server.stop.ordered().is_some();
    let serving = if stopping { Err("it is stopping".to_owned()) } else { Ok(()) };
    let disk = match free_bytes(&server.data_dir) {
        Some(free) if free < LOW_DISK => Err(format!("{} MiB are free", free >> 20)),
        _ => Ok(()),
    };
    let clock = Timestamp::now().as_millis();
    let clock = if clock < SANE { Err("it was never set".to_owned()) } else { Ok(()) };
    let (connected, all) = server.remotes.count();
    let managers = match connected {
        connected if connected < all => Err(format!("{connected} of {all} are connected")),
        _ => Ok(()),
    };
    ready::answer(&[
        Check::required("serving", serving),
        Check::required("store", server.db.ready().await),
        Check::optional("disk", disk),
        Check::optional("clock", clock),
        Check::optional("managers", managers),
    ])
}

/// For whoever shows a token of all clients, unless it is for everybody: it tells how much goes on.
pub(super) async fn metrics(
    State(server): State<Arc<Server>>,
    extensions: Extensions,
    headers: HeaderMap,
) -> Result<Response, Failure> {
    if !server.metrics_public {
        may_read(&server, &extensions, &headers).await?;
    }
    server.meters.look(&server);
    Ok(page::page(&server.registry))
}

/// What is shown is counted as anywhere else, or it would be guessed here.
async fn may_read(
    server: &Server,
    extensions: &Extensions,
    headers: &HeaderMap,
) -> Result<(), Failure> {
    let peer = peer_of(extensions);
    let shown = server.shown(headers).await;
    let attempt = shown.map(|secret| guesses::attempt(extensions, &secret));
    let attempt = attempt.transpose()?.flatten();
    let event = Event::Call("GET /metrics".to_owned());
    let admitted = server.admit(access::bearer(headers), headers, peer).await;
    if let Some(attempt) = attempt {
        match &admitted {
            Ok(_) => attempt.succeeded(),
            Err(Error::Unauthorized) => attempt.failed(),
            Err(_) => {}
        }
    }
    let caller = admitted.inspect_err(|_| {
        let stranger = Actor::stranger(peer.map(|peer| peer.ip()));
        server.audit.refused(stranger, &event, ErrorCode::Unauthorized);
    })?;
    caller.sees_all().inspect_err(|_| {
        server.audit.refused(&caller, &event, ErrorCode::Forbidden);
    })?;
    Ok(())
}
