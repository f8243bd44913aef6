//! `evidenced people` and `evidenced person`: who there is, what belongs to whom and why, and everything one person has or had.

use super::args::{Format, Global, PeopleCommand, PersonCommand};
use super::print;
use crate::failure::{Exit, Failure};
use crate::line::{self, Approval};
use crate::settings::Settings;
use evaluate::Grid;
use jiff::Timestamp;
use model::time::{seconds_text, seconds_up};
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

/// Rows shown at most.
const MOST_ROWS: usize = 100_000;

const LIST: &str =
    "SELECT p.person_key, p.name, p.work_email, p.department, e.employment_type, e.start_date, e.end_date,
        (SELECT count(*) FROM identity_link AS l JOIN account AS a ON a.account_key = l.account_key
          WHERE l.person_key = p.person_key AND coalesce(a.status, '') NOT IN ('disabled', 'absent')) AS open_accounts
   FROM person AS p
   LEFT JOIN employment AS e ON e.person_key = p.person_key
        AND e.spell = (SELECT max(f.spell) FROM employment AS f WHERE f.person_key = p.person_key)
  ORDER BY p.person_key";

const LINKS: &str = "SELECT l.account_key, l.person_key, l.method, l.approved_by, l.valid_from, l.valid_to,
        coalesce(a.status, CASE WHEN a.account_key IS NULL THEN 'not listed' ELSE 'not said' END) AS status
   FROM identity_link AS l LEFT JOIN account AS a ON a.account_key = l.account_key
  ORDER BY l.account_key";

const SUGGEST: &str = "SELECT m.account_key, m.person_key, p.name, m.basis, m.set_aside_by, a.status
   FROM possible_match AS m
   LEFT JOIN person AS p ON p.person_key = m.person_key
   LEFT JOIN account AS a ON a.account_key = m.account_key
  ORDER BY m.account_key, m.person_key, m.basis";

pub(super) fn people(settings: Settings, command: Option<PeopleCommand>, global: &Global) -> Result<Exit, Failure> {
    match command.unwrap_or(PeopleCommand::List) {
        PeopleCommand::List => listed(
            &settings,
            global,
            "people",
            LIST,
            ["PERSON", "NAME", "ADDRESS", "DEPARTMENT", "TYPE", "START", "END", "OPEN ACCOUNTS"],
        ),
        PeopleCommand::Show { who, on } => show(&settings, &who, on.as_deref(), global),
        PeopleCommand::Links => links(&settings, global),
        PeopleCommand::Suggest => listed(
            &settings,
            global,
            "suggestions",
            SUGGEST,
            ["ACCOUNT", "PERSON", "NAME", "BY", "SET ASIDE BY", "STATUS"],
        ),
        PeopleCommand::Approve { account, person, by, reason, valid_from, valid_to } => {
            let begin = valid_from.map(|text| first_instant(&text, &settings)).transpose()?;
            let end = valid_to.map(|text| super::evaluate::instant(&text, &settings)).transpose()?;
            known(&settings, &account, &person)?;
            let approval = Approval {
                account: &account,
                person: &person,
                by: &by,
                reason: &reason,
                valid_from: begin,
                valid_to: end,
            };
            let (id, index) = super::writing(settings, |line| line.approve_link(&approval))?;
            match global.format() {
                Format::Json => print::json(&json!({
                    "schema": "evidenced/identity-link-approved/v1", "link": id, "account": account, "person": person,
                    "log_index": index,
                }))?,
                Format::Table => print::text_line(&format!(
                    "{} is {}'s: {id}, approved by {} (entry {index})",
                    print::safe(&account),
                    print::safe(&person),
                    print::safe(&by)
                ))?,
            }
            Ok(Exit::Done)
        }
        PeopleCommand::Revoke { link, by, reason } => {
            let index = super::writing(settings, |line| line.revoke_link(&link, &by, &reason))?;
            print::text_line(&format!(
                "{} holds no longer, says {} (entry {index})",
                print::safe(&link),
                print::safe(&by)
            ))?;
            Ok(Exit::Done)
        }
    }
}

