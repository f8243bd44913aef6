//! Bridges: sources of the user's own, by configuration alone, through the whole line. The examples are the README's.

use crate::faults::{Fault, Injection, Proxy};
use crate::peers::emulate::{Emulator, TOKEN};
use crate::peers::installed;
use crate::peers::postgres::{self, Postgres};
use crate::peers::scim;
use crate::peers::tsa::{Certificate, Issuer, LONG};
use crate::support::{Audit, Outcome};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

/// A secret no other text of the test holds.
const SECRET: &str = "canary-of-the-bridges";

const HR: &str = "[sources.hr]\ncollector = \"hr_file\"\npath = \"hr.csv\"\nschedule = \"manual\"\n\
                  columns = { employee_id = \"ID\", name = \"Name\", work_email = \"Email\", start_date = \"Start\", end_date = \"End\" }\n";

/// Ada has left, Bob has not.
const ROSTER: &str =
    "ID,Name,Email,Start,End\n1,Ada,ada@acme.example,2020-01-01,2024-03-31\n2,Bob,bob@acme.example,2020-01-01,\n";

/// The blocks of the README's example of `bridge`, in their order.
fn example(bridge: &str) -> Vec<String> {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md")).unwrap();
    let (_, section) =
        readme.split_once(&format!("\n### `{bridge}`")).unwrap_or_else(|| panic!("no example of {bridge}"));
    let section = section.split("\n#").next().unwrap();
    let mut blocks = vec![String::new()];
    for line in section.lines().skip(1) {
        match line.strip_prefix("    ") {
            Some(code) => blocks.last_mut().unwrap().extend([code, "\n"]),
            None if line.is_empty() => blocks.last_mut().unwrap().push('\n'),
            None => blocks.push(String::new()),
        }
    }
    blocks.into_iter().map(|block| block.trim().to_owned() + "\n").filter(|block| block != "\n").collect()
}

/// An audit of a roster and of what `source` configures.
fn audit(source: &str) -> Audit {
    let audit = Audit::with(&format!("{HR}\n{source}"));
    audit.write("hr.csv", ROSTER);
    audit
}

