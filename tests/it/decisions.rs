//! What people decide: a finding followed to its verified end, an exception that two people grant, and what a pack and a
//! replay of the log say of it.

use crate::support::{Audit, Outcome};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;

const SOURCES: &str = r#"
[sources.hr]
collector = "hr_file"
path = "hr.csv"
columns = { employee_id = "ID", name = "Name", work_email = "Email", start_date = "Start", end_date = "End" }

[sources.crm]
collector = "exec"
program = "./crm"
population = "Everybody who can sign in."

[sources.crm.table.user]
key = ["login"]
columns = { login = "text", email = "text", active = "boolean" }

[sources.crm.table.user.map.account]
account_key = "login"
login = "login"
email = "email"
status = "CASE active WHEN 1 THEN 'enabled' WHEN 0 THEN 'disabled' END"
"#;

const CHECK: &str = "leaver_still_active";

/// Ada and Cy have left, Bob has not; `active` says who of them can sign in.
pub(crate) struct Company(pub(crate) Audit);

impl Company {
    pub(crate) fn found() -> Self {
        let audit = Audit::with(SOURCES);
        audit.write(
            "hr.csv",
            "ID,Name,Email,Start,End\n1,Ada,ada@acme.example,2020-01-01,2024-03-31\n\
             2,Bob,bob@acme.example,2020-01-01,\n3,Cy,cy@acme.example,2020-01-01,2024-05-31\n",
        );
        Self(audit)
    }

    /// Collects with those who can sign in, and checks.
    pub(crate) fn look(&self, active: [bool; 3], code: i32) -> Value {
        let row = |(login, active): (&str, bool)| {
            format!(
                "echo '{{\"type\":\"record\",\"table\":\"user\",\"row\":{{\"login\":\"{login}\",\
                 \"email\":\"{login}@acme.example\",\"active\":{active}}}}}'\n"
            )
        };
        let rows: String = ["ada", "bob", "cy"].into_iter().zip(active).map(row).collect();
        self.0.write(
            "crm",
            &format!(
                "#!/bin/sh\necho '{{\"type\":\"start\",\"schema\":\"evidenced/envelope/v1\"}}'\n{rows}\
                 echo '{{\"type\":\"end\",\"counts\":{{\"user\":3}}}}'\n"
            ),
        );
        std::fs::set_permissions(self.0.path("crm"), std::fs::Permissions::from_mode(0o755)).unwrap();
        self.0.json(0, &["collect"]);
        self.0.json(code, &["check", CHECK])["evaluations"][0].clone()
    }

    fn finding(&self, id: &str) -> Value {
        self.0.json(0, &["findings", "show", id])["finding"].clone()
    }

    fn act(&self, arguments: &[&str]) -> Outcome {
        self.0.run(&[&["findings"], arguments].concat())
    }

    /// Acts, and says what state that led to.
    pub(crate) fn done(&self, arguments: &[&str]) -> Value {
        self.0.json(0, &[&["findings"], arguments].concat())["finding"]["state"].clone()
    }

    fn refused(&self, guard: &str, arguments: &[&str]) {
        let outcome = self.act(arguments);
        assert_eq!(outcome.code, 2, "{outcome:#?}");
        assert!(outcome.stderr.contains(&format!("refused ({guard})")), "{outcome:#?}");
    }

    pub(crate) fn last_snapshot(&self) -> String {
        self.0.json(0, &["snapshots", "list", "--source", "crm"])["snapshots"][0]["id"].as_str().unwrap().to_owned()
    }
}

