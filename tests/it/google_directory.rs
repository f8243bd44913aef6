//! A Google Workspace customer of several pages: complete, with a token for a signed assertion, and every row as it is held.
//!
//! No program of somebody else's answers as Google's Directory API does, and the emulator of Google's sign-in knows no
//! service accounts. [`Customer`] stands in for both: the assertion's signature is `openssl`'s to judge, its claims are held
//! against Google's documentation, and every field and kind of what is answered, as of what is recorded, against the types
//! that Google publishes. So the test shows that the collector reads what Google documents, not that Google answers so.

use crate::faults::{Request, Response};
use crate::peers::emulate::Emulator;
use crate::peers::keys::{PRIVATE_KEY, is_signed, service_account};
use crate::peers::published::Published;
use crate::peers::stand_in::StandIn;
use crate::rows::assert_rows;
use crate::support::Audit;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;

const CUSTOMER: &str = "C00000001";
const ADMIN: &str = "evidence-reader@acme.example";
const SERVICE: &str = "evidence@project.example.com";
const TOKEN: &str = "a-token-for-the-evidence";
const USERS: usize = 130;
const GROUPS: usize = 12;
const PAGE: usize = 40;

fn user_id(number: usize) -> String {
    format!("1000{number:08}")
}

fn group_id(number: usize) -> String {
    format!("00group{number:06}")
}

/// The Directory API, as this test has it.
struct Customer;

impl Customer {
    fn user(number: usize) -> Value {
        json!({
            "kind": "admin#directory#user", "id": user_id(number), "customerId": CUSTOMER,
            "primaryEmail": format!("user-{number:03}@example.org"),
            "name": { "fullName": format!("Žofie {number}"), "givenName": "Žofie", "familyName": number.to_string() },
            "isAdmin": number == 0, "isDelegatedAdmin": false, "suspended": number % 10 == 8, "archived": number % 10 == 9,
            "isEnrolledIn2Sv": !number.is_multiple_of(4), "isEnforcedIn2Sv": number % 2 == 1, "agreedToTerms": true,
            "creationTime": "2024-02-01T09:00:00.000Z", "orgUnitPath": "/",
            "lastLoginTime": if number.is_multiple_of(3) { "1970-01-01T00:00:00.000Z" } else { "2025-12-31T08:00:00.000Z" },
        })
    }

    /// Each user is in one group; the first group is in the second, which holds a role.
    fn members(group: &str) -> Vec<Value> {
        let member = |kind: &str, id: String| json!({ "kind": "admin#directory#member", "id": id, "type": kind, "role": "MEMBER" });
        let of_users = (0..USERS).filter(|number| group_id(number % GROUPS) == group);
        let mut members: Vec<Value> = of_users.map(|number| member("USER", user_id(number))).collect();
        if group == group_id(1) {
            members.push(member("GROUP", group_id(0)));
        }
        members
    }

    fn is_admin(number: usize) -> bool {
        number % GROUPS < 2
    }

    /// The name of a listing, its kind, the published type of its members, and these.
    fn listing(place: &[&str], request: &Request) -> Option<(&'static str, &'static str, &'static str, Vec<Value>)> {
        Some(match place {
            ["users"] if request.parameter("showDeleted").as_deref() == Some("true") => {
                ("users", "admin#directory#users", "Schema$User", Vec::new())
            }
            ["users"] => ("users", "admin#directory#users", "Schema$User", (0..USERS).map(Self::user).collect()),
            ["groups"] => {
                let group = |number| {
                    json!({ "kind": "admin#directory#group", "id": group_id(number), "email": format!("group-{number}@example.org"),
                            "name": format!("Group {number}"), "adminCreated": true,
                            "directMembersCount": Self::members(&group_id(number)).len().to_string() })
                };
                ("groups", "admin#directory#groups", "Schema$Group", (0..GROUPS).map(group).collect())
            }
            ["groups", id, "members"] => ("members", "admin#directory#members", "Schema$Member", Self::members(id)),
            ["customer", CUSTOMER, "roles"] => {
                let role = json!({ "kind": "admin#directory#role", "roleId": "900001", "roleName": "_HELP_DESK_ADMIN_ROLE",
                                   "isSystemRole": true, "isSuperAdminRole": false });
                ("items", "admin#directory#roles", "Schema$Role", vec![role])
            }
            ["customer", CUSTOMER, "roleassignments"] => {
                let assignment = json!({ "kind": "admin#directory#roleAssignment", "roleAssignmentId": "800001", "roleId": "900001",
                                         "assignedTo": group_id(1), "assigneeType": "group", "scopeType": "CUSTOMER" });
                ("items", "admin#directory#roleAssignments", "Schema$RoleAssignment", vec![assignment])
            }
            _ => return None,
        })
    }