/// Makes the file `name` a program that does `script`.
fn program(audit: &Audit, name: &str, script: &str) {
    audit.write(name, script);
    std::fs::set_permissions(audit.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// Runs the program with the secret in its environment.
fn run(audit: &Audit, arguments: &[&str]) -> Outcome {
    let variables = ["CRM_TOKEN"].map(|name| (name, SECRET));
    Outcome::of(audit.command(arguments).envs(variables).output().unwrap())
}

fn run_json(audit: &Audit, code: i32, arguments: &[&str]) -> Value {
    let outcome = run(audit, &[arguments, &["--format", "json"]].concat());
    assert_eq!(outcome.code, code, "{arguments:?}: {outcome:#?}");
    serde_json::from_str(&outcome.stdout).unwrap()
}

/// Collects `source`; its snapshot.
fn collect(audit: &Audit, source: &str, status: &str) -> Value {
    let code = if status == "complete" { 0 } else { 3 };
    let collected = run_json(audit, code, &["collect", source]);
    let snapshot = collected["snapshots"][0].clone();
    assert_eq!(snapshot["status"], status, "{snapshot:#}");
    snapshot
}

/// What is wrong with a snapshot, in one text.
fn why(snapshot: &Value) -> String {
    format!("{} {}", snapshot["reasons"], snapshot["errors"])
}

/// The leaver check: who fails.
fn leavers(audit: &Audit, code: i32) -> Vec<String> {
    let checked = run_json(audit, code, &["check", "leaver_still_active"]);
    let failing = checked["evaluations"][0]["failing"].as_array().unwrap().iter();
    failing.map(|member| member["subject"].as_str().unwrap().to_owned()).collect()
}

/// The store is sound, every table derives again, and nothing that was kept holds the secret.
fn assert_kept_well(audit: &Audit) {
    let fsck = run(audit, &["fsck", "--derive"]);
    assert_eq!(fsck.code, 0, "{fsck:#?}");
    for path in audit.everything().into_iter().filter(|path| path.is_file() && !path.ends_with("secret")) {
        let content = std::fs::read(&path).unwrap();
        let spoken = content.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!spoken, "{} holds the secret", path.display());
    }
}

fn crm() -> (Audit, String) {
    let [configuration, script] = <[String; 2]>::try_from(example("exec")).unwrap();
    let audit = audit(&configuration);
    program(&audit, "crm-users", &script);
    assert_eq!(run(&audit, &["collect", "hr"]).code, 0);
    (audit, script)
}

#[test]
fn a_program_of_the_user_s_own_brings_a_system_in() {
    let (audit, script) = crm();
    // it may say what it was told: the secret is taken out before anything is kept
    let telling = "#!/bin/sh\necho \"asked with $CRM_TOKEN\" >&2\nenv | sort >&2\n";
    program(&audit, "crm-users", &script.replace("#!/bin/sh\n", telling));
    let snapshot = collect(&audit, "crm", "complete");
    assert_eq!(snapshot["completeness"]["declared"], 2, "{snapshot:#}");
    let shown = run_json(&audit, 0, &["snapshots", "show", snapshot["id"].as_str().unwrap()]).to_string();
    assert!(shown.contains("Everybody who can sign in to the CRM") && shown.contains("credential removed"), "{shown}");
    assert!(!shown.contains("HOME="), "the program gets an environment of its own: {shown}");

    assert_eq!(leavers(&audit, 1), ["crm:ada"]);
    program(
        &audit,
        "crm-users",
        &script.replace("ada@acme.example\",\"active\":true", "ada@acme.example\",\"active\":false"),
    );
    collect(&audit, "crm", "complete");
    assert_eq!(leavers(&audit, 0), [""; 0]);
    let rows = run_json(&audit, 0, &["query", "SELECT login, active FROM crm_user ORDER BY 1"]);
    assert_eq!(rows["rows"], json!([["ada", 0], ["bob", 1]]));
    let near = run(&audit, &["query", "SELECT * FROM crm_usr"]);
    assert!(near.stderr.contains("did you mean `crm_user`?"), "{near:#?}");
    assert_kept_well(&audit);

    // an auditor gets the declared table and what its population is
    let packed = run(&audit, &["pack", "create", "-o", "pack"]);
    assert_eq!(packed.code, 0, "{packed:#?}");
    assert_eq!(run(&audit, &["verify", "pack"]).code, 0);
    let report = std::fs::read_to_string(audit.path("pack/report.html")).unwrap();
    assert!(report.contains("Everybody who can sign in to the CRM, disabled users included."));
    let named = |folder: &str| {
        crate::support::files(&audit.path("pack")).iter().any(|file| file.to_str().unwrap().contains(folder))
    };
    assert!(named("crm_user") && named("populations/crm"), "{:?}", crate::support::files(&audit.path("pack")));
    assert_kept_well(&audit);
}

#[test]
fn an_output_that_does_not_say_that_it_is_all_passes_nothing() {
    let (audit, script) = crm();
    let without_ada: String =
        script.lines().filter(|line| !line.contains("ada")).map(|line| format!("{line}\n")).collect();
    let without_end: String =
        script.lines().filter(|line| !line.contains("\"end\"")).map(|line| format!("{line}\n")).collect();
    for (broken, status, says) in [
        (without_end, "incomplete", "has no `end`"),
        (without_ada, "incomplete", "1 records of `crm_user` were read, the `end` of its output says 2"),
        (script.replace("\"login\":\"ada\"", "\"login\":null"), "incomplete", "has no value for the key `login`"),
        (script.replace("\"active\":true", "\"active\":\"on\""), "incomplete", "which is no true or false"),
        (script.replace("\"email\"", "\"mail\""), "incomplete", "no record of `crm_user` has `email`"),
        (script.clone() + "echo '{\"type\":\"end\",\"counts\":{\"user\":2}}'\n", "failed", "comes after the `end`"),
        (script.clone() + "exit 7\n", "failed", "exit code 7"),
        (script.clone() + "exec sleep 100\n", "failed", "did not end in time"),
    ] {
        let audit = audit.copy();
        program(&audit, "crm-users", &broken);
        let file = std::fs::read_to_string(audit.path("evidenced.toml")).unwrap();
        audit.write("evidenced.toml", &file.replace("program = ", "timeout = \"2s\"\nprogram = "));
        let snapshot = collect(&audit, "crm", status);
        assert!(why(&snapshot).contains(says), "{says}: {snapshot:#}");
        let checked = run(&audit, &["check", "leaver_still_active", "--format", "json"]);
        assert!(checked.code == 1 || checked.code == 3, "{says}: {checked:#?}");
        assert!(checked.stdout.contains("\"pass\": 0,"), "{says}: {checked:#?}");
        assert_kept_well(&audit);
    }
}

#[test]
fn what_is_wrong_with_a_declaration_is_told_with_its_line() {
    let (audit, _) = crm();
    let good = std::fs::read_to_string(audit.path("evidenced.toml")).unwrap();
    for (from, to, says, line) in [
        (
            "map.account]",
            "map.acount]",
            "there is no vocabulary table `acount`\n  help: did you mean `account`?",
            "acount]",
        ),
        (
            "login = \"login\"\nemail",
            "logn = \"login\"\nemail",
            "vocabulary table `account` has no column `logn`",
            "logn = ",
        ),
        ("account_key = \"login\"\n", "", "has no `account_key`, which every `account` must have", "map.account]"),
        (
            "email = \"email\"\n",
            "email = \"e_mail\"\n",
            "`account.email` does not compile: no such column: e_mail",
            "email = \"e_mail",
        ),
        ("email = \"email\"\n", "email = \"max(email)\"\n", "misuse of aggregate function max()", "email = \"max"),
        (
            "email = \"text\"",
            "email = \"txt\"",
            "the type `txt`, which there is not\n  help: did you mean `text`?",
            "email = \"txt",
        ),
        ("key = [\"login\"]", "key = [\"logn\"]", "names `logn`, which is no column of it", "key = [\"logn"),
        ("key = [\"login\"]\n", "", "has no `key`", "table.user]"),
        ("population = ", "poplation = ", "unknown key `poplation`", "poplation"),
        ("CRM_TOKEN = { env", "9 = { env", "no name of a variable", "secrets = "),
        ("active = \"boolean\"", "active = { type = \"boolean\", from = \"$.a[\" }", "is no JSONPath", "table.user]"),
        ("[sources.crm.table.user]", "[sources.crm.table.User]", "`User` cannot name a table", "table.User]"),
    ] {
        let written = good.replace(from, to);
        assert_ne!(written, good, "{from}");
        let number = written.lines().position(|text| text.contains(line)).unwrap() + 1;
        audit.write("evidenced.toml", &written);
        let said = run(&audit, &["doctor"]);
        assert_eq!(said.code, 2, "{from}: {said:#?}");
        assert!(said.stderr.contains(says), "{says}\n{}", said.stderr);
        assert!(said.stderr.contains(&format!("evidenced.toml:{number}:")), "line {number} of {says}\n{}", said.stderr);
    }
    let twice = good.clone()
        + "[sources.backup]\ncollector = \"exec\"\nprogram = \"crm-users\"\npopulation = \"Jobs.\"\n\
        [sources.backup.table.job]\nkey = [\"id\"]\ncolumns = { id = \"text\" }\n";
    audit.write("evidenced.toml", &twice);
    let said = run(&audit, &["doctor"]);
    assert!(said.code == 2 && said.stderr.contains("`backup_job` is a table of the vocabulary"), "{said:#?}");
}

#[test]
fn rows_are_read_as_they_were_declared_when_they_were_collected() {
    let (audit, script) = crm();
    collect(&audit, "crm", "complete");
    assert_eq!(leavers(&audit, 1), ["crm:ada"]);
    let good = std::fs::read_to_string(audit.path("evidenced.toml")).unwrap();
    // another name for the table: the rows of the old one are still those of the source
    audit.write("evidenced.toml", &good.replace("table.user", "table.member"));
    assert_eq!(leavers(&audit, 1), ["crm:ada"]);
    program(&audit, "crm-users", &script.replace("user", "member"));
    collect(&audit, "crm", "complete");
    assert_eq!(leavers(&audit, 1), ["crm:ada"]);
    // what a column means is sealed with the rows: another meaning counts from the next collection on, and the pack tells it
    let meaning = |word: &str| good.replace("table.user", "table.member").replace("'enabled'", word);
    audit.write("evidenced.toml", &meaning("'disabled'"));
    let checked = run(&audit, &["check", "leaver_still_active"]);
    assert_eq!(checked.code, 1, "{checked:#?}");
    assert!(checked.stderr.contains("its mapping changed since it was collected"), "{checked:#?}");
    collect(&audit, "crm", "complete");
    assert_eq!(leavers(&audit, 0), [""; 0]);
    let today = run_json(&audit, 0, &["query", "SELECT substr(:as_of, 1, 10) AS day"])["rows"][0][0]
        .as_str()
        .unwrap()
        .to_owned();
    let pack = run(&audit, &["pack", "create", "--from", &today, "--to", &today, "-o", "pack.zip"]);
    assert!(pack.code == 0 || pack.code == 3, "{pack:#?}");
    let changes =
        Command::new("unzip").current_dir(audit.path(".")).args(["-p", "pack.zip", "*06_CHECK_CHANGES.csv"]).output();
    let changes = String::from_utf8(changes.unwrap().stdout).unwrap();
    assert!(changes.contains(",source settings,crm,"), "{changes}");
    // a word that is none of the vocabulary's: nothing is read into it, and nothing passes
    audit.write("evidenced.toml", &meaning("'on'"));
    collect(&audit, "crm", "complete");
    let checked = run_json(&audit, 3, &["check", "leaver_still_active"]);
    assert!(checked.to_string().contains("its rows could not be mapped"), "{checked:#}");
    // the source is read by something else now: what was seen before says nothing of it
    let (before, _) = good.split_once("[sources.crm]").unwrap();
    audit.write("evidenced.toml", &format!("{before}[sources.crm]\ncollector = \"linux_accounts\"\n"));
    let checked = run_json(&audit, 3, &["check", "leaver_still_active"]);
    assert!(checked.to_string().contains("read by the collector `exec`"), "{checked:#}");
}

#[test]
fn a_check_of_the_user_s_own_reads_a_declared_table() {
    let (audit, _) = crm();
    std::fs::create_dir(audit.path("checks")).unwrap();
    let check = "/*---\ntitle = \"CRM user without an address\"\nseverity = \"minor\"\ncontrols = [\"iso27001:2022/9.1\"]\n\
        subject = \"CRM user\"\npopulation = \"Every CRM user.\"\n[inputs]\ncrm_user = { monotone = true }\n\
        [finding]\ncriteria = \"c\"\nimpact = \"i\"\naction = \"a\"\n---*/\n\
        SELECT login AS subject, CASE WHEN email IS NULL THEN 'unknown' WHEN email LIKE '%@acme.example' THEN 'pass' ELSE 'fail' END AS verdict, 'address' AS reason,\n\
        _source AS source FROM crm_user\n";
    audit.write("checks/crm_address.sql", check);
    let case = |name: &str, covers: &str, outcome: &str, rows: &str, expect: &str| {
        format!(
            "[[case]]\nname = \"{name}\"\ncovers = [{covers}]\noutcome = \"{outcome}\"\ntables.crm_user = [{rows}]\nexpect = [{expect}]\n"
        )
    };
    let row = |login: &str, email: &str| format!("{{ login = \"{login}\"{email}, _source = \"crm\" }}");
    let verdict = |verdict: &str| format!("{{ subject = \"ada\", verdict = \"{verdict}\" }}");
    let cases = "as_of = \"2026-03-10T12:00:00Z\"\n[sources.crm]\ncollector = \"exec\"\n".to_owned()
        + &case("an address passes", "\"pass\"", "pass", &row("ada", ", email = \"a@acme.example\""), &verdict("pass"))
        + &case(
            "another fails",
            "\"fail\", \"boundary\"",
            "fail",
            &row("ada", ", email = \"a@b.example\""),
            &verdict("fail"),
        )
        + &case("none is unknown", "\"unknown\"", "inconclusive", &row("ada", ""), &verdict("unknown"));
    audit.write("checks/crm_address.cases.toml", &cases);
    let good = std::fs::read_to_string(audit.path("evidenced.toml")).unwrap();
    audit.write("evidenced.toml", &good.replace("[sources.hr]", "[checks]\npaths = [\"checks\"]\n[sources.hr]"));
    collect(&audit, "crm", "complete");
    let checked = run_json(&audit, 0, &["check", "crm_address"]);
    assert_eq!(checked["evaluations"][0]["verdicts"]["pass"], 2, "{checked:#}");
}

#[test]
fn what_people_leave_in_a_folder_is_evidence_with_who_left_it() {
    let [configuration, word] = <[String; 2]>::try_from(example("file_drop")).unwrap();
    let today = model::Timestamp::now().to_string()[..10].to_owned();
    let old = word;
    let word = old.replace("2026-01-15", &today);
    assert_ne!(word, old);
    let audit = audit(&configuration);
    std::fs::create_dir(audit.path("drop")).unwrap();
    let users = "login,email,active\nada,ada@acme.example,true\nbob,bob@acme.example,true\n";
    audit.write("drop/old-crm.csv", users);
    audit.write("drop/old-crm.csv.evidence.toml", &word);
    assert_eq!(run(&audit, &["collect", "hr"]).code, 0);
    collect(&audit, "policies", "complete");
    assert_eq!(leavers(&audit, 1), ["policies:ada"]);
    audit.write("drop/old-crm.csv", &users.replace("ada@acme.example,true", "ada@acme.example,false"));
    let snapshot = collect(&audit, "policies", "complete");
    assert_eq!(leavers(&audit, 0), [""; 0]);
    let shown = run_json(&audit, 0, &["snapshots", "show", snapshot["id"].as_str().unwrap()]).to_string();
    let bytes = std::fs::read(audit.path("drop/old-crm.csv")).unwrap();
    assert!(shown.contains(&model::Digest::of(&bytes).to_string()), "the bytes are what is sealed: {shown}");
    let rows = run_json(&audit, 0, &["query", "SELECT file, who, made_on, bytes FROM file_drop_file"]);
    assert_eq!(rows["rows"], json!([["old-crm.csv", "Grace Hopper", today, bytes.len()]]));
    assert_kept_well(&audit);

    // an old list is no younger for being read now
    audit.write("drop/old-crm.csv.evidence.toml", &old);
    let snapshot = collect(&audit, "policies", "complete");
    assert_eq!(snapshot["observed_at"], "2026-01-15T00:00:00Z", "{snapshot:#}");
    let checked = run_json(&audit, 3, &["check", "leaver_still_active"]);
    assert!(checked.to_string().contains("source `policies` is stale"), "{checked:#}");
    audit.write("drop/old-crm.csv.evidence.toml", &word);
    collect(&audit, "policies", "complete");

    // two folders share the table of files, with and without rows of their own
    audit.add("[sources.more]\ncollector = \"file_drop\"\nfolder = \"more\"\n");
    std::fs::create_dir(audit.path("more")).unwrap();
    audit.write("more/policy.txt", "words\n");
    let digest = model::Digest::of(b"words\n");
    audit.write("more/policy.txt.evidence.toml", &format!("{word}sha256 = \"{digest}\"\n"));
    collect(&audit, "more", "complete");
    let rows = run_json(&audit, 0, &["query", "SELECT _source, file FROM file_drop_file ORDER BY 1"]);
    assert_eq!(rows["rows"], json!([["more", "policy.txt"], ["policies", "old-crm.csv"]]));
    assert_eq!(leavers(&audit, 0), [""; 0]);

    for (spoil, says) in [
        (
            &(|audit: &Audit| std::os::unix::fs::symlink("/etc/passwd", audit.path("more/link")).unwrap())
                as &dyn Fn(&Audit),
            "`link` is a symbolic link, not a file",
        ),
        (&|audit: &Audit| audit.write("more/policy.txt", "other words\n"), "`policy.txt` has the digest"),
        (
            &|audit: &Audit| std::fs::remove_file(audit.path("more/policy.txt")).unwrap(),
            "is about `policy.txt`, which is not there",
        ),
        (&|audit: &Audit| audit.write("more/screenshot.png", "x"), "nobody says what `screenshot.png` is"),
        (&|audit: &Audit| std::fs::create_dir(audit.path("more/2025")).unwrap(), "`2025` is a folder, not a file"),
        (
            &|audit: &Audit| {
                let path = "more/policy.txt.evidence.toml";
                let word = std::fs::read_to_string(audit.path(path)).unwrap();
                audit.write(path, &word.replace(&today, "2999-01-01"));
            },
            "`policy.txt` is of 2999-01-01, a day yet to come",
        ),
    ] {
        let audit = audit.copy();
        spoil(&audit);
        let snapshot = collect(&audit, "more", "incomplete");
        assert!(why(&snapshot).contains(says), "{says}: {snapshot:#}");
    }
}

/// The recorded API of the collector's fixture, whose agents are the roster's people.
fn helpdesk(active: &str) -> Proxy {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../collectors/http_json/fixtures/whole/exchanges.jsonl");
    let text = std::fs::read_to_string(folder).unwrap();
    let text = text.replace("agent-1@acme", "ada@acme").replace("agent-2@acme", "bob@acme");
    let text = text.replacen("\\\"active\\\": true", &format!("\\\"active\\\": {active}"), 1);
    Proxy::replaying(&collectors::recording::read(&text).unwrap())
}

#[test]
fn a_rest_api_is_brought_in_by_configuration() {
    let [configuration] = <[String; 1]>::try_from(example("http_json")).unwrap();
    let api = helpdesk("true");
    let at = |api: &Proxy| configuration.replace("https://helpdesk.example.com", &api.url());
    let audit = audit(&at(&api));
    assert_eq!(run(&audit, &["collect", "hr"]).code, 0);
    let snapshot = collect(&audit, "helpdesk", "complete");
    assert_eq!(snapshot["completeness"]["declared"], 5, "{snapshot:#}");
    assert_eq!(leavers(&audit, 1), ["helpdesk:agent-1"]);
    let rows = run_json(&audit, 0, &["query", "SELECT count(*), min(email) FROM helpdesk_agent WHERE active"]);
    assert_eq!(rows["rows"], json!([[4, "ada@acme.example"]]));
    assert_kept_well(&audit);

    // a page that comes twice in place of another hides nobody
    let second = api.calls()[1].request.clone();
    let written = std::fs::read_to_string(audit.path("evidenced.toml")).unwrap();
    for fault in [Fault::Status(403), Fault::Truncated, Fault::EmptyObject] {
        api.inject(Some(Injection { request: second.clone(), nth: 0, fault, times: None }));
        let audit = audit.copy();
        audit.write("evidenced.toml", &written);
        let snapshot = collect(&audit, "helpdesk", "failed");
        assert!(run(&audit, &["check", "leaver_still_active"]).code == 3, "{snapshot:#}");
    }
    let mended = helpdesk("false");
    audit.write("evidenced.toml", &written.replace(&api.url(), &mended.url()));
    collect(&audit, "helpdesk", "complete");
    assert!(!leavers(&audit, 3).contains(&"helpdesk:agent-1".to_owned()));
}

#[test]
fn a_scim_provider_is_just_another_rest_api() {
    if !scim::is_installed() {
        eprintln!("NOT RUN: the SCIM server is not installed");
        return;
    }
    let server = scim::ScimServer::start();
    for number in 0..7 {
        let name = format!("user-{number}");
        server.create(
            "/Users",
            &json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "active": number != 3,
                "emails": [{ "value": format!("{name}@acme.example"), "primary": true }],
            }),
        );
    }
    let audit = audit(&format!(
        "[sources.idp]\ncollector = \"http_json\"\nurl = \"http://{}/v2\"\nauth = \"bearer\"\n\
         credential = {{ env = \"SCIM_TOKEN\" }}\npopulation = \"Every user.\"\n\
         [sources.idp.table.user]\npath = \"Users\"\nquery = {{ count = \"3\" }}\nrecords = \"$.Resources\"\n\
         total = \"$.totalResults\"\npaging = \"offset\"\nparameter = \"startIndex\"\nfirst = 1\nkey = [\"id\"]\n\
         [sources.idp.table.user.columns]\nid = \"text\"\nlogin = {{ type = \"text\", from = \"userName\" }}\nactive = \"boolean\"\n\
         email = {{ type = \"text\", from = \"$.emails[?@.primary == true].value\" }}\n\
         created_at = {{ type = \"timestamp\", from = \"$.meta.created\" }}\n",
        server.address()
    ));
    let collected = Outcome::of(audit.command(&["collect", "idp"]).env("SCIM_TOKEN", scim::TOKEN).output().unwrap());
    assert_eq!(collected.code, 0, "{collected:#?}");
    let rows = run_json(&audit, 0, &["query", "SELECT login, email, active FROM idp_user ORDER BY login"]);
    let expected: Vec<Value> = (0..7)
        .map(|number| json!([format!("user-{number}"), format!("user-{number}@acme.example"), i32::from(number != 3)]))
        .collect();
    assert_eq!(rows["rows"], json!(expected));
    let wrong = Outcome::of(audit.command(&["collect", "idp"]).env("SCIM_TOKEN", SECRET).output().unwrap());
    assert_eq!(wrong.code, 3, "{wrong:#?}");
    assert_kept_well(&audit);
}

