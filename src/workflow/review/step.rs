//! What people do to campaigns and their items, and what time does: every step with its guards.

use super::freeze::may_not;
use super::item::{
    Answer, Assigned, Bulk, Capacity, Carried, Decision, Item, ItemState, PassedOver, Proof, Remediation,
    RemediationState, Removal,
};
use super::prove::taken_away;
use super::{
    Deferred, Person, Reminded, Reminder, ReminderKind, Review, ReviewChange, ReviewEvent, ReviewState, SignOff,
    decisions_text,
};
use crate::finding::{EvidenceRef, Word};
use crate::refusal::{Guard, Refusal, named, said};
use jiff::SignedDuration;
use model::{Digest, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// A step of the campaign as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReviewAct {
    /// It begins to wait for evidence.
    Begin,
    /// A source is left out.
    Defer {
        /// Which.
        source: String,
        /// Why.
        reason: String,
        /// How it is made up for.
        plan: String,
    },
    /// The deciding is over.
    Conclude,
    /// It ends without a result.
    Cancel {
        /// Why.
        reason: String,
    },
}

/// A step with what one decision takes away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemAct {
    /// Who does it, and where it is tracked.
    Assign {
        /// Who.
        assignee: String,
        /// The ticket.
        ticket: Option<String>,
    },
    /// It is done, somebody says.
    Claim {
        /// What was done.
        note: String,
    },
    /// A second person says so on attached evidence, where no collector can show it.
    Attest {
        /// What was looked at.
        note: String,
        /// What shows it.
        evidence: Vec<EvidenceRef>,
        /// Whether the source is configured: then a later snapshot shows it, and nobody's word does.
        has_collector: bool,
    },
    /// It goes on as a finding.
    Carry {
        /// The finding.
        finding: String,
        /// Its owner, as the finding has it.
        owner: Option<String>,
        /// Its due date, as the finding has it.
        due: Option<String>,
        /// Whether the finding is over.
        is_over: bool,
        /// Why.
        reason: String,
    },
}

/// Who decides, when, and how they came to it.
#[derive(Debug, Clone)]
pub struct Deciding<'a> {
    /// The person.
    pub by: &'a Person,
    /// When.
    pub at: Timestamp,
    /// When they first looked at the items; none: it was not said.
    pub looked_at: Option<Timestamp>,
    /// Whether this is one look at many.
    pub bulk: bool,
    /// Of those named, who has left; nothing is passed on to them.
    pub departed: bool,
}

/// What a campaign is signed on.
#[derive(Debug, Clone)]
pub struct Finished<'a> {
    /// Every item of it.
    pub items: &'a [Item],
    /// SHA-256 of the sealed report.
    pub report_sha256: Digest,
}

