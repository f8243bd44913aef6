//! Access reviews on the line: campaigns begun, opened on sealed snapshots, decided on by people, proven by later snapshots.
//!
//! The state machine is `workflow::review`; here it is given what the store and the scratch database hold, and what it answers is
//! sealed.

mod directory;
mod population;
mod report;

pub(crate) use directory::Directory;
pub(crate) use report::{Summary, dataset, item_facts, item_lines, overview, removal_line, rendered};

use super::decide::{Declined, refused};
use super::{Line, now};
use crate::failure::Failure;
use crate::settings::{ReviewPolicy, Settings, nearest};
use jiff::Timestamp;
use ledger::Body;
use model::Digest;
use population::Population;
use std::collections::{BTreeMap, BTreeSet};
use store::{Document, Draft, Reader};
use workflow::review::{
    self, Answer, Deciding, Finished, Item, ItemAct, Person, Review, ReviewAct, ReviewChange, ReviewEvent, ReviewState,
    decide, freeze, lapse, prove, remedy, remind,
};
use workflow::{EvidenceRef, Word};

/// What a person who decides says beside the answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Saying<'a> {
    /// Who.
    pub(crate) by: &'a str,
    /// Why.
    pub(crate) reason: &'a str,
    /// When they first looked at the items.
    pub(crate) looked_at: Option<Timestamp>,
    /// Whether it is one look at many.
    pub(crate) bulk: bool,
    /// The entry of the last event of each item as it was seen, where that was said.
    pub(crate) seen: Option<u64>,
}

/// An answer with people as they were typed.
#[derive(Debug, Clone)]
pub(crate) enum Said {
    Certify,
    Revoke,
    Modify(Vec<String>),
    Exception { approver: String, until: Timestamp },
    Reassign(String),
    Escalate,
    NotMine,
}

/// What a reviewer says of one account of several.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub(crate) account: String,
    pub(crate) said: Said,
    pub(crate) reason: String,
}

/// A step with a removal, with names as they were typed.
#[derive(Debug, Clone)]
pub(crate) enum Removing {
    Assign { assignee: String, ticket: Option<String> },
    Claim { note: String },
    Attest { note: String, evidence: Vec<String> },
    Carry { finding: String, reason: String },
}

/// A campaign as it stands, with the entry of its last event.
pub(crate) struct Campaign {
    pub(crate) log_index: u64,
    pub(crate) review: Review,
}

/// Every campaign, in the order they were started.
pub(crate) fn campaigns(reader: &Reader) -> Result<Vec<Campaign>, Failure> {
    let rows = reader.records("access_review")?.into_iter();
    rows.map(|row| super::decide::read(row).map(|(log_index, review)| Campaign { log_index, review })).collect()
}

/// The campaign of that id; none: there is none.
pub(crate) fn find(reader: &Reader, id: &str) -> Result<Option<Campaign>, Failure> {
    Ok(campaigns(reader)?.into_iter().find(|one| one.review.id == id))
}

/// The campaign of that id.
pub(crate) fn campaign(reader: &Reader, id: &str) -> Result<Campaign, Failure> {
    let all = campaigns(reader)?;
    let names: Vec<String> = all.iter().map(|one| one.review.id.clone()).collect();
    all.into_iter().find(|one| one.review.id == id).ok_or_else(|| {
        let near = nearest(id, &names.iter().map(String::as_str).collect::<Vec<_>>());
        Failure::usage(
            format!("there is no access review `{id}`"),
            near.map_or_else(
                || "`evidenced reviews list` shows them".to_owned(),
                |near| format!("did you mean `{near}`?"),
            ),
        )
    })
}

/// The items of a campaign by account, each with the entry of its last event.
pub(crate) fn items(reader: &Reader, review: &str) -> Result<Vec<(u64, Item)>, Failure> {
    reader.review_items(review, None)?.into_iter().map(item).collect()
}

/// The same without the entries.
pub(crate) fn population_of(reader: &Reader, review: &str) -> Result<Vec<Item>, Failure> {
    Ok(items(reader, review)?.into_iter().map(|(_, item)| item).collect())
}