#[test]
fn pages_of_a_link_header_are_followed_to_the_last() {
    let member = |number: usize| format!("member-{number:02}");
    let users: Vec<Value> = (0..23).map(|number| json!({ "login": member(number) })).collect();
    let members: Vec<Value> = (0..23).map(|number| json!({ "login": member(number), "role": "member" })).collect();
    let github = Emulator::github(&json!({
        "tokens": { TOKEN: { "login": member(0), "scopes": ["admin:org"] } },
        "github": { "users": users, "orgs": [{ "login": "acme", "members": members }] },
    }));
    let proxy = Proxy::paging(github.address(), 5);
    let audit = audit(&format!(
        "[sources.code]\ncollector = \"http_json\"\nurl = \"{}\"\nauth = \"header\"\ncredential_name = \"authorization\"\n\
         credential = {{ env = \"CODE_TOKEN\" }}\npopulation = \"Every member.\"\n\
         [sources.code.table.member]\npath = \"orgs/acme/members\"\nquery = {{ per_page = \"100\" }}\npaging = \"link\"\nkey = [\"login\"]\n\
         columns = {{ login = \"text\", site_admin = \"boolean\" }}\n",
        proxy.url()
    ));
    let secret = format!("token {TOKEN}");
    let collected = Outcome::of(audit.command(&["collect", "code"]).env("CODE_TOKEN", &secret).output().unwrap());
    assert_eq!(collected.code, 0, "{collected:#?}");
    let rows = run_json(&audit, 0, &["query", "SELECT count(*), count(DISTINCT login) FROM code_member"]);
    assert_eq!(rows["rows"], json!([[23, 23]]));
    assert!(proxy.calls().len() > 3, "it came on several pages");
    assert_kept_well(&audit);
}

