//! What later evidence says of removals: gone, not gone, or there again. Nobody's word stands in for it.

use super::item::{Entitlement, Item, Proof, RemediationState, Removal};
use super::{Review, ReviewChange, ReviewEvent, ReviewState};
use crate::refusal::Refusal;
use model::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// An account as a later snapshot shows it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// enabled, disabled, invited; none: the source does not say.
    pub status: Option<String>,
    /// Its grants, as [`Entitlement::text`] writes them.
    pub grants: BTreeSet<String>,
}

/// A source as its latest snapshot shows it. There is one only of a snapshot that is complete, and plausible or confirmed: no
/// other proves that something is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemSeen {
    /// The snapshot.
    pub snapshot: String,
    /// The entry that sealed it.
    pub log_index: u64,
    /// Start of the run.
    pub started_at: Timestamp,
    /// The instant its rows describe.
    pub seen_at: Timestamp,
    /// Every account it lists.
    pub accounts: BTreeMap<String, Standing>,
}

impl SystemSeen {
    /// Whether it was looked at, and what it shows existed, after `instant`.
    fn is_later_than(&self, instant: Timestamp) -> bool {
        self.started_at > instant && self.seen_at > instant
    }

    /// How it shows that what was to go is gone; none: it is there, or it cannot be said.
    fn shows_gone(&self, account: &str, remove: &Removal) -> Option<&'static str> {
        let Some(standing) = self.accounts.get(account) else { return Some("absent") };
        match (standing.status.as_deref(), remove) {
            (Some("absent"), _) => Some("absent"),
            (Some("disabled"), _) => Some("disabled"),
            (_, Removal::Account) => None,
            (_, Removal::Roles(roles)) => {
                roles.iter().all(|role| !standing.grants.contains(role)).then_some("roles_gone")
            }
        }
    }
}

/// The events that evidence causes. `seen` are the latest good snapshots by source; `items` are all of the campaign.
pub fn prove(
    review: &Review,
    items: &[Item],
    seen: &BTreeMap<String, SystemSeen>,
    at: Timestamp,
) -> Result<Vec<ReviewEvent>, Refusal> {
    review.must_be(&ReviewState::OPENED, "verification")?;
    let mut changed: BTreeMap<&str, Item> = BTreeMap::new();
    for item in items {
        let Some(remediation) = &item.remediation else { continue };
        let Some(system) = seen.get(&item.source).filter(|system| system.is_later_than(remediation.since)) else {
            continue;
        };
        // what was seen at one instant is not told by an older snapshot
        if remediation.proof.as_ref().is_some_and(|proof| system.seen_at <= proof.at) {
            continue;
        }
        let gone = system.shows_gone(&item.account, &remediation.remove);
        let mut after = item.clone();
        let Some(remediation) = after.remediation.as_mut() else { continue };
        match (remediation.state, gone) {
            (RemediationState::Open | RemediationState::Claimed | RemediationState::Carried, Some(how)) => {
                remediation.state = RemediationState::Verified;
                remediation.proof = Some(Proof {
                    snapshot: Some(system.snapshot.clone()),
                    log_index: Some(system.log_index),
                    at: system.seen_at,
                    how: how.to_owned(),
                    word: None,
                    evidence: Vec::new(),
                });
            }
            (RemediationState::Verified, None) => {
                remediation.state = RemediationState::Open;
                remediation.proof = None;
                remediation.claimed = None;
                remediation.came_back += 1;
            }
            _ => continue,
        }
        changed.insert(&item.account, after);
    }
    let mut events = Vec::new();
    if !changed.is_empty() {
        let items = changed.values().cloned().collect();
        events.push(ReviewEvent::new(ReviewChange::Verified, at, None, review.clone(), items));
    }
    let all_remedied = items.iter().all(|item| changed.get(item.account.as_str()).unwrap_or(item).is_settled());
    let mut after = review.clone();
    match (review.state, all_remedied) {
        (ReviewState::Remediating, true) => {
            after.state = ReviewState::AwaitingSignOff;
            events.push(ReviewEvent::new(ReviewChange::Finished, at, None, after, Vec::new()));
        }
        (ReviewState::AwaitingSignOff, false) => {
            after.state = ReviewState::Remediating;
            events.push(ReviewEvent::new(ReviewChange::Reopened, at, None, after, Vec::new()));
        }
        _ => {}
    }
    Ok(events)
}

/// The grants of `item` that are not among `keep`.
pub(super) fn taken_away(item: &Item, keep: &[String]) -> Vec<String> {
    let mut gone: Vec<String> =
        item.entitlements.iter().map(Entitlement::text).filter(|grant| !keep.contains(grant)).collect();
    gone.sort();
    gone.dedup();
    gone
}
