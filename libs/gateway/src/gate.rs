//! Who may connect, and how often: bounds for every address, so that one of them cannot take a server from all others.

mod addresses;
mod guesses;

use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use ipnet::IpNet;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::rate::Rate;
use addresses::{Address, Addresses};
use guesses::Guesses;

/// Of the connections of one address, this part may be of those that nobody was let in on.
const STRANGERS: usize = 5;
/// Files that a server needs besides connections: databases, agents' pipes, links.
const OTHER_FILES: u64 = 256;
/// Open files that are asked of the system, as our units of systemd do. Many shells allow 1,024 at first, and more when asked.
const FILES: u64 = 65_536;
/// So often a refused address is written down: a flood must not become one of the log.
const TELL: Duration = Duration::from_secs(10);
/// Right secrets that are remembered. When there are more, all are forgotten, and each is known again when it was right again.
const RIGHT: usize = 4_096;
/// How long somebody waits who comes when there are too many connections.
const FULL: Duration = Duration::from_secs(1);

/// How much connections and addresses may ask of a server. 0 is no limit.
///
/// The defaults stop what would stop the server, and nobody else: they are well above what the benchmarks do from one address, with 5,000
/// viewers and 1,000 new connections within half a second.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// Connections in all. As many as the process may have files open, at most.
    pub connections: usize,
    /// Connections of one address; a fifth of them may be of strangers.
    pub connections_per_address: usize,
    /// New connections of one address a second.
    pub connects: u32,
    /// Different wrong secrets that an address may show before it is locked out, for longer with each.
    pub guesses: u32,
    /// Commands of one token a second.
    pub commands: u32,
    /// Bytes of commands of one token a second.
    pub bytes: u32,
    /// Proxies that are believed when they say for whom they ask (`X-Forwarded-For`).
    pub proxies: Vec<IpNet>,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_address: 10_000,
            connects: 500,
            guesses: Guesses::free(),
            commands: 20_000,
            bytes: 32 << 20,
            proxies: Vec::new(),
        }
    }
}

impl Bounds {
    /// The same without any limit.
    #[must_use]
    pub fn none() -> Self {
        Self {
            connections: 0,
            connections_per_address: 0,
            connects: 0,
            guesses: 0,
            commands: 0,
            bytes: 0,
            proxies: Vec::new(),
        }
    }
}

/// Counts connections and wrong secrets, by address.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    bounds: Bounds,
    /// So that nobody can choose secrets whose hashes are equal.
    hashes: RandomState,
    /// Whether it was said that a proxy does not say for whom it asks.
    told: AtomicBool,
    // Short and synchronous: numbers are looked up and changed.
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    addresses: Addresses,
    right: std::collections::HashSet<u64>,
}

/// Why somebody may not connect, and for how long not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub(crate) struct Refused {
    pub(crate) why: &'static str,
    pub(crate) retry_after: Duration,
}

/// So many secrets were wrong that none is looked at now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Too many failed logins. Try again in {} s", .0.as_secs() + 1)]
pub struct Locked(pub Duration);

/// A connection's place; dropping it gives the place up.
#[derive(Debug)]
pub(crate) struct Place {
    gate: Gate,
    /// None of one that counts among all only.
    address: Option<Address>,
    is_stranger: AtomicBool,
}

/// A secret that is going to be looked at. What comes of it has to be said.
#[derive(Debug)]
#[must_use = "what comes of it has to be said"]
pub struct Attempt {
    gate: Gate,
    address: Address,
    secret: u64,
}

