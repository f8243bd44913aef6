//! What an evaluation does to findings.
//!
//! A finding is never raised on an inconclusive evaluation, and an item is never resolved by one that did not see it:
//! *resolved* means that a later, complete snapshot showed the member passing, not applicable or gone. *Verified* means
//! that for every item, on evidence taken after the owner said that the action is done.

use crate::finding::{Change, Dismissal, Finding, FindingEvent, FindingText, Item, ORGANISATION, Shown, State};
use model::{Evaluation, InputState, Member, Outcome, Timestamp, Verdict, VerdictCounts};
use std::collections::{BTreeMap, BTreeSet};

/// How many evaluations it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Failing evaluations in a row, each on other evidence, before a draft is raised.
    pub raise_after: u32,
    /// Passing evaluations on later evidence, each on other evidence, before an implemented action counts as verified.
    pub verify_runs: u32,
}

impl Default for Rules {
    fn default() -> Self {
        Self { raise_after: 1, verify_runs: 1 }
    }
}

/// An evaluation, and what has to be known beside it.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// The evaluation.
    pub evaluation: &'a Evaluation,
    /// Its entry.
    pub log_index: u64,
    /// What the check brings to a finding.
    pub text: &'a FindingText,
    /// Evaluations in a row, just before this one and each on other evidence, that failed.
    pub failed_before: u32,
    /// When a snapshot was begun; none when it is not known.
    pub begun: &'a dyn Fn(&str) -> Option<Timestamp>,
}

impl Seen<'_> {
    fn snapshots(&self) -> Vec<String> {
        self.evaluation.inputs.iter().filter_map(|input| input.snapshot.clone()).collect()
    }

    /// Whether it rests on the programme's own record and on no snapshot: such a check reads the log, which is whole and as of the
    /// evaluation, so that each evaluation is other evidence. One without members speaks of nothing, or of what is not configured.
    fn is_of_the_record(&self) -> bool {
        let VerdictCounts { pass, fail, unknown, not_applicable, excepted } = self.evaluation.verdicts;
        self.evaluation.inputs.is_empty() && pass + fail + unknown + not_applicable + excepted > 0
    }

    /// Whether what decided about a member of `source` was taken after `instant`: its source's snapshot, or every one
    /// where the source is not said.
    fn is_later(&self, source: Option<&str>, instant: Timestamp) -> bool {
        if self.is_of_the_record() {
            return self.evaluation.as_of > instant;
        }
        let mut deciding =
            self.evaluation.inputs.iter().filter(|input| source.is_none_or(|name| input.source == name)).peekable();
        deciding.peek().is_some()
            && deciding.all(|input| {
                let begun = input.snapshot.as_deref().and_then(|snapshot| (self.begun)(snapshot));
                begun.is_some_and(|begun| begun > instant)
            })
    }

    /// Whether the members *not* failing can be believed: every input complete, fresh and plausible. That of some members
    /// nothing can be said takes nothing from the others; an evaluation without members, which broke off, proves nothing.
    fn proves_absence(&self) -> bool {
        let evaluation = self.evaluation;
        if self.is_of_the_record() {
            return true;
        }
        (evaluation.outcome != Outcome::Inconclusive || !evaluation.members.is_empty())
            && !evaluation.inputs.is_empty()
            && evaluation.inputs.iter().all(|input| input.state == InputState::Good)
    }

    fn verdict(&self, subject: &str) -> Option<Verdict> {
        // members are sorted by subject
        let members = &self.evaluation.members;
        let found = members.binary_search_by(|member| member.subject.as_str().cmp(subject)).ok()?;
        members.get(found).map(|member| member.verdict)
    }

    /// Whether a complete look found the member passing, not applicable or gone.
    fn mended(&self, item: &Item) -> bool {
        let covered = |source: &String| self.evaluation.inputs.iter().any(|input| &input.source == source);
        (self.is_of_the_record() || item.source.as_ref().is_none_or(covered))
            && !matches!(self.verdict(&item.subject), Some(Verdict::Fail | Verdict::Unknown | Verdict::Excepted))
    }

    fn event(&self, event: Change, added: Vec<String>, resolved: Vec<String>, finding: Finding) -> FindingEvent {
        FindingEvent {
            schema: FindingEvent::SCHEMA.to_owned(),
            event,
            at: self.evaluation.as_of,
            evaluation: Some(self.log_index),
            by: None,
            added,
            resolved,
            finding,
        }
    }
}

