//! Variables of an agent's environment: sealed in the store, never shown.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use protocol::AgentId;
use protocol::limits::{MAX_VALUE, MAX_VARIABLES};
use protocol::spec::AgentSpec;
use store::{SealedEnvironment, SecretKey, StoreError};

use crate::error::Error;

/// Longest name of a variable, in bytes.
const MAX_NAME: usize = 128;

/// The variables, shared by all who start programs of the agent. Behind a lock that is held to copy them.
#[derive(Clone, Default)]
pub(crate) struct Environment(Arc<RwLock<BTreeMap<String, String>>>);

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Environment").field(&self.names()).finish()
    }
}

impl Environment {
    pub(crate) fn new(variables: BTreeMap<String, String>) -> Self {
        Self(Arc::new(RwLock::new(variables)))
    }

    /// Opens what [`Self::sealed`] made.
    pub(crate) fn open(
        key: &SecretKey,
        agent: &AgentId,
        sealed: &SealedEnvironment,
    ) -> Result<Self, StoreError> {
        let open = |(name, value): (&String, &Vec<u8>)| {
            let plain = key.open(&place(agent, name), value)?;
            Ok((name.clone(), String::from_utf8(plain).map_err(|_| StoreError::Unsealed)?))
        };
        Ok(Self::new(sealed.iter().map(open).collect::<Result<_, StoreError>>()?))
    }

    pub(crate) fn sealed(&self, key: &SecretKey, agent: &AgentId) -> SealedEnvironment {
        let seal = |(name, value): (String, String)| {
            let sealed = key.seal(&place(agent, &name), value.as_bytes());
            (name, sealed)
        };
        self.variables().into_iter().map(seal).collect()
    }

    /// Whether a program can have these, and there are not too many.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let variables = self.variables();
        if variables.len() > MAX_VARIABLES {
            return Err(Error::LimitReached("variables"));
        }
        for (name, value) in &variables {
            let is_name = (1..=MAX_NAME).contains(&name.len()) && !name.contains(['=', '\0']);
            if !is_name {
                let problem = "a variable's name has 1 to 128 bytes without `=` and NUL";
                return Err(Error::InvalidPayload(problem.to_owned()));
            }
            if value.contains('\0') {
                return Err(Error::InvalidPayload(format!("the value of {name} has a NUL")));
            }
            if value.len() > MAX_VALUE {
                let problem = format!("the value of {name} has more than 64 KiB");
                return Err(Error::PayloadTooLarge(problem));
            }
        }
        Ok(())
    }

    pub(crate) fn changed(&self, set: &Self, remove: &[String]) -> Self {
        let mut variables = self.variables();
        variables.extend(set.variables());
        variables.retain(|name, _| !remove.contains(name));
        Self::new(variables)
    }

    pub(crate) fn replace(&self, other: Self) {
        let variables = other.variables();
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = variables;
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// The specification with these variables.
    pub(crate) fn fill(&self, spec: &Arc<AgentSpec>) -> Arc<AgentSpec> {
        let variables = self.variables();
        if variables.is_empty() {
            return spec.clone();
        }
        let mut filled = AgentSpec::clone(spec);
        if let Some(host) = &mut filled.host {
            host.env_mut().extend(variables);
        }
        Arc::new(filled)
    }

    fn variables(&self) -> BTreeMap<String, String> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Where a value opens. An id has no `/`.
fn place(agent: &AgentId, name: &str) -> String {
    format!("environment/{agent}/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(list: &[(&str, &str)]) -> Environment {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Environment::new(list.iter().map(own).collect())
    }

    #[test]
    fn values_are_neither_printed_nor_in_what_is_stored() {
        let directory = tempfile::tempdir().unwrap();
        let key = SecretKey::load_or_create(&directory.path().join("key"), None).unwrap();
        let (agent, other) = (AgentId::random(), AgentId::random());
        let all = environment(&[("API_KEY", "visible")]);

        let sealed = all.sealed(&key, &agent);

        assert_eq!(format!("{all:?}"), r#"Environment(["API_KEY"])"#);
        assert!(!sealed["API_KEY"].windows(7).any(|bytes| bytes == b"visible"));
        assert_eq!(Environment::open(&key, &agent, &sealed).unwrap().variables(), all.variables());
        assert!(Environment::open(&key, &other, &sealed).is_err(), "of another agent");
    }

    #[test]
    fn what_no_program_can_have_is_refused() {
        let long = "x".repeat(MAX_VALUE + 1);
        for (name, value) in
            [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "x\0"), ("A", &long), (&long, "x")]
        {
            assert!(environment(&[(name, value)]).check().is_err(), "{name:.10} {value:.10}");
        }
        let many = (0..=MAX_VARIABLES).map(|number| (format!("V{number}"), String::new()));
        assert!(Environment::new(many.collect()).check().is_err());
        environment(&[("a.b-c", ""), ("A", "line\nline")]).check().unwrap();
    }

    #[test]
    fn a_program_gets_what_is_set_and_not_what_is_removed() {
        let all = environment(&[("A", "1"), ("B", "2")]);

        all.replace(all.changed(&environment(&[("B", "3"), ("C", "4")]), &["A".to_owned()]));

        let spec = Arc::new(AgentSpec::lines("agent", "cat", Vec::new()));
        let filled = all.fill(&spec);
        let expected = environment(&[("B", "3"), ("C", "4")]).variables();
        assert_eq!(filled.host.as_ref().unwrap().env(), &expected);
        assert_eq!(all.names(), ["B", "C"]);
    }
}