/// The event of a step of the campaign, or the guard that refuses it. `items` are all of it.
pub fn act(
    review: &Review,
    items: &[Item],
    step: &ReviewAct,
    by: &Person,
    at: Timestamp,
) -> Result<ReviewEvent, Refusal> {
    named(&by.key)?;
    let mut after = review.clone();
    let word = |note: &str| Word { by: by.key.clone(), at, note: note.trim().to_owned() };
    let event = match step {
        ReviewAct::Begin => {
            review.must_be(&[ReviewState::Draft], "begin")?;
            begin(review)?;
            after.state = ReviewState::Collecting;
            ReviewChange::Begun
        }
        ReviewAct::Defer { source, reason, plan } => {
            review.must_be(&[ReviewState::Draft, ReviewState::Collecting], "defer")?;
            said(Guard::Reason, "why the source is left out", reason)?;
            said(Guard::Plan, "how it is made up for", plan)?;
            let one = after.sources.iter_mut().find(|one| &one.source == source).ok_or_else(|| {
                Refusal::new(
                    Guard::Scope,
                    format!("{} has no source `{source}`", review.id),
                    "`evidenced reviews show` lists them",
                )
            })?;
            let owner = one.owner.as_ref().ok_or_else(|| no_owner(&review.id, &[source.as_str()]))?;
            if !owner.is(by) && !review.owner.is(by) {
                return Err(Refusal::new(
                    Guard::Owner,
                    format!("{} answers for neither {source} nor the campaign", by.label()),
                    format!("{} or {} says so", owner.label(), review.owner.label()),
                ));
            }
            one.deferred = Some(Deferred { word: word(reason), plan: plan.trim().to_owned() });
            ReviewChange::Deferred
        }
        ReviewAct::Conclude => {
            review.must_be(&[ReviewState::Open], "conclude")?;
            owns(review, by, "concludes the campaign")?;
            conclude(review, items)?;
            after.state = ReviewState::Remediating;
            after.concluded = Some(word(""));
            ReviewChange::Concluded
        }
        ReviewAct::Cancel { reason } => {
            let open: Vec<ReviewState> = ReviewState::ALL.into_iter().filter(|state| !state.is_over()).collect();
            review.must_be(&open, "cancel")?;
            owns(review, by, "cancels the campaign")?;
            said(Guard::Reason, "why the campaign ends without a result", reason)?;
            after.state = ReviewState::Cancelled;
            after.cancelled = Some(word(reason));
            ReviewChange::Cancelled
        }
    };
    Ok(ReviewEvent::new(event, at, Some(by), after, Vec::new()))
}

fn owns(review: &Review, by: &Person, does: &str) -> Result<(), Refusal> {
    if review.owner.is(by) {
        return Ok(());
    }
    Err(Refusal::new(
        Guard::Owner,
        format!("{} does not answer for {}", by.label(), review.id),
        format!("{} {does}", review.owner.label()),
    ))
}

fn no_owner(review: &str, sources: &[&str]) -> Refusal {
    Refusal::new(
        Guard::Owner,
        format!("{review}: nobody answers for {}", sources.join(", ")),
        "name an `owner` in the section of each source",
    )
}

/// At least one source, and each with an owner.
fn begin(review: &Review) -> Result<(), Refusal> {
    if review.sources.is_empty() {
        return Err(Refusal::new(
            Guard::Source,
            format!("{} has no source", review.id),
            "name `sources` in the policy",
        ));
    }
    let without: Vec<&str> =
        review.sources.iter().filter(|one| one.owner.is_none()).map(|one| one.source.as_str()).collect();
    if without.is_empty() { Ok(()) } else { Err(no_owner(&review.id, &without)) }
}

/// Every item is decided.
fn conclude(review: &Review, items: &[Item]) -> Result<(), Refusal> {
    let frozen: u64 = review.sources.iter().filter_map(|one| one.frozen.as_ref()).map(|frozen| frozen.items).sum();
    let undecided: Vec<&str> =
        items.iter().filter(|item| !item.is_decided()).map(|item| item.account.as_str()).collect();
    // an item that is not here cannot be decided either
    let decided = items.len() - undecided.len();
    if undecided.is_empty() && decided as u64 == frozen {
        return Ok(());
    }
    let some = undecided.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    Err(Refusal::new(
        Guard::Decided,
        format!("{decided} of {frozen} items are decided; not {some}{}", if undecided.len() > 5 { " …" } else { "" }),
        "every item needs a decision: there is no skipping",
    ))
}

