//! End-to-end tests and the rules of the workspace.
//!
//! `tests/layering.rs` holds the crates to their import table, `tests/interop.rs` talks to both tiers with
//! a Socket.IO client of other people. `js/` does so with the official JavaScript client and `python/` with
//! the Python one; both start the real binary.

pub mod shim;
pub mod socket;
