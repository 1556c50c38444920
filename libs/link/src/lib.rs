//! The resumable Socket.IO connection to a server: controller to manager (`/agents`) and command line to controller
//! (`/clients`).
//!
//! [`Link::open`] starts one task that connects, and connects again for as long as the link is open, by the law of
//! [`backoff`]. What happens is told by [`Signal`]s. After each connect the owner gets a [`Session`] to log in and resume
//! with; ordinary [`Link::call`]s wait until it is done.
//!
//! A link goes only where its [`Reach`] allows, and trusts whom its [`Trust`] says.
//!
//! WebSocket only, Socket.IO protocol 5 over Engine.IO 4. Nothing but the credentials goes out before the server has let
//! the link in. `ARCHITECTURE.md` says why this is no library.

pub mod backoff;
mod book;
mod endpoint;
mod handle;
mod meters;
mod packet;
mod pump;
mod reach;
pub mod transport;
mod trust;
mod worker;

pub use endpoint::{Endpoint, InvalidEndpoint};
pub use handle::{Answer, Call, CallError, Link, Session, Signal, WhenDown, arguments};
pub use meters::Meters;
#[cfg(fuzzing)]
pub use packet::rewrite;
pub use reach::{OutOfReach, Reach};
pub use trust::{Trust, Unusable};
