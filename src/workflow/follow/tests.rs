use super::*;
use crate::act::{Act, Acting, act};
use crate::finding::{Class, EvidenceRef, Plan};
use model::{Digest, ExceptionRef, InputRef, Member, SnapshotStatus, VerdictCounts};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_767_225_600 + second).unwrap()
}

fn evaluation(second: i64, snapshot: &str, state: InputState, verdicts: &[(&str, Verdict)]) -> Evaluation {
    let count = |verdict| verdicts.iter().filter(|(_, found)| *found == verdict).count() as u64;
    let outcome = match (count(Verdict::Fail) > 0, state) {
        (true, _) => Outcome::Fail,
        (false, InputState::Good) => Outcome::Pass,
        (false, _) => Outcome::Inconclusive,
    };
    Evaluation {
        schema: Evaluation::SCHEMA.into(),
        check: "leaver_still_active".into(),
        check_sha256: Digest::of(b"check"),
        as_of: at(second),
        parameters: BTreeMap::new(),
        engine: "sqlite".into(),
        outcome,
        why: vec![],
        verdicts: VerdictCounts {
            pass: count(Verdict::Pass),
            fail: count(Verdict::Fail),
            unknown: count(Verdict::Unknown),
            not_applicable: count(Verdict::NotApplicable),
            excepted: count(Verdict::Excepted),
        },
        members: verdicts
            .iter()
            .map(|(subject, verdict)| Member {
                subject: (*subject).into(),
                verdict: *verdict,
                reason: format!("{subject} is {}", verdict.as_str()),
                source: Some("aws".into()),
                exception: None,
                detail: model::Detail::default(),
            })
            .collect(),
        inputs: vec![InputRef {
            source: "aws".into(),
            tables: vec!["account".into()],
            state,
            snapshot: Some(snapshot.into()),
            sha256: Some(Digest::of(snapshot.as_bytes())),
            status: Some(SnapshotStatus::Complete),
            why: None,
        }],
        exceptions: vec![],
        identity_map_sha256: None,
        history_sha256: None,
        controls: vec!["iso27001:2022/A.5.18".into()],
    }
}

fn text() -> FindingText {
    FindingText {
        title: "Leaver still has an active account".into(),
        severity: "major".into(),
        criteria: "c".into(),
        impact: "i".into(),
        action: "a".into(),
    }
}

/// Snapshot `s<n>` was begun `n` times ten seconds into the year.
fn begun(snapshot: &str) -> Option<Timestamp> {
    snapshot.strip_prefix('s').and_then(|n| n.parse::<i64>().ok()).map(|n| at(n * 10))
}

fn all(known: &[Finding], evaluation: &Evaluation, log_index: u64) -> Vec<FindingEvent> {
    let text = text();
    let seen = Seen { evaluation, log_index, text: &text, failed_before: 0, begun: &begun };
    super::follow(known, &seen, Rules::default())
}

/// The only event there is.
fn follow(known: &[Finding], evaluation: &Evaluation, log_index: u64, _: &FindingText) -> Option<FindingEvent> {
    let mut events = all(known, evaluation, log_index);
    assert!(events.len() < 2, "{events:?}");
    events.pop()
}

const FAIL: Verdict = Verdict::Fail;
const PASS: Verdict = Verdict::Pass;

#[test]
fn members_of_whom_nothing_follows_need_not_be_there() {
    let first = [("u-1", Verdict::Fail), ("u-2", Verdict::Fail), ("u-3", Verdict::Fail), ("u-4", Verdict::Pass)];
    let raised = follow(&[], &evaluation(0, "s1", InputState::Good, &first), 1, &text()).unwrap().finding;
    let later = [("u-1", Verdict::Pass), ("u-2", Verdict::Unknown), ("u-3", Verdict::NotApplicable)];
    let whole = evaluation(60, "s2", InputState::Good, &later);
    let mut short = whole.clone();
    short.members.retain(|member| matches!(member.verdict, Verdict::Fail | Verdict::Unknown));
    let event = follow(std::slice::from_ref(&raised), &whole, 2, &text()).unwrap();
    assert_eq!(event.resolved, ["u-1", "u-3"]);
    assert_eq!(follow(&[raised], &short, 2, &text()), Some(event));
}

