//! What people get wrong, and that each mistake is told with its mend before anything comes of it.

use crate::support::Audit;
use std::process::Stdio;

const ROSTER: &str = "[sources.hr]\ncollector = \"hr_file\"\npath = \"hr.csv\"\n\
                      columns = { employee_id = \"ID\", name = \"Name\" }\n";

fn audit(more: &str) -> Audit {
    let audit = Audit::with(&format!("{ROSTER}{more}"));
    audit.write("hr.csv", "ID,Name\nE1,Ada\n");
    audit
}

#[test]
fn checks_and_controls_that_do_not_exist_are_told_before_anything_runs() {
    let audit = audit(
        "[checks.parameters]\nleaver_still_active.grce = \"24h\"\nmfa_mising.grace = \"24h\"\n\
         access_key_too_old.max_key_age = \"soon\"\n\
         [[applicability]]\ncontrol = \"iso27001:2022/A.5.81\"\napplicable = true\njustification = \"x\"\n",
    );
    let says =
        ["`grce`", "did you mean `grace`?", "`mfa_mising`", "did you mean `mfa_missing`?", "`max_key_age`", "A.5.81"];
    for command in [&["check"][..], &["run"], &["checks"], &["doctor"]] {
        let outcome = audit.run(command);
        assert_eq!(outcome.code, 2, "{command:?}: {outcome:#?}");
        let said = format!("{}{}", outcome.stdout, outcome.stderr);
        for says in says {
            assert!(said.contains(says), "{command:?} does not say {says}: {said}");
        }
    }
    assert_eq!(audit.json(0, &["snapshots", "list"])["snapshots"].as_array().unwrap().len(), 0, "nothing ran");
}

#[test]
fn a_misspelt_collector_key_is_named() {
    let audit = Audit::with("[sources.aws]\ncolector = \"aws_iam\"\naccount_id = \"123456789012\"\n");
    let outcome = audit.run(&["collect"]);
    assert_eq!(outcome.code, 2);
    assert!(
        outcome.stderr.contains("`colector`") && outcome.stderr.contains("did you mean `collector`?"),
        "{outcome:#?}"
    );
}

#[test]
fn an_init_that_was_asked_wrongly_can_be_asked_again() {
    let audit = Audit::with("");
    let init = |zone: &str| {
        audit.run(&["init", "new", "--name", "Acme", "--origin", "acme.example/evidence", "--timezone", zone])
    };
    let wrong = init("Europe/Londn");
    assert_eq!(wrong.code, 2, "{wrong:#?}");
    assert_eq!(std::fs::read_dir(audit.path("new")).unwrap().count(), 0, "nothing half made stays");
    assert_eq!(init("Europe/London").code, 0);
    assert_eq!(init("Europe/London").code, 2, "what is there is never overwritten");
    // the log keeps its name for ever, so nobody gets one by leaving it out
    let nameless = audit.run(&["init", "other", "--name", "Acme"]);
    assert!(nameless.code == 2 && nameless.stderr.contains("--origin"), "{nameless:#?}");
}

#[test]
fn a_query_that_cannot_run_says_why_in_words() {
    let audit = audit("");
    assert_eq!(audit.run(&["collect"]).code, 0);
    let table = audit.run(&["query", "SELECT * FROM acount"]);
    assert!(table.code == 2 && table.stderr.contains("did you mean `account`?"), "{table:#?}");
    let write = audit.run(&["query", "DELETE FROM account"]);
    assert!(write.code == 2 && write.stderr.contains("only SELECT is allowed, not DELETE\n"), "{write:#?}");
}

#[test]
fn a_key_is_not_changed_beside_a_daemon_that_signs_with_it() {
    let audit = audit("[serve]\nlisten = \"127.0.0.1:0\"\n");
    let mut daemon = audit.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let until = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while !audit.path("evidence/daemon.sock").exists() {
        assert!(std::time::Instant::now() < until, "the daemon does not start");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let rotated = audit.run(&["log", "rotate"]);
    assert_eq!(rotated.code, 75, "{rotated:#?}");
    assert!(!audit.path("evidenced.key.old").exists());
    assert!(daemon.try_wait().unwrap().is_none(), "the daemon goes on");
    daemon.kill().unwrap();
    daemon.wait().unwrap();
    audit.assert_sound();
}
