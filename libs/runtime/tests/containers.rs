//! Agents in containers of a real engine: `make docker-test` starts one and runs these.

#![allow(clippy::unwrap_used)] // the helpers around the tests are tests, too

mod containers {
    mod bounds;
    mod chat;
    mod dialects;
    mod ends;
    mod flood;
    mod keeping;
    mod places;
    mod starts;
    #[allow(dead_code, reason = "has more than these tests need")]
    #[path = "../sessions/support.rs"]
    pub(crate) mod support;
    pub(crate) mod yard;
}
