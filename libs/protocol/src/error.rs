//! Errors as the peer sees them, and the acknowledgement that carries them.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::CorrelationId;

/// What went wrong, as a stable code that a client may act on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorCode {
    /// No valid token or API key, or no login to the agent.
    Unauthorized,
    /// Known, but not allowed.
    Forbidden,
    /// Unknown agent or wrong password; which of the two is not said.
    InvalidCredentials,
    /// A field is missing or of the wrong type.
    InvalidPayload,
    /// No such command.
    UnknownEvent,
    /// `forward` before `setClient`.
    NoClient,
    /// No client of that id.
    ClientNotFound,
    /// No agent of that id.
    AgentNotFound,
    /// No conversation of that id.
    ConversationNotFound,
    /// No run of that id is open.
    RunNotFound,
    /// A run of that id is already open.
    RunExists,
    /// No interaction of that id.
    InteractionNotFound,
    /// Somebody else's answer was first.
    AlreadyAnswered,
    /// The conversation is followed already.
    AlreadyJoined,
    /// The conversation is not followed.
    NotJoined,
    /// No terminal of that id is open.
    TerminalNotFound,
    /// A terminal has or had this id.
    TerminalExists,
    /// No subscription of that id is yours.
    SubscriptionNotFound,
    /// There is no such file or directory.
    FileNotFound,
    /// There is a file or directory of that name already.
    FileExists,
    /// The file is not what it was expected to be: somebody else has written it.
    FileChanged,
    /// The agent's host does not have this.
    Unsupported,
    /// As many exist as may.
    LimitReached,
    /// Without this access token, no admin could come in any more.
    LastAdmin,
    /// Another one has this name.
    NameTaken,
    /// The conversation takes no more entries.
    ReadOnly,
    /// As many runs wait as may.
    QueueFull,
    /// Too many in too short a time.
    RateLimited,
    /// Larger than allowed.
    PayloadTooLarge,
    /// The manager cannot be reached now.
    RemoteUnavailable,
    /// The agent is stopped or cannot be started.
    AgentUnavailable,
    /// The database cannot be written or read.
    StoreUnavailable,
    /// The server is going down.
    ServerStopping,
    /// A defect of the server; its log has the cause.
    Internal,
}

/// An error on the wire: `{code, message, details?, retryAfterMs?, event?}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{message}")]
pub struct WireError {
    /// Stable, for programs.
    pub code: ErrorCode,
    /// English, for people.
    pub message: String,
    /// More about it, for programs; its shape depends on `code`. Boxed, because it is rare and an error is passed around.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(description = "More about it, for programs; its shape depends on `code`.")]
    pub details: Option<Box<serde_json::Value>>,
    /// When trying again makes sense, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The command that it answers, where there is no acknowledgement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
}

impl ErrorCode {
    /// As on the wire.
    #[must_use]
    pub fn name(self) -> String {
        let json = serde_json::to_value(self).unwrap_or_default();
        json.as_str().unwrap_or_default().to_owned()
    }
}

impl WireError {
    /// Of a defect it is told by what its cause is found in the log.
    #[must_use]
    pub fn correlated(mut self, correlation: Option<&CorrelationId>) -> Self {
        if let (ErrorCode::Internal, None, Some(id)) = (self.code, &self.details, correlation) {
            self.details = Some(Box::new(serde_json::json!({ "correlationId": id })));
        }
        self
    }

    /// An error with only code and message.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), details: None, retry_after_ms: None, event: None }
    }

    /// The same with a hint when to try again.
    #[must_use]
    pub fn retry_after(mut self, delay: std::time::Duration) -> Self {
        self.retry_after_ms = Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        self
    }
}

/// The acknowledgement of every command: `{success: true, data}` or `{success: false, error}`.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
pub enum Ack<T> {
    /// It was done.
    Ok {
        /// Always `true`.
        success: True,
        /// What the command answers.
        data: T,
    },
    /// It was refused and changed nothing.
    Err {
        /// Always `false`.
        success: False,
        /// Why.
        error: WireError,
    },
}