impl Gate {
    /// With these bounds; those of the process count, too. Its limit of open files is raised as far as it may be.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        let (wanted, files) = (bounds.connections, open_files(bounds.connections));
        let bounds = fitted(bounds, files);
        if bounds.connections < wanted {
            let (connections, files) = (bounds.connections, files.unwrap_or_default());
            let per_address = bounds.connections_per_address;
            tracing::info!(
                wanted,
                connections,
                per_address,
                files,
                "the limit of open files allows fewer connections"
            );
        }
        let (hashes, told, state) = (RandomState::new(), AtomicBool::default(), Mutex::default());
        Self(Arc::new(Shared { bounds, hashes, told, state }))
    }

    /// Whether it is a proxy that speaks for others.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        self.0.bounds.proxies.iter().any(|proxy| proxy.contains(&address.to_canonical()))
    }

    /// For whom a proxy asks: the last address in its headers that is no such proxy itself; `None` if it does not say.
    pub(crate) fn behind(&self, headers: &HeaderMap) -> Option<IpAddr> {
        let lines = headers.get_all("x-forwarded-for").into_iter().rev();
        let texts = lines.filter_map(|line| line.to_str().ok());
        let addresses = texts.flat_map(|line| line.rsplit(',')).map(str::trim);
        let mut behind = None;
        for address in addresses {
            // What makes no sense was not written by a proxy that we know.
            let Some(address) = address_in(address) else { break };
            behind = Some(address);
            if !self.trusts(address) {
                break;
            }
        }
        if behind.is_none() && !self.0.told.swap(true, Ordering::Relaxed) {
            tracing::warn!("a trusted proxy does not say for whom it asks (X-Forwarded-For)");
        }
        behind
    }

    /// Gives a connection its place.
    pub(crate) fn enter(&self, address: IpAddr, now: Instant) -> Result<Place, Refused> {
        let address = Address::from(address);
        let mut state = self.lock();
        let entered = self.count(&mut state, address, now);
        entered.inspect_err(|refused| tell(&mut state, address, refused, now))?;
        drop(state);
        Ok(self.place(Some(address)))
    }

    /// Gives a place that counts among all only: to a request of a session that has a place already, or of who is not known.
    pub(crate) fn enter_besides(&self) -> Result<Place, Refused> {
        let mut state = self.lock();
        self.has_room(&state)?;
        state.addresses.came();
        drop(state);
        Ok(self.place(None))
    }

    /// Counts a new connection of an address, as often as it may have one.
    pub(crate) fn connects(&self, address: IpAddr, now: Instant) -> Result<(), Refused> {
        let (address, rate) = (Address::from(address), self.connect_rate());
        let mut state = self.lock();
        let counted = state.addresses.of(address, now).connect(rate, now);
        counted.inspect_err(|refused| tell(&mut state, address, refused, now))
    }

    /// Whether it may be written down that somebody of the address was not let in: of many, some.
    pub(crate) fn tells(&self, address: IpAddr, now: Instant) -> bool {
        self.lock().addresses.of(address.into(), now).failed_told.again(now)
    }

    fn place(&self, address: Option<Address>) -> Place {
        Place { gate: self.clone(), address, is_stranger: AtomicBool::new(address.is_some()) }
    }

    fn connect_rate(&self) -> Rate {
        Rate::per_second(self.0.bounds.connects)
    }

    fn has_room(&self, state: &State) -> Result<(), Refused> {
        if below(state.addresses.open(), self.0.bounds.connections) {
            return Ok(());
        }
        Err(full("too many connections"))
    }

    fn count(&self, state: &mut State, address: Address, now: Instant) -> Result<(), Refused> {
        let bounds = &self.0.bounds;
        self.has_room(state)?;
        let of_strangers = bounds.connections_per_address.div_ceil(STRANGERS);
        let known = state.addresses.of(address, now);
        if !below(known.open, bounds.connections_per_address) {
            return Err(full("too many connections of this address"));
        }
        if !below(known.strangers, of_strangers) {
            return Err(full("too many connections of this address on which nobody was let in"));
        }
        known.connect(self.connect_rate(), now)?;
        known.open += 1;
        known.strangers += 1;
        state.addresses.came();
        Ok(())
    }

    /// Whether an address may try a secret now; one that was right before may always be tried.
    pub(crate) fn attempt(&self, address: IpAddr, secret: u64) -> Result<Attempt, Locked> {
        let (address, now) = (Address::from(address), Instant::now());
        if self.0.bounds.guesses > 0 {
            let mut state = self.lock();
            let locked = state.addresses.of(address, now).guesses.check(now);
            if let Err(left) = locked
                && !state.right.contains(&secret)
            {
                return Err(Locked(left));
            }
        }
        Ok(Attempt { gate: self.clone(), address, secret })
    }

    pub(crate) fn hash(&self, secret: &str) -> u64 {
        self.0.hashes.hash_one(secret)
    }

    /// What all connections of a token may send together.
    #[must_use]
    pub fn allowance(&self) -> crate::rate::Allowance {
        let bounds = &self.0.bounds;
        crate::rate::Allowance::new(
            Rate::per_second(bounds.commands),
            Rate::per_second(bounds.bytes),
        )
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Raises the limit of open files for so many connections, and gives what it is then.
fn open_files(connections: usize) -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current?;
    let wanted = FILES.max((connections as u64).saturating_add(OTHER_FILES));
    let raised = limit.maximum.map_or(wanted, |maximum| wanted.min(maximum));
    if raised <= current {
        return Some(current);
    }
    let is_raised = setrlimit(Resource::Nofile, Rlimit { current: Some(raised), ..limit }).is_ok();
    Some(if is_raised { raised } else { current })
}

