//! What every server process has in common, from its start to its end.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use gateway::Stop;
use tokio::net::TcpListener;
use tokio::signal::unix::Signal;

use crate::cli;
use crate::directories::Directories;
use crate::idle::{self, Use};
use crate::reload::{self, Attending, Parts};
use crate::restart::Ports;
use crate::run_file::{Kind, RunFile, Running, Written};
use crate::settings::Source;
use crate::tiers;

/// A server that begins.
#[derive(Debug)]
pub struct Life {
    stop: Stop,
    idle_timeout: Duration,
    any_port: bool,
    log: Option<PathBuf>,
    /// Of the program that this one has replaced.
    inherited: Option<Ports>,
    /// For the one that may replace this one.
    kept: Ports,
    written: Option<Written>,
    /// Until it is attended to.
    hangup: Option<Signal>,
    attending: Option<Attending>,
}

/// What comes after the end.
#[derive(Debug)]
#[must_use]
pub enum Next {
    /// Nothing.
    End,
    /// The same again, on these ports.
    Restart(Ports),
}

impl Next {
    /// Does it.
    ///
    /// # Errors
    /// It cannot start again.
    pub fn go(self) -> anyhow::Result<()> {
        match self {
            Self::End => Ok(()),
            Self::Restart(ports) => Err(ports.start_again()),
        }
    }
}

impl Life {
    /// Begins one that `stop` ends.
    ///
    /// # Errors
    /// It should take over ports and cannot, or the signal cannot be caught.
    pub fn begin(args: &cli::Life, stop: Stop) -> anyhow::Result<Self> {
        if args.background {
            // Neither the terminal nor the shell it was started from reach it from here on. One that has done so before it
            // started again is told that it need not.
            let _ = rustix::process::setsid();
        }
        let log = args.log_file.as_deref().map(std::path::absolute).transpose();
        Ok(Self {
            stop,
            idle_timeout: args.idle_timeout,
            any_port: args.any_port,
            log: log.context("find the log file")?,
            inherited: Ports::inherited()?,
            kept: Ports::default(),
            written: None,
            hangup: Some(reload::hangup()?),
            attending: None,
        })
    }

    /// The order to stop.
    #[must_use]
    pub fn stop(&self) -> &Stop {
        &self.stop
    }

    /// Whether it goes on where another program of the same process has ended. Nobody waits to be told how it began then.
    #[must_use]
    pub fn is_restart(&self) -> bool {
        self.inherited.is_some()
    }

    /// Takes the port, or over the one that is still open; gives also the URL under which this machine reaches it.
    pub(crate) async fn listen(
        &mut self,
        host: IpAddr,
        port: u16,
        scheme: &str,
    ) -> anyhow::Result<(TcpListener, String)> {
        let listener = match self.inherited.as_mut().and_then(Ports::take) {
            Some(open) => open
                .set_nonblocking(true)
                .and_then(|()| TcpListener::from_std(open))
                .context("take over the port")?,
            None => self.bind(SocketAddr::new(host, port)).await?,
        };
        self.kept.keep(&listener)?;
        let address = listener.local_addr().context("read the port that was chosen")?;
        Ok((listener, tiers::url(scheme, address)))
    }

    async fn bind(&self, address: SocketAddr) -> anyhow::Result<TcpListener> {
        let bound = match TcpListener::bind(address).await {
            Err(error) if self.any_port && error.kind() == io::ErrorKind::AddrInUse => {
                tracing::info!(%address, "port is taken, another one is used");
                TcpListener::bind(SocketAddr::new(address.ip(), 0)).await
            }
            bound => bound,
        };
        bound.with_context(|| format!("listen on {address}"))
    }

    /// Writes the run file: from now on it can be found.
    ///
    /// # Errors
    /// The file system's.
    pub(crate) fn announce(
        &mut self,
        kind: Kind,
        file: RunFile,
        manager_url: Option<&str>,
        directories: &Directories,
    ) -> anyhow::Result<()> {
        let running = Running::this(kind, directories, self.log.as_deref().map(Path::new))?;
        let running = Running { manager_url: manager_url.map(str::to_owned), ..running };
        let file = RunFile { running: Some(running), ..file };
        self.written = Some(file.write(&directories.run)?);
        Ok(())
    }

    /// Says to systemd that it serves, and from now on reads its settings again when it is told to.
    pub(crate) fn attend(&mut self, source: Source, parts: Parts, url: &str) {
        let (stop, status) = (self.stop.clone(), format!("serving {url}"));
        self.attending =
            self.hangup.take().map(|hangup| reload::attend(hangup, source, parts, stop, status));
    }

    /// Goes on while `serving` does, and orders the stop when nobody uses it for too long, as `look` shows.
    pub(crate) async fn serve(
        mut self,
        serving: impl Future<Output = anyhow::Result<()>>,
        look: impl Fn() -> Use,
    ) -> anyhow::Result<Next> {
        let mut serving = std::pin::pin!(serving);
        tokio::select! {
            served = &mut serving => served?,
            () = idle::watch(self.idle_timeout, &self.stop, look) => {
                self.written.iter_mut().for_each(Written::stopping);
                serving.await?;
            }
        }
        if self.stop.ordered().is_none_or(|order| !order.restart) {
            return Ok(Next::End);
        }
        tracing::info!("starting again");
        self.written.into_iter().for_each(Written::leave);
        Ok(Next::Restart(self.kept))
    }
}
