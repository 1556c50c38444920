//! Programs that speak messages: one JSON object on each line, both ways.
//!
//! A [`Dialect`] is what the messages of a program mean: a state machine without I/O and without a clock. The worker
//! starts the program, gives it turns, asks people for permission, cancels and restarts; it is the same for all.
//!
//! The program is started with the first message and lives on, unless its dialect has one for each turn. Started again it
//! takes up the session that it had, if it can; if it cannot, people are told that it begins anew.
//!
//! A line that is no message, or none that means something, is kept as it is, and harms nobody.

mod acp;
mod claude;
mod codex;
#[cfg(fuzzing)]
pub mod fuzzing;
pub(super) mod greeting;
mod json;
mod oneshot;
mod out;
mod permission;
mod rpc;
mod speech;
mod worker;

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use protocol::spec::{AgentSpec, Approvals, Codec};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use self::out::Out;
use self::permission::Choice;
use self::worker::Worker;
use crate::codec::waiting;
use crate::control::Told;
use crate::event::Outcome;
use crate::host::program::Program;
use crate::meters::Meters;
use crate::session::{Graces, Inbox, Stopped};
use crate::site::Site;

/// A message of a program.
type Message = Map<String, Value>;

/// A message that means nothing to its dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unknown;

/// What a program's messages mean.
pub(super) trait Dialect: Send {
    /// Whether the program is started for each turn, and ends with it. It gets the end of its input after the message.
    fn is_per_turn(&self) -> bool {
        false
    }

    /// Whether what is streamed is said again, whole.
    fn says_again(&self) -> bool {
        false
    }

    /// What the program is started with, of the arguments in its configuration.
    fn arguments(&self, configured: &[String], _resume: Option<&str>) -> Vec<String> {
        configured.to_vec()
    }

    /// The program was started. What is said now comes first; the program takes turns once [`Out::ready`] is said.
    fn open(&mut self, opening: &Opening<'_>, out: &mut Out);

    /// Begins a turn. The answer is the line that gives the program its message.
    fn prompt(&mut self, text: &str) -> String;

    /// A message of the program.
    fn hear(&mut self, message: &Message, out: &mut Out) -> Result<(), Unknown>;

    /// What it has asked for is decided.
    fn decide(&mut self, key: &str, choice: Choice, out: &mut Out);

    /// Ends the turn, if the program can be told to. Whether it can.
    fn cancel(&mut self, out: &mut Out) -> bool;

    /// Whether a session can be taken up, as far as the program has said.
    fn resumes(&self) -> bool {
        true
    }

    /// The program has ended in a turn; if that is its way, how the turn has ended.
    fn exited(&mut self, _status: ExitStatus) -> Option<Outcome> {
        None
    }
}

/// How a program is to begin.
#[derive(Debug)]
pub(super) struct Opening<'a> {
    /// The session to take up.
    resume: Option<&'a str>,
    /// Where it works; an absolute path.
    directory: &'a Path,
}

/// How an agent is set up.
#[derive(Debug)]
pub(super) struct Setting {
    program: Program,
    name: String,
    approvals: Approvals,
    /// How long it may be silent in a turn before people are told.
    silence: Option<Duration>,
    graces: Graces,
    meters: Meters,
}

impl Setting {
    /// Reads it from the agent's configuration.
    ///
    /// # Errors
    /// What is wrong, for people.
    pub(super) fn from_spec(spec: AgentSpec, site: &Site, graces: Graces) -> Result<Self, String> {
        let silence = waiting::patience(&spec);
        let program = Program::new(spec.host, site)?;
        let (name, meters) = (program.name(), site.meters().clone());
        Ok(Self { program, name, approvals: spec.approvals, silence, graces, meters })
    }
}

/// What the messages of a codec's programs mean; nothing if they speak none.
pub(super) fn of(codec: &Codec) -> Option<Box<dyn Dialect>> {
    match codec {
        Codec::Echo | Codec::Lines { .. } => None,
        Codec::Acp {} => Some(Box::new(acp::Acp::new())),
        Codec::Claude {} => Some(Box::new(claude::Claude::default())),
        Codec::Codex { sandbox } => Some(Box::new(codex::Codex::new(*sandbox))),
        Codec::Oneshot { format, rules, resume } => {
            let table = oneshot::Table::new(*format, rules.clone(), resume.clone());
            Some(Box::new(oneshot::Oneshot::new(table)))
        }
    }
}

/// Runs a session until it is stopped.
pub(super) async fn run(
    dialect: Box<dyn Dialect>,
    setting: Setting,
    resume: Option<String>,
    inbox: Inbox,
    told: mpsc::Receiver<Told>,
) -> Result<(), Stopped> {
    Worker::new(dialect, setting, resume, inbox, told).run().await;
    Ok(())
}
