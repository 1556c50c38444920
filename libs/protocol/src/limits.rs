//! Sizes and counts that both ends of the wire hold to.

/// Largest message from a user, in bytes of UTF-8.
pub const MAX_MESSAGE: usize = 1 << 20;
/// Largest WebSocket message either way, in bytes.
pub const MAX_FRAME: usize = 8 << 20;
/// Largest body of one stored entry, in bytes of JSON.
pub const MAX_ENTRY: usize = 4 << 20;
/// Longest line taken whole from an agent, in bytes; of a longer one the head is kept.
pub const MAX_LINE: usize = 4 << 20;
/// Runs that may wait in one conversation.
pub const MAX_QUEUED_RUNS: usize = 100;
/// Entries in one page of history, at most and by default within replay.
pub const PAGE: usize = 500;
/// Entries that the controller keeps of a conversation's tail.
pub const TAIL_ENTRIES: usize = 1_000;
/// Bytes that the controller keeps of a conversation's tail.
pub const TAIL_BYTES: usize = 1 << 20;