fn item(row: store::ReviewItemRow) -> Result<(u64, Item), Failure> {
    let item = serde_json::from_value(row.body)
        .map_err(|error| Failure::store(format!("item {} of {} cannot be read: {error}", row.account, row.review)))?;
    Ok((row.log_index, item))
}

/// The item of `account`, with the entry of its last event; none where the campaign has none.
pub(crate) fn item_of(reader: &Reader, review: &str, account: &str) -> Result<Option<(u64, Item)>, Failure> {
    reader.review_items(review, Some(account))?.pop().map(item).transpose()
}

/// The undecided accounts of one reviewer that can be certified in one look.
pub(crate) fn plain_ones(settings: &Settings, reader: &Reader, review: &str, by: &str) -> Result<Vec<String>, Failure> {
    let person = Directory::as_of_now(settings, reader)?.resolve(by);
    let found: Vec<String> = population_of(reader, review)?
        .into_iter()
        .filter(|item| !item.is_decided() && item.is_plain() && item.is_assigned_to(&person))
        .map(|item| item.account)
        .collect();
    if found.is_empty() {
        return Err(Failure::usage(
            format!("{} has no plain account left in {review}", person.label()),
            "what is left needs a look each",
        ));
    }
    Ok(found)
}

fn changed_since(item: &Item, index: u64) -> workflow::Refusal {
    workflow::Refusal {
        guard: workflow::Guard::Conflict,
        problem: format!("{} changed since: its last event is entry {index}", item.account),
        help: "look at it again, then decide".to_owned(),
    }
}

/// Those of `accounts`; one that the campaign has not is named.
fn named(reader: &Reader, review: &str, accounts: &[String]) -> Result<Vec<(u64, Item)>, Failure> {
    let mut found = Vec::new();
    let mut absent = Vec::new();
    for account in accounts {
        match item_of(reader, review, account)? {
            Some(item) => found.push(item),
            None => absent.push(format!("`{account}`")),
        }
    }
    if absent.is_empty() {
        return Ok(found);
    }
    Err(Failure::usage(
        format!("{review} does not review {}", absent.join(", ")),
        format!("`evidenced reviews items {review}` names every account"),
    ))
}

/// Every campaign that was started by `as_of` with its items, as they stood then.
pub(crate) fn as_they_stood(reader: &Reader, as_of: Timestamp) -> Result<Vec<(Review, Vec<Item>)>, Failure> {
    let mut stood = Vec::new();
    for Campaign { log_index, review } in campaigns(reader)? {
        if reader.entry(log_index)?.entry.at <= as_of {
            let items = population_of(reader, &review.id)?;
            stood.push((review, items));
        } else {
            stood.extend(replayed(reader, &review.id, as_of)?);
        }
    }
    Ok(stood)
}

/// The campaign `id` as its events up to `as_of` left it; none where it began later.
fn replayed(reader: &Reader, id: &str, as_of: Timestamp) -> Result<Option<(Review, Vec<Item>)>, Failure> {
    let (mut last, mut items) = (None, BTreeMap::new());
    for stored in reader.series(&series(id))?.into_iter().take_while(|stored| stored.entry.at <= as_of) {
        if matches!(&stored.entry.body, Body::AccessReview { event, .. } if event == "report") {
            continue;
        }
        let Some(document) = reader.document(stored.index)? else { continue };
        let event: ReviewEvent = serde_json::from_slice(&document)
            .map_err(|error| Failure::store(format!("the event of entry {} cannot be read: {error}", stored.index)))?;
        items.extend(event.items.into_iter().map(|item| (item.account.clone(), item)));
        last = Some(event.access_review);
    }
    Ok(last.map(|review| (review, items.into_values().collect())))
}

