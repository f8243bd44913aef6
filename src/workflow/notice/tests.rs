//! What is told, when, and that it is told once.

use super::*;
use crate::{FindingText, raise};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn finding(state: State, due: Option<&str>) -> Finding {
    let text = FindingText {
        title: "Leavers keep access".to_owned(),
        severity: "major".to_owned(),
        criteria: "none does".to_owned(),
        impact: String::new(),
        action: String::new(),
    };
    let event = raise(1, &text, "one does", Vec::new(), "ada", at("2026-01-01T00:00:00Z")).unwrap();
    Finding { state, due: due.map(str::to_owned), ..event.finding }
}

fn event(change: Change, finding: Finding, added: &[&str]) -> FindingEvent {
    FindingEvent {
        schema: FindingEvent::SCHEMA.to_owned(),
        event: change,
        at: at("2026-01-02T00:00:00Z"),
        evaluation: None,
        by: Some("grace".to_owned()),
        added: added.iter().map(|subject| (*subject).to_owned()).collect(),
        resolved: Vec::new(),
        finding,
    }
}

#[test]
fn a_reminder_comes_once_a_step_and_weekly_once_it_is_late() {
    let told = |today: &str| {
        let notice = of_due_date(4, &finding(State::Planned, Some("2026-03-10")), today);
        notice.map(|notice| notice.key)
    };
    assert_eq!(told("2026-03-02"), None);
    let week = told("2026-03-03").unwrap();
    assert_eq!(week, "due_in_a_week:finding:manual-1:2026-03-10");
    assert_eq!(told("2026-03-08"), Some(week));
    let day = told("2026-03-09");
    assert_eq!(day.as_deref(), Some("due_in_a_day:finding:manual-1:2026-03-10"));
    assert_eq!(told("2026-03-10"), day);
    let late = told("2026-03-11");
    assert_eq!(late.as_deref(), Some("overdue:finding:manual-1:2026-03-10:0"));
    assert_eq!(told("2026-03-17"), late);
    assert_eq!(told("2026-03-18").as_deref(), Some("overdue:finding:manual-1:2026-03-10:1"));
}

#[test]
fn nobody_is_reminded_of_what_is_done_or_has_no_date() {
    for state in State::ALL {
        let reminded = of_due_date(4, &finding(state, Some("2026-03-10")), "2026-04-01").is_some();
        let waits = matches!(state, State::Draft | State::Confirmed | State::Planned | State::Reopened);
        assert_eq!(reminded, waits, "{state:?}");
        assert_eq!(of_due_date(4, &finding(state, None), "2026-04-01"), None);
    }
    // a moved date is another promise
    let moved = of_due_date(9, &finding(State::Planned, Some("2026-03-31")), "2026-03-30").unwrap();
    assert_eq!(moved.key, "due_in_a_day:finding:manual-1:2026-03-31");
}

#[test]
fn every_change_of_a_finding_is_told_at_most_once_and_none_twice() {
    let mut keys = std::collections::BTreeSet::new();
    for change in [Change::Raised, Change::Reopened, Change::Verified, Change::Planned, Change::Closed] {
        let notices = of_event(7, &event(change, finding(State::Planned, None), &[]));
        assert!(!notices.is_empty(), "{change:?}");
        for notice in notices {
            assert!(keys.insert(notice.key.clone()), "{}", notice.key);
            assert_eq!(notice.entry, 7);
        }
    }
    let silent = |change, added: &[&str]| of_event(7, &event(change, finding(State::Draft, None), added));
    assert!(silent(Change::Seen, &["x"]).is_empty());
    assert!(silent(Change::Updated, &[]).is_empty());
    assert_eq!(silent(Change::Updated, &["x"])[0].happening, Happening::Grown);
}

#[test]
fn a_gap_is_told_when_it_begins_and_when_it_ends() {
    let source = |name: &str| Subject::Source(name.to_owned());
    let gap = |entry| Gap { subject: source("aws"), entry };
    let first = of_evidence(&[gap(5)], &[], |_| true);
    assert_eq!(first.iter().map(|notice| notice.happening).collect::<Vec<_>>(), [Happening::Unseen]);
    let told = ToldGap { subject: source("aws"), key: first[0].key.clone(), entry: 5 };
    // however many runs fail, it is the same gap
    assert!(of_evidence(&[gap(9)], std::slice::from_ref(&told), |_| true).is_empty());
    let after = of_evidence(&[], std::slice::from_ref(&told), |_| true);
    assert_eq!(after.iter().map(|notice| notice.happening).collect::<Vec<_>>(), [Happening::SeenAgain]);
    assert!(after[0].key.ends_with(&first[0].key));
    assert!(of_evidence(&[], &[told], |_| false).is_empty());
}

#[test]
fn no_key_names_a_person() {
    let raised = of_event(7, &event(Change::Raised, finding(State::Draft, None), &["aws:ada.lovelace"]));
    assert!(raised.iter().all(|notice| !notice.key.contains("ada") && !notice.key.contains("grace")));
}

#[test]
fn words_lead_back_to_what_they_are_of() {
    for happening in Happening::ALL {
        assert_eq!(Happening::parse(happening.as_str()), Some(happening));
    }
    let subject = Subject::Exception("exception-1".to_owned());
    assert_eq!(Subject::parse(subject.kind(), subject.name()), Some(subject));
}
