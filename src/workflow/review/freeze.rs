//! From sealed snapshots to the items of a campaign: who is reviewed, what changed, what stands out, who decides.
//!
//! Everything comes from the frozen snapshots; nothing of an item's facts changes after this.

use super::item::{Answer, Assigned, Capacity, Delta, Entitlement, Flag, Flagged, Holder, Item, ItemState, PassedOver};
use super::{Frozen, Person, Policy, Population, Review, ReviewChange, ReviewEvent, ReviewState};
use crate::refusal::{Guard, Refusal};
use jiff::SignedDuration;
use model::time::{before, duration_text};
use model::{Digest, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Items in one event at most, so that no document grows without bound.
const ITEMS_AN_EVENT: usize = 1000;

/// Earlier decisions that are shown with an item.
const EARLIER: usize = 3;

/// An account as the sealed snapshot and the roster give it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its facts; everything that follows from them is empty.
    pub item: Item,
    /// Who manages whose account it is.
    pub manager: Option<Person>,
}

/// What is seen of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The snapshot.
    pub snapshot: String,
    /// SHA-256 of its manifest.
    pub manifest_sha256: Digest,
    /// The entry that sealed it.
    pub log_index: u64,
    /// The instant its rows describe.
    pub seen_at: Timestamp,
    /// Accounts in it.
    pub accounts: u64,
    /// Members of the source's own population, as they were counted.
    pub counted: u64,
    /// Members by the source's own, independent count; none: it tells none.
    pub declared: Option<u64>,
}

/// How a source stands: a population that can be frozen, or why there is none.
pub type SourceSeen = Result<Seen, String>;

/// The last closed campaign with a source.
#[derive(Debug, Clone, Default)]
pub struct Previous {
    /// Its id.
    pub review: String,
    /// Its items of that source, by account.
    pub items: BTreeMap<String, Item>,
}

/// A decision of an earlier campaign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Earlier {
    /// The campaign.
    pub review: String,
    /// What was decided.
    #[serde(flatten)]
    pub answer: Answer,
    /// By whom.
    pub by: Person,
    /// When.
    pub at: Timestamp,
    /// Why.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Who may decide beside those whom the items name.
pub struct Chain<'a> {
    /// Who decides where nobody else may.
    pub fallback: Option<Person>,
    /// Whether somebody's employment is over.
    pub departed: Box<dyn Fn(&Person) -> bool + 'a>,
}

/// What a campaign is opened with.
pub struct Opening<'a> {
    /// How each of its sources stands; one that is not here was never collected.
    pub sources: BTreeMap<String, SourceSeen>,
    /// Every account of them.
    pub accounts: Vec<Account>,
    /// By source, the last closed campaign with it.
    pub previous: BTreeMap<String, Previous>,
    /// Who decides.
    pub chain: Chain<'a>,
}

