//! Who somebody is: the people of the rosters, found by key, address, name, or the address of an account of theirs.

use crate::failure::Failure;
use crate::line::{self, now};
use crate::settings::Settings;
use evaluate::Grid;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use store::Reader;
use workflow::review::Person;
use workflow::same_person;

/// Every person of the rosters. `end_at`: every spell of employment that is recorded has an end; the last of them.
pub(super) const PEOPLE: &str =
    "SELECT p.person_key, p.name, p.work_email, p.other_emails, p.manager_key, p.department,
        p.employment_type,
        (SELECT CASE WHEN count(*) > 0 AND sum(e.end_at IS NULL) = 0 THEN max(e.end_at) END
           FROM employment AS e WHERE e.person_key = p.person_key) AS end_at
   FROM person AS p ORDER BY p.person_key";

/// Addresses of accounts that are somebody's: they sign in with them, and mean themselves.
pub(super) const ADDRESSES: &str = "SELECT DISTINCT a.email, l.person_key
   FROM account AS a JOIN identity_link AS l ON l.account_key = a.account_key
  WHERE a.email IS NOT NULL AND (l.valid_from IS NULL OR l.valid_from <= :as_of)
    AND (l.valid_to IS NULL OR l.valid_to > :as_of)";

/// A person of a roster.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    pub(crate) person: Person,
    pub(crate) manager: Option<String>,
    pub(crate) department: Option<String>,
    pub(crate) employment_type: Option<String>,
    /// First instant they are employed no longer.
    pub(crate) end_at: Option<Timestamp>,
}

/// The people of the rosters.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    people: BTreeMap<String, Listed>,
    /// By address, lower case.
    addresses: BTreeMap<String, String>,
    as_of: Timestamp,
}

impl Directory {
    /// As the latest snapshots have them.
    pub(crate) fn as_of_now(settings: &Settings, reader: &Reader) -> Result<Self, Failure> {
        let as_of = now();
        let looked = line::over_inputs(settings, reader, as_of, 2, |inputs, session| {
            session.look(inputs, &[PEOPLE, ADDRESSES])
        })?
        .map_err(|error| line::evaluation_failure(&error))?;
        Ok(Self::of(as_of, &looked.grids[0], &looked.grids[1]))
    }

    /// From the rows of [`PEOPLE`] and [`ADDRESSES`].
    pub(super) fn of(as_of: Timestamp, people: &Grid, addresses: &Grid) -> Self {
        let mut directory = Self { people: BTreeMap::new(), addresses: BTreeMap::new(), as_of };
        for row in &people.rows {
            let Some(key) = text(row, 0) else { continue };
            let other_emails: Vec<String> =
                text(row, 3).and_then(|list| serde_json::from_str(&list).ok()).unwrap_or_default();
            let person = Person { key: key.clone(), name: text(row, 1), email: text(row, 2) };
            for address in person.email.iter().chain(&other_emails) {
                directory.addresses.insert(address.to_lowercase(), key.clone());
            }
            let listed = Listed {
                person,
                manager: text(row, 4),
                department: text(row, 5),
                employment_type: text(row, 6),
                end_at: instant(row, 7),
            };
            directory.people.insert(key, listed);
        }
        for row in &addresses.rows {
            if let (Some(address), Some(key)) = (text(row, 0), text(row, 1)) {
                directory.addresses.entry(address.to_lowercase()).or_insert(key);
            }
        }
        directory
    }

    /// The person of that key.
    pub(crate) fn get(&self, key: &str) -> Option<&Listed> {
        self.people.get(key)
    }

    /// Who `words` means: a key, an address, a name that one person has. Somebody no roster has stays as they were typed.
    pub(crate) fn resolve(&self, words: &str) -> Person {
        let words = words.trim();
        if let Some(listed) = self.people.get(words) {
            return listed.person.clone();
        }
        if let Some(listed) = self.addresses.get(&words.to_lowercase()).and_then(|key| self.people.get(key)) {
            return listed.person.clone();
        }
        let has_name = |listed: &&Listed| listed.person.name.as_deref().is_some_and(|name| same_person(name, words));
        let mut of_name = self.people.values().filter(has_name);
        match (of_name.next(), of_name.next()) {
            (Some(listed), None) => listed.person.clone(),
            _ => Person::unlisted(words),
        }
    }

    /// Whether somebody's employment is over; of somebody no roster has nothing is known.
    pub(crate) fn departed(&self, person: &Person) -> bool {
        self.people.get(&person.key).is_some_and(|listed| listed.end_at.is_some_and(|end| end <= self.as_of))
    }
}

/// A cell that is text.
pub(super) fn text(row: &[Value], column: usize) -> Option<String> {
    row.get(column).and_then(Value::as_str).map(str::to_owned)
}

/// A cell that is an instant.
pub(super) fn instant(row: &[Value], column: usize) -> Option<Timestamp> {
    row.get(column).and_then(Value::as_str).and_then(|text| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn directory() -> Directory {
        let grid = |rows: Vec<Vec<Value>>| Grid { columns: Vec::new(), rows, truncated: false };
        let people = grid(vec![
            vec![
                json!("hr:1"),
                json!("Ada Byron"),
                json!("ada@acme.example"),
                json!("[\"ada@old.example\"]"),
                Value::Null,
                Value::Null,
                Value::Null,
                Value::Null,
            ],
            vec![
                json!("hr:2"),
                json!("Ben Otto"),
                json!("ben@acme.example"),
                Value::Null,
                json!("hr:1"),
                Value::Null,
                Value::Null,
                json!("2026-01-01T00:00:00Z"),
            ],
            vec![
                json!("hr:3"),
                json!("Ben Otto"),
                json!("ben.otto@acme.example"),
                Value::Null,
                Value::Null,
                Value::Null,
                Value::Null,
                json!("2026-12-01T00:00:00Z"),
            ],
        ]);
        let addresses = grid(vec![vec![json!("ada@private.example"), json!("hr:1")]]);
        Directory::of("2026-06-01T00:00:00Z".parse().unwrap(), &people, &addresses)
    }

    #[test]
    fn one_person_goes_by_many_words_and_a_name_of_two_is_nobody_s() {
        let directory = directory();
        for words in ["hr:1", "Ada@ACME.example", "ada@old.example", " ada  byron ", "ada@private.example"] {
            assert_eq!(directory.resolve(words).key, "hr:1", "{words}");
        }
        assert_eq!(directory.resolve("Ben Otto").key, "Ben Otto");
        assert_eq!(directory.resolve("kim@other.example"), Person::unlisted("kim@other.example"));
    }

    #[test]
    fn who_left_has_left_and_who_leaves_later_has_not() {
        let directory = directory();
        let departed = |words: &str| directory.departed(&directory.resolve(words));
        assert_eq!(
            (departed("hr:1"), departed("hr:2"), departed("hr:3"), departed("nobody")),
            (false, true, false, false)
        );
    }
}
