//! A program with a terminal in a container, beside the container's first process.
//!
//! What an engine starts so outlives the connection to it, and the engine has no request that ends it. The process id that
//! the engine knows is one of the engine's machine, where the manager may not be, or may not signal. So the program is
//! started by a shell of the container that first says its own process id, as the container counts, and then becomes the
//! program. The id is that of the session of all that runs in the terminal, and a second shell in the container sends them
//! signals. Both need nothing but `/bin/sh` and `/proc`; an image without a shell has no terminals.

use std::fmt::Write;
use std::time::Duration;

use bollard::models::ExecConfig;
use bollard::query_parameters::ResizeExecOptions;
use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

use super::attach::{Upgrade, upgrade};
use super::engine::EngineError;
use super::frames::Frames;
use super::rooms::{Room, no_answer};
use crate::terminal::{Shell, Size};

/// How long a program may take to run.
const STARTING: Duration = Duration::from_secs(10);
/// How long the engine may take for what is asked of one that runs.
const ANSWERING: Duration = Duration::from_secs(3);
/// How long a program whose output has ended may seem to run: the engine notes the end a little later.
const NOTING: Duration = Duration::from_millis(1_500);
/// Between two looks at that.
const LOOK: Duration = Duration::from_millis(20);
/// Longest text of the engine's or the container's that says why there is no program.
const REASON: u64 = 1 << 10;

/// Becomes the program once the terminal has its size, for which the engine needs a process.
const BECOME: &str =
    "command -v \"$1\" >/dev/null 2>&1 || exit 127; echo $$; read -r go; exec \"$1\"";
/// Signals all process groups of a session. The fields of `stat` come behind a name that may have blanks and parentheses.
const SIGNAL: &str = "for stat in /proc/[0-9]*/stat; do read -r line <\"$stat\" || continue; \
    set -- \"$1\" \"$2\" ${line##*) }; [ \"$6\" = \"$2\" ] && kill \"-$1\" \"-$5\"; done 2>/dev/null";

pub(crate) type Input = WriteHalf<Upgrade>;
pub(crate) type Output = ReadHalf<Upgrade>;

/// Why a program was not started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotStarted {
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// What was said instead.
    #[error("{0}")]
    Said(String),
}

/// A program that runs. Unless it is known to be over, dropping this kills it.
#[derive(Debug)]
pub(crate) struct Exec {
    door: Door,
    pub(crate) input: Input,
    pub(crate) output: Output,
    pub(crate) is_over: bool,
}

/// What is asked of a program that runs, besides its input and output.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    room: Room,
    /// The engine's name for it.
    id: String,
    /// The session of what runs in the terminal, as the container counts.
    session: u32,
}

impl Exec {
    /// Starts a program in a terminal of that size.
    pub(crate) async fn start(
        room: &Room,
        shell: &Shell,
        variables: Vec<String>,
    ) -> Result<Self, NotStarted> {
        let command = ["/bin/sh", "-c", BECOME, "sh", &shell.program];
        let id = room.prepare(&command, Some(variables)).await?;
        let (mut output, input) = tokio::io::split(room.begin(&id, true).await?);
        let said = timeout(STARTING, line(&mut output)).await.map_err(|_| no_answer())?;
        let Ok(session) = said.trim().parse() else {
            return Err(room.reason(&id, said, output).await);
        };
        let door = Door { room: room.clone(), id, session };
        let mut started = Self { door, input, output, is_over: false };
        started.door.resize(shell.size).await;
        timeout(STARTING, started.go()).await.map_err(|_| no_answer())?;
        Ok(started)
    }

    /// Lets it become the program. The terminal shows the line that it is given.
    async fn go(&mut self) {
        // When nobody is there to read it, the output ends, which says so.
        self.input.write_all(b"\n").await.ok();
        line(&mut self.output).await;
    }

    pub(crate) fn door(&self) -> &Door {
        &self.door
    }
}

impl Drop for Exec {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        // Without a runtime the manager is gone, and its containers are stopped.
        if let Ok(runtime) = Handle::try_current() {
            let door = self.door.clone();
            runtime.spawn(async move { door.signal(Signal::KILL).await });
        }
    }
}

impl Door {
    /// Gives the terminal another size.
    pub(crate) async fn resize(&self, size: Size) {
        let options = ResizeExecOptions { h: size.rows.into(), w: size.cols.into() };
        let resizing = self.room.engine.docker.resize_exec(&self.id, options);
        match timeout(ANSWERING, resizing).await {
            Ok(Ok(())) => {}
            // It is about to be gone.
            Ok(Err(error)) => tracing::debug!(%error, "terminal not resized"),
            Err(_) => tracing::debug!("terminal not resized in time"),
        }
    }

