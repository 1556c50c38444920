//! Putting on the screen what is to be shown.

use std::time::Duration;

use tokio::time::Instant;

use super::Session;
use crate::connect::screen::Kind;
use crate::connect::transcript::Shown;
use crate::run::Outcome;

/// Pieces of an answer are drawn together, at most so late: each is a new picture of the line that is edited.
const PACE: Duration = Duration::from_millis(30);

impl Session {
    pub(super) async fn show(&mut self, shown: Shown) -> anyhow::Result<()> {
        if let Shown::Ended { run, outcome, .. } = &shown
            && self.answering.take_if(|answering| answering == run).is_some()
        {
            self.all_well &= *outcome == Outcome::Done;
        }
        let is_hidden = !self.ready && self.to.history == 0;
        match shown {
            Shown::HistoryEnd(had) => {
                self.draw().await?;
                let lines =
                    self.screen.show(&Shown::HistoryEnd(had && !is_hidden), self.output.columns());
                self.print(lines).await?;
                self.ready = true;
                for request in std::mem::take(&mut self.open) {
                    if self.transcript.asked.ask(request.body.clone()) {
                        let asked = Shown::Asked(self.to.agent.name.clone(), request.body);
                        self.print_shown(&asked).await?;
                    }
                }
                Ok(())
            }
            // What is asked has to be answered, whatever of the past is wanted.
            shown if is_hidden && !matches!(shown, Shown::Asked(..)) => Ok(()),
            Shown::Delta { run, text, time, who } => match &mut self.pieces {
                Some((Shown::Delta { run: same, text: before, .. }, _)) if *same == run => {
                    before.push_str(&text);
                    Ok(())
                }
                _ => {
                    self.draw().await?;
                    let at = Instant::now() + PACE;
                    self.pieces = Some((Shown::Delta { run, text, time, who }, at));
                    Ok(())
                }
            },
            shown => {
                self.draw().await?;
                self.print_shown(&shown).await
            }
        }
    }

    /// Draws the pieces that wait.
    pub(super) async fn draw(&mut self) -> anyhow::Result<()> {
        match self.pieces.take() {
            Some((pieces, _)) => self.print_shown(&pieces).await,
            None => Ok(()),
        }
    }

    pub(super) async fn print_shown(&mut self, shown: &Shown) -> anyhow::Result<()> {
        if self.output.has_moved() {
            self.screen.cut();
        }
        let lines = self.screen.show(shown, self.output.columns());
        Ok(self.output.print(lines).await?)
    }

    pub(super) async fn print(&mut self, lines: String) -> anyhow::Result<()> {
        self.screen.cut();
        Ok(self.output.print(lines).await?)
    }

    pub(super) async fn note(&mut self, text: &str) -> anyhow::Result<()> {
        self.draw().await?;
        self.print_shown(&Shown::Note(text.to_owned())).await
    }

    pub(super) async fn aside(&mut self, text: &str) -> anyhow::Result<()> {
        if self.output.kind() == Kind::Pipe {
            return Ok(());
        }
        self.draw().await?;
        self.print_shown(&Shown::Aside(text.to_owned())).await
    }
}
