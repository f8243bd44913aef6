//! Times without a timestamp token that were longer than the configured cadence allows, for each authority, from the log alone.
//!
//! Only what lies within the period counts, so that the same period says the same however far the log has gone on since.

use crate::plan::Plan;
use crate::summary::instant;
use jiff::SignedDuration;
use ledger::{Body, Entry};
use model::Timestamp;
use model::time::duration_text;
use std::collections::VecDeque;

/// What was sealed at `since` got no token for too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gap {
    /// The authority.
    pub(crate) authority: String,
    /// The first entry that waited.
    pub(crate) entry: u64,
    /// When it was sealed.
    pub(crate) since: Timestamp,
    /// When a token should have been there: a cadence after that.
    pub(crate) due_at: Timestamp,
    /// When the token came that covers it; none: not within the period.
    pub(crate) until: Option<Timestamp>,
    /// In words, for people.
    pub(crate) reason: String,
}

/// One authority's tokens against what was sealed.
struct Authority {
    name: String,
    stamped: bool,
    /// Entries without its token, other than anchors: position and time.
    bare: VecDeque<(u64, Timestamp)>,
}

/// Follows the entries of a log.
pub(crate) struct Cadence {
    from: Timestamp,
    to: Timestamp,
    every: SignedDuration,
    authorities: Vec<Authority>,
    gaps: Vec<Gap>,
}

impl Cadence {
    /// For the authorities and the period of a plan.
    pub(crate) fn of(plan: &Plan) -> Self {
        let authority = |name: &String| Authority { name: name.clone(), stamped: false, bare: VecDeque::new() };
        Self {
            from: plan.from,
            to: plan.to,
            every: plan.timestamp_every,
            authorities: plan.authorities.iter().map(|one| authority(&one.name)).collect(),
            gaps: Vec::new(),
        }
    }

    /// Takes up the next entry of the log.
    pub(crate) fn follow(&mut self, index: u64, entry: &Entry) {
        let Body::Anchor { size, gen_time, authority: by, .. } = &entry.body else {
            self.authorities.iter_mut().for_each(|authority| authority.bare.push_back((index, entry.at)));
            return;
        };
        let Some(at) = self.authorities.iter().position(|authority| authority.name == *by) else { return };
        if self.authorities[at].bare.front().is_some_and(|(waiting, _)| waiting < size) {
            self.note(at, Some(*gen_time));
        }
        let authority = &mut self.authorities[at];
        authority.stamped = true;
        while authority.bare.front().is_some_and(|(waiting, _)| waiting < size) {
            authority.bare.pop_front();
        }
    }

    /// What was too long, by authority and time.
    pub(crate) fn gaps(mut self) -> Vec<Gap> {
        for at in 0..self.authorities.len() {
            self.note(at, None);
        }
        self.gaps.sort_by(|a, b| (&a.authority, a.since).cmp(&(&b.authority, b.since)));
        self.gaps
    }

