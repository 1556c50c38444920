//! Samples about an agent's environment.

use std::collections::BTreeMap;

use super::agent;
use crate::agents::{ChangeEnvironment, Environment};
use crate::catalogue::shape::Sampled;

impl Sampled for ChangeEnvironment {
    fn samples() -> Vec<(&'static str, Self)> {
        let set = BTreeMap::from([("API_KEY".into(), "correct horse".into())]);
        let remove = vec!["OLD_KEY".into()];
        vec![("one set, one removed", Self { agent_id: agent(), set, remove })]
    }
}

impl Sampled for Environment {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("names", Self { agent_id: agent(), names: vec!["API_KEY".into()] })]
    }
}
