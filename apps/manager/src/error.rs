//! What can go wrong, and the one place where that becomes what the peer sees.

use std::time::Duration;

use protocol::{AgentId, ConversationId, ErrorCode, InteractionId, SessionId, WireError};
use runtime::{FileError, StartError, Unsupported};
use store::StoreError;

/// Why a command was refused. Each variant is one code on the wire.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No login to that agent on this connection.
    #[error("Unauthorized. Please login first.")]
    Unauthorized,
    /// Unknown agent or wrong password.
    #[error("Invalid credentials")]
    InvalidCredentials,
    /// What the payload lacks.
    #[error("{0}")]
    InvalidPayload(String),
    #[error("agentId is required")]
    AgentMissing,
    /// What was too large.
    #[error("{0}")]
    PayloadTooLarge(String),
    #[error("Unknown command: {0}")]
    UnknownCommand(String),
    #[error("Agent not found: {0}")]
    AgentNotFound(AgentId),
    #[error("Conversation not found: {0}")]
    ConversationNotFound(ConversationId),
    #[error("No active run to cancel")]
    RunNotFound,
    #[error("Run already in progress")]
    RunExists,
    /// What may not be done, whoever asks.
    #[error("{0}")]
    Forbidden(&'static str),
    /// By the filters of these names.
    #[error("Message was dropped by filter: {0}")]
    Dropped(String),
    #[error("The conversation is read-only")]
    ReadOnly,
    #[error("Interaction not found: {0}")]
    InteractionNotFound(InteractionId),
    #[error("The interaction has been answered")]
    AlreadyAnswered,
    #[error("Terminal not found: {0}")]
    TerminalNotFound(SessionId),
    #[error("A terminal has or had this id: {0}")]
    TerminalExists(SessionId),
    /// What there are as many of as may be.
    #[error("There are as many {0} as may be")]
    LimitReached(&'static str),
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    #[error(transparent)]
    NotStarted(#[from] StartError),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("Too many changes. Try again later.")]
    TooManyChanges { retry_after: Duration },
    #[error("Already joined conversation: {0}")]
    AlreadyJoined(ConversationId),
    #[error("Not joined to conversation: {0}")]
    NotJoined(ConversationId),
    #[error("A conversation named \"{0}\" already exists. Pick a different name.")]
    ConversationNameTaken(String),
    #[error("An agent named \"{0}\" already exists")]
    NameTaken(String),
    #[error("Queue is full ({max} requests). Try again after some complete.", max = protocol::limits::MAX_QUEUED_RUNS)]
    QueueFull,
    #[error("Too many attempts. Try again later.")]
    TooManyAttempts { retry_after: Duration },
    #[error("Too many commands at once. Try again later.")]
    Busy,
    #[error("The agent is stopped")]
    AgentStopped,
    #[error("The agent does not take commands now")]
    AgentBusy,
    #[error("The server is stopping")]
    Stopping,
    /// The cause is for the log, not for the peer.
    #[error("The database cannot be used now")]
    StoreUnavailable,
    /// The same.
    #[error("Processing failed")]
    Internal,
}

/// How long to wait before a command that met a full inbox, in the hope that it has drained.
const BUSY_RETRY: Duration = Duration::from_millis(200);

/// Where the cause of a refusal of the store ends: in the log, once.
pub(crate) fn report(cause: &StoreError) {
    tracing::error!(%cause, "store refused");
}

impl From<StoreError> for Error {
    /// Reports the cause.
    fn from(cause: StoreError) -> Self {
        report(&cause);
        Self::StoreUnavailable
    }
}

impl From<anyhow::Error> for Error {
    /// The cause ends here, in the log.
    fn from(cause: anyhow::Error) -> Self {
        tracing::error!(cause = format!("{cause:#}"), "command failed");
        Self::Internal
    }
}

impl Error {
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Unauthorized => ErrorCode::Unauthorized,
            Self::InvalidCredentials => ErrorCode::InvalidCredentials,
            Self::InvalidPayload(_) | Self::AgentMissing => ErrorCode::InvalidPayload,
            Self::PayloadTooLarge(_) => ErrorCode::PayloadTooLarge,
            Self::UnknownCommand(_) => ErrorCode::UnknownEvent,
            Self::AgentNotFound(_) => ErrorCode::AgentNotFound,
            Self::ConversationNotFound(_) => ErrorCode::ConversationNotFound,
            Self::RunNotFound => ErrorCode::RunNotFound,
            Self::RunExists => ErrorCode::RunExists,
            Self::Forbidden(_) | Self::Dropped(_) => ErrorCode::Forbidden,
            Self::ReadOnly => ErrorCode::ReadOnly,
            Self::InteractionNotFound(_) => ErrorCode::InteractionNotFound,
            Self::AlreadyAnswered => ErrorCode::AlreadyAnswered,
            Self::AlreadyJoined(_) => ErrorCode::AlreadyJoined,
            Self::NotJoined(_) => ErrorCode::NotJoined,
            Self::NameTaken(_) | Self::ConversationNameTaken(_) => ErrorCode::NameTaken,
            Self::QueueFull => ErrorCode::QueueFull,
            Self::TerminalNotFound(_) => ErrorCode::TerminalNotFound,
            Self::TerminalExists(_) => ErrorCode::TerminalExists,
            Self::LimitReached(_) => ErrorCode::LimitReached,
            Self::Unsupported(_) => ErrorCode::Unsupported,
            Self::File(error) => file_code(error),
            Self::TooManyAttempts { .. } | Self::TooManyChanges { .. } | Self::Busy => {
                ErrorCode::RateLimited
            }
            Self::AgentStopped | Self::AgentBusy | Self::NotStarted(_) => {
                ErrorCode::AgentUnavailable
            }
            Self::Stopping => ErrorCode::ServerStopping,
            Self::StoreUnavailable => ErrorCode::StoreUnavailable,
            Self::Internal => ErrorCode::Internal,
        }
    }
}

fn file_code(error: &FileError) -> ErrorCode {
    match error {
        FileError::Path(_)
        | FileError::IsDirectory
        | FileError::NotDirectory
        | FileError::NotText
        | FileError::NotBase64 => ErrorCode::InvalidPayload,
        FileError::NotFound => ErrorCode::FileNotFound,
        FileError::Exists => ErrorCode::FileExists,
        FileError::Changed => ErrorCode::FileChanged,
        FileError::TooLarge => ErrorCode::PayloadTooLarge,
        FileError::Unsupported(_) => ErrorCode::Unsupported,
        FileError::Denied | FileError::NotEmpty | FileError::Special | FileError::System(_) => {
            ErrorCode::Forbidden
        }
    }
}

impl From<Error> for WireError {
    fn from(error: Error) -> Self {
        let wire = Self::new(error.code(), error.to_string());
        match error {
            Error::TooManyAttempts { retry_after } | Error::TooManyChanges { retry_after } => {
                wire.retry_after(retry_after)
            }
            Error::Busy => wire.retry_after(BUSY_RETRY),
            _ => wire,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_learns_when_to_try_again() {
        let limited = Error::TooManyAttempts { retry_after: Duration::from_millis(1_500) };

        let wire = WireError::from(limited);

        assert_eq!(wire.code, ErrorCode::RateLimited);
        assert_eq!(wire.retry_after_ms, Some(1_500));
    }

    #[test]
    fn the_peer_does_not_learn_the_cause() {
        let wire = WireError::from(Error::from(anyhow::anyhow!("/secret/path is gone")));

        assert_eq!(wire.code, ErrorCode::Internal);
        assert!(!wire.message.contains("secret"));
    }
}
