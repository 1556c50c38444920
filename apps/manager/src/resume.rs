//! Tokens with which a connection logs in again without the password.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use protocol::AgentId;
use sha2::Sha256;

/// Issues and checks resume tokens.
///
/// A token is an HMAC over agent and password hash. It needs no table, outlives a restart because the key
/// does, and ends with the password. Checking one takes microseconds, where argon2 takes 14 ms of a core.
#[derive(Clone)]
pub(crate) struct ResumeTokens {
    key: [u8; 32],
}

impl std::fmt::Debug for ResumeTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResumeTokens(***)")
    }
}

impl ResumeTokens {
    pub(crate) fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The token of an agent for as long as its password hash is this one.
    pub(crate) fn issue(&self, agent: &AgentId, password_hash: &str) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.mac(agent, password_hash).finalize().into_bytes())
    }

    /// Whether the token is that agent's; in constant time.
    pub(crate) fn verify(&self, agent: &AgentId, password_hash: &str, token: &str) -> bool {
        let Ok(bytes) = BASE64_URL_SAFE_NO_PAD.decode(token) else { return false };
        self.mac(agent, password_hash).verify_slice(&bytes).is_ok()
    }

    /// An id contains no NUL, so that agent and hash cannot run into each other.
    fn mac(&self, agent: &AgentId, password_hash: &str) -> Hmac<Sha256> {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("any length will do for a key");
        mac.update(agent.as_str().as_bytes());
        mac.update(&[0]);
        mac.update(password_hash.as_bytes());
        mac
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agent(id: &str) -> AgentId {
        AgentId::new(id).unwrap()
    }

    #[test]
    fn a_token_is_for_one_agent_and_one_password() {
        let tokens = ResumeTokens::new([7; 32]);
        let token = tokens.issue(&agent("a"), "hash");

        assert!(tokens.verify(&agent("a"), "hash", &token));
        assert!(!tokens.verify(&agent("b"), "hash", &token));
        assert!(!tokens.verify(&agent("a"), "new", &token), "a new password ends it");
        assert!(!ResumeTokens::new([8; 32]).verify(&agent("a"), "hash", &token));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let tokens = ResumeTokens::new([7; 32]);
        let token = tokens.issue(&agent("a"), "hash");

        for bad in ["", "é", "====", &token[1..], &format!("{token}A")] {
            assert!(!tokens.verify(&agent("a"), "hash", bad), "{bad}");
        }
    }
}