pub(super) fn person(settings: &Settings, command: PersonCommand, global: &Global) -> Result<Exit, Failure> {
    let PersonCommand::Show { who, on } = command;
    show(settings, &who, on.as_deref(), global)
}

/// First instant of a date in the organisation's zone, or an instant.
fn first_instant(text: &str, settings: &Settings) -> Result<Timestamp, Failure> {
    let zone = settings.organisation.timezone.clone();
    let date = text.parse::<jiff::civil::Date>().ok().and_then(|date| date.to_zoned(zone).ok());
    match date {
        Some(zoned) if !text.contains('T') => Ok(zoned.timestamp()),
        _ => super::evaluate::instant(text, settings),
    }
}

/// The rows of `sql` over the tables as of `as_of`.
fn rows(settings: &Settings, as_of: Timestamp, sql: &str) -> Result<Grid, Failure> {
    let reader = line::reader(settings)?;
    line::over_inputs(settings, &reader, as_of, 1, |inputs, session| session.query(inputs, sql, MOST_ROWS))?
        .map_err(|error| line::evaluation_failure(&error))
}

fn objects(grid: &Grid) -> Vec<Map<String, Value>> {
    let object = |row: &Vec<Value>| grid.columns.iter().cloned().zip(row.iter().cloned()).collect();
    grid.rows.iter().map(object).collect()
}

fn listed<const N: usize>(
    settings: &Settings,
    global: &Global,
    what: &str,
    sql: &str,
    header: [&str; N],
) -> Result<Exit, Failure> {
    let as_of = seconds_up(line::now());
    let grid = rows(settings, as_of, sql)?;
    match global.format() {
        Format::Json => {
            print::json(&json!({"schema": format!("evidenced/{what}/v1"), "as_of": as_of, what: objects(&grid)}))?;
        }
        Format::Table => print::table(header, grid.rows.iter().map(|row| cells(row)).collect())?,
    }
    Ok(Exit::Done)
}

fn cells<const N: usize>(row: &[Value]) -> [String; N] {
    std::array::from_fn(|place| row.get(place).map(cell).unwrap_or_default())
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => print::safe(text),
        other => other.to_string(),
    }
}

