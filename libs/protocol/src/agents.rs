//! Namespace `/agents`: controller ↔ manager, and the same inside `forward` and `forwardedEvent`.

mod commands;
mod conversations;
mod entries;
mod events;
mod head;
mod interactions;
mod isolated;

pub use commands::*;
pub use conversations::*;
pub use entries::*;
pub use events::*;
pub use head::*;
pub use interactions::*;
pub use isolated::*;