/// The events that an evaluation causes. `known` are the findings of this check and scope, in the order they were raised. Of the
/// members of the evaluation only those that fail, that are excepted, or of whom it cannot be said are looked at; the others may be
/// missing from it.
pub fn follow(known: &[Finding], seen: &Seen<'_>, rules: Rules) -> Vec<FindingEvent> {
    let evaluation = seen.evaluation;
    let mut failing: BTreeMap<&str, &Member> = BTreeMap::new();
    if evaluation.outcome == Outcome::Fail {
        failing.extend(evaluation.failing().map(|member| (member.subject.as_str(), member)));
    }
    let open = known.iter().rev().find(|finding| !finding.state.is_over());
    let back = if open.is_none() { known.iter().rev().find(|finding| comes_back(finding, &failing)) } else { None };

    let mut events = Vec::new();
    for finding in known.iter().filter(|finding| finding.state == State::Dismissed) {
        if back.is_some_and(|back| back.id == finding.id) {
            continue;
        }
        let mut finding = finding.clone();
        let resolved = resolve(&mut finding, seen);
        let holds = finding.dismissed.as_ref().is_some_and(|word| word.why != Dismissal::CoveredByException);
        if holds {
            for item in finding.open_items() {
                failing.remove(item.subject.as_str());
            }
        }
        if !resolved.is_empty() {
            events.push(seen.event(Change::Updated, Vec::new(), resolved, finding));
        }
    }
    events.extend(match (open, back) {
        (Some(open), _) => go_on(open.clone(), &failing, seen, rules),
        (None, _) if failing.is_empty() || seen.failed_before.saturating_add(1) < rules.raise_after => None,
        (None, Some(back)) => Some(take_up(back.clone(), &failing, seen)),
        (None, None) => {
            let mut finding = raise(known, seen);
            let (added, ..) = join(&mut finding, &failing, seen);
            Some(settle(seen.event(Change::Raised, added, Vec::new(), finding), seen))
        }
    });
    events
}

/// The event of an acceptance whose time is over.
pub fn expire(finding: &Finding, now: Timestamp) -> Option<FindingEvent> {
    let accepted = finding.accepted.as_ref().filter(|_| finding.state == State::Accepted)?;
    if now < accepted.until {
        return None;
    }
    let mut finding = finding.clone();
    reopen(&mut finding);
    Some(FindingEvent {
        schema: FindingEvent::SCHEMA.to_owned(),
        event: Change::Reopened,
        at: now,
        evaluation: None,
        by: None,
        added: Vec::new(),
        resolved: Vec::new(),
        finding,
    })
}

/// Whether it was dismissed for an exception, and a member of it fails without one.
fn comes_back(finding: &Finding, failing: &BTreeMap<&str, &Member>) -> bool {
    finding.state == State::Dismissed
        && finding.dismissed.as_ref().is_some_and(|word| word.why == Dismissal::CoveredByException)
        && finding.open_items().any(|item| failing.contains_key(item.subject.as_str()))
}

/// What becomes of a finding that is not over.
fn go_on(
    mut finding: Finding,
    failing: &BTreeMap<&str, &Member>,
    seen: &Seen<'_>,
    rules: Rules,
) -> Option<FindingEvent> {
    let again = matches!(finding.state, State::Implemented | State::Verified)
        && finding
            .implemented
            .as_ref()
            .is_some_and(|done| failing.values().any(|member| seen.is_later(member.source.as_deref(), done.word.at)));
    let (added, touched, exempted) = join(&mut finding, failing, seen);
    let resolved = resolve(&mut finding, seen);
    let changed = !added.is_empty() || !resolved.is_empty() || exempted;
    let event = if again {
        reopen(&mut finding);
        Change::Reopened
    } else if shown(&mut finding, seen) {
        verify(&mut finding, seen, rules)
    } else if finding.state == State::Draft && changed && finding.open_items().next().is_none() {
        finding.state = State::Resolved;
        Change::Resolved
    } else if changed {
        Change::Updated
    } else if touched {
        Change::Seen
    } else {
        return None;
    };
    Some(settle(seen.event(event, added, resolved, finding), seen))
}