/// Bounds that so many open files allow. Where they bound all connections, one address may have half of them.
fn fitted(mut bounds: Bounds, files: Option<u64>) -> Bounds {
    let room = files.map(|files| files.saturating_sub(OTHER_FILES).max(files / 2));
    let Some(room) = room.and_then(|room| usize::try_from(room).ok()) else { return bounds };
    // No bound is above any room.
    if below(room, bounds.connections) {
        bounds.connections = room;
        bounds.connections_per_address = bounds.connections_per_address.min(room / 2);
    }
    bounds
}

fn below(count: usize, bound: usize) -> bool {
    bound == 0 || count < bound
}

fn full(why: &'static str) -> Refused {
    Refused { why, retry_after: FULL }
}

/// Writes down that an address is refused: of many times, some.
fn tell(state: &mut State, address: Address, refused: &Refused, now: Instant) {
    if state.addresses.of(address, now).told.again(now) {
        tracing::warn!(peer = %address, why = refused.why, "connections refused");
    }
}

/// An address as proxies write it: some with a port, some in brackets.
fn address_in(text: &str) -> Option<IpAddr> {
    let bare = || text.parse().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    bare().or_else(with_port).or_else(in_brackets)
}

impl Place {
    /// Somebody was let in on the connection.
    pub(crate) fn let_in(&self) {
        let was_stranger = self.is_stranger.swap(false, Ordering::Relaxed);
        if let Some(address) = self.address.filter(|_| was_stranger) {
            let mut state = self.gate.lock();
            let known = state.addresses.of(address, Instant::now());
            known.strangers = known.strangers.saturating_sub(1);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let was_stranger = *self.is_stranger.get_mut();
        self.gate.lock().addresses.went(self.address, was_stranger);
    }
}

impl Attempt {
    /// The secret was right.
    pub fn succeeded(self) {
        let mut state = self.gate.lock();
        if state.right.len() >= RIGHT {
            state.right.clear();
        }
        state.right.insert(self.secret);
    }

