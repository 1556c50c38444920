//! What is measured. Every scenario is the same load on every system.

mod chats;
mod conversations;
mod deltas;
mod fan_out;
mod logins;
mod memory;
mod outage;
mod replay;
mod soak;
mod stalled;
mod storms;

use crate::report::Figures;
use crate::system::System;

pub(crate) use soak::run as soak;

/// One measurement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// One viewer, one chat at a time, stored.
    RoundTrip,
    /// A hundred viewers with an agent each, one chat at a time each, stored.
    Chats,
    /// Ten viewers with an agent each, streaming.
    Deltas,
    /// A new viewer reads 10,000 entries.
    Replay,
    /// Viewers that are connected and logged in, and silent.
    Memory,
    /// A thousand agents are logged in to again on one connection.
    Logins,
    /// A hundred and a thousand viewers see one answer.
    FanOut,
    /// Long conversations, and many.
    Conversations,
    /// Everybody comes back at once; somebody guesses passwords.
    Storms,
    /// One of many viewers does not read.
    Stalled,
    /// The controller is away while an agent writes a gibibyte.
    Outage,
}

impl Scenario {
    /// All of them, in the order of the report.
    pub(crate) const ALL: [Self; 11] = [
        Self::RoundTrip,
        Self::Chats,
        Self::Deltas,
        Self::Replay,
        Self::Memory,
        Self::Logins,
        Self::FanOut,
        Self::Conversations,
        Self::Storms,
        Self::Stalled,
        Self::Outage,
    ];

    /// Its name in the report and for `--only`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::RoundTrip => "round-trip",
            Self::Chats => "chats",
            Self::Deltas => "deltas",
            Self::Replay => "replay",
            Self::Memory => "memory",
            Self::Logins => "logins",
            Self::FanOut => "fan-out",
            Self::Conversations => "conversations",
            Self::Storms => "storms",
            Self::Stalled => "stalled",
            Self::Outage => "outage",
        }
    }

    /// Whether the peer has what it measures.
    pub(crate) fn is_shared(self) -> bool {
        !matches!(self, Self::Conversations | Self::Storms | Self::Stalled | Self::Outage)
    }

    /// Agents that the system needs for it.
    pub(crate) fn agents(self) -> usize {
        match self {
            Self::RoundTrip
            | Self::Replay
            | Self::Memory
            | Self::FanOut
            | Self::Conversations
            | Self::Stalled
            | Self::Outage => 1,
            Self::Chats => 100,
            Self::Deltas => 10,
            Self::Logins | Self::Storms => 1_000,
        }
    }

    /// Runs it.
    pub(crate) async fn run(self, system: &mut System, quick: bool) -> anyhow::Result<Figures> {
        let scale = if quick { 10 } else { 1 };
        match self {
            Self::RoundTrip => chats::round_trip(system, 2_000 / scale).await,
            Self::Chats => chats::throughput(system, 400 / scale).await,
            Self::Deltas => deltas::run(system, 100_000 / scale).await,
            Self::Replay => replay::run(system, 10_000 / scale).await,
            Self::Memory => memory::run(system, &[1_000 / scale, 5_000 / scale]).await,
            Self::Logins => logins::run(system).await,
            Self::Storms => storms::run(system, 1_000 / scale).await,
            Self::Stalled => Box::pin(stalled::run(system, 1_000_000 / scale)).await,
            Self::Outage => outage::run(system, 1_024 / scale).await,
            Self::FanOut => fan_out::run(system, &[100 / scale, 1_000 / scale]).await,
            Self::Conversations => {
                let load = conversations::Load {
                    long: 10_000,
                    longest: 1_000_000 / scale,
                    conversations: 10_000 / scale,
                    live: 1_000 / scale,
                };
                conversations::run(system, load).await
            }
        }
    }
}
