//! The server side of a Socket.IO namespace, for controller and manager alike.
//!
//! [`server`] accepts connections that the [`gate`] has a place for, by [`tls`] or not, and ends those that do not read, [`listen`]; [`namespace`] lets clients in by their [`handshake`] and hands
//! their commands on in wire order, as the bytes that came ([`inbox`]); an [`outbox`] is the one writer of a connection and feeds it from
//! [`feed`]s, shared [`tail`]s of logs, from [`history`] further back, and from [`scroll`]s, what terminals have shown. [`notices`] are for everybody who is connected;
//! [`stop`] says that a server is to end; [`Meters`] count, [`metrics`] and [`ready`] tell how it is. Who is allowed what is not decided here.

mod bell;
mod deadline;
pub mod feed;
pub mod gate;
pub mod handshake;
pub mod history;
pub mod inbox;
pub mod item;
pub mod listen;
mod live;
mod meters;
pub mod metrics;
pub mod namespace;
pub mod notices;
pub mod outbox;
pub mod rate;
pub mod ready;
pub mod scroll;
pub mod server;
pub mod sink;
pub mod stop;
pub mod tail;
pub mod tls;

pub use feed::Feed;
pub use gate::{Bounds, Gate};
pub use handshake::{Handshake, Unwelcome};
pub use history::{BoxFuture, History, NoHistory, Page};
pub use inbox::{Command, Commands, Reply};
pub use item::Item;
pub use listen::Peer;
pub use meters::Meters;
pub use namespace::{Connection, Service, mount};
pub use notices::{Hearing, Notices};
pub use outbox::{Message, Outbox, Start, raw};
pub use rate::Allowance;
pub use scroll::Scroll;
pub use sink::Envelope;
pub use stop::{Order, Stop};
pub use tail::Limits;
pub use tls::Tls;
