//! Web Push: the key pair, who is told, and what became of it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::ensure;
use notify::{
    Bounds, Courier, Delivered, Device, Failure, Notice, Parcel, Poster, Reach, Reply,
    Subscription, Urgency, VapidKey, Verdict,
};
use protocol::{NotificationKind, SubscriptionId, Timestamp};
use serde_json::json;
use store::{ControllerDb, PushRecord};
use tokio::sync::{OnceCell, Semaphore};
use tokio_util::sync::CancellationToken;

use super::occasion::{Detail, Occasion};
use super::presence::Presence;
use crate::config::Config;
use crate::error::Error;
use crate::meters::Meters;

const BOUNDS: Bounds =
    Bounds { waiting: 1_000, at_once: 8, pause: Duration::from_secs(2), gone_is_final: true };
/// Test notifications at a time. Each may take 10 s.
const TESTS: usize = 4;
/// Characters of an error that are kept.
const ERROR: usize = 300;

/// By what a message is known.
type Tag = (SubscriptionId, NotificationKind);

/// Browsers that are told.
#[derive(Debug)]
pub(crate) struct Push {
    pub(crate) presence: Presence,
    db: ControllerDb,
    /// Made at the first use.
    key: OnceCell<VapidKey>,
    contact: String,
    poster: Poster,
    courier: Courier<Tag>,
    tests: Semaphore,
    meters: Meters,
}

impl Push {
    pub(super) fn new(config: &Config, db: ControllerDb, meters: Meters) -> anyhow::Result<Self> {
        let contact = config.push_contact.clone();
        let is_contact = ["mailto:", "https://"].iter().any(|scheme| contact.starts_with(scheme));
        ensure!(is_contact, "the contact for push services is a mailto: or https: address");
        let poster =
            Poster::new(if config.push_allow_private { Reach::Anywhere } else { Reach::Public });
        let courier = Courier::new(poster.clone(), BOUNDS);
        let tests = Semaphore::new(TESTS);
        Ok(Self {
            presence: Presence::default(),
            db,
            key: OnceCell::new(),
            contact,
            poster,
            courier,
            tests,
            meters,
        })
    }

    /// Carries what is told, until `stop`.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        let report = async |delivered: Delivered<Tag>| {
            self.note(&delivered.tag.0, &delivered.last).await;
        };
        self.courier.run(report, stop).await;
    }

    /// The public half of the key pair, for browsers.
    pub(crate) async fn public_key(&self) -> Result<String, Error> {
        Ok(self.key().await?.public())
    }

    /// Whether this can be pushed to.
    pub(crate) fn check(&self, device: &Device) -> Result<(), Error> {
        let checked = Subscription::new(device, self.poster.reach());
        checked.map(drop).map_err(|error| Error::Invalid(error.to_string()))
    }

    /// Sends a test now, and says what came of it.
    pub(crate) async fn test(&self, record: &PushRecord) -> Result<Result<Reply, Failure>, Error> {
        let _permit = self.tests.try_acquire().map_err(|_| Error::TooManyTests)?;
        let mut payload = json!({ "kind": "test", "time": Timestamp::now() });
        if !record.private {
            payload["message"] = "Notifications work.".into();
        }
        let payload = payload.to_string();
        let subscription = self.subscription(record)?;
        let notice = Notice {
            payload: payload.as_bytes(),
            urgency: Urgency::High,
            subject: "test",
            key: self.key().await?,
            contact: &self.contact,
        };
        let last = self.poster.post(&subscription.message(notice)).await;
        self.note(&record.subscription_id, &last).await;
        Ok(last)
    }

    /// Sends an occasion to everybody who may know, wants to and does not look.
    pub(super) async fn tell(&self, occasion: &Occasion) -> Result<(), Error> {
        for record in self.db.subscriptions().await? {
            let wanted = record.kinds.contains(&occasion.kind)
                && record.clients.include(&occasion.client_id);
            if !wanted || self.presence.is_visible(&record) {
                continue;
            }
            let subscription = match self.subscription(&record) {
                Ok(subscription) => subscription,
                Err(error) => {
                    tracing::warn!(subscription = %record.subscription_id, %error, "a subscription cannot be pushed to");
                    continue;
                }
            };
            let detail = if record.private { Detail::Private } else { Detail::All };
            let subject = occasion.subject();
            let notice = Notice {
                payload: &occasion.payload(detail),
                urgency: urgency(occasion.kind),
                subject: &subject,
                key: self.key().await?,
                contact: &self.contact,
            };
            let message = subscription.message(notice);
            let subject = Some(format!("{}/{subject}", record.subscription_id));
            let tag = (record.subscription_id, occasion.kind);
            self.courier.send(Parcel { tag, subject, message });
        }
        Ok(())
    }

    /// Nobody is needed there any more. Who was told already is told no more: a push that shows nothing is not allowed.
    pub(super) fn withdraw(&self, settled: &str) {
        self.courier.withdraw(|(id, kind), subject| {
            let of_browser = subject.and_then(|subject| subject.strip_prefix(id.as_str()));
            let subject = of_browser.and_then(|subject| subject.strip_prefix('/'));
            *kind == NotificationKind::NeedsYou && subject == Some(settled)
        });
    }

    async fn key(&self) -> Result<&VapidKey, Error> {
        let make = async || {
            let bytes = self.db.push_key(VapidKey::generate).await?;
            VapidKey::new(&bytes).map_err(|_| Error::Store(store::StoreError::Unsealed))
        };
        self.key.get_or_try_init(make).await
    }

    /// What was checked when it was stored; the settings may have become stricter since.
    fn subscription(&self, record: &PushRecord) -> Result<Subscription, Error> {
        let device: Device = serde_json::from_str(&record.device)?;
        Subscription::new(&device, self.poster.reach())
            .map_err(|error| Error::Invalid(error.to_string()))
    }

    /// Keeps what became of a message. A browser that is gone is forgotten.
    async fn note(&self, id: &SubscriptionId, last: &Result<Reply, Failure>) {
        self.meters.delivered("browser", Verdict::of(last) == Verdict::Taken);
        let noted = match Verdict::of(last) {
            Verdict::Taken => self.db.note_delivery(id, None).await,
            Verdict::Gone => {
                tracing::info!(subscription = %id, "a browser is not subscribed any more");
                self.db.delete_subscription(id).await
            }
            Verdict::Later(_) | Verdict::Refused => {
                let error = said(last);
                tracing::warn!(subscription = %id, error, "a browser was not pushed to");
                self.db.note_delivery(id, Some(&error)).await
            }
        };
        if let Err(error) = noted {
            tracing::warn!(subscription = %id, %error, "what became of a notification was not kept");
        }
    }
}

/// For people, what came of an attempt.
pub(crate) fn said(last: &Result<Reply, Failure>) -> String {
    let text = match last {
        Ok(reply) => format!("{} {}", reply.status, reply.text),
        Err(failure) => failure.to_string(),
    };
    text.trim_end().chars().take(ERROR).collect()
}

fn urgency(kind: NotificationKind) -> Urgency {
    match kind {
        NotificationKind::NeedsYou => Urgency::High,
        NotificationKind::Done | NotificationKind::Failed => Urgency::Normal,
    }
}