/// Signs a campaign: its owner, over items that are all settled.
pub fn sign(
    review: &Review,
    finished: &Finished<'_>,
    statement: &str,
    by: &Person,
    at: Timestamp,
) -> Result<ReviewEvent, Refusal> {
    named(&by.key)?;
    review.must_be(&[ReviewState::AwaitingSignOff], "sign-off")?;
    owns(review, by, "signs it")?;
    said(Guard::Reason, "what is signed (the statement)", statement)?;
    conclude(review, finished.items)?;
    let open: Vec<&str> =
        finished.items.iter().filter(|item| !item.is_settled()).map(|item| item.account.as_str()).collect();
    if !open.is_empty() {
        return Err(Refusal::new(
            Guard::Remediation,
            format!("what was to go is not proven gone: {}", open.join(", ")),
            "collect again once it is done, or carry it as a finding",
        ));
    }
    if let Some(one) = review.sources.iter().find(|one| one.frozen.is_none() && one.deferred.is_none()) {
        return Err(Refusal::new(
            Guard::Source,
            format!("{} was neither seen nor left out by name", one.source),
            "cancel the campaign and start another",
        ));
    }
    let decisions = decisions_text(finished.items).map_err(|error| {
        Refusal::new(Guard::Decided, format!("the decisions cannot be written: {error}"), "report this")
    })?;
    let mut after = review.clone();
    after.state = ReviewState::Closed;
    after.signed = Some(SignOff {
        word: Word { by: by.key.clone(), at, note: statement.trim().to_owned() },
        decisions_sha256: Digest::of(&decisions),
        report_sha256: finished.report_sha256,
    });
    Ok(ReviewEvent::new(ReviewChange::Closed, at, Some(by), after, Vec::new()))
}

/// The event of one answer on `items`, which are those it is about, or the guard that refuses it. All of them or none.
pub fn decide(
    review: &Review,
    items: &[Item],
    answer: &Answer,
    reason: &str,
    deciding: &Deciding<'_>,
) -> Result<ReviewEvent, Refusal> {
    named(&deciding.by.key)?;
    review.must_be(&[ReviewState::Open], "a decision")?;
    if items.is_empty() {
        return Err(Refusal::new(Guard::Scope, "no item is named", "name accounts as `evidenced reviews items` does"));
    }
    let bulk = deciding.bulk.then(|| bulk_of(review, items, answer, deciding)).transpose()?;
    let mut changed = Vec::with_capacity(items.len());
    for item in items {
        changed.push(decide_one(review, item, answer, reason, deciding, bulk.clone())?);
    }
    Ok(ReviewEvent::new(ReviewChange::Decided, deciding.at, Some(deciding.by), review.clone(), changed))
}

fn bulk_of(review: &Review, items: &[Item], answer: &Answer, deciding: &Deciding<'_>) -> Result<Bulk, Refusal> {
    let apart: Vec<&str> = items.iter().filter(|item| !item.is_plain()).map(|item| item.account.as_str()).collect();
    if !apart.is_empty() {
        return Err(Refusal::new(
            Guard::Bulk,
            format!("these changed, stand out or may administer: {}", apart.join(", ")),
            "decide on each of them by itself",
        ));
    }
    if *answer != Answer::Certify {
        return Err(Refusal::new(
            Guard::Bulk,
            format!("many at once can be certified only, not {}", answer.as_str()),
            "decide on each of them by itself",
        ));
    }
    let accounts: Vec<&str> = items.iter().map(|item| item.account.as_str()).collect();
    let id =
        Digest::of(format!("{} {} {} {}", review.id, deciding.at, deciding.by.key, accounts.join("\n")).as_bytes());
    Ok(Bulk { id: id.to_string().chars().take(16).collect(), size: items.len() as u64 })
}

