//! Where an agent's program runs.

mod child;
pub(crate) mod container;
pub(crate) mod environment;
pub(crate) mod families;
mod outgoing;
pub(crate) mod process;
pub(crate) mod processes;
pub(crate) mod program;
