//! A GitHub organisation of several pages: complete, counted as declared, and every row as the emulator holds it.
//!
//! The emulator pages by itself; a proxy asks it for pages of [`PAGE`]. Some answers are not the emulator's, because it
//! does not have them: `tests/peers/github_gaps.rs` says which and whose they are. So the columns and tables that come
//! from these - `two_factor`, two settings of the organisation, outside collaborators, invitations - are compared with
//! `github_gaps.json` and with this test's own list, and show that the collector reads them as GitHub documents them, not
//! that GitHub answers so. What the collector makes of the emulator without them is a test of its own.

use crate::faults::Proxy;
use crate::peers::emulate::{Emulator, TOKEN};
use crate::peers::github_gaps::{Filled, recorded};
use crate::peers::github_graphql::GraphQl;
use crate::rows::assert_rows;
use crate::support::Audit;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const MEMBERS: usize = 250;
const STRANGERS: usize = 10;
const TEAMS: usize = 14;
const PAGE: usize = 12;

fn login(number: usize) -> String {
    format!("member-{number:03}")
}

/// The organisation `acme`, its owners, and people who are not in it. The token is its first owner's.
fn emulator(members: usize) -> Emulator {
    let person = |number: usize| {
        let shown = (number % 4 == 1).then(|| format!("{}@example.org", login(number)));
        json!({ "login": login(number), "name": format!("Žofie № {number}"), "email": shown, "site_admin": number == 7 })
    };
    let strangers = (0..STRANGERS).map(|number| json!({ "login": format!("stranger-{number}") }));
    let role = |number: usize| if number.is_multiple_of(50) { "admin" } else { "member" };
    let member = |number| json!({ "login": login(number), "role": role(number) });
    Emulator::github(&json!({
        "tokens": { TOKEN: { "login": login(0), "scopes": ["admin:org"] } },
        "github": {
            "users": (0..members).map(person).chain(strangers).collect::<Vec<_>>(),
            "orgs": [{ "login": "acme", "name": "Acme", "members": (0..members).map(member).collect::<Vec<_>>() }],
        },
    }))
}

/// Teams besides the emulator's own team of all members.
fn make_teams(github: &Emulator) {
    for team in 0..TEAMS {
        let privacy = if team % 2 == 0 { "secret" } else { "closed" };
        let made =
            github.change("POST", "/orgs/acme/teams", &json!({ "name": format!("Team {team}"), "privacy": privacy }));
        let slug = made["slug"].as_str().unwrap();
        // in the emulator a maintainer of any team is an owner of the organisation: few of them
        for number in (team..MEMBERS).step_by(17) {
            let role = if number % 50 == team { "maintainer" } else { "member" };
            let path = format!("/orgs/acme/teams/{slug}/memberships/{}", login(number));
            github.change("PUT", &path, &json!({ "role": role }));
        }
    }
}

fn source(url: &str) -> String {
    format!(
        "[sources.gh]\ncollector = \"github_org\"\norg = \"acme\"\napi_url = \"{url}\"\nprofiles = true\n\
         token = {{ env = \"GITHUB_TOKEN\" }}\n"
    )
}

/// Every user the emulator knows, whether in the organisation or not.
fn users(github: &Emulator) -> Vec<Value> {
    let mut users: Vec<Value> = Vec::new();
    loop {
        let since = users.last().map_or(0, |user| user["id"].as_i64().unwrap());
        let page = github.get(&format!("/users?per_page=100&since={since}"));
        match page.as_array().unwrap() {
            page if page.is_empty() => return users,
            page => users.extend_from_slice(page),
        }
    }
}

/// The members, asked one by one and not by a listing.
fn held_members(github: &Emulator, without_2fa: &BTreeSet<String>) -> Vec<Value> {
    let row = |user: &Value| {
        let login = user["login"].as_str().unwrap();
        let membership = github.find(&format!("/orgs/acme/memberships/{login}"))?;
        let profile = github.get(&format!("/users/{login}"));
        Some(json!({
            "login": login, "id": profile["id"], "type": profile["type"],
            "site_admin": i64::from(profile["site_admin"] == true), "role": membership["role"],
            "two_factor": i64::from(!without_2fa.contains(login)),
            "two_factor_secure": i64::from(!without_2fa.contains(login)), "name": profile["name"], "email": profile["email"],
        }))
    };
    users(github).iter().filter_map(row).collect()
}

