//! Every event, id and error of longshore, once. No I/O.
//!
//! [`names`], [`ids`], [`time`], [`access`] and [`error`] are the vocabulary; [`agents`] holds the payloads of namespace
//! `/agents`, [`clients`] those of `/clients` and [`lifecycle`] those of both; [`catalogue`] lists every message, and
//! [`document`] writes `asyncapi.yaml` and the TypeScript types from it.

pub mod access;
pub mod agents;
pub mod catalogue;
pub mod clients;
pub mod document;
pub mod error;
pub mod ids;
pub mod lifecycle;
pub mod limits;
pub mod names;
pub mod notifications;
pub mod spec;
pub mod time;
pub mod trace;

pub use access::{Clients, Role};
pub use error::{Ack, ErrorCode, WireError};
pub use ids::{
    AgentId, ClientId, ConnectionId, ConversationId, CorrelationId, EntryId, Epoch, InteractionId,
    InvalidId, MessageId, RunId, Seq, SessionId, SubscriptionId, TokenId, ViewerId,
};
pub use notifications::NotificationKind;
pub use time::Timestamp;
pub use trace::TraceParent;
