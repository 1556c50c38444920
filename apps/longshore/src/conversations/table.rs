//! Conversations on a terminal.

use protocol::agents::{ConversationInfo, FoundConversation};
use unicode_width::UnicodeWidthStr;

use crate::paint::brief;

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

/// Rows whose columns begin below each other.
pub(crate) fn columns<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width - cell.width() + 2));
        }
        line.trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
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
