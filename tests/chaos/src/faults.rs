//! What goes wrong, at random, and is mended again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use fastrand::Rng;
use rustix::process::{Signal, kill_process};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::proxy::{Flow, Proxy};
use crate::record::Record;
use crate::servers::{System, Tier};
use crate::transport::Client;
use crate::viewer::Viewer;

const EIO: i32 = 5;
const ENOSPC: i32 = 28;

/// One kind of fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Fault {
    KillManager,
    KillController,
    KillAgent,
    /// Asked to stop, as by an administrator, and started again.
    TermManager,
    TermController,
    FreezeManager,
    FreezeController,
    FreezeAgent,
    CutLink,
    CutViewer,
    /// One direction is silent for a while, and then goes on.
    HoldLink,
    HoldViewer,
    /// One direction is lost, and by and by the connection.
    LoseLink,
    LoseViewer,
    SlowLink,
    SlowViewer,
    /// A second connection of a viewer who is there.
    Twin,
    DiskFull,
    DiskErrors,
    /// The power is cut at one of the next writes of the manager's database.
    PowerCut,
    Clock,
}

use Fault::*;

/// A viewer and the cable that it is on.
#[derive(Debug)]
pub(crate) struct Seat {
    pub(crate) viewer: Viewer,
    pub(crate) proxy: Arc<Proxy>,
    /// Held by what is done to the cable.
    pub(crate) busy: Mutex<()>,
}

/// What faults are done to.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) system: System,
    pub(crate) seats: Vec<Seat>,
    pub(crate) record: Arc<Record>,
    /// Held by what is done to the link.
    pub(crate) link: Mutex<()>,
}

/// Does one fault after the other until `end`, then mends all. How many there were of each. Of all kinds, if `only` is
/// empty.
pub(crate) async fn run(
    target: &Arc<Target>,
    only: &[Fault],
    mut rng: Rng,
    end: Instant,
) -> BTreeMap<Fault, usize> {
    let kinds = if only.is_empty() { Fault::value_variants() } else { only };
    let mut done = BTreeMap::new();
    let mut under_way = JoinSet::new();
    while Instant::now() < end {
        sleep(Duration::from_millis(rng.u64(50..600))).await;
        let fault = kinds[rng.usize(..kinds.len())];
        let (target, rng) = (target.clone(), rng.fork());
        under_way.spawn(async move { target.inject(fault, rng).await.then_some(fault) });
        while let Some(fault) = under_way.try_join_next() {
            fault.ok().flatten().into_iter().for_each(|fault| *done.entry(fault).or_default() += 1);
        }
    }
    while let Some(fault) = under_way.join_next().await {
        fault.ok().flatten().into_iter().for_each(|fault| *done.entry(fault).or_default() += 1);
    }
    done
}

impl Target {
    /// Does it and mends it. Whether there was anything to do it to: of two faults of one thing only one is done.
    async fn inject(&self, fault: Fault, mut rng: Rng) -> bool {
        let injected = match fault {
            KillManager => self.kill(&self.system.manager, &mut rng).await,
            KillController => self.kill(&self.system.controller, &mut rng).await,
            TermManager => self.term(&self.system.manager, &mut rng).await,
            TermController => self.term(&self.system.controller, &mut rng).await,
            FreezeManager => freeze(&self.system.manager, &mut rng).await,
            FreezeController => freeze(&self.system.controller, &mut rng).await,
            DiskFull => self.disk(ENOSPC, &mut rng).await,
            DiskErrors => self.disk(EIO, &mut rng).await,
            PowerCut => self.power_cut(&mut rng).await,
            Clock => self.clock(&mut rng),
            KillAgent => self.agent(Signal::KILL, &mut rng).await,
            FreezeAgent => self.agent(Signal::STOP, &mut rng).await,
            CutLink | HoldLink | LoseLink | SlowLink => {
                let Ok(_busy) = self.link.try_lock() else { return false };
                cable(fault, &self.system.link, &mut rng).await;
                Ok(true)
            }
            CutViewer | HoldViewer | LoseViewer | SlowViewer => {
                let seat = &self.seats[rng.usize(..self.seats.len())];
                let Ok(_busy) = seat.busy.try_lock() else { return false };
                cable(fault, &seat.proxy, &mut rng).await;
                Ok(true)
            }
            Twin => self.twin(&mut rng).await,
        };
        injected.unwrap_or_else(|error| {
            self.record.incident(format!("{fault:?}: {error:#}"));
            false
        })
    }

