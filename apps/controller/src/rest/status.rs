//! How the controller is, for whatever watches over it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use gateway::listen::peer_of;
use gateway::metrics as page;
use gateway::ready::{self, Check};
use protocol::{ErrorCode, Timestamp};
use store::free_bytes;

use super::answer::Failure;
use crate::access;
use crate::audit::{Actor, Event};
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
    request: Request,
) -> Result<Response, Failure> {
    if !server.metrics_public {
        let (headers, peer) = (request.headers(), peer_of(request.extensions()));
        let admitted = server.admit(access::bearer(headers), headers, peer).await;
        let caller = admitted.inspect_err(|_| {
            let stranger = Actor::stranger(peer.map(|peer| peer.ip()));
            let event = Event::Call("GET /metrics".to_owned());
            server.audit.refused(stranger, &event, ErrorCode::Unauthorized);
        })?;
        caller.sees_all()?;
    }
    server.meters.look(&server);
    Ok(page::page(&server.registry))
}