#[test]
fn settings_that_would_record_a_secret_or_cannot_work_are_refused() {
    let [configuration] = <[String; 1]>::try_from(example("http_json")).unwrap();
    for (from, to, says) in [
        ("auth = \"bearer\"", "auth = \"bear\"", "`auth` is `bear`, which there is not"),
        ("auth = \"bearer\"", "auth = \"basic\"", "there is no `username`"),
        ("auth = \"bearer\"", "auth = \"query\"\ncredential_name = \"sesame\"", "`sesame` would be recorded"),
        ("auth = \"bearer\"", "headers = { X-Api-Key = \"x\" }", "`headers.X-Api-Key` looks like a secret"),
        ("per_page", "api_key", "`query.api_key` looks like a secret"),
        ("\"cursor\"\nparameter", "\"curser\"\nparameter", "`paging` is `curser`, which there is not"),
        ("next = \"$.meta.next\"\n", "", "there is no `next`"),
        ("total = \"$.meta.total\"\npaging = \"cursor\"\n", "", "table `agent` has neither `paging` nor `total`"),
        ("\"$.meta.total\"", "\"$.meta[\"", "is no JSONPath"),
        ("path = \"agents\"", "path = \"../admin\"", "`path` is `../admin`"),
        ("credential = { env", "credential = { envv", "unknown key `envv`"),
    ] {
        let written = configuration.replacen(from, to, 1);
        assert_ne!(written, configuration, "{from}");
        let said = run(&audit(&written), &["doctor"]);
        assert!(said.code == 2 && said.stderr.contains(says), "{says}: {said:#?}");
    }
}

