//! Lines from stdin.

use std::io::BufRead;

use tokio::sync::mpsc;

/// Lines that wait to be sent. A pipe is read no faster than its lines are answered.
const WAITING: usize = 1;

/// The lines of stdin; the channel ends with them.
///
/// A thread of its own, because a read of stdin cannot be cancelled and must not hold up the exit.
pub(super) fn lines() -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel(WAITING);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            let Ok(line) = line else { return };
            if send.blocking_send(line).is_err() {
                return;
            }
        }
    });
    receive
}