impl Line {
    /// Begins a campaign of the policy `name`. None of `by` where its schedule does, for `slot`.
    pub(crate) fn start_review(
        &self,
        name: &str,
        by: Option<&str>,
        slot: Option<Timestamp>,
        corrects: Option<String>,
    ) -> Result<Vec<(u64, ReviewEvent)>, Failure> {
        let settings = self.settings();
        let policy = policy(&settings, name)?;
        let directory = Directory::as_of_now(&settings, &self.reader()?)?;
        let with_owner = |source: &String| (source.clone(), source_owner(&settings, &directory, source));
        let owners = policy.policy.sources.iter().map(with_owner).collect();
        let owner = directory.resolve(&policy.policy.owner);
        let store = self.store()?;
        let reader = self.reader()?;
        let all = campaigns(&reader)?;
        if let Some(corrected) = &corrects
            && !all.iter().any(|one| &one.review.id == corrected && one.review.state.is_over())
        {
            return Err(Failure::usage(
                format!("there is no ended access review `{corrected}`"),
                "name one that is closed or cancelled",
            ));
        }
        let of_policy = all.iter().filter(|one| one.review.policy.name == name).count();
        let at = now();
        let word = Word { by: by.unwrap_or("schedule").to_owned(), at, note: String::new() };
        let mut draft = Review::draft(of_policy + 1, policy.policy.clone(), owner, owners, word);
        (draft.slot, draft.corrects) = (slot, corrects);
        let mut events = vec![ReviewEvent::drafted(draft.clone())];
        // one that cannot begin stays a draft, in sight, and begins once somebody answers for its sources
        let begun = review::act(&draft, &[], &ReviewAct::Begin, &directory.resolve(by.unwrap_or("schedule")), at);
        if let Ok(begun) = begun {
            events.push(begun);
        }
        seal(store, events)
    }

    /// Takes a campaign one step further.
    pub(crate) fn act_on_review(&self, id: &str, step: &ReviewAct, by: &str) -> Result<(u64, ReviewEvent), Declined> {
        let directory = Directory::as_of_now(&self.settings(), &self.reader()?)?;
        let by = directory.resolve(by);
        let store = self.store()?;
        let reader = self.reader()?;
        let campaign = campaign(&reader, id)?;
        let items = population_of(&reader, id)?;
        let event = review::act(&campaign.review, &items, step, &by, now())?;
        Ok(seal(store, vec![event])?.remove(0))
    }

    /// What a reviewer says of `accounts`.
    pub(crate) fn decide_in_review(
        &self,
        id: &str,
        accounts: &[String],
        said: &Said,
        saying: &Saying<'_>,
    ) -> Result<(u64, ReviewEvent), Declined> {
        let directory = Directory::as_of_now(&self.settings(), &self.reader()?)?;
        let by = directory.resolve(saying.by);
        let (answer, departed) = directory.answer(said);
        // held from looking to sealing: of two people at once, one wins and the other is told
        let store = self.store()?;
        let reader = self.reader()?;
        let review = campaign(&reader, id)?.review;
        let found = named(&reader, id, accounts)?;
        if let Some((index, item)) = found.iter().find(|(index, _)| saying.seen.is_some_and(|seen| *index > seen)) {
            return Err(changed_since(item, *index).into());
        }
        let found: Vec<Item> = found.into_iter().map(|(_, item)| item).collect();
        let Saying { looked_at, bulk, reason, .. } = *saying;
        let deciding = Deciding { by: &by, at: now(), looked_at, bulk, departed };
        let event = decide(&review, &found, &answer, reason, &deciding)?;
        Ok(seal(store, vec![event])?.remove(0))
    }