/// A shop's database behind a certificate of a root of its own, and the README's source of it.
struct Shop {
    issuer: Issuer,
    cluster: Postgres,
    audit: Audit,
}

impl Shop {
    fn open() -> Self {
        let [configuration] = <[String; 1]>::try_from(example("sql_query")).unwrap();
        let issuer = Issuer::new();
        issuer.issue(Certificate { name: "good", key: "P-256", issuer: "root", section: "here", valid: LONG });
        issuer.issue(Certificate { name: "own", key: "P-256", issuer: "own", section: "here", valid: LONG });
        let cluster = Postgres::start(&issuer, "good");
        cluster.sql(&format!(
            "CREATE ROLE evidence LOGIN PASSWORD '{SECRET}';
             CREATE TABLE users (login text, email text, locked boolean, born timestamp DEFAULT now());
             CREATE TABLE salaries (login text);
             INSERT INTO users VALUES ('ada', 'ada@acme.example', false), ('bob', 'bob@acme.example', false),
                 (E'tab\\there \\\\ \"q\"', NULL, true);
             GRANT SELECT ON users TO evidence;"
        ));
        let place = format!("host = \"localhost\"\nport = {}\nauthority = \"root.pem\"", cluster.port);
        let configuration = configuration.replace("host = \"db.example.com\"", &place);
        let audit = audit(&configuration.replace("database = \"shop\"", "database = \"postgres\"\ntimeout = \"3s\""));
        std::fs::copy(issuer.path("root.pem"), audit.path("root.pem")).unwrap();
        assert_eq!(run(&audit, &["collect", "hr"]).code, 0);
        Self { issuer, cluster, audit }
    }
}