#[test]
fn two_failing_subjects_make_one_draft_finding() {
    let failing = evaluation(0, "s1", InputState::Good, &[("aws:ada", FAIL), ("github:ada", FAIL), ("aws:bob", PASS)]);
    let event = follow(&[], &failing, 7, &text()).unwrap();
    assert_eq!((event.event, event.finding.id.as_str()), (Change::Raised, "leaver_still_active-1"));
    assert_eq!(event.finding.state, State::Draft);
    assert_eq!(event.added, ["aws:ada", "github:ada"]);
    assert_eq!(event.finding.condition, "2 of 3 members fail, seen in aws");
}

#[test]
fn nothing_is_raised_by_a_pass_or_an_inconclusive_evaluation() {
    assert_eq!(follow(&[], &evaluation(0, "s1", InputState::Good, &[("a", PASS)]), 0, &text()), None);
    assert_eq!(follow(&[], &evaluation(0, "s1", InputState::Incomplete, &[("a", Verdict::Unknown)]), 0, &text()), None);
}

#[test]
fn items_resolve_only_on_a_later_good_snapshot() {
    let raised = follow(&[], &evaluation(0, "s1", InputState::Good, &[("a", FAIL), ("b", FAIL)]), 0, &text()).unwrap();
    let known = [raised.finding];

    // gone, but the snapshot is incomplete: nothing happens
    assert_eq!(follow(&known, &evaluation(10, "s2", InputState::Incomplete, &[]), 1, &text()), None);
    // gone on the very same evidence: nothing happens
    assert_eq!(follow(&known, &evaluation(10, "s1", InputState::Good, &[("a", PASS)]), 1, &text()), None);
    // unknown on a later complete one: nothing happens
    let unknown = evaluation(10, "s2", InputState::Good, &[("a", Verdict::Unknown), ("b", Verdict::Unknown)]);
    assert_eq!(follow(&known, &unknown, 1, &text()), None);

    let half = follow(&known, &evaluation(10, "s2", InputState::Good, &[("b", FAIL)]), 1, &text()).unwrap();
    assert_eq!((half.event, half.resolved.as_slice()), (Change::Updated, ["a".to_owned()].as_slice()));
    let whole = follow(&[half.finding], &evaluation(20, "s3", InputState::Good, &[("b", PASS)]), 2, &text()).unwrap();
    assert_eq!((whole.event, whole.finding.state), (Change::Resolved, State::Resolved));
    assert_eq!(whole.finding.items[0].resolved_on, ["s2"]);
}

#[test]
fn what_cannot_be_said_of_others_keeps_no_item_open() {
    let raised = follow(&[], &evaluation(0, "s1", InputState::Good, &[("a", FAIL)]), 0, &text()).unwrap();
    let known = [raised.finding];
    let inconclusive = |members: &[(&str, Verdict)]| Evaluation {
        outcome: Outcome::Inconclusive,
        ..evaluation(10, "s2", InputState::Good, members)
    };
    // it broke off: nobody was looked at
    assert_eq!(follow(&known, &inconclusive(&[]), 1, &text()), None);
    let event = follow(&known, &inconclusive(&[("a", PASS), ("b", Verdict::Unknown)]), 1, &text()).unwrap();
    assert_eq!(event.event, Change::Resolved);
}

#[test]
fn a_failure_proven_on_incomplete_evidence_resolves_nobody_else() {
    let raised = follow(&[], &evaluation(0, "s1", InputState::Good, &[("a", FAIL), ("b", FAIL)]), 0, &text()).unwrap();
    let broken = evaluation(10, "s2", InputState::Incomplete, &[("b", FAIL)]);
    let event = follow(&[raised.finding], &broken, 1, &text()).unwrap();
    assert_eq!(event.event, Change::Seen);
    assert_eq!(event.finding.open_items().count(), 2);
}

