//! Files in an agent's workspace: its working directory. Paths are relative to it, and lead nowhere else.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{AgentId, ConnectionId, ViewerId};
use crate::limits::{MAX_PATH, MAX_READ, MAX_WRITE, PAGE_FILES};
use crate::time::Timestamp;

/// `listFiles`: what is in a directory, by name, in pages.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListFiles {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The directory; without one, the workspace itself.
    #[schemars(length(max = MAX_PATH))]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Begin behind this name: `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// At most this many, 1 to 1,000; 1,000 without.
    #[schemars(range(min = 1, max = PAGE_FILES))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Acknowledgement of `listFiles`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Files {
    /// What is there, by name.
    pub files: Vec<FileInfo>,
    /// With more: what the next page begins behind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Something in a directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileInfo {
    /// Its name. Bytes that are no UTF-8 are U+FFFD; such a file cannot be addressed.
    pub name: String,
    /// What it is.
    pub kind: FileKind,
    /// Bytes.
    pub size: u64,
    /// When it was written last, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_at: Option<Timestamp>,
}

/// What something in a directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FileKind {
    /// It has content.
    File,
    /// It has files.
    Directory,
    /// It leads elsewhere; it is followed as long as that is in the workspace.
    Link,
    /// A device, a pipe or a socket. Neither read nor written.
    Other,
}

/// How `content` stands for bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Encoding {
    /// As UTF-8.
    Text,
    /// As base64 with padding.
    Base64,
}

/// `readFile`: a part of a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReadFile {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The file.
    #[schemars(length(min = 1, max = MAX_PATH))]
    pub path: String,
    /// Begin at this byte; at the first without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// At most this many bytes, 1 to 1 MiB; 1 MiB without.
    #[schemars(range(min = 1, max = MAX_READ))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// How it is wanted. Without it, as text where it is UTF-8, else as base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
}

/// Acknowledgement of `readFile`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileContent {
    /// The part.
    pub content: String,
    /// How it stands for bytes.
    pub encoding: Encoding,
    /// The part's first byte.
    pub offset: u64,
    /// How many bytes the part has. A part of a text ends before a character that it would cut.
    pub bytes: u64,
    /// How many bytes the file has.
    pub size: u64,
    /// Names what the file is now, for `expectedVersion`.
    pub version: String,
    /// Whether there is more behind the part.
    pub has_more: bool,
}

/// `writeFile`: put a file in the place of the one that is there, or where none is. All of it or nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WriteFile {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The file.
    #[schemars(length(min = 1, max = MAX_PATH))]
    pub path: String,
    /// What it has from now on, 4 MiB at most.
    #[schemars(length(max = (MAX_WRITE / 3 + 1) * 4))]
    pub content: String,
    /// How that stands for bytes; text without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// The file must be this: `version` of what was read or written last. Whatever is there is replaced without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_version: Option<String>,
}

/// `createFile`: make a file where there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateFile {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The file.
    #[schemars(length(min = 1, max = MAX_PATH))]
    pub path: String,
    /// What it has; nothing without.
    #[schemars(length(max = (MAX_WRITE / 3 + 1) * 4))]
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub content: String,
    /// How that stands for bytes; text without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
}

/// Acknowledgement of `writeFile` and `createFile`, given when the file is on disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileWritten {
    /// How many bytes the file has.
    pub size: u64,
    /// Names what the file is now, for `expectedVersion`.
    pub version: String,
}

/// `createDirectory`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateDirectory {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The directory. The one that it is in must be there.
    #[schemars(length(min = 1, max = MAX_PATH))]
    pub path: String,
}

/// `deleteFile`: remove a file, a link or a directory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeleteFile {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// What is removed.
    #[schemars(length(min = 1, max = MAX_PATH))]
    pub path: String,
    /// A directory with all that is in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recursive: bool,
}

/// `moveFile`: give a file or a directory another place in the workspace.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MoveFile {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// Where it is.
    #[schemars(length(min = 1, max = MAX_PATH))]
    pub from: String,
    /// Where it is to be. The directory must be there.
    #[schemars(length(min = 1, max = MAX_PATH))]
    pub to: String,
    /// Replace what is there.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overwrite: bool,
}

/// `fileUpdate`: say that a file has changed, so that others look at it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileUpdate {
    /// The agent; may be left to `forward`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<AgentId>,
    /// The file. It need not be there any more.
    #[schemars(length(min = 1, max = MAX_PATH))]
    pub file_path: String,
}

/// `fileUpdateNotification`: somebody else has changed a file, or says that it has changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FileUpdateNotification {
    /// The agent.
    pub agent_id: AgentId,
    /// The file, as whoever changed it called it.
    pub file_path: String,
    /// Whoever did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub viewer_id: Option<ViewerId>,
    /// Whoever did it by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The connection that did it, which is not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<ConnectionId>,
    /// When.
    pub timestamp: Timestamp,
}
