//! The operator's webhook.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use notify::{Bounds, Courier, Delivered, Parcel, Poster, Reach, Target, Verdict};
use protocol::NotificationKind;
use store::token;
use tokio_util::sync::CancellationToken;

use super::occasion::{Detail, Occasion};
use crate::config::WebhookConfig;
use crate::meters::Meters;

/// A receiver that is down for long misses the oldest.
const BOUNDS: Bounds =
    Bounds { waiting: 100, at_once: 4, pause: Duration::from_secs(2), gone_is_final: false };

/// Where to, what of, and what is on its way.
#[derive(Debug)]
pub(super) struct Webhook {
    hook: notify::Webhook,
    kinds: Vec<NotificationKind>,
    courier: Courier<String>,
    meters: Meters,
}

impl Webhook {
    pub(super) fn new(config: &WebhookConfig, meters: Meters) -> anyhow::Result<Self> {
        let target = Target::new(&config.url).context("the address of the webhook")?;
        Ok(Self {
            hook: notify::Webhook::new(target, config.secret.as_deref()),
            kinds: config.kinds.clone(),
            courier: Courier::new(Poster::new(Reach::Anywhere), BOUNDS),
            meters,
        })
    }

    /// Carries what is told, until `stop`.
    pub(super) async fn run(self: Arc<Self>, stop: CancellationToken) {
        self.courier.run(|delivered| report(delivered, &self.meters), stop).await;
    }

    pub(super) fn tell(&self, occasion: &Occasion) {
        if !self.kinds.contains(&occasion.kind) {
            return;
        }
        let delivery = token("dl_");
        let payload = occasion.payload(Detail::All);
        let message = self.hook.message(occasion.kind.name(), &delivery, payload);
        self.courier.send(Parcel { tag: delivery, subject: None, message });
    }
}

fn report(delivered: Delivered<String>, meters: &Meters) -> std::future::Ready<()> {
    let Delivered { tag, last } = delivered;
    let is_taken = Verdict::of(&last) == Verdict::Taken;
    meters.delivered("webhook", is_taken);
    if is_taken {
        tracing::debug!(delivery = tag, "the webhook was told");
    } else {
        tracing::warn!(delivery = tag, ?last, "the webhook was not told");
    }
    std::future::ready(())
}
