//! The controller: people on one side, managers on the other.
//!
//! It keeps one `remote` for each registered manager, viewers or not: a task that owns the link, the logins of agents
//! and the cached tails of their logs. A `viewer` is one connection to namespace `/clients`; what it follows it reads from
//! those tails with a cursor of its own. Payloads pass through as the bytes that came. `rest` registers managers
//! and agents. `console` serves the browser console; `access` says who is let in, with a token or in a session, and who may do what; `audit` writes down who did; `seats` ends their connections with them.
//! `notifications` tell people who do not look.

mod access;
mod activity;
mod allowances;
mod audience;
mod audit;
mod config;
mod console;
mod controller;
mod correlate;
mod credentials;
mod error;
mod guesses;
mod handle;
mod meters;
mod notifications;
mod owner;
mod pages;
mod remote;
mod remotes;
mod rest;
#[cfg(test)]
mod scripted;
mod seats;
mod server;
mod usage;
mod viewer;

pub use config::{Config, WebhookConfig};
pub use controller::{Controller, Usage, serve};
pub use handle::Handle;
