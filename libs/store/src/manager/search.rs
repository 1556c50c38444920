//! Search through names and messages.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use protocol::{AgentId, Seq};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{ManagerDb, rows};
use crate::StoreError;
use crate::record::Hit;

/// Places that are compared. To rank all places of a word that is everywhere takes seconds.
const RANKED: i64 = 20_000;

/// Bits of a row id of the index that are the position in the log.
pub(crate) const SEQ_BITS: u32 = 40;

impl ManagerDb {
    /// Where all of the words are found, best first, at most `limit` places. The last word may be unfinished; nothing in
    /// `words` is an operator. Without a word nothing is found. Of words that are in very many places the 20,000 newest
    /// of the newest conversations are compared. Searches are done one after the other.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn search(
        &self,
        agents: &[AgentId],
        words: &str,
        limit: u32,
    ) -> Result<Vec<Hit>, StoreError> {
        let Some(expression) = expression(words) else { return Ok(Vec::new()) };
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT conversation_id, seq, score FROM (
               SELECT c.conversation_id, t.rowid & ((1 << 40) - 1) AS seq, -t.rank AS score FROM texts t
               JOIN conversations c ON c.number = t.rowid >> 40 WHERE t.text MATCH ",
        );
        query.push_bind(expression).push(" AND c.agent_id IN (");
        let mut separated = query.separated(", ");
        for agent in agents {
            separated.push_bind(agent.as_str());
        }
        query.push(") ORDER BY t.rowid DESC LIMIT ").push_bind(RANKED);
        query.push(") ORDER BY score DESC LIMIT ").push_bind(i64::from(limit));
        let found = query.build().fetch_all(&self.searcher).await?;
        let hits = found.iter().map(|row| {
            let seq = rows::seq(row, 1)?;
            Ok(Hit {
                conversation: rows::id(row, 0)?,
                seq: (seq > Seq::ZERO).then_some(seq),
                score: row.try_get(2)?,
            })
        });
        hits.collect()
    }
}

/// The words as a query: each quoted, so that it is text, and the last as a prefix.
///
/// <https://sqlite.org/fts5.html#full_text_query_syntax>
fn expression(words: &str) -> Option<String> {
    let mut expression = String::new();
    for word in words.split(|c: char| !is_of_word(c)).filter(|word| !word.is_empty()) {
        let space = if expression.is_empty() { "" } else { " " };
        write!(expression, "{space}\"{word}\"").expect("a string takes text");
    }
    if expression.is_empty() {
        return None;
    }
    expression.push('*');
    Some(expression)
}

/// Whether a character belongs to a word: the index takes combining marks as a part of it, too.
fn is_of_word(char: char) -> bool {
    const MARKS: [RangeInclusive<char>; 5] = [
        '\u{300}'..='\u{36f}',
        '\u{1ab0}'..='\u{1aff}',
        '\u{1dc0}'..='\u{1dff}',
        '\u{20d0}'..='\u{20ff}',
        '\u{fe20}'..='\u{fe2f}',
    ];
    char.is_alphanumeric() || MARKS.iter().any(|marks| marks.contains(&char))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_query_is_an_operator() {
        assert_eq!(expression("one two").unwrap(), r#""one" "two"*"#);
        assert_eq!(expression(r#"a" OR b NEAR(c)*"#).unwrap(), r#""a" "OR" "b" "NEAR" "c"*"#);
        assert_eq!(expression("text:x -y ^z").unwrap(), r#""text" "x" "y" "z"*"#);
        assert_eq!(expression("cafe\u{301}s").unwrap(), "\"cafe\u{301}s\"*");
        assert_eq!(expression(" \"'*() "), None);
    }
}
