//! Where an agent's program runs.

mod environment;
pub(crate) mod process;
pub(crate) mod program;
