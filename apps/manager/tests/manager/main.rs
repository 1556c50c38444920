//! The manager as a controller sees it: the real server on a free port, and a client that writes frames by hand.

mod admin;
mod chat;
mod client;
mod connect;
mod fixture;
mod lifecycle;
mod login;
mod replay;
