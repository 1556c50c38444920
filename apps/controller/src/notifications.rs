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

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use store::ControllerDb;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::occasion::Occasion;
use self::push::Push;
pub(crate) use self::push::said;
use self::seen::Seen;
use self::webhook::Webhook;
use crate::activity::Activity;
use crate::config::Config;
use crate::meters::Meters;

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
    /// Starts telling of what it hears.
    ///
    /// # Errors
    /// The webhook or the contact of the settings is none.
    pub(crate) fn start(
        config: &Config,
        db: ControllerDb,
        activity: broadcast::Receiver<Activity>,
        meters: &Meters,
    ) -> anyhow::Result<Arc<Self>> {
        let push = Arc::new(Push::new(config, db, meters.clone())?);
        let webhook = config.webhook.as_ref().map(|webhook| Webhook::new(webhook, meters.clone()));
        let webhook = webhook.transpose()?.map(Arc::new);
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (carrier, ended) = (Arc::clone(&push), stop.clone());
        tasks.spawn(keep("browsers", move || Arc::clone(&carrier).run(ended.clone())));
        if let Some(carrier) = webhook.clone() {
            let ended = stop.clone();
            tasks.spawn(keep("webhook", move || Arc::clone(&carrier).run(ended.clone())));
        }
        let this = Arc::new(Self { push, webhook, seen: Mutex::default(), stop, tasks });
        this.tasks.spawn(Arc::clone(&this).listen(activity));
        Ok(this)
    }

    /// Ends. What is on its way is not told any more.
    pub(crate) async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    async fn listen(self: Arc<Self>, mut activity: broadcast::Receiver<Activity>) {
        let listening = async {
            loop {
                match activity.recv().await {
                    Ok(heard) => {
                        if let Some(subject) = Occasion::settled(&heard) {
                            self.push.withdraw(&subject);
                        }
                        if let Some(occasion) = Occasion::of(heard) {
                            self.tell(&occasion).await;
                        }
                    }
                    Err(RecvError::Lagged(count)) => {
                        tracing::warn!(
                            count,
                            "people were not told of some runs: too many at once"
                        );
                    }
                    Err(RecvError::Closed) => return,
                }
            }
        };
        self.stop.run_until_cancelled(listening).await;
    }

    async fn tell(&self, occasion: &Occasion) {
        let is_new = self.seen.lock().unwrap_or_else(PoisonError::into_inner).note(occasion.key());
        if !is_new {
            return;
        }
        if let Err(error) = self.push.tell(occasion).await {
            tracing::error!(%error, "the subscriptions could not be read: nobody was pushed to");
        }
        if let Some(webhook) = &self.webhook {
            webhook.tell(occasion);
        }
    }
}

/// Carries messages to these, and again after a failure that nobody thought of: it costs what was underway, and not all
/// that come after it.
async fn keep<F: Future<Output = ()>>(to: &str, carry: impl Fn() -> F) {
    while AssertUnwindSafe(carry()).catch_unwind().await.is_err() {
        tracing::error!(to, "what carries notifications has failed, and starts again");
    }
}

/// What carries messages ends also when nobody has closed it, such as a controller that never served.
impl Drop for Notifications {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
