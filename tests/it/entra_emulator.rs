//! A tenant of several pages: complete, with a token that the emulator grants, and every row as the tenant holds it.
//!
//! The emulator of Microsoft's sign-in grants the token and says of each call whether it knows it. It has no directory:
//! [`Tenant`] stands in for Microsoft Graph with this test's own data, of which every field and kind is held against the
//! types that Microsoft publishes, as are the recordings of the collector. So the test shows that the collector reads what
//! Microsoft documents, not that Microsoft answers so. What becomes of a run without the stand-in is a test of its own.

use crate::faults::{Request, Response, ask};
use crate::peers::emulate::Emulator;
use crate::peers::published::Published;
use crate::peers::stand_in::StandIn;
use crate::rows::assert_rows;
use crate::support::Audit;
use serde_json::{Value, json};
use std::net::SocketAddr;

const TENANT: &str = "00000000-1111-2222-3333-444444444444";
const CLIENT: &str = "00000000-5555-6666-7777-888888888888";
const USERS: usize = 130;
const GROUPS: usize = 12;
const PAGE: usize = 40;
/// Global Administrator, and a role that reads what any member may.
const ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";
const READER: &str = "88d8e3e3-8f55-4a1e-953a-9b9898b8876b";

/// Microsoft Graph, as this test has it.
struct Tenant;

fn user_id(number: usize) -> String {
    format!("00000000-0000-0000-0001-{number:012}")
}

fn group_id(number: usize) -> String {
    format!("00000000-0000-0000-0002-{number:012}")
}

fn is_guest(number: usize) -> bool {
    number % 10 == 9
}

fn is_enabled(number: usize) -> bool {
    number % 10 != 8
}

fn object(kind: &str, id: &str) -> Value {
    json!({ "@odata.type": format!("#microsoft.graph.{kind}"), "id": id })
}

impl Tenant {
    fn user(number: usize) -> Value {
        json!({
            "id": user_id(number), "userPrincipalName": format!("user-{number:03}@acme.example"),
            "mail": format!("user-{number:03}@example.org"), "otherMails": [], "displayName": format!("Žofie {number}"),
            "givenName": "Žofie", "surname": "Nováková", "employeeId": format!("E{number}"), "employeeType": null,
            "department": "Research", "jobTitle": null, "companyName": null,
            "userType": if is_guest(number) { "Guest" } else { "Member" },
            "creationType": is_guest(number).then_some("Invitation"),
            "externalUserState": is_guest(number).then_some("Accepted"), "accountEnabled": is_enabled(number),
            "onPremisesSyncEnabled": null, "createdDateTime": "2024-02-01T09:00:00Z",
            "lastPasswordChangeDateTime": "2024-02-01T09:00:00Z", "deletedDateTime": null,
        })
    }

    fn group(number: usize) -> Value {
        json!({
            "id": group_id(number), "displayName": format!("Group {number}"), "description": null, "groupTypes": [],
            "securityEnabled": true, "mailEnabled": false, "isAssignableToRole": (number == 2).then_some(true),
            "membershipRule": null, "visibility": null, "onPremisesSyncEnabled": null,
            "createdDateTime": "2024-01-05T08:00:00Z",
        })
    }

    fn members(group: &str) -> Vec<Value> {
        let of_users = (0..USERS).filter(|number| group_id(number % GROUPS) == group);
        of_users.map(|number| object("user", &user_id(number))).collect()
    }

    fn registered(number: usize) -> Value {
        let (registered, capable, methods) = match number % 4 {
            0 => (true, true, json!(["windowsHelloForBusiness", "mobilePhone"])),
            1 => (true, true, json!(["microsoftAuthenticatorPush"])),
            2 => (true, false, json!(["mobilePhone"])),
            _ => (false, false, json!(["email"])),
        };
        json!({
            "id": user_id(number), "userPrincipalName": format!("user-{number:03}@acme.example"), "isAdmin": false,
            "isMfaRegistered": registered, "isMfaCapable": capable, "methodsRegistered": methods,
            "lastUpdatedDateTime": "2026-01-01T00:00:00Z",
        })
    }