fn decide_one(
    review: &Review,
    item: &Item,
    answer: &Answer,
    reason: &str,
    deciding: &Deciding<'_>,
    bulk: Option<Bulk>,
) -> Result<Item, Refusal> {
    let by = deciding.by;
    let capacity = capacity(review, item, by)?;
    let own = may_not(item, administrators(review, item), by);
    let safeguard = match (own, &review.policy.safeguard) {
        (None, _) => None,
        // passing it on is what one ought to do with it
        (Some(_), _) if !answer.is_final() => None,
        (Some(_), Some(safeguard)) => Some(safeguard.clone()),
        (Some(why), None) => {
            return Err(Refusal::new(
                Guard::OwnAccess,
                format!("{} cannot decide on {}: {why}", by.label(), item.account),
                "somebody else decides: pass it on with `--reassign` or `--escalate`",
            ));
        }
    };
    needs_reason(item, answer, reason, safeguard.is_some())?;
    let mut after = item.clone();
    match answer {
        Answer::Certify | Answer::Revoke => {}
        Answer::Modify { keep } => keeps(item, keep)?,
        Answer::Exception { approver, until } => {
            if approver.is(by) || item.person.as_ref().is_some_and(|holder| holder.person.is(approver)) {
                return Err(Refusal::new(
                    Guard::SecondPerson,
                    format!("{} cannot approve this exception", approver.label()),
                    "somebody other than who decides, and other than whose account it is, approves it",
                ));
            }
            if *until <= deciding.at {
                return Err(Refusal::new(
                    Guard::Expiry,
                    "the exception ends before it begins",
                    "name an end in the future",
                ));
            }
        }
        Answer::Reassign { to } => after.assigned = passed_on(review, item, to, deciding, capacity)?,
        Answer::Escalate | Answer::NotMine => {
            let why = if *answer == Answer::Escalate { "escalated it" } else { "says that it is not theirs" };
            after.assigned = to_the_owner(review, item, by, capacity, why)?;
        }
    }
    let last_of_theirs = item.decisions.iter().rposition(|one| one.by.is(by));
    after.decisions.push(Decision {
        answer: answer.clone(),
        by: by.clone(),
        capacity,
        at: deciding.at,
        reason: reason.trim().to_owned(),
        bulk,
        dwell_seconds: deciding
            .looked_at
            .map(|looked| u64::try_from(deciding.at.duration_since(looked).as_secs()).unwrap_or_default()),
        supersedes: last_of_theirs.map(|place| place as u64),
        safeguard,
    });
    settle(review, &mut after);
    Ok(after)
}

/// Brings state and remediation in line with the decision that counts.
fn settle(review: &Review, item: &mut Item) {
    let Some(decision) = item.effective().cloned() else {
        if item.state == ItemState::Decided {
            item.state = ItemState::Pending;
        }
        item.remediation = None;
        return;
    };
    item.state = ItemState::Decided;
    let remove = match &decision.answer {
        Answer::Revoke => Some(Removal::Account),
        Answer::Modify { keep } => Some(Removal::Roles(taken_away(item, keep))),
        _ => None,
    };
    let within = SignedDuration::from_secs(review.policy.remediate_within);
    item.remediation = remove.map(|remove| match item.remediation.take() {
        Some(former) if former.remove == remove => former,
        _ => Remediation {
            remove,
            since: decision.at,
            due_at: decision.at.checked_add(within).unwrap_or(Timestamp::MAX),
            state: RemediationState::Open,
            assignee: None,
            ticket: None,
            claimed: None,
            proof: None,
            carried: None,
            came_back: 0,
        },
    });
}

/// As what `by` decides on `item`.
fn capacity(review: &Review, item: &Item, by: &Person) -> Result<Capacity, Refusal> {
    if item.is_assigned_to(by) {
        return Ok(item.assigned.capacity.unwrap_or(Capacity::Delegate));
    }
    if review.owner.is(by) {
        return Ok(Capacity::CampaignOwner);
    }
    // who decided before may change their mind
    if let Some(earlier) = item.decisions.iter().rev().find(|one| one.by.is(by) && one.answer.is_final()) {
        return Ok(earlier.capacity);
    }
    let reviewer = item.assigned.reviewer.as_ref().map_or("nobody yet", |reviewer| reviewer.label());
    Err(Refusal::new(
        Guard::Reviewer,
        format!("{} does not review {}: {reviewer} does", by.label(), item.account),
        "the reviewer passes it on, or the campaign's owner decides",
    ))
}

fn administrators<'a>(review: &'a Review, item: &Item) -> &'a [String] {
    review.frozen(&item.source).map_or(&[], |frozen| &frozen.administrators)
}

