//! Where an agent's program runs.

mod child;
pub(crate) mod container;
mod environment;
mod outgoing;
pub(crate) mod process;
pub(crate) mod program;
