//! What a session's task waits for, whatever its codec. Cancel safe, all of it.

use std::future::pending;
use std::time::Duration;

use protocol::RunId;
use protocol::spec::AgentSpec;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::host::process::{Activity, Process};
use crate::session;

/// An instant, if there is one.
pub(super) async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => pending().await,
    }
}

/// What the program does next, if one runs.
pub(super) async fn activity(process: Option<&mut Process>) -> Activity {
    match process {
        Some(process) => process.next().await,
        None => pending().await,
    }
}

/// That a turn is cancelled, if there is one that does not know it yet.
pub(super) async fn cancelled(signal: &mut watch::Receiver<Option<RunId>>, turn: Option<&RunId>) {
    match turn {
        Some(run) => session::cancelled(signal, run).await,
        None => pending().await,
    }
}

/// How long a program may be silent in a turn before people are told; none for ever.
pub(super) fn patience(spec: &AgentSpec) -> Option<Duration> {
    Some(Duration::from_secs(spec.silence_secs.into())).filter(|silence| !silence.is_zero())
}

/// What they are told.
pub(super) fn silent(program: &str, since: Instant) -> String {
    format!("{program} has said nothing for {} s", since.elapsed().as_secs())
}
