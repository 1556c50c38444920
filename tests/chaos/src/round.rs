//! One round: fresh servers, load, faults, and the verdict.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use fastrand::Rng;
use serde_json::{Value, json};
use tests::shim;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::Load;
use crate::check::{self, Violation};
use crate::faults::{self, Fault, Seat, Target};
use crate::record::{Log, Record};
use crate::servers::{System, eventually};
use crate::transport::Client;
use crate::viewer::Viewer;
use crate::workload::{self, World};

/// How long runs may take to end, and viewers to catch up, once nothing goes wrong any more.
const SETTLING: Duration = Duration::from_secs(60);

/// Conversations that are there from the beginning.
const STABLE: usize = 3;

/// How a round went.
#[derive(Debug, Default)]
pub(crate) struct Summary {
    pub(crate) rounds: usize,
    pub(crate) accepted: usize,
    pub(crate) entries: usize,
    pub(crate) seen: usize,
    pub(crate) faults: BTreeMap<Fault, usize>,
    pub(crate) violations: Vec<Violation>,
}

impl Summary {
    pub(crate) fn add(&mut self, other: Self) {
        self.rounds += other.rounds;
        self.accepted += other.accepted;
        self.entries += other.entries;
        self.seen += other.seen;
        for (fault, count) in other.faults {
            *self.faults.entry(fault).or_default() += count;
        }
        self.violations.extend(other.violations);
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rounds, {} messages acknowledged, {} entries stored, {} events seen, {} faults, {} violations",
            self.rounds,
            self.accepted,
            self.entries,
            self.seen,
            self.faults.values().sum::<usize>(),
            self.violations.len()
        )
    }
}

pub(crate) async fn run(load: &Load, seed: u64, time: Duration) -> anyhow::Result<Summary> {
    let mut directory = tempfile::tempdir()?;
    directory.disable_cleanup(load.keep);
    let library = shim::build(directory.path())?;
    let system = System::start(load, directory.path(), &library).await?;
    let record = Arc::new(Record::default());
    let mut rng = Rng::with_seed(seed);

    let mut seats = Vec::new();
    for number in 0..load.viewers {
        let client = if number % 2 == 0 { Client::Plain } else { Client::JavaScript };
        let (access, proxy) = system.access_by_proxy().await?;
        let viewer = Viewer::start(&format!("v{number}"), client, access, &record)?;
        seats.push(Seat { viewer, proxy, busy: Mutex::default() });
    }
    let mut stable = Vec::new();
    for number in 0..STABLE {
        stable.push(create(&seats[0].viewer, number).await?);
    }
    let world = Arc::new(World::new(record.clone(), stable));
    let end = Instant::now() + time;
    let mut people = JoinSet::new();
    for seat in &seats {
        world.stable.iter().for_each(|conversation| seat.viewer.join(conversation));
        people.spawn(workload::run(world.clone(), seat.viewer.clone(), rng.fork(), end));
    }
    let target = Arc::new(Target { system, seats, record: record.clone(), link: Mutex::default() });
    let faults = faults::run(&target, &load.only, rng.fork(), end).await;
    while let Some(person) = people.join_next().await {
        person.context("a person")?;
    }
    if let Err(error) = settle(&target, &world).await {
        record.incident(format!("it does not come to rest: {error}"));
    }
    let target = Arc::into_inner(target).context("a fault goes on")?;
    end_of(target.system, &record).await;

    let history = record.take();
    let violations = check::check(&history);
    if load.keep {
        for ((viewer, conversation), seen) in &history.seen {
            let lines: String = seen.iter().map(|seen| format!("{seen:?}\n")).collect();
            std::fs::write(directory.path().join(format!("{viewer}-{conversation}")), lines)?;
        }
        println!("kept: {}", directory.path().display());
    }
    Ok(Summary {
        rounds: 1,
        accepted: history.accepted.len(),
        entries: history.logs.values().map(|log| log.entries.len()).sum(),
        seen: history.seen.values().map(Vec::len).sum(),
        faults,
        violations,
    })
}

async fn create(viewer: &Viewer, number: usize) -> anyhow::Result<String> {
    eventually(async || {
        let payload =
            json!({"name": format!("stable {number}"), "onNameCollision": "appendNumber"});
        let answer = viewer.command("createConversation", payload).await.context("no answer")?;
        Ok(answer["data"]["conversationId"]
            .as_str()
            .with_context(|| answer.to_string())?
            .to_owned())
    })
    .await
}

/// Waits until all runs have ended and all viewers have caught up, and notes how everything is then. What does not come to
/// that is noted all the same: the checker says what is wrong with it.
async fn settle(target: &Target, world: &World) -> anyhow::Result<()> {
    let deadline = Instant::now() + SETTLING;
    let auditor =
        Viewer::start("auditor", Client::Plain, target.system.access.clone(), &target.record)?;
    let mut logs = BTreeMap::new();
    for conversation in world.conversations() {
        auditor.join(&conversation);
        if let Some(log) = ended(target, &auditor, &conversation, deadline).await? {
            logs.insert(conversation, log);
        }
    }
    let viewers: Vec<&Viewer> =
        target.seats.iter().map(|seat| &seat.viewer).chain([&auditor]).collect();
    let is_there = |viewer: &Viewer| {
        let joined = viewer.joined();
        viewer.wanted().iter().all(|conversation| {
            let all = logs.get(conversation).map(|log| log.entries.len() as u64);
            joined.get(conversation).copied() == all
        })
    };
    while !viewers.iter().all(|viewer| is_there(viewer)) && Instant::now() < deadline {
        sleep(Duration::from_millis(50)).await;
    }
    // What comes too much comes a little later.
    sleep(Duration::from_millis(300)).await;
    let mut history = target.record.lock();
    for viewer in viewers {
        let wanted = viewer.wanted().into_iter();
        history.present.extend(wanted.map(|conversation| (viewer.name.clone(), conversation)));
    }
    history.logs = logs;
    history.heard = target.system.heard();
    Ok(())
}

/// The log of a conversation once its runs have ended; nothing when it is gone.
async fn ended(
    target: &Target,
    auditor: &Viewer,
    conversation: &str,
    deadline: Instant,
) -> anyhow::Result<Option<Log>> {
    loop {
        let exported = eventually(async || target.system.export(conversation).await).await?;
        let Some(entries) = exported else { return Ok(None) };
        if is_quiet(&entries) || Instant::now() > deadline {
            let epoch = eventually(async || {
                let payload = json!({"conversationId": conversation, "limit": 1});
                let answer = auditor.command("getHistory", payload).await.context("no answer")?;
                Ok(answer["data"]["epoch"].as_str().with_context(|| answer.to_string())?.to_owned())
            })
            .await?;
            return Ok(Some(Log { epoch, entries }));
        }
        sleep(Duration::from_millis(100)).await;
    }
}

fn is_quiet(entries: &[(String, Value)]) -> bool {
    let mut open = std::collections::HashSet::new();
    for (event, payload) in entries {
        let Some(run) = payload["runId"].as_str() else { continue };
        if event == "runEvent" && check::is_terminal(payload) {
            open.remove(run);
        } else if event == "chatMessage" && payload["from"] == "user" {
            open.insert(run);
        }
    }
    open.is_empty()
}

/// Stops both servers as an administrator does.
async fn end_of(system: System, record: &Record) {
    for tier in [system.controller, system.manager] {
        let mut tier = tier.into_inner();
        let problems = tier.died().into_iter().chain(tier.stop().await).chain(tier.panics());
        problems.collect::<Vec<_>>().into_iter().for_each(|problem| record.incident(problem));
    }
}
