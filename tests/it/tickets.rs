//! One ticket a finding: in a third party's emulator of GitHub, through lost answers and lost memory, to the finding's end. Jira has
//! no emulator, so its published reference is played here by a few lines that keep issues, comments and states.

use crate::decisions::Company;
use crate::faults::{Request, Response, ask};
use crate::peers::emulate::{Emulator, TOKEN};
use crate::peers::stand_in::StandIn;
use crate::support::Audit;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const FINDING: &str = "leaver_still_active-1";

fn github() -> Emulator {
    let github = Emulator::github(&json!({
        "tokens": { TOKEN: { "login": "ada", "scopes": ["repo", "admin:org"] } },
        "github": {
            "users": [{ "login": "ada" }],
            "orgs": [{ "login": "acme", "name": "Acme", "members": [{ "login": "ada", "role": "admin" }] }],
        },
    }));
    github.change("POST", "/orgs/acme/repos", &json!({ "name": "compliance", "private": true, "auto_init": true }));
    // what is there already is nobody's ticket
    github.change("POST", "/repos/acme/compliance/issues", &json!({ "title": "Buy milk", "labels": ["evidenced"] }));
    github
}

fn configure(audit: &Audit, at: SocketAddr) {
    audit.add(&format!(
        "[notify.issues]\nkind = \"github_issues\"\nrepository = \"acme/compliance\"\napi_url = \"http://{at}\"\n\
         token = {{ env = \"GITHUB_TOKEN\" }}\n"
    ));
}

fn issues(github: &Emulator) -> Vec<Value> {
    let issues = github.get("/repos/acme/compliance/issues?state=all&sort=created&direction=asc&per_page=100");
    issues.as_array().unwrap().iter().filter(|issue| issue["title"] != "Buy milk").cloned().collect()
}

fn comments(github: &Emulator, issue: &Value) -> Vec<String> {
    let comments = github.get(&format!("/repos/acme/compliance/issues/{}/comments", issue["number"]));
    comments.as_array().unwrap().iter().map(|comment| comment["body"].as_str().unwrap().to_owned()).collect()
}

fn send(audit: &Audit, code: i32) -> Vec<Value> {
    audit.json(code, &["notify", "send"])["messages"].as_array().unwrap().clone()
}

/// Takes the finding from its confirmation to its verified end, and sends after each step.
fn to_the_end(company: &Company) {
    let step = |arguments: &[&str]| {
        company.done(arguments);
        send(&company.0, 0);
    };
    step(&["confirm", FINDING, "--class", "major", "--by", "Grace"]);
    let plan = ["plan", FINDING, "--owner", "Lin", "--due", "2030-01-31", "--by", "Grace"];
    let parts = ["--correction", "c", "--root-cause", "r", "--method", "m", "--similar", "s", "--action", "a"];
    step(&[&plan[..], &parts[..]].concat());
    company.look([false, true, false], 0);
    let evidence = company.last_snapshot();
    step(&["implement", FINDING, "--evidence", &evidence, "--by", "Lin"]);
    company.look([false, true, false], 0);
    send(&company.0, 0);
    step(&["close", FINDING, "--effectiveness", "nobody since", "--by", "Grace"]);
}

#[test]
fn a_finding_is_one_issue_that_follows_it_to_its_end() {
    let github = github();
    let company = Company::found();
    let audit = &company.0;
    configure(audit, github.address());
    let doctor = audit.run(&["doctor"]);
    assert!(doctor.stdout.contains("issues: acme/compliance is there and knows the token"), "{doctor:#?}");
    company.look([true, true, false], 1);
    assert_eq!(send(audit, 0).len(), 1);
    assert_eq!(send(audit, 0).len(), 0);
    let made = issues(&github);
    assert_eq!(made.len(), 1, "{made:#?}");
    assert!(made[0]["title"].as_str().unwrap().ends_with(&format!("({FINDING})")), "{made:#?}");
    let body = made[0]["body"].as_str().unwrap();
    assert!(body.contains("1 member fails") && !body.contains("crm:ada"), "{body}");
    to_the_end(&company);
    let ended = issues(&github);
    assert_eq!(ended.len(), 1, "{ended:#?}");
    assert_eq!((&ended[0]["state"], &ended[0]["state_reason"]), (&json!("closed"), &json!("completed")));
    let said = comments(&github, &ended[0]);
    assert_eq!(said.len(), 5, "{said:#?}");
    for (comment, word) in said.iter().zip(["confirmed", "planned", "implemented", "verified", "closed"]) {
        assert!(comment.contains(&format!("was {word}")), "{comment}");
        assert!(!comment.contains("Lin") && !comment.contains("Grace"), "nobody is named: {comment}");
    }
    // it comes back as another finding, and that is another issue
    company.look([true, true, false], 1);
    send(audit, 0);
    let again = issues(&github);
    assert_eq!(again.len(), 2);
    assert_eq!((&again[0]["state"], &again[1]["state"]), (&json!("closed"), &json!("open")));
    assert_eq!(
        audit
            .run(&[
                "findings",
                "dismiss",
                "leaver_still_active-2",
                "--as",
                "duplicate",
                "--reason",
                "x",
                "--by",
                "Grace"
            ])
            .code,
        0
    );
    send(audit, 0);
    assert_eq!(issues(&github)[1]["state_reason"], "not_planned");
    audit.assert_sound();
}

