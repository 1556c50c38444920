//! What all connections and requests of a token may ask together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use gateway::{Allowance, Gate};
use protocol::TokenId;

/// The allowances in use. Behind a lock that is held to look one up.
///
/// One is kept for as long as somebody uses it; whoever leaves and comes back begins anew, which the rate of connections bounds.
#[derive(Debug, Default)]
pub(crate) struct Allowances(Mutex<HashMap<TokenId, Weak<Allowance>>>);

impl Allowances {
    /// That of a token.
    pub(crate) fn of(&self, token: &TokenId, gate: &Gate) -> Arc<Allowance> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(allowance) = all.get(token).and_then(Weak::upgrade) {
            return allowance;
        }
        all.retain(|_, allowance| allowance.strong_count() > 0);
        let allowance = Arc::new(gate.allowance());
        all.insert(token.clone(), Arc::downgrade(&allowance));
        allowance
    }
}

#[cfg(test)]
mod tests {
    use gateway::Bounds;

    use super::*;

    #[test]
    fn a_token_has_one_for_as_long_as_it_is_used() {
        let token = |text| TokenId::new(text).unwrap();
        let (allowances, gate) = (Allowances::default(), Gate::new(Bounds::none()));

        let one = allowances.of(&token("a"), &gate);
        let other = allowances.of(&token("b"), &gate);

        assert!(Arc::ptr_eq(&one, &allowances.of(&token("a"), &gate)));
        assert!(!Arc::ptr_eq(&one, &other));
        drop((one, other));
        let _new = allowances.of(&token("c"), &gate);
        assert_eq!(allowances.0.lock().unwrap().len(), 1);
    }
}
