//! The pages in a real browser: a person signs in and takes a step without JavaScript, axe finds nothing wrong in light, dark and at a
//! phone's width, and what sources say never runs.

use crate::pages::Served;
use crate::peers::{folder, installed};
use crate::support::Audit;
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

/// What a source, or a person, may write into any field.
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>";

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
status = "'enabled'"
"#;

/// A leaver whose login and name are hostile, a finding and an exception that are too.
fn hostile() -> Audit {
    let audit = Audit::with(SOURCES);
    let name = HOSTILE.replace('"', "\"\"");
    audit.write("hr.csv", &format!("ID,Name,Email,Start,End\n1,\"{name}\",ada@acme.example,2020-01-01,2024-03-31\n"));
    let row = serde_json::json!({"type": "record", "table": "user", "row":
        {"login": HOSTILE, "email": "ada@acme.example", "active": true}});
    audit.write(
        "crm",
        &format!(
            "#!/bin/sh\ncat <<'END'\n{{\"type\":\"start\",\"schema\":\"evidenced/envelope/v1\"}}\n{row}\n\
             {{\"type\":\"end\",\"counts\":{{\"user\":1}}}}\nEND\n"
        ),
    );
    std::fs::set_permissions(audit.path("crm"), std::fs::Permissions::from_mode(0o755)).unwrap();
    audit.json(0, &["collect"]);
    audit.json(1, &["check", "leaver_still_active"]);
    audit.json(
        0,
        &["findings", "raise", "--title", HOSTILE, "--criteria", HOSTILE, "--condition", HOSTILE, "--by", HOSTILE],
    );
    let until = ["--until", "2040-01-01", "--reason", HOSTILE, "--instead", HOSTILE, "--by", HOSTILE];
    audit.json(0, &[&["exceptions", "request", "leaver_still_active", HOSTILE], &until[..]].concat());
    audit
}

#[test]
fn a_person_gets_through_without_javascript_and_nothing_hostile_runs() {
    let audit = hostile();
    let served = Served::start(&audit);
    // a folder to leave screenshots in, for whoever wants to look
    let screenshots = std::env::var_os("EVIDENCED_SCREENSHOTS").unwrap_or_default();
    let output = Command::new(installed("github/node_modules/node/bin/node"))
        .arg(folder().join("../browser/journey.mjs"))
        .args([&format!("http://{}", served.address), &served.invitation(), "/findings/leaver_still_active-1"])
        .arg(&screenshots)
        .env("BROWSER_MODULES", installed("browser"))
        .output()
        .unwrap();
    assert!(output.status.success(), "run tests/peers/install\n{}", String::from_utf8_lossy(&output.stderr));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&seen["signed_in_as"], &seen["state"]),
        (&"grace@acme.example administrator".into(), &"confirmed".into())
    );
    for list in ["violations", "noise", "too_wide"] {
        assert_eq!(seen[list], Value::Array(Vec::new()), "{list}: {seen:#}");
    }
    let pages: Vec<&str> = seen["pages"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for path in [
        "/",
        "/findings",
        "/findings/manual-1",
        "/exceptions/exception-1",
        "/users",
        "/controls",
        "/checks",
        "/sources",
        "/sources/crm",
        "/snapshots",
        "/log",
    ] {
        assert!(pages.contains(&path), "{path} of {pages:?}");
    }
    served.stop();
    audit.assert_sound();
}
