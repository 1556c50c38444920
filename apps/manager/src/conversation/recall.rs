//! What was answered to a message that has come before.

use protocol::agents::{ChatAccepted, EntryKind, RunEventBody};
use protocol::{ConversationId, MessageId, Seq};
use store::{ManagerDb, StoreError};

/// The answer that the chat with this message id got, if there was one.
pub(super) async fn by_message(
    db: &ManagerDb,
    conversation: &ConversationId,
    message: &MessageId,
) -> Result<Option<ChatAccepted>, StoreError> {
    match db.find_message(conversation, message).await? {
        Some(seq) => at(db, conversation, seq).await,
        None => Ok(None),
    }
}

/// The answer to the chat whose message is that entry: it was stored together with what became of the run.
pub(super) async fn at(
    db: &ManagerDb,
    conversation: &ConversationId,
    seq: Seq,
) -> Result<Option<ChatAccepted>, StoreError> {
    // One by one: a page ends behind an entry that is large.
    let before = Seq(seq.0.saturating_sub(1));
    let message = db.entries_after(conversation, before, 1, None).await?;
    let state = db.entries_after(conversation, seq, 1, None).await?;
    let (Some(message), Some(state)) = (message.entries.first(), state.entries.first()) else {
        return Ok(None);
    };
    let Some(run_id) = message.head.run_id.clone() else { return Ok(None) };
    if message.head.seq != seq || state.kind != EntryKind::RunEvent {
        return Ok(None);
    }
    let Ok(state) = serde_json::from_str::<RunEventBody>(&state.body) else { return Ok(None) };
    Ok(Some(ChatAccepted {
        conversation_id: conversation.clone(),
        run_id,
        seq,
        state: state.state,
        position: state.position,
    }))
}
