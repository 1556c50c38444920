//! Sizes and counts that both ends of the wire hold to.

/// Largest message from a user, in bytes of UTF-8.
pub const MAX_MESSAGE: usize = 1 << 20;
/// Largest WebSocket message either way, in bytes.
pub const MAX_FRAME: usize = 8 << 20;
/// Largest body of one stored entry, in bytes of JSON.
pub const MAX_ENTRY: usize = 4 << 20;
/// Longest line taken whole from an agent, in bytes; of a longer one the head is kept.
pub const MAX_LINE: usize = 4 << 20;
/// Longest name of a conversation, in characters.
pub const MAX_NAME: usize = 256;
/// Conversations in one answer to `listConversations`.
pub const MAX_LISTED: usize = 1_000;
/// Messages in one `insertHistory`.
pub const MAX_INSERTED: usize = 500;
/// Present connections up to which each that comes or goes is told to the others.
pub const MAX_ANNOUNCED: usize = 64;
/// Longest input to a terminal in one command, in bytes.
pub const MAX_INPUT: usize = 64 << 10;
/// Most columns or rows of a terminal.
pub const MAX_SIDE: u32 = 1_000;
/// Output that is kept of a terminal for those who come or lag behind, in bytes.
pub const SCROLLBACK: usize = 256 << 10;
/// Terminals that an agent may have.
pub const MAX_TERMINALS_OF_AGENT: usize = 8;
/// Terminals that a manager may have.
pub const MAX_TERMINALS: usize = 64;
/// Longest path of a file, in bytes.
pub const MAX_PATH: usize = 4_096;
/// Largest part of a file that is read at once, in bytes.
pub const MAX_READ: usize = 1 << 20;
/// Largest file that is written, in bytes.
pub const MAX_WRITE: usize = 4 << 20;
/// Files in one page of a directory.
pub const PAGE_FILES: usize = 1_000;
/// Variables of an agent's environment that can be set.
pub const MAX_VARIABLES: usize = 256;
/// Longest value of such a variable, in bytes.
pub const MAX_VALUE: usize = 64 << 10;
/// Interactions of one conversation that may be open.
pub const MAX_INTERACTIONS: usize = 100;
/// Runs in sessions of their own that an agent may have at once, unless it is configured otherwise.
pub const PARALLEL_RUNS: u32 = 4;
/// Runs that may wait in one conversation.
pub const MAX_QUEUED_RUNS: usize = 100;
/// Entries in one page of history, at most and by default within replay.
pub const PAGE: usize = 500;
/// Entries that the controller keeps of a conversation's tail.
pub const TAIL_ENTRIES: usize = 1_000;
/// Bytes that the controller keeps of a conversation's tail.
pub const TAIL_BYTES: usize = 1 << 20;
/// Bytes that a server keeps of all tails together; beyond, each keeps 16 KiB and its newest item.
pub const TAILS_BYTES: usize = 256 << 20;
/// Shortest time between two of what a viewer is told by the clock, in milliseconds.
pub const SHORTEST_INTERVAL_MS: u64 = 250;
/// That time when a viewer does not say, in milliseconds.
pub const USUAL_INTERVAL_MS: u64 = 5_000;
/// Longest such time, in milliseconds.
pub const LONGEST_INTERVAL_MS: u64 = 60_000;
/// Beginning of a message that `runActivity` has, in characters.
pub const MAX_EXCERPT: usize = 200;
/// Longest time that open runs may go on once a server has been told to stop, in milliseconds.
pub const LONGEST_DRAIN_MS: u64 = 3_600_000;