    fn assignments() -> Vec<Value> {
        let one = |id: &str, role: &str, kind: &str, principal: String| {
            json!({ "id": id, "roleDefinitionId": role, "principalId": principal, "directoryScopeId": "/",
                    "principal": object(kind, &principal) })
        };
        vec![
            one("a1", ADMINISTRATOR, "user", user_id(5)),
            one("a2", ADMINISTRATOR, "group", group_id(2)),
            one("a3", READER, "user", user_id(6)),
        ]
    }

    fn is_admin(number: usize) -> bool {
        number == 5 || number % GROUPS == 2 || number == 11
    }

    /// The members of a listing, and the published type they are of.
    fn listing(place: &[&str], query: &str) -> Option<(&'static str, Vec<Value>)> {
        Some(match place {
            ["organization"] => (
                "Organization",
                vec![
                    json!({ "id": TENANT, "displayName": "Acme Ltd", "createdDateTime": "2023-01-01T08:00:00Z", "tenantType": "AAD" }),
                ],
            ),
            ["users"] if query.contains("signInActivity") => {
                let sign_in = |number| json!({ "id": user_id(number), "signInActivity": { "lastSuccessfulSignInDateTime": "2025-12-31T08:00:00Z" } });
                ("User", (0..USERS).map(sign_in).collect())
            }
            ["users"] => ("User", (0..USERS).map(Self::user).collect()),
            ["directory", "deletedItems", "microsoft.graph.user"] => ("User", Vec::new()),
            ["groups"] => ("Group", (0..GROUPS).map(Self::group).collect()),
            ["groups", id, "members" | "transitiveMembers"] => ("DirectoryObject", Self::members(id)),
            ["applications" | "servicePrincipals"] => ("Application", Vec::new()),
            ["roleManagement", "directory", "roleDefinitions"] => {
                let role = |id: &str, name: &str| json!({ "id": id, "displayName": name, "isBuiltIn": true, "isEnabled": true });
                (
                    "UnifiedRoleDefinition",
                    vec![role(ADMINISTRATOR, "Global Administrator"), role(READER, "Directory Readers")],
                )
            }
            ["roleManagement", "directory", "roleAssignments"] => ("UnifiedRoleAssignment", Self::assignments()),
            ["roleManagement", "directory", "roleEligibilityScheduleInstances"] => {
                ("UnifiedRoleEligibilityScheduleInstance", Vec::new())
            }
            ["identityGovernance", "privilegedAccess", "group", _] => {
                let joining =
                    json!({ "id": "j1", "principalId": user_id(11), "groupId": group_id(2), "accessId": "member" });
                ("PrivilegedAccessGroupEligibilityScheduleInstance", vec![joining])
            }
            ["reports", "authenticationMethods", _] => {
                // the report leaves out disabled users
                (
                    "UserRegistrationDetails",
                    (0..USERS).filter(|number| is_enabled(*number)).map(Self::registered).collect(),
                )
            }
            ["identity", "conditionalAccess", "policies"] => ("ConditionalAccessPolicy", Vec::new()),
            _ => return None,
        })
    }

    fn answer(emulator: SocketAddr, published: &Published, request: &Request) -> Option<Response> {
        let json = |value: Value| Some(Response::new(200, "application/json", value.to_string()));
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        if path == format!("/{TENANT}/oauth2/v2.0/token") {
            // the emulator has one tenant, and does not name it in the address
            let target = "/oauth2/v2.0/token".to_owned();
            return Some(ask(emulator, &Request { target, ..request.clone() }));
        }
        let place: Vec<&str> = path.strip_prefix("/v1.0/")?.split('/').collect();
        // the emulator knows its tokens; the application of one is nobody
        let whose = Request { target: "/v1.0/me".to_owned(), ..request.clone() };
        let known = ask(emulator, &whose);
        if known.status != 404 {
            return Some(known);
        }
        if place == ["policies", "identitySecurityDefaultsEnforcementPolicy"] {
            return json(json!({ "id": "1", "isEnabled": true }));
        }
        let (kind, members) = Self::listing(&place, query)?;
        for member in &members {
            assert_eq!(published.differing(kind, member), Vec::<String>::new());
        }
        let from: usize = request.parameter("$skiptoken").map_or(0, |token| token.parse().unwrap());
        let mut page = json!({ "value": members.iter().skip(from).take(PAGE).collect::<Vec<_>>() });
        if from == 0 && query.contains("count=true") {
            page["@odata.count"] = members.len().into();
        }
        if from + PAGE < members.len() {
            let host = &request.headers.iter().find(|(name, _)| name == "host").unwrap().1;
            let query = query.split("&$skiptoken=").next().unwrap();
            page["@odata.nextLink"] = format!("http://{host}{path}?{query}&$skiptoken={}", from + PAGE).into();
        }
        json(page)
    }
}

