//! How a container is recognised: by labels, and by a name that two of the same kind cannot have.

use std::fmt::Write;

use protocol::AgentId;
use sha2::{Digest, Sha256};

/// Whose it is.
pub(super) const MANAGER: &str = "longshore.manager";
/// The agent that runs in it.
pub(super) const AGENT: &str = "longshore.agent";
/// The session that it is for.
pub(super) const SESSION: &str = "longshore.session";
/// The how-manieth of its session it is, from 1.
pub(super) const INCARNATION: &str = "longshore.incarnation";
/// What it was made of: another configuration needs another container.
pub(super) const CONFIGURATION: &str = "longshore.configuration";

/// A label with its value, as the engine is asked for it.
pub(super) fn label(name: &str, value: &str) -> String {
    format!("{name}={value}")
}

/// The name of a session's container: always the same, so that the engine sees to it that there is one.
pub(super) fn name(manager: &str, agent: &AgentId, session: &str) -> String {
    let digest = digest(&[manager, agent.as_str(), session]);
    format!("longshore-{}", &digest[..24])
}

/// What tells texts apart.
pub(super) fn digest(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text);
    }
    hash.finalize().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a text can be written to");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_session_has_a_name_of_its_own() {
        let agent = AgentId::new("a").unwrap();

        assert_eq!(name("m", &agent, "s"), name("m", &agent, "s"));
        assert_ne!(name("m", &agent, "s"), name("m", &agent, "t"));
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
    }
}
