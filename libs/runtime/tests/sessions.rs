//! Sessions as a conversation uses them: the built-in agent, and programs that every system has.

#![allow(clippy::unwrap_used)] // the helpers around the tests are tests, too

mod sessions {
    mod answers;
    mod cancel;
    mod control;
    mod dialects;
    mod echo;
    mod exits;
    mod isolation;
    pub(crate) mod support;
}