    async fn kill(&self, tier: &Mutex<Tier>, rng: &mut Rng) -> anyhow::Result<bool> {
        let Ok(mut tier) = tier.try_lock() else { return Ok(false) };
        self.look(&mut tier);
        tier.kill().await?;
        pause(rng, 0..1_500).await;
        tier.start().await?;
        Ok(true)
    }

    /// It has to come to a good end: within its time, with status 0.
    async fn term(&self, tier: &Mutex<Tier>, rng: &mut Rng) -> anyhow::Result<bool> {
        let Ok(mut tier) = tier.try_lock() else { return Ok(false) };
        self.look(&mut tier);
        if let Some(problem) = tier.stop().await {
            self.record.incident(problem);
        }
        pause(rng, 0..500).await;
        tier.start().await?;
        Ok(true)
    }

    fn look(&self, tier: &mut Tier) {
        if let Some(death) = tier.died() {
            self.record.incident(death);
        }
    }

    async fn disk(&self, errno: i32, rng: &mut Rng) -> anyhow::Result<bool> {
        let Ok(tier) = self.system.manager.try_lock() else { return Ok(false) };
        tier.shim.fail_writes(errno)?;
        pause(rng, 50..2_000).await;
        tier.shim.fail_writes(0)?;
        Ok(true)
    }

    async fn power_cut(&self, rng: &mut Rng) -> anyhow::Result<bool> {
        let Ok(mut tier) = self.system.manager.try_lock() else { return Ok(false) };
        self.look(&mut tier);
        tier.shim.cut_power(rng.i64(1..60), rng.i64(1..i64::MAX))?;
        // There may be too few writes by themselves.
        if tokio::time::timeout(Duration::from_secs(3), tier.ended()).await.is_err() {
            tier.kill().await?;
        }
        tier.shim.cut_power(0, 0)?;
        tier.start().await?;
        Ok(true)
    }

    fn clock(&self, rng: &mut Rng) -> anyhow::Result<bool> {
        let tier = if rng.bool() { &self.system.manager } else { &self.system.controller };
        let Ok(tier) = tier.try_lock() else { return Ok(false) };
        tier.shim.step_clock(rng.i64(-7_200..7_200))?;
        Ok(true)
    }

    async fn agent(&self, signal: Signal, rng: &mut Rng) -> anyhow::Result<bool> {
        let agents = self.system.agents();
        if agents.is_empty() {
            return Ok(false);
        }
        let pid = agents[rng.usize(..agents.len())];
        if kill_process(pid, signal).is_err() {
            return Ok(false);
        }
        if signal == Signal::STOP {
            pause(rng, 100..3_000).await;
            kill_process(pid, Signal::CONT).ok();
        }
        Ok(true)
    }

    async fn twin(&self, rng: &mut Rng) -> anyhow::Result<bool> {
        let seat = &self.seats[rng.usize(..self.seats.len())];
        let name = format!("{}+{}", seat.viewer.name, rng.u32(..));
        let twin = Viewer::start(&name, Client::Plain, self.system.access.clone(), &self.record)?;
        for conversation in seat.viewer.joined().keys() {
            twin.join(conversation);
        }
        pause(rng, 200..2_000).await;
        Ok(true)
    }
}

async fn freeze(tier: &Mutex<Tier>, rng: &mut Rng) -> anyhow::Result<bool> {
    let Ok(tier) = tier.try_lock() else { return Ok(false) };
    tier.freeze();
    pause(rng, 100..4_000).await;
    tier.thaw();
    Ok(true)
}

async fn cable(fault: Fault, proxy: &Proxy, rng: &mut Rng) {
    let fine = Flow::Open { latency: Duration::ZERO };
    let one_way = |rng: &mut Rng, flow| if rng.bool() { (flow, fine) } else { (fine, flow) };
    match fault {
        CutLink | CutViewer => return proxy.cut(),
        HoldLink | HoldViewer => {
            let (up, down) = one_way(rng, Flow::Held);
            proxy.set(up, down);
        }
        LoseLink | LoseViewer => {
            let (up, down) = one_way(rng, Flow::Lost);
            proxy.set(up, down);
        }
        _ => {
            let slow = Flow::Open { latency: Duration::from_millis(rng.u64(5..200)) };
            proxy.set(slow, slow);
        }
    }
    pause(rng, 200..4_000).await;
    proxy.heal();
}

async fn pause(rng: &mut Rng, millis: std::ops::Range<u64>) {
    sleep(Duration::from_millis(rng.u64(millis))).await;
}