/// Opens a campaign: freezes the population of every source that is not deferred. All that cannot be frozen is named at once.
pub fn freeze(review: &Review, opening: Opening<'_>, at: Timestamp) -> Result<Vec<ReviewEvent>, Refusal> {
    review.must_be(&[ReviewState::Collecting], "open")?;
    let mut review = review.clone();
    let mut problems = Vec::new();
    for one in review.sources.iter().filter(|one| one.deferred.is_none()) {
        match opening.sources.get(&one.source) {
            Some(Ok(seen)) => {
                if let Some(declared) = seen.declared.filter(|declared| *declared != seen.counted) {
                    let (source, counted) = (&one.source, seen.counted);
                    problems.push(format!("{source}: {counted} members were read and the source declares {declared}"));
                }
            }
            Some(Err(why)) => problems.push(format!("{}: {why}", one.source)),
            None => problems.push(format!("{}: it was never collected", one.source)),
        }
    }
    if !problems.is_empty() {
        return Err(Refusal::new(
            Guard::Source,
            format!("{} cannot open: {}", review.id, problems.join("; ")),
            "collect what is missing, or defer a source by name (`evidenced reviews defer`)",
        ));
    }
    if review.sources.iter().all(|one| one.deferred.is_some()) {
        return Err(Refusal::new(
            Guard::Source,
            format!("{} has no source left that is reviewed", review.id),
            "cancel the campaign",
        ));
    }

    let reviewed: BTreeSet<String> =
        review.sources.iter().filter(|one| one.deferred.is_none()).map(|one| one.source.clone()).collect();
    let accounts: Vec<Account> =
        opening.accounts.into_iter().filter(|account| reviewed.contains(&account.item.source)).collect();
    let administrators = administrators(&accounts);
    let of = |source: &str| administrators.get(source).map_or(&[][..], Vec::as_slice);
    let flagging = Flagging::over(&review.policy, &accounts, at);
    let mut items = Vec::new();
    for Account { mut item, manager } in accounts {
        if !is_reviewed(review.policy.population, &item) {
            continue;
        }
        let previous = opening.previous.get(&item.source);
        let before = previous.and_then(|previous| previous.items.get(&item.account));
        item.delta = delta(&item, before);
        item.flags = flagging.flags(&item, previous.is_some(), before);
        item.earlier = earlier(previous, before);
        item.assigned = assign(&review, &item, manager, of(&item.source), &opening.chain);
        items.push(item);
    }
    items.sort_by(|one, other| one.account.cmp(&other.account));

    for one in review.sources.iter_mut().filter(|one| one.deferred.is_none()) {
        let Some(Ok(seen)) = opening.sources.get(&one.source) else { continue };
        one.frozen = Some(Frozen {
            snapshot: seen.snapshot.clone(),
            manifest_sha256: seen.manifest_sha256,
            log_index: seen.log_index,
            seen_at: seen.seen_at,
            accounts: seen.accounts,
            items: items.iter().filter(|item| item.source == one.source).count() as u64,
            counted: seen.counted,
            declared: seen.declared,
            administrators: of(&one.source).to_vec(),
            previous: opening.previous.get(&one.source).map(|previous| previous.review.clone()),
        });
    }
    let mut events = Vec::new();
    for piece in items.chunks(ITEMS_AN_EVENT) {
        events.push(ReviewEvent::new(ReviewChange::Frozen, at, None, review.clone(), piece.to_vec()));
    }
    review.state = ReviewState::Open;
    review.opened_at = Some(at);
    review.due_at = at.checked_add(SignedDuration::from_secs(review.policy.complete_within)).ok();
    events.push(ReviewEvent::new(ReviewChange::Opened, at, None, review, Vec::new()));
    Ok(events)
}

/// Whether a policy of this population has the account reviewed. What is not known to be harmless is.
fn is_reviewed(population: Population, item: &Item) -> bool {
    match population {
        Population::All => true,
        Population::Privileged => item.may_be_admin() || !matches!(item.kind.as_deref(), Some("human" | "guest")),
    }
}

/// By source, the keys of the people who administer it.
fn administrators(accounts: &[Account]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for Account { item, .. } in accounts.iter().filter(|account| account.item.is_admin == Some(true)) {
        // an account that answers to somebody is theirs too
        let people = item.person.iter().map(|holder| &holder.person).chain(&item.owner);
        found.entry(item.source.clone()).or_default().extend(people.map(|person| person.key.clone()));
    }
    found.into_iter().map(|(source, keys)| (source, keys.into_iter().collect())).collect()
}

fn delta(item: &Item, before: Option<&Item>) -> Vec<Delta> {
    let Some(before) = before else { return vec![Delta::New] };
    let grants = |item: &Item| -> BTreeSet<String> { item.entitlements.iter().map(Entitlement::text).collect() };
    let (now, then) = (grants(item), grants(before));
    let person = |item: &Item| item.person.as_ref().map(|holder| holder.person.key.clone());
    let owner = |item: &Item| item.owner.as_ref().map(|owner| owner.key.clone());
    let changed = [
        (Delta::RoleAdded, !now.is_subset(&then)),
        (Delta::RoleRemoved, !then.is_subset(&now)),
        (Delta::BecameAdmin, item.is_admin == Some(true) && before.is_admin != Some(true)),
        (Delta::OwnerChanged, owner(item) != owner(before)),
        (Delta::Reactivated, item.status.as_deref() == Some("enabled") && before.status.as_deref() != Some("enabled")),
        (Delta::PersonChanged, person(item) != person(before)),
    ];
    let found: Vec<Delta> = changed.into_iter().filter(|(_, is)| *is).map(|(delta, _)| delta).collect();
    if found.is_empty() { vec![Delta::Unchanged] } else { found }
}

fn earlier(previous: Option<&Previous>, before: Option<&Item>) -> Vec<Earlier> {
    let (Some(previous), Some(before)) = (previous, before) else { return Vec::new() };
    let last = before.effective().map(|decision| Earlier {
        review: previous.review.clone(),
        answer: decision.answer.clone(),
        by: decision.by.clone(),
        at: decision.at,
        reason: decision.reason.clone(),
    });
    last.into_iter().chain(before.earlier.iter().cloned()).take(EARLIER).collect()
}