#[test]
fn a_finding_is_followed_to_its_verified_end() {
    let company = Company::found();
    let id = "leaver_still_active-1";
    company.look([true, true, false], 1);
    assert_eq!(company.finding(id)["state"], "draft");

    company.refused("state", &["close", id, "--effectiveness", "it holds", "--by", "Grace"]);
    assert_eq!(company.done(&["confirm", id, "--class", "major", "--by", "Grace"]), "confirmed");
    let plan = ["plan", id, "--owner", "Lin", "--due", "2030-01-31", "--by", "Grace"];
    company.refused("plan", &plan);
    let parts = [
        "--correction",
        "disabled",
        "--root-cause",
        "no ticket",
        "--method",
        "five whys",
        "--similar",
        "none",
        "--action",
        "HR tells IT",
    ];
    assert_eq!(company.done(&[&plan[..], &parts[..]].concat()), "planned");

    // mended before the owner says so: that is seen, and proves nothing of the action yet
    company.look([false, true, false], 0);
    assert_eq!(company.finding(id)["state"], "planned");
    let evidence = company.last_snapshot();
    company.refused("owner", &["implement", id, "--evidence", &evidence, "--by", "Grace"]);
    let nowhere = company.act(&["implement", id, "--evidence", "nothing-1", "--by", "Lin"]);
    assert!(nowhere.code == 2 && nowhere.stderr.contains("`nothing-1`"), "{nowhere:#?}");
    assert_eq!(company.done(&["implement", id, "--evidence", &evidence, "--by", "Lin"]), "implemented");
    company.refused("check", &["verify", id, "--evidence", &evidence, "--by", "Grace"]);
    assert_eq!(company.0.json(0, &["check", CHECK])["evaluations"][0]["outcome"], "pass");
    assert_eq!(company.finding(id)["state"], "implemented", "the evidence is from before the action");

    company.look([false, true, false], 0);
    let verified = company.finding(id);
    assert_eq!(verified["state"], "verified");
    assert!(verified["verified"]["shown_by"][0]["snapshots"].to_string().contains(&company.last_snapshot()));
    company.refused("second_person", &["close", id, "--effectiveness", "it holds", "--by", "lin"]);
    assert_eq!(company.done(&["close", id, "--effectiveness", "nobody since", "--by", "Grace"]), "closed");

    // once more: another finding, which says what it repeats
    company.look([false, true, true], 1);
    assert_eq!(company.finding("leaver_still_active-2")["repeat_of"], id);
    let shown = company.act(&["show", id]).stdout;
    for word in ["root cause no ticket", "by Lin", "nobody since", "five whys"] {
        assert!(shown.contains(word), "{word}: {shown}");
    }
    company.0.assert_sound();
}

#[test]
fn an_exception_takes_two_people_and_is_shown_wherever_the_failure_would_be() {
    let company = Company::found();
    company.look([true, true, false], 1);
    let request = |until: &str| {
        let arguments = [
            "exceptions",
            "request",
            CHECK,
            "crm:ada",
            "--reason",
            "handing over",
            "--instead",
            "read only",
            "--until",
            until,
            "--by",
            "Lin",
        ];
        company.0.run(&arguments)
    };
    let past = request("2020-01-01");
    assert!(past.code == 2 && past.stderr.contains("refused (expiry)"), "{past:#?}");
    let misspelt = company.0.run(&[
        "exceptions",
        "request",
        "leaver_stil_active",
        "crm:ada",
        "--reason",
        "r",
        "--instead",
        "i",
        "--until",
        "2030-01-31",
        "--by",
        "Lin",
    ]);
    assert!(misspelt.code == 2 && misspelt.stderr.contains("did you mean `leaver_still_active`?"), "{misspelt:#?}");
    assert_eq!(request("2030-01-31").code, 0);

    // asked for is not granted
    assert_eq!(company.look([true, true, false], 1)["verdicts"]["fail"], 1);
    let own = company.0.run(&["exceptions", "approve", "exception-1", "--by", "LIN"]);
    assert!(own.code == 2 && own.stderr.contains("refused (second_person)"), "{own:#?}");
    assert_eq!(company.0.run(&["exceptions", "approve", "exception-1", "--by", "Grace"]).code, 0);

    let evaluation = company.look([true, true, false], 0);
    assert_eq!((&evaluation["outcome"], &evaluation["verdicts"]["excepted"]), (&"pass".into(), &1.into()));
    assert_eq!(evaluation["why"][0], "1 failing under exception-1");
    let finding = company.finding("leaver_still_active-1");
    assert_eq!((&finding["state"], &finding["items"][0]["exception"]), (&"draft".into(), &"exception-1".into()));
    let text = company.0.run(&["check", CHECK]).stdout;
    assert!(text.contains("0 fail, 1 pass, 0 unknown, 1 excepted"), "{text}");
    assert!(text.contains("leaver_still_active fails under exception-1 until 2030-02-01T00:00:00Z for"), "{text}");
    // somebody whom it does not name fails all the same
    assert_eq!(company.look([true, true, true], 1)["verdicts"]["fail"], 1);

    let pack = company.0.path("pack");
    assert!(company.0.run(&["pack", "create", "-o", "pack"]).code < 2);
    let sheet = std::fs::read_to_string(pack.join("05_EXCEPTIONS.csv")).unwrap();
    assert!(sheet.contains("exception-1,approved,leaver_still_active,crm:ada"), "{sheet}");
    assert!(sheet.contains("handing over,read only,Lin,") && sheet.contains(",Grace,"), "{sheet}");
    let report = std::fs::read_to_string(pack.join("report.html")).unwrap();
    assert!(report.contains("handing over; instead: read only"), "the report does not name the exception");
    assert_eq!(company.0.run(&["verify", "pack"]).code, 0);

    let revoke = ["exceptions", "revoke", "exception-1", "--reason", "done", "--by", "Lin"];
    assert_eq!(company.0.run(&revoke).code, 0);
    assert_eq!(company.look([true, true, false], 1)["verdicts"]["excepted"], 0);
    assert_eq!(company.finding("leaver_still_active-1")["items"][0].get("exception"), None);
    company.0.assert_sound();
}

