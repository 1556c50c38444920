//! Ctrl-C and SIGTERM: the first asks for a clean stop, the second ends the process at once.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use anyhow::Context;
use gateway::Stop;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::hint::Status;

/// Exit status of a process that was told to stop before it was done, or twice.
const STOPPED: u8 = 130;

/// A token that is cancelled at the first signal.
///
/// # Errors
/// The signals cannot be caught.
pub fn on_signal() -> anyhow::Result<CancellationToken> {
    let mut interrupt = signal(SignalKind::interrupt()).context("catch SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("catch SIGTERM")?;
    let token = CancellationToken::new();
    let stop = token.clone();
    // Lives as long as the process, so nobody waits for it.
    tokio::spawn(async move {
        either(&mut interrupt, &mut terminate).await;
        tracing::info!("stopping");
        stop.cancel();
        either(&mut interrupt, &mut terminate).await;
        std::process::exit(STOPPED.into());
    });
    Ok(token)
}

/// The order to stop a server, which the first signal gives. Open runs may go on for `drain` then.
///
/// # Errors
/// The signals cannot be caught.
pub fn server(drain: Duration) -> anyhow::Result<Stop> {
    let (stop, signal) = (Stop::new(drain), on_signal()?);
    let ordered = stop.clone();
    // As above.
    tokio::spawn(async move {
        signal.cancelled().await;
        if stderr().is_terminal() {
            eprintln!("stopping, once what runs has ended; Ctrl-C ends it at once");
        }
        ordered.order(None, false);
    });
    Ok(stop)
}

/// What comes of the work, unless the first signal comes before it has ended.
///
/// # Errors
/// Those of the work; or [`Status`], when it was stopped.
pub(crate) async fn unless_stopped<T>(
    stop: &CancellationToken,
    work: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    tokio::select! {
        done = work => done,
        () = stop.cancelled() => Err(Status(STOPPED).into()),
    }
}

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_done_or_stopped() {
        let stop = CancellationToken::new();
        assert_eq!(unless_stopped(&stop, async { Ok(1) }).await.unwrap(), 1);

        stop.cancel();
        let error = unless_stopped::<()>(&stop, std::future::pending()).await.unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Status(130)));
    }
}
