//! Rosters as people export them, and what goes wrong with them: every record is kept as written or rejected by name.

use super::roster::Roster;
use super::{Settings, observe, preview};
use crate::settings::with_defaults;
use model::{CollectError, Completeness, Observation};
use serde_json::{Value, json};

/// The settings of most of these rosters, and what a test adds to them.
fn settings(more: Value) -> Settings {
    let mut given = json!({
        "path": "/roster/hr.csv",
        "columns": {
            "employee_id": "ID", "name": "Name", "work_email": "Email", "start_date": "Start", "end_date": "End",
        },
    });
    let Value::Object(more) = more else { panic!("an object") };
    given.as_object_mut().unwrap().extend(more);
    Settings::read(&with_defaults(&super::SPEC, &given)).unwrap()
}

fn read(content: impl AsRef<[u8]>) -> Result<Roster, CollectError> {
    settings(json!({})).roster(content.as_ref())
}

/// The roster of these rows below the usual headers.
fn observed(rows: &str) -> Observation {
    observe(read(format!("ID,Name,Email,Start,End\n{rows}")).unwrap()).unwrap()
}

fn rows(observation: &Observation, table: &str) -> Vec<model::Row> {
    observation.tables.iter().find(|found| found.spec().name == table).unwrap().rows().collect()
}

/// One column of a table, as text.
fn column(observation: &Observation, table: &str, column: &str) -> Vec<String> {
    rows(observation, table).iter().map(|row| row.get(column).map_or_else(String::new, text)).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn reasons(observation: &Observation) -> Vec<String> {
    match &observation.completeness {
        Completeness::Complete { .. } => Vec::new(),
        Completeness::Incomplete { reasons } => reasons.iter().map(|reason| reason.message.clone()).collect(),
    }
}

#[test]
fn records_are_rows_kept_plus_rows_rejected() {
    let roster = read(
        b"\xef\xbb\xbfID,Name,Email,Start,End\r\n1,Ada,,2020-01-01,\r\n2,Grace\r\n3,Linus,,01/02/2020,\r\n,Nobody,,,\r\n\
        4,Ken,,2020-01-01,2019-01-01\r\n5,\"Den\nnis\",,2020-01-01,\r\n6,Radia,,20-01-01,\r\n7,Alan,,2020-01-01,,\r\n,,,,\r\n",
    )
    .unwrap();
    assert_eq!((roster.records, roster.blank), (8, 1));
    assert_eq!(roster.records, (roster.spells.len() + roster.rejected.len()) as u64);
    assert_eq!(roster.spells.iter().map(|spell| spell.employee_id.as_str()).collect::<Vec<_>>(), ["1"]);
    let lines: Vec<u64> = roster.rejected.iter().map(|rejected| rejected.line).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 9, 10]);
    assert!(roster.rejected[1].why.contains("`%Y-%m-%d`"), "{:?}", roster.rejected[1]);
    assert_eq!(roster.rejected[6].why, "has 6 fields, the headers have 5");
}

#[test]
fn lines_are_counted_whatever_ends_them() {
    for content in [
        "ID,Name,Email,Start,End\n\n1,A,,,\n\n2,B\n",
        "ID,Name,Email,Start,End\r\n\r\n1,A,,,\r\n\r\n2,B\r\n",
        "ID,Name,Email,Start,End\r\r1,A,,,\r\r2,B\r",
        "ID,Name,Email,Start,End\r\n\n1,A,,,\r\r\n2,B",
    ] {
        let roster = read(content).unwrap();
        let lines: Vec<u64> = roster.spells.iter().map(|spell| spell.line).collect();
        assert_eq!((lines.as_slice(), roster.rejected[0].line), (&[3][..], 5), "{content:?}");
    }
}

#[test]
fn a_quotation_mark_left_open_is_noticed() {
    let roster = read("ID,Name,Email,Start,End\n1,\"Ada,,2020-01-01,\n2,Grace,,2020-01-01,\n").unwrap();
    assert!(roster.unbalanced_quotes);
    assert!(roster.spells.is_empty());
}

