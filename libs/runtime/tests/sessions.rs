//! Sessions as a conversation uses them: the built-in agent, and programs that every system has.

mod sessions {
    mod answers;
    mod cancel;
    mod echo;
    mod exits;
    mod isolation;
    pub(crate) mod support;
}