fn links(settings: &Settings, global: &Global) -> Result<Exit, Failure> {
    let as_of = seconds_up(line::now());
    let grid = rows(settings, as_of, LINKS)?;
    let here = line::standing_links(&line::reader(settings)?, as_of)?;
    let id = |account: &Value| {
        let standing = here.iter().find(|one| account.as_str() == Some(one.link.account_key.as_str()));
        standing.map(|one| one.id.clone())
    };
    match global.format() {
        Format::Json => {
            let mut links = objects(&grid);
            for link in &mut links {
                let id = id(&link["account_key"]);
                link.insert("link".to_owned(), json!(id));
            }
            print::json(&json!({"schema": "evidenced/links/v1", "as_of": as_of, "links": links}))?;
        }
        Format::Table => print::table(
            ["ACCOUNT", "PERSON", "BY", "APPROVED BY", "FROM", "TO", "STATUS", "LINK"],
            grid.rows
                .iter()
                .map(|row| {
                    let mut cells: [String; 8] = cells(row);
                    cells[7] = row.first().and_then(id).unwrap_or_default();
                    cells
                })
                .collect(),
        )?,
    }
    Ok(Exit::Done)
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Refuses a link of an account or to a person that nothing lists.
fn known(settings: &Settings, account: &str, person: &str) -> Result<(), Failure> {
    let sql = format!(
        "SELECT EXISTS (SELECT 1 FROM account WHERE account_key = {0}) OR EXISTS (SELECT 1 FROM account_history WHERE account_key = {0}),
                EXISTS (SELECT 1 FROM person WHERE person_key = {1})",
        quoted(account),
        quoted(person)
    );
    let grid = rows(settings, seconds_up(line::now()), &sql)?;
    let found = |place: usize| grid.rows.first().and_then(|row| row.get(place)).and_then(Value::as_i64) == Some(1);
    if !found(0) {
        return Err(Failure::usage(
            format!("no source lists an account `{account}`"),
            "write it like SOURCE:LOGIN; `evidenced people suggest` and `evidenced query \"SELECT account_key FROM account\"` show them",
        ));
    }
    if !found(1) {
        return Err(Failure::usage(
            format!("no roster has a person `{person}`"),
            "write it like SOURCE:EMPLOYEE_ID; `evidenced people list` shows them",
        ));
    }
    Ok(())
}

/// Everything one person has or had, with the snapshots that show it.
fn show(settings: &Settings, who: &str, on: Option<&str>, global: &Global) -> Result<Exit, Failure> {
    let as_of = seconds_up(line::now());
    let on = on.map(|text| super::evaluate::instant(text, settings)).transpose()?;
    let found = rows(
        settings,
        as_of,
        &format!(
            "SELECT person_key, name, work_email, department, manager_key, status FROM person
              WHERE person_key = {0} OR employee_id = {0} OR lower(work_email) = lower({0}) OR lower(name) = lower({0})
                 OR EXISTS (SELECT 1 FROM json_each(other_emails) AS o WHERE lower(o.value) = lower({0}))
              ORDER BY person_key",
            quoted(who)
        ),
    )?;
    let persons = objects(&found);
    let [person] = persons.as_slice() else {
        let keys: Vec<&str> = persons.iter().filter_map(|person| person["person_key"].as_str()).collect();
        return Err(match keys.as_slice() {
            [] => Failure::usage(format!("no roster has a person `{who}`"), "`evidenced people list` shows them"),
            keys => {
                Failure::usage(format!("`{who}` is {} persons", keys.len()), format!("name one: {}", keys.join(", ")))
            }
        });
    };
    let key = quoted(person["person_key"].as_str().unwrap_or_default());
    let of = |sql: String| -> Result<Vec<Map<String, Value>>, Failure> { Ok(objects(&rows(settings, as_of, &sql)?)) };
    let employment = of(format!(
        "SELECT spell, employment_type, start_date, end_date, start_at, end_at, end_recorded_at FROM employment
          WHERE person_key = {key} ORDER BY spell"
    ))?;
    let at = on.map(|on| quoted(&seconds_text(on)));
    let when = match &at {
        Some(at) => format!(
            "AND h.since_at = (SELECT max(n.since_at) FROM account_history AS n WHERE n.account_key = h.account_key AND n.since_at <= {at})"
        ),
        None => String::new(),
    };
    // on a day between two snapshots that differ nobody knows
    let certain = at.map_or_else(|| "NULL".to_owned(), |at| format!("h.until_at >= {at}"));
    let accounts = of(format!(
        "SELECT h.account_key, l.method AS linked_by, CASE h.listed WHEN 0 THEN 'not listed' ELSE coalesce(h.status, 'not said') END AS status,
                h.is_admin, h.before_at, h.since_at, h.since_snapshot, h.until_at, h.until_snapshot, {certain} AS certain
           FROM identity_link AS l JOIN account_history AS h ON h.account_key = l.account_key
          WHERE l.person_key = {key} {when} ORDER BY h.account_key, h.since_at"
    ))?;
    let removals = of(REMOVALS.replace("{key}", &key))?;
    let entitlements = of(format!(
        "SELECT e.account_key, e.resource, e.resource_kind, e.role, e.privilege, e.via, e.granted_at
           FROM identity_link AS l JOIN entitlement AS e ON e.account_key = l.account_key
          WHERE l.person_key = {key} ORDER BY e.account_key, e.resource, e.role, e.via"
    ))?;
    match global.format() {
        Format::Json => print::json(&json!({
            "schema": "evidenced/person/v1", "as_of": as_of, "on": on, "person": person, "employment": employment,
            "accounts": accounts, "removals": removals, "entitlements": entitlements,
        }))?,
        Format::Table => print::text_line(&told(person, &employment, &accounts, &removals, &entitlements))?,
    }
    Ok(Exit::Done)
}

/// From the end of employment to the removal of each account, as far as complete snapshots bound it.
const REMOVALS: &str = "WITH ended AS (
    SELECT max(unixepoch(end_at)) AS at FROM employment WHERE person_key = {key}
    HAVING count(*) > 0 AND sum(end_at IS NULL) = 0 AND max(unixepoch(end_at)) <= unixepoch(:as_of)
),
seen AS (
    SELECT h.account_key, max(CASE WHEN h.listed = 1 AND coalesce(h.status, 'enabled') = 'enabled' THEN h.until_at END) AS last_open_at
      FROM identity_link AS l JOIN account_history AS h ON h.account_key = l.account_key
     WHERE l.person_key = {key} GROUP BY h.account_key
),
bounded AS (
    SELECT s.account_key, s.last_open_at,
           (SELECT min(h.since_at) FROM account_history AS h
             WHERE h.account_key = s.account_key AND (h.listed = 0 OR h.status IN ('disabled', 'absent'))
               AND h.since_at >= coalesce(s.last_open_at, '')) AS first_closed_at
      FROM seen AS s
)
SELECT b.account_key, strftime('%Y-%m-%dT%H:%M:%SZ', e.at, 'unixepoch') AS employment_ended_at, b.last_open_at, b.first_closed_at,
       (unixepoch(b.last_open_at) - e.at) / 60 AS at_least_minutes, (unixepoch(b.first_closed_at) - e.at) / 60 AS at_most_minutes
  FROM bounded AS b JOIN ended AS e ORDER BY b.account_key";

