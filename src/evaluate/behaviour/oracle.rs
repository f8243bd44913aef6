//! The checks that join people, accounts and time, against rules written a second time: plainly, in Rust, over generated data.
//!
//! The rules here are written from the design's verdict rules and each check's own words about its population, not from its SQL.

use crate::evaluation::question;
use crate::inputs::{ApprovedLink, Inputs, RegisteredAccount};
use crate::run::{InProcess, Runner};
use crate::scratch::Scratch;
use crate::testing::{inputs, shipped, toy_source};
use crate::{Check, CheckSet};
use jiff::civil::Date;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, ToSpan};
use model::Verdict;
use model::Verdict::{Fail, NotApplicable, Pass, Unknown};
use model::time::seconds_text;
use rusqlite::params;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Accounts of one database.
const ACCOUNTS: usize = 1_000;
const CHECKS: [&str; 5] =
    ["leaver_still_active", "account_without_person", "contractor_past_end_date", "mfa_missing", "account_dormant"];

/// A generator of the same numbers on every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn number(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ mixed >> 31) % below
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[usize::try_from(self.number(of.len() as u64)).unwrap()]
    }

    /// Seconds about a limit: on it, one beside it, near it, far from it.
    fn about(&mut self, limit: i64) -> i64 {
        let far = i64::try_from(self.number(400 * 86_400)).unwrap() - 200 * 86_400;
        limit + self.one(&[0, 1, -1, 3_600, -3_600, 86_400, -86_400, far])
    }
}

/// What the rules see of one account and its person.
struct Situation {
    key: String,
    source: usize,
    /// As the source says.
    said_kind: Option<&'static str>,
    status: Option<&'static str>,
    mfa: Option<&'static str>,
    password: Option<bool>,
    last_active: Option<Timestamp>,
    created: Option<Timestamp>,
    registered: Option<Registered>,
    person: Option<Employee>,
}

struct Registered {
    kind: Option<&'static str>,
    owner: Option<&'static str>,
    purpose: Option<&'static str>,
}

struct Employee {
    status: Option<&'static str>,
    spells: Vec<Spell>,
    approved: bool,
}

struct Spell {
    end: Option<Date>,
    kind: Option<&'static str>,
}

/// One database and the policy it is judged by.
struct World {
    inputs: Inputs,
    seen: Vec<Timestamp>,
    grace: SignedDuration,
    idle: SignedDuration,
    situations: Vec<Situation>,
}

/// The source that is not asked about second factors: accounts of hosts.
const HOST: usize = 2;

fn world(number: u64) -> World {
    let mut dice = Dice(number);
    let at = 1_773_144_000 + i64::try_from(dice.number(300 * 86_400)).unwrap();
    let zone = dice.one(&["UTC", "Europe/London", "America/New_York", "Pacific/Apia", "Asia/Kolkata"]);
    let zone = TimeZoneDatabase::bundled().get(zone).unwrap();
    // every other world is looked at on the second at which somebody's day ended, or some source was seen then
    let day = Timestamp::from_second(at).unwrap().to_zoned(zone.clone()).start_of_day().unwrap().timestamp();
    let as_of = match number % 2 {
        0 => day + SignedDuration::from_hours(dice.one(&[0, 6, 20])),
        _ => Timestamp::from_second(at).unwrap(),
    };
    let grace = SignedDuration::from_hours(dice.one(&[0, 1, 24, 72]));
    let idle = SignedDuration::from_hours(24 * dice.one(&[30, 90]));
    let seen: Vec<Timestamp> = [0, 6, 20, 1].map(|hours| as_of - SignedDuration::from_hours(hours)).into();
    let mut inputs = Inputs { timezone: zone, ..inputs("2026-01-01T00:00:00Z") };
    inputs.as_of = as_of;
    for (index, name) in ["s0", "s1", "s2", "hr"].into_iter().enumerate() {
        let mut source = toy_source(name, &seconds_text(seen[index]), &[]);
        source.collector = ["aws_iam", "github_org", "linux_accounts", "hr_file"][index].to_owned();
        inputs.sources.push(source);
    }
    let situations: Vec<Situation> =
        (0..ACCOUNTS).map(|index| situation(&mut dice, index, as_of, &seen, grace, idle, &inputs.timezone)).collect();
    for (index, situation) in situations.iter().enumerate() {
        if situation.person.as_ref().is_some_and(|person| person.approved) {
            inputs.links.push(ApprovedLink {
                account_key: situation.key.clone(),
                person_key: format!("hr:{index}"),
                approved_by: "ada".to_owned(),
                valid_from: None,
                valid_to: None,
            });
        }
        if let Some(registered) = &situation.registered {
            inputs.accounts.push(RegisteredAccount {
                pattern: situation.key.clone(),
                kind: registered.kind.map(str::to_owned),
                owner: registered.owner.map(str::to_owned),
                purpose: registered.purpose.map(str::to_owned),
                ..RegisteredAccount::default()
            });
        }
    }
    World { inputs, seen, grace, idle, situations }
}