/// Whether the campaign's owner may decide on `item`, be it under the recorded safeguard.
fn owner_may(review: &Review, item: &Item) -> bool {
    may_not(item, administrators(review, item), &review.owner).is_none() || review.policy.safeguard.is_some()
}

fn needs_reason(item: &Item, answer: &Answer, reason: &str, is_own: bool) -> Result<(), Refusal> {
    let needed = match answer {
        Answer::Certify => item.may_be_admin() || !item.flags.is_empty() || is_own,
        Answer::Revoke | Answer::Modify { .. } | Answer::Exception { .. } | Answer::NotMine => true,
        Answer::Reassign { .. } | Answer::Escalate => false,
    };
    if !needed {
        return Ok(());
    }
    let what = match answer {
        Answer::Certify => {
            let flags: Vec<&str> = item.flags.iter().map(|one| one.flag.as_str()).collect();
            let stands_out = if flags.is_empty() {
                "may be an administrator".to_owned()
            } else {
                format!("is flagged {}", flags.join(", "))
            };
            format!("why {} may stay although it {stands_out}", item.account)
        }
        _ => format!("why ({} of {})", answer.as_str(), item.account),
    };
    said(Guard::Reason, &what, reason)
}

/// What is kept is part of what there is, and less than all of it.
fn keeps(item: &Item, keep: &[String]) -> Result<(), Refusal> {
    let held: BTreeSet<String> = item.entitlements.iter().map(super::item::Entitlement::text).collect();
    let unknown: Vec<String> =
        keep.iter().filter(|role| !held.contains(*role)).map(|role| format!("`{role}`")).collect();
    let all = held.iter().map(|role| format!("`{role}`")).collect::<Vec<_>>().join(", ");
    if !unknown.is_empty() {
        return Err(Refusal::new(
            Guard::Scope,
            format!("{} does not hold {}", item.account, unknown.join(", ")),
            if all.is_empty() {
                "the source tells of no grant: revoke or certify".to_owned()
            } else {
                format!("it holds {all}")
            },
        ));
    }
    if taken_away(item, keep).is_empty() {
        return Err(Refusal::new(
            Guard::Scope,
            format!("{} would keep everything", item.account),
            "certify it, or name what it keeps",
        ));
    }
    Ok(())
}

fn passed_on(
    review: &Review,
    item: &Item,
    to: &Person,
    deciding: &Deciding<'_>,
    capacity: Capacity,
) -> Result<Assigned, Refusal> {
    let refuse = |why: String| {
        Err(Refusal::new(
            Guard::Reviewer,
            format!("{} cannot be passed on to {}: {why}", item.account, to.label()),
            "name somebody else",
        ))
    };
    named(&to.key)?;
    if deciding.departed {
        return refuse("they have left".to_owned());
    }
    if let Some(why) = may_not(item, administrators(review, item), to) {
        return refuse(why);
    }
    // round in a circle nobody decides
    let had_it = item
        .assigned
        .passed_over
        .iter()
        .any(|one| one.capacity == Capacity::Delegate && one.person.as_ref().is_some_and(|person| person.is(to)));
    if had_it || to.is(deciding.by) {
        return refuse("they had it already".to_owned());
    }
    Ok(handed(item, deciding.by, to, Capacity::Delegate, format!("passed it on as {}", capacity.as_str())))
}

fn to_the_owner(review: &Review, item: &Item, by: &Person, capacity: Capacity, why: &str) -> Result<Assigned, Refusal> {
    if review.owner.is(by) || !owner_may(review, item) {
        return Err(Refusal::new(
            Guard::Reviewer,
            format!("there is nobody above {} for {}", by.label(), item.account),
            "pass it on by name (`--reassign`)",
        ));
    }
    Ok(handed(item, by, &review.owner, Capacity::CampaignOwner, format!("{why} as {}", capacity.as_str())))
}

