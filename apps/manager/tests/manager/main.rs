//! The manager as a controller sees it: the real server on a free port, and a client that writes frames by hand.

#![expect(clippy::unwrap_used, reason = "what a test cannot go on without fails it")]

mod activity;
mod admin;
mod chat;
mod client;
mod connect;
mod fixture;
mod lifecycle;
mod login;
mod model;
mod replay;
mod terminals;
