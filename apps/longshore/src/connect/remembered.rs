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

/// Where it is remembered. The directory is made when there is something to remember, and nowhere where it cannot be.
#[derive(Debug, Clone)]
pub(super) struct Memory(Directories);

impl Memory {
    pub(super) fn new(directories: &Directories) -> Self {
        Self(directories.clone())
    }

    /// The file of what was typed, for its owner's eyes only.
    pub(super) fn typed(&self) -> Option<PathBuf> {
        self.0.create().ok()?;
        Some(self.0.data.join("cli-history"))
    }

    /// A file that cannot be read remembers nothing.
    pub(super) fn last(&self) -> Option<Last> {
        serde_json::from_slice(&std::fs::read(self.file()).ok()?).ok()
    }

    /// That it cannot be remembered is no reason not to talk.
    pub(super) fn remember(&self, last: &Last) {
        if let Err(error) = self.write(last) {
            tracing::debug!(%error, "the conversation is not remembered");
        }
    }

    fn write(&self, last: &Last) -> anyhow::Result<()> {
        self.0.create()?;
        // A new name, then a rename: nobody reads half a file.
        let new = self.file().with_extension(format!("{}.new", std::process::id()));
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all(&serde_json::to_vec(last)?)?;
        Ok(std::fs::rename(&new, self.file())?)
    }

    fn file(&self) -> PathBuf {
        self.0.data.join("cli.json")
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