    /// Notes how long the first entry waited, where that is too long: a cadence, and one more to be asked again.
    fn note(&mut self, at: usize, token: Option<Timestamp>) {
        let authority = &self.authorities[at];
        let Some((entry, since)) = authority.bare.front().copied() else { return };
        let until = token.filter(|token| *token <= self.to);
        let within = until.unwrap_or(self.to).duration_since(since.max(self.from));
        if within <= self.every.saturating_mul(2) {
            return;
        }
        let name = &authority.name;
        let first = if authority.stamped { "" } else { ", the first of all" };
        let waited = match until {
            Some(until) => format!("the next{first} came {} later", duration_text(until.duration_since(since))),
            None => "none came within the period".to_owned(),
        };
        let reason = format!(
            "no timestamp token of `{name}` from {}, when entry {entry} was sealed: {waited}; [log] timestamp_every is {}",
            instant(since),
            duration_text(self.every)
        );
        let due_at = since.checked_add(self.every).unwrap_or(since);
        self.gaps.push(Gap { authority: name.clone(), entry, since, due_at, until, reason });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::EntryFields;
    use model::Digest;

    fn at(text: &str) -> Timestamp {
        format!("2026-01-{text}:00Z").parse().unwrap()
    }

    fn entry(at: Timestamp, body: Body) -> Entry {
        let fields = EntryFields {
            v: EntryFields::VERSION,
            at,
            tool: "evidenced/0.1.0".into(),
            series: "s".into(),
            seq: 1,
            prev: None,
            anchor: None,
            commit: None,
            body,
        };
        Entry::new(fields).unwrap()
    }

    fn anchor(authority: &str, size: u64, time: &str) -> Entry {
        let digest = Digest::of(b"x");
        let (authority, gen_time) = (authority.to_owned(), at(time));
        entry(gen_time, Body::Anchor { size, checkpoint: digest, token: digest, gen_time, authority })
    }

    fn gaps(
        period: (&str, &str),
        authorities: &[&str],
        entries: &[Entry],
    ) -> Vec<(String, u64, String, String, String)> {
        let authority = |name: &&str| Authority { name: (*name).to_owned(), stamped: false, bare: VecDeque::new() };
        let mut cadence = Cadence {
            from: at(period.0),
            to: at(period.1),
            every: SignedDuration::from_hours(1),
            authorities: authorities.iter().map(authority).collect(),
            gaps: Vec::new(),
        };
        (0..).zip(entries).for_each(|(index, entry)| cadence.follow(index, entry));
        let told = |gap: Gap| {
            let until = gap.until.map(instant).unwrap_or_default();
            (gap.authority, gap.entry, instant(gap.since), until, gap.reason)
        };
        cadence.gaps().into_iter().map(told).collect()
    }

    const MONTH: (&str, &str) = ("01T00:00", "31T00:00");

    fn sealed(time: &str) -> Entry {
        entry(at(time), Body::IdentityMap)
    }

    #[test]
    fn a_token_in_time_is_no_gap_and_a_late_one_is() {
        // two cadences are allowed, to the second
        let log = [sealed("02T00:00"), sealed("02T00:30"), anchor("one", 2, "02T02:00"), sealed("02T10:00")];
        let in_time = [&log[..], &[anchor("one", 4, "02T12:00")]].concat();
        assert_eq!(gaps(MONTH, &["one"], &in_time), []);
        let late = [&log[..], &[sealed("02T10:10"), anchor("one", 5, "02T12:01")]].concat();
        let found = gaps(MONTH, &["one"], &late);
        assert_eq!(found.len(), 1);
        let (authority, entry, since, until, reason) = &found[0];
        assert_eq!(
            (authority.as_str(), *entry, since.as_str(), until.as_str()),
            ("one", 3, "2026-01-02T10:00:00Z", "2026-01-02T12:01:00Z")
        );
        assert!(reason.contains("the next came 2 h later; [log] timestamp_every is 60 min"), "{reason}");
    }

    #[test]
    fn what_was_sealed_while_the_authority_was_asked_waits_on() {
        // the token is over two entries; the third was sealed before it came
        let log = [
            sealed("02T00:00"),
            sealed("02T00:01"),
            sealed("02T00:59"),
            anchor("one", 2, "02T01:00"),
            anchor("one", 4, "02T09:00"),
        ];
        let found = gaps(MONTH, &["one"], &log);
        assert_eq!(found.iter().map(|gap| (gap.1, gap.3.as_str())).collect::<Vec<_>>(), [(2, "2026-01-02T09:00:00Z")]);
    }

    #[test]
    fn each_authority_is_held_to_the_cadence_also_one_that_never_answered() {
        let log = [sealed("02T00:00"), anchor("one", 1, "02T01:00")];
        let found = gaps(MONTH, &["one", "two"], &log);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].0.as_str(), found[0].3.as_str()), ("two", ""));
        assert!(found[0].4.contains("none came within the period"), "{}", found[0].4);
        // an authority that is configured no more is not expected to stamp
        assert_eq!(gaps(MONTH, &[], &log), []);
    }

    #[test]
    fn the_same_period_says_the_same_however_far_the_log_went_on() {
        let period = ("01T00:00", "03T00:00");
        let log = vec![sealed("02T00:00")];
        let short = gaps(period, &["one"], &log);
        assert_eq!(short.len(), 1);
        let mut longer = log;
        longer.push(sealed("03T00:01"));
        assert_eq!(gaps(period, &["one"], &longer), short, "nothing new within it");
        longer.push(anchor("one", 2, "05T00:00"));
        longer.push(sealed("06T00:00"));
        assert_eq!(gaps(period, &["one"], &longer), short, "a token after it");
        // and of a gap that reaches over its ends, what lies within counts
        let around = [sealed("02T00:00"), anchor("one", 1, "05T00:00")];
        assert_eq!(gaps(("02T12:00", "02T14:01"), &["one"], &around).len(), 1);
        assert_eq!(gaps(("02T12:00", "02T14:00"), &["one"], &around), []);
        assert_eq!(gaps(("06T00:00", "07T00:00"), &["one"], &around), []);
        assert_eq!(gaps(("01T00:00", "01T12:00"), &["one"], &around), []);
    }
}