fn situation(
    dice: &mut Dice,
    index: usize,
    as_of: Timestamp,
    seen: &[Timestamp],
    grace: SignedDuration,
    idle: SignedDuration,
    zone: &TimeZone,
) -> Situation {
    let source = usize::try_from(dice.number(3)).unwrap();
    let said_kind = dice.one(&[
        None,
        Some("human"),
        Some("human"),
        Some("service"),
        Some("shared"),
        Some("break_glass"),
        Some("guest"),
        Some("root"),
        Some("unknown"),
    ]);
    let registered = (dice.number(12) == 0).then(|| Registered {
        kind: dice.one(&[None, Some("service"), Some("shared"), Some("human"), Some("break_glass")]),
        owner: dice.one(&[None, Some("Ada Lovelace"), Some("Ada Lovelace")]),
        purpose: dice.one(&[None, Some("deploys"), Some("deploys")]),
    });
    let instant = |dice: &mut Dice, limit: i64| {
        let second = seen[source].as_second() + dice.about(limit);
        (dice.number(6) > 0).then(|| Timestamp::from_second(second).unwrap())
    };
    let person = (dice.number(4) > 0).then(|| {
        let spells = (0..dice.number(4))
            .map(|_| {
                // the day whose end is about the deadline, about now, or far from both
                let limit = dice.one(&[0, -grace.as_secs(), -86_400 - grace.as_secs(), -20 * 3_600 - grace.as_secs()]);
                let second = as_of.as_second() + dice.about(limit);
                let day = Timestamp::from_second(second).unwrap().to_zoned(zone.clone()).date();
                Spell {
                    end: (dice.number(5) > 0).then_some(day),
                    kind: dice.one(&[None, Some("employee"), Some("Contractor"), Some(" consultant "), Some("intern")]),
                }
            })
            .collect();
        Employee {
            status: dice.one(&[
                None,
                None,
                Some(""),
                Some("active"),
                Some(" Active "),
                Some("Terminated"),
                Some("gone fishing"),
            ]),
            spells,
            approved: dice.number(2) == 0 || !matches!(said_kind, None | Some("human")) || registered.is_some(),
        }
    });
    Situation {
        key: format!("s{source}:{index}"),
        source,
        said_kind,
        status: dice.one(&[
            None,
            Some("enabled"),
            Some("enabled"),
            Some("enabled"),
            Some("disabled"),
            Some("invited"),
            Some("absent"),
        ]),
        mfa: dice.one(&[None, Some("enforced"), Some("enrolled"), Some("none"), Some("none")]),
        password: dice.one(&[None, Some(true), Some(true), Some(false)]),
        last_active: {
            let limit = dice.one(&[-idle.as_secs(), 86_400, 0]);
            instant(dice, limit)
        },
        created: instant(dice, -idle.as_secs()),
        registered,
        person,
    }
}

/// The world as a scratch database.
fn scratch(world: &World) -> Scratch {
    let connection = Scratch::empty().unwrap();
    let text = |instant: Option<Timestamp>| instant.map(seconds_text);
    {
        let mut account = connection
            .prepare(
                "INSERT INTO account (account_key, source, login, email, kind, status, mfa, password_enabled, last_active_at, created_at)
                 VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            )
            .unwrap();
        let mut person = connection
            .prepare("INSERT INTO person (person_key, source, work_email, status) VALUES (?, 'hr', ?, ?)")
            .unwrap();
        let mut employment = connection
            .prepare("INSERT INTO employment (person_key, source, spell, end_date, employment_type) VALUES (?, 'hr', ?, ?, ?)")
            .unwrap();
        for (index, it) in world.situations.iter().enumerate() {
            let address = format!("p{index}@acme.example");
            let linked_by_address = it.person.as_ref().is_some_and(|person| !person.approved);
            let email = linked_by_address.then_some(&address);
            let source = ["s0", "s1", "s2"][it.source];
            account
                .execute(params![
                    it.key,
                    source,
                    index.to_string(),
                    email,
                    it.said_kind,
                    it.status,
                    it.mfa,
                    it.password,
                    text(it.last_active),
                    text(it.created)
                ])
                .unwrap();
            if let Some(employee) = &it.person {
                let key = format!("hr:{index}");
                person.execute(params![key, address, employee.status]).unwrap();
                for (number, spell) in (1_i64..).zip(&employee.spells) {
                    let end = spell.end.map(|end| end.to_string());
                    employment.execute(params![key, number, end, spell.kind]).unwrap();
                }
            }
        }
    }
    Scratch::finish(connection, &world.inputs, BTreeMap::new()).unwrap()
}