#[test]
fn a_database_is_brought_in_by_a_query() {
    if !postgres::may_run() {
        eprintln!("NOT RUN: PostgreSQL needs a user of its own, and only root can become one");
        return;
    }
    let Shop { cluster, audit, .. } = Shop::open();
    let snapshot = collect(&audit, "shop", "complete");
    assert_eq!(snapshot["completeness"]["declared"], 3, "{snapshot:#}");
    assert_eq!(snapshot["caller"], json!({ "identity": "evidence", "tenant": "postgres" }));
    assert_eq!(leavers(&audit, 1), ["shop:ada"]);
    let rows = run_json(&audit, 0, &["query", "SELECT login FROM shop_user WHERE NOT active"]);
    assert_eq!(rows["rows"], json!([["tab\there \\ \"q\""]]));
    assert_kept_well(&audit);
    cluster.sql("UPDATE users SET locked = true WHERE login = 'ada'");
    collect(&audit, "shop", "complete");
    assert!(!leavers(&audit, 0).contains(&"shop:ada".to_owned()));
    assert_kept_well(&audit);
}

#[test]
fn a_database_that_cannot_be_read_whole_or_proven_passes_nothing() {
    if !postgres::may_run() {
        eprintln!("NOT RUN: PostgreSQL needs a user of its own, and only root can become one");
        return;
    }
    let Shop { issuer, cluster, audit } = Shop::open();
    let good = std::fs::read_to_string(audit.path("evidenced.toml")).unwrap();
    let query = "SELECT login, email, NOT locked AS active FROM users";
    std::fs::copy(issuer.path("own.pem"), audit.path("own.pem")).unwrap();
    let (_, key) = query.split_once("SELECT ").unwrap();
    let asking = |sql: &str| (query.to_owned(), sql.to_owned());
    let setting = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    for ((from, to), says) in [
        (setting("root.pem", "own.pem"), "nothing proves whose server it is"),
        (setting("authority = \"root.pem\"\n", ""), "nothing proves whose server it is"),
        (setting("host = \"localhost\"", "host = \"127.0.0.1\""), "nothing proves whose server it is"),
        (setting("host = \"localhost\"", "host = \"169.254.169.254\""), "no source is asked there"),
        (setting("user = \"evidence\"", "user = \"nobody\""), "does not accept the credential"),
        (
            setting("database = \"postgres\"", "database = \"postgres\"\nmax_rows = 2"),
            "gives 3 rows, and `max_rows` is 2",
        ),
        (setting("database = \"postgres\"", "database = \"shops\""), "database \\\"shops\\\" does not exist"),
        (asking("SELECT login, login AS email, true AS active FROM salaries"), "permission denied for table salaries"),
        (asking("SELECT login, email, active FROM user_list"), "does not exist"),
        (asking(&format!("SELECT {key} WHERE pg_sleep(30) IS NOT NULL")), "took longer than `timeout` allows"),
        (asking(&format!("SELECT {key} WHERE pg_terminate_backend(pg_backend_pid())")), "terminating connection"),
        (asking("SELECT login, email, nextval('numbers') > 0 AS active FROM users"), "nothing is written"),
        (asking("SELECT 'x' AS login, email, true AS active FROM users"), "came more than once with different content"),
        (asking("SELECT login, email, born AS active FROM users"), "which is no true or false"),
        (asking("SELECT login, NOT locked AS active FROM users"), "no record of `shop_user` has `email`"),
        (asking("SELECT login, email, true AS active, locked AS active FROM users"), "`active` stands in it twice"),
    ] {
        if to.contains("nextval") {
            cluster.sql("CREATE SEQUENCE numbers; GRANT ALL ON SEQUENCE numbers TO evidence;");
        }
        let audit = audit.copy();
        let written = good.replace(&from, &to);
        assert_ne!(written, good, "{from}");
        audit.write("evidenced.toml", &written);
        let collected = run_json(&audit, 3, &["collect", "shop"]);
        let snapshot = &collected["snapshots"][0];
        assert!(why(snapshot).contains(says), "{says}: {snapshot:#}");
        assert_ne!(run(&audit, &["check", "leaver_still_active"]).code, 0, "{says}");
        assert_kept_well(&audit);
    }
    let unencrypted = good.replace("database = ", "tls = \"off\"\ndatabase = ");
    audit.write("evidenced.toml", &unencrypted);
    collect(&audit, "shop", "complete");
    let mistyped = good.replace("database = ", "tls = \"of\"\ndatabase = ");
    audit.write("evidenced.toml", &mistyped);
    assert!(run(&audit, &["doctor"]).stderr.contains("`tls` is `of`, which there is not"));
}