    /// The secret was wrong.
    pub fn failed(self) {
        let (now, free) = (Instant::now(), self.gate.0.bounds.guesses);
        if free == 0 {
            return;
        }
        let mut state = self.gate.lock();
        state.right.remove(&self.secret);
        let lock = state.addresses.of(self.address, now).guesses.wrong(self.secret, free, now);
        drop(state);
        if let Some(lock) = lock {
            let seconds = lock.as_secs();
            tracing::warn!(peer = %self.address, seconds, "locked out after too many failed logins");
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn gate(change: impl FnOnce(&mut Bounds)) -> Gate {
        let mut bounds = Bounds::none();
        change(&mut bounds);
        Gate::new(bounds)
    }

    #[test]
    fn an_address_has_its_bound_and_gives_places_back() {
        let gate = gate(|bounds| bounds.connections_per_address = 10);
        let (a, b, now) = (ip("10.0.0.1"), ip("10.0.0.2"), Instant::now());

        let first = gate.enter(a, now).unwrap();
        let second = gate.enter(a, now).unwrap();

        assert!(gate.enter(a, now).is_err(), "a fifth is for strangers");
        assert!(gate.enter(b, now).is_ok());
        first.let_in();
        first.let_in();
        let third = gate.enter(a, now).unwrap();
        assert!(gate.enter(a, now).is_err());
        drop((second, third));
        assert!(gate.enter(a, now).is_ok());
        drop(first);
        assert_eq!(gate.lock().addresses.open(), 0);
    }

    #[test]
    fn all_together_have_their_bound() {
        let gate = gate(|bounds| bounds.connections = 2);
        let now = Instant::now();

        let places = [gate.enter(ip("::1"), now).unwrap(), gate.enter(ip("::2"), now).unwrap()];

        assert!(gate.enter(ip("10.0.0.3"), now).is_err());
        drop(places);
        assert!(gate.enter(ip("10.0.0.3"), now).is_ok());
    }

    #[test]
    fn connecting_has_its_rate() {
        let gate = gate(|bounds| bounds.connects = 2);
        let now = Instant::now();

        let let_in = (0..100).filter(|_| gate.enter(ip("10.0.0.1"), now).is_ok()).count();

        assert_eq!(let_in, 20);
        let refused = gate.enter(ip("10.0.0.1"), now).unwrap_err();
        assert_eq!(refused.retry_after, Duration::from_millis(500));
        assert!(gate.enter(ip("10.0.0.2"), now).is_ok());
    }

    #[test]
    fn a_guesser_is_locked_out_and_those_whose_secret_was_right_are_not() {
        let gate = gate(|bounds| bounds.guesses = 3);
        let (address, other) = (ip("10.0.0.1"), ip("10.0.0.2"));
        let right = gate.hash("right");
        gate.attempt(address, right).unwrap().succeeded();

        for nth in 0..4 {
            gate.attempt(address, gate.hash(&format!("wrong {nth}"))).unwrap().failed();
        }

        assert!(gate.attempt(address, gate.hash("wrong")).is_err());
        assert!(gate.attempt(address, right).is_ok_and(|_| true));
        assert!(gate.attempt(other, gate.hash("wrong")).is_ok_and(|_| true));
    }

    #[test]
    fn only_a_known_proxy_says_for_whom_it_asks() {
        let gate = gate(|bounds| bounds.proxies = vec!["10.0.0.0/24".parse().unwrap()]);
        let behind = |lines: &[&'static str]| {
            let line = |line: &&'static str| {
                (
                    axum::http::HeaderName::from_static("x-forwarded-for"),
                    HeaderValue::from_static(line),
                )
            };
            let behind = gate.behind(&lines.iter().map(line).collect());
            behind.map_or("nobody".to_owned(), |address| address.to_string())
        };

        assert!(gate.trusts(ip("10.0.0.9")) && gate.trusts(ip("::ffff:10.0.0.9")));
        assert!(!gate.trusts(ip("10.0.1.9")));
        assert_eq!(behind(&[]), "nobody");
        assert_eq!(behind(&["8.8.8.8"]), "8.8.8.8");
        assert_eq!(
            behind(&["1.1.1.1, 8.8.8.8, 10.0.0.2"]),
            "8.8.8.8",
            "what clients say comes first"
        );
        assert_eq!(behind(&["1.1.1.1", "8.8.8.8"]), "8.8.8.8");
        for (line, address) in [
            ("1.1.1.1, nonsense", "nobody"),
            ("1.1.1.1, unknown", "nobody"),
            ("1.2.3.4:5678", "1.2.3.4"),
            ("[::1]:443", "::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
        ] {
            assert_eq!(behind(&[line]), address, "{line}");
        }
    }

    #[test]
    fn who_is_not_known_and_what_belongs_to_a_session_count_among_all() {
        let gate = gate(|bounds| {
            bounds.connections = 2;
            bounds.connections_per_address = 1;
            bounds.connects = 1;
        });

        let places = [gate.enter_besides().unwrap(), gate.enter_besides().unwrap()];

        assert!(gate.enter_besides().is_err());
        places.iter().for_each(Place::let_in);
        drop(places);
        assert_eq!(gate.lock().addresses.open(), 0);
    }

    #[test]
    fn one_address_may_have_half_of_what_open_files_allow() {
        let of = |files| {
            let bounds = fitted(Bounds::default(), files);
            (bounds.connections, bounds.connections_per_address)
        };

        assert_eq!(of(Some(1_024)), (768, 384));
        assert_eq!(of(Some(65_536)), (20_000, 10_000));
        assert_eq!(of(None), (20_000, 10_000));
        assert_eq!(fitted(Bounds::none(), Some(1_024)).connections_per_address, 0);
    }

    #[test]
    fn of_many_that_are_not_let_in_some_are_told() {
        let (gate, now) = (gate(|_| {}), Instant::now());

        let told = (0..100).filter(|_| gate.tells(ip("10.0.0.1"), now)).count();

        assert_eq!(told, 1);
        assert!(gate.tells(ip("10.0.0.2"), now) && gate.tells(ip("10.0.0.1"), now + TELL));
    }
}
