//! What is known of addresses, of so many and no more.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

use super::guesses::Guesses;
use super::{Refused, TELL};
use crate::rate::{Rate, Used};

/// Addresses remembered of those that have no connection. Whoever has more than that is not stopped by counting them.
const REMEMBERED: usize = 10_000;

/// An address that is counted as one: of IPv6 its network of 64 bits, in which whoever has one address has all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Address(IpAddr);

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into())
            }
            address => Self(address),
        }
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What is known of one address.
#[derive(Debug)]
pub(crate) struct Known {
    /// Its connections.
    pub(crate) open: usize,
    /// Those on which nobody was let in.
    pub(crate) strangers: usize,
    /// Connections that it has made.
    pub(crate) connects: Used,
    pub(crate) guesses: Guesses,
    /// When it was last said that it is refused.
    pub(crate) told: Told,
    /// When it was last said that somebody was not let in.
    pub(crate) failed_told: Told,
    seen: Instant,
}

impl Known {
    fn new(now: Instant) -> Self {
        let (connects, guesses) = (Used::NOTHING, Guesses::default());
        let (told, failed_told) = (Told::default(), Told::default());
        Self { open: 0, strangers: 0, connects, guesses, told, failed_told, seen: now }
    }

    /// Counts a new connection.
    pub(crate) fn connect(&mut self, rate: Rate, now: Instant) -> Result<(), Refused> {
        self.connects.take(1.0, rate, now).map_err(|retry_after| Refused {
            why: "too many new connections of this address",
            retry_after,
        })
    }

    /// Whether it is as one that nobody has heard of.
    fn is_blank(&self, now: Instant) -> bool {
        self.open == 0 && self.connects.is_nothing(now) && self.guesses.is_over(now)
    }
}

/// When something was last written down of an address.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Told(Option<Instant>);

impl Told {
    /// Whether it may be again, which counts as done.
    pub(crate) fn again(&mut self, now: Instant) -> bool {
        let may = self.0.is_none_or(|told| now.saturating_duration_since(told) >= TELL);
        if may {
            self.0 = Some(now);
        }
        may
    }
}

/// All addresses.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    known: HashMap<Address, Known>,
    open: usize,
}

impl Addresses {
    /// What is known of an address.
    pub(crate) fn of(&mut self, address: Address, now: Instant) -> &mut Known {
        if self.known.len() >= REMEMBERED + self.open && !self.known.contains_key(&address) {
            self.forget(now);
        }
        let known = self.known.entry(address).or_insert_with(|| Known::new(now));
        known.seen = now;
        known
    }

    /// A connection was let in or has ended.
    pub(crate) fn came(&mut self) {
        self.open += 1;
    }

    pub(crate) fn went(&mut self, address: Option<Address>, was_stranger: bool) {
        self.open = self.open.saturating_sub(1);
        if let Some(known) = address.and_then(|address| self.known.get_mut(&address)) {
            known.open = known.open.saturating_sub(1);
            known.strangers = known.strangers.saturating_sub(usize::from(was_stranger));
        }
    }

    /// Connections of all addresses.
    pub(crate) fn open(&self) -> usize {
        self.open
    }

    /// Makes room: those that are as good as new go, and if that is not enough, the half that was not seen for longest.
    fn forget(&mut self, now: Instant) {
        self.known.retain(|_, known| !known.is_blank(now));
        if self.known.len() < REMEMBERED + self.open {
            return;
        }
        let mut seen: Vec<Instant> = self.known.values().map(|known| known.seen).collect();
        let middle = seen.len() / 2;
        let (_, &mut median, _) = seen.select_nth_unstable(middle);
        self.known.retain(|_, known| known.open > 0 || known.seen > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let of = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());

        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
        assert_ne!(of("10.0.0.1"), of("10.0.0.2"));
    }

    #[test]
    fn what_is_remembered_is_bounded_and_connections_are_not_forgotten() {
        let (mut addresses, now) = (Addresses::default(), Instant::now());
        let of = |nth: u32| Address::from(IpAddr::from(nth.to_be_bytes()));
        addresses.of(of(1), now).open = 1;
        addresses.came();

        for nth in 2..40_000 {
            let at = now + std::time::Duration::from_micros(nth.into());
            addresses.of(of(nth), at).guesses.wrong(1, 10, at);
        }

        assert!(addresses.known.len() <= REMEMBERED + 1, "{}", addresses.known.len());
        assert_eq!(addresses.of(of(1), now).open, 1);
        addresses.went(Some(of(1)), false);
        assert_eq!(addresses.open(), 0);
    }
}
