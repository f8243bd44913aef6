//! Draft findings: one per (check, scope), with the failing members as items.
//!
//! A finding is never raised on an inconclusive evaluation, and an item is never resolved by one: *resolved* means that
//! a later, complete snapshot showed the member passing, not applicable or gone.

use model::{Evaluation, InputState, Outcome, Timestamp, Verdict, VerdictCounts};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The scope of every finding of this version: the whole organisation.
pub const ORGANISATION: &str = "organisation";

/// Where a finding stands. Only a person takes it further than `Draft`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Raised by a failing evaluation; nobody has confirmed it.
    Draft,
    /// Every item was shown resolved before anybody confirmed it. A new failure opens a new finding.
    Resolved,
}

/// One failing member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The member, by the vocabulary's key.
    pub subject: String,
    /// The source whose evidence showed the failure.
    pub source: Option<String>,
    /// Why it fails, from the last evaluation that saw it.
    pub reason: String,
    /// `as_of` of the first evaluation that saw it fail.
    pub first_seen: Timestamp,
    /// `as_of` of the last one.
    pub last_seen: Timestamp,
    /// `as_of` of the evaluation that showed it resolved.
    pub resolved_at: Option<Timestamp>,
    /// Snapshots the last failing evaluation rested on.
    pub failed_on: Vec<String>,
    /// Snapshots that showed it resolved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolved_on: Vec<String>,
}

/// The texts a check brings to its findings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingText {
    /// The check's title.
    pub title: String,
    /// Class the check proposes: `major`, `minor`, `opportunity`, `observation`. Only a person sets it.
    pub severity: String,
    /// What ought to be.
    pub criteria: String,
    /// What follows from the failure.
    pub impact: String,
    /// What to do.
    pub action: String,
}

/// A finding (`evidenced/finding/v1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// `<check>-<n>`.
    pub id: String,
    /// The check that fails.
    pub check: String,
    /// What it covers.
    pub scope: String,
    /// Where it stands.
    pub state: State,
    /// Set by a person; none on a draft.
    pub class: Option<String>,
    /// The class the check proposes.
    pub proposed_class: String,
    /// The check's title.
    pub title: String,
    /// What ought to be.
    pub criteria: String,
    /// What is, written from the evidence.
    pub condition: String,
    /// What follows from it.
    pub impact: String,
    /// What to do.
    pub action: String,
    /// Controls concerned.
    pub controls: Vec<String>,
    /// Failing members, by subject.
    pub items: Vec<Item>,
    /// `as_of` of the evaluation that raised it.
    pub raised_at: Timestamp,
    /// The resolved finding whose failure came back.
    pub repeat_of: Option<String>,
    /// Named by a person.
    pub owner: Option<String>,
    /// Set by a person.
    pub due: Option<String>,
}

impl Finding {
    /// The items not resolved.
    pub fn open_items(&self) -> impl Iterator<Item = &Item> {
        self.items.iter().filter(|item| item.resolved_at.is_none())
    }
}

/// What an evaluation did to a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It was opened.
    Raised,
    /// The same members still fail.
    Seen,
    /// Items joined or were resolved; some remain.
    Updated,
    /// The last open item was resolved.
    Resolved,
}

impl Change {
    /// The word used in log entries and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "raised",
            Self::Seen => "seen",
            Self::Updated => "updated",
            Self::Resolved => "resolved",
        }
    }
}

/// A finding event: what changed, by which evaluation, and the finding after it (`evidenced/finding-event/v1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingEvent {
    /// `evidenced/finding-event/v1`.
    pub schema: String,
    /// What changed.
    pub event: Change,
    /// `as_of` of the evaluation.
    pub at: Timestamp,
    /// Log index of the evaluation.
    pub evaluation: u64,
    /// Subjects that joined.
    pub added: Vec<String>,
    /// Subjects shown resolved.
    pub resolved: Vec<String>,
    /// The whole finding after the event.
    pub finding: Finding,
}

impl FindingEvent {
    /// The schema this version writes.
    pub const SCHEMA: &'static str = "evidenced/finding-event/v1";
    /// Media type of a sealed event.
    pub const MEDIA_TYPE: &'static str = "application/vnd.evidenced.finding-event+json";
}