    /// Sends a signal to all that runs in the terminal, and waits until that is done.
    pub(crate) async fn signal(&self, signal: Signal) {
        let (number, session) = (signal.as_raw().to_string(), self.session.to_string());
        let signalling = async {
            let command = ["/bin/sh", "-c", SIGNAL, "sh", &number, &session];
            let id = self.room.prepare(&command, None).await?;
            // It says nothing; if there is something to be heard, the engine has not started it.
            let mut said = Frames::new(self.room.begin(&id, false).await?);
            match said.next().await {
                Some((_, said)) => {
                    Err(EngineError::Refused(String::from_utf8_lossy(&said).trim().to_owned()))
                }
                None => Ok(()),
            }
        };
        match timeout(ANSWERING, signalling).await {
            // The container is gone, and all with it.
            Ok(Ok(()) | Err(EngineError::Missing(_) | EngineError::Conflict(_))) => {}
            Ok(Err(error)) => {
                tracing::warn!(container = self.room.id, %error, "terminal not signalled");
            }
            Err(_) => tracing::warn!(container = self.room.id, "terminal not signalled in time"),
        }
    }

    /// Its output has ended: ends what is left of it. How it exited, if anybody knows.
    pub(crate) async fn close(self) -> Option<i32> {
        let code = self.exit_code().await;
        self.signal(Signal::KILL).await;
        code
    }

    async fn exit_code(&self) -> Option<i32> {
        let until = Instant::now() + NOTING;
        while Instant::now() < until {
            if let Some(ended) = self.room.ended(&self.id).await.ok()? {
                return ended;
            }
            sleep(LOOK).await;
        }
        None
    }
}

impl Room {
    /// Prepares a program, with a terminal if it is to have variables of its own. The engine's name for it.
    async fn prepare(
        &self,
        command: &[&str],
        variables: Option<Vec<String>>,
    ) -> Result<String, EngineError> {
        let config = ExecConfig {
            attach_stdin: Some(variables.is_some()),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(variables.is_some()),
            env: variables,
            cmd: Some(command.iter().map(|&word| word.to_owned()).collect()),
            privileged: Some(false),
            ..ExecConfig::default()
        };
        let creating = self.engine.docker.create_exec(&self.id, config);
        Ok(timeout(ANSWERING, creating).await.map_err(|_| no_answer())??.id)
    }

    async fn begin(&self, id: &str, has_terminal: bool) -> Result<Upgrade, EngineError> {
        let how = format!("{{\"Detach\":false,\"Tty\":{has_terminal}}}");
        upgrade(&self.engine, &format!("/exec/{id}/start"), how).await
    }

    /// How a program has exited, once it has: nothing inside if nobody knows.
    async fn ended(&self, id: &str) -> Result<Option<Option<i32>>, EngineError> {
        let asking = self.engine.docker.inspect_exec(id);
        let known = timeout(ANSWERING, asking).await.map_err(|_| no_answer())??;
        let code = known.exit_code.and_then(|code| i32::try_from(code).ok());
        Ok((known.running != Some(true)).then_some(code))
    }

    /// Why there is no program, of which that has been heard so far.
    async fn reason(&self, id: &str, said: String, output: Output) -> NotStarted {
        let mut rest = Vec::new();
        timeout(ANSWERING, output.take(REASON).read_to_end(&mut rest)).await.ok();
        let mut text = said;
        write!(text, "{}", String::from_utf8_lossy(&rest)).expect("a text can be written to");
        let text: String =
            text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        if !text.is_empty() {
            return NotStarted::Said(text);
        }
        match self.ended(id).await {
            Ok(Some(Some(127))) => NotStarted::Said("the container has no such program".to_owned()),
            Ok(Some(Some(code))) => {
                NotStarted::Said(format!("the container's shell exited with code {code}"))
            }
            Ok(_) => NotStarted::Said("the container's shell does not say why".to_owned()),
            Err(error) => error.into(),
        }
    }
}

/// The next line, or as much of it as may be: without what is no UTF-8, up to [`REASON`] bytes.
async fn line(output: &mut Output) -> String {
    let mut line = Vec::new();
    // Byte by byte, as what comes behind it is the program's.
    while let Ok(byte) = output.read_u8().await {
        line.push(byte);
        if byte == b'\n' || line.len() as u64 >= REASON {
            break;
        }
    }
    String::from_utf8_lossy(&line).into_owned()
}
