//! The task of a terminal.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use protocol::agents::TerminalEnd;
use runtime::{Shown, Size};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::Terminal;
use crate::conversation::Key;
use crate::pace::Pace;

/// How long what runs in a terminal has to end before it is killed. Nobody sees what it says in that time.
const HANG_UP: Duration = Duration::from_millis(500);

/// What a terminal is told.
#[derive(Debug)]
pub(super) struct Inbox {
    pub(super) inputs: mpsc::Receiver<String>,
    pub(super) size: watch::Receiver<Size>,
    pub(super) seats: watch::Receiver<HashSet<Key>>,
    pub(super) end: watch::Receiver<Option<TerminalEnd>>,
}

/// Runs a terminal to its end: how its program exited, and why.
pub(super) async fn run(
    terminal: &Terminal,
    pace: &Pace,
    grace: Duration,
    mut program: runtime::Terminal,
    mut inbox: Inbox,
) -> (Option<i32>, TerminalEnd) {
    let mut read_on = Instant::now();
    let mut unwatched = None;
    inbox.seats.mark_changed();
    loop {
        // Not read sooner: the program waits, as it does for every terminal that is slower than it.
        let can_type = !program.is_writing();
        let shown = async {
            sleep_until(read_on).await;
            program.next().await
        };
        tokio::select! {
            end = ended(&mut inbox.end) => {
                program.end(HANG_UP).await;
                return (None, end);
            }
            Ok(()) = inbox.seats.changed() => {
                let is_watched = !inbox.seats.borrow_and_update().is_empty();
                unwatched = if is_watched { None } else { unwatched.or(Some(Instant::now())) };
            }
            () = until(unwatched.map(|since| since + grace)) => {
                terminal.close(TerminalEnd::Unwatched);
            }
            Ok(()) = inbox.size.changed() => program.resize(*inbox.size.borrow_and_update()),
            shown = shown => match shown {
                Shown::Output(text) => {
                    terminal.scroll.append(&text);
                    read_on = pace.shown(text.len());
                }
                Shown::Exited(code) => return (code, TerminalEnd::Exited),
            },
            Some(input) = inbox.inputs.recv(), if can_type => {
                terminal.waiting.fetch_sub(input.len(), Ordering::Relaxed);
                program.write(input);
            }
        }
    }
}

/// Resolves when it is to end.
async fn ended(end: &mut watch::Receiver<Option<TerminalEnd>>) -> TerminalEnd {
    let told = end.wait_for(Option::is_some).await.ok().and_then(|end| *end);
    // The handle outlives the task.
    told.unwrap_or(TerminalEnd::Lost)
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}
