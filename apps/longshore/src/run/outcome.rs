//! How a run ended.

use protocol::agents::{RunReason, RunState, Usage};

use crate::hint::Status;

/// How a run ended, for the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Failed,
    Cancelled,
    /// It took longer than it may.
    TimedOut,
}

impl Outcome {
    /// That of a terminal state.
    pub(crate) fn of(state: RunState) -> Option<Self> {
        match state {
            RunState::Done => Some(Self::Done),
            RunState::Failed => Some(Self::Failed),
            RunState::Cancelled => Some(Self::Cancelled),
            RunState::Queued | RunState::Started | RunState::Blocked | RunState::Resumed => None,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::TimedOut => "timedOut",
        }
    }

    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::TimedOut => 124,
            Self::Cancelled => 130,
        }
    }

    /// The end of the process: an error with the status, unless all is well.
    pub(crate) fn exit(self) -> anyhow::Result<()> {
        match self.status() {
            0 => Ok(()),
            status => Err(Status(status).into()),
        }
    }
}

/// Why a run ended otherwise than well, for people.
pub(crate) fn explain(reason: RunReason) -> &'static str {
    match reason {
        RunReason::User => "somebody cancelled it",
        RunReason::Timeout => "it took too long",
        RunReason::Interrupted => "another message took its place",
        RunReason::Disconnect => "who began it has left",
        RunReason::NoClients => "nobody was there",
        RunReason::ConversationDeleted => "the conversation was deleted",
        RunReason::ServerStopping => "the manager was stopping",
        RunReason::ServerRestart => "the manager was restarted",
        RunReason::AgentExited => "the program ended",
        RunReason::AgentUnavailable => "the program could not be started",
        RunReason::ImageMissing => "its container's image is missing",
        RunReason::OutOfMemory => "the program needed more memory than it has",
        RunReason::AgentError => "the agent says so",
        RunReason::AgentStopped => "the agent was stopped",
        RunReason::Indeterminate => "the program may not have got the message",
        RunReason::StoreUnavailable => "the answer could not be stored",
    }
}

/// A time of a run, for people.
pub(crate) fn seconds(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{} s", millis / 1_000, millis % 1_000 / 100),
        _ => format!("{} min {} s", millis / 60_000, millis % 60_000 / 1_000),
    }
}

/// What a run cost, for people; nothing where the agent did not say.
pub(crate) fn usage(usage: &Usage) -> Option<String> {
    let mut parts = Vec::new();
    parts.extend(usage.input_tokens.map(|tokens| format!("{tokens} tokens in")));
    parts.extend(usage.output_tokens.map(|tokens| format!("{tokens} out")));
    parts.extend(usage.cost_usd.map(|dollars| format!("${dollars:.4}")));
    (!parts.is_empty()).then(|| parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_its_status() {
        let status = |state| Outcome::of(state).map(Outcome::status);

        assert_eq!(status(RunState::Done), Some(0));
        assert_eq!(status(RunState::Failed), Some(1));
        assert_eq!(status(RunState::Cancelled), Some(130));
        assert_eq!(status(RunState::Blocked), None);
        assert_eq!(Outcome::TimedOut.status(), 124);
    }

    #[test]
    fn times_and_costs_are_short() {
        assert_eq!([999, 1_234, 61_000].map(seconds), ["999 ms", "1.2 s", "1 min 1 s"]);
        let cost = Usage { output_tokens: Some(5), cost_usd: Some(0.01), ..Usage::default() };
        assert_eq!(usage(&cost).unwrap(), "5 out, $0.0100");
        assert_eq!(usage(&Usage::default()), None);
    }
}
