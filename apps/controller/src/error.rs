//! The one place where an error becomes what the peer sees.

use std::time::Duration;

use link::CallError;
use protocol::{AgentId, ClientId, ConversationId, ErrorCode, WireError};
use store::StoreError;

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("No client selected. Call setClient first.")]
    NoClient,
    #[error("Client not found: {0}")]
    ClientNotFound(ClientId),
    #[error("Unknown command")]
    UnknownCommand,
    #[error("No stored credentials for agent {0}")]
    NoCredentials(AgentId),
    #[error("{0}")]
    Invalid(String),
    #[error("Another client has this name")]
    NameTaken,
    #[error("Another access token has this name")]
    TokenNameTaken,
    #[error("{0} access tokens are enough: revoke some")]
    TooManyTokens(usize),
    #[error("This is the last token of an admin: make another one first, or nobody could make any")]
    LastAdmin,
    #[error("Unauthorized")]
    Unauthorized,
    #[error("Your role does not allow this")]
    Forbidden,
    /// Or it only looks so, behind a proxy.
    #[error(
        "The page's origin is not this controller's host. Does the proxy pass on Host? Other origins are named by --origin"
    )]
    OtherOrigin,
    #[error("Only a browser that has logged in can be subscribed")]
    NoSession,
    #[error("Subscription not found: {0}")]
    SubscriptionNotFound(String),
    #[error("{0} subscriptions are enough")]
    TooManySubscriptions(u32),
    #[error("Too many tests at a time")]
    TooManyTests,
    #[error(transparent)]
    Locked(gateway::gate::Locked),
    #[error("Too many requests")]
    TooManyRequests(Duration),
    #[error(transparent)]
    Store(StoreError),
    #[error(transparent)]
    Call(#[from] CallError),
    /// What the manager said.
    #[error("{0}")]
    Manager(WireError),
    #[error("the manager's answer makes no sense: {0}")]
    Nonsense(#[from] serde_json::Error),
    #[error("The conversation was cleared meanwhile")]
    Cleared,
    #[error("the server is stopping")]
    Stopping,
}

impl Error {
    pub(crate) fn not_found(conversation: impl std::fmt::Display) -> Self {
        let text = format!("Conversation not found: {conversation}");
        Self::Manager(WireError::new(ErrorCode::ConversationNotFound, text))
    }

    pub(crate) fn already_joined(conversation: &ConversationId) -> Self {
        let text = format!("Already joined conversation: {conversation}");
        Self::Manager(WireError::new(ErrorCode::AlreadyJoined, text))
    }

    /// Whether a login that failed so would fail again, until somebody has changed something.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::NoCredentials(_) => true,
            Self::Manager(error) => matches!(
                error.code,
                ErrorCode::InvalidCredentials
                    | ErrorCode::Unauthorized
                    | ErrorCode::Forbidden
                    | ErrorCode::AgentNotFound
                    | ErrorCode::ConversationNotFound
            ),
            _ => false,
        }
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict => Self::NameTaken,
            StoreError::LastAdmin => Self::LastAdmin,
            other => Self::Store(other),
        }
    }
}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        Self::Manager(error)
    }
}

impl From<Error> for WireError {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::NoClient => ErrorCode::NoClient,
            Error::ClientNotFound(_) => ErrorCode::ClientNotFound,
            Error::UnknownCommand => ErrorCode::UnknownEvent,
            Error::NoCredentials(_) => ErrorCode::InvalidCredentials,
            Error::Invalid(_) => ErrorCode::InvalidPayload,
            Error::NameTaken | Error::TokenNameTaken => ErrorCode::NameTaken,
            Error::LastAdmin => ErrorCode::LastAdmin,
            Error::Unauthorized => ErrorCode::Unauthorized,
            Error::Forbidden | Error::OtherOrigin | Error::NoSession => ErrorCode::Forbidden,
            Error::SubscriptionNotFound(_) => ErrorCode::SubscriptionNotFound,
            Error::TooManySubscriptions(_) | Error::TooManyTokens(_) => ErrorCode::LimitReached,
            Error::TooManyTests => ErrorCode::RateLimited,
            Error::Locked(gateway::gate::Locked(left)) | Error::TooManyRequests(left) => {
                return Self::new(ErrorCode::RateLimited, error.to_string()).retry_after(*left);
            }
            Error::Cleared => ErrorCode::ConversationNotFound,
            Error::Stopping => ErrorCode::ServerStopping,
            Error::Manager(told) => return told.clone(),
            Error::Call(cause) => return unreachable_manager(cause),
            Error::Store(cause) => {
                tracing::error!(%cause, "the registry failed");
                return Self::new(ErrorCode::StoreUnavailable, "The database is not available");
            }
            Error::Nonsense(cause) => {
                tracing::error!(%cause, "the manager's answer makes no sense");
                return Self::new(ErrorCode::Internal, "Processing failed");
            }
        };
        Self::new(code, error.to_string())
    }
}

fn unreachable_manager(cause: &CallError) -> WireError {
    let error = |code, text: &str| WireError::new(code, text);
    match cause {
        CallError::Unavailable { retry_after } => {
            error(ErrorCode::RemoteUnavailable, "Remote connection not established")
                .retry_after(*retry_after)
        }
        CallError::QueueFull => {
            error(ErrorCode::QueueFull, "Too many commands wait for the manager")
        }
        CallError::Timeout => {
            error(ErrorCode::RemoteUnavailable, "The manager did not answer in time")
        }
        CallError::Lost => {
            error(ErrorCode::RemoteUnavailable, "The connection to the manager was lost")
        }
        CallError::Closed => {
            error(ErrorCode::RemoteUnavailable, "Remote connection not established")
        }
    }
}
