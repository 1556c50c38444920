//! What is written down.

use protocol::{AgentId, ClientId, InteractionId, Role, TokenId};
use store::AuditShelf;

/// Something that somebody did, or tried. A part of the controller that does something of the kind has a variant here.
#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// Connected by Socket.IO.
    Connect,
    /// Called the REST interface, which is written down of those who are refused only.
    Call(String),
    /// Gave a command that their role does not allow.
    Command(String),
    /// Logged a browser in.
    OpenSession,
    /// Logged a browser out.
    CloseSession,
    /// Answered or cancelled a question of an agent.
    Answer { client: ClientId, interaction: InteractionId },
    /// Made a manager known.
    AddClient(ClientId, String),
    /// Changed how a manager is called or reached.
    ChangeClient(ClientId, String),
    /// Made the controller forget a manager.
    DeleteClient(ClientId),
    /// Made an agent.
    AddAgent(ClientId, AgentId),
    /// Changed an agent's environment: the names, never the values.
    ChangeEnvironment(ClientId, AgentId, Vec<String>),
    /// Removed an agent with its conversations.
    DeleteAgent(ClientId, AgentId),
    /// Started, stopped or restarted an agent.
    ControlAgent(ClientId, AgentId, &'static str),
    /// Had the controller stopped.
    Shutdown,
    /// Had it started anew.
    Restart,
    /// Had its settings read again: those that are others now.
    Reload(String),
    /// Made an access token.
    CreateToken(TokenId, String, Role),
    /// Revoked an access token.
    RevokeToken(TokenId, String),
}

impl Event {
    /// Its name, for programs.
    pub(super) fn action(&self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Call(_) => "call",
            Self::Command(_) => "command",
            Self::OpenSession => "session.open",
            Self::CloseSession => "session.close",
            Self::Answer { .. } => "interaction.answer",
            Self::AddClient(..) => "client.add",
            Self::ChangeClient(..) => "client.change",
            Self::DeleteClient(_) => "client.delete",
            Self::AddAgent(..) => "agent.add",
            Self::ChangeEnvironment(..) => "agent.environment",
            Self::DeleteAgent(..) => "agent.delete",
            Self::ControlAgent(_, _, action) => action,
            Self::Shutdown => "server.stop",
            Self::Restart => "server.restart",
            Self::Reload(_) => "server.reload",
            Self::CreateToken(..) => "token.create",
            Self::RevokeToken(..) => "token.revoke",
        }
    }

    /// What it was done to.
    pub(super) fn target(&self) -> Option<String> {
        Some(match self {
            Self::Connect
            | Self::OpenSession
            | Self::CloseSession
            | Self::Shutdown
            | Self::Restart => return None,
            Self::Call(what) | Self::Command(what) | Self::Reload(what) => what.clone(),
            Self::Answer { client, interaction } => format!("{client}/{interaction}"),
            Self::AddClient(client, name) | Self::ChangeClient(client, name) => {
                format!("{client} {name}")
            }
            Self::DeleteClient(client) => client.to_string(),
            Self::AddAgent(client, agent)
            | Self::DeleteAgent(client, agent)
            | Self::ControlAgent(client, agent, _) => format!("{client}/{agent}"),
            Self::ChangeEnvironment(client, agent, names) => {
                format!("{client}/{agent} {}", names.join(" "))
            }
            Self::CreateToken(token, name, role) => format!("{token} {role} {name}"),
            Self::RevokeToken(token, name) => format!("{token} {name}"),
        })
    }

    /// Where it is kept when it was done.
    pub(super) fn shelf(&self) -> AuditShelf {
        match self {
            Self::Connect | Self::OpenSession | Self::CloseSession => AuditShelf::Visits,
            _ => AuditShelf::Changes,
        }
    }
}