fn handed(item: &Item, from: &Person, to: &Person, capacity: Capacity, why: String) -> Assigned {
    let mut passed_over = item.assigned.passed_over.clone();
    passed_over.push(PassedOver { person: Some(from.clone()), capacity: Capacity::Delegate, why });
    Assigned { reviewer: Some(to.clone()), capacity: Some(capacity), passed_over }
}

/// The event of a step with what a decision takes away.
pub fn remedy(
    review: &Review,
    item: &Item,
    step: &ItemAct,
    by: &Person,
    at: Timestamp,
) -> Result<ReviewEvent, Refusal> {
    named(&by.key)?;
    review.must_be(&[ReviewState::Open, ReviewState::Remediating], "a step of a removal")?;
    let mut after = item.clone();
    let Some(remediation) = after.remediation.as_mut() else {
        return Err(Refusal::new(
            Guard::Remediation,
            format!("nothing of {} is to go", item.account),
            "`evidenced reviews items` says what is",
        ));
    };
    if remediation.state == RemediationState::Verified {
        return Err(Refusal::new(
            Guard::State,
            format!("{} is proven done already", item.account),
            "nothing is left to do",
        ));
    }
    let word = |note: &str| Word { by: by.key.clone(), at, note: note.trim().to_owned() };
    match step {
        ItemAct::Assign { assignee, ticket } => {
            named(assignee)?;
            remediation.assignee = Some(assignee.trim().to_owned());
            remediation.ticket = ticket.clone().or_else(|| remediation.ticket.take());
        }
        ItemAct::Claim { note } => {
            remediation.claimed = Some(word(note));
            if remediation.state == RemediationState::Open {
                remediation.state = RemediationState::Claimed;
            }
        }
        ItemAct::Attest { note, evidence, has_collector } => {
            attest(item, remediation, note, evidence, *has_collector, by)?;
            remediation.state = RemediationState::Verified;
            remediation.proof = Some(Proof {
                snapshot: None,
                log_index: None,
                at,
                how: "attested".to_owned(),
                word: Some(word(note)),
                evidence: evidence.clone(),
            });
        }
        ItemAct::Carry { finding, owner, due, is_over, reason } => {
            said(Guard::Reason, "why it goes on as a finding", reason)?;
            if *is_over {
                return Err(Refusal::new(
                    Guard::Remediation,
                    format!("finding {finding} is over"),
                    "name one that is open",
                ));
            }
            let (Some(owner), Some(due)) = (owner, due) else {
                return Err(Refusal::new(
                    Guard::Remediation,
                    format!("finding {finding} has no owner or no due date"),
                    "`evidenced findings amend` or `plan` sets both",
                ));
            };
            let (finding, owner, due) = (finding.clone(), owner.clone(), due.clone());
            remediation.carried = Some(Carried { finding, owner, due, word: word(reason) });
            remediation.state = RemediationState::Carried;
        }
    }
    Ok(ReviewEvent::new(ReviewChange::Remediation, at, Some(by), review.clone(), vec![after]))
}

fn attest(
    item: &Item,
    remediation: &Remediation,
    note: &str,
    evidence: &[EvidenceRef],
    has_collector: bool,
    by: &Person,
) -> Result<(), Refusal> {
    if has_collector {
        return Err(Refusal::new(
            Guard::Check,
            format!("{} is collected: a later snapshot shows whether {} is gone", item.source, item.account),
            format!("run `evidenced collect {}`", item.source),
        ));
    }
    said(Guard::Evidence, "what was looked at", note)?;
    if evidence.is_empty() {
        return Err(Refusal::new(
            Guard::Evidence,
            "no evidence is attached",
            "`evidenced evidence add` seals a file; name it with --evidence",
        ));
    }
    let said_so = remediation.claimed.as_ref().ok_or_else(|| {
        Refusal::new(
            Guard::SecondPerson,
            format!("nobody says yet that {} is gone", item.account),
            "who did it claims it first",
        )
    })?;
    if crate::same_person(&said_so.by, &by.key) {
        return Err(Refusal::new(
            Guard::SecondPerson,
            format!("{} said that it is done and cannot attest it", by.label()),
            "a second person attests it",
        ));
    }
    Ok(())
}