#[test]
fn a_failure_after_resolution_opens_a_repeat() {
    let raised = follow(&[], &evaluation(0, "s1", InputState::Good, &[("a", FAIL)]), 0, &text()).unwrap();
    let resolved = follow(&[raised.finding], &evaluation(10, "s2", InputState::Good, &[]), 1, &text()).unwrap();
    let again =
        follow(&[resolved.finding], &evaluation(20, "s3", InputState::Good, &[("a", FAIL)]), 2, &text()).unwrap();
    assert_eq!(again.event, Change::Raised);
    assert_eq!(again.finding.id, "leaver_still_active-2");
    assert_eq!(again.finding.repeat_of.as_deref(), Some("leaver_still_active-1"));
}

#[test]
fn a_subject_that_fails_again_before_the_rest_is_mended_becomes_a_new_item() {
    let raised = follow(&[], &evaluation(0, "s1", InputState::Good, &[("a", FAIL), ("b", FAIL)]), 0, &text()).unwrap();
    let half = follow(&[raised.finding], &evaluation(10, "s2", InputState::Good, &[("b", FAIL)]), 1, &text()).unwrap();
    let again = evaluation(20, "s3", InputState::Good, &[("a", FAIL), ("b", FAIL)]);
    let event = follow(&[half.finding], &again, 2, &text()).unwrap();
    assert_eq!(event.finding.items.iter().filter(|item| item.subject == "a").count(), 2);
    assert_eq!(event.finding.open_items().count(), 2);
}

/// A step at `second`.
fn step(finding: &Finding, step: &Act, by: &str, second: i64) -> Finding {
    act(finding, step, Acting { by, at: at(second), looked_at: None, last_event: 1 }).unwrap().finding
}

fn planned(finding: &Finding) -> Finding {
    let confirmed = step(finding, &Act::Confirm { class: Class::Minor, note: String::new() }, "Grace", 11);
    let plan = Plan {
        correction: "disabled".into(),
        root_cause: "no ticket".into(),
        method: "interview".into(),
        similar: "none".into(),
        action: "HR tells IT".into(),
    };
    step(&confirmed, &Act::Plan { plan, owner: "Ada".into(), due: "2026-02-01".into() }, "Grace", 12)
}

fn implemented(finding: &Finding, second: i64) -> Finding {
    let evidence = vec![EvidenceRef { id: "s0".into(), log_index: 3 }];
    step(&planned(finding), &Act::Implement { note: String::new(), evidence }, "Ada", second)
}

fn raised() -> Finding {
    follow(&[], &evaluation(0, "s0", InputState::Good, &[("a", FAIL), ("b", PASS)]), 0, &text()).unwrap().finding
}

#[test]
fn only_evidence_taken_after_the_action_verifies_it() {
    let known = [implemented(&raised(), 25)];
    // begun before the owner said that it is done: the item is mended, and nothing is verified
    let early = follow(&known, &evaluation(30, "s2", InputState::Good, &[("a", PASS)]), 1, &text()).unwrap();
    assert_eq!((early.event, early.finding.state), (Change::Updated, State::Implemented));
    let known = [early.finding];
    for (snapshot, state, members) in [
        // incomplete; the item's member unknown; its source not looked at
        ("s3", InputState::Incomplete, vec![("a", PASS)]),
        ("s3", InputState::Good, vec![("a", Verdict::Unknown)]),
    ] {
        assert_eq!(follow(&known, &evaluation(35, snapshot, state, &members), 2, &text()), None);
    }
    let mut elsewhere = evaluation(35, "s3", InputState::Good, &[("a", PASS)]);
    elsewhere.inputs[0].source = "github".into();
    assert_eq!(follow(&known, &elsewhere, 2, &text()), None);

    let later = follow(&known, &evaluation(35, "s3", InputState::Good, &[("b", PASS)]), 3, &text()).unwrap();
    assert_eq!((later.event, later.finding.state), (Change::Verified, State::Verified));
    assert_eq!(later.finding.verified.unwrap().shown_by[0].snapshots, ["s3"]);
}