impl World {
    /// The first instant after the last day, where the organisation is.
    fn after(&self, end: Date) -> Timestamp {
        end.checked_add(1.day()).unwrap().to_zoned(self.inputs.timezone.clone()).unwrap().timestamp()
    }

    fn seen(&self, it: &Situation) -> Timestamp {
        self.seen[it.source]
    }

    fn expected(&self, check: &str, it: &Situation) -> Option<Verdict> {
        match check {
            "leaver_still_active" => Some(self.leaver_still_active(it)),
            "account_without_person" => Some(account_without_person(it)),
            "contractor_past_end_date" => Some(self.contractor_past_end_date(it)),
            "mfa_missing" => (it.source != HOST).then(|| mfa_missing(it)),
            "account_dormant" => Some(self.account_dormant(it)),
            other => panic!("no rule for {other}"),
        }
    }

    fn leaver_still_active(&self, it: &Situation) -> Verdict {
        let Some(person) = &it.person else {
            return if nobodys(it) || gone(it) { NotApplicable } else { Unknown };
        };
        if person.spells.is_empty() {
            return Unknown;
        }
        if person.spells.iter().any(|spell| spell.end.is_none()) {
            // nothing says when it ended; the roster's word says whether it goes on
            return match person.status.map(|word| word.trim().to_lowercase()).as_deref() {
                None | Some("" | "active") => NotApplicable,
                Some(_) => Unknown,
            };
        }
        let ended = person.spells.iter().filter_map(|spell| spell.end).map(|end| self.after(end)).max().unwrap();
        if ended > self.inputs.as_of {
            return NotApplicable;
        }
        self.removed_in_time(it, ended, NotApplicable)
    }

    fn contractor_past_end_date(&self, it: &Situation) -> Verdict {
        let Some(person) = &it.person else { return NotApplicable };
        let latest = person.spells.last();
        let kind = latest.and_then(|spell| spell.kind).map(|word| word.trim().to_lowercase());
        let end = latest.and_then(|spell| spell.end).map(|end| self.after(end));
        match (kind.as_deref(), end) {
            (Some("contractor" | "consultant"), Some(end)) => self.removed_in_time(it, end, Pass),
            (Some("contractor" | "consultant"), None) if gone(it) => Pass,
            (Some("contractor" | "consultant"), None) => Unknown,
            (Some(_), _) => NotApplicable,
            // no contract that could be one has run out
            (None, Some(end)) if self.inputs.as_of <= end + self.grace => NotApplicable,
            (None, _) if gone(it) => NotApplicable,
            (None, _) => Unknown,
        }
    }

    /// Whether access that was to end with `ended` and the time allowed did: a snapshot bounds when it was removed.
    fn removed_in_time(&self, it: &Situation, ended: Timestamp, meanwhile: Verdict) -> Verdict {
        let deadline = ended + self.grace;
        match it.status {
            Some("disabled" | "absent") => Pass,
            _ if self.inputs.as_of <= deadline => meanwhile,
            None => Unknown,
            Some(_) if self.seen(it) <= deadline => Unknown,
            Some(_) => Fail,
        }
    }

    fn account_dormant(&self, it: &Situation) -> Verdict {
        if gone(it) || it.status == Some("invited") || matches!(kind(it), Some("root" | "break_glass")) {
            return NotApplicable;
        }
        let seen = self.seen(it);
        let within = |instant: Option<Timestamp>| instant.is_some_and(|at| seen.duration_since(at) <= self.idle);
        if it.last_active.is_some_and(|used| used.duration_since(seen) > SignedDuration::from_hours(24)) {
            return Unknown;
        }
        if within(it.last_active) || within(it.created) {
            return Pass;
        }
        if it.last_active.is_none() || it.status.is_none() { Unknown } else { Fail }
    }
}

fn account_without_person(it: &Situation) -> Verdict {
    let answered_for = it.registered.as_ref().is_some_and(|entry| entry.owner.is_some() && entry.purpose.is_some());
    if gone(it) {
        NotApplicable
    } else if it.person.is_some() || answered_for {
        Pass
    } else if it.status.is_none() {
        Unknown
    } else {
        Fail
    }
}

fn mfa_missing(it: &Situation) -> Verdict {
    if kind(it) == Some("service") || gone(it) || it.status == Some("invited") || it.password == Some(false) {
        return NotApplicable;
    }
    match (it.mfa, it.status) {
        (Some("enforced" | "enrolled"), _) => Pass,
        (Some(_), Some(_)) => Fail,
        _ => Unknown,
    }
}

/// Disabled and absent are two things, and neither can act.
fn gone(it: &Situation) -> bool {
    matches!(it.status, Some("disabled" | "absent"))
}