/// The same for people.
fn told(
    person: &Map<String, Value>,
    employment: &[Map<String, Value>],
    accounts: &[Map<String, Value>],
    removals: &[Map<String, Value>],
    entitlements: &[Map<String, Value>],
) -> String {
    let mut text = String::new();
    let of = |row: &Map<String, Value>, name: &str| row.get(name).map(cell).unwrap_or_default();
    // writing to a String cannot fail
    let _ = writeln!(text, "{}  {}  {}", of(person, "person_key"), of(person, "name"), of(person, "work_email"));
    for spell in employment {
        let end = Some(of(spell, "end_date")).filter(|end| !end.is_empty()).unwrap_or_else(|| "no end".to_owned());
        let _ = writeln!(text, "employed   {} to {end}  {}", of(spell, "start_date"), of(spell, "employment_type"));
    }
    for run in accounts {
        let admin = if run["is_admin"] == json!(1) { ", administrator" } else { "" };
        let doubt = if run["certain"] == json!(0) { "  (later unknown: no snapshot until that day)" } else { "" };
        let _ = write!(
            text,
            "\n{}  {}{admin}, seen {} to {}{doubt}\n  shown by {} to {}, linked by {}",
            of(run, "account_key"),
            of(run, "status"),
            of(run, "since_at"),
            of(run, "until_at"),
            of(run, "since_snapshot"),
            of(run, "until_snapshot"),
            of(run, "linked_by"),
        );
    }
    if accounts.is_empty() {
        text.push_str("\nno account of this person was ever seen in a complete snapshot\n");
    }
    for removal in removals {
        let closed = of(removal, "first_closed_at");
        let bound = match (of(removal, "at_least_minutes"), of(removal, "at_most_minutes")) {
            (least, most) if closed.is_empty() => format!("still open, at least {least} minutes after the end, {most}"),
            (least, most) if least.is_empty() => format!("at most {most} minutes after the end"),
            (least, most) => format!("between {least} and {most} minutes after the end"),
        };
        let _ = write!(text, "\nremoval    {}  {}", of(removal, "account_key"), bound.trim_end_matches([' ', ',']));
    }
    for grant in entitlements {
        let _ = write!(
            text,
            "\nmay now    {}  {} {} {}",
            of(grant, "account_key"),
            of(grant, "role"),
            of(grant, "resource"),
            of(grant, "privilege")
        );
    }
    text
}
