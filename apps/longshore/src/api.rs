//! A controller's REST interface, as far as the command line uses it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, anyhow};
use link::{Endpoint, InvalidEndpoint, Trust};
use protocol::agents::AgentInfo;
use protocol::catalogue::Namespace;
use protocol::{ClientId, ErrorCode, Timestamp, WireError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cli::Target;
use crate::directories::Directories;
use crate::hint::{Advise, hinted};
use crate::https;
use crate::run_file::RunFile;
use crate::secret::Secret;

/// Longest wait for an answer. The slowest request, adding an agent, takes an argon2 hash at the manager.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Which controller to talk to, and with which token.
#[derive(Clone)]
pub struct Controller {
    /// Base URL.
    pub url: String,
    /// Access token.
    pub token: String,
    /// The manager to prefer: that of the same process.
    pub local: Option<ClientId>,
    /// Whom to trust over https; without it, whom browsers do.
    pub ca_file: Option<PathBuf>,
}

impl std::fmt::Debug for Controller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Controller")
            .field("url", &self.url)
            .field("token", &"***")
            .finish_non_exhaustive()
    }
}

impl Controller {
    /// From flags and environment; what they leave open from the run file of this machine's controller.
    ///
    /// # Errors
    /// Neither says where it is.
    pub fn find(target: &Target, directories: &Directories) -> anyhow::Result<Self> {
        let here = RunFile::here(&directories.run)?;
        let token = Secret::either(target.token.as_ref(), target.token_file.as_deref())?;
        match (&target.url, here) {
            (None, None) => Err(anyhow!("no controller runs here"))
                .hint("start one with `longshore up`, or say which with --url and --token"),
            (None, Some(here)) => Ok(Self {
                url: here.url,
                token: token.unwrap_or(here.token),
                local: here.client_id,
                ca_file: target.ca_file.clone().or(here.ca_file),
            }),
            (Some(url), here) => {
                let url = url.trim_end_matches('/').to_owned();
                let here = here.filter(|here| here.url == url);
                let local = here.as_ref().and_then(|here| here.client_id.clone());
                let ca_file = here.as_ref().and_then(|here| here.ca_file.clone());
                let token = token.or_else(|| here.map(|here| here.token));
                Ok(Self {
                    ca_file: target.ca_file.clone().or(ca_file),
                    token: token
                        .with_context(|| format!("{url} needs an access token"))
                        .hint("give it with --token-file, or in LONGSHORE_TOKEN")?,
                    url,
                    local,
                })
            }
        }
    }

    /// Where links to it go.
    ///
    /// # Errors
    /// Its address is none.
    pub fn endpoint(&self, auth: serde_json::Value) -> Result<Endpoint, InvalidEndpoint> {
        let trust = Trust { authority: self.ca_file.clone(), own: None };
        Ok(Endpoint::new(&self.url, Namespace::Clients.path(), auth)?.trusting(trust))
    }
}

/// A registered manager, as the list shows it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientInfo {
    /// Its id.
    pub client_id: ClientId,
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub endpoint: String,
    /// Whether the controller is connected to it.
    #[serde(default)]
    pub connected: bool,
    /// Why it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it was made known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct List<T> {
    items: Vec<T>,
    #[serde(default)]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    error: WireError,
}

/// The REST interface. Blocking: a command does one thing after the other.
#[derive(Debug)]
pub struct Api {
    agent: ureq::Agent,
    controller: Controller,
}

impl Api {
    /// For this controller.
    #[must_use]
    pub fn new(controller: Controller) -> Self {
        Self { agent: https::agent(controller.ca_file.as_deref(), TIMEOUT), controller }
    }

    /// All managers that the controller knows.
    ///
    /// # Errors
    /// The controller's, or that it cannot be reached.
    pub fn clients(&self) -> anyhow::Result<Vec<ClientInfo>> {
        self.list("/api/clients")
    }

    /// The manager of that name or id; without one, the local one or the only one.
    ///
    /// # Errors
    /// There is none, or there are several to choose from.
    pub fn client(&self, wanted: Option<&str>) -> anyhow::Result<ClientInfo> {
        choose_client(self.clients()?, wanted, self.controller.local.as_ref())
    }

    /// All agents of a manager.
    ///
    /// # Errors
    /// The controller's, or that it cannot be reached.
    pub fn agents(&self, client: &ClientId) -> anyhow::Result<Vec<AgentInfo>> {
        self.list(&format!("/api/clients/{client}/agents"))
    }

