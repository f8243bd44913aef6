//! Repositories, protection and merged changes: complete, and every row as the emulator holds it. And a GitHub App.
//!
//! The emulator has no GraphQL: `tests/peers/github_graphql.mjs` answers with what the emulator says over REST, by
//! GitHub's own published schema and the reference implementation, which judge our queries. It knows no listing of an
//! organisation's repositories (its search stands in), no rulesets, no log of a branch, no deploy keys and no figures of
//! public and private repositories: these are this test's own (`tests/peers/github_gaps.rs`), and show that the collector
//! reads them as GitHub documents them, not that GitHub answers so. Its clock cannot be moved, so every merge is of the
//! last hour, which GitHub's search is not asked about; recorded cases of the collector have older ones.

use crate::faults::{Proxy, Request};
use crate::peers::emulate::{Emulator, TOKEN};
use crate::peers::github_gaps::Filled;
use crate::peers::github_graphql::GraphQl;
use crate::peers::keys::traditional_key;
use crate::rows::assert_rows;
use crate::support::Audit;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::OpenOptionsExt as _;

const REPOSITORIES: usize = 23;
const PAGE: usize = 5;
const APP: &str = "12345";
const INSTALLATION: &str = "67890";

fn name(number: usize) -> String {
    format!("repo-{number:02}")
}

/// The organisation `acme` with three people, each with a token, and an app installed for all of it.
fn emulator(app_key: &str) -> Emulator {
    let people = ["ada", "grace", "ken"];
    let mut tokens: serde_json::Map<String, Value> = people
        .iter()
        .map(|login| (format!("{login}-token"), json!({ "login": login, "scopes": ["repo", "admin:org"] })))
        .collect();
    tokens.insert(TOKEN.to_owned(), json!({ "login": "ada", "scopes": ["repo", "admin:org"] }));
    let github = Emulator::github(&json!({
        "tokens": tokens,
        "github": {
            "users": people.iter().map(|login| json!({ "login": login })).collect::<Vec<_>>(),
            "orgs": [{ "login": "acme", "name": "Acme", "members": [
                { "login": "ada", "role": "admin" }, { "login": "grace", "role": "admin" }, { "login": "ken", "role": "admin" },
            ] }],
            "apps": [{
                "app_id": 12345, "slug": "evidence-reader", "name": "Evidence reader", "private_key": app_key,
                "permissions": {
                    "administration": "read", "contents": "read", "metadata": "read", "pull_requests": "read",
                    "members": "read", "organization_administration": "read",
                },
                "installations": [{ "installation_id": 67890, "account": "acme", "repository_selection": "all" }],
            }],
        },
    }));
    for number in 0..REPOSITORIES {
        let repository = json!({ "name": name(number), "private": number % 3 != 0, "auto_init": true });
        github.change("POST", "/orgs/acme/repos", &repository);
    }
    github
}

/// Protects every second repository, each a little otherwise.
fn protect(github: &Emulator) {
    for number in (0..REPOSITORIES).step_by(2) {
        let reviews = json!({
            "required_approving_review_count": number % 3, "dismiss_stale_reviews": number % 4 == 0,
            "require_code_owner_reviews": number % 8 == 0,
        });
        let checks = json!({ "strict": true, "contexts": ["build"] });
        let path = format!("/repos/acme/{}/branches/main/protection", name(number));
        let protection = json!({
            "required_status_checks": if number % 6 == 0 { checks } else { Value::Null },
            "enforce_admins": number % 4 == 2,
            "required_pull_request_reviews": if number % 10 == 0 { Value::Null } else { reviews },
            "restrictions": null, "allow_force_pushes": number % 12 == 0, "allow_deletions": number % 8 == 4,
        });
        github.change("PUT", &path, &protection);
    }
}

/// Merges a pull request of `author` into a repository, approved by `reviewers`; its number.
fn merge(github: &Emulator, repository: &str, branch: &str, author: &str, reviewers: &[&str]) -> i64 {
    let place = format!("/repos/acme/{repository}");
    let head = github.get(&format!("{place}/branches/main"))["commit"]["sha"].clone();
    let reference = json!({ "ref": format!("refs/heads/{branch}"), "sha": head });
    let by = |login: &str, method: &str, path: &str, body: &Value| {
        github.change_as(&format!("{login}-token"), method, path, body)
    };
    by(author, "POST", &format!("{place}/git/refs"), &reference);
    let content = json!({ "message": "change", "content": "YQ==", "branch": branch });
    by(author, "PUT", &format!("{place}/contents/{branch}.txt"), &content);
    let pull = json!({ "title": format!("Change {branch}"), "head": branch, "base": "main" });
    let number = by(author, "POST", &format!("{place}/pulls"), &pull)["number"].as_i64().unwrap();
    for reviewer in reviewers {
        by(reviewer, "POST", &format!("{place}/pulls/{number}/reviews"), &json!({ "event": "APPROVE" }));
    }
    by(author, "PUT", &format!("{place}/pulls/{number}/merge"), &json!({}));
    number
}