/// The tap `program` of the set `set`.
fn tap(set: &str, program: &str) -> String {
    let path = installed(&format!("{set}/bin/{program}"));
    assert!(path.exists(), "{program} is not installed: run tests/peers/install");
    std::path::absolute(path).unwrap().to_str().unwrap().to_owned()
}

/// An API that lists two agents in one answer.
fn agents(active: bool) -> Proxy {
    let body = json!({ "agents": [
        { "id": "1", "login": "ada", "email": "ada@acme.example", "active": active },
        { "id": "2", "login": "bob", "email": "bob@acme.example", "active": true },
    ] });
    let line = json!({
        "operation": "agents", "method": "GET", "url": "https://helpdesk.example.com/api/v2/agents", "status": 200,
        "headers": { "content-type": "application/json" }, "body": body.to_string(),
    });
    Proxy::replaying(&collectors::recording::read(&line.to_string()).unwrap())
}

#[test]
fn a_tap_of_the_meltano_sdk_brings_a_system_in() {
    let program = tap("tap-rest", "tap-rest-api-msdk");
    let [configuration, config] = <[String; 2]>::try_from(example("singer_tap")).unwrap();
    let audit = audit(&configuration.replace("taps/bin/tap-rest-api-msdk", &program));
    assert_eq!(run(&audit, &["collect", "hr"]).code, 0);
    let ask = |api: &Proxy| audit.write("tap.json", &config.replace("https://helpdesk.example.com", &api.url()));
    let api = agents(true);
    ask(&api);
    let snapshot = collect(&audit, "helpdesk", "complete");
    assert_eq!(snapshot["completeness"]["declared"], 2, "{snapshot:#}");
    let told = api
        .calls()
        .iter()
        .all(|call| call.request.headers.iter().any(|(name, value)| name == "authorization" && value.contains(SECRET)));
    assert!(told, "the tap was handed its secret");
    assert_eq!(leavers(&audit, 1), ["helpdesk:ada"]);
    let gone = agents(false);
    ask(&gone);
    collect(&audit, "helpdesk", "complete");
    assert_eq!(leavers(&audit, 0), [""; 0]);
    assert_kept_well(&audit);

    // nobody answers
    drop(gone);
    audit.write("tap.json", &config.replace("https://helpdesk.example.com", "http://127.0.0.1:1"));
    collect(&audit, "helpdesk", "failed");
    assert_eq!(run(&audit, &["check", "leaver_still_active"]).code, 3);
    audit.write(
        "tap.json",
        &config.replace("\"auth_method\"", &format!("\"api_token\": \"{SECRET}\", \"auth_method\"")),
    );
    let snapshot = collect(&audit, "helpdesk", "failed");
    assert!(why(&snapshot).contains("`api_token` of the tap's configuration looks like a secret"), "{snapshot:#}");
}

