//! What has to be done from time to time: conversations that nobody uses leave memory, and old entries the store.

use std::sync::Weak;
use std::time::Duration;

use protocol::spec::Retention;
use protocol::{AgentId, ConversationId, Timestamp};
use store::Keep;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at};

use crate::agent::Agent;
use crate::agents::Agents;

/// How often entries are looked at that are not to be kept.
const PRUNING: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Goes on until the agents are gone. `expired` are conversations to be deleted.
pub(crate) async fn run(
    agents: Weak<Agents>,
    mut expired: mpsc::UnboundedReceiver<(AgentId, ConversationId)>,
    idle: Duration,
) {
    // Often enough that a conversation stays at most a tenth longer than it should.
    let period = if idle.is_zero() { DAY } else { (idle / 10).max(Duration::from_millis(10)) };
    let mut eviction = interval_at(Instant::now() + period, period);
    let mut pruning = interval(PRUNING);
    for ticks in [&mut eviction, &mut pruning] {
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    loop {
        tokio::select! {
            next = expired.recv() => {
                let (Some((agent, conversation)), Some(agents)) = (next, agents.upgrade()) else { return };
                // Its runs are ended first, which may take a while.
                tokio::spawn(async move { agents.expire(&agent, &conversation).await });
            }
            _ = eviction.tick() => {
                let Some(agents) = agents.upgrade() else { return };
                if !idle.is_zero() {
                    agents.all().iter().for_each(|agent| agent.conversations.evict(idle));
                }
            }
            _ = pruning.tick() => {
                let Some(agents) = agents.upgrade() else { return };
                for agent in agents.all() {
                    if let Some(retention) = agent.spec().retention.clone() {
                        prune(&agents, &agent, &retention).await;
                    }
                }
            }
        }
    }
}

async fn prune(agents: &Agents, agent: &Agent, retention: &Retention) {
    let days = |days: u32| {
        let age = u64::from(days) * 24 * 60 * 60 * 1_000;
        Timestamp::from_millis(Timestamp::now().as_millis().saturating_sub(age))
    };
    let keep = Keep { since: retention.max_age_days.map(days), newest: retention.max_entries };
    for conversation in agent.conversations.ids() {
        match agents.db().prune(&conversation, keep).await {
            Ok(0) => {}
            Ok(count) => tracing::info!(%conversation, count, "old entries deleted"),
            Err(error) => tracing::warn!(%conversation, %error, "old entries were not deleted"),
        }
    }
}
