//! Where an agent's program runs.

pub(crate) mod environment;
pub(crate) mod process;