#[test]
fn as_many_runs_verify_as_the_organisation_says_each_on_other_evidence() {
    let rules = Rules { verify_runs: 2, ..Rules::default() };
    let run = |known: &Finding, second, snapshot| {
        let evaluation = evaluation(second, snapshot, InputState::Good, &[("a", PASS)]);
        let text = text();
        let seen = Seen { evaluation: &evaluation, log_index: 9, text: &text, failed_before: 0, begun: &begun };
        super::follow(std::slice::from_ref(known), &seen, rules).pop().map(|event| event.finding)
    };
    let once = run(&implemented(&raised(), 15), 30, "s2").unwrap();
    assert_eq!(once.state, State::Implemented);
    assert_eq!(run(&once, 31, "s2"), None, "the same evidence counts once");
    assert_eq!(run(&once, 40, "s3").unwrap().state, State::Verified);
}

#[test]
fn the_failure_seen_again_reopens_and_is_counted() {
    let known = [implemented(&raised(), 25)];
    // evidence from before the action says nothing of it
    let old = follow(&known, &evaluation(30, "s2", InputState::Good, &[("a", FAIL)]), 1, &text()).unwrap();
    assert_eq!((old.event, old.finding.state), (Change::Seen, State::Implemented));
    let again = follow(&[old.finding], &evaluation(35, "s3", InputState::Good, &[("a", FAIL)]), 2, &text()).unwrap();
    assert_eq!((again.event, again.finding.state, again.finding.reopened), (Change::Reopened, State::Reopened, 1));
    assert_eq!((again.finding.implemented, again.finding.plan.is_some()), (None, true));

    // verified, then another member fails: it is the same finding
    let verified = follow(&known, &evaluation(35, "s3", InputState::Good, &[("a", PASS)]), 2, &text()).unwrap();
    let other = evaluation(45, "s4", InputState::Good, &[("a", PASS), ("c", FAIL)]);
    let reopened = follow(&[verified.finding], &other, 3, &text()).unwrap();
    assert_eq!((reopened.event, reopened.added.as_slice()), (Change::Reopened, ["c".to_owned()].as_slice()));
}

#[test]
fn a_dismissed_finding_speaks_for_its_members_as_long_as_they_fail() {
    let dismissed =
        step(&raised(), &Act::Dismiss { why: Dismissal::FalsePositive, reason: "a test account".into() }, "Grace", 5);
    let known = [dismissed];
    assert_eq!(follow(&known, &evaluation(10, "s1", InputState::Good, &[("a", FAIL)]), 1, &text()), None);
    let other =
        follow(&known, &evaluation(10, "s1", InputState::Good, &[("a", FAIL), ("c", FAIL)]), 1, &text()).unwrap();
    assert_eq!((other.event, other.finding.id.as_str()), (Change::Raised, "leaver_still_active-2"));
    assert_eq!(other.added, ["c"]);
    // mended, and failing once more: that is another failure
    let mended = follow(&known, &evaluation(10, "s1", InputState::Good, &[("a", PASS)]), 1, &text()).unwrap();
    assert_eq!((mended.event, mended.finding.state), (Change::Updated, State::Dismissed));
    let again = follow(&[mended.finding], &evaluation(20, "s2", InputState::Good, &[("a", FAIL)]), 2, &text()).unwrap();
    assert_eq!((again.event, again.added.as_slice()), (Change::Raised, ["a".to_owned()].as_slice()));
}

fn excepted(second: i64, snapshot: &str) -> Evaluation {
    let mut evaluation = evaluation(second, snapshot, InputState::Good, &[("a", Verdict::Excepted), ("b", PASS)]);
    evaluation.members[0].exception = Some("exception-1".into());
    evaluation.exceptions = vec![ExceptionRef { id: "exception-1".into(), log_index: 5, until: at(100) }];
    evaluation
}

