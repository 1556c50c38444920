//! Agents as processes and in containers.
//!
//! A [`Session`] is one agent in one conversation: prompts go in, [`AgentEvent`]s come out. What
//! is behind it is two independent choices of the agent's configuration: the host (where its
//! program runs) and the codec (what its stdin and stdout mean). The crate knows nothing of
//! sockets and of the store.
//!
//! Within a turn the order is: deltas and notes as they happen, then the answer, then the end.
//! Nothing of a turn follows its [`AgentEvent::Ended`].

mod codec;
mod control;
mod event;
mod flow;
mod framing;
#[cfg(fuzzing)]
pub mod fuzzing;
mod host;
mod session;
mod site;
mod size;

pub use control::{Ask, InteractionAnswer};
pub use event::{AgentEvent, Outcome};
pub use flow::Events;
pub use host::container::{ContainerRules, Containers, Fate, MountRefused, NotAllowed, Stopping};
pub use session::{Graces, NotTold, Session, Stopped};
pub use site::{Place, Stay};
pub use size::parts;
