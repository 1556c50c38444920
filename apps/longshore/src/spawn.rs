//! A server that is started when somebody needs it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use rustix::fs::{FlockOperation, flock};
use store::{Lock, Tier};
use tokio::time::{Instant, sleep};

use crate::api::Controller;
use crate::cli::Target;
use crate::directories::Directories;
use crate::hint::hinted;
use crate::log_file;
use crate::restart;
use crate::run_file::RunFile;

/// Longest wait for a server: a slow disk with a large database.
const READY: Duration = Duration::from_secs(60);
/// How often it is looked whether the server is ready: at first, and at most.
const POLL: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// How long a server may take to say that it is there.
const ANSWER: Duration = Duration::from_secs(2);
/// Lines of the log that an error shows.
const LAST: usize = 5;

/// How a server is started that nobody has started.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Say nothing of it.
    pub hidden: bool,
    /// How long it goes on when nobody is connected; zero for ever.
    pub idle_timeout: Duration,
    /// Whether it may not be started at all.
    pub forbidden: bool,
    /// Its configuration file, if that is not the usual one.
    pub config: Option<PathBuf>,
}

/// The controller that the flags mean. When they name none and none runs here, one is started in the background.
///
/// # Errors
/// None runs and none may be started, it did not become ready, or the flags do not fit.
pub async fn ensure(
    target: &Target,
    options: Options,
    directories: &Directories,
) -> anyhow::Result<Controller> {
    if target.url.is_none() && !options.forbidden {
        let idle = options.idle_timeout.as_secs_f64();
        let flags = ["--any-port".to_owned(), format!("--idle-timeout={idle}")];
        let say = |text: &str| {
            if !options.hidden {
                eprintln!("{text}");
            }
        };
        start(&flags, options.config.as_deref(), directories, say).await?;
    }
    Controller::find(target, directories)
}

/// The server that runs here, or that was started just now with these flags of `up`.
///
/// # Errors
/// It did not become ready.
pub(crate) async fn start(
    flags: &[String],
    config: Option<&Path>,
    directories: &Directories,
    say: impl Fn(&str),
) -> anyhow::Result<(RunFile, Found)> {
    let deadline = Instant::now() + READY;
    if let Some(here) = live(directories, deadline).await? {
        return Ok((here, Found::Running));
    }
    directories.create_all()?;
    let _one_at_a_time = one_at_a_time(&directories.run, deadline).await?;
    if let Some(here) = live(directories, deadline).await? {
        return Ok((here, Found::Running));
    }
    say("Starting longshore in the background…");
    let child = launch(flags, config, directories)?;
    let here = ready(child, directories, deadline).await?;
    say("longshore started.");
    Ok((here, Found::Started))
}

/// Whether a server was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Running,
    Started,
}

/// The server that runs here and answers. One that is about to end or begins is waited for.
async fn live(directories: &Directories, deadline: Instant) -> anyhow::Result<Option<RunFile>> {
    let patience = Instant::now() + 5 * ANSWER;
    loop {
        let Some(here) = RunFile::here(&directories.run)?.filter(|here| !here.is_over()) else {
            return Ok(None);
        };
        if !here.is_stopping() {
            if answers(&here).await {
                return Ok(Some(here));
            }
            // A file of an older version, whose server was killed, perhaps.
            let Some(running) = &here.running else { return Ok(None) };
            if Instant::now() > patience {
                let pid = running.process.pid;
                return Err(hinted(
                    anyhow!("longshore runs as process {pid} and does not answer at {}", here.url),
                    "longshore server stop --force",
                ));
            }
        }
        if Instant::now() > deadline {
            bail!("the server at {} is stopping and does not come to an end", here.url);
        }
        sleep(POLL.0).await;
    }
}

async fn answers(server: &RunFile) -> bool {
    let server = server.clone();
    tokio::task::spawn_blocking(move || server.answers(ANSWER)).await.unwrap_or_default()
}

/// Holds the lock by which of several who need a server only one starts it; the others wait for that.
async fn one_at_a_time(run: &Path, deadline: Instant) -> anyhow::Result<File> {
    let path = run.join("spawn.lock");
    let file =
        log_file::append(&path).with_context(|| format!("open lock file {}", path.display()))?;
    while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if Instant::now() > deadline {
            bail!("another longshore starts a server and does not come to an end");
        }
        sleep(POLL.0).await;
    }
    Ok(file)
}

/// Starts the process: it outlives this one, and its terminal.
fn launch(
    flags: &[String],
    config: Option<&Path>,
    directories: &Directories,
) -> anyhow::Result<Child> {
    let log = std::path::absolute(directories.log())?;
    let program = restart::program()?;
    let mut command = Command::new(&program);
    command.arg("up").arg("--background").arg("--log-file").arg(&log);
    // Otherwise it finds them by itself, and run files somewhere else.
    if directories.run == directories.data.join("run") {
        command.arg("--data-dir").arg(std::path::absolute(&directories.data)?);
    }
    if let Some(config) = config {
        command.arg("--config").arg(std::path::absolute(config)?);
    }
    // What it says before it has opened its log goes there, too.
    let stderr = log_file::append(&log).with_context(|| format!("open {}", log.display()))?;
    command
        .args(flags)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .spawn()
        .with_context(|| format!("start {}", program.display()))
}

/// Whether a process has one of the databases.
fn are_taken(data: &Path) -> bool {
    Tier::ALL.into_iter().any(|tier| Lock::is_taken(&data.join(tier.file_name())).unwrap_or(false))
}

/// Waits until the server that was started is ready, or another one is.
async fn ready(
    mut child: Child,
    directories: &Directories,
    deadline: Instant,
) -> anyhow::Result<RunFile> {
    let mut pause = POLL.0;
    loop {
        let here = RunFile::here(&directories.run)?.filter(|here| !here.is_over());
        if let Some(here) = here
            && !here.is_stopping()
            && answers(&here).await
        {
            return Ok(here);
        }
        let ended = child.try_wait().context("look after the server")?;
        let why = match ended {
            // It was refused the data: whoever has started another one by hand has that ready in a moment.
            Some(_) if Instant::now() < deadline && are_taken(&directories.data) => {
                sleep(pause).await;
                continue;
            }
            Some(status) => format!("it ended with {status}"),
            None if Instant::now() > deadline => {
                format!("it is not ready after {} s", READY.as_secs())
            }
            None => {
                sleep(pause).await;
                pause = (2 * pause).min(POLL.1);
                continue;
            }
        };
        let log = directories.log();
        let last = log_file::newest(&log, LAST).unwrap_or_default();
        let last = String::from_utf8_lossy(&last);
        let last: Vec<&str> = last.lines().collect();
        return Err(hinted(
            anyhow!("longshore did not start: {why}; {}: {}", log.display(), last.join(" | ")),
            "longshore server logs",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_server_that_was_started_by_hand_meanwhile_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let directories = Directories::find(Some(dir.path())).unwrap();
        directories.create().unwrap();
        let lock = Lock::take(&dir.path().join(Tier::Controller.file_name())).unwrap();
        let refused = || {
            let mut child = Command::new("false").spawn().unwrap();
            child.wait().unwrap();
            child
        };

        let soon = Instant::now() + Duration::from_secs(3);
        let waited = ready(refused(), &directories, soon).await;
        assert!(waited.is_err() && Instant::now() >= soon);

        drop(lock);
        let before = Instant::now();
        let failed = ready(refused(), &directories, before + READY).await.unwrap_err();
        assert!(failed.to_string().contains("it ended with"), "{failed}");
        assert_eq!(Instant::now(), before, "nobody has the data, so nobody is waited for");
    }
}