fn emulator() -> Emulator {
    let client =
        json!({ "client_id": CLIENT, "client_secret": "example-token", "name": "evidence", "redirect_uris": [] });
    Emulator::microsoft(&json!({ "microsoft": { "oauth_clients": [client] } }))
}

fn source(address: SocketAddr) -> String {
    format!(
        "[sources.entra]\ncollector = \"entra_id\"\ntenant_id = \"{TENANT}\"\nclient_id = \"{CLIENT}\"\n\
         client_secret = {{ env = \"GITHUB_TOKEN\" }}\napi_url = \"http://{address}/v1.0\"\nlogin_url = \"http://{address}\"\n"
    )
}

#[test]
fn a_tenant_is_collected_as_it_is_held_with_a_token_that_is_granted() {
    let emulator = emulator();
    let (address, published) = (emulator.address(), Published::microsoft_graph());
    let stand_in = StandIn::before(address, move |request| Tenant::answer(address, &published, request));
    let audit = Audit::with(&source(stand_in.address()));
    let collected = audit.json(0, &["collect"]);
    let snapshot = &collected["snapshots"][0];
    assert_eq!(snapshot["status"], "complete", "{snapshot:#}");
    assert_eq!(snapshot["caller"], json!({ "identity": CLIENT, "tenant": TENANT }));
    assert_eq!(snapshot["completeness"]["declared"], USERS);

    let accounts: Vec<Value> = (0..USERS)
        .map(|number| {
            let user = Tenant::user(number);
            let (mfa, resistant) = match number % 4 {
                _ if !is_enabled(number) => (Value::Null, Value::Null),
                0 => (json!("enrolled"), json!(1)),
                1 => (json!("enrolled"), json!(0)),
                _ => (json!("none"), json!(0)),
            };
            json!({
                "login": user["userPrincipalName"], "native_id": user["id"], "email": user["mail"],
                "kind": if is_guest(number) { "guest" } else { "unknown" },
                "status": if is_enabled(number) { "enabled" } else { "disabled" },
                "is_admin": i64::from(Tenant::is_admin(number)), "mfa": mfa, "mfa_phishing_resistant": resistant,
                "last_active_at": "2025-12-31T08:00:00Z",
            })
        })
        .collect();
    assert_rows(&audit, "account", &accounts);
    let members: Vec<Value> = (0..USERS)
        .map(|number| json!({ "group_id": group_id(number % GROUPS), "member_id": user_id(number), "kind": "user" }))
        .collect();
    assert_rows(&audit, "entra_group_member", &members);

    // the check for second factors is the one for every source
    let verdicts = audit.json(1, &["check", "mfa_missing"])["evaluations"][0]["verdicts"].clone();
    let without = (0..USERS).filter(|number| is_enabled(*number) && number % 4 > 1).count();
    let disabled = (0..USERS).filter(|number| !is_enabled(*number)).count();
    let (fail, not_applicable) = (&verdicts["fail"], &verdicts["not_applicable"]);
    assert_eq!((fail, not_applicable), (&json!(without), &json!(disabled)), "{verdicts}");
    assert_eq!(verdicts["pass"], USERS - without - disabled);
    audit.assert_sound();
}

