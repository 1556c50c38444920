//! A measured process: what it costs in CPU time and memory, read from `/proc`.

use std::path::PathBuf;
use std::process::Stdio;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Clock ticks a second in `/proc/<pid>/stat` (`USER_HZ`, 100 on every Linux that we run on).
const TICKS: f64 = 100.0;

/// A process that is killed when dropped.
pub(crate) struct Process {
    child: Child,
    /// Its first line on standard output.
    pub(crate) greeting: String,
}

impl Process {
    /// Starts it and waits for the first line that looks like JSON.
    pub(crate) async fn start(program: &PathBuf, arguments: &[String]) -> anyhow::Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("start {}", program.display()))?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout")?).lines();
        while let Some(line) = lines.next_line().await? {
            if line.starts_with('{') {
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok(Self { child, greeting: line });
            }
        }
        anyhow::bail!("{} {arguments:?} ended without a greeting", program.display())
    }

    /// CPU time so far, user and system, in seconds.
    pub(crate) fn cpu(&self) -> anyhow::Result<f64> {
        let stat = std::fs::read_to_string(self.proc("stat")?)?;
        let fields: Vec<&str> = stat.rsplit(") ").next().context("stat")?.split(' ').collect();
        Ok((fields[11].parse::<f64>()? + fields[12].parse::<f64>()?) / TICKS)
    }

    /// Resident memory, in KiB.
    pub(crate) fn rss(&self) -> anyhow::Result<f64> {
        self.status("VmRSS")
    }

    /// The most that it ever was, in KiB.
    pub(crate) fn peak(&self) -> anyhow::Result<f64> {
        self.status("VmHWM")
    }

    /// Threads.
    pub(crate) fn threads(&self) -> anyhow::Result<f64> {
        self.status("Threads")
    }

    /// Open files and sockets.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn descriptors(&self) -> anyhow::Result<f64> {
        Ok(std::fs::read_dir(self.proc("fd")?)?.count() as f64)
    }

    fn status(&self, field: &str) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(self.proc("status")?)?;
        let line = status.lines().find(|line| line.starts_with(field)).context("a field")?;
        Ok(line.split_whitespace().nth(1).context("a number")?.parse()?)
    }

    /// Kills it and waits.
    pub(crate) async fn kill(&mut self) {
        self.child.kill().await.ok();
    }

    fn proc(&self, file: &str) -> anyhow::Result<String> {
        Ok(format!("/proc/{}/{file}", self.child.id().context("it has ended")?))
    }
}