    /// What a reviewer says of several accounts at once, of each its own: all of it is sealed, or all that is wrong with it is told.
    pub(crate) fn decide_each(&self, id: &str, choices: &[Choice], saying: &Saying<'_>) -> Result<u64, Declined> {
        let directory = Directory::as_of_now(&self.settings(), &self.reader()?)?;
        let by = directory.resolve(saying.by);
        let store = self.store()?;
        let reader = self.reader()?;
        let review = campaign(&reader, id)?.review;
        let accounts: Vec<String> = choices.iter().map(|choice| choice.account.clone()).collect();
        let found = named(&reader, id, &accounts)?;
        let (mut events, mut refusals) = (Vec::new(), Vec::new());
        for ((index, item), choice) in found.iter().zip(choices) {
            if saying.seen.is_some_and(|seen| *index > seen) {
                refusals.push(changed_since(item, *index));
                continue;
            }
            let (answer, departed) = directory.answer(&choice.said);
            let deciding = Deciding { by: &by, at: now(), looked_at: saying.looked_at, bulk: false, departed };
            match decide(&review, std::slice::from_ref(item), &answer, &choice.reason, &deciding) {
                Ok(event) => events.push(event),
                Err(refusal) => refusals.push(refusal),
            }
        }
        if let Some(first) = refusals.first() {
            let problems: Vec<&str> = refusals.iter().map(|refusal| refusal.problem.as_str()).collect();
            let is_conflict = |refusal: &&workflow::Refusal| refusal.guard == workflow::Guard::Conflict;
            let guard = refusals.iter().find(is_conflict).unwrap_or(first).guard;
            let refusal = workflow::Refusal { guard, problem: problems.join("; "), help: first.help.clone() };
            return Err(refusal.into());
        }
        Ok(seal(store, events)?.last().map(|(entry, _)| *entry).unwrap_or_default())
    }

    /// A step with what a decision takes away.
    pub(crate) fn remedy_in_review(
        &self,
        id: &str,
        account: &str,
        step: Removing,
        by: &str,
    ) -> Result<(u64, ReviewEvent), Declined> {
        let settings = self.settings();
        let directory = Directory::as_of_now(&settings, &self.reader()?)?;
        let by = directory.resolve(by);
        let store = self.store()?;
        let reader = self.reader()?;
        let review = campaign(&reader, id)?.review;
        let (_, item) = named(&reader, id, &[account.to_owned()])?.remove(0);
        let step = match step {
            Removing::Assign { assignee, ticket } => ItemAct::Assign { assignee, ticket },
            Removing::Claim { note } => ItemAct::Claim { note },
            Removing::Attest { note, evidence } => {
                let evidence: Vec<EvidenceRef> = super::evidence(&reader, &evidence)?;
                let has_collector = settings.sources.iter().any(|source| source.name == item.source);
                ItemAct::Attest { note, evidence, has_collector }
            }
            Removing::Carry { finding, reason } => {
                let findings = super::findings(&reader)?;
                let found = findings.into_iter().find(|one| one.id == finding).ok_or_else(|| {
                    Failure::usage(format!("there is no finding `{finding}`"), "`evidenced findings list` shows them")
                })?;
                ItemAct::Carry { finding, owner: found.owner, due: found.due, is_over: found.state.is_over(), reason }
            }
        };
        let event = remedy(&review, &item, &step, &by, now())?;
        Ok(seal(store, vec![event])?.remove(0))
    }

    /// Signs a campaign: looks at the newest evidence once more, seals the report, then the signature over it.
    pub(crate) fn sign_review(&self, id: &str, statement: &str, by: &str) -> Result<(u64, ReviewEvent), Declined> {
        let settings = self.settings();
        let directory = Directory::as_of_now(&settings, &self.reader()?)?;
        self.prove_removals(id)?;
        let by = directory.resolve(by);
        let store = self.store()?;
        let reader = self.reader()?;
        let review = campaign(&reader, id)?.review;
        let items = population_of(&reader, id)?;
        let at = now();
        // tried on a report that is not there, so that nothing is sealed for a signature that is refused
        let finished = Finished { items: &items, report_sha256: Digest::of(&[]) };
        let signed = review::sign(&review, &finished, statement, &by, at)?;
        let report = rendered(&settings, &signed.access_review, &items)?.pdf;
        let finished = Finished { items: &items, report_sha256: Digest::of(&report) };
        let signed = review::sign(&review, &finished, statement, &by, at)?;
        let mut drafts = vec![Draft {
            body: Body::AccessReview { review: id.to_owned(), event: "report".to_owned() },
            series: series(id),
            document: Some(Document::new(report, "application/pdf")),
        }];
        drafts.push(draft(&signed)?);
        let mut store = store;
        let appended = store.append(at, drafts)?;
        Ok((appended.last().map(|entry| entry.index).unwrap_or_default(), signed))
    }

