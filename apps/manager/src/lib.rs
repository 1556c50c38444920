//! The manager: one machine with its agents, their conversations and the log of each.
//!
//! A controller connects to namespace `/agents` with the API key. `connection` keeps what one connection is logged
//! in to and hands its commands to `commands`; a `conversation` is one task that owns a log, its queue of runs and
//! the agent's session, stores first and shows then. [`Manager`] starts and stops it all.

mod agent;
mod agents;
mod api_key;
mod attempts;
mod call;
mod commands;
mod config;
mod connection;
mod conversation;
mod error;
mod history;
mod http;
mod manager;
mod open_runs;
mod passwords;
mod resume;
mod server;

pub use config::Config;
pub use manager::{Manager, serve};
