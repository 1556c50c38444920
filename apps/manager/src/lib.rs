//! The manager: one machine with its agents, their conversations and the log of each.
//!
//! A controller connects to namespace `/agents` with the API key. `connection` keeps what one connection is logged
//! in to and hands its commands to `commands`; `conversations` knows those of an agent; a `conversation` is one task
//! that owns a log, its queue of runs and the agent's sessions, stores first and shows then; `isolated` runs are beside
//! all that. [`Manager`] starts and stops it all.

mod activity;
mod agent;
mod agents;
mod api_key;
mod attempts;
mod audience;
mod call;
mod claims;
mod commands;
mod config;
mod connection;
mod conversation;
mod conversations;
mod environment;
mod error;
mod filters;
mod handle;
mod history;
mod http;
mod isolated;
mod janitor;
mod manager;
mod memory;
mod meters;
mod names;
mod pace;
mod passwords;
mod progress;
mod resume;
mod server;
mod terminals;
mod watchers;

pub use config::Config;
pub use handle::Handle;
pub use manager::{Manager, Usage, serve};
