//! Permission to do something: asked of people, or decided by policy.

use std::time::Duration;

use protocol::InteractionId;
use protocol::agents::{InteractionKind, InteractionState};
use protocol::spec::{ApprovalPolicy, Approvals};

use crate::control::{Ask, InteractionAnswer, MAX_CHOICES, MAX_QUESTION};

/// Longest name of an option, in bytes.
const MAX_OPTION: usize = 256;

/// What a program asks permission for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Permission {
    /// Its dialect's name for it.
    pub(super) key: String,
    /// What it is about, for people.
    pub(super) question: String,
    /// What can be answered, at least one.
    pub(super) options: Vec<PermissionOption>,
    /// What it wants to do.
    pub(super) about: About,
}

/// What a permission is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// To do something that changes nothing.
    Reading,
    /// To do something else.
    Doing,
    /// To know something: no policy answers that.
    Asking,
}

/// An answer to choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PermissionOption {
    pub(super) name: String,
    pub(super) allows: Allows,
}

/// What an option allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allows {
    Once,
    Always,
    /// Nothing this time.
    Nothing,
    /// Nothing, the next time neither.
    Never,
}

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::codec) enum Choice {
    /// That option.
    Option(usize),
    /// None of them: nobody answered, or somebody declined to.
    Denied,
    /// Its turn is being cancelled.
    Cancelled,
}

impl PermissionOption {
    pub(super) fn new(name: impl Into<String>, allows: Allows) -> Self {
        Self { name: name.into(), allows }
    }
}

impl Permission {
    /// What is decided without asking people, if it is.
    pub(super) fn decided_by(&self, approvals: &Approvals) -> Option<Choice> {
        let allowed = match approvals.policy {
            ApprovalPolicy::Ask => false,
            ApprovalPolicy::AllowRead => self.about == About::Reading,
            ApprovalPolicy::AllowAll => self.about != About::Asking,
        };
        let find = |allows| self.options.iter().position(|option| option.allows == allows);
        // Once, if that can be had: it is the policy that lasts, and it may be changed.
        allowed.then(|| find(Allows::Once).or_else(|| find(Allows::Always)).map(Choice::Option))?
    }

    /// What a no is: an option, if one says so.
    pub(super) fn denial(&self) -> Choice {
        let find = |allows| self.options.iter().position(|option| option.allows == allows);
        find(Allows::Nothing).or_else(|| find(Allows::Never)).map_or(Choice::Denied, Choice::Option)
    }

    /// The question to people.
    pub(super) fn ask(&self, approvals: &Approvals) -> Ask {
        let mut choices: Vec<String> = Vec::new();
        for option in self.options.iter().take(MAX_CHOICES) {
            let name = cut(&option.name, MAX_OPTION);
            let again = choices.iter().any(|choice| choice == name);
            let numbered = || format!("{name} ({})", choices.len() + 1);
            choices.push(if again { numbered() } else { name.to_owned() });
        }
        Ask {
            interaction_id: InteractionId::random(),
            kind: InteractionKind::Question,
            message: cut(&self.question, MAX_QUESTION).to_owned(),
            choices,
            default_index: None,
            fields: Vec::new(),
            timeout: Duration::from_secs(approvals.timeout_secs.into()),
        }
    }
}

/// The option that people have chosen, if they have.
pub(super) fn chosen(choices: &[String], answer: &InteractionAnswer) -> Option<Choice> {
    let value = answer.value.as_ref()?.as_str()?;
    let option = choices.iter().position(|choice| choice == value)?;
    (answer.state == InteractionState::Resolved).then_some(Choice::Option(option))
}

/// The beginning of a text, whole characters.
fn cut(text: &str, longest: usize) -> &str {
    &text[..text.floor_char_boundary(longest)]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn permission(about: About, options: &[Allows]) -> Permission {
        let options = options.iter().map(|allows| PermissionOption::new("x", *allows)).collect();
        Permission { key: "1".into(), question: "May I?".into(), options, about }
    }

    fn decided(policy: ApprovalPolicy, permission: &Permission) -> Option<Choice> {
        permission.decided_by(&Approvals { policy, ..Approvals::default() })
    }

    #[test]
    fn nothing_is_allowed_by_itself() {
        for about in [About::Reading, About::Doing, About::Asking] {
            let permission = permission(about, &[Allows::Once, Allows::Nothing]);
            assert_eq!(decided(ApprovalPolicy::default(), &permission), None);
        }
    }

    #[test]
    fn a_policy_allows_what_it_says() {
        let all = [Allows::Always, Allows::Nothing, Allows::Once];
        let [reads, writes, asks] =
            [About::Reading, About::Doing, About::Asking].map(|about| permission(about, &all));

        assert_eq!(decided(ApprovalPolicy::AllowRead, &reads), Some(Choice::Option(2)));
        assert_eq!(decided(ApprovalPolicy::AllowRead, &writes), None);
        assert_eq!(decided(ApprovalPolicy::AllowAll, &writes), Some(Choice::Option(2)));
        assert_eq!(decided(ApprovalPolicy::AllowAll, &asks), None);
        let refusable = permission(About::Reading, &[Allows::Nothing]);
        assert_eq!(decided(ApprovalPolicy::AllowAll, &refusable), None, "people decide");
    }

    #[test]
    fn only_an_answer_that_was_offered_allows() {
        let choices = ["Yes".to_owned(), "No".to_owned()];
        let decided = |state, value| {
            let interaction_id = InteractionId::new("q").unwrap();
            chosen(&choices, &InteractionAnswer { interaction_id, state, value })
        };

        let no = Some(Choice::Option(1));
        assert_eq!(decided(InteractionState::Resolved, Some(json!("No"))), no);
        assert_eq!(decided(InteractionState::Resolved, Some(json!("no"))), None);
        assert_eq!(decided(InteractionState::TimedOut, Some(json!("Yes"))), None);
        assert_eq!(decided(InteractionState::Cancelled, None), None);
    }

    #[test]
    fn a_no_is_the_weakest_that_is_offered() {
        let denial = |options: &[Allows]| permission(About::Doing, options).denial();

        assert_eq!(denial(&[Allows::Once, Allows::Never, Allows::Nothing]), Choice::Option(2));
        assert_eq!(denial(&[Allows::Once, Allows::Never]), Choice::Option(1));
        assert_eq!(denial(&[Allows::Once]), Choice::Denied);
    }

    #[test]
    fn what_is_asked_is_bounded() {
        let mut permission = permission(About::Doing, &[Allows::Once; 60]);
        permission.question = "é".repeat(20_000);
        permission.options[0].name = "n".repeat(1_000);

        let ask = permission.ask(&Approvals::default());
        assert_eq!((ask.choices.len(), ask.choices[0].len()), (MAX_CHOICES, MAX_OPTION));
        assert!(ask.message.len() <= MAX_QUESTION);
        assert_eq!(ask.choices[1..3], ["x", "x (3)"], "an answer means one of them");
    }
}
