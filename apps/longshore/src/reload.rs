//! SIGHUP: the configuration file is read again, and what may change while a server runs is changed.
//!
//! Whatever can be changed is a *part*: it names its settings and, of what was read, prepares the change. When all parts have
//! prepared theirs, all are made; when the file or one part says no, nothing is changed. Flags and the environment of a
//! process do not change, and go before the file as ever.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::OnceLock;

use anyhow::Context;
use gateway::Stop;
use protocol::AgentId;
use protocol::spec::AgentSpec;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tracing_subscriber::EnvFilter;

use crate::cli::{Command, Pages};
use crate::restart;
use crate::settings::{self, Invocation, Refused, Source};
use crate::systemd::{self, Watchdog};

/// A change that is prepared, and can hardly fail any more.
pub type Change = Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>;

type Prepare = Box<dyn Fn(&Invocation) -> anyhow::Result<Change> + Send + Sync>;

/// What a server can change while it runs.
#[derive(Default)]
pub struct Parts {
    all: Vec<(&'static [&'static str], Prepare)>,
    /// Whose audit log has it, if there is one.
    controller: Option<controller::Handle>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.all.iter().map(|(keys, _)| keys)).finish()
    }
}

impl Parts {
    /// What all servers can: what they log.
    #[must_use]
    pub fn new() -> Self {
        Self::default().and(&["log"], |new| {
            let filter = crate::log_filter(&new.cli).context("log")?;
            Ok(Box::pin(async move { set_filter(filter) }))
        })
    }

    /// One more. `prepare` is called at every reload, whether its settings are others or not: it may have files to read.
    #[must_use]
    pub fn and(
        mut self,
        keys: &'static [&'static str],
        prepare: impl Fn(&Invocation) -> anyhow::Result<Change> + Send + Sync + 'static,
    ) -> Self {
        self.all.push((keys, Box::new(prepare)));
        self
    }

    /// Whose pages may talk to the controller, which writes down what was changed.
    #[must_use]
    pub fn origins(mut self, controller: controller::Handle) -> Self {
        self.controller = Some(controller.clone());
        self.and(&["origin"], move |new| {
            let origins = new.cli.command.pages().map(|pages| pages.origins.clone());
            let controller = controller.clone();
            Ok(Box::pin(async move {
                controller.set_origins(origins.unwrap_or_default());
                Ok(())
            }))
        })
    }

    /// The agents of the file: those that are not there are made, with `made` told of each; none is changed or removed.
    #[must_use]
    pub fn agents(
        self,
        manager: manager::Handle,
        made: impl Fn(String, AgentId, String) -> Change + Clone + Send + Sync + 'static,
    ) -> Self {
        self.and(&["agents"], move |new| {
            let (manager, made, specs) = (manager.clone(), made.clone(), new.agents.clone());
            Ok(Box::pin(async move { ensure(&manager, specs, made).await }))
        })
    }
}

async fn ensure(
    manager: &manager::Handle,
    specs: Vec<AgentSpec>,
    made: impl Fn(String, AgentId, String) -> Change,
) -> anyhow::Result<()> {
    for spec in specs {
        let name = spec.name.clone();
        if let (agent, Some(password)) = manager.ensure_agent(spec).await? {
            tracing::info!(%agent, name, "agent made");
            made(name, agent, password).await?;
        }
    }
    Ok(())
}

impl Command {
    fn pages(&self) -> Option<&Pages> {
        match self {
            Self::Up(up) => Some(&up.pages),
            Self::Controller(controller) => Some(&controller.pages),
            _ => None,
        }
    }
}

/// Looks after a server that serves: reloads at SIGHUP, tells systemd. Ends when it is dropped.
#[derive(Debug)]
pub struct Attending {
    task: JoinHandle<()>,
    _watchdog: Option<Watchdog>,
}