#[test]
fn the_delimiter_is_the_one_that_gives_the_headers() {
    for (delimiter, name) in [(",", "`,`"), (";", "`;`"), ("\t", "tab"), ("|", "`|`")] {
        let line = |fields: [&str; 5]| fields.join(delimiter) + "\n";
        let content = line(["ID", "Name", "Email", "Start", "End"]) + &line(["1", "\"A,B;C|D\"", "", "2020-01-01", ""]);
        let roster = read(&content).unwrap();
        assert_eq!(roster.how, format!("UTF-8, {name} between fields (detected)"));
        assert_eq!(roster.spells[0].name.as_deref(), Some("A,B;C|D"));
        let declared = settings(json!({ "delimiter": delimiter })).roster(content.as_bytes()).unwrap();
        assert_eq!(declared.how, format!("UTF-8, {name} between fields"));
    }
    let other = settings(json!({ "delimiter": ";" })).roster(b"ID,Name,Email,Start,End\n").unwrap_err();
    assert!(other.help().unwrap().contains("`delimiter` may be wrong"), "{:?}", other.help());
    let conflict = settings(json!({ "delimiter": "," })).roster(b"sep=;\nID;Name\n").unwrap_err();
    assert!(conflict.to_string().contains("first line says `;`"), "{conflict}");
    let only_id = json!({ "columns": { "employee_id": "ID" } });
    assert_eq!(settings(only_id).roster(b"ID\n1\n2\n").unwrap().spells.len(), 2);
}

