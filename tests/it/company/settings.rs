//! The company's configuration: five sources, the account register and the approved links as they stand on a day.

use super::days::{Day, on};
use super::lives::{Company, Owner, Registration};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;

pub(super) fn sources(server: SocketAddr, folder: &Path) -> String {
    let crm = folder.join("crm.jsonl");
    format!(
        r#"
[checks]
parameters = {{ local_login_beside_sso = {{ systems = "crm" }}, duties_not_segregated = {{ conflicts = "aws admin + crm admin" }} }}

[sources.hr]
collector = "hr_file"
path = "hr.csv"
columns = {{ employee_id = "ID", name = "Name", work_email = "Email", employment_type = "Type", manager = "Manager", department = "Department", start_date = "Start", end_date = "End", end_recorded_at = "Recorded", status = "Status" }}

[sources.idp]
collector = "scim"
api_url = "http://{server}/scim"
token = {{ env = "GITHUB_TOKEN" }}
page_size = {page}
admin_groups = ["Administrators"]

[sources.aws]
collector = "aws_iam"
account_id = "123456789012"
endpoint_url = "http://{server}"

[sources.crm]
collector = "exec"
max_age = "100d"
program = "/bin/cat"
arguments = ["{crm}"]
population = "Every user of the CRM, closed ones included."

[sources.crm.table.user]
key = ["login"]
columns = {{ login = "text", email = "text", kind = "text", active = "boolean", admin = "boolean", factor = "text", strong = "boolean", password = "boolean", created = "timestamp", used = "timestamp" }}

[sources.crm.table.user.map.account]
account_key = "login"
login = "login"
email = "email"
kind = "kind"
status = "CASE active WHEN 1 THEN 'enabled' WHEN 0 THEN 'disabled' END"
is_admin = "admin"
mfa = "factor"
mfa_phishing_resistant = "strong"
password_enabled = "password"
created_at = "created"
last_active_at = "used"

[sources.crm.table.key]
key = ["login", "id"]
columns = {{ login = "text", id = "text", active = "boolean", made = "timestamp", used = "timestamp" }}

[sources.crm.table.key.map.credential]
account_key = "login"
kind = "'access_key'"
native_id = "id"
status = "CASE active WHEN 1 THEN 'active' WHEN 0 THEN 'inactive' END"
created_at = "made"
last_used_at = "used"

[sources.host]
collector = "linux_accounts"
root = "host"
"#,
        page = super::show::PAGE,
        crm = crm.display(),
    )
}

/// The register and the links of a day.
pub(super) fn register(company: &Company, day: Day) -> String {
    let mut text = String::new();
    for (account, person) in &company.links {
        let person = company.people[*person].key();
        writeln!(text, "[[links]]\naccount = {account:?}\nperson = {person:?}\napproved_by = \"Grace\"\n").unwrap();
    }
    for entry in company.register.iter().filter(|entry| entry.holds(day)) {
        text += &registration(company, entry);
    }
    text
}

fn registration(company: &Company, entry: &Registration) -> String {
    let mut text = format!("[[accounts]]\naccount = {:?}\n", entry.account);
    let mut add = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            writeln!(text, "{key} = {value}").unwrap();
        }
    };
    add("kind", entry.kind.map(|kind| format!("{:?}", kind.word())));
    add(
        "owner",
        entry.owner.as_ref().map(|owner| match owner {
            Owner::Person(person) => format!("{:?}", company.people[*person].key()),
            Owner::Name(name) => format!("{name:?}"),
        }),
    );
    add("purpose", entry.purpose.then(|| "\"it is needed\"".to_owned()));
    add("justification", entry.justified.then(|| "\"the rule does not fit\"".to_owned()));
    add("approved_by", entry.approved.then(|| "\"Grace\"".to_owned()));
    add("valid_to", entry.valid_to.map(|day| on(day).to_string()));
    add("tested_at", entry.tested.map(|day| on(day).to_string()));
    text + "\n"
}