    /// `POST`, with the answer.
    ///
    /// # Errors
    /// The controller's, or that it cannot be reached.
    pub fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        let request = self.agent.post(self.url(path)).header("authorization", self.bearer());
        self.answer(request.send_json(body))
    }

    /// `PATCH`, with the answer.
    ///
    /// # Errors
    /// The controller's, or that it cannot be reached.
    pub fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> anyhow::Result<T> {
        let request = self.agent.patch(self.url(path)).header("authorization", self.bearer());
        self.answer(request.send_json(body))
    }

    /// `POST` of what is answered with nothing.
    ///
    /// # Errors
    /// The controller's, or that it cannot be reached.
    pub fn act(&self, path: &str) -> anyhow::Result<()> {
        let request = self.agent.post(self.url(path)).header("authorization", self.bearer());
        self.body(request.send_empty()).map(drop)
    }

    /// `DELETE`; that it is gone already is no error.
    ///
    /// # Errors
    /// The controller's, or that it cannot be reached.
    pub fn delete(&self, path: &str) -> anyhow::Result<()> {
        let request = self.agent.delete(self.url(path)).header("authorization", self.bearer());
        self.body(request.call()).map(drop)
    }

    /// `GET` of a file, which is read while it comes: however long that takes.
    ///
    /// # Errors
    /// The controller's, or that it cannot be reached.
    pub fn file(&self, path: &str) -> anyhow::Result<impl std::io::Read + use<>> {
        let request = self.agent.get(self.url(path)).header("authorization", self.bearer());
        let unhurried = request.config().timeout_global(None).build();
        let response = self.success(unhurried.call())?;
        Ok(response.into_body().into_reader())
    }

    /// `GET`
    ///
    /// # Errors
    /// The controller's, or that it cannot be reached.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let request = self.agent.get(self.url(path)).header("authorization", self.bearer());
        self.answer(request.call())
    }

    /// `GET` of a list, page by page.
    ///
    /// # Errors
    /// The controller's, or that it cannot be reached.
    pub fn list<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<Vec<T>> {
        let mut items = Vec::new();
        let mut page = path.to_owned();
        loop {
            let list: List<T> = self.get(&page)?;
            items.extend(list.items);
            let Some(next) = list.next else { return Ok(items) };
            page = format!("{path}?cursor={next}");
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.controller.url)
    }

    fn bearer(&self) -> String {
        format!("Bearer {}", self.controller.token)
    }

    fn answer<T: DeserializeOwned>(&self, result: Response) -> anyhow::Result<T> {
        let text = self.body(result)?;
        serde_json::from_str(&text).context("the controller's answer has another shape")
    }

    fn body(&self, result: Response) -> anyhow::Result<String> {
        let mut response = self.success(result)?;
        response.body_mut().read_to_string().context("read the controller's answer")
    }

    fn success(&self, result: Response) -> anyhow::Result<ureq::http::Response<ureq::Body>> {
        let mut response = result
            .with_context(|| format!("reach the controller at {}", self.controller.url))
            .hint("does it run? `longshore doctor` looks what is wrong")?;
        if response.status().is_success() {
            return Ok(response);
        }
        let text = response.body_mut().read_to_string().context("read the controller's answer")?;
        Err(match serde_json::from_str::<Failure>(&text) {
            Ok(failure) => refusal(failure.error),
            Err(_) => anyhow!("the controller answers {}", response.status()),
        })
    }
}

/// What the controller said, which callers may look for, and what can be done about it.
fn refusal(error: WireError) -> anyhow::Error {
    let hint = match error.code {
        ErrorCode::Unauthorized => {
            "the access token is not valid there: give another with --token-file"
        }
        ErrorCode::Forbidden => "this takes the access token of somebody who may",
        ErrorCode::RemoteUnavailable => "`longshore client list` says why the manager is away",
        ErrorCode::ServerStopping => "try again when it has started again",
        ErrorCode::StoreUnavailable => {
            "`longshore doctor`, on the machine of the server, looks what is wrong"
        }
        ErrorCode::Internal => "the log of the server says more",
        _ => return error.into(),
    };
    hinted(error, hint)
}

type Response = Result<ureq::http::Response<ureq::Body>, ureq::Error>;

fn choose_client(
    clients: Vec<ClientInfo>,
    wanted: Option<&str>,
    local: Option<&ClientId>,
) -> anyhow::Result<ClientInfo> {
    let names: Vec<String> = clients.iter().map(|client| client.name.clone()).collect();
    let many = clients.len() > 1;
    let found = clients.into_iter().find(|client| match (wanted, local) {
        (Some(wanted), _) => client.name == wanted || client.client_id.as_str() == wanted,
        (None, Some(local)) => client.client_id == *local,
        (None, None) => !many,
    });
    let hint = if names.is_empty() {
        "`longshore client add` adds one"
    } else {
        "`longshore client list` shows them"
    };
    let found = found.with_context(|| match wanted {
        _ if names.is_empty() => "the controller knows no manager".to_owned(),
        Some(wanted) => {
            format!("no client is called \"{wanted}\"; there are: {}", names.join(", "))
        }
        None => format!("choose a manager with --client: {}", names.join(", ")),
    });
    found.hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(id: &str, name: &str) -> ClientInfo {
        let client_id = ClientId::new(id).unwrap();
        let (name, endpoint) = (name.into(), String::new());
        ClientInfo {
            client_id,
            name,
            endpoint,
            connected: true,
            last_error: None,
            created_at: None,
        }
    }

    #[test]
    fn a_client_is_chosen_by_name_by_id_or_as_the_only_one() {
        let both = || vec![client("c1", "local"), client("c2", "far")];
        let local = ClientId::new("c1").unwrap();

        assert_eq!(choose_client(both(), Some("far"), None).unwrap().name, "far");
        assert_eq!(choose_client(both(), Some("c2"), Some(&local)).unwrap().name, "far");
        assert_eq!(choose_client(both(), None, Some(&local)).unwrap().name, "local");
        assert_eq!(choose_client(vec![client("c2", "far")], None, None).unwrap().name, "far");
        for (wanted, says) in [(None, "--client: local, far"), (Some("x"), "there are: local, far")]
        {
            let error = choose_client(both(), wanted, None).unwrap_err();
            assert!(error.to_string().contains(says), "{error}");
        }
        assert!(choose_client(Vec::new(), None, None).is_err());
    }
}
