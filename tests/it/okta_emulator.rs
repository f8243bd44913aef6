//! An Okta organisation of several pages, in every status the emulator knows: complete, and every row as the emulator holds it.
//!
//! The emulator pages users, groups and applications by itself, thirty at a time, whatever limit is asked for; the pages
//! are its own. It answers 404 for factors, administrator roles and policies: [`Lacking`] stands in for these with this
//! test's own data, shaped as Okta documents it, so the columns made of them show that the collector reads what Okta
//! documents, not that Okta answers so. It has no count of a group's members. What the collector makes of the emulator
//! without the stand-in is a test of its own.

use crate::faults::{Request, Response};
use crate::peers::emulate::{Emulator, TOKEN};
use crate::peers::stand_in::StandIn;
use crate::rows::assert_rows;
use crate::support::Audit;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const USERS: usize = 160;
const GROUPS: usize = 35;
/// Those the emulator knows.
const STATUSES: [&str; 5] = ["ACTIVE", "STAGED", "PROVISIONED", "SUSPENDED", "DEPROVISIONED"];

fn id(number: usize) -> String {
    format!("00u{number:04}")
}

fn login(number: usize) -> String {
    format!("user-{number:04}@example.org")
}

/// Three in four are active; the others have every status.
fn status(number: usize) -> &'static str {
    if number.is_multiple_of(4) { STATUSES[number / 4 % STATUSES.len()] } else { "ACTIVE" }
}

fn organisation() -> Emulator {
    let user = |number: usize| {
        json!({
            "okta_id": id(number), "login": login(number), "email": format!("mail-{number}@example.org"),
            "first_name": format!("Žofie {number}"), "last_name": "Novák", "status": status(number),
        })
    };
    let group = |number: usize| json!({ "okta_id": format!("00g{number}"), "name": format!("Group {number}") });
    let members = (0..USERS).flat_map(|number| {
        [number % GROUPS, (number + 7) % GROUPS, 3]
            .map(|group| json!({ "group_okta_id": format!("00g{group}"), "user_okta_id": id(number) }))
    });
    let apps = (0..3).map(|number| json!({ "okta_id": format!("0oa{number}"), "name": format!("app-{number}") }));
    let assigned =
        (0..USERS).map(|number| json!({ "app_okta_id": format!("0oa{}", number % 3), "user_okta_id": id(number) }));
    Emulator::okta(&json!({
        "tokens": { TOKEN: { "login": login(0), "scopes": ["okta.users.read"] } },
        "okta": {
            "users": (0..USERS).map(user).collect::<Vec<_>>(),
            "groups": (0..GROUPS).map(group).collect::<Vec<_>>(),
            "group_memberships": members.collect::<Vec<_>>(),
            "apps": apps.collect::<Vec<_>>(),
            "app_assignments": assigned.collect::<Vec<_>>(),
        },
    }))
}

/// What the emulator lacks.
struct Lacking;

impl Lacking {
    fn factors(user: &str) -> Value {
        let factor = |kind: &str, status: &str| {
            json!({ "id": format!("{kind}-{user}"), "factorType": kind, "provider": "OKTA", "status": status,
                    "created": "2025-02-01T09:00:00.000Z", "lastUpdated": "2025-02-01T09:00:00.000Z" })
        };
        match user.bytes().last().unwrap_or_default() {
            b'0' | b'1' => json!([factor("webauthn", "ACTIVE"), factor("email", "ACTIVE")]),
            b'2' => json!([factor("question", "ACTIVE"), factor("push", "PENDING_ACTIVATION")]),
            b'3' => json!([]),
            _ => json!([factor("push", "ACTIVE")]),
        }
    }

    fn roles(user: &str) -> Value {
        let role = |kind: &str| json!([{ "id": format!("ra-{user}"), "type": kind, "label": kind, "status": "ACTIVE", "assignmentType": "USER" }]);
        match user {
            "00u0000" => role("READ_ONLY_ADMIN"),
            "00u0005" => role("SUPER_ADMIN"),
            _ => json!([]),
        }
    }

