//! Rosters as a user meets them: what `doctor` shows before anybody relies on one, and what is kept of the file.

use crate::support::Audit;
use serde_json::json;

const SOURCE: &str = "[sources.hr]\ncollector = \"hr_file\"\npath = \"hr.txt\"\nschedule = \"manual\"\n\
                      date_format = \"%d.%m.%Y\"\n\
                      columns = { employee_id = \"ID\", name = \"Name\", start_date = \"Start\", end_date = \"End\" }\n";

/// A spreadsheet's `Unicode text`: UTF-16 with byte order mark, tabs, `\r\n`.
fn spreadsheet(rows: &str) -> Vec<u8> {
    let text = rows.replace('\n', "\r\n");
    [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect()
}

#[test]
fn doctor_shows_how_a_roster_is_read_before_it_is_relied_on() {
    let audit = Audit::with(SOURCE);
    let file = spreadsheet(
        "ID\tName\tStart\tEnd\tCost centre\n1\tZoë Example\t01.02.2018\t\t7\n2\tKen Example\t13/31/2020\t\t7\n",
    );
    std::fs::write(audit.path("hr.txt"), &file).unwrap();
    let said = audit.run(&["doctor", "hr"]);
    assert_eq!(said.code, 3, "{said:#?}");
    for line in [
        "read as UTF-16LE with byte order mark, tab between fields (detected)",
        "`ID` → employee_id, `Name` → name, `Start` → start_date (`%d.%m.%Y`), `End` → end_date (`%d.%m.%Y`)",
        "headers that feed no column: `Cost centre`",
        "line 2: employee_id `1`, name `Zoë Example`, start_date `2018-02-01`",
        "rejected: line 3 `start_date` is `13/31/2020`, which is no date in the format `%d.%m.%Y`",
    ] {
        assert!(said.stdout.contains(line), "{line}\n{}", said.stdout);
    }
    // nothing of a trial run is kept
    assert_eq!(audit.json(0, &["snapshots", "list"])["snapshots"], json!([]));

    std::fs::write(audit.path("hr.txt"), spreadsheet("id\tName\tName\tStart\n")).unwrap();
    let said = audit.run(&["doctor", "hr"]);
    for problem in ["no header `ID`", "the header `Name`", "no header `End`", "did you mean `employee_id = \"id\"`"] {
        assert!(said.stdout.contains(problem), "{problem}\n{}", said.stdout);
    }
}

#[test]
fn the_bytes_of_a_roster_are_kept_as_they_are() {
    let audit = Audit::with(SOURCE);
    let file =
        spreadsheet("ID\tName\tStart\tEnd\n1\tZoë Example\t01.02.2018\t\n2\tKen Example\t01.03.2019\t31.12.2025\n");
    std::fs::write(audit.path("hr.txt"), &file).unwrap();
    let collected = audit.json(0, &["collect"]);
    let id = collected["snapshots"][0]["id"].as_str().unwrap();
    let shown = audit.json(0, &["snapshots", "show", id]).to_string();
    let digest = model::Digest::of(&file).to_string();
    assert!(shown.contains(&digest), "{digest} is not in {shown}");
    assert_eq!(audit.run(&["fsck", "--derive"]).code, 0);
}