#[test]
fn a_tap_of_singer_python_brings_a_database_in() {
    let program = tap("tap-postgres", "tap-postgres");
    if !postgres::may_run() {
        eprintln!("NOT RUN: PostgreSQL needs a user of its own, and only root can become one");
        return;
    }
    let Shop { cluster, audit, .. } = Shop::open();
    cluster.sql("ALTER TABLE users ADD PRIMARY KEY (login)");
    let config = json!({
        "host": "localhost", "port": cluster.port.to_string(), "user": "evidence", "dbname": "postgres", "ssl": "true",
        "default_replication_method": "FULL_TABLE",
    });
    audit.write("tap.json", &config.to_string());
    let mut with_password = config.clone();
    with_password["password"] = SECRET.into();
    audit.write("secret", &with_password.to_string());
    let found = Command::new(&program)
        .args(["--config", audit.path("secret").to_str().unwrap(), "--discover"])
        .output()
        .unwrap();
    let mut catalog: Value = serde_json::from_slice(&found.stdout).unwrap_or_else(|_| panic!("{found:?}"));
    catalog["streams"].as_array_mut().unwrap().retain(|stream| stream["table_name"] == "users");
    let stream = &mut catalog["streams"][0];
    let name = stream["tap_stream_id"].as_str().unwrap().to_owned();
    for metadata in stream["metadata"].as_array_mut().unwrap().iter_mut().filter(|part| part["breadcrumb"] == json!([]))
    {
        metadata["metadata"]["selected"] = true.into();
        metadata["metadata"]["replication-method"] = "FULL_TABLE".into();
    }
    audit.write("catalog.json", &catalog.to_string());
    audit.add(&format!(
        "[sources.tapped]\ncollector = \"singer_tap\"\nprogram = \"{program}\"\nconfig = \"tap.json\"\ncatalog = \"catalog.json\"\n\
         secrets = {{ password = {{ env = \"CRM_TOKEN\" }} }}\npopulation = \"Every user.\"\n\
         [sources.tapped.table.user]\nstream = \"{name}\"\nkey = [\"login\"]\n\
         columns = {{ login = \"text\", email = \"text\", locked = \"boolean\" }}\n"
    ));
    let snapshot = collect(&audit, "tapped", "complete");
    assert_eq!(snapshot["completeness"]["declared"], 3, "{snapshot:#}");
    let rows = run_json(&audit, 0, &["query", "SELECT login, email, locked FROM tapped_user ORDER BY login LIMIT 2"]);
    assert_eq!(rows["rows"], json!([["ada", "ada@acme.example", 0], ["bob", "bob@acme.example", 0]]));
    assert_kept_well(&audit);
}