impl Drop for Attending {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// SIGHUP, from now on: it ends nothing any more while a server begins, and is attended to when it serves.
///
/// # Errors
/// The signal cannot be caught.
pub fn hangup() -> anyhow::Result<Signal> {
    signal(SignalKind::hangup()).context("catch SIGHUP")
}

/// Attends to a server that has begun to serve; `status` says where, for people.
#[must_use]
pub fn attend(
    mut hangup: Signal,
    source: Source,
    parts: Parts,
    stop: Stop,
    status: String,
) -> Attending {
    // The terminal that it was started in is gone: nobody is there to see it, or to press Ctrl-C.
    let is_interactive = restart::is_interactive();
    systemd::ready(&status);
    let task = tokio::spawn(async move {
        let mut source = source;
        while let Some(()) = next(&mut hangup, &stop).await {
            if is_interactive {
                stop.order(None, false);
                continue;
            }
            systemd::reloading();
            match again(&source, &parts).await {
                Ok(new) => source = new,
                Err(error) => {
                    let error = format!("{error:#}");
                    tracing::error!(error, "settings not reloaded; those from before hold");
                }
            }
            systemd::ready(&status);
        }
        // One that starts again says that it is ready; what has said that it stops is expected to be gone.
        match stop.ordered() {
            Some(order) if order.restart => systemd::reloading(),
            _ => systemd::stopping(),
        }
    });
    Attending { task, _watchdog: systemd::watchdog() }
}

async fn next(hangup: &mut Signal, stop: &Stop) -> Option<()> {
    tokio::select! {
        biased;
        _ = stop.wait() => None,
        hung_up = hangup.recv() => hung_up,
    }
}

async fn again(old: &Source, parts: &Parts) -> anyhow::Result<Source> {
    let new = settings::read(old.args()).map_err(|refused| match refused {
        Refused::CommandLine(error) => error.into(),
        Refused::File(error) => error,
    })?;
    let prepared: anyhow::Result<Vec<Change>> =
        parts.all.iter().map(|(_, prepare)| prepare(&new)).collect();
    for change in prepared? {
        change.await?;
    }
    let changed = old.differs(&new.source);
    let can: BTreeSet<&str> = parts.all.iter().flat_map(|(keys, _)| keys.iter().copied()).collect();
    let (done, later): (Vec<_>, Vec<_>) =
        changed.into_iter().partition(|key| can.contains(key.as_str()));
    let done = done.join(",");
    tracing::info!(changed = done, "settings reloaded");
    if let Some(controller) = &parts.controller {
        controller.reloaded(&done);
    }
    if !later.is_empty() {
        tracing::warn!(settings = later.join(","), "these settings count from the next start");
    }
    Ok(new.source)
}

type SetFilter = Box<dyn Fn(EnvFilter) -> anyhow::Result<()> + Send + Sync>;

/// The one subscriber of the process, as far as what it shows can be changed.
static FILTER: OnceLock<SetFilter> = OnceLock::new();

/// Notes how the filter of the log is changed. The first of a process counts, as does the first subscriber.
pub(crate) fn keep_filter(set: impl Fn(EnvFilter) -> anyhow::Result<()> + Send + Sync + 'static) {
    let _ = FILTER.set(Box::new(set));
}

fn set_filter(filter: EnvFilter) -> anyhow::Result<()> {
    FILTER.get().map_or(Ok(()), |set| set(filter))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::Path;
    use std::sync::{Arc, Mutex};

    use super::*;

    fn source(file: &Path) -> Source {
        let args = ["longshore", "controller", "--config"].map(OsString::from);
        settings::read(args.into_iter().chain([file.as_os_str().to_owned()])).unwrap().source
    }

    fn noting(seen: &Arc<Mutex<Vec<Vec<String>>>>) -> Parts {
        let seen = Arc::clone(seen);
        Parts::default().and(&["origin"], move |new| {
            let origins =
                new.cli.command.pages().map(|pages| pages.origins.clone()).unwrap_or_default();
            let seen = Arc::clone(&seen);
            Ok(Box::pin(async move {
                seen.lock().unwrap().push(origins);
                Ok(())
            }))
        })
    }

    #[tokio::test]
    async fn what_the_file_says_now_is_applied_and_a_wrong_file_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("longshore.toml");
        std::fs::write(&file, "origin = [\"https://a\"]\n").unwrap();
        let old = source(&file);
        let seen = Arc::default();
        let parts = noting(&seen);

        std::fs::write(&file, "origin = [\"https://b\"]\ngrace = 3\n").unwrap();
        let new = again(&old, &parts).await.unwrap();

        assert_eq!(seen.lock().unwrap().as_slice(), [["https://b"]]);
        assert_eq!(old.differs(&new), ["grace", "origin"]);
        std::fs::write(&file, "origin = [\"nonsense\"]\n").unwrap();
        let error = again(&new, &parts).await.unwrap_err();
        assert!(format!("{error:#}").contains("nonsense"), "{error:#}");
        assert_eq!(seen.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn when_one_part_refuses_none_is_changed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("longshore.toml");
        std::fs::write(&file, "").unwrap();
        let seen = Arc::default();
        let parts = noting(&seen).and(&["x"], |_| anyhow::bail!("no"));

        assert!(again(&source(&file), &parts).await.is_err());

        assert!(seen.lock().unwrap().is_empty());
    }
}
