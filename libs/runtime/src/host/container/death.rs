//! Seeing that a container has died, also when its engine says nothing.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use tokio::io::unix::AsyncFd;
use tokio::time::{Interval, MissedTickBehavior, interval};

use super::engine::{Engine, EngineError, Known, State};

/// How often the engine is asked when the kernel cannot be.
const ASKING: Duration = Duration::from_secs(1);

/// Watches over a container.
#[derive(Debug)]
pub(super) enum Death {
    /// Its first process is a process of this machine, which the kernel tells the end of.
    Seen(AsyncFd<OwnedFd>),
    /// The engine is elsewhere, or this is a container itself: all that can be done is to ask.
    Asked(Interval),
}

impl Death {
    /// Watches that process.
    pub(super) fn of(container: &Known) -> Self {
        match container.pid.and_then(|pid| open(pid, &container.id)) {
            Some(watched) => Self::Seen(watched),
            None => {
                let mut asking = interval(ASKING);
                asking.set_missed_tick_behavior(MissedTickBehavior::Delay);
                Self::Asked(asking)
            }
        }
    }

    /// Resolves when it has died. Cancel safe.
    pub(super) async fn wait(&mut self, engine: &Engine, container: &str) {
        match self {
            Self::Seen(watched) => {
                // Readable for ever once it is; an error would be the same for ever, too.
                watched.readable().await.ok();
            }
            Self::Asked(asking) => loop {
                asking.tick().await;
                match engine.inspect_within(ASKING, container).await {
                    Ok(known) if known.state != State::Running => return,
                    Err(EngineError::Missing(_)) => return,
                    Ok(_) | Err(_) => {}
                }
            },
        }
    }

    /// Whether it has died for certain.
    pub(super) fn has_come(&self) -> bool {
        let now = Timespec::default();
        match self {
            Self::Seen(watched) => {
                matches!(poll(&mut [PollFd::new(watched, PollFlags::IN)], Some(&now)), Ok(1..))
            }
            Self::Asked(_) => false,
        }
    }
}

fn open(pid: i32, container: &str) -> Option<AsyncFd<OwnedFd>> {
    let watched = pidfd_open(Pid::from_raw(pid)?, PidfdFlags::NONBLOCK).ok()?;
    // Another machine's number, or one that was given away meanwhile, is somebody else's here. The control groups of a
    // container carry its id.
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let is_it = !container.is_empty() && groups.contains(container);
    is_it.then(|| register(watched)).flatten()
}

#[expect(
    deprecated,
    reason = "its replacement is unsafe, for descriptors that may change while it has them; an OwnedFd cannot"
)]
fn register(watched: OwnedFd) -> Option<AsyncFd<OwnedFd>> {
    AsyncFd::new(watched).ok()
}