#[test]
fn a_finding_that_no_check_raises_is_verified_by_evidence_and_a_second_person() {
    let company = Company::found();
    company.look([false, true, false], 0);
    let raise = |control: &str| {
        company.act(&[
            "raise",
            "--title",
            "Keys are shared",
            "--criteria",
            "One key a person",
            "--condition",
            "Two people use one",
            "--control",
            control,
            "--by",
            "Pat",
        ])
    };
    let unknown = raise("iso27001:2022/A.9.99");
    assert!(unknown.code == 2 && unknown.stderr.contains("A.9.99"), "{unknown:#?}");
    assert_eq!(raise("iso27001:2022/A.5.17").code, 0);
    let id = "manual-1";
    assert_eq!(company.done(&["confirm", id, "--class", "minor", "--by", "Grace"]), "confirmed");
    let plan = [
        "plan",
        id,
        "--owner",
        "Lin",
        "--due",
        "2030-01-31",
        "--by",
        "Grace",
        "--correction",
        "c",
        "--root-cause",
        "r",
        "--method",
        "m",
        "--similar",
        "s",
        "--action",
        "a",
    ];
    assert_eq!(company.done(&plan), "planned");
    let evidence = company.last_snapshot();
    assert_eq!(company.done(&["implement", id, "--evidence", &evidence, "--by", "Lin"]), "implemented");
    company.look([false, true, false], 0);
    assert_eq!(company.finding(id)["state"], "implemented", "no check speaks for it");
    company.refused("second_person", &["verify", id, "--evidence", &evidence, "--by", "Lin"]);
    // of two people who looked at the same time, the second is told
    let stale = company.act(&["verify", id, "--evidence", &evidence, "--by", "Grace", "--looked-at", "1"]);
    assert!(stale.code == 2 && stale.stderr.contains("refused (conflict)"), "{stale:#?}");
    assert_eq!(company.done(&["verify", id, "--evidence", &evidence, "--by", "Grace"]), "verified");
    assert_eq!(company.done(&["close", id, "--effectiveness", "one each", "--by", "Grace"]), "closed");
    company.0.assert_sound();
}

