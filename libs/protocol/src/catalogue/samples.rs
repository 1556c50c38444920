//! A sample of every payload, as values of the types: they are checked by the compiler, and cannot go stale.
//!
//! Together they tell one short story: someone asks the agent `bc` what one and one is.

mod activity;
mod clients;
mod commands;
mod conversations;
mod environment;
mod events;
mod files;
mod interactions;
mod isolated;
mod lifecycle;
mod terminals;
mod watching;

use std::str::FromStr;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::agents::EntryHead;
use crate::ids::{AgentId, ConnectionId, ConversationId, Epoch, InvalidId, RunId, Seq, ViewerId};
use crate::time::Timestamp;

fn id<T: FromStr<Err = InvalidId>>(text: &str) -> T {
    text.parse().expect("a sample's id is one")
}

fn agent() -> AgentId {
    id("ag_5a1f0c7e93b2d4866a0e")
}

fn conversation() -> ConversationId {
    id("cv_0d9b3f6c81e24a75bb10")
}

fn run() -> RunId {
    id("run_7c2e9a4410d85f3be6a1")
}

fn viewer() -> ViewerId {
    id("vw_e47c0a518d3b92f6c7d0")
}

fn connection() -> ConnectionId {
    id("cn_2b6f10a9d7e84c53f01a")
}

fn epoch() -> Epoch {
    id("ep_b81d5560fe294c0a7d33")
}

/// That many milliseconds after the story begins.
fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(1_795_222_800_000 + millis)
}

fn head(seq: u64, millis: u64) -> EntryHead {
    EntryHead {
        agent_id: agent(),
        conversation_id: conversation(),
        seq: Seq(seq),
        run_id: Some(run()),
        timestamp: at(millis),
    }
}

fn raw(value: &impl Serialize) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("wire types have string keys and no failing part")
}
