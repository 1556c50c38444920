//! Conversations on a terminal.

use protocol::agents::{ConversationInfo, FoundConversation};

use crate::paint::brief;
pub(crate) use crate::table::columns;

/// The longest name that is shown whole.
const NAME: usize = 48;

/// One line each, under a line of titles.
pub(crate) fn table(all: &[ConversationInfo]) -> String {
    if all.is_empty() {
        return "No conversations found.".to_owned();
    }
    let mut rows =
        vec![["CONVERSATION ID", "NAME", "MESSAGES", "CLIENTS", "CREATED AT"].map(str::to_owned)];
    rows.extend(all.iter().map(|info| {
        [
            info.conversation_id.to_string(),
            brief(&info.name, NAME),
            info.message_count.to_string(),
            info.client_count.to_string(),
            info.created_at.to_string(),
        ]
    }));
    columns(&rows)
}

/// Where it was found.
pub(super) fn found(all: &[FoundConversation]) -> String {
    if all.is_empty() {
        return "No conversations found.".to_owned();
    }
    let mut text = String::new();
    for found in all {
        let info = &found.conversation;
        text.push_str(&format!("{}  ({})\n", brief(&info.name, NAME), info.conversation_id));
        for snippet in &found.snippets {
            text.push_str(&format!("  {}\n", brief(&snippet.text, 200)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversations::tests::info;

    #[test]
    fn columns_begin_below_each_other_whatever_is_in_them() {
        let text = table(&[info("c1", "漢字"), info("c22", "Notes")]);

        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "CONVERSATION ID  NAME   MESSAGES  CLIENTS  CREATED AT");
        assert_eq!(lines[1], "c1               漢字   2         1        2026-11-28T10:00:00.000Z");
        assert_eq!(table(&[]), "No conversations found.");
    }
}