#[test]
fn added_evidence_is_sealed_speaks_for_its_control_and_comes_out_as_it_went_in() {
    let company = Company::found();
    company.look([false, true, false], 0);
    let audit = &company.0;
    audit.write("minutes.pdf", "%PDF-1.7 minutes of the review");
    let control = "iso27001:2022/9.3";
    let add = |file: &str, control: &str, to: &str| {
        let word =
            ["--title", "Management review", "--control", control, "--from", "2026-01-01", "--to", to, "--by", "Ada"];
        audit.run(&[&["evidence", "add", file], &word[..]].concat())
    };
    for (file, control, to, word) in [
        ("nowhere.pdf", control, "2026-12-31", "nowhere.pdf"),
        (".", control, "2026-12-31", "is no file"),
        ("minutes.pdf", "iso27001:2022/99", "2026-12-31", "`iso27001:2022/99`"),
        ("minutes.pdf", control, "2025-12-31", "refused (date)"),
    ] {
        let refused = add(file, control, to);
        assert!(refused.code == 2 && refused.stderr.contains(word), "{word}: {refused:#?}");
    }
    assert_eq!(add("minutes.pdf", control, "2026-12-31").code, 0);

    let controls = audit.json(0, &["controls", "list"]);
    let row = controls["controls"].as_array().unwrap().iter().find(|row| row["id"] == control).unwrap().clone();
    assert_eq!((&row["outcome"], &row["evidence"][0]), (&"review".into(), &"evidence-1".into()), "never green");
    assert_eq!(audit.run(&["evidence", "get", "evidence-1", "-o", "out.pdf"]).code, 0);
    assert_eq!(std::fs::read_to_string(audit.path("out.pdf")).unwrap(), "%PDF-1.7 minutes of the review");

    assert!(audit.run(&["pack", "create", "-o", "pack"]).code < 2);
    let page = std::fs::read_to_string(audit.path("pack/controls/iso27001-2022/9.3/index.html")).unwrap();
    assert!(page.contains("Management review") && page.contains(">evidence-1<"), "{page}");
    let index = std::fs::read_to_string(audit.path("pack/02_EVIDENCE_INDEX.csv")).unwrap();
    let row = index
        .lines()
        .find(|line| line.starts_with("evidence-1,iso27001:2022/9.3,"))
        .unwrap_or_else(|| panic!("{index}"));
    let file = row.split(',').find(|cell| cell.starts_with("documents/evidence/")).unwrap();
    let file = std::fs::read_to_string(audit.path("pack").join(file)).unwrap();
    assert_eq!(file, "%PDF-1.7 minutes of the review");
    assert_eq!(audit.run(&["verify", "pack"]).code, 0);

    let withdraw = ["evidence", "withdraw", "evidence-1", "--reason", "the wrong year", "--by", "Grace"];
    assert_eq!(audit.run(&withdraw).code, 0);
    assert_eq!(audit.json(0, &["evidence", "list"])["evidence"][0]["standing"], "withdrawn");
    audit.assert_sound();
}

#[test]
fn the_past_is_told_again_from_sealed_evidence() {
    let company = Company::found();
    company.look([true, true, false], 1);
    let first = company.last_snapshot();
    let collected = company.0.json(0, &["snapshots", "list"])["snapshots"].clone();
    let seen_first = collected.as_array().unwrap().iter().map(|row| row["finished_at"].as_str().unwrap());
    let seen_first = seen_first.max().unwrap().to_owned();
    // evaluations are of whole seconds
    std::thread::sleep(std::time::Duration::from_millis(1100));
    company.look([false, true, true], 1);
    let second = company.last_snapshot();

    // in whatever order they are named
    let difference = company.0.json(0, &["diff", &second, &first])["difference"].clone();
    assert_eq!((&difference["before"]["snapshot"], &difference["source"]), (&first.clone().into(), &"crm".into()));
    let table = &difference["tables"][0];
    assert_eq!((table["changed"].as_array().unwrap().len(), &table["unchanged"]), (2, &1.into()));
    assert_eq!(table["changed"][0]["columns"][0], serde_json::json!(["active", true, false]));
    let text = company.0.run(&["diff", &first, &second]).stdout;
    assert!(text.contains("~ login=ada: active true -> false") && text.contains("2 changed, 1 unchanged"), "{text}");
    let roster = company.0.json(0, &["snapshots", "list", "--source", "hr"])["snapshots"][0]["id"].clone();
    let other = company.0.run(&["diff", &first, roster.as_str().unwrap()]);
    assert!(other.code == 2 && other.stderr.contains("two snapshots of one source"), "{other:#?}");

    let before = company.0.json(0, &["log", "tail"]);
    let told = company.0.json(0, &["backtest", CHECK, "--from", &seen_first, "--every", "1h"]);
    let told = told["evaluations"].as_array().unwrap();
    let began = told.iter().flat_map(|one| one["began"].as_array().unwrap());
    let failing: Vec<&str> = began.map(|subject| subject.as_str().unwrap()).collect();
    assert_eq!((told.len(), failing), (2, vec!["crm:ada", "crm:cy"]), "{told:#?}");
    assert_eq!(told[1]["ended"], serde_json::json!(["crm:ada"]));
    assert_eq!(told.last().unwrap()["verdicts"]["fail"], 1);
    assert_eq!(company.0.json(0, &["log", "tail"]), before, "nothing is sealed by it");
}