    fn answer(request: &Request) -> Option<Response> {
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let place: Vec<&str> = path.trim_start_matches("/api/v1/").split('/').collect();
        let body = match place.as_slice() {
            ["users", user, "factors"] => Self::factors(user),
            ["users", user, "roles"] => Self::roles(user),
            ["policies"] if query.contains("type=PASSWORD") => json!([{
                "id": "00p1", "type": "PASSWORD", "name": "Default Policy", "status": "ACTIVE", "priority": 1,
                "system": true, "settings": { "password": { "complexity": { "minLength": 14 } } },
            }]),
            ["policies"] | ["policies", _, "rules"] => json!([]),
            _ => return None,
        };
        Some(Response::new(200, "application/json", body.to_string()))
    }
}

fn source(address: std::net::SocketAddr) -> String {
    format!(
        "[sources.okta]\ncollector = \"okta\"\napi_url = \"http://{address}\"\ntoken = {{ env = \"GITHUB_TOKEN\" }}\n"
    )
}

/// An instant as tables write it.
fn seconds(instant: &Value) -> Value {
    instant.as_str().map_or(Value::Null, |text| format!("{}Z", &text[..19]).into())
}

#[test]
fn an_organisation_in_every_status_is_collected_as_the_emulator_holds_it() {
    let okta = organisation();
    let stand_in = StandIn::before(okta.address(), Lacking::answer);
    let audit = Audit::with(&source(stand_in.address()));
    let collected = audit.json(0, &["collect"]);
    let snapshot = &collected["snapshots"][0];
    assert_eq!(snapshot["status"], "complete", "{snapshot:#}");
    assert_eq!(snapshot["caller"]["identity"], login(0).as_str());

    // one by one, not by a listing; the emulator has a user of its own besides
    let others = okta.get("/api/v1/users/testuser%40okta.local");
    let held: Vec<Value> = (0..USERS).map(|number| okta.get(&format!("/api/v1/users/{}", id(number)))).collect();
    let everybody: Vec<&Value> = held.iter().chain([&others]).collect();
    let deprovisioned = everybody.iter().filter(|user| user["status"] == "DEPROVISIONED").count();
    assert!(deprovisioned > 3);
    assert_eq!(snapshot["completeness"]["counted"], everybody.len() - deprovisioned);
    assert_eq!(snapshot["completeness"]["declared"], everybody.len() - deprovisioned);
    let statuses: BTreeSet<&str> = everybody.iter().filter_map(|user| user["status"].as_str()).collect();
    assert_eq!(statuses, STATUSES.into());
    let users: Vec<Value> = everybody
        .iter()
        .map(|user| {
            let profile = &user["profile"];
            json!({
                "id": user["id"], "status": user["status"], "login": profile["login"], "email": profile["email"],
                "first_name": profile["firstName"], "last_name": profile["lastName"],
                "display_name": profile["displayName"], "created_at": seconds(&user["created"]),
                "activated_at": seconds(&user["activated"]), "last_login_at": seconds(&user["lastLogin"]),
                "last_updated_at": seconds(&user["lastUpdated"]), "has_password": Value::Null,
            })
        })
        .collect();
    let mut compared = assert_rows(&audit, "okta_user", &users);

    // memberships from each user's side: the collector reads them from the groups'
    let mut members = Vec::new();
    for user in &everybody {
        let user = user["id"].as_str().unwrap();
        let groups = okta.get(&format!("/api/v1/users/{user}/groups"));
        members
            .extend(groups.as_array().unwrap().iter().map(|group| json!({ "group_id": group["id"], "user_id": user })));
    }
    compared += assert_rows(&audit, "okta_group_member", &members);
    let ids = (0..GROUPS).map(|number| format!("00g{number}")).chain(["00g_everyone".to_owned()]);
    let groups: Vec<Value> = ids
        .map(|id| okta.get(&format!("/api/v1/groups/{id}")))
        .map(|group| {
            json!({ "id": group["id"], "name": group["profile"]["name"], "type": group["type"], "members": Value::Null,
                    "description": group["profile"]["description"] })
        })
        .collect();
    compared += assert_rows(&audit, "okta_group", &groups);

    let apps = okta.get("/api/v1/apps");
    let apps = apps.as_array().unwrap();
    assert!(apps.len() >= 3);
    let rows: Vec<Value> = apps
        .iter()
        .map(|app| json!({ "id": app["id"], "name": app["name"], "label": app["label"], "status": app["status"] }))
        .collect();
    compared += assert_rows(&audit, "okta_app", &rows);
    let assigned: Vec<Value> =
        (0..USERS).map(|number| json!({ "app_id": format!("0oa{}", number % 3), "user_id": id(number) })).collect();
    compared += assert_rows(&audit, "okta_app_user", &assigned);
    println!("{compared} rows of 5 tables are the emulator's");

    // what stands in for what it lacks; nothing is asked about who is deprovisioned
    let asked: Vec<&str> = everybody
        .iter()
        .filter(|user| user["status"] != "DEPROVISIONED")
        .map(|user| user["id"].as_str().unwrap())
        .collect();
    let factors: Vec<Value> = asked
        .iter()
        .flat_map(|user| {
            let factors = Lacking::factors(user);
            let row = |factor: &Value| {
                json!({ "user_id": user, "id": factor["id"], "type": factor["factorType"], "status": factor["status"] })
            };
            factors.as_array().unwrap().iter().map(row).collect::<Vec<_>>()
        })
        .collect();
    assert_rows(&audit, "okta_factor", &factors);
    let said = |user: &str| match user.bytes().last().unwrap() {
        b'0' | b'1' => ("enrolled", 1),
        b'2' | b'3' => ("none", 0),
        _ => ("enrolled", 0),
    };
    let accounts: Vec<Value> = everybody
        .iter()
        .map(|user| {
            let id = user["id"].as_str().unwrap();
            let status = match user["status"].as_str().unwrap() {
                "STAGED" | "PROVISIONED" => "invited",
                "SUSPENDED" | "DEPROVISIONED" => "disabled",
                _ => "enabled",
            };
            let known = asked.contains(&id).then(|| said(id));
            json!({
                "login": user["profile"]["login"], "native_id": id, "status": status,
                "mfa": known.map(|(mfa, _)| mfa), "mfa_phishing_resistant": known.map(|(_, resistant)| resistant),
                "is_admin": known.map(|_| i64::from(["00u0000", "00u0005"].contains(&id))),
            })
        })
        .collect();
    assert_rows(&audit, "account", &accounts);
    audit.assert_sound();
}

#[test]
fn what_the_emulator_lacks_is_not_seen_rather_than_empty() {
    let okta = organisation();
    assert_eq!(okta.ask("GET", "/api/v1/users/00u0001/factors").status, 404, "the emulator has factors now");
    let audit = Audit::with(&source(okta.address()));
    let collected = audit.json(3, &["collect"]);
    let snapshot = &collected["snapshots"][0];
    assert_eq!(snapshot["status"], "incomplete", "{snapshot:#}");
    let reasons = snapshot["reasons"].as_array().unwrap();
    let unseen: BTreeSet<&str> = reasons.iter().filter_map(|reason| reason["tables"][0].as_str()).collect();
    assert_eq!(unseen, ["okta_admin_role", "okta_factor", "okta_policy", "okta_policy_rule", "okta_user"].into());
    let known = "SELECT count(*), count(mfa), count(mfa_phishing_resistant), count(is_admin) FROM account";
    assert_eq!(audit.json(0, &["query", known])["rows"], json!([[USERS + 1, 0, 0, 0]]));
}
