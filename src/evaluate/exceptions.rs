//! Failing members that an approved exception covers.

use crate::inputs::{ExceptionInput, Inputs};
use crate::people::fits;
use model::time::seconds_up;
use model::{ExceptionRef, Member, Verdict};
use std::collections::BTreeSet;

/// Whether one of `patterns`, in which `*` stands for any run of characters, names `subject`.
pub fn names(patterns: &[String], subject: &str) -> bool {
    patterns.iter().any(|pattern| fits(pattern, subject))
}

/// Marks the failing members that an exception covers at the instant of the evaluation. Of several, the one that holds
/// longest counts; of those, the first by id.
pub(crate) fn apply(mut members: Vec<Member>, check: &str, inputs: &Inputs) -> Vec<Member> {
    let as_of = seconds_up(inputs.as_of);
    let mut in_force: Vec<&ExceptionInput> = inputs
        .exceptions
        .iter()
        .filter(|exception| exception.check == check && exception.from <= as_of && as_of < exception.until)
        .collect();
    in_force.sort_by(|a, b| b.until.cmp(&a.until).then_with(|| a.id.cmp(&b.id)));
    for member in members.iter_mut().filter(|member| member.verdict == Verdict::Fail) {
        let covers = |exception: &&&ExceptionInput| exception.source.is_none() || exception.source == member.source;
        let named = |exception: &&&ExceptionInput| names(&exception.subjects, &member.subject);
        if let Some(exception) = in_force.iter().filter(covers).find(named) {
            member.verdict = Verdict::Excepted;
            member.exception = Some(exception.id.clone());
        }
    }
    members
}

/// The exceptions that members fail under.
pub(crate) fn used(members: &[Member], inputs: &Inputs) -> Vec<ExceptionRef> {
    let ids: BTreeSet<&str> = members.iter().filter_map(|member| member.exception.as_deref()).collect();
    let mut used: Vec<ExceptionRef> = inputs
        .exceptions
        .iter()
        .filter(|exception| ids.contains(exception.id.as_str()))
        .map(|exception| ExceptionRef {
            id: exception.id.clone(),
            log_index: exception.log_index,
            until: exception.until,
        })
        .collect();
    used.sort_by(|a, b| a.id.cmp(&b.id));
    used
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Timestamp;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn member(subject: &str, verdict: Verdict, source: &str) -> Member {
        Member {
            subject: subject.to_owned(),
            verdict,
            reason: "r".to_owned(),
            source: Some(source.to_owned()),
            exception: None,
            detail: model::Detail::default(),
        }
    }

    fn exception(id: &str, subject: &str, until: &str) -> ExceptionInput {
        ExceptionInput {
            id: id.to_owned(),
            log_index: 7,
            check: "mfa_missing".to_owned(),
            subjects: vec![subject.to_owned()],
            source: None,
            from: at("2026-01-01T00:00:00Z"),
            until: at(until),
        }
    }

    fn applied(as_of: &str, exceptions: Vec<ExceptionInput>, members: Vec<Member>) -> Vec<(String, Option<String>)> {
        let mut inputs = crate::testing::inputs(as_of);
        inputs.exceptions = exceptions;
        let members = apply(members, "mfa_missing", &inputs);
        members.into_iter().map(|member| (member.verdict.as_str().to_owned(), member.exception)).collect()
    }

    #[test]
    fn an_exception_covers_failures_of_its_check_and_subjects_while_it_holds() {
        let failing = || vec![member("aws:ci-1", Verdict::Fail, "aws")];
        let word = |as_of: &str, exception| applied(as_of, vec![exception], failing())[0].0.clone();
        let until = "2026-02-01T00:00:00Z";
        assert_eq!(word("2026-01-15T00:00:00Z", exception("e", "aws:ci-*", until)), "excepted");
        // both ends: the first instant counts, the last does not
        assert_eq!(word("2026-01-01T00:00:00Z", exception("e", "aws:ci-1", until)), "excepted");
        assert_eq!(word("2025-12-31T23:59:59Z", exception("e", "aws:ci-1", until)), "fail");
        assert_eq!(word(until, exception("e", "aws:ci-1", until)), "fail");
        assert_eq!(word("2026-01-15T00:00:00Z", exception("e", "aws:ci", until)), "fail");
        let other = ExceptionInput { check: "other".to_owned(), ..exception("e", "*", until) };
        assert_eq!(word("2026-01-15T00:00:00Z", other), "fail");
        let elsewhere = ExceptionInput { source: Some("github".to_owned()), ..exception("e", "*", until) };
        assert_eq!(word("2026-01-15T00:00:00Z", elsewhere), "fail");
    }

    #[test]
    fn only_failures_are_excepted_and_the_longest_exception_is_named() {
        let members = [Verdict::Pass, Verdict::Unknown, Verdict::NotApplicable, Verdict::Fail]
            .map(|verdict| member("a", verdict, "aws"))
            .to_vec();
        let exceptions =
            vec![exception("short", "a", "2026-02-01T00:00:00Z"), exception("long", "a", "2026-03-01T00:00:00Z")];
        let words = applied("2026-01-15T00:00:00Z", exceptions, members);
        let verdicts: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
        assert_eq!(verdicts, ["pass", "unknown", "not_applicable", "excepted"]);
        assert_eq!(words[3].1.as_deref(), Some("long"));
    }
}
