//! What an agent's stdin and stdout mean. One file for each codec; each runs a session to its end.

mod echo;
mod lines;

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
    inbox: Inbox,
    told: mpsc::Receiver<Told>,
) {
    let ended = match spec.codec {
        Codec::Echo => echo::run(inbox, told).await,
        Codec::Lines { .. } => match lines::Setting::from_spec(spec, &site, graces) {
            Ok(setting) => lines::run(setting, inbox, told).await,
            Err(problem) => refuse(&problem, inbox).await,
        },
    };
    // Every session ends by being stopped; there is nobody left to tell.
    let _: Result<(), Stopped> = ended;
}

/// The agent cannot work as it is configured: every turn fails and says why.
async fn refuse(problem: &str, mut inbox: Inbox) -> Result<(), Stopped> {
    while let Some(prompt) = inbox.next_prompt().await {
        let outcome = Outcome::failed(RunReason::AgentUnavailable, problem);
        inbox.emit(AgentEvent::Ended { run: prompt.run, outcome }).await?;
    }
    Ok(())
}
