//! What is open in a conversation, for who wants to cancel it.

use protocol::RunId;
use protocol::agents::{Queue, RunState};

/// The open runs. Known by their events, which are here before the next news of the queue is.
#[derive(Debug, Default)]
pub(super) struct OpenRuns(Vec<(RunId, RunState)>);

impl OpenRuns {
    /// Those of a queue.
    pub(super) fn of(queue: &Queue) -> Self {
        let running = queue.running.iter().map(|run| (run.run_id.clone(), RunState::Started));
        let queued = queue.queued.iter().map(|run| (run.run_id.clone(), RunState::Queued));
        Self(running.chain(queued).collect())
    }

    pub(super) fn is_running(&self) -> bool {
        self.0.iter().any(|(_, state)| *state != RunState::Queued)
    }

    pub(super) fn running(&self) -> Vec<RunId> {
        let running = self.0.iter().filter(|(_, state)| *state != RunState::Queued);
        running.map(|(run, _)| run.clone()).collect()
    }

    /// All of them, the newest first.
    pub(super) fn all(&self) -> Vec<RunId> {
        self.0.iter().rev().map(|(run, _)| run.clone()).collect()
    }

    /// An event of a run.
    pub(super) fn change(&mut self, run: &RunId, state: RunState) {
        let known = self.0.iter_mut().find(|(open, _)| open == run);
        match known {
            _ if state.is_terminal() => self.0.retain(|(open, _)| open != run),
            Some((_, before)) => *before = state,
            None => self.0.push((run.clone(), state)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_open_from_their_first_event_to_their_last() {
        let [a, b] = ["a", "b"].map(|id| RunId::new(id).unwrap());
        let mut runs = OpenRuns::default();

        runs.change(&a, RunState::Started);
        runs.change(&b, RunState::Queued);
        runs.change(&a, RunState::Blocked);
        assert_eq!((runs.running(), runs.all()), (vec![a.clone()], vec![b.clone(), a.clone()]));

        runs.change(&a, RunState::Done);
        assert!(!runs.is_running());
        runs.change(&b, RunState::Started);
        assert_eq!(runs.running(), [b]);
    }
}
