//! One event of a conversation.

use std::sync::Arc;

use protocol::agents::RoutingHead;
use protocol::names::agents as names;
use protocol::{RunId, Seq, ViewerId};
use serde_json::value::RawValue;

/// One event of a conversation, shared by all who read it.
#[derive(Debug, Clone)]
pub struct Item {
    /// Its position in the log; what is live only has none.
    pub seq: Option<Seq>,
    /// Name of the event.
    pub event: Arc<str>,
    /// Payload, passed on as these bytes.
    pub payload: Arc<RawValue>,
    /// The run that it belongs to.
    pub run: Option<RunId>,
    /// Its number within the run; present exactly on pieces of an answer, which are live only.
    pub sequence: Option<u64>,
    /// Whose message or run it is.
    pub viewer: Option<ViewerId>,
}

impl Item {
    /// An event as it came. What its head has as an id and is none, counts as absent.
    ///
    /// # Errors
    /// The payload is no object, or a routing field is of the wrong type.
    pub fn read(event: Arc<str>, payload: Arc<RawValue>) -> Result<Self, serde_json::Error> {
        let head = RoutingHead::read(payload.get())?;
        let (seq, sequence) = (head.seq, head.sequence);
        let run = head.run_id.and_then(|id| RunId::new(id).ok());
        let viewer = head.viewer_id.and_then(|id| ViewerId::new(id).ok());
        Ok(Self { seq, event, payload, run, sequence, viewer })
    }

    /// Whether it says what the state of something is now, so that a newer one makes it worthless.
    pub(crate) fn is_sticky(&self) -> bool {
        *self.event == *names::QUEUE_UPDATE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_read_and_ids_that_are_none_are_absent() {
        let json = r#"{"runId":"r","viewerId":"no id","sequence":4,"seq":7}"#;
        let payload: Arc<RawValue> = RawValue::from_string(json.to_owned()).unwrap().into();

        let item = Item::read("chatEvent".into(), payload).unwrap();

        assert_eq!(item.run, Some(RunId::new("r").unwrap()));
        assert_eq!((item.viewer, item.sequence, item.seq), (None, Some(4), Some(Seq(7))));
        assert_eq!(item.payload.get(), json);
    }
}
