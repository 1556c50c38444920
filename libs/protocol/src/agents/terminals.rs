//! Terminals in an agent's environment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, ConversationId, SessionId};
use crate::limits::{MAX_INPUT, MAX_SIDE};
use crate::time::Timestamp;

/// `createTerminal`: start a shell in the agent's environment, and watch it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateTerminal {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The terminal's id, which no terminal has had before; without one, the server makes one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<SessionId>,
    /// For an agent that has a container for each conversation: in which. Without it, in that of the conversation `default`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The program: a path, or a name looked up on the PATH. Without one, the agent's `SHELL`, else `/bin/sh`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// Columns, 1 to 1,000; 80 without.
    #[schemars(range(min = 1, max = MAX_SIDE))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cols: Option<u32>,
    /// Rows, 1 to 1,000; 24 without.
    #[schemars(range(min = 1, max = MAX_SIDE))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u32>,
}

/// A terminal: what `createTerminal` and `joinTerminal` answer, what `terminalCreated` tells.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TerminalInfo {
    /// The agent.
    pub agent_id: AgentId,
    /// The terminal.
    pub session_id: SessionId,
    /// The program in it.
    pub shell: String,
    /// Columns.
    pub cols: u32,
    /// Rows.
    pub rows: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// How far its output has got: the `offset` of what comes next.
    pub offset: u64,
}

/// `joinTerminal`: watch a terminal. What is left of its output comes first, then what is new.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JoinTerminal {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The terminal.
    pub session_id: SessionId,
    /// Begin here: one `offset` plus the bytes of its `data`, of the output that the caller has. Without it, or with one
    /// that the terminal has not reached, begin with the oldest that is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
}

/// `leaveTerminal`, `closeTerminal`: a command about one terminal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ForTerminal {
    /// The agent; not needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The terminal.
    pub session_id: SessionId,
}

/// `terminalInput`: type.
#[derive(Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TerminalInput {
    /// The agent; not needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The terminal.
    pub session_id: SessionId,
    /// What is typed, 64 KiB at most; Enter is `\r`.
    #[schemars(length(max = MAX_INPUT))]
    pub data: String,
}

impl std::fmt::Debug for TerminalInput {
    /// What is typed may be a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TerminalInput")
            .field("session_id", &self.session_id)
            .field("bytes", &self.data.len())
            .finish_non_exhaustive()
    }
}

/// `resizeTerminal`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResizeTerminal {
    /// The agent; not needed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The terminal.
    pub session_id: SessionId,
    /// Columns, 1 to 1,000.
    #[schemars(range(min = 1, max = MAX_SIDE))]
    pub cols: u32,
    /// Rows, 1 to 1,000.
    #[schemars(range(min = 1, max = MAX_SIDE))]
    pub rows: u32,
}

/// `listTerminals`: those of one agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListTerminals {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
}

/// Acknowledgement of `listTerminals`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Terminals {
    /// The terminals that are open, the oldest first.
    pub terminals: Vec<TerminalInfo>,
}

/// `terminalOutput`: something was printed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TerminalOutput {
    /// The agent.
    pub agent_id: AgentId,
    /// The terminal.
    pub session_id: SessionId,
    /// How many bytes of UTF-8 were printed before this. When it is not where the output before ended, the viewer was too
    /// slow and what is between is lost to it.
    pub offset: u64,
    /// Text and control sequences. Bytes that are no UTF-8 are U+FFFD.
    pub data: String,
}

/// `terminalClosed`: the terminal has ended. Nothing of it follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TerminalClosed {
    /// The agent.
    pub agent_id: AgentId,
    /// The terminal.
    pub session_id: SessionId,
    /// How its program exited; absent when it was killed, or nobody knows. In a container a program that was killed has 128
    /// and the number of the signal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why.
    pub reason: TerminalEnd,
    /// When.
    pub timestamp: Timestamp,
}

/// Why a terminal has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TerminalEnd {
    /// Its program has exited.
    Exited,
    /// Somebody closed it.
    Closed,
    /// Nobody watched it for a while.
    Unwatched,
    /// Its agent was deleted.
    AgentDeleted,
    /// The manager stops.
    ServerStopping,
    /// The manager has been restarted and does not know it any more.
    Lost,
}