/// The event that `evaluation` (sealed at `log_index`) causes, if any.
///
/// `known` are the findings of this check and scope, in the order they were raised. Of the members of `evaluation` only those that fail
/// or of whom it cannot be said are looked at; the others may be missing from it.
pub fn follow(known: &[Finding], evaluation: &Evaluation, log_index: u64, text: &FindingText) -> Option<FindingEvent> {
    let open = known.iter().rev().find(|finding| finding.state != State::Resolved);
    if open.is_none() && evaluation.outcome != Outcome::Fail {
        return None;
    }
    let snapshots: Vec<String> = evaluation.inputs.iter().filter_map(|input| input.snapshot.clone()).collect();
    let mut finding = open.cloned().unwrap_or_else(|| raise(known, evaluation, text));
    let (mut added, mut resolved, mut seen) = (Vec::new(), Vec::new(), false);

    if evaluation.outcome == Outcome::Fail {
        let open_items = finding.items.iter().enumerate().filter(|(_, item)| item.resolved_at.is_none());
        let open_items: BTreeMap<String, usize> =
            open_items.map(|(place, item)| (item.subject.clone(), place)).collect();
        for member in evaluation.failing() {
            let still_open = open_items.get(&member.subject).and_then(|place| finding.items.get_mut(*place));
            if let Some(item) = still_open {
                item.last_seen = item.last_seen.max(evaluation.as_of);
                item.reason.clone_from(&member.reason);
                item.source.clone_from(&member.source);
                item.failed_on.clone_from(&snapshots);
                seen = true;
            } else {
                finding.items.push(Item {
                    subject: member.subject.clone(),
                    source: member.source.clone(),
                    reason: member.reason.clone(),
                    first_seen: evaluation.as_of,
                    last_seen: evaluation.as_of,
                    resolved_at: None,
                    failed_on: snapshots.clone(),
                    resolved_on: Vec::new(),
                });
                added.push(member.subject.clone());
            }
        }
    }

    if proves_absence(evaluation) {
        let verdicts: BTreeMap<&str, Verdict> =
            evaluation.members.iter().map(|member| (member.subject.as_str(), member.verdict)).collect();
        let now: BTreeSet<&String> = snapshots.iter().collect();
        for item in finding.items.iter_mut().filter(|item| item.resolved_at.is_none()) {
            let mended = !matches!(verdicts.get(item.subject.as_str()), Some(Verdict::Fail | Verdict::Unknown));
            // the same evidence judged anew (another threshold, another link) mends nothing
            let later = now != item.failed_on.iter().collect() && evaluation.as_of >= item.last_seen;
            if mended && later {
                item.resolved_at = Some(evaluation.as_of);
                item.resolved_on.clone_from(&snapshots);
                resolved.push(item.subject.clone());
            }
        }
    }

    let event = match (open.is_none(), added.is_empty() && resolved.is_empty()) {
        (true, _) => Change::Raised,
        (false, true) if seen => Change::Seen,
        (false, true) => return None,
        (false, false) if finding.open_items().next().is_none() => Change::Resolved,
        (false, false) => Change::Updated,
    };
    if event == Change::Resolved {
        finding.state = State::Resolved;
    }
    finding.items.sort_by(|a, b| (&a.subject, a.first_seen).cmp(&(&b.subject, b.first_seen)));
    finding.condition = condition(&finding, evaluation);
    Some(FindingEvent {
        schema: FindingEvent::SCHEMA.to_owned(),
        event,
        at: evaluation.as_of,
        evaluation: log_index,
        added,
        resolved,
        finding,
    })
}

/// Whether the members *not* failing in `evaluation` can be believed: every input complete, fresh and plausible. That of some
/// members nothing can be said takes nothing from the others; an evaluation without members, which broke off, proves nothing.
fn proves_absence(evaluation: &Evaluation) -> bool {
    (evaluation.outcome != Outcome::Inconclusive || !evaluation.members.is_empty())
        && !evaluation.inputs.is_empty()
        && evaluation.inputs.iter().all(|input| input.state == InputState::Good)
}