#[test]
fn a_secret_that_is_not_accepted_and_a_directory_that_is_not_there_give_no_population() {
    let emulator = emulator();
    let address = emulator.address();
    let to_token = move |request: &Request, body: String| {
        let target = "/oauth2/v2.0/token".to_owned();
        ask(address, &Request { target, body, ..request.clone() })
    };
    let wrong = StandIn::before(address, move |request| {
        let body = request.body.replace("client_secret=", "client_secret=not-");
        request.target.contains("oauth2").then(|| to_token(request, body))
    });
    let audit = Audit::with(&source(wrong.address()));
    let collected = audit.run(&["collect", "--format", "json"]);
    assert_ne!(collected.code, 0);
    assert!(collected.stdout.contains("no token is granted"), "{collected:#?}");

    let bare = StandIn::before(address, move |request| {
        request.target.contains("oauth2").then(|| to_token(request, request.body.clone()))
    });
    let audit = Audit::with(&source(bare.address()));
    let collected = audit.run(&["collect", "--format", "json"]);
    assert_ne!(collected.code, 0);
    assert!(collected.stdout.contains("GET /organization was refused: HTTP 404"), "{collected:#?}");
}

/// The published type of what an operation lists, or gives.
const TYPES: &[(&str, &str)] = &[
    ("GET /organization", "Organization"),
    ("GET /users", "User"),
    ("GET /users?$select=signInActivity", "User"),
    ("GET /directory/deletedItems/microsoft.graph.user", "User"),
    ("GET /groups", "Group"),
    ("GET /groups/{id}/members", "DirectoryObject"),
    ("GET /groups/{id}/transitiveMembers", "DirectoryObject"),
    ("GET /applications", "Application"),
    ("GET /applications/{id}/owners", "DirectoryObject"),
    ("GET /servicePrincipals", "ServicePrincipal"),
    ("GET /roleManagement/directory/roleDefinitions", "UnifiedRoleDefinition"),
    ("GET /roleManagement/directory/roleAssignments", "UnifiedRoleAssignment"),
    ("GET /roleManagement/directory/roleEligibilityScheduleInstances", "UnifiedRoleEligibilityScheduleInstance"),
    (
        "GET /identityGovernance/privilegedAccess/group/eligibilityScheduleInstances",
        "PrivilegedAccessGroupEligibilityScheduleInstance",
    ),
    ("GET /reports/authenticationMethods/userRegistrationDetails", "UserRegistrationDetails"),
    ("GET /policies/identitySecurityDefaultsEnforcementPolicy", "IdentitySecurityDefaultsEnforcementPolicy"),
    ("GET /identity/conditionalAccess/policies", "ConditionalAccessPolicy"),
];

#[test]
fn every_field_that_is_asked_for_and_recorded_is_one_that_microsoft_publishes() {
    let published = Published::microsoft_graph();
    let recorded = crate::fault_matrix::Clean::load("entra_id", "whole").recorded;
    let mut against = Vec::new();
    for (operation, kind) in TYPES {
        let mut of_type = 0;
        for exchange in recorded.iter().filter(|exchange| exchange.record.operation == *operation) {
            let url = exchange.record.url.replace("%24", "$").replace("%2C", ",");
            let asked = url.split("$select=").nth(1).map_or("", |rest| rest.split('&').next().unwrap());
            let unknown = |field: &&str| !field.is_empty() && published.kind(kind, field).is_none();
            against.extend(asked.split(',').filter(unknown).map(|field| format!("{operation} asks for {field}")));
            let body: Value = serde_json::from_slice(&exchange.body).unwrap();
            let members = body["value"].as_array().cloned().unwrap_or_else(|| vec![body]);
            of_type += members.len();
            against.extend(members.iter().flat_map(|member| published.differing(kind, member)));
        }
        assert!(of_type > 0, "nothing of {operation} is recorded");
    }
    assert!(against.is_empty(), "{}", against.join("\n"));
    let seen: Vec<&str> = recorded.iter().map(|exchange| exchange.record.operation.as_str()).collect();
    let untyped =
        seen.iter().filter(|name| !name.starts_with("POST ") && !TYPES.iter().any(|(known, _)| known == *name));
    assert_eq!(untyped.count(), 0);
}