/// What is known of all accounts together, which flags of one need.
struct Flagging {
    policy: Policy,
    at: Timestamp,
    /// Sources that tell of some account when it was used.
    tells_use: BTreeSet<String>,
    /// By person, the duties they hold.
    duties: BTreeMap<String, BTreeSet<String>>,
}

impl Flagging {
    /// Over every account of the campaign's sources.
    fn over(policy: &Policy, accounts: &[Account], at: Timestamp) -> Self {
        let mut tells_use = BTreeSet::new();
        let mut duties: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for Account { item, .. } in accounts {
            if item.last_active_at.is_some() {
                tells_use.insert(item.source.clone());
            }
            if policy.conflicts.is_empty() || item.status.as_deref() == Some("disabled") {
                continue;
            }
            if let Some(holder) = &item.person {
                let held = duties.entry(holder.person.key.clone()).or_default();
                for grant in &item.entitlements {
                    held.insert(format!("{}:{}", item.source, grant.role));
                    held.insert(format!("{}:{}", item.source, grant.text()));
                }
            }
        }
        Self { policy: policy.clone(), at, tells_use, duties }
    }

    /// What stands out of one. `has_previous`: there is an earlier campaign with its source; `before` is the item there.
    fn flags(&self, item: &Item, has_previous: bool, before: Option<&Item>) -> Vec<Flagged> {
        let mut flags = Vec::new();
        let mut flag = |flag, why: String| flags.push(Flagged { flag, why });
        let kind = item.kind.as_deref().unwrap_or("unknown");
        if item.person.is_none() && matches!(kind, "human" | "guest" | "unknown") {
            flag(Flag::Orphan, "no person of the roster is linked to it".to_owned());
        }
        if let Some(holder) = &item.person
            && let Some(end) = holder.end_at.filter(|end| *end <= self.at)
        {
            let day = model::time::seconds_text(end);
            if is_contractor(holder) {
                flag(Flag::ContractorPastEnd, format!("the contract of {} was over at {day}", holder.person.label()));
            } else {
                flag(Flag::Leaver, format!("{} left, employed until {day}", holder.person.label()));
            }
        }
        self.flag_use(item, &mut flag);
        let is_admin = item.is_admin == Some(true);
        if is_admin && has_previous && before.is_none_or(|before| before.is_admin != Some(true)) {
            flag(Flag::NewAdmin, "it was no administrator in the last campaign".to_owned());
        }
        if is_admin || matches!(kind, "root" | "break_glass") {
            flag(
                Flag::Privileged,
                if is_admin { "it is an administrator".to_owned() } else { format!("it is {kind}") },
            );
        }
        if kind == "shared" {
            flag(Flag::Shared, "several people use it".to_owned());
        }
        if matches!(kind, "service" | "shared" | "break_glass") && item.owner.is_none() {
            flag(Flag::ServiceWithoutOwner, format!("it is {kind}, and the account register names no owner"));
        }
        if item.mfa.as_deref() == Some("none") && matches!(kind, "human" | "guest" | "root") {
            flag(Flag::NoMfa, "it signs in without a second factor".to_owned());
        }
        if let Some(held) = item.person.as_ref().and_then(|holder| self.duties.get(&holder.person.key)) {
            for (one, other) in self.policy.conflicts.iter().filter(|(a, b)| held.contains(a) && held.contains(b)) {
                let concerns = |duty: &String| duty.split_once(':').is_some_and(|(source, _)| source == item.source);
                if concerns(one) || concerns(other) {
                    flag(Flag::DutiesConflict, format!("one person holds `{one}` and `{other}`"));
                }
            }
        }
        if let Some(why) = before.and_then(|before| role_creep(item, before)) {
            flag(Flag::RoleCreep, why);
        }
        flags.sort_by_key(|one| one.flag);
        flags
    }

    fn flag_use(&self, item: &Item, flag: &mut impl FnMut(Flag, String)) {
        let long = SignedDuration::from_secs(self.policy.dormant_after);
        let line = before(self.at, long);
        if item.status.as_deref() == Some("disabled") {
            return;
        }
        match item.last_active_at {
            Some(used) if used < line => {
                flag(Flag::Dormant, format!("last used {} ago", duration_text(self.at.duration_since(used))));
            }
            // only a source that tells of use at all tells by its silence
            None if self.tells_use.contains(&item.source) && item.created_at.is_none_or(|made| made < line) => {
                flag(Flag::NeverUsed, "the source tells of no use of it".to_owned());
            }
            _ => {}
        }
    }
}

