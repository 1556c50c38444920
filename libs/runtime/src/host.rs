//! Where an agent's program runs.

pub(crate) mod environment;
pub(crate) mod families;
pub(crate) mod process;
pub(crate) mod processes;
pub(crate) mod program;
