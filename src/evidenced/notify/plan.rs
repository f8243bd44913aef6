//! From the log to notices, and from notices to messages: what is new for a destination, and what of it goes together.

use crate::failure::Failure;
use crate::line::{overview, sealed_findings};
use crate::settings::{Destination, Settings, Smtp, Way};
use ledger::Body;
use model::{Digest, Outcome, SnapshotStatus, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use store::{MessageRow, MessageState, NoticeRow, Progress, Reader};
use workflow::notice::{self, Gap, ToldGap};
use workflow::review::{Person, ReviewEvent};
use workflow::{Exception, Finding, FindingEvent, Happening, Notice, Subject};

/// Evaluations looked at for the one of the latest instant: those made of the past are newer in the log.
const NEWEST: u64 = 16;

/// Notices in one message at most.
const MOST: usize = 1000;

/// Entries read at once.
const CHUNK: u64 = 512;

/// How things stand, for every destination.
pub(crate) struct Heard {
    /// Entries in the log.
    size: u64,
    findings: Vec<(u64, Finding)>,
    exceptions: Vec<(u64, Exception)>,
    gaps: Vec<Gap>,
    sources: BTreeSet<String>,
    checks: BTreeSet<String>,
    /// Today, where the organisation is.
    today: String,
    now: Timestamp,
}

/// Looks at how things stand. `checks` are the names of those that are loaded.
pub(crate) fn hear(
    settings: &Settings,
    reader: &Reader,
    checks: BTreeSet<String>,
    now: Timestamp,
) -> Result<Heard, Failure> {
    let (size, findings) = findings_of_a_size(reader)?;
    let mut exceptions = Vec::new();
    for row in reader.records("exception")? {
        if let Ok(exception) = serde_json::from_value(row.body) {
            exceptions.push((row.log_index, exception));
        }
    }
    let mut gaps = check_gaps(reader, &checks)?;
    gaps.extend(source_gaps(settings, reader, now)?);
    Ok(Heard {
        size,
        findings,
        exceptions,
        gaps,
        sources: settings.sources.iter().map(|source| source.name.clone()).collect(),
        checks,
        today: settings.organisation.timezone.to_datetime(now).date().to_string(),
        now,
    })
}

/// How long a log that grows all the time is looked at again.
const TRIES: usize = 20;

/// Findings, and the size of the log that they are of: what was raised after it is told by its event, and not as standing too.
fn findings_of_a_size(reader: &Reader) -> Result<(u64, Vec<(u64, Finding)>), Failure> {
    let mut size = reader.checkpoint()?.size();
    let mut findings = sealed_findings(reader)?;
    for _ in 0..TRIES {
        let now = reader.checkpoint()?.size();
        if now == size {
            break;
        }
        (size, findings) = (now, sealed_findings(reader)?);
    }
    Ok((size, findings))
}

/// The checks whose last evaluation is inconclusive.
fn check_gaps(reader: &Reader, checks: &BTreeSet<String>) -> Result<Vec<Gap>, Failure> {
    let mut gaps = Vec::new();
    for check in checks {
        let newest = reader.evaluations(Some(check), Some(NEWEST))?;
        let last = newest.into_iter().max_by_key(|row| (row.as_of, row.log_index));
        if let Some(row) = last.filter(|row| row.outcome == Outcome::Inconclusive) {
            gaps.push(Gap { subject: Subject::Check(check.clone()), entry: row.log_index });
        }
    }
    Ok(gaps)
}

/// The sources that were collected and of which there is no complete, fresh snapshot.
fn source_gaps(settings: &Settings, reader: &Reader, now: Timestamp) -> Result<Vec<Gap>, Failure> {
    let mut gaps = Vec::new();
    for row in overview::sources(settings, reader, now)? {
        let Some(latest) = reader.latest_row(&row.name, now)? else { continue };
        let is_believed = latest.status == SnapshotStatus::Suspect && reader.confirmation(&latest.id)?.is_some();
        if row.evidence != SnapshotStatus::Complete.as_str() && !is_believed {
            gaps.push(Gap { subject: Subject::Source(row.name), entry: latest.log_index });
        }
    }
    Ok(gaps)
}

impl Heard {
    /// What `destination` has not been told yet, and how far the log was read for it; none when there is nothing to note.
    pub(crate) fn news(
        &self,
        reader: &Reader,
        destination: &Destination,
    ) -> Result<Option<(Vec<NoticeRow>, u64)>, Failure> {
        let told = reader.told(&destination.name)?;
        let mut notices = Vec::new();
        if destination.findings {
            notices.extend(match told {
                None => self.findings.iter().filter_map(|(entry, one)| notice::of_standing(*entry, one)).collect(),
                Some(Progress { next, .. }) => self.events(reader, next)?,
            });
            notices.extend(self.deadlines());
        }
        // of the past nobody is reminded
        if destination.reviews
            && !destination.is_tracker()
            && let Some(Progress { next, .. }) = told
        {
            notices.extend(self.reviews(reader, next)?);
        }
        if destination.evidence && !destination.is_tracker() {
            notices.extend(self.evidence(reader, destination)?);
        }
        notices.retain(|notice| is_for(destination, notice));
        let mut rows = Vec::new();
        for notice in notices {
            if !reader.is_noted(&destination.name, &notice.key)? {
                rows.push(self.row(destination, notice));
            }
        }
        let is_behind = told.is_none_or(|told| told.next != self.size);
        Ok((is_behind || !rows.is_empty()).then_some((rows, self.size)))
    }

    fn row(&self, destination: &Destination, notice: Notice) -> NoticeRow {
        NoticeRow {
            destination: destination.name.clone(),
            key: notice.key,
            happening: notice.happening.as_str().to_owned(),
            kind: notice.subject.kind().to_owned(),
            subject: notice.subject.name().to_owned(),
            log_index: notice.entry,
            at: self.now,
        }
    }

    /// What happened to findings from entry `next` on.
    fn events(&self, reader: &Reader, next: u64) -> Result<Vec<Notice>, Failure> {
        let is_wanted = |body: &Body| matches!(body, Body::FindingEvent { .. });
        self.documents(reader, next, is_wanted, |entry, document| {
            let event: Option<FindingEvent> = serde_json::from_slice(document).ok();
            event.map_or_else(Vec::new, |event| notice::of_event(entry, &event))
        })
    }

    /// Whom access reviews wait for, from entry `next` on.
    fn reviews(&self, reader: &Reader, next: u64) -> Result<Vec<Notice>, Failure> {
        let is_wanted = |body: &Body| matches!(body, Body::AccessReview { event, .. } if event == "reminded" || event == "finished");
        self.documents(reader, next, is_wanted, |entry, document| {
            let event: Option<ReviewEvent> = serde_json::from_slice(document).ok();
            event.map_or_else(Vec::new, |event| notice::of_review(entry, &event))
        })
    }

    /// What `read` makes of the documents of those entries from `next` on. A store that was taken up again may be shorter than
    /// what was told.
    fn documents(
        &self,
        reader: &Reader,
        next: u64,
        is_wanted: impl Fn(&Body) -> bool,
        read: impl Fn(u64, &[u8]) -> Vec<Notice>,
    ) -> Result<Vec<Notice>, Failure> {
        let mut notices = Vec::new();
        for start in (next.min(self.size)..self.size).step_by(usize::try_from(CHUNK).unwrap_or(usize::MAX)) {
            for stored in reader.entries(start..self.size.min(start + CHUNK))? {
                if !is_wanted(&stored.entry.body) {
                    continue;
                }
                // what was erased is not told any more
                let Ok(Some(document)) = reader.document(stored.index) else { continue };
                notices.extend(read(stored.index, &document));
            }
        }
        Ok(notices)
    }

    /// What is due, was due, or ends.
    fn deadlines(&self) -> Vec<Notice> {
        let findings = self.findings.iter().flat_map(|(entry, one)| {
            let due = notice::of_due_date(*entry, one, &self.today);
            due.into_iter().chain(notice::of_acceptance(*entry, one, self.now))
        });
        let exceptions = self.exceptions.iter().filter_map(|(entry, one)| notice::of_exception(*entry, one, self.now));
        findings.chain(exceptions).collect()
    }

    fn evidence(&self, reader: &Reader, destination: &Destination) -> Result<Vec<Notice>, Failure> {
        let open = reader.last_of_evidence(&destination.name)?.into_iter().filter_map(|row| {
            let is_open = row.happening == Happening::Unseen.as_str();
            let subject = Subject::parse(&row.kind, &row.subject).filter(|_| is_open)?;
            Some(ToldGap { subject, key: row.key, entry: row.log_index })
        });
        let known = |subject: &Subject| match subject {
            Subject::Source(name) => self.sources.contains(name),
            Subject::Check(name) => self.checks.contains(name),
            _ => false,
        };
        Ok(notice::of_evidence(&self.gaps, &open.collect::<Vec<_>>(), known))
    }
}

/// A ticket follows every step of its finding; a message is for what somebody does not know yet.
fn is_for(destination: &Destination, notice: &Notice) -> bool {
    if destination.is_tracker() {
        matches!(notice.subject, Subject::Finding(_))
    } else {
        notice.happening.is_for_a_message()
    }
}

/// Messages to be made for a destination: each with the keys of its notices, and the digest's slot, or now.
pub(crate) struct Planned {
    pub(crate) messages: Vec<(MessageRow, Vec<String>)>,
    pub(crate) digest_at: Timestamp,
}

/// What is to be made of the notices that wait for `destination`; none where their time has not come. `at_once`: whatever was
/// said of the time.
pub(crate) fn plan(
    settings: &Settings,
    reader: &Reader,
    destination: &Destination,
    now: Timestamp,
    at_once: bool,
) -> Result<Option<Planned>, Failure> {
    let Some(told) = reader.told(&destination.name)? else { return Ok(None) };
    let waiting = reader.waiting_notices(&destination.name)?;
    let slot = destination.schedule.as_ref().and_then(|schedule| schedule.latest_until(now));
    let digest_at = match (&destination.schedule, slot, waiting.first()) {
        _ if at_once => now,
        (Some(_), Some(slot), _) if slot > told.digest_at => slot,
        (None, _, Some(oldest)) if now.duration_since(oldest.at) >= destination.gather => now,
        _ => return Ok(None),
    };
    let open: BTreeSet<Option<String>> = reader
        .messages(true)?
        .into_iter()
        .filter(|message| message.destination == destination.name && message.state == MessageState::Waiting)
        .map(|message| message.recipient)
        .collect();
    let mut groups: BTreeMap<Option<String>, Vec<String>> = BTreeMap::new();
    for notice in waiting {
        let recipient = recipient(settings, reader, destination, &notice);
        // while one is under way, what is new gathers for the next: after an outage there is one message more, not a hundred
        if !open.contains(&recipient) {
            groups.entry(recipient).or_default().push(notice.key);
        }
    }
    if groups.is_empty() && destination.schedule.is_none() {
        return Ok(None);
    }
    let pieces = groups.into_iter().flat_map(|(recipient, keys)| {
        let pieces: Vec<Vec<String>> = keys.chunks(MOST).map(<[String]>::to_vec).collect();
        pieces.into_iter().map(move |keys| (recipient.clone(), keys))
    });
    let messages = pieces.map(|(recipient, keys)| {
        let id = message_id(&settings.log.origin, &destination.name, recipient.as_deref(), &keys);
        let row = MessageRow {
            id,
            destination: destination.name.clone(),
            recipient,
            state: MessageState::Waiting,
            made_at: now,
            attempts: 0,
            next_at: now,
            claimed_until: None,
            done_at: None,
            problem: None,
            notices: keys.len() as u64,
        };
        (row, keys)
    });
    Ok(Some(Planned { messages: messages.collect(), digest_at }))
}

/// The same for the same notices to the same people, also from a copy of the store.
fn message_id(origin: &str, destination: &str, recipient: Option<&str>, keys: &[String]) -> String {
    let text = format!("{origin}\n{destination}\n{}\n{}", recipient.unwrap_or_default(), keys.join("\n"));
    let mut id = Digest::of(text.as_bytes()).to_string();
    id.truncate(32);
    id
}

/// Who at `destination` is told: the finding of a ticket, the owner of a finding by mail.
fn recipient(settings: &Settings, reader: &Reader, destination: &Destination, notice: &NoticeRow) -> Option<String> {
    match &destination.way {
        Way::GithubIssues(_) | Way::Jira(_) => Some(notice.subject.clone()),
        Way::Smtp(Smtp { owners: true, .. }) if notice.kind == "finding" => {
            let document = reader.document(notice.log_index).ok().flatten()?;
            let event: FindingEvent = serde_json::from_slice(&document).ok()?;
            event.finding.owner.filter(|owner| is_ours(owner, &settings.organisation.domains))
        }
        Way::Smtp(Smtp { owners: true, .. }) if notice.kind == "access_review" => {
            let document = reader.document(notice.log_index).ok().flatten()?;
            let event: ReviewEvent = serde_json::from_slice(&document).ok()?;
            let (person, _) = asked(&event, &notice.subject)?;
            person.email.clone().filter(|address| is_ours(address, &settings.organisation.domains))
        }
        _ => None,
    }
}

/// Whom an event of an access review asks, and for how many decisions; of `ID#n` the nth whom it reminds, else its owner.
pub(super) fn asked<'a>(event: &'a ReviewEvent, subject: &str) -> Option<(&'a Person, Option<u64>)> {
    let review = &event.access_review;
    match subject.rsplit_once('#') {
        Some((_, number)) => {
            let reminded = review.reminders.last()?.reviewers.get(number.parse::<usize>().ok()?)?;
            Some((&reminded.person, Some(reminded.pending)))
        }
        None => Some((&review.owner, None)),
    }
}

/// Whether an owner is written as an address of the organisation: a slip of the keyboard tells no stranger.
fn is_ours(owner: &str, domains: &[String]) -> bool {
    let domain = owner.rsplit_once('@').map(|(_, domain)| domain.to_lowercase());
    egress::is_mailbox(owner) && domain.is_some_and(|domain| domains.contains(&domain))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_organisation_are_written_to() {
        let domains = ["acme.example".to_owned()];
        assert!(is_ours("ada@Acme.example", &domains));
        for owner in ["ada", "Head of IT", "ada@acme.example.evil", "ada@other.example", "Ada <ada@acme.example>"] {
            assert!(!is_ours(owner, &domains), "{owner}");
        }
        assert!(!is_ours("ada@acme.example", &[]));
    }

    #[test]
    fn a_message_s_id_is_that_of_what_it_says_and_to_whom() {
        let id = |to: Option<&str>, keys: &[&str]| {
            message_id("o", "d", to, &keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(id(None, &["a", "b"]), id(None, &["a", "b"]));
        assert_ne!(id(None, &["a", "b"]), id(None, &["a"]));
        assert_ne!(id(None, &["a"]), id(Some("ada"), &["a"]));
    }
}
