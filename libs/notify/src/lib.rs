//! Telling people outside: messages to the push services of browsers (RFC 8030, encrypted by RFC 8291, signed by
//! RFC 8292) and to webhooks.
//!
//! What is told to whom is somebody else's business. Here are the message as bytes ([`Subscription::message`],
//! [`Webhook::message`]), one attempt to post it ([`Poster`]), and the queue of what waits for its first or its next
//! attempt ([`Courier`]).

mod courier;
mod encryption;
mod poster;
mod reach;
mod subscription;
mod target;
mod vapid;
mod webhook;

pub use courier::{Bounds, Courier, Delivered, Parcel};
pub use poster::{Failure, Message, Poster, Reply, Verdict};
pub use reach::Reach;
pub use subscription::{
    Device, DeviceKeys, InvalidSubscription, MAX_PAYLOAD, Notice, Subscription, Urgency,
};
pub use target::{InvalidTarget, Target};
pub use vapid::{InvalidKey, VapidKey};
pub use webhook::Webhook;