/// The teams by their slugs and their members by the team's number, each one's role asked singly.
fn held_teams(github: &Emulator) -> (Vec<Value>, Vec<Value>) {
    let (mut teams, mut members) = (Vec::new(), Vec::new());
    let made = (0..TEAMS).map(|team| format!("team-{team}"));
    for slug in made.chain(["members".to_owned()]) {
        let team = github.get(&format!("/orgs/acme/teams/{slug}"));
        // the emulator never tells a parent
        teams.push(json!({
            "slug": slug, "id": team["id"], "name": team["name"], "privacy": team["privacy"], "parent": Value::Null,
        }));
        for page in 1.. {
            let people = github.get(&format!("/teams/{}/members?per_page=100&page={page}", team["id"]));
            let people = people.as_array().unwrap();
            for person in people {
                let login = person["login"].as_str().unwrap();
                let membership = github.get(&format!("/orgs/acme/teams/{slug}/memberships/{login}"));
                let role = &membership["role"];
                members.push(json!({ "team": slug, "login": login, "id": person["id"], "role": role }));
            }
            if people.is_empty() {
                break;
            }
        }
    }
    (teams, members)
}

#[test]
fn an_organisation_of_many_pages_is_collected_as_the_emulator_holds_it() {
    let github = emulator(MEMBERS);
    make_teams(&github);
    let without_2fa: BTreeSet<String> = (4..MEMBERS).step_by(9).map(login).collect();
    let graphql = GraphQl::over(github.address());
    let filled = Filled::before(github.address(), graphql.address(), without_2fa.iter().cloned().collect());
    let proxy = Proxy::paging(filled.address(), PAGE);
    let audit = Audit::with(&source(&proxy.url()));

    let collected = audit.json(0, &["collect"]);
    let snapshot = &collected["snapshots"][0];
    assert_eq!(snapshot["status"], "complete", "{snapshot:#}");
    assert_eq!(snapshot["completeness"]["declared"], MEMBERS);
    assert_eq!(snapshot["completeness"]["counted"], MEMBERS);
    let by_graphql = snapshot["completeness"]["counts"].as_array().unwrap().iter().any(|count| {
        count["table"] == "github_member"
            && count["declared"] == MEMBERS
            && count["declared_by"] == "GraphQL membersWithRole.totalCount"
    });
    assert!(by_graphql, "{snapshot:#}");
    assert_eq!(snapshot["caller"]["identity"], login(0).as_str());
    let pages = |path: &str| {
        let asked = |call: &&crate::faults::Call| call.request.target.starts_with(path);
        proxy.calls().iter().filter(asked).count()
    };
    assert_eq!(pages("/orgs/acme/members?role=all"), MEMBERS.div_ceil(PAGE));
    assert_eq!(pages("/orgs/acme/members?filter=2fa_disabled"), without_2fa.len().div_ceil(PAGE));
    assert_eq!(pages("/orgs/acme/teams?"), (TEAMS + 1).div_ceil(PAGE));

    // the emulator's own
    let members = held_members(&github, &without_2fa);
    assert_eq!(members.len(), MEMBERS);
    let owners = members.iter().filter(|member| member["role"] == "admin").count();
    assert!((6..30).contains(&owners), "{owners} owners: five are seeded, maintainers are owners too");
    let (teams, team_members) = held_teams(&github);
    assert!(team_members.iter().any(|member| member["role"] == "maintainer"));
    let organisation = github.get("/orgs/acme");
    let mut compared = assert_rows(&audit, "github_member", &members);
    compared += assert_rows(&audit, "github_team", &teams);
    compared += assert_rows(&audit, "github_team_member", &team_members);
    compared += assert_rows(
        &audit,
        "github_org",
        &[json!({
            "login": "acme", "id": organisation["id"], "name": organisation["name"], "caller_role": "admin",
            "default_repository_permission": organisation["default_repository_permission"],
            "members_can_create_repositories": i64::from(organisation["members_can_create_repositories"] == true),
        })],
    );
    println!("{compared} rows of 4 tables are the emulator's");

    // what stands in for what it lacks
    let recorded = recorded();
    let outside = recorded["outside_collaborators"].as_array().unwrap().iter().map(|person| {
        let without = recorded["outside_collaborators_without_2fa"].as_array().unwrap();
        let two_factor = i64::from(!without.contains(&person["login"]));
        json!({ "login": person["login"], "id": person["id"], "type": person["type"], "two_factor": two_factor })
    });
    let outside: Vec<Value> = outside.collect();
    assert_rows(&audit, "github_outside_collaborator", &outside);
    let invitations: Vec<Value> = recorded["invitations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|invitation| {
            json!({
                "id": invitation["id"], "login": invitation["login"], "email": invitation["email"],
                "role": invitation["role"], "inviter": invitation["inviter"]["login"],
            })
        })
        .collect();
    assert_rows(&audit, "github_invitation", &invitations);
    let settings = ["two_factor_requirement_enabled", "web_commit_signoff_required"].into_iter();
    let settings = settings.map(|name| (name.to_owned(), json!(i64::from(recorded["organisation"][name] == true))));
    assert_rows(&audit, "github_org", &[Value::Object(settings.collect())]);
    audit.assert_sound();
}

