//! Agents as processes and in containers.
//!
//! A [`Session`] is one agent in one conversation: prompts go in, [`AgentEvent`]s come out. What
//! is behind it is two independent choices of the agent's configuration: the host (where its
//! program runs) and the codec (what its stdin and stdout mean). The crate knows nothing of
//! sockets and of the store.
//!
//! What is done where an agent's program runs, besides it, is a [`Place`]: terminals, files and statistics.
//!
//! Within a turn the order is: deltas and notes as they happen, then the answer, then the end.
//! Nothing of a turn follows its [`AgentEvent::Ended`].

mod checkup;
mod codec;
mod control;
mod event;
mod files;
mod flow;
mod framing;
#[cfg(fuzzing)]
pub mod fuzzing;
mod host;
mod meter;
mod meters;
mod place;
mod session;
mod site;
mod size;
mod terminal;

pub use checkup::{Checkup, check};
pub use control::{Ask, InteractionAnswer};
pub use event::{AgentEvent, Outcome};
pub use files::{FileError, Files};
pub use flow::Events;
pub use host::container::{ContainerRules, Containers, Fate, MountRefused, NotAllowed, Stopping};
pub use meter::Meter;
pub use meters::Meters;
pub use place::{Contained, Place, StartError, Unsupported};
pub use session::{Graces, NotTold, Session, Stopped};
pub use site::{Home, Stay};
pub use size::parts;
pub use terminal::{Shell, Shown, Size, Terminal};