/// What the account is: the register's word before the source's, except that a root account stays one.
fn kind(it: &Situation) -> Option<&'static str> {
    let registered = it.registered.as_ref().and_then(|entry| entry.kind);
    if it.said_kind == Some("root") { it.said_kind } else { registered.or(it.said_kind) }
}

/// Whether the account is one of no single person.
fn nobodys(it: &Situation) -> bool {
    matches!(kind(it), Some("service" | "shared" | "break_glass" | "root" | "guest"))
}

/// What the SQL says otherwise than the rules.
fn differences(
    worlds: impl IntoIterator<Item = u64>,
    checks: &[Check],
) -> (usize, BTreeMap<&'static str, usize>, Vec<String>) {
    let (mut cases, mut verdicts, mut differences) = (0, BTreeMap::new(), Vec::new());
    for seed in worlds {
        let world = world(seed);
        let mut runner = InProcess { scratch: Some(scratch(&world)), ..InProcess::default() };
        for check in checks {
            let given = BTreeMap::from([
                ("grace".to_owned(), json!(world.grace.as_secs())),
                ("max_idle".to_owned(), json!(world.idle.as_secs())),
            ]);
            let given = given.into_iter().filter(|(name, _)| check.parameters.contains_key(name)).collect();
            let question = question(check, &check.bind(Some(&given)).unwrap(), &world.inputs);
            let grid = runner.run(&question).unwrap();
            let at = |name: &str| grid.columns.iter().position(|column| column == name).unwrap();
            let (subject, verdict) = (at("subject"), at("verdict"));
            let said: BTreeMap<&str, &str> = grid
                .rows
                .iter()
                .map(|row| (row[subject].as_str().unwrap(), row[verdict].as_str().unwrap_or("none")))
                .collect();
            assert_eq!(said.len(), grid.rows.len(), "{}: a member is judged once", check.name);
            for it in &world.situations {
                let expected = world.expected(&check.name, it).map(Verdict::as_str);
                let found = said.get(it.key.as_str()).copied();
                cases += usize::from(expected.is_some());
                if let Some(expected) = expected {
                    *verdicts.entry(expected).or_default() += 1;
                }
                if found != expected {
                    let row: Option<&Vec<Value>> = grid.rows.iter().find(|row| row[subject] == json!(it.key));
                    differences
                        .push(format!("{} {}: expected {expected:?}, found {found:?} {row:?}", check.name, it.key));
                }
            }
        }
    }
    (cases, verdicts, differences)
}

fn judged(set: &CheckSet) -> Vec<Check> {
    CHECKS.iter().map(|name| set.get(name).unwrap().clone()).collect()
}

#[test]
fn sql_of_joins_says_what_the_rules_say() {
    let wanted = if std::env::var_os("EVIDENCED_TEST_LONG").is_some() { 1_000_000 } else { 100_000 };
    let checks = judged(&shipped());
    // a fifth of the accounts or more is none of `mfa_missing`
    let worlds = u64::try_from(wanted / (ACCOUNTS * 14 / 3) + 1).unwrap();
    let (cases, verdicts, differences) = differences(0..worlds, &checks);
    assert!(
        differences.is_empty(),
        "{} of {cases}\n{}",
        differences.len(),
        differences[..differences.len().min(20)].join("\n")
    );
    println!("oracle: {cases} cases in {worlds} databases, 0 differences; {verdicts:?}");
    assert!(cases >= wanted, "{cases} cases");
    assert!(verdicts.len() == 4 && verdicts.values().all(|count| *count > cases / 50), "{verdicts:?}");
}

#[test]
fn positive_control_a_changed_comparison_in_the_sql_is_found() {
    let spoilt = [
        ("leaver_still_active", "as_of <= deadline", "as_of < deadline"),
        ("leaver_still_active", "seen <= deadline", "seen < deadline"),
        ("leaver_still_active", "max(unixepoch(end_at))", "min(unixepoch(end_at))"),
        ("account_without_person", "r.owner <> '' AND r.purpose <> ''", "r.owner <> ''"),
        ("contractor_past_end_date", "max(f.spell)", "min(f.spell)"),
        ("contractor_past_end_date", "as_of <= deadline", "as_of < deadline"),
        ("mfa_missing", "'disabled', 'absent', 'invited'", "'disabled', 'absent'"),
        ("account_dormant", "<= :max_idle THEN 'used'", "< :max_idle THEN 'used'"),
        ("account_dormant", "> 86400", ">= 86400"),
    ];
    let set = shipped();
    for (name, from, to) in spoilt {
        let check = set.get(name).unwrap();
        assert!(check.text.contains(from), "{name}: {from}");
        let changed = [Check { text: check.text.replace(from, to), ..check.clone() }];
        let found = (0..22).any(|seed| !differences([seed], &changed).2.is_empty());
        assert!(found, "{name}: {from} -> {to} was not found");
    }
}