/// What the emulator does not have, by path.
fn gaps() -> BTreeMap<String, Vec<Value>> {
    let mut listings = BTreeMap::from([("/orgs/acme/rulesets".to_owned(), Vec::new())]);
    for number in 0..REPOSITORIES {
        let place = format!("/repos/acme/{}", name(number));
        let rule = json!({
            "type": "pull_request", "ruleset_source_type": "Organization", "ruleset_source": "acme", "ruleset_id": 9,
            "parameters": { "required_approving_review_count": 1 },
        });
        let rules = if number % 5 == 1 { vec![rule] } else { Vec::new() };
        listings.insert(format!("{place}/rules/branches/main"), rules);
        listings.insert(format!("{place}/keys"), Vec::new());
        listings.insert(format!("{place}/activity"), Vec::new());
    }
    listings
}

fn source(url: &str, credential: &str) -> String {
    format!("[sources.gh]\ncollector = \"github_repos\"\norg = \"acme\"\napi_url = \"{url}\"\n{credential}\n")
}

/// The repositories, each asked by its name, and their branches and protection.
fn held(github: &Emulator) -> (Vec<Value>, Vec<Value>) {
    let (mut repositories, mut branches) = (Vec::new(), Vec::new());
    for number in 0..REPOSITORIES {
        let name = name(number);
        let repository = github.get(&format!("/repos/acme/{name}"));
        repositories.push(json!({
            "name": name, "id": repository["id"], "visibility": repository["visibility"],
            "archived": i64::from(repository["archived"] == true), "fork": i64::from(repository["fork"] == true),
            "default_branch": repository["default_branch"], "vulnerability_alerts": 0,
        }));
        let branch = github.get(&format!("/repos/acme/{name}/branches/main"));
        let protection = github.find(&format!("/repos/acme/{name}/branches/main/protection"));
        let enabled = |part: &str| protection.as_ref().map(|found| i64::from(found[part]["enabled"] == true));
        let reviews = protection.as_ref().map(|found| found["required_pull_request_reviews"].clone());
        let approvals =
            reviews.as_ref().map(|reviews| reviews["required_approving_review_count"].as_i64().unwrap_or(0));
        let asks = |part: &str| reviews.as_ref().map(|reviews| i64::from(reviews[part] == true));
        branches.push(json!({
            "repository": name, "branch": "main", "head_commit": branch["commit"]["sha"],
            "classic": i64::from(branch["protected"] == true),
            "classic_required_approvals": approvals,
            "classic_dismiss_stale": asks("dismiss_stale_reviews"),
            "classic_code_owner_review": asks("require_code_owner_reviews"),
            "classic_status_checks": protection.as_ref().map(|found| i64::from(found["required_status_checks"].is_object())),
            "classic_enforce_admins": enabled("enforce_admins"),
            "classic_allow_force_pushes": enabled("allow_force_pushes"),
            "classic_allow_deletions": enabled("allow_deletions"),
            "rules": i64::from(number % 5 == 1),
        }));
    }
    (repositories, branches)
}

