//! Ctrl-C and SIGTERM: the first asks for a clean stop, the second ends the process at once.

use anyhow::Context;
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

async fn either(interrupt: &mut Signal, terminate: &mut Signal) {
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