/// A finding dismissed for an exception, which no longer covers it.
fn take_up(mut finding: Finding, failing: &BTreeMap<&str, &Member>, seen: &Seen<'_>) -> FindingEvent {
    let (added, ..) = join(&mut finding, failing, seen);
    let resolved = resolve(&mut finding, seen);
    finding.state = State::Draft;
    finding.dismissed = None;
    finding.reopened += 1;
    settle(seen.event(Change::Reopened, added, resolved, finding), seen)
}

fn reopen(finding: &mut Finding) {
    finding.state = State::Reopened;
    finding.implemented = None;
    finding.verified = None;
    finding.accepted = None;
    finding.reopened += 1;
}

/// Takes in who fails: the subjects that joined, whether any item was seen, and whether one came under an exception or out of it.
fn join(finding: &mut Finding, failing: &BTreeMap<&str, &Member>, seen: &Seen<'_>) -> (Vec<String>, bool, bool) {
    let (mut added, mut touched, mut exempted) = (Vec::new(), false, false);
    let snapshots = seen.snapshots();
    let excepted = seen.evaluation.members.iter().filter(|member| member.verdict == Verdict::Excepted);
    let open_items = finding.items.iter().enumerate().filter(|(_, item)| item.is_open());
    let open_items: BTreeMap<String, usize> = open_items.map(|(place, item)| (item.subject.clone(), place)).collect();
    for member in failing.values().copied().chain(excepted) {
        let still_open = open_items.get(&member.subject).and_then(|place| finding.items.get_mut(*place));
        if let Some(item) = still_open {
            touched = true;
            exempted |= item.exception != member.exception;
            item.exception.clone_from(&member.exception);
            item.last_seen = item.last_seen.max(seen.evaluation.as_of);
            item.reason.clone_from(&member.reason);
            item.source.clone_from(&member.source);
            item.failed_on.clone_from(&snapshots);
        } else if member.verdict == Verdict::Fail {
            finding.items.push(Item {
                subject: member.subject.clone(),
                source: member.source.clone(),
                reason: member.reason.clone(),
                first_seen: seen.evaluation.as_of,
                last_seen: seen.evaluation.as_of,
                resolved_at: None,
                failed_on: snapshots.clone(),
                resolved_on: Vec::new(),
                exception: None,
            });
            added.push(member.subject.clone());
        }
    }
    (added, touched, exempted)
}

/// Resolves the items that a complete look no longer finds failing, and names them.
fn resolve(finding: &mut Finding, seen: &Seen<'_>) -> Vec<String> {
    let mut resolved = Vec::new();
    if !seen.proves_absence() {
        return resolved;
    }
    let snapshots = seen.snapshots();
    let now: BTreeSet<&String> = snapshots.iter().collect();
    for item in finding.items.iter_mut().filter(|item| item.is_open()) {
        // the same evidence judged anew (another threshold, another link) mends nothing
        let later = if seen.is_of_the_record() {
            seen.evaluation.as_of > item.last_seen
        } else {
            now != item.failed_on.iter().collect() && seen.evaluation.as_of >= item.last_seen
        };
        if later && seen.mended(item) {
            item.resolved_at = Some(seen.evaluation.as_of);
            item.resolved_on.clone_from(&snapshots);
            resolved.push(item.subject.clone());
        }
    }
    resolved
}

