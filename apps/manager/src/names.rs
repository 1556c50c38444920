//! Names of conversations.

use protocol::Timestamp;
use protocol::limits::MAX_NAME;
use store::name_key;

use crate::error::Error;

/// The name of the conversation that every agent has.
pub(crate) const DEFAULT: &str = "default";

/// A name as it is kept: without white space at its ends.
pub(crate) fn check(name: &str) -> Result<&str, Error> {
    let name = name.trim();
    if !(1..=MAX_NAME).contains(&name.chars().take(MAX_NAME + 1).count()) {
        return Err(Error::InvalidPayload(format!(
            "Conversation name must be between 1 and {MAX_NAME} characters"
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::InvalidPayload(
            "Conversation name must not have control characters".to_owned(),
        ));
    }
    Ok(name)
}

/// The name of a conversation that was given none: `Conversation YYYY-MM-DD HH:MM`, in UTC.
pub(crate) fn automatic(now: Timestamp) -> String {
    let time = now.to_string();
    let minutes = time.get(..16).unwrap_or(&time).replace('T', " ");
    format!("Conversation {minutes}")
}

/// The name with the number behind it that is one more than the largest in use, and at least 2. The name is cut where
/// that makes it too long.
pub(crate) fn numbered<'a>(name: &str, taken: impl Iterator<Item = &'a str>) -> String {
    let prefix = format!("{} (", name_key(name));
    let number = |taken: &str| {
        let taken = name_key(taken);
        taken.strip_prefix(&prefix)?.strip_suffix(')')?.parse::<u32>().ok()
    };
    let number = taken.filter_map(number).max().unwrap_or(1).saturating_add(1);
    let suffix = format!(" ({number})");
    let kept: String = name.chars().take(MAX_NAME - suffix.len()).collect();
    kept + &suffix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_1_to_256_characters_none_of_them_for_control() {
        assert_eq!(check("  Sums ").unwrap(), "Sums");
        assert!(check(&"é".repeat(256)).is_ok());
        for bad in ["", "  ", &"x".repeat(257), &"x".repeat(1_000_000), "a\nb", "a\u{0}b", "\u{7f}"]
        {
            assert!(matches!(check(bad), Err(Error::InvalidPayload(_))));
        }
        assert!(check("../../etc/passwd").is_ok(), "a name is no path");
    }

    #[test]
    fn a_number_is_one_more_than_the_largest() {
        let next = |taken: &[&str]| numbered("Sums", taken.iter().copied());

        assert_eq!(next(&["Sums"]), "Sums (2)");
        assert_eq!(next(&["sums", "SUMS (2)", "Sums (7)", "Sums (x)", "Other (9)"]), "Sums (8)");
        assert_eq!(numbered(&"x".repeat(256), std::iter::empty()).chars().count(), 256);
    }

    #[test]
    fn a_name_that_was_not_given_is_the_time() {
        assert_eq!(automatic(Timestamp::from_millis(0)), "Conversation 1970-01-01 00:00");
    }
}
