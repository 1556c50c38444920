//! What all connections and requests of a token may ask together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use gateway::{Allowance, Gate};
use protocol::TokenId;

/// Tokens remembered before those that have used nothing up are forgotten.
const REMEMBERED: usize = 1_024;

/// An allowance for each token that was used lately. Behind a lock that is held to look one up.
#[derive(Debug, Default)]
pub(crate) struct Allowances(Mutex<HashMap<TokenId, Arc<Allowance>>>);

impl Allowances {
    /// That of a token.
    pub(crate) fn of(&self, token: &TokenId, gate: &Gate) -> Arc<Allowance> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(allowance) = all.get(token) {
            return Arc::clone(allowance);
        }
        if all.len() >= REMEMBERED {
            let now = Instant::now();
            // Those of open connections stay, or the same token would get a second one.
            all.retain(|_, known| Arc::strong_count(known) > 1 || !known.is_whole(now));
        }
        let allowance = Arc::new(gate.allowance());
        all.insert(token.clone(), Arc::clone(&allowance));
        allowance
    }
}

#[cfg(test)]
mod tests {
    use gateway::Bounds;

    use super::*;

    #[test]
    fn a_token_has_one_and_what_nobody_uses_is_forgotten() {
        let token = |text: String| TokenId::new(&text).unwrap();
        let (allowances, gate) = (Allowances::default(), Gate::new(Bounds::default()));

        let one = allowances.of(&token("a".to_owned()), &gate);
        let other = allowances.of(&token("b".to_owned()), &gate);
        other.take(1, Instant::now()).unwrap();
        drop(other);
        for nth in 0..2 * REMEMBERED {
            allowances.of(&token(format!("t{nth}")), &gate);
        }

        assert!(Arc::ptr_eq(&one, &allowances.of(&token("a".to_owned()), &gate)));
        assert!(allowances.0.lock().unwrap().len() <= REMEMBERED + 1);
    }
}
