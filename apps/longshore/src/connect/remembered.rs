//! What is remembered from one time to the next: where somebody talked last, and what was typed.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use protocol::{AgentId, ClientId, ConversationId};
use serde::{Deserialize, Serialize};

use crate::directories::Directories;

/// Where somebody talked last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Last {
    pub(super) client_id: ClientId,
    pub(super) agent_id: AgentId,
    pub(super) conversation_id: ConversationId,
}

/// Where it is remembered; nowhere where there is no place for it.
#[derive(Debug, Clone)]
pub(super) struct Memory(Option<PathBuf>);

impl Memory {
    pub(super) fn new(directories: &Directories) -> Self {
        Self(directories.create().ok().map(|()| directories.data.clone()))
    }

    /// The file of what was typed, for its owner's eyes only.
    pub(super) fn typed(&self) -> Option<PathBuf> {
        self.file("cli-history")
    }

    /// A file that cannot be read remembers nothing.
    pub(super) fn last(&self) -> Option<Last> {
        serde_json::from_slice(&std::fs::read(self.file("cli.json")?).ok()?).ok()
    }

    /// That it cannot be remembered is no reason not to talk.
    pub(super) fn remember(&self, last: &Last) {
        let written = self.file("cli.json").map(|path| {
            // A new name, then a rename: nobody reads half a file.
            let new = path.with_extension(format!("{}.new", std::process::id()));
            std::fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&new)
                .and_then(|mut file| file.write_all(&serde_json::to_vec(last)?))
                .and_then(|()| std::fs::rename(&new, &path))
        });
        if let Some(Err(error)) = written {
            tracing::debug!(%error, "the conversation is not remembered");
        }
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        Some(self.0.as_ref()?.join(name))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_was_last_is_remembered_for_its_owner() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Memory::new(&Directories::find(Some(&dir.path().join("d"))).unwrap());
        let last = Last {
            client_id: ClientId::new("c").unwrap(),
            agent_id: AgentId::new("a").unwrap(),
            conversation_id: ConversationId::new("v").unwrap(),
        };
        assert_eq!(memory.last(), None);

        memory.remember(&last);

        assert_eq!(memory.last(), Some(last));
        let path = dir.path().join("d/cli.json");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::write(path, "{").unwrap();
        assert_eq!(memory.last(), None);
    }
}