impl<T> Ack<T> {
    /// As a result.
    ///
    /// # Errors
    /// The peer's error.
    pub fn into_result(self) -> Result<T, WireError> {
        match self {
            Self::Ok { data, .. } => Ok(data),
            Self::Err { error, .. } => Err(error),
        }
    }
}

// By hand, because serde reads an untagged enum by way of a buffer that raw JSON cannot come out of.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ack<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(bound = "T: Deserialize<'de>")]
        struct Fields<T> {
            success: bool,
            #[serde(default, deserialize_with = "present")]
            data: Option<T>,
            #[serde(default)]
            error: Option<WireError>,
        }

        /// `null` is a value here, not an absent field.
        fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
            value: D,
        ) -> Result<Option<T>, D::Error> {
            T::deserialize(value).map(Some)
        }

        match Fields::deserialize(deserializer)? {
            Fields { success: true, data: Some(data), .. } => Ok(Self::Ok { success: True, data }),
            Fields { success: false, error: Some(error), .. } => {
                Ok(Self::Err { success: False, error })
            }
            _ => Err(serde::de::Error::custom(
                "an acknowledgement has `data` or `error`, as `success` says",
            )),
        }
    }
}

impl<T> From<Result<T, WireError>> for Ack<T> {
    fn from(result: Result<T, WireError>) -> Self {
        match result {
            Ok(data) => Self::Ok { success: True, data },
            Err(error) => Self::Err { success: False, error },
        }
    }
}

macro_rules! constant {
    ($name:ident, $value:literal) => {
        #[doc = concat!("The JSON value `", stringify!($value), "`.")]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
        #[serde(into = "bool")]
        pub struct $name;

        impl From<$name> for bool {
            fn from(_: $name) -> Self {
                $value
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "boolean", "const": $value })
            }
        }
    };
}
constant!(True, true);
constant!(False, false);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_acknowledgement_says_success_or_error() {
        let ok: Ack<u8> = Ok(7).into();
        let err: Ack<u8> = Err(WireError::new(ErrorCode::NoClient, "x")).into();

        assert_eq!(serde_json::to_string(&ok).unwrap(), r#"{"success":true,"data":7}"#);
        let text = r#"{"success":false,"error":{"code":"NO_CLIENT","message":"x"}}"#;
        assert_eq!(serde_json::to_string(&err).unwrap(), text);
        assert_eq!(serde_json::from_str::<Ack<u8>>(text).unwrap(), err);
        assert_eq!(serde_json::from_str::<Ack<u8>>(r#"{"data":7,"success":true}"#).unwrap(), ok);
    }

    #[test]
    fn only_of_a_defect_it_is_said_where_to_look() {
        let id = CorrelationId::new("co_1").unwrap();
        let told = |code| WireError::new(code, "x").correlated(Some(&id)).details;

        assert_eq!(told(ErrorCode::NoClient), None);
        let details = told(ErrorCode::Internal).unwrap();
        assert_eq!(details.to_string(), r#"{"correlationId":"co_1"}"#);
        assert_eq!(ErrorCode::NoClient.name(), "NO_CLIENT");
    }

    #[test]
    fn an_acknowledgement_that_says_neither_is_refused() {
        for bad in [
            "7",
            "{}",
            r#"{"success":true}"#,
            r#"{"success":false,"data":7}"#,
            r#"{"success":1,"data":7}"#,
        ] {
            assert!(serde_json::from_str::<Ack<u8>>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_answer_passes_through_as_the_bytes_that_came() {
        let text = r#"{"success":true,"data":{"x":1.10, "y":null}}"#;

        let ack: Ack<Box<serde_json::value::RawValue>> = serde_json::from_str(text).unwrap();

        assert_eq!(serde_json::to_string(&ack).unwrap(), text);
        let null = r#"{"success":true,"data":null}"#;
        assert!(serde_json::from_str::<Ack<Box<serde_json::value::RawValue>>>(null).is_ok());
    }
}
