//! Namespace `/agents`: controller ↔ manager, and the same inside `forward` and `forwardedEvent`.

mod commands;
mod entries;
mod events;
mod head;

pub use commands::*;
pub use entries::*;
pub use events::*;
pub use head::*;