    fn answer(published: &Published, request: &Request) -> Option<Response> {
        let json = |value: Value| Some(Response::new(200, "application/json", value.to_string()));
        let (path, _) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let header =
            |wanted: &str| request.headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
        if path == "/token" {
            let audience = format!("http://{}/token", header("host").unwrap());
            return Some(match refused(&request.body, &audience) {
                Some(why) => {
                    let body = json!({ "error": "invalid_grant", "error_description": why });
                    Response::new(400, "application/json", body.to_string())
                }
                None => Response::new(
                    200,
                    "application/json",
                    json!({ "access_token": TOKEN, "expires_in": 3599 }).to_string(),
                ),
            });
        }
        let place: Vec<&str> = path.strip_prefix("/admin/directory/v1/")?.split('/').collect();
        if header("authorization") != Some(&format!("Bearer {TOKEN}")) {
            return Some(Response::new(401, "application/json", "{\"error\":{\"message\":\"Invalid Credentials\"}}"));
        }
        if place == ["customers", "my_customer"] {
            return json(
                json!({ "kind": "admin#directory#customer", "id": CUSTOMER, "customerDomain": "example.org" }),
            );
        }
        let (name, kind, of, members) = Self::listing(&place, request)?;
        for member in &members {
            assert_eq!(published.differing(of, member), Vec::<String>::new());
        }
        let from: usize = request.parameter("pageToken").map_or(0, |token| token.parse().unwrap());
        let mut page = json!({ "kind": kind, "etag": "\"1\"" });
        // an empty list is left out
        if !members.is_empty() {
            page[name] = members.iter().skip(from).take(PAGE).cloned().collect();
        }
        if from + PAGE < members.len() {
            page["nextPageToken"] = (from + PAGE).to_string().into();
        }
        json(page)
    }
}

/// What is wrong with a request for a token, by <https://developers.google.com/identity/protocols/oauth2/service-account>.
fn refused(form: &str, audience: &str) -> Option<String> {
    let form: BTreeMap<String, String> = url::form_urlencoded::parse(form.as_bytes()).into_owned().collect();
    if form["grant_type"] != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
        return Some("grant_type".to_owned());
    }
    let parts: Vec<&str> = form["assertion"].split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return Some("no assertion".to_owned()) };
    let read = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let (head, claims_read) = (read(header), read(claims));
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    if head != json!({ "alg": "RS256", "typ": "JWT" })
        || !is_signed(&PRIVATE_KEY, format!("{header}.{claims}").as_bytes(), &signature)
    {
        return Some("Invalid JWT Signature.".to_owned());
    }
    let (issued, expires) = (claims_read["iat"].as_i64().unwrap(), claims_read["exp"].as_i64().unwrap());
    let now = jiff::Timestamp::now().as_second();
    if issued > now || expires <= now || expires - issued > 3600 {
        return Some("Invalid JWT: Token must be a short-lived token".to_owned());
    }
    let scopes: Vec<&str> = claims_read["scope"].as_str().unwrap().split(' ').collect();
    assert!(scopes.len() == 4 && scopes.iter().all(|scope| scope.ends_with(".readonly")), "{scopes:?}");
    let said = [("iss", SERVICE), ("sub", ADMIN), ("aud", audience)];
    said.iter().find(|(name, value)| claims_read[*name] != *value).map(|(name, _)| format!("Invalid {name}"))
}

fn audit(address: SocketAddr, token_path: &str, key: &str) -> Audit {
    let audit = Audit::with(&format!(
        "[sources.google]\ncollector = \"google_workspace\"\ncustomer_id = \"{CUSTOMER}\"\nadmin = \"{ADMIN}\"\n\
         service_account_key = {{ file = \"key.json\" }}\napi_url = \"http://{address}/admin/directory/v1\"\n\
         token_url = \"http://{address}{token_path}\"\n"
    ));
    audit.write("key.json", key);
    std::fs::set_permissions(audit.path("key.json"), std::fs::Permissions::from_mode(0o600)).unwrap();
    audit
}

