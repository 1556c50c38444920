//! Ctrl-C and SIGTERM: the first asks for a clean stop, the second ends the process at once.

use std::io::{IsTerminal, stderr};
use std::time::Duration;

use anyhow::Context;
use gateway::Stop;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Exit status of a process that was told twice.
const KILLED: i32 = 130;

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
        std::process::exit(KILLED);
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

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
