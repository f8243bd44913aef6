//! What a campaign is opened on and proven by: the accounts of the latest snapshots, with what the rosters know of their holders.

use super::directory::{ADDRESSES, Directory, PEOPLE, instant, text};
use super::{campaigns, population_of};
use crate::failure::Failure;
use crate::line::{self, now};
use crate::settings::Settings;
use evaluate::Look;
use model::{Digest, InputState};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use store::Reader;
use workflow::review::{
    Account, Chain, Entitlement, Holder, Item, Opening, Previous, Review, ReviewState, Seen, SourceSeen, Standing,
    SystemSeen,
};

/// Every account that exists, whatever its kind and status. Whose it is and who answers for it is joined and never narrows.
const ACCOUNTS: &str =
    "SELECT a.account_key, a.source, a.login, a.display_name, a.email, a.kind, a.status, a.is_admin, a.mfa,
        a.created_at, a.last_active_at, l.person_key, l.method, r.owner, r.owner_key, r.purpose
   FROM account AS a
   LEFT JOIN identity_link AS l ON l.account_key = a.account_key
        AND (l.valid_from IS NULL OR l.valid_from <= :as_of) AND (l.valid_to IS NULL OR l.valid_to > :as_of)
   LEFT JOIN registered_account AS r ON r.account_key = a.account_key
  WHERE coalesce(a.status, '') <> 'absent'
  ORDER BY a.account_key";

/// Every grant; one without a word of its own goes by what is known of it.
const ENTITLEMENTS: &str = "SELECT account_key, coalesce(role, privilege, 'granted') AS role, resource, privilege, via
   FROM entitlement ORDER BY account_key, role, resource";

/// The accounts of the sources of some campaigns.
pub(super) struct Population {
    pub(super) directory: Directory,
    accounts: Vec<Account>,
    sources: BTreeMap<String, SourceSeen>,
    /// Those of the sources whose snapshot proves that something is absent.
    pub(super) systems: BTreeMap<String, SystemSeen>,
}

/// A source's latest snapshot, as far as it is told before its rows are read.
struct Latest {
    snapshot: String,
    manifest_sha256: Digest,
    started_at: model::Timestamp,
    seen_at: model::Timestamp,
    counted: Option<(u64, Option<u64>)>,
}

impl Population {
    /// The latest snapshots of the sources of `reviews`.
    pub(super) fn as_of_now(settings: &Settings, reader: &Reader, reviews: &[Review]) -> Result<Self, Failure> {
        let as_of = now();
        let wanted: BTreeSet<&str> =
            reviews.iter().flat_map(|review| &review.sources).map(|one| one.source.as_str()).collect();
        let mut latest: BTreeMap<String, Latest> = BTreeMap::new();
        let looked = line::over_inputs(settings, reader, as_of, 4, |inputs, session| {
            latest.clear();
            for source in inputs.sources.iter().filter(|source| wanted.contains(source.name.as_str())) {
                let Some(snapshot) = &source.snapshot else { continue };
                let counts = || inputs.programme.counts.iter().filter(|count| count.snapshot == snapshot.id);
                let differs = |declared: Option<u64>, counted| declared.is_some_and(|declared| declared != counted);
                // a count that does not agree says more than one that does
                let count = counts().find(|one| differs(one.declared, one.counted)).or_else(|| counts().next());
                let found = Latest {
                    snapshot: snapshot.id.clone(),
                    manifest_sha256: snapshot.manifest_sha256,
                    started_at: snapshot.started_at,
                    seen_at: snapshot.seen_at(),
                    counted: count.map(|count| (count.counted, count.declared)),
                };
                latest.insert(source.name.clone(), found);
            }
            session.look(inputs, &[PEOPLE, ADDRESSES, ACCOUNTS, ENTITLEMENTS])
        })?
        .map_err(|error| line::evaluation_failure(&error))?;
        let directory = Directory::of(as_of, &looked.grids[0], &looked.grids[1]);
        let accounts = accounts(&directory, &looked, &wanted);
        let mut population = Self { directory, accounts, sources: BTreeMap::new(), systems: BTreeMap::new() };
        for source in wanted {
            population.add_source(reader, source, &looked, latest.get(source))?;
        }
        Ok(population)
    }