    /// Does what time and evidence ask for: begins campaigns that are due, opens those whose evidence is there, reminds, escalates,
    /// proves removals. What was done, in order; a campaign that cannot open yet is told in words. Evidence is read only where
    /// there is `news` of it, or a campaign just began.
    pub(crate) fn keep_reviews(&self, news: bool) -> Result<Kept, Failure> {
        let settings = self.settings();
        let mut kept = Kept::default();
        for policy in &settings.reviews {
            if let Some(slot) = self.due_slot(policy)? {
                kept.done.extend(self.start_review(&policy.policy.name, None, Some(slot), None)?);
            }
        }
        let open: Vec<Review> =
            campaigns(&self.reader()?)?.into_iter().map(|one| one.review).filter(|one| !one.state.is_over()).collect();
        if open.is_empty() {
            return Ok(kept);
        }
        let population = (news || !kept.done.is_empty())
            .then(|| Population::as_of_now(&settings, &self.reader()?, &open))
            .transpose()?;
        for before in open {
            let mut events = Vec::new();
            let store = self.store()?;
            let reader = self.reader()?;
            // somebody may have acted meanwhile
            let mut review = campaign(&reader, &before.id)?.review;
            if review.state == ReviewState::Draft
                && let Some(event) = population.as_ref().and_then(|all| begin_now(&settings, all, &review))
            {
                review = event.access_review.clone();
                events.push(event);
            }
            if review.state == ReviewState::Collecting {
                let Some(population) = &population else { continue };
                match freeze(&review, population.opening(&reader, &review)?, now()) {
                    Ok(frozen) => {
                        let items: Vec<Item> = frozen.iter().flat_map(|event| event.items.iter().cloned()).collect();
                        let opened = frozen.last().map(|event| event.access_review.clone());
                        // whoever is to decide is told at once
                        let reminded = opened.and_then(|opened| remind(&opened, &items, now()));
                        events.extend(frozen.into_iter().chain(reminded));
                    }
                    Err(refusal) => kept.waiting.push((review.id.clone(), refusal.problem)),
                }
            } else {
                let items = population_of(&reader, &review.id)?;
                events.extend(of_time(review, items, population.as_ref())?);
            }
            if !events.is_empty() {
                kept.done.extend(seal(store, events)?);
            }
        }
        Ok(kept)
    }

    /// The newest slot of a policy that has come and has no campaign. Of a policy that never had one, slots from before the
    /// configuration in force are not made up for.
    fn due_slot(&self, policy: &ReviewPolicy) -> Result<Option<Timestamp>, Failure> {
        let Some(schedule) = &policy.schedule else { return Ok(None) };
        let Some(slot) = schedule.latest_until(now()) else { return Ok(None) };
        let reader = self.reader()?;
        let configured = reader.last_of_series("configuration")?.map(|stored| stored.entry.at);
        let last = campaigns(&reader)?
            .into_iter()
            .filter(|one| one.review.policy.name == policy.policy.name)
            .filter_map(|one| one.review.slot)
            .max();
        let since = match last.or(configured) {
            Some(since) => since,
            None => reader.entry(0)?.entry.at,
        };
        Ok((slot > since).then_some(slot))
    }

    /// Looks at the newest evidence for the removals of one campaign.
    fn prove_removals(&self, id: &str) -> Result<(), Failure> {
        let settings = self.settings();
        let reader = self.reader()?;
        let review = campaign(&reader, id)?.review;
        let population = Population::as_of_now(&settings, &reader, std::slice::from_ref(&review))?;
        let store = self.store()?;
        let reader = self.reader()?;
        let review = campaign(&reader, id)?.review;
        if !ReviewState::OPENED.contains(&review.state) {
            return Ok(());
        }
        let items = population_of(&reader, id)?;
        let events = prove(&review, &items, &population.systems, now()).map_err(refused)?;
        if !events.is_empty() {
            seal(store, events)?;
        }
        Ok(())
    }
}