fn raise(known: &[Finding], evaluation: &Evaluation, text: &FindingText) -> Finding {
    Finding {
        id: format!("{}-{}", evaluation.check, known.len() + 1),
        check: evaluation.check.clone(),
        scope: ORGANISATION.to_owned(),
        state: State::Draft,
        class: None,
        proposed_class: text.severity.clone(),
        title: text.title.clone(),
        criteria: text.criteria.clone(),
        condition: String::new(),
        impact: text.impact.clone(),
        action: text.action.clone(),
        controls: evaluation.controls.clone(),
        items: Vec::new(),
        raised_at: evaluation.as_of,
        repeat_of: known.last().map(|finding| finding.id.clone()),
        owner: None,
        due: None,
    }
}

fn condition(finding: &Finding, evaluation: &Evaluation) -> String {
    let open = finding.open_items().count();
    let VerdictCounts { pass, fail, unknown, excepted, .. } = evaluation.verdicts;
    let population = pass + fail + unknown + excepted;
    let sources: BTreeSet<&str> = finding.open_items().filter_map(|item| item.source.as_deref()).collect();
    let sources = sources.into_iter().collect::<Vec<_>>().join(", ");
    match open {
        0 => format!("every failing member was shown resolved as of {}", model::time::seconds_text(evaluation.as_of)),
        _ if sources.is_empty() => format!("{open} of {population} members fail"),
        _ => format!("{open} of {population} members fail, seen in {sources}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Digest, InputRef, Member, SnapshotStatus, VerdictCounts};

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
                excepted: 0,
            },
            members: verdicts
                .iter()
                .map(|(subject, verdict)| Member {
                    subject: (*subject).into(),
                    verdict: *verdict,
                    reason: format!("{subject} is {}", verdict.as_str()),
                    source: Some("aws".into()),
                    detail: BTreeMap::new(),
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
            identity_map_sha256: None,
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
        let failing =
            evaluation(0, "s1", InputState::Good, &[("aws:ada", FAIL), ("github:ada", FAIL), ("aws:bob", PASS)]);
        let event = follow(&[], &failing, 7, &text()).unwrap();
        assert_eq!((event.event, event.finding.id.as_str()), (Change::Raised, "leaver_still_active-1"));
        assert_eq!(event.finding.state, State::Draft);
        assert_eq!(event.added, ["aws:ada", "github:ada"]);
        assert_eq!(event.finding.condition, "2 of 3 members fail, seen in aws");
    }

    #[test]
    fn nothing_is_raised_by_a_pass_or_an_inconclusive_evaluation() {
        assert_eq!(follow(&[], &evaluation(0, "s1", InputState::Good, &[("a", PASS)]), 0, &text()), None);
        assert_eq!(
            follow(&[], &evaluation(0, "s1", InputState::Incomplete, &[("a", Verdict::Unknown)]), 0, &text()),
            None
        );
    }

    #[test]
    fn items_resolve_only_on_a_later_good_snapshot() {
        let raised =
            follow(&[], &evaluation(0, "s1", InputState::Good, &[("a", FAIL), ("b", FAIL)]), 0, &text()).unwrap();
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
        let whole =
            follow(&[half.finding], &evaluation(20, "s3", InputState::Good, &[("b", PASS)]), 2, &text()).unwrap();
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
        let raised =
            follow(&[], &evaluation(0, "s1", InputState::Good, &[("a", FAIL), ("b", FAIL)]), 0, &text()).unwrap();
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
        let raised =
            follow(&[], &evaluation(0, "s1", InputState::Good, &[("a", FAIL), ("b", FAIL)]), 0, &text()).unwrap();
        let half =
            follow(&[raised.finding], &evaluation(10, "s2", InputState::Good, &[("b", FAIL)]), 1, &text()).unwrap();
        let again = evaluation(20, "s3", InputState::Good, &[("a", FAIL), ("b", FAIL)]);
        let event = follow(&[half.finding], &again, 2, &text()).unwrap();
        assert_eq!(event.finding.items.iter().filter(|item| item.subject == "a").count(), 2);
        assert_eq!(event.finding.open_items().count(), 2);
    }
}
