//! What the exit of a program means.

use std::process::ExitStatus;

use protocol::agents::RunReason;

use super::turn::{Phase, Turn};
use crate::codec::restart::End;
use crate::event::Outcome;

/// What the exit of its program, for that reason, makes of a turn; `read` tells whether it read anything of the
/// message.
pub(super) fn judge(
    turn: &Turn,
    status: ExitStatus,
    read: bool,
    how: String,
    reason: RunReason,
) -> (End, Outcome) {
    if turn.cancelled {
        return (End::Cancelled, Outcome::Cancelled);
    }
    if read && matches!(turn.phase, Phase::NotWritten) {
        let error = format!("{how} before it had taken all of the message");
        return (End::Crashed(how), Outcome::failed(RunReason::Indeterminate, error));
    }
    if status.success() && turn.answered {
        return (End::Answered, Outcome::Done);
    }
    (End::Crashed(how.clone()), Outcome::failed(reason, how))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use protocol::RunId;
    use tokio::time::Instant;

    use super::*;

    const WELL: i32 = 0;
    const BADLY: i32 = 1 << 8;
    const KILLED: i32 = 9;

    fn judged(change: impl FnOnce(&mut Turn), status: i32) -> (End, Outcome) {
        let mut turn = Turn::new(RunId::random(), String::new(), Instant::now());
        turn.phase = Phase::Listening;
        change(&mut turn);
        judge(
            &turn,
            ExitStatus::from_raw(status),
            true,
            "bc ended".to_owned(),
            RunReason::AgentExited,
        )
    }

    fn crashed() -> End {
        End::Crashed("bc ended".to_owned())
    }

    #[test]
    fn an_answer_and_a_good_exit_are_the_programs_way() {
        let answered = |turn: &mut Turn| turn.answered = true;

        assert_eq!(judged(answered, WELL), (End::Answered, Outcome::Done));
        assert_eq!(judged(answered, BADLY).0, crashed());
        assert_eq!(judged(|_| (), WELL).0, crashed());
    }

    #[test]
    fn who_was_cancelled_may_exit_as_it_likes() {
        let cancelled = |turn: &mut Turn| turn.cancelled = true;

        for status in [WELL, BADLY, KILLED] {
            assert_eq!(judged(cancelled, status), (End::Cancelled, Outcome::Cancelled));
        }
    }

    #[test]
    fn only_a_message_taken_in_part_is_uncertain() {
        let reason = |read| {
            let mut turn = Turn::new(RunId::random(), String::new(), Instant::now());
            turn.phase = Phase::NotWritten;
            match judge(
                &turn,
                ExitStatus::from_raw(BADLY),
                read,
                "bc ended".to_owned(),
                RunReason::AgentExited,
            )
            .1
            {
                Outcome::Failed { reason, .. } => reason,
                outcome => panic!("{outcome:?}"),
            }
        };

        assert_eq!(reason(true), RunReason::Indeterminate);
        assert_eq!(reason(false), RunReason::AgentExited);
    }
}