/// The event of time: at the due date items without an answer go to the campaign's owner; later they count as not reviewed.
pub fn lapse(review: &Review, items: &[Item], at: Timestamp) -> Option<ReviewEvent> {
    let due = review.due_at.filter(|due| review.state == ReviewState::Open && *due <= at)?;
    let over = due.checked_add(SignedDuration::from_secs(review.policy.lapse_after)).is_ok_and(|over| over <= at);
    let mut changed = Vec::new();
    for item in items.iter().filter(|item| item.state == ItemState::Pending) {
        let mut after = item.clone();
        let is_with_owner = item.is_assigned_to(&review.owner);
        if !is_with_owner && owner_may(review, item) {
            let why = "did not answer by the due date".to_owned();
            let capacity = item.assigned.capacity.unwrap_or(Capacity::Fallback);
            after.assigned.passed_over.push(PassedOver { person: item.assigned.reviewer.clone(), capacity, why });
            after.assigned.reviewer = Some(review.owner.clone());
            after.assigned.capacity = Some(Capacity::CampaignOwner);
        }
        if over {
            after.state = ItemState::NotReviewed;
        }
        if after != *item {
            changed.push(after);
        }
    }
    (!changed.is_empty()).then(|| ReviewEvent::new(ReviewChange::Lapsed, at, None, review.clone(), changed))
}

/// The event of the reminder that is due at `at` and was not sealed, if there is one: the newest, where several were slept through.
pub fn remind(review: &Review, items: &[Item], at: Timestamp) -> Option<ReviewEvent> {
    if review.state != ReviewState::Open {
        return None;
    }
    let (opened, due) = (review.opened_at?, review.due_at?);
    let half = opened.checked_add(SignedDuration::from_secs(due.duration_since(opened).as_secs() / 2)).ok()?;
    let before = |days: i64| due.checked_sub(SignedDuration::from_hours(24 * days)).ok();
    let mut instants = vec![(opened, ReminderKind::Opened), (half, ReminderKind::HalfTime), (due, ReminderKind::Due)];
    instants.extend(before(3).map(|instant| (instant, ReminderKind::ThreeDays)));
    instants.extend(before(1).map(|instant| (instant, ReminderKind::OneDay)));
    let days_over = at.duration_since(due).as_secs().div_euclid(86_400);
    if days_over >= 1 {
        let instant = due.checked_add(SignedDuration::from_hours(24 * days_over)).ok()?;
        instants.push((instant, ReminderKind::Escalation));
    }
    let last = review.reminders.iter().map(|one| one.due_at).max();
    let is_new = |instant: Timestamp| last.is_none_or(|last| instant > last);
    let (due_at, kind) =
        instants.into_iter().filter(|(instant, _)| (opened..=at).contains(instant) && is_new(*instant)).max()?;
    let mut waiting: BTreeMap<String, Reminded> = BTreeMap::new();
    let mut undecided = 0;
    for item in items.iter().filter(|item| !item.is_decided()) {
        undecided += 1;
        if let Some(reviewer) = &item.assigned.reviewer {
            let one = waiting
                .entry(reviewer.key.clone())
                .or_insert_with(|| Reminded { person: reviewer.clone(), pending: 0 });
            one.pending += 1;
        }
    }
    if undecided == 0 {
        return None;
    }
    if matches!(kind, ReminderKind::Due | ReminderKind::Escalation) {
        waiting
            .entry(review.owner.key.clone())
            .or_insert_with(|| Reminded { person: review.owner.clone(), pending: 0 });
    }
    let mut after = review.clone();
    after.reminders.push(Reminder { kind, due_at, at, reviewers: waiting.into_values().collect() });
    Some(ReviewEvent::new(ReviewChange::Reminded, at, None, after, Vec::new()))
}