#[test]
fn an_issue_whose_answer_got_lost_is_found_and_not_made_twice() {
    let github = github();
    let real = github.address();
    let posts = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&posts);
    // it does what it is asked, and the answer to every first time does not arrive
    let stand_in = StandIn::before(real, move |request: &Request| {
        let is_lost = request.method == "POST" && counted.fetch_add(1, Ordering::Relaxed).is_multiple_of(2);
        is_lost.then(|| {
            drop(ask(real, request));
            Response::new(502, "text/plain", "lost")
        })
    });
    let company = Company::found();
    let audit = &company.0;
    configure(audit, stand_in.address());
    company.look([true, true, false], 1);
    let before = audit.copy();
    send(audit, 2);
    send(audit, 0);
    assert_eq!(issues(&github).len(), 1);
    let confirm = ["findings", "confirm", FINDING, "--class", "major", "--by", "Grace"];
    assert_eq!(audit.run(&confirm).code, 0);
    // whichever of these answers gets lost
    for _ in 0..3 {
        audit.run(&["notify", "send"]);
    }
    let made = issues(&github);
    let confirmed = comments(&github, &made[0]).iter().filter(|comment| comment.contains("was confirmed")).count();
    assert_eq!((made.len(), confirmed), (1, 1), "{:#?}", comments(&github, &made[0]));
    // a copy of the store that remembers nothing finds it as well
    assert_eq!(before.run(&["findings", "show", FINDING]).code, 0);
    for _ in 0..2 {
        before.run(&["notify", "send"]);
    }
    assert_eq!(issues(&github).len(), 1);
    assert!(posts.load(Ordering::Relaxed) >= 4);
}

#[test]
fn open_findings_become_issues_when_a_tracker_is_configured_later() {
    let github = github();
    let company = Company::found();
    let audit = &company.0;
    company.look([true, true, false], 1);
    for title in ["One", "Two"] {
        let raise = ["findings", "raise", "--title", title, "--criteria", "a", "--condition", "b", "--by", "Ada"];
        assert_eq!(audit.run(&raise).code, 0);
    }
    assert_eq!(
        audit.run(&["findings", "dismiss", "manual-2", "--as", "duplicate", "--reason", "x", "--by", "Grace"]).code,
        0
    );
    configure(audit, github.address());
    assert_eq!(send(audit, 0).len(), 2);
    let titles: Vec<String> = issues(&github).iter().map(|issue| issue["title"].as_str().unwrap().to_owned()).collect();
    assert!(titles.contains(&"Finding manual-1".to_owned()), "what a person wrote may name somebody: {titles:?}");
    // a test is one ticket, closed
    for _ in 0..2 {
        assert_eq!(audit.run(&["notify", "test", "issues"]).code, 0);
    }
    let all = issues(&github);
    assert_eq!(all.len(), 3);
    assert_eq!((&all[2]["title"], &all[2]["state"]), (&json!("This is a test of evidenced (test)"), &json!("closed")));
}

/// What a project of Jira holds.
#[derive(Default)]
struct Project {
    issues: Vec<Value>,
    comments: Vec<(String, Value)>,
    /// What was asked with another credential, or of another form.
    odd: Vec<String>,
}

/// The part of Jira's REST API version 3 that is used, as its reference describes it.
fn jira(project: &Arc<Mutex<Project>>) -> StandIn {
    let project = Arc::clone(project);
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    StandIn::before(nobody, move |request: &Request| {
        let mut project = project.lock().unwrap();
        let authorization =
            request.headers.iter().find(|(name, _)| name == "authorization").map(|(_, value)| value.as_str());
        // evidenced@acme.example:CANARY-of-jira
        if authorization != Some("Basic ZXZpZGVuY2VkQGFjbWUuZXhhbXBsZTpDQU5BUlktb2YtamlyYQ==") {
            return Some(Response::new(401, "application/json", "{}"));
        }
        Some(answer(&mut project, request))
    })
}