    fn add_source(
        &mut self,
        reader: &Reader,
        source: &str,
        looked: &Look,
        latest: Option<&Latest>,
    ) -> Result<(), Failure> {
        let standing = looked.standing.get(source);
        let (Some((state, why)), Some(latest)) = (standing, latest) else {
            let why = if standing.is_none() { "it is not configured any more" } else { "it was never collected" };
            self.sources.insert(source.to_owned(), Err(why.to_owned()));
            return Ok(());
        };
        let row = reader.snapshot_row(&latest.snapshot)?;
        let log_index = row.map(|row| row.log_index).unwrap_or_default();
        let of_source = || self.accounts.iter().map(|one| &one.item).filter(|item| item.source == source);
        let accounts = of_source().count() as u64;
        // old evidence still proves what it shows of its own time
        if matches!(state, InputState::Good | InputState::Stale) {
            let standing = |item: &Item| {
                let grants = item.entitlements.iter().map(Entitlement::text).collect();
                (item.account.clone(), Standing { status: item.status.clone(), grants })
            };
            let system = SystemSeen {
                snapshot: latest.snapshot.clone(),
                log_index,
                started_at: latest.started_at,
                seen_at: latest.seen_at,
                accounts: of_source().map(standing).collect(),
            };
            self.systems.insert(source.to_owned(), system);
        }
        let (counted, declared) = latest.counted.unwrap_or((accounts, None));
        let seen = match state {
            InputState::Good => Ok(Seen {
                snapshot: latest.snapshot.clone(),
                manifest_sha256: latest.manifest_sha256,
                log_index,
                seen_at: latest.seen_at,
                accounts,
                counted,
                declared,
            }),
            _ => Err(why.clone().unwrap_or_else(|| "its evidence is not good".to_owned())),
        };
        self.sources.insert(source.to_owned(), seen);
        Ok(())
    }

    /// What `review` is opened with.
    pub(super) fn opening<'a>(&'a self, reader: &Reader, review: &Review) -> Result<Opening<'a>, Failure> {
        let fallback = review.policy.fallback.as_deref().map(|words| self.directory.resolve(words));
        let mut previous = BTreeMap::new();
        let closed: Vec<Review> = campaigns(reader)?
            .into_iter()
            .map(|one| one.review)
            .filter(|one| one.state == ReviewState::Closed)
            .collect();
        for one in &review.sources {
            let Some(last) = closed.iter().rev().find(|other| other.frozen(&one.source).is_some()) else { continue };
            let of_source = population_of(reader, &last.id)?
                .into_iter()
                .filter(|item| item.source == one.source)
                .map(|item| (item.account.clone(), item))
                .collect();
            previous.insert(one.source.clone(), Previous { review: last.id.clone(), items: of_source });
        }
        Ok(Opening {
            sources: self.sources.clone(),
            accounts: self.accounts.clone(),
            previous,
            chain: Chain { fallback, departed: Box::new(|person| self.directory.departed(person)) },
        })
    }
}

fn accounts(directory: &Directory, looked: &Look, wanted: &BTreeSet<&str>) -> Vec<Account> {
    let mut grants: BTreeMap<String, Vec<Entitlement>> = BTreeMap::new();
    for row in &looked.grids[3].rows {
        let (Some(account), Some(role)) = (text(row, 0), text(row, 1)) else { continue };
        let entitlement = Entitlement { role, resource: text(row, 2), privilege: text(row, 3), via: text(row, 4) };
        let held = grants.entry(account).or_default();
        // one that comes by several groups is one grant
        if !held.contains(&entitlement) {
            held.push(entitlement);
        }
    }
    let mut found: Vec<Account> = Vec::new();
    for row in &looked.grids[2].rows {
        let (Some(account), Some(source)) = (text(row, 0), text(row, 1)) else { continue };
        // several patterns of the register may name one account: the first counts
        let is_again = found.last().is_some_and(|last| last.item.account == account);
        if is_again || !wanted.contains(source.as_str()) {
            continue;
        }
        let mut item = Item::of(&source, &account);
        item.login = text(row, 2);
        item.display_name = text(row, 3);
        item.email = text(row, 4);
        item.kind = text(row, 5);
        item.status = text(row, 6);
        item.is_admin = row.get(7).and_then(Value::as_i64).map(|flag| flag == 1);
        item.mfa = text(row, 8);
        item.created_at = instant(row, 9);
        item.last_active_at = instant(row, 10);
        item.entitlements = grants.remove(&account).unwrap_or_default();
        let listed = text(row, 11).and_then(|key| directory.get(&key).cloned());
        item.person = listed.as_ref().map(|listed| Holder {
            person: listed.person.clone(),
            method: text(row, 12).unwrap_or_default(),
            department: listed.department.clone(),
            employment_type: listed.employment_type.clone(),
            end_at: listed.end_at,
        });
        let owner = text(row, 14).or_else(|| text(row, 13));
        item.owner = owner.map(|owner| directory.resolve(&owner));
        item.purpose = text(row, 15);
        let manager = listed.and_then(|listed| listed.manager).and_then(|key| directory.get(&key).cloned());
        found.push(Account { item, manager: manager.map(|manager| manager.person) });
    }
    found
}
