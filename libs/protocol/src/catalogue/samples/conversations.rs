//! Samples about conversations.

use super::{agent, at, connection, conversation, epoch, id, run, viewer};
use crate::agents::{
    Attendee, Cleared, ConversationAction, ConversationInfo, ConversationUpdate, Conversations,
    CreateConversation, ForConversation, Found, FoundConversation, InsertHistory, Inserted,
    InsertedMessage, InteractionRequest, JoinConversation, Joined, ListConversations,
    NameCollision, Presence, Queue, QueueUpdate, QueuedRun, RenameConversation, Role,
    SearchConversations, Snippet,
};
use crate::catalogue::shape::Sampled;
use crate::ids::Seq;

fn info() -> ConversationInfo {
    ConversationInfo {
        conversation_id: conversation(),
        agent_id: agent(),
        name: "Sums".into(),
        created_at: at(0),
        last_activity_at: at(304),
        client_count: 2,
        message_count: 2,
        running: false,
        ephemeral: false,
        read_only: false,
    }
}

fn queue() -> Queue {
    let run = QueuedRun {
        run_id: run(),
        text: "1 + 1".into(),
        blocked: false,
        viewer_id: Some(viewer()),
        user: Some("ada".into()),
    };
    let next = QueuedRun { run_id: id("run_f0a1"), text: "2 + 2".into(), ..run.clone() };
    Queue { version: 7, running: vec![run], queued: vec![next] }
}

impl Sampled for JoinConversation {
    fn samples() -> Vec<(&'static str, Self)> {
        let first = Self { client_type: Some("console".into()), ..Self::default() };
        let again = Self {
            conversation_id: Some(conversation()),
            after_seq: Some(Seq(4)),
            epoch: Some(epoch()),
            ..first.clone()
        };
        let own = Self { filter: true, limit: Some(100), ..again.clone() };
        vec![("the default one", first), ("from a cursor", again), ("only my own runs", own)]
    }
}

impl Sampled for Joined {
    fn samples() -> Vec<(&'static str, Self)> {
        let asks = InteractionRequest::samples().into_iter().map(|(_, asked)| asked);
        let joined = Self {
            conversation_id: conversation(),
            agent_id: agent(),
            name: "Sums".into(),
            epoch: epoch(),
            head_seq: Seq(4),
            read_only: false,
            queue: Queue::default(),
            interactions: Vec::new(),
            present: Vec::new(),
        };
        let busy = Self {
            queue: queue(),
            interactions: asks.collect(),
            present: vec![ada()],
            ..joined.clone()
        };
        vec![("nothing is open", joined), ("in the middle", busy)]
    }
}

impl Sampled for ForConversation {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("one conversation", Self { agent_id: None, conversation_id: conversation() })]
    }
}

impl Sampled for CreateConversation {
    fn samples() -> Vec<(&'static str, Self)> {
        let named = Self {
            name: Some("Sums".into()),
            on_name_collision: Some(NameCollision::AppendNumber),
            ..Self::default()
        };
        let passing = Self { ephemeral: true, ..Self::default() };
        vec![("with a name", named), ("for a while", passing)]
    }
}

impl Sampled for ConversationInfo {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("a conversation", info())]
    }
}

impl Sampled for ListConversations {
    fn samples() -> Vec<(&'static str, Self)> {
        let some = Self { name: Some("sum".into()), limit: Some(50), ..Self::default() };
        vec![("all", Self::default()), ("by name", some)]
    }
}

impl Sampled for Conversations {
    fn samples() -> Vec<(&'static str, Self)> {
        let all = Self { conversations: vec![info()], next: None };
        let more =
            Self { next: Some("1795222800304:cv_0d9b3f6c81e24a75bb10".into()), ..all.clone() };
        vec![("all", all), ("there are more", more)]
    }
}

impl Sampled for RenameConversation {
    fn samples() -> Vec<(&'static str, Self)> {
        let rename = Self {
            agent_id: None,
            conversation_id: conversation(),
            new_name: "Additions".into(),
            on_name_collision: None,
        };
        vec![("rename", rename)]
    }
}

impl Sampled for Cleared {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("nothing was open", Self { epoch: epoch(), head_seq: Seq(0) })]
    }
}

impl Sampled for InsertHistory {
    fn samples() -> Vec<(&'static str, Self)> {
        let question = InsertedMessage {
            from: Role::User,
            text: "1 + 1".into(),
            timestamp: Some(at(0)),
            message_id: Some(id("import-1")),
        };
        let answer = InsertedMessage {
            from: Role::Agent,
            text: "2".into(),
            timestamp: None,
            message_id: None,
        };
        let insert = Self {
            agent_id: None,
            conversation_id: conversation(),
            messages: vec![question, answer],
        };
        vec![("two messages", insert)]
    }
}

impl Sampled for Inserted {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("two messages", Self { from_seq: Seq(1), count: 2 })]
    }
}

impl Sampled for SearchConversations {
    fn samples() -> Vec<(&'static str, Self)> {
        vec![("two words", Self { agent_id: None, query: "one sum".into(), limit: Some(10) })]
    }
}

impl Sampled for Found {
    fn samples() -> Vec<(&'static str, Self)> {
        let snippets = vec![
            Snippet { seq: None, text: "Sums".into() },
            Snippet { seq: Some(Seq(1)), text: "what is the sum of one and one?".into() },
        ];
        let found = FoundConversation { conversation: info(), score: 1.5, snippets };
        vec![("found", Self { results: vec![found] }), ("nothing", Self { results: Vec::new() })]
    }
}

impl Sampled for ConversationUpdate {
    fn samples() -> Vec<(&'static str, Self)> {
        let made = Self {
            agent_id: agent(),
            conversation_id: conversation(),
            action: ConversationAction::Created,
            timestamp: at(0),
            conversation: Some(info()),
            epoch: None,
            viewer_id: Some(viewer()),
            user: Some("ada".into()),
            client_type: None,
        };
        let with = |action| Self { action, ..made.clone() };
        let came = Self { client_type: Some("cli".into()), ..with(ConversationAction::Joined) };
        let went = Self { action: ConversationAction::Left, ..came.clone() };
        let gone = Self { conversation: None, ..with(ConversationAction::Deleted) };
        let cleared = Self { epoch: Some(epoch()), ..with(ConversationAction::Cleared) };
        vec![
            ("created", made.clone()),
            ("renamed", with(ConversationAction::Renamed)),
            ("deleted", gone),
            ("cleared", cleared),
            ("joined", came),
            ("left", went),
        ]
    }
}

impl Sampled for QueueUpdate {
    fn samples() -> Vec<(&'static str, Self)> {
        let of = |queue| Self { agent_id: agent(), conversation_id: conversation(), queue };
        vec![("one waits", of(queue())), ("idle", of(Queue { version: 9, ..Queue::default() }))]
    }
}

fn ada() -> Attendee {
    Attendee {
        connection_id: connection(),
        viewer_id: Some(viewer()),
        user: Some("ada".into()),
        client_type: Some("console".into()),
    }
}

impl Sampled for Presence {
    fn samples() -> Vec<(&'static str, Self)> {
        let viewers = vec![ada()];
        let all = Self { agent_id: agent(), conversation_id: conversation(), viewers };
        vec![("one viewer", all)]
    }
}