#[test]
fn repositories_protection_and_merges_are_collected_as_the_emulator_holds_them() {
    let github = emulator(&traditional_key());
    protect(&github);
    // alone, by the author and another, by somebody else; more merges than a page of GraphQL holds
    let alone = merge(&github, "repo-01", "a", "ken", &[]);
    let seen = merge(&github, "repo-01", "b", "ken", &["grace"]);
    for number in 0..53 {
        merge(&github, "repo-03", &format!("c{number}"), "grace", if number % 2 == 0 { &["ken"] } else { &["ada"] });
    }
    // the second a run begins in is the next run's: a fast machine merges half of these in one
    std::thread::sleep(std::time::Duration::from_secs(1));
    let graphql = GraphQl::over(github.address());
    let filled = Filled::with_listings(github.address(), graphql.address(), Vec::new(), gaps());
    let proxy = Proxy::paging(filled.address(), PAGE);
    let audit = Audit::with(&source(&proxy.url(), "token = { env = \"GITHUB_TOKEN\" }"));

    // the emulator tells nobody how many private repositories there are, nor security settings
    let collected = audit.json(3, &["collect"]);
    let snapshot = &collected["snapshots"][0];
    let reasons = snapshot["reasons"].as_array().unwrap();
    let untold: Vec<&str> = reasons.iter().map(|reason| reason["code"].as_str().unwrap()).collect();
    assert_eq!(untold, ["not_owner", "denied"], "{snapshot:#}");
    assert_eq!(snapshot["completeness"]["declared"], REPOSITORIES);
    assert_eq!(snapshot["completeness"]["counted"], REPOSITORIES);
    let listed = proxy.calls().iter().filter(|call| call.request.target.starts_with("/orgs/acme/repos")).count();
    assert_eq!(listed, REPOSITORIES.div_ceil(PAGE));

    let (repositories, branches) = held(&github);
    assert!(branches.iter().filter(|branch| branch["classic"] == 1).count() == REPOSITORIES.div_ceil(2));
    assert_rows(&audit, "github_repository", &repositories);
    assert_rows(&audit, "github_default_branch", &branches);
    let mut merges = Vec::new();
    for (repository, last) in [("repo-01", seen), ("repo-03", 53)] {
        for number in 1..=last {
            let pull = github.get(&format!("/repos/acme/{repository}/pulls/{number}"));
            let place = format!("/repos/acme/{repository}/pulls/{number}");
            let logins = |listed: Value, login: fn(&Value) -> &str| -> BTreeSet<String> {
                listed.as_array().unwrap().iter().map(|one| login(one).to_owned()).collect()
            };
            let reviewers =
                logins(github.get(&format!("{place}/reviews")), |one| one["user"]["login"].as_str().unwrap());
            // an account's address at GitHub begins with its login
            let mut own = logins(github.get(&format!("{place}/commits")), |one| {
                one["commit"]["author"]["email"].as_str().unwrap().strip_suffix("@users.noreply.github.com").unwrap()
            });
            own.insert(pull["user"]["login"].as_str().unwrap().to_owned());
            let independent = !reviewers.is_subset(&own);
            merges.push(json!({
                "repository": repository, "number": number, "title": pull["title"], "author": pull["user"]["login"],
                "merged_by": pull["merged_by"]["login"], "merge_commit": pull["merge_commit_sha"],
                "contributors": json!(own).to_string(), "independent_approval": i64::from(independent),
            }));
        }
    }
    assert_eq!(merges.len(), 55);
    let approved = |number: i64| {
        merges.iter().find(|row| row["repository"] == "repo-01" && row["number"] == number).unwrap()["independent_approval"]
            == 1
    };
    assert!(!approved(alone) && approved(seen), "{merges:#?}");
    assert_rows(&audit, "github_merged_pull_request", &merges);
    audit.assert_sound();
}

#[test]
fn a_github_app_signs_in_with_its_key_and_no_credential_is_kept() {
    let key = traditional_key();
    let github = emulator(&key);
    let graphql = GraphQl::over(github.address());
    let filled = Filled::with_listings(github.address(), graphql.address(), Vec::new(), gaps());
    let proxy = Proxy::forwarding(filled.address());
    let credential =
        format!("app_id = \"{APP}\"\napp_installation_id = \"{INSTALLATION}\"\napp_key = {{ file = \"app.pem\" }}");
    let audit = Audit::with(&source(&proxy.url(), &credential));
    let mut file = std::fs::OpenOptions::new();
    file.write(true).create(true).truncate(true).mode(0o600);
    std::io::Write::write_all(&mut file.open(audit.path("app.pem")).unwrap(), key.as_bytes()).unwrap();

    let collected = audit.json(3, &["collect"]);
    let snapshot = &collected["snapshots"][0];
    assert_eq!(snapshot["caller"]["identity"], "evidence-reader[bot]", "{snapshot:#}");
    assert_eq!(snapshot["caller"]["tenant"], "acme");
    assert_eq!(snapshot["completeness"]["counted"], REPOSITORIES);
    let reasons = snapshot["reasons"].as_array().unwrap();
    assert!(
        reasons.iter().all(|reason| reason["code"] != "not_owner"),
        "the app is installed everywhere: {reasons:#?}"
    );

    // the emulator verified the assertion's signature and gave a token, which every other call was made with
    let exchanged = |call: &crate::faults::Call| call.request.target.ends_with("/access_tokens");
    let calls = proxy.calls();
    assert_eq!(calls.iter().filter(|call| exchanged(call)).count(), 1);
    let bearer = |request: &Request| {
        let header = request.headers.iter().find(|(name, _)| name == "authorization");
        header.map(|(_, value)| value.trim_start_matches("Bearer ").to_owned()).unwrap()
    };
    let credentials: BTreeSet<String> = calls.iter().map(|call| bearer(&call.request)).collect();
    assert_eq!(credentials.len(), 2, "the assertion and the token");
    for file in audit.everything().iter().filter(|path| path.is_file()) {
        let bytes = std::fs::read(file).unwrap();
        for credential in &credentials {
            let is_in = bytes.windows(credential.len()).any(|window| window == credential.as_bytes());
            assert!(!is_in, "{} holds a credential", file.display());
        }
    }
    audit.assert_sound();

    // another key is refused, and the refusal says what to look at
    std::fs::write(audit.path("app.pem"), traditional_key()).unwrap();
    let collected = audit.json(3, &["collect"]);
    assert_eq!(collected["snapshots"][0]["status"], "failed");
}
