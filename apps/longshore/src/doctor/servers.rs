//! The servers: does the controller answer, are its managers there, can their agents be used.

use std::path::Path;
use std::time::{Duration, SystemTime};

use protocol::agents::AgentCheck;
use serde::{Deserialize, Serialize};

use super::{Finding, Subject};
use crate::api::{Api, ClientInfo, Controller};
use crate::https;
use crate::run_file::RunFile;

/// Longest wait for an answer.
const WAIT: Duration = Duration::from_secs(5);
/// Clocks that are further apart make times hard to compare. Answers have whole seconds.
const APART: u64 = 5;

/// What a controller says of itself.
#[derive(Deserialize)]
struct Overview {
    version: String,
}

pub(super) fn controller(subject: &Subject) -> Vec<Finding> {
    let name = "controller";
    let file = match RunFile::read(&subject.directories.run) {
        Ok(file) => file,
        Err(error) => {
            let fix = format!("remove what is in {}", subject.directories.run.display());
            return vec![Finding::problem(name, format!("{error:#}"), fix)];
        }
    };
    if file.is_none() && subject.target.url.is_none() {
        return vec![Finding::ok(name, "none of this user runs here")];
    }
    let controller = match Controller::find(&subject.target, &subject.directories) {
        Ok(controller) => controller,
        Err(error) => {
            return vec![Finding::problem(
                name,
                format!("{error:#}"),
                "give its access token with --token",
            )];
        }
    };
    let url = controller.url.clone();
    let clock = match date(&format!("{url}/ready"), controller.ca_file.as_deref()) {
        Err(error) if file.is_some_and(|file| file.url == url) => {
            let says = format!("the run file says {url}, where nobody answers: {error}");
            return vec![Finding::problem(
                name,
                says,
                "it was killed; start it again, which replaces the file",
            )];
        }
        Err(error) => {
            return vec![Finding::problem(
                name,
                format!("{url}: {error}"),
                "is the address right, does it run?",
            )];
        }
        Ok((status, _)) if status != 200 => {
            let says = format!("{url} is not ready (status {status})");
            return vec![Finding::problem(name, says, "its log says why")];
        }
        Ok((_, clock)) => clock,
    };
    let mut findings = vec![Finding::ok(name, format!("{url} is ready"))];
    findings.extend(skew(name, clock));
    findings.push(known(&Api::new(controller)));
    findings
}

/// Whether the token is one, and the versions fit.
fn known(api: &Api) -> Finding {
    let ours = env!("CARGO_PKG_VERSION");
    match api.get::<Overview>("/api/server") {
        Ok(Overview { version }) if version == ours => {
            Finding::ok("token", format!("valid; both are {ours}"))
        }
        Ok(Overview { version }) => {
            let says = format!("valid; the controller is {version} and this program {ours}");
            Finding::warning("token", says, "use the same version on both sides")
        }
        Err(error) => Finding::problem("token", format!("{error:#}"), "give another with --token"),
    }
}

/// The controller's interface, when there is a controller that takes our token.
fn api(subject: &Subject) -> Option<(Api, Vec<ClientInfo>)> {
    let api = Api::new(Controller::find(&subject.target, &subject.directories).ok()?);
    let clients = api.clients().ok()?;
    Some((api, clients))
}

pub(super) fn managers(subject: &Subject) -> Vec<Finding> {
    let Some((_, clients)) = api(subject) else { return Vec::new() };
    if clients.is_empty() {
        return vec![Finding::warning(
            "managers",
            "the controller knows none",
            "longshore client add",
        )];
    }
    let here = RunFile::all(&subject.directories.run).unwrap_or_default();
    let authority = |client: &ClientInfo| {
        let here = here.iter().find(|server| server.url == client.endpoint.trim_end_matches('/'));
        here.map_or(subject.target.ca_file.clone(), |here| here.ca_file.clone())
    };
    clients.iter().flat_map(|client| manager(client, authority(client).as_deref())).collect()
}

fn manager(client: &ClientInfo, ca_file: Option<&Path>) -> Vec<Finding> {
    let name = format!("manager {}", client.name);
    // Where it can be reached from here, too, its clock can be seen.
    let seen = date(&format!("{}/health", client.endpoint.trim_end_matches('/')), ca_file);
    if client.connected {
        let mut findings = vec![Finding::ok(&name, format!("connected, {}", client.endpoint))];
        findings.extend(seen.ok().and_then(|(_, clock)| skew(&name, clock)));
        return findings;
    }
    let reason = client.last_error.as_deref().unwrap_or("not reached yet");
    let fix = match seen {
        _ if reason.contains("nauthorized") => {
            format!(
                "its key is another: longshore client change {} --api-key-file FILE",
                client.name
            )
        }
        Ok(_) => "it answers from here: look at the way from the controller to it".to_owned(),
        Err(_) => {
            format!("start `longshore manager` there, or see whether {} is right", client.endpoint)
        }
    };
    vec![Finding::problem(name, format!("away: {reason}"), fix)]
}

/// A request that says nothing.
#[derive(Serialize)]
struct Nothing {}

pub(super) fn agents(subject: &Subject) -> Vec<Finding> {
    if subject.quick {
        return Vec::new();
    }
    let Some((api, clients)) = api(subject) else { return Vec::new() };
    let mut findings = Vec::new();
    for client in clients.iter().filter(|client| client.connected) {
        for agent in api.agents(&client.client_id).unwrap_or_default() {
            let path = format!("/api/clients/{}/agents/{}/check", client.client_id, agent.agent_id);
            let fix = format!("longshore agent doctor {} --client {}", agent.name, client.name);
            let name = format!("agent {}", agent.name);
            findings.push(match api.post::<AgentCheck>(&path, &Nothing {}) {
                Ok(AgentCheck { problem: None, duration_ms, .. }) => {
                    Finding::ok(name, format!("answers after {duration_ms} ms"))
                }
                Ok(AgentCheck { problem: Some(problem), .. }) => {
                    Finding::problem(name, problem, fix)
                }
                Err(error) => Finding::problem(name, format!("{error:#}"), fix),
            });
        }
    }
    findings
}

/// The status of an answer, and what time it is there.
fn date(url: &str, ca_file: Option<&Path>) -> anyhow::Result<(u16, Option<SystemTime>)> {
    let answer = https::agent(ca_file, WAIT).get(url).call()?;
    let text = answer.headers().get("date").and_then(|date| date.to_str().ok());
    let time = text.and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
    Ok((answer.status().as_u16(), time.map(|time| time.timestamp().into())))
}

fn skew(name: &str, there: Option<SystemTime>) -> Option<Finding> {
    let (here, there) = (SystemTime::now(), there?);
    let apart = here.duration_since(there).unwrap_or_else(|error| error.duration()).as_secs();
    (apart > APART).then(|| {
        let says = format!("its clock and that of this machine are {apart} s apart");
        Finding::warning(name, says, "let both keep time: timedatectl set-ntp true")
    })
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn clocks_that_are_apart_are_told() {
        let now = SystemTime::now();

        assert_eq!(skew("x", Some(now)), None);
        assert_eq!(skew("x", None), None);
        for there in [now - Duration::from_secs(60), now + Duration::from_secs(60)] {
            assert_eq!(skew("x", Some(there)).unwrap().verdict, Verdict::Warning);
        }
    }
}
