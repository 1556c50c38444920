//! Any program: a message is written to its stdin as lines, what it prints until the turn ends is
//! the answer.
//!
//! A turn ends
//!
//! - at a line that the sentinel matches, or a prompt without newline that it matches; neither is
//!   a part of the answer,
//! - or after its first line, if so configured,
//! - or, with neither of these, after a quiet time following output, or as an empty answer after
//!   a longer time without any,
//! - in any case when the program exits.
//!
//! A line that is a control message (`docs/agents.md`) is no part of an answer. While a turn waits for the
//! answer to what it asked, quiet does not end it.
//!
//! Stderr is kept apart, line by line. It is a sign of life, and no answer.
//!
//! The program is started with the first message and lives on. One that ended is started again
//! with the next message; after crashes in a row it is given more and more time. A message is given
//! to one program only. One that exits without having read a byte of it, as it was leaving when
//! the message came, was not given it: the next program is.

mod answer;
mod exit;
#[cfg(fuzzing)]
pub(super) mod fuzzing;

mod rules;
mod turn;
mod unasked;
mod worker;

use std::time::Duration;

use protocol::spec::AgentSpec;
use tokio::sync::mpsc;

use self::rules::Rules;
use self::worker::Worker;
use crate::codec::waiting;
use crate::control::Told;
use crate::host::program::Program;
use crate::meters::Meters;
use crate::session::{Graces, Inbox, Stopped};
use crate::site::Site;

/// How a `lines` agent is set up.
#[derive(Debug)]
pub(super) struct Setting {
    program: Program,
    rules: Rules,
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
        let rules = Rules::from_codec(&spec.codec).ok_or("the codec is not \"lines\"")?;
        let rules = rules.map_err(|error| format!("the sentinel is no pattern: {error}"))?;
        let silence = waiting::patience(&spec);
        let (program, meters) = (Program::new(spec.host, site)?, site.meters().clone());
        Ok(Self { program, rules, silence, graces, meters })
    }

    /// The program's name, for people.
    fn name(&self) -> String {
        self.program.name()
    }
}

/// Runs a session until it is stopped.
pub(super) async fn run(
    setting: Setting,
    inbox: Inbox,
    told: mpsc::Receiver<Told>,
) -> Result<(), Stopped> {
    Worker::new(setting, inbox, told).run().await;
    Ok(())
}
