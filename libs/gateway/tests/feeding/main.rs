//! Outboxes that follow feeds, with a socket in memory: whatever happens, each follower sees the log once and in order.

// Helpers of tests are tests; clippy sees only the functions that are marked.
#![allow(clippy::unwrap_used)]

mod random;
mod replay;
mod runs;
mod support;
mod text;