#[test]
fn a_member_under_an_exception_is_neither_raised_nor_resolved_and_comes_back() {
    assert_eq!(follow(&[], &excepted(10, "s1"), 1, &text()), None);

    let under = follow(&[raised()], &excepted(10, "s1"), 1, &text()).unwrap();
    assert_eq!((under.event, under.finding.state), (Change::Updated, State::Draft));
    assert_eq!(under.finding.items[0].exception.as_deref(), Some("exception-1"));
    assert_eq!(under.finding.condition, "1 of 2 members fail, 1 of them under an exception, seen in aws");
    let why = Act::Dismiss { why: Dismissal::CoveredByException, reason: "see exception-1".into() };
    let known = [step(&under.finding, &why, "Grace", 11)];
    assert_eq!(follow(&known, &excepted(20, "s2"), 2, &text()), None);

    let over = follow(&known, &evaluation(30, "s3", InputState::Good, &[("a", FAIL)]), 3, &text()).unwrap();
    assert_eq!((over.event, over.finding.state, over.finding.reopened), (Change::Reopened, State::Draft, 1));
    assert_eq!((over.finding.id.as_str(), over.finding.items[0].exception.as_deref()), ("leaver_still_active-1", None));
}

#[test]
fn an_exception_verifies_nothing() {
    let known = [implemented(&raised(), 15)];
    let under = follow(&known, &excepted(30, "s3"), 2, &text()).unwrap();
    assert_eq!((under.event, under.finding.state), (Change::Updated, State::Implemented));
}

#[test]
fn an_accepted_risk_comes_back_at_its_end() {
    let confirmed = step(&raised(), &Act::Confirm { class: Class::Major, note: String::new() }, "Grace", 5);
    let accept = Act::Accept { owner: Some("Ada".into()), reason: "until the merger".into(), until: at(50) };
    let accepted = step(&confirmed, &accept, "Grace", 6);
    assert_eq!(expire(&accepted, at(49)), None);
    let back = expire(&accepted, at(50)).unwrap();
    assert_eq!((back.event, back.finding.state, back.finding.reopened), (Change::Reopened, State::Reopened, 1));
    assert_eq!(expire(&back.finding, at(60)), None);
}

#[test]
fn as_many_failures_raise_as_the_organisation_says() {
    let evaluation = evaluation(10, "s1", InputState::Good, &[("a", FAIL)]);
    let text = text();
    let rules = Rules { raise_after: 3, ..Rules::default() };
    let raised = |failed_before| {
        let seen = Seen { evaluation: &evaluation, log_index: 1, text: &text, failed_before, begun: &begun };
        super::follow(&[], &seen, rules).len()
    };
    assert_eq!([raised(0), raised(1), raised(2)], [0, 0, 1]);
}

/// An evaluation of a check that reads the programme's own record.
fn of_the_record(second: i64, verdicts: &[(&str, Verdict)]) -> Evaluation {
    Evaluation { inputs: vec![], ..evaluation(second, "none", InputState::Good, verdicts) }
}

#[test]
fn what_the_programmes_own_record_showed_failing_it_shows_mended() {
    let raised = follow(&[], &of_the_record(0, &[("a", FAIL), ("b", FAIL)]), 0, &text()).unwrap().finding;
    let known = [raised];
    let looked = |second, verdicts: &[(&str, Verdict)]| follow(&known, &of_the_record(second, verdicts), 1, &text());
    assert_eq!(looked(10, &[("a", PASS), ("b", FAIL)]).unwrap().resolved, ["a"]);
    assert_eq!(looked(10, &[("a", PASS), ("b", Verdict::Unknown)]).unwrap().resolved, ["a"]);
    let gone = looked(10, &[("c", PASS)]).unwrap();
    assert_eq!((gone.event, gone.finding.state), (Change::Resolved, State::Resolved));
    // of the same instant, or of nobody at all: nothing happens
    assert_eq!(looked(0, &[("a", PASS), ("b", PASS)]), None);
    assert_eq!(looked(10, &[]), None);
}

#[test]
fn members_of_a_source_that_was_not_looked_at_are_not_resolved() {
    let mut elsewhere = evaluation(10, "s1", InputState::Good, &[("b", PASS)]);
    elsewhere.inputs[0].source = "github".into();
    assert_eq!(follow(&[raised()], &elsewhere, 1, &text()), None);
}

mod machine;