#[test]
fn files_that_are_no_roster_are_refused_in_words() {
    for (content, word) in [
        (&b""[..], "empty file"),
        (b"<html><table><tr><td>ID</td></tr></table></html>", "web page"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", ".xls"),
        (b"{\"employees\": []}", "JSON array of objects"),
        (b"[1, 2]", "JSON array of objects"),
        (b"[] []", "JSON array of objects"),
        (b"PK\x03\x04nothing", "not a workbook"),
        (b"ID,N\xe9\n", "not UTF-8"),
    ] {
        let error = read(content).unwrap_err();
        assert!(error.to_string().contains(word), "{content:?}: {error}");
    }
}

#[test]
fn a_person_hired_again_is_one_person_with_two_spells() {
    let again =
        observed("1,Ada Example,ada@acme.example,2024-05-01,\n1,Ada Example,ada@acme.example,2018-02-01,2020-01-31\n");
    assert!(reasons(&again).is_empty());
    assert_eq!(column(&again, "hr_person", "spells"), ["2"]);
    assert_eq!(column(&again, "hr_person", "end_date"), [""], "the latest spell is open");
    assert_eq!(column(&again, "hr_spell", "start_date"), ["2018-02-01", "2024-05-01"]);
}

#[test]
fn overlapping_spells_are_kept_as_they_are() {
    let overlap = observed("1,Ada,a@acme.example,2018-02-01,2025-12-31\n1,Ada,a@acme.example,2024-05-01,2024-10-31\n");
    assert!(reasons(&overlap).is_empty());
    assert_eq!(column(&overlap, "hr_spell", "end_date"), ["2025-12-31", "2024-10-31"]);
    // with one start nobody can say which is the latest
    let twins = observed("1,Ada,a@acme.example,2018-02-01,\n1,Ada,a@acme.example,2018-02-01,2024-10-31\n");
    assert_eq!(rows(&twins, "hr_spell").len(), 2);
    assert!(reasons(&twins)[0].contains("lines 2 and 3"), "{:?}", reasons(&twins));
}

#[test]
fn a_future_leaver_keeps_the_date_to_come() {
    let future = observed("1,Ada,a@acme.example,2018-02-01,2099-12-31\n2,Grace,g@acme.example,2099-01-01,\n");
    assert!(reasons(&future).is_empty());
    assert_eq!(column(&future, "hr_person", "end_date"), ["2099-12-31", ""]);
    assert_eq!(column(&future, "hr_person", "start_date"), ["2018-02-01", "2099-01-01"]);
}

#[test]
fn an_alias_is_an_address_like_any_other() {
    let alias = observed("1,Ada,ada+hr@acme.example,2018-02-01,\n2,Ada,a.d.a@acme.example,2018-02-01,\n");
    assert_eq!(column(&alias, "hr_person", "work_email"), ["ada+hr@acme.example", "a.d.a@acme.example"]);
    let renamed = observed("1,Ada,old@acme.example,2018-02-01,2019-01-31\n1,Ada,new@acme.example,2020-02-01,\n");
    assert_eq!(column(&renamed, "hr_person", "other_emails"), ["[\"old@acme.example\"]"]);
}

#[test]
fn case_is_kept_and_tells_ids_apart() {
    let cases = observed("a1,Ada,Ada@ACME.example,2018-02-01,\nA1,Ada,ADA@acme.example,2018-02-01,\n");
    assert_eq!(column(&cases, "hr_person", "employee_id"), ["A1", "a1"]);
    assert_eq!(column(&cases, "hr_person", "work_email"), ["ADA@acme.example", "Ada@ACME.example"]);
}

#[test]
fn an_address_used_again_stays_with_everybody_who_had_it() {
    let reused = observed("1,Ada,sales@acme.example,2018-02-01,2020-01-31\n2,Grace,sales@acme.example,2020-02-01,\n");
    assert!(reasons(&reused).is_empty());
    assert_eq!(column(&reused, "hr_person", "work_email"), ["sales@acme.example", "sales@acme.example"]);
}

#[test]
fn letters_that_look_alike_are_not_made_equal() {
    // composed, decomposed, Cyrillic, with a character of no width, full width
    let names = ["Zoé", "Zoe\u{301}", "Zо\u{e9}", "Zo\u{200b}é", "Ｚoé"];
    let rows = names.map(|name| format!("{name},{name},{name}@acme.example,2018-02-01,\n"));
    let alike = observed(&rows.concat());
    assert!(reasons(&alike).is_empty());
    let mut expected = names.map(str::to_owned);
    expected.sort();
    assert_eq!(column(&alike, "hr_person", "employee_id"), expected);
    assert_eq!(column(&alike, "hr_person", "name"), expected);
}

#[test]
fn identical_rows_are_one_spell() {
    let twice = observed("1,Ada,a@acme.example,2018-02-01,\n1,Ada,a@acme.example,2018-02-01,\n");
    assert!(reasons(&twice).is_empty());
    assert_eq!(rows(&twice, "hr_spell").len(), 1);
    assert_eq!((twice.counts[0].counted, twice.counts[0].declared), (2, Some(2)));
}

#[test]
fn the_preview_shows_how_the_file_is_read_and_what_is_not() {
    let settings = settings(json!({ "date_formats": { "end_date": "%d.%m.%Y" } }));
    let content =
        "ID;Cost centre;Name;Email;Start;End;\n1;7;Ada Example;ada@acme.example;2018-02-01;31.12.2025;\n2;7\n";
    let roster = settings.roster(content.as_bytes()).unwrap();
    assert_eq!(
        preview::lines(&roster, &settings),
        [
            "read as UTF-8, `;` between fields (detected)",
            "`ID` → employee_id, `Name` → name, `Email` → work_email, `Start` → start_date (`%Y-%m-%d`), `End` → end_date (`%d.%m.%Y`)",
            "headers that feed no column: `Cost centre`, (column 7)",
            "columns that no header feeds, not reported: manager, department, employment_type, end_recorded_at, status",
            "line 2: employee_id `1`, name `Ada Example`, work_email `ada@acme.example`, start_date `2018-02-01`, end_date `2025-12-31`",
            "rejected: line 3 has 2 fields, the headers have 7",
        ]
    );
}

/// Every recorded roster of the fixtures, changed two hundred times each: it may be refused, it may not panic, and what is
/// read is still rows kept plus rows rejected.
#[test]
fn damaged_files_are_refused_or_read_but_never_end_the_run() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % below as u64).unwrap()
    };
    for fixture in crate::fixture::fixtures("hr_file") {
        let Some(exchange) = fixture.exchanges.first().filter(|exchange| !exchange.body.is_empty()) else { continue };
        let Ok(settings) = Settings::read(&with_defaults(&super::SPEC, &fixture.case.settings)) else { continue };
        for _ in 0..200 {
            let mut content = exchange.body.to_vec();
            for _ in 0..=random(4) {
                let at = random(content.len());
                match random(4) {
                    0 => content[at] ^= 1 << random(8),
                    1 => content.truncate(at.max(1)),
                    2 => content.insert(at, b"\"\r\n;,[{\0\xff"[random(9)]),
                    _ => drop(content.remove(at)),
                }
                if content.is_empty() {
                    content.push(b'I');
                }
            }
            if let Ok(roster) = settings.roster(&content) {
                assert_eq!(roster.records, (roster.spells.len() + roster.rejected.len()) as u64);
            }
        }
    }
}

#[test]
fn one_number_of_two_people_at_once_is_told() {
    let told = |rows: &str| {
        let roster = read(format!("ID,Name,Email,Start,End\n{rows}")).unwrap();
        reasons(&observe(roster).unwrap())
    };
    let fabian = "7,Fabian,fabian@acme.example,2020-01-01,2025-01-31\n";
    let greta = |start: &str| format!("{fabian}7,Greta,greta@acme.example,{start},\n");
    assert_eq!(told(&greta("2024-06-01")), ["employee `7` is two people at once by name and address (lines 2 and 3)"]);
    assert_eq!(told(&greta("2025-02-01")), Vec::<String>::new(), "a number that is given again");
    let married = format!("{fabian}7,Fabian Two,fabian@acme.example,2024-06-01,\n");
    assert_eq!(told(&married), Vec::<String>::new(), "a second contract under another name");
}
