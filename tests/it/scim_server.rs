//! A SCIM provider of several pages, with groups in groups: complete, and every row as the provider holds it. A leaver's user
//! makes a finding, which ends when the user is deactivated, and not when a page is lost.

use crate::faults::{Fault, Injection, Proxy, Request};
use crate::peers::scim::{ScimServer, is_installed};
use crate::rows::assert_rows;
use crate::support::Audit;
use serde_json::{Value, json};

const USERS: usize = 120;
const GROUPS: usize = 30;
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// The provider, and the ids of its users and groups.
struct Company {
    server: ScimServer,
    users: Vec<String>,
    groups: Vec<String>,
}

fn user(number: usize) -> Value {
    let name = format!("user-{number:03}");
    let mut user = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE],
        "userName": name, "displayName": format!("Žofie {number}"), "userType": "Employee",
        "name": { "givenName": "Žofie", "familyName": format!("Nováková {number}") },
        "emails": [{ "value": format!("{name}@example.org"), "type": "work", "primary": true }],
        "roles": [{ "value": if number.is_multiple_of(40) { "owner" } else { "member" } }],
        "password": format!("never-to-be-told-{number}"),
        ENTERPRISE: { "employeeNumber": format!("E{number}"), "department": "Research" },
    });
    match number % 5 {
        0 => {}
        state => user["active"] = (state != 1).into(),
    }
    if number.is_multiple_of(7) {
        let other = json!({ "value": format!("{name}@mail.example.net"), "type": "home" });
        user["emails"].as_array_mut().unwrap().push(other);
    }
    user
}

impl Company {
    fn found() -> Self {
        let server = ScimServer::start();
        let users: Vec<String> = (0..USERS).map(|number| server.create("/Users", &user(number))).collect();
        let mut groups: Vec<String> = Vec::new();
        for number in 0..GROUPS {
            let of_users = users.iter().skip(number).step_by(GROUPS).map(|id| json!({ "value": id, "type": "User" }));
            // each tenth has the one made before it as a member
            let nested = groups.last().filter(|_| number % 10 == 9).map(|id| json!({ "value": id, "type": "Group" }));
            let members: Vec<Value> = of_users.chain(nested).collect();
            let group = json!({
                "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
                "displayName": format!("Group {number}"), "members": members,
            });
            groups.push(server.create("/Groups", &group));
        }
        Self { server, users, groups }
    }
}

fn source(origin: &str) -> String {
    format!(
        "[sources.idp]\ncollector = \"scim\"\napi_url = \"{origin}/v2\"\ntoken = {{ env = \"GITHUB_TOKEN\" }}\n\
         page_size = 25\nadmin_roles = [\"owner\"]\nadmin_groups = [\"Group 19\"]\n"
    )
}

/// An instant as tables write it.
fn seconds(instant: &Value) -> String {
    format!("{}Z", &instant.as_str().unwrap()[..19])
}