/// Whether this is one more evaluation that shows an implemented action to hold, for every item and on later evidence.
fn shown(finding: &mut Finding, seen: &Seen<'_>) -> bool {
    let is_mended =
        |item: &Item, instant| !item.is_open() && seen.mended(item) && seen.is_later(item.source.as_deref(), instant);
    let Some(done) = finding.implemented.as_mut().filter(|_| finding.state == State::Implemented) else { return false };
    let at = done.word.at;
    if finding.items.is_empty() || !seen.proves_absence() || !finding.items.iter().all(|item| is_mended(item, at)) {
        return false;
    }
    let snapshots = seen.snapshots();
    let of_the_record = seen.is_of_the_record();
    let is_same =
        |before: &Shown| if of_the_record { before.at == seen.evaluation.as_of } else { before.snapshots == snapshots };
    if done.shown_by.iter().any(is_same) {
        return false;
    }
    done.shown_by.push(Shown { at: seen.evaluation.as_of, evaluation: seen.log_index, snapshots });
    true
}

fn verify(finding: &mut Finding, seen: &Seen<'_>, rules: Rules) -> Change {
    let shown_by = finding.implemented.as_ref().map(|done| done.shown_by.clone()).unwrap_or_default();
    if u32::try_from(shown_by.len()).unwrap_or(u32::MAX) < rules.verify_runs {
        return Change::Updated;
    }
    finding.state = State::Verified;
    let verified = crate::Verified { at: seen.evaluation.as_of, shown_by, word: None, evidence: Vec::new() };
    finding.verified = Some(verified);
    Change::Verified
}

fn raise(known: &[Finding], seen: &Seen<'_>) -> Finding {
    let (evaluation, text) = (seen.evaluation, seen.text);
    let before = known.iter().rev().find(|finding| matches!(finding.state, State::Resolved | State::Closed));
    Finding {
        id: format!("{}-{}", evaluation.check, known.len() + 1),
        check: Some(evaluation.check.clone()),
        repeat_of: before.map(|finding| finding.id.clone()),
        ..draft(text, evaluation.controls.clone(), evaluation.as_of)
    }
}

/// A draft that says nothing of members yet.
pub(crate) fn draft(text: &FindingText, controls: Vec<String>, at: Timestamp) -> Finding {
    Finding {
        id: String::new(),
        check: None,
        scope: ORGANISATION.to_owned(),
        state: State::Draft,
        class: None,
        proposed_class: text.severity.clone(),
        title: text.title.clone(),
        criteria: text.criteria.clone(),
        condition: String::new(),
        impact: text.impact.clone(),
        action: text.action.clone(),
        controls,
        items: Vec::new(),
        raised_at: at,
        raised_by: None,
        repeat_of: None,
        owner: None,
        due: None,
        confirmed: None,
        dismissed: None,
        plan: None,
        implemented: None,
        verified: None,
        closed: None,
        accepted: None,
        amendments: Vec::new(),
        reopened: 0,
    }
}

/// Writes the condition and brings the items into their order.
fn settle(mut event: FindingEvent, seen: &Seen<'_>) -> FindingEvent {
    let finding = &mut event.finding;
    finding.items.sort_by(|a, b| (&a.subject, a.first_seen).cmp(&(&b.subject, b.first_seen)));
    finding.condition = condition(finding, seen.evaluation);
    event
}

fn condition(finding: &Finding, evaluation: &Evaluation) -> String {
    let open = finding.open_items().count();
    let excepted = finding.open_items().filter(|item| item.exception.is_some()).count();
    let VerdictCounts { pass, fail, unknown, excepted: tolerated, .. } = evaluation.verdicts;
    let population = pass + fail + unknown + tolerated;
    let sources: BTreeSet<&str> = finding.open_items().filter_map(|item| item.source.as_deref()).collect();
    let sources = sources.into_iter().collect::<Vec<_>>().join(", ");
    if open == 0 {
        return format!(
            "every failing member was shown resolved as of {}",
            model::time::seconds_text(evaluation.as_of)
        );
    }
    let mut text = format!("{open} of {population} members fail");
    if excepted > 0 {
        text.push_str(&format!(", {excepted} of them under an exception"));
    }
    if !sources.is_empty() {
        text.push_str(&format!(", seen in {sources}"));
    }
    text
}

#[cfg(test)]
mod tests;