/// What a round did.
#[derive(Default)]
pub(crate) struct Kept {
    /// Events, each with its entry.
    pub(crate) done: Vec<(u64, ReviewEvent)>,
    /// Campaigns that wait for evidence, and for which.
    pub(crate) waiting: Vec<(String, String)>,
}

/// Who answers for `source` by the configuration.
fn source_owner(settings: &Settings, directory: &Directory, source: &str) -> Option<Person> {
    let configured = settings.sources.iter().find(|one| one.name == source)?;
    configured.custody.owner.as_deref().map(|owner| directory.resolve(owner))
}

/// That a draft begins, where by now somebody answers for each of its sources.
fn begin_now(settings: &Settings, population: &Population, review: &Review) -> Option<ReviewEvent> {
    let mut draft = review.clone();
    for one in &mut draft.sources {
        one.owner = source_owner(settings, &population.directory, &one.source);
    }
    review::act(&draft, &[], &ReviewAct::Begin, &draft.owner.clone(), now()).ok()
}

/// What time and evidence do to a campaign that is open.
fn of_time(review: Review, items: Vec<Item>, population: Option<&Population>) -> Result<Vec<ReviewEvent>, Failure> {
    let (mut review, mut items, mut events) = (review, items, Vec::new());
    let at = now();
    let mut take = |found: Vec<ReviewEvent>, review: &mut Review, items: &mut Vec<Item>| {
        for event in found {
            *review = event.access_review.clone();
            for changed in &event.items {
                if let Some(item) = items.iter_mut().find(|item| item.account == changed.account) {
                    item.clone_from(changed);
                }
            }
            events.push(event);
        }
    };
    take(lapse(&review, &items, at).into_iter().collect(), &mut review, &mut items);
    take(remind(&review, &items, at).into_iter().collect(), &mut review, &mut items);
    // at the due date the deciding is over where everything is decided; before it reviewers may still change their minds
    if review.is_overdue(at) {
        let owner = review.owner.clone();
        if let Ok(mut event) = review::act(&review, &items, &ReviewAct::Conclude, &owner, at) {
            event.by = None;
            if let Some(word) = event.access_review.concluded.as_mut() {
                "schedule".clone_into(&mut word.by);
            }
            take(vec![event], &mut review, &mut items);
        }
    }
    if let Some(population) = population
        && ReviewState::OPENED.contains(&review.state)
    {
        let found = prove(&review, &items, &population.systems, at).map_err(refused)?;
        take(found, &mut review, &mut items);
    }
    Ok(events)
}

fn policy<'a>(settings: &'a Settings, name: &str) -> Result<&'a ReviewPolicy, Failure> {
    settings.reviews.iter().find(|one| one.policy.name == name).ok_or_else(|| {
        let names: Vec<&str> = settings.reviews.iter().map(|one| one.policy.name.as_str()).collect();
        let help = match nearest(name, &names) {
            Some(near) => format!("did you mean `{near}`?"),
            None if names.is_empty() => "write a section `[reviews.NAME]` in the configuration".to_owned(),
            None => format!("the configuration has {}", names.join(", ")),
        };
        Failure::usage(format!("there is no review policy `{name}`"), help)
    })
}

fn series(review: &str) -> String {
    format!("access_review/{review}")
}

fn draft(event: &ReviewEvent) -> Result<Draft, Failure> {
    let id = &event.access_review.id;
    Ok(Draft {
        body: Body::AccessReview { review: id.clone(), event: event.event.as_str().to_owned() },
        series: series(id),
        document: Some(Document::new(model::canonical_json(event)?, ReviewEvent::MEDIA_TYPE)),
    })
}

