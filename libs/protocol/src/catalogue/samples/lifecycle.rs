//! Samples about the life of a server.

use super::at;
use crate::catalogue::shape::Sampled;
use crate::lifecycle::{NoticeLevel, ServerNotice, Shutdown, Stopping};

impl Sampled for Shutdown {
    fn samples() -> Vec<(&'static str, Self)> {
        let soon = Self { deadline_ms: Some(5_000), restart: false };
        let again = Self { deadline_ms: None, restart: true };
        vec![("stop within five seconds", soon), ("start again", again)]
    }
}

impl Sampled for Stopping {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("stopping", Self { deadline_ms: 5_000, restart: false })]
    }
}

impl Sampled for ServerNotice {
    fn samples() -> Vec<(&'static str, Self)> {
        let stopping = Self {
            until: Some(at(30_000)),
            ..Self::new(
                "stopping",
                NoticeLevel::Warning,
                "The server is stopping",
                "What runs may finish; nothing new is begun.",
            )
        };
        let store = Self::new(
            "store",
            NoticeLevel::Error,
            "Nothing can be stored",
            "The disk may be full. Messages are refused until that is over.",
        );
        vec![
            ("the server stops", stopping),
            ("nothing can be stored", store),
            ("it is over", Self::dismissal("store")),
        ]
    }
}
