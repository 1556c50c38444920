//! Telling people outside when an agent needs them, or a run has ended: browsers by Web Push, and the operator's webhook.
//!
//! What may be told is an [`Occasion`]. Each is told once, however often a manager repeats it, to the webhook and to the
//! browsers that were subscribed to its kind and that nobody looks at. Messages wait in memory: nothing of this is
//! promised as the log is, which has everything.

mod occasion;
mod presence;
mod push;
mod seen;
#[cfg(test)]
mod tests;
mod webhook;

use std::sync::{Arc, Mutex, PoisonError};

use store::ControllerDb;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;

pub(crate) use self::occasion::Occasion;
use self::push::Push;
pub(crate) use self::push::said;
use self::seen::Seen;
use self::webhook::Webhook;

/// Occasions that wait to be looked at, which takes a read of the database each.
const OCCASIONS: usize = 256;

/// Whom to tell, and what is on its way.
#[derive(Debug)]
pub(crate) struct Notifications {
    pub(crate) push: Arc<Push>,
    webhook: Option<Arc<Webhook>>,
    // Short and synchronous.
    seen: Mutex<Seen>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Notifications {
    /// Starts telling; the channel takes what there is to tell. Whoever finds it full has to leave something out.
    ///
    /// # Errors
    /// The webhook or the contact of the settings is none.
    pub(crate) fn start(
        config: &Config,
        db: ControllerDb,
    ) -> anyhow::Result<(Arc<Self>, mpsc::Sender<Occasion>)> {
        let push = Arc::new(Push::new(config, db)?);
        let webhook = config.webhook.as_ref().map(Webhook::new).transpose()?.map(Arc::new);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        tasks.spawn(Arc::clone(&push).run(stop.clone()));
        if let Some(webhook) = &webhook {
            tasks.spawn(Arc::clone(webhook).run(stop.clone()));
        }
        let (occasions, inbox) = mpsc::channel(OCCASIONS);
        let this = Arc::new(Self { push, webhook, seen: Mutex::default(), stop, tasks });
        this.tasks.spawn(Arc::clone(&this).listen(inbox));
        Ok((this, occasions))
    }

    /// Ends. What is on its way is not told any more.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn listen(self: Arc<Self>, mut inbox: mpsc::Receiver<Occasion>) {
        let listening = async {
            while let Some(occasion) = inbox.recv().await {
                self.tell(&occasion).await;
            }
        };
        self.stop.run_until_cancelled(listening).await;
    }

    async fn tell(&self, occasion: &Occasion) {
        let is_new = self.seen.lock().unwrap_or_else(PoisonError::into_inner).note(occasion.key());
        if !is_new {
            return;
        }
        if let Some(webhook) = &self.webhook {
            webhook.tell(occasion);
        }
        if let Err(error) = self.push.tell(occasion).await {
            tracing::error!(%error, "the subscriptions could not be read: nobody was pushed to");
        }
    }
}
