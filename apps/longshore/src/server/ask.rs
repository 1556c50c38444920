//! Asking a server to stop, over its own namespace.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use link::{Endpoint, Link, Signal, Trust};
use protocol::Ack;
use protocol::catalogue::Namespace;
use protocol::lifecycle::{Shutdown, Stopping};
use protocol::names::clients::SHUTDOWN;
use serde_json::json;
use serde_json::value::to_raw_value;

use crate::run_file::{Kind, RunFile};

/// How long a server may take to be connected to and to answer.
const ANSWER: Duration = Duration::from_secs(5);

/// Asks it; gives what holds then.
///
/// # Errors
/// It cannot be reached, does not let us in, or refuses.
pub(super) async fn shutdown(server: &RunFile, shutdown: Shutdown) -> anyhow::Result<Stopping> {
    let namespace = match server.kind() {
        Kind::Manager => Namespace::Agents,
        Kind::Up | Kind::Controller => Namespace::Clients,
    };
    let auth = json!({ "token": server.token });
    let endpoint = Endpoint::new(&server.url, namespace.path(), auth)?
        .trusting(Trust { authority: server.ca_file.clone(), own: None });
    let (link, mut signals) = Link::open(endpoint);
    let asked = async {
        loop {
            match signals.recv().await.context("the connection has ended")? {
                Signal::Connected(session) => {
                    let payload = to_raw_value(&shutdown)?;
                    let answer = session.call(SHUTDOWN, &[&payload]).await?;
                    let ack: Ack<Stopping> = serde_json::from_str(answer.get())?;
                    return ack.into_result().map_err(|refused| anyhow!(refused.message));
                }
                Signal::Refused { message } => bail!("it does not let us in: {message}"),
                Signal::RetryFailed { error } => bail!(error),
                Signal::Down { .. } | Signal::Retrying { .. } | Signal::Event { .. } => {}
            }
        }
    };
    let asked = tokio::time::timeout(ANSWER, asked).await;
    link.close().await;
    let asked = asked.unwrap_or_else(|_| Err(anyhow!("it does not answer")));
    asked.with_context(|| format!("ask {} to stop", server.url))
}
