//! Calls about one member each: which failed, and what is *not reported* of whom because of it.

use model::{CollectError, Reason, ReasonCode};
use std::collections::BTreeMap;

/// How many members a message names.
const NAMED: usize = 5;

/// Failed calls, gathered into one reason for each table and kind of failure.
#[derive(Default)]
pub(crate) struct Parts {
    failed: BTreeMap<Loss, (Vec<String>, CollectError)>,
}

/// What is missing and why: table, columns (none: rows), kind of failure.
type Loss = (&'static str, &'static [&'static str], &'static str);

impl Parts {
    /// Notes that a call about `member` failed, so that `columns` of `table`, or rows of it, are missing.
    pub(crate) fn note(
        &mut self,
        member: &str,
        error: &CollectError,
        table: &'static str,
        columns: &'static [&'static str],
    ) {
        let (members, _) =
            self.failed.entry((table, columns, error.kind())).or_insert_with(|| (Vec::new(), error.clone()));
        if members.last().is_none_or(|last| last != member) {
            members.push(member.to_owned());
        }
    }

    /// The reasons, each naming the first few members and the first error.
    pub(crate) fn reasons(self) -> impl Iterator<Item = Reason> {
        self.failed.into_iter().map(|((table, columns, _), (members, error))| {
            let names: Vec<&str> = members.iter().map(String::as_str).collect();
            let message = format!("not read for {} of its members: {}: {error}", names.len(), some(&names));
            match &error {
                CollectError::Denied { permission, .. } => {
                    Reason::new(ReasonCode::Denied, message).table(table).columns(columns).permission(permission)
                }
                _ => Reason::new(ReasonCode::MemberFailed, message).table(table).columns(columns),
            }
        })
    }
}

/// The first few of `names`.
pub(crate) fn some(names: &[&str]) -> String {
    let shown = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(NAMED) {
        Some(more) if more > 0 => format!("{shown} and {more} more"),
        _ => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::{Parts, some};
    use model::{CollectError, ReasonCode};

    #[test]
    fn a_failure_repeated_for_many_members_is_one_reason_that_names_the_first_few() {
        let denied = CollectError::Denied {
            operation: "iam:ListAccessKeys".to_owned(),
            permission: "iam:ListAccessKeys".to_owned(),
            message: "AccessDenied".to_owned(),
        };
        let gone = CollectError::Malformed { operation: "iam:ListAccessKeys".to_owned(), message: "cut".to_owned() };
        let mut parts = Parts::default();
        for member in ["a", "b", "c", "d", "e", "f"] {
            parts.note(member, &denied, "aws_iam_access_key_detail", &[]);
        }
        parts.note("g", &gone, "aws_iam_access_key_detail", &[]);
        let reasons: Vec<_> = parts.reasons().collect();
        assert_eq!(
            reasons.iter().map(|reason| reason.code).collect::<Vec<_>>(),
            [ReasonCode::Denied, ReasonCode::MemberFailed]
        );
        assert!(reasons[0].message.contains("6 of its members: a, b, c, d, e and 1 more"), "{}", reasons[0].message);
        assert_eq!(reasons[0].permission.as_deref(), Some("iam:ListAccessKeys"));
    }

    #[test]
    fn five_names_are_all_named() {
        assert_eq!(some(&["a", "b", "c", "d", "e"]), "a, b, c, d, e");
    }
}