#[test]
fn users_and_groups_are_collected_as_the_provider_holds_them() {
    if !is_installed() {
        eprintln!("NOT RUN: the SCIM server is not installed");
        return;
    }
    let company = Company::found();
    let audit = Audit::with(&source(&format!("http://{}", company.server.address())));
    let collected = audit.json(0, &["collect"]);
    let snapshot = &collected["snapshots"][0];
    assert_eq!(snapshot["status"], "complete", "{snapshot:#}");
    assert_eq!(snapshot["completeness"]["declared"], USERS);

    // one by one, not by a listing
    let held: Vec<Value> = company.users.iter().map(|id| company.server.get(&format!("/Users/{id}"))).collect();
    let is_admin = |at: usize| at.is_multiple_of(40) || at % GROUPS == 18 || at % GROUPS == 19;
    let users: Vec<Value> = held
        .iter()
        .enumerate()
        .map(|(at, user)| {
            let others: Vec<&Value> = user["emails"].as_array().unwrap()[1..].iter().map(|e| &e["value"]).collect();
            json!({
                "id": user["id"], "user_name": user["userName"], "display_name": user["displayName"],
                "given_name": user["name"]["givenName"], "family_name": user["name"]["familyName"],
                "active": user["active"].as_bool().map(i64::from), "email": user["emails"][0]["value"],
                "other_emails": if others.is_empty() { Value::Null } else { json!(others).to_string().into() },
                "user_type": user["userType"], "employee_number": user[ENTERPRISE]["employeeNumber"],
                "department": user[ENTERPRISE]["department"], "is_admin": i64::from(is_admin(at)),
                "created_at": seconds(&user["meta"]["created"]),
            })
        })
        .collect();
    let mut compared = assert_rows(&audit, "scim_user", &users);
    let held: Vec<Value> = company.groups.iter().map(|id| company.server.get(&format!("/Groups/{id}"))).collect();
    let groups: Vec<Value> =
        held.iter().map(|group| json!({ "id": group["id"], "display_name": group["displayName"] })).collect();
    compared += assert_rows(&audit, "scim_group", &groups);
    let members: Vec<Value> = held
        .iter()
        .flat_map(|group| {
            let members = group["members"].as_array().unwrap().iter();
            members.map(|member| {
                let kind = member["type"].as_str().unwrap().to_lowercase();
                json!({ "group_id": group["id"], "member_id": member["value"], "kind": kind })
            })
        })
        .collect();
    compared += assert_rows(&audit, "scim_group_member", &members);
    println!("{compared} rows of 3 tables are the provider's");

    let known = "SELECT count(*), count(mfa), count(password_enabled), count(status) FROM account";
    let unsaid = USERS - USERS / 5;
    assert_eq!(audit.json(0, &["query", known])["rows"], json!([[USERS, 0, 0, unsaid]]));
    let nested = "SELECT count(*) FROM entitlement WHERE via = 'group' AND resource = 'Group 19'";
    assert_eq!(audit.json(0, &["query", nested])["rows"], json!([[USERS / GROUPS]]));
    // SCIM says nothing about second factors: nobody passes, nobody fails
    let mfa = audit.json(3, &["check", "mfa_missing"])["evaluations"][0].clone();
    assert_eq!(mfa["outcome"], "inconclusive");
    audit.assert_sound();
}

#[test]
fn a_leavers_user_is_a_finding_until_a_complete_snapshot_shows_it_deactivated() {
    if !is_installed() {
        eprintln!("NOT RUN: the SCIM server is not installed");
        return;
    }
    let company = Company::found();
    let proxy = Proxy::forwarding(company.server.address());
    let roster = "[sources.hr]\ncollector = \"hr_file\"\npath = \"hr.csv\"\n\
                  columns = { employee_id = \"ID\", name = \"Name\", work_email = \"Email\", start_date = \"Start\", end_date = \"End\" }\n";
    let audit = Audit::with(&format!("{}\n{roster}", source(&proxy.url())));
    let mut people = "ID,Name,Email,Start,End\n".to_owned();
    for number in 0..USERS {
        let end = if number == 42 { "2024-03-31" } else { "" };
        people += &format!("E{number},Person {number},user-{number:03}@example.org,2020-01-01,{end}\n");
    }
    audit.write("hr.csv", &people);
    let failing = |code: i32| {
        let evaluation = audit.json(code, &["check", "leaver_still_active"])["evaluations"][0].clone();
        evaluation["failing"].as_array().unwrap().iter().map(|member| member["subject"].clone()).collect::<Vec<_>>()
    };
    audit.json(0, &["collect"]);
    assert_eq!(failing(1), ["idp:user-042"]);

    let path = format!("/Users/{}", company.users[42]);
    let gone = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "replace", "path": "active", "value": false }],
    });
    let response = company.server.ask("PATCH", &path, &gone);
    assert!(response.status < 300, "{}", response.text());
    // a listing that ends early does not end it
    let page = Request::new("GET", "/v2/Users?startIndex=26&count=25", "");
    proxy.inject(Some(Injection { request: page, nth: 0, fault: Fault::EndsEarly, times: None }));
    audit.json(3, &["collect", "idp"]);
    let open = |state: &str| {
        let listed = audit.json(0, &["findings", "list"]);
        assert_eq!(listed["findings"][0]["state"], state, "{listed:#}");
    };
    audit.run(&["check", "leaver_still_active"]);
    open("draft");
    proxy.inject(None);
    audit.json(0, &["collect", "idp"]);
    audit.run(&["check", "leaver_still_active"]);
    let listed = audit.json(0, &["findings", "list"]);
    let item = &listed["findings"][0]["items"][0];
    assert!(!item["resolved_at"].is_null(), "{listed:#}");
}