#[test]
fn what_the_emulator_lacks_is_not_seen_rather_than_empty() {
    let github = emulator(5);
    let audit = Audit::with(&source(&format!("http://{}", github.address())));
    let collected = audit.json(3, &["collect"]);
    let snapshot = &collected["snapshots"][0];
    assert_eq!(snapshot["status"], "incomplete", "{snapshot:#}");
    let reason = |reason: &Value| {
        assert_eq!(reason["code"], "denied", "{reason:#}");
        let columns: Vec<&str> = reason["columns"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        (reason["tables"][0].as_str().unwrap().to_owned(), columns.join(" "))
    };
    let unseen: BTreeSet<(String, String)> = snapshot["reasons"].as_array().unwrap().iter().map(reason).collect();
    let lacking = [
        ("github_app_installation", ""),
        ("github_invitation", ""),
        ("github_member", ""),
        ("github_org", "has_saml"),
        ("github_org", "two_factor_requirement_enabled"),
        ("github_outside_collaborator", ""),
        ("github_saml_identity", ""),
    ];
    assert_eq!(unseen, lacking.map(|(table, columns)| (table.to_owned(), columns.to_owned())).into());

    // the reason for the stand-in: a filter that is ignored looks like an organisation without any second factor
    let everybody = github.get("/orgs/acme/members");
    assert_eq!(everybody.as_array().unwrap().len(), 5);
    let filtered = github.find("/orgs/acme/members?filter=2fa_disabled");
    assert_eq!(filtered, Some(everybody), "the emulator knows the filter now: take the stand-in out");
}

/// What did not change is not sent again: the second snapshot cites the first, derives by itself, and sees every change.
#[test]
fn a_second_collection_takes_only_what_changed() {
    let github = emulator(5);
    let graphql = GraphQl::over(github.address());
    let filled = Filled::before(github.address(), graphql.address(), Vec::new());
    let proxy = Proxy::forwarding(filled.address());
    let audit = Audit::with(&source(&proxy.url()));
    let answers = |code| {
        let before = proxy.calls().len();
        let collected = audit.json(code, &["collect"]);
        let statuses: Vec<u16> = proxy.calls()[before..].iter().filter_map(|call| call.status).collect();
        (collected["snapshots"][0].clone(), statuses)
    };
    let (first, statuses) = answers(0);
    assert_eq!(first["status"], "complete", "{first:#}");
    assert!(!statuses.contains(&304));

    let (second, statuses) = answers(0);
    assert_eq!(second["status"], "complete", "{second:#}");
    assert_eq!(first["tables"], second["tables"]);
    let asked = |status: u16| statuses.iter().filter(|known| **known == status).count();
    assert!(asked(304) > 10 && asked(200) <= 4, "{statuses:?}: all but GraphQL is cited");

    github.change("DELETE", &format!("/orgs/acme/members/{}", login(4)), &Value::Null);
    let (third, statuses) = answers(0);
    assert_eq!(third["completeness"]["counted"], 4, "{third:#}");
    assert!(statuses.contains(&304) && statuses.contains(&200), "{statuses:?}");
    let fsck = audit.run(&["fsck", "--derive"]);
    assert_eq!(fsck.code, 0, "{fsck:#?}");
}
