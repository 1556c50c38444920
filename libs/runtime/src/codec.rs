//! What an agent's stdin and stdout mean. One file for each codec; each runs a session to its end.

mod dialect;
mod echo;
mod exit;
mod ladder;
mod lines;
mod restart;
mod waiting;

#[cfg(fuzzing)]
pub use self::dialect::fuzzing::conversation;
#[cfg(fuzzing)]
pub use self::lines::fuzzing::turn;

use protocol::agents::RunReason;
use protocol::spec::{AgentSpec, Codec};

use tokio::sync::mpsc;

use crate::control::Told;
use crate::event::{AgentEvent, Outcome};
use crate::session::{Graces, Inbox, Stopped};
use crate::site::Site;

/// Runs a session until it is stopped.
pub(crate) async fn run(
    spec: AgentSpec,
    site: Site,
    graces: Graces,
    resume: Option<String>,
    inbox: Inbox,
    told: mpsc::Receiver<Told>,
) {
    let ended = match dialect::of(&spec.codec) {
        Some(dialect) => match dialect::Setting::from_spec(spec, &site, graces) {
            Ok(setting) => dialect::run(dialect, setting, resume, inbox, told).await,
            Err(problem) => refuse(&problem, inbox).await,
        },
        None if spec.codec == Codec::Echo => echo::run(inbox, told).await,
        None => match lines::Setting::from_spec(spec, &site, graces) {
            Ok(setting) => lines::run(setting, inbox, told).await,
            Err(problem) => refuse(&problem, inbox).await,
        },
    };
    // Every session ends by being stopped; there is nobody left to tell.
    let _: Result<(), Stopped> = ended;
}

/// Starts the agent's program, if it greets, to see whether it does; whether it can take up a session of its own.
///
/// # Errors
/// Why it cannot be used, for people.
pub(crate) async fn check(spec: AgentSpec, site: &Site, graces: Graces) -> Result<bool, String> {
    match dialect::of(&spec.codec) {
        Some(dialect) => {
            let setting = dialect::Setting::from_spec(spec, site, graces)?;
            dialect::greeting::greet(dialect, setting).await
        }
        None if spec.codec == Codec::Echo => Ok(false),
        None => lines::Setting::from_spec(spec, site, graces).map(|_| false),
    }
}

/// The agent cannot work as it is configured: every turn fails and says why.
async fn refuse(problem: &str, mut inbox: Inbox) -> Result<(), Stopped> {
    while let Some(prompt) = inbox.next_prompt().await {
        let outcome = Outcome::failed(RunReason::AgentUnavailable, problem);
        inbox.emit(AgentEvent::Ended { run: prompt.run, outcome }).await?;
    }
    Ok(())
}