/// The programme's own checks, on what people did and on how the log is kept.
#[test]
fn the_programme_is_checked_like_everything_else() {
    let company = Company::found();
    let of = |check: &str, code: i32| company.0.json(code, &["check", check])["evaluations"][0].clone();
    let said = |check: &str, code: i32, words: &str| {
        let evaluation = of(check, code);
        assert!(evaluation.to_string().contains(words), "{evaluation:#}");
    };
    let id = "leaver_still_active-1";
    company.look([true, true, false], 1);

    // the program tells how many rows it wrote and the file how many lines it has, nobody how many people there are
    let counted = of("population_not_reconciled", 0);
    assert_eq!(
        (&counted["outcome"], &counted["verdicts"]["pass"], &counted["verdicts"]["not_applicable"]),
        (&"pass".into(), &2.into(), &1.into()),
        "{counted:#}"
    );
    company
        .0
        .write("crm", &std::fs::read_to_string(company.0.path("crm")).unwrap().replace("\"user\":3", "\"user\":4"));
    company.0.json(3, &["collect", "crm"]);
    said("population_not_reconciled", 1, "3 members were read, and ");

    assert_eq!(of("corrective_action_overdue", 0)["outcome"], "not_applicable", "a draft is nobody's action yet");
    company.look([true, true, false], 1);
    company.done(&["confirm", id, "--class", "major", "--by", "Grace"]);
    assert_eq!(of("corrective_action_overdue", 0)["outcome"], "pass", "there is time to plan");
    let parts = ["--correction", "c", "--root-cause", "r", "--method", "m", "--similar", "s", "--action", "a"];
    let plan = ["plan", id, "--owner", "Lin", "--due", "2020-01-31", "--by", "Grace"];
    company.done(&[&plan[..], &parts[..]].concat());
    said("corrective_action_overdue", 1, "its action was due on 2020-01-31 and is not implemented; its owner is Lin");
    company.done(&["due", id, "2030-01-31", "--reason", "a supplier is late", "--by", "Grace"]);
    said("corrective_action_overdue", 0, "pass");

    assert_eq!(of("exception_expired", 0)["outcome"], "not_applicable");
    let request =
        ["exceptions", "request", CHECK, "crm:ada", "--reason", "r", "--instead", "i", "--until", "2030-01-31"];
    company.0.json(0, &[&request[..], &["--by", "Lin"]].concat());
    company.0.json(0, &["exceptions", "approve", "exception-1", "--by", "Grace"]);
    company.look([true, true, false], 0);
    said("exception_expired", 0, "pass");
    company.0.json(0, &["exceptions", "revoke", "exception-1", "--reason", "no more", "--by", "Lin"]);
    said("exception_expired", 1, "1 of the failures of leaver_still_active that it named are still open");
    company.look([false, true, false], 0);
    said("exception_expired", 0, "pass");

    assert_eq!(of("log_does_not_verify", 0)["outcome"], "not_applicable", "nobody has looked through it yet");
    company.0.json(0, &["scrub"]);
    said("log_does_not_verify", 0, "pass");
    company.0.assert_sound();
}
