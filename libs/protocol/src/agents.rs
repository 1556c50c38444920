//! Namespace `/agents`: controller ↔ manager, and the same inside `forward` and `forwardedEvent`.

mod activity;
mod commands;
mod conversations;
mod entries;
mod environment;
mod events;
mod files;
mod head;
mod interactions;
mod isolated;
mod terminals;
mod watching;

pub use activity::*;
pub use commands::*;
pub use conversations::*;
pub use entries::*;
pub use environment::*;
pub use events::*;
pub use files::*;
pub use head::*;
pub use interactions::*;
pub use isolated::*;
pub use terminals::*;
pub use watching::*;