#[test]
fn a_customer_is_collected_as_it_is_held_with_a_token_for_a_signed_assertion() {
    let emulator = Emulator::google(&json!({}));
    let published = Published::google_directory();
    let stand_in = StandIn::before(emulator.address(), move |request| Customer::answer(&published, request));
    let audit = audit(stand_in.address(), "/token", &service_account(SERVICE, &PRIVATE_KEY));
    let collected = audit.json(0, &["collect"]);
    let snapshot = &collected["snapshots"][0];
    assert_eq!(snapshot["status"], "complete", "{snapshot:#}");
    assert_eq!(snapshot["caller"], json!({ "identity": ADMIN, "tenant": CUSTOMER }));
    // nothing counts the users of a customer, and that is said
    assert_eq!(snapshot["completeness"]["declared"], Value::Null);
    assert!(snapshot["completeness"]["basis"].as_str().unwrap().contains("Google counts neither users nor roles"));

    let is_enabled = |number: usize| number % 10 < 8;
    let accounts: Vec<Value> = (0..USERS)
        .map(|number| {
            let user = Customer::user(number);
            let mfa = match (number % 4, number % 2) {
                (0, _) => "none",
                (_, 1) => "enforced",
                _ => "enrolled",
            };
            json!({
                "login": user["primaryEmail"], "native_id": user["id"], "display_name": user["name"]["fullName"],
                "status": if is_enabled(number) { "enabled" } else { "disabled" }, "mfa": mfa,
                "mfa_phishing_resistant": null, "is_admin": i64::from(Customer::is_admin(number)),
                "last_active_at": (!number.is_multiple_of(3)).then_some("2025-12-31T08:00:00Z"),
            })
        })
        .collect();
    assert_rows(&audit, "account", &accounts);
    let members: Vec<Value> = (0..GROUPS)
        .flat_map(|group| {
            let members = Customer::members(&group_id(group)).into_iter();
            members.map(
                move |member| json!({ "group_id": group_id(group), "member_id": member["id"], "type": member["type"] }),
            )
        })
        .collect();
    assert_rows(&audit, "google_group_member", &members);

    // the check for second factors is the one for every source
    let verdicts = audit.json(1, &["check", "mfa_missing"])["evaluations"][0]["verdicts"].clone();
    let without = (0..USERS).filter(|number| is_enabled(*number) && number.is_multiple_of(4)).count();
    let disabled = (0..USERS).filter(|number| !is_enabled(*number)).count();
    assert_eq!((&verdicts["fail"], &verdicts["not_applicable"]), (&json!(without), &json!(disabled)), "{verdicts}");
    assert_eq!(verdicts["pass"], USERS - without - disabled);
    audit.assert_sound();
}

#[test]
fn a_key_that_is_not_known_or_no_key_at_all_gives_no_population() {
    let emulator = Emulator::google(&json!({}));
    let published = Published::google_directory();
    let stand_in = StandIn::before(emulator.address(), move |request| Customer::answer(&published, request));
    let said = |key: &str| {
        let audit = audit(stand_in.address(), "/token", key);
        let collected = audit.run(&["collect", "--format", "json"]);
        assert_ne!(collected.code, 0);
        format!("{}{}", collected.stdout, collected.stderr)
    };
    let other = said(&service_account(SERVICE, &crate::peers::keys::private_key()));
    assert!(other.contains("Invalid JWT Signature."), "{other}");
    let somebody = said(&service_account("somebody@project.example.com", &PRIVATE_KEY));
    assert!(somebody.contains("Invalid iss"), "{somebody}");
    for broken in ["{}".to_owned(), "no key file".to_owned(), service_account(SERVICE, "no key")] {
        let said = said(&broken);
        assert!(said.contains("`service_account_key` cannot be used"), "{said}");
        assert!(!said.contains("no key file"), "{said}");
    }
    // without the stand-in: the emulator knows no service accounts
    let bare = audit(emulator.address(), "/oauth2/token", &service_account(SERVICE, &PRIVATE_KEY));
    let collected = bare.run(&["collect", "--format", "json"]);
    assert_ne!(collected.code, 0);
    assert!(collected.stdout.contains("no token is granted"), "{collected:#?}");
}

/// The published type of what an operation lists, or gives.
const TYPES: &[(&str, &str)] = &[
    ("GET /admin/directory/v1/customers/{customerKey}", "Schema$Customer"),
    ("GET /admin/directory/v1/users", "Schema$Users"),
    ("GET /admin/directory/v1/users?showDeleted=true", "Schema$Users"),
    ("GET /admin/directory/v1/groups", "Schema$Groups"),
    ("GET /admin/directory/v1/groups/{groupKey}/members", "Schema$Members"),
    ("GET /admin/directory/v1/customer/{customer}/roles", "Schema$Roles"),
    ("GET /admin/directory/v1/customer/{customer}/roleassignments", "Schema$RoleAssignments"),
];

#[test]
fn every_field_that_is_recorded_is_one_that_google_publishes() {
    let published = Published::google_directory();
    let recorded = crate::fault_matrix::Clean::load("google_workspace", "whole").recorded;
    let mut against = Vec::new();
    for exchange in recorded.iter().filter(|exchange| exchange.record.method == "GET") {
        let operation = exchange.record.operation.as_str();
        let (_, kind) = TYPES.iter().find(|(known, _)| *known == operation).unwrap();
        against.extend(published.differing(kind, &serde_json::from_slice(&exchange.body).unwrap()));
    }
    assert!(against.is_empty(), "{}", against.join("\n"));
    let seen = |operation: &str| recorded.iter().any(|exchange| exchange.record.operation == operation);
    assert!(TYPES.iter().all(|(operation, _)| seen(operation)));
}