fn answer(project: &mut Project, request: &Request) -> Response {
    let json = |status, value: Value| Response::new(status, "application/json", value.to_string());
    let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let parts: Vec<&str> = path.strip_prefix("/rest/api/3/").unwrap_or_default().split('/').collect();
    let position = |project: &Project, key: &str| project.issues.iter().position(|issue| issue["key"] == key);
    match (request.method.as_str(), parts.as_slice()) {
        ("GET", ["project", "SEC"]) => json(200, json!({ "key": "SEC" })),
        ("GET", ["search", "jql"]) => {
            let query = query.replace("%22", "\"").replace('+', " ").replace("%3D", "=");
            let label = query.split("labels = \"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
            let has = |issue: &&Value| issue["fields"]["labels"].as_array().unwrap().iter().any(|one| one == label);
            json(200, json!({ "issues": project.issues.iter().filter(has).collect::<Vec<_>>(), "isLast": true }))
        }
        ("POST", ["issue"])
            if body["fields"]["description"]["type"] == "doc" && body["fields"]["summary"].is_string() =>
        {
            let key = format!("SEC-{}", project.issues.len() + 1);
            let mut issue = json!({ "key": key, "fields": body["fields"] });
            issue["fields"]["status"] = json!({ "statusCategory": { "key": "new" } });
            project.issues.push(issue);
            json(201, json!({ "id": "1", "key": key }))
        }
        ("GET", ["issue", key]) => position(project, key)
            .map_or_else(|| json(404, json!({})), |position| json(200, project.issues[position].clone())),
        ("POST", ["issue", key, "comment"]) if body["body"]["version"] == 1 => {
            project.comments.push(((*key).to_owned(), body["body"].clone()));
            json(201, json!({ "id": "1" }))
        }
        ("GET", ["issue", key, "comment"]) => {
            let of: Vec<Value> =
                project.comments.iter().filter(|(of, _)| of == key).map(|(_, body)| json!({ "body": body })).collect();
            json(200, json!({ "comments": of }))
        }
        ("GET", ["issue", _, "transitions"]) => json(
            200,
            json!({ "transitions": [
                { "id": "11", "to": { "statusCategory": { "key": "indeterminate" } } },
                { "id": "31", "to": { "statusCategory": { "key": "done" } } },
            ]}),
        ),
        ("POST", ["issue", key, "transitions"]) => {
            let category = if body["transition"]["id"] == "31" { "done" } else { "indeterminate" };
            if let Some(position) = position(project, key) {
                project.issues[position]["fields"]["status"]["statusCategory"]["key"] = json!(category);
            }
            Response::new(204, "application/json", "")
        }
        _ => {
            project.odd.push(format!("{} {} {}", request.method, request.target, request.body));
            json(400, json!({}))
        }
    }
}

#[test]
fn a_finding_is_one_issue_of_jira_that_follows_it_to_its_end() {
    let project = Arc::new(Mutex::new(Project::default()));
    let jira = jira(&project);
    let company = Company::found();
    let audit = &company.0;
    audit.write("jira.token", "CANARY-of-jira");
    std::fs::set_permissions(audit.path("jira.token"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    audit.add(&format!(
        "[notify.jira]\nkind = \"jira\"\napi_url = \"http://{}\"\nusername = \"evidenced@acme.example\"\n\
         token = {{ file = \"jira.token\" }}\nproject = \"SEC\"\n",
        jira.address()
    ));
    assert!(audit.run(&["doctor"]).stdout.contains("jira: project SEC is there and knows the token"));
    company.look([true, true, false], 1);
    let before = audit.copy();
    send(audit, 0);
    // another store of the same log finds what this one made
    send(&before, 0);
    assert_eq!(project.lock().unwrap().issues.len(), 1);
    to_the_end(&company);
    let project = project.lock().unwrap();
    assert!(project.odd.is_empty(), "{:#?}", project.odd);
    assert_eq!(project.issues.len(), 1);
    let fields = &project.issues[0]["fields"];
    assert_eq!(fields["status"]["statusCategory"]["key"], "done");
    assert_eq!((&fields["project"]["key"], &fields["issuetype"]["name"]), (&json!("SEC"), &json!("Task")));
    let said = json!(project.comments).to_string();
    for word in ["confirmed", "planned", "implemented", "verified", "closed"] {
        assert_eq!(said.matches(&format!("was {word}")).count(), 1, "{said}");
    }
    assert!(!json!(project.issues).to_string().contains("crm:ada"));
}