/// Seals events together: all of them or none.
fn seal(mut store: super::Held<'_>, events: Vec<ReviewEvent>) -> Result<Vec<(u64, ReviewEvent)>, Failure> {
    let drafts: Result<Vec<Draft>, Failure> = events.iter().map(draft).collect();
    let appended = store.append(now(), drafts?)?;
    Ok(appended.iter().map(|entry| entry.index).zip(events).collect())
}

/// What those are called whose turn it is to decide on something.
pub(crate) fn waiting_for(items: &[Item]) -> BTreeSet<&str> {
    let undecided = items.iter().filter(|item| !item.is_decided());
    undecided.filter_map(|item| item.assigned.reviewer.as_ref()).map(Person::label).collect()
}

impl Directory {
    /// An answer with the people it names; whether the one it is passed on to has left.
    fn answer(&self, said: &Said) -> (Answer, bool) {
        match said {
            Said::Certify => (Answer::Certify, false),
            Said::Revoke => (Answer::Revoke, false),
            Said::Modify(keep) => (Answer::Modify { keep: keep.clone() }, false),
            Said::Exception { approver, until } => {
                (Answer::Exception { approver: self.resolve(approver), until: *until }, false)
            }
            Said::Reassign(to) => {
                let to = self.resolve(to);
                let departed = self.departed(&to);
                (Answer::Reassign { to }, departed)
            }
            Said::Escalate => (Answer::Escalate, false),
            Said::NotMine => (Answer::NotMine, false),
        }
    }
}

/// Whoever goes by `name` among the people of a campaign: its owner, and those who review these items.
pub(crate) fn viewer(review: &Review, items: &[Item], name: &str) -> Person {
    let goes_by = |person: &&Person| {
        let names = [Some(&person.key), person.name.as_ref(), person.email.as_ref()];
        names.into_iter().flatten().any(|own| workflow::same_person(own, name))
    };
    let mut people =
        std::iter::once(&review.owner).chain(items.iter().filter_map(|item| item.assigned.reviewer.as_ref()));
    people.find(goes_by).cloned().unwrap_or_else(|| Person::unlisted(name))
}

/// How many accounts of open campaigns wait for the decision of whoever goes by `name`, and how many campaigns for their signature.
pub(crate) fn waits_on(reader: &Reader, name: &str) -> Result<(usize, usize), Failure> {
    let (mut to_decide, mut to_sign) = (0, 0);
    for Campaign { review, .. } in campaigns(reader)? {
        match review.state {
            ReviewState::Open => {
                let items = population_of(reader, &review.id)?;
                let viewer = viewer(&review, &items, name);
                to_decide += items.iter().filter(|item| !item.is_decided() && item.is_assigned_to(&viewer)).count();
            }
            ReviewState::AwaitingSignOff => {
                to_sign += usize::from(viewer(&review, &[], name).is(&review.owner));
            }
            _ => {}
        }
    }
    Ok((to_decide, to_sign))
}

#[cfg(test)]
impl Line {
    /// A campaign that is open and has nobody in it, where no worker process can be started to make a real one.
    pub(crate) fn plant_review(&self, policy: &str) -> Result<(), Failure> {
        let (settings, at) = (self.settings(), now());
        let policy = self::policy(&settings, policy)?.policy.clone();
        let owner = Person::unlisted(&policy.owner);
        let word = Word { by: owner.key.clone(), at, note: String::new() };
        let owners = policy.sources.iter().map(|source| (source.clone(), Some(owner.clone()))).collect();
        let draft = Review::draft(1, policy, owner.clone(), owners, word);
        let mut review = review::act(&draft, &[], &ReviewAct::Begin, &owner, at).map_err(refused)?.access_review;
        review.state = ReviewState::Open;
        let opened = ReviewEvent { access_review: review, ..ReviewEvent::drafted(draft) };
        seal(self.store()?, vec![opened]).map(drop)
    }
}

/// Whether an event is worth a line in the daemon's log.
pub(crate) const fn is_news(change: ReviewChange) -> bool {
    !matches!(change, ReviewChange::Frozen)
}