fn is_contractor(holder: &Holder) -> bool {
    holder.employment_type.as_deref().is_some_and(|word| word.to_lowercase().contains("contract"))
}

/// Whether its holder changed department since and kept every role, in words.
fn role_creep(item: &Item, before: &Item) -> Option<String> {
    let (now, then) = (item.person.as_ref()?, before.person.as_ref()?);
    let (new, old) = (now.department.as_deref()?, then.department.as_deref()?);
    let kept =
        !before.entitlements.is_empty() && before.entitlements.iter().all(|grant| item.entitlements.contains(grant));
    (now.person.is(&then.person) && new != old && kept)
        .then(|| format!("{} went from {old} to {new} and kept every role", now.person.label()))
}

/// Who decides on `item`: the first of the chain who may.
fn assign(
    review: &Review,
    item: &Item,
    manager: Option<Person>,
    administrators: &[String],
    chain: &Chain<'_>,
) -> Assigned {
    let source_owner = review.sources.iter().find(|one| one.source == item.source).and_then(|one| one.owner.clone());
    let is_of_a_person = item.kind.as_deref() == Some("human") && item.is_admin == Some(false) && item.person.is_some();
    let owner = (Capacity::SourceOwner, source_owner);
    let manager = (Capacity::Manager, manager);
    let first = if is_of_a_person { [manager, owner] } else { [owner, manager] };
    let rest = [(Capacity::CampaignOwner, Some(review.owner.clone())), (Capacity::Fallback, chain.fallback.clone())];
    let mut passed_over = Vec::new();
    for (capacity, person) in first.into_iter().chain(rest) {
        let Some(person) = person else {
            let is_expected =
                capacity != Capacity::Fallback && (capacity != Capacity::Manager || item.person.is_some());
            if is_expected {
                passed_over.push(PassedOver { person: None, capacity, why: "nobody is named".to_owned() });
            }
            continue;
        };
        let why = if (chain.departed)(&person) {
            Some("has left".to_owned())
        } else {
            may_not(item, administrators, &person)
        };
        match why {
            Some(why) => passed_over.push(PassedOver { person: Some(person), capacity, why }),
            None => return Assigned { reviewer: Some(person), capacity: Some(capacity), passed_over },
        }
    }
    if review.policy.safeguard.is_some() && !(chain.departed)(&review.owner) {
        let (reviewer, capacity) = (Some(review.owner.clone()), Some(Capacity::CampaignOwner));
        return Assigned { reviewer, capacity, passed_over };
    }
    Assigned { reviewer: None, capacity: None, passed_over }
}

/// Why `person` may not decide on `item`, in words; none: they may.
pub(super) fn may_not(item: &Item, administrators: &[String], person: &Person) -> Option<String> {
    if item.person.as_ref().is_some_and(|holder| holder.person.is(person)) {
        return Some("it is their own account".to_owned());
    }
    if item.owner.as_ref().is_some_and(|owner| owner.is(person)) {
        return Some("the account answers to them".to_owned());
    }
    if item.person.is_none()
        && item.email.as_deref().zip(person.email.as_deref()).is_some_and(|(one, other)| crate::same_person(one, other))
    {
        return Some("it has their address".to_owned());
    }
    if item.is_admin == Some(true) && administrators.contains(&person.key) {
        return Some("they administer the same system".to_owned());
    }
    None
}

impl Item {
    /// An account of which only its name is known; the caller fills in what the source says.
    pub fn of(source: &str, account: &str) -> Self {
        Self {
            account: account.to_owned(),
            source: source.to_owned(),
            login: None,
            display_name: None,
            email: None,
            kind: None,
            status: None,
            is_admin: None,
            mfa: None,
            created_at: None,
            last_active_at: None,
            entitlements: Vec::new(),
            person: None,
            owner: None,
            purpose: None,
            delta: Vec::new(),
            flags: Vec::new(),
            earlier: Vec::new(),
            assigned: Assigned { reviewer: None, capacity: None, passed_over: Vec::new() },
            state: ItemState::Pending,
            decisions: Vec::new(),
            remediation: None,
        }
    }
}
