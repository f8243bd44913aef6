//! Whose each route is, found by asking for every one of them as everybody; and that a request is what it says.

use super::guard::Reached;
use super::routes::{ROUTES, Route, Who, router};
use super::{App, answers};
use crate::access::Secret;
use crate::line::{KeptLine, Line, load_checks};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use model::Role;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use store::UserRow;
use tower::ServiceExt as _;
use workflow::FindingText;

const HOST: &str = "127.0.0.1:8080";

/// Pages over a store of one finding, one exception and one snapshot, and somebody of every role.
struct House {
    folder: tempfile::TempDir,
    app: Arc<App>,
    users: Vec<UserRow>,
    /// Somebody the steps about users are tried on.
    other: UserRow,
    snapshot: String,
}

/// What came back.
struct Got {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    is_reached: bool,
}

impl House {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let key = ledger::SigningKey::from_seed("test.example/evidence", &[7; 32]).unwrap();
        write("evidenced.key", &key.to_text());
        std::fs::set_permissions(folder.path().join("evidenced.key"), std::fs::Permissions::from_mode(0o600)).unwrap();
        write("hr.csv", "ID,Name,Email,Start,End\n1,Ada,ada@acme.example,2020-01-01,\n");
        write(
            "evidenced.toml",
            "[organisation]\nname = \"Test Ltd\"\n[store]\nurl = \"sqlite:./evidence\"\n[log]\n\
             origin = \"test.example/evidence\"\nkey = { file = \"./evidenced.key\" }\n[sources.hr]\n\
             collector = \"hr_file\"\npath = \"hr.csv\"\ncolumns = { employee_id = \"ID\", name = \"Name\", \
             work_email = \"Email\", start_date = \"Start\", end_date = \"End\" }\nowner = \"Grace\"\n\
             [reviews.quarterly]\nsources = [\"hr\"]\nowner = \"Grace\"\n",
        );
        let settings = crate::settings::load(&folder.path().join("evidenced.toml"), &[]).unwrap();
        let checks = load_checks(Some(&settings)).unwrap();
        let line = Line::init(settings).unwrap();
        let source = line.settings().sources[0].clone();
        let progress = Arc::new(egress::NoProgress);
        let snapshot = line.collect(&source, crate::line::Trigger::User, progress).await.unwrap().value().id.clone();
        let text = FindingText {
            title: "Seen".to_owned(),
            severity: "minor".to_owned(),
            criteria: "It ought to be".to_owned(),
            impact: String::new(),
            action: String::new(),
        };
        let raise = crate::line::Raise { text, condition: "and is not".to_owned(), controls: Vec::new() };
        line.raise(&raise, "Grace").unwrap();
        let request = workflow::Request {
            check: "leaver_still_active".to_owned(),
            subjects: vec!["x".to_owned()],
            source: None,
            reason: "because".to_owned(),
            compensating_control: "this".to_owned(),
            from: None,
            until: "2099-01-01T00:00:00Z".parse().unwrap(),
        };
        line.request_exception(request, "Grace").unwrap();
        line.plant_review("quarterly").unwrap();
        let add = |name: &str, role| line.add_user(name, role, "Grace").unwrap().0;
        let users = Role::ALL.into_iter().map(|role| add(role.as_str(), role)).collect();
        let other = add("somebody else", Role::Auditor);
        let app = App::new(Arc::new(KeptLine::new(line, checks)), HOST.parse().unwrap()).unwrap();
        Self { folder, app: Arc::new(app), users, other, snapshot }
    }

    fn line(&self) -> &Line {
        self.app.line.line()
    }

    fn session(&self, user: &UserRow) -> Secret {
        self.line().begin_session(user, None).unwrap().unwrap()
    }

    /// A path of the route that there is something at.
    fn path(&self, route: &Route) -> String {
        let id = match route.path.split('/').nth(1) {
            Some("snapshots") => self.snapshot.as_str(),
            Some("findings") => "manual-1",
            Some("exceptions") => "exception-1",
            Some("reviews") => "quarterly-1",
            Some("users") => &self.other.id,
            _ => "",
        };
        route
            .path
            .replace("{id}", id)
            .replace("{name}", "leaver_still_active")
            .replace("{secret}", "nobodys")
            .replace("{source}", "hr")
            .replace("{index}", "1")
    }
}

/// As a browser asks that holds `session`, and sends a form of ours where it sends one.
fn request(method: &Method, path: &str, session: Option<&Secret>) -> Request<Body> {
    let mut request = Request::builder().method(method).uri(path).header(header::HOST, HOST);
    if let Some(session) = session {
        request = request.header(header::COOKIE, format!("other=1; evidenced={}", session.text()));
    }
    if *method == Method::GET {
        return request.body(Body::empty()).unwrap();
    }
    let token = session.map(|session| session.derived("form")).unwrap_or_default();
    request
        .header(header::ORIGIN, format!("http://{HOST}"))
        .header("sec-fetch-site", "same-origin")
        .body(Body::from(format!("token={token}")))
        .unwrap()
}

async fn ask(router: &Router, request: Request<Body>) -> Got {
    let response = router.clone().oneshot(request).await.unwrap();
    let is_reached = response.extensions().get::<Reached>().is_some();
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, 1 << 22).await.unwrap().to_vec();
    Got { status: parts.status, headers: parts.headers, body, is_reached }
}

/// Asks a router of `table_of_routes` for everything as everybody; what does not answer as `ROUTES` says, and a table of who reached what.
async fn mismatches(house: &House, table_of_routes: &'static [Route]) -> (Vec<String>, String) {
    let router = router(&house.app, table_of_routes);
    let mut wrong = Vec::new();
    let mut table = String::from(
        "| route | nobody | administrator | control owner | reviewer | auditor | operator |\n|---|---|---|---|---|---|---|\n",
    );
    for route in ROUTES {
        let path = house.path(route);
        let _ = write!(table, "| `{} {}` |", route.method, route.path);
        let got = ask(&router, request(&route.method, &path, None)).await;
        let is_open = matches!(route.who, Who::Anybody);
        let turned_away = got.status == StatusCode::SEE_OTHER
            && got.headers[header::LOCATION].to_str().unwrap().starts_with("/sign-in");
        if got.is_reached != is_open || (!is_open && !turned_away) {
            wrong.push(format!("nobody: {} {path}: {}", route.method, got.status));
        }
        let _ = write!(table, " {} |", if got.is_reached { "yes" } else { "" });
        for user in &house.users {
            // one of its own: signing out ends it
            let session = house.session(user);
            let nothing = ask(&router, request(&route.method, "/no/such/page", Some(&session))).await;
            let got = ask(&router, request(&route.method, &path, Some(&session))).await;
            let same = (got.status, &got.headers, &got.body) == (nothing.status, &nothing.headers, &nothing.body);
            if got.is_reached != route.who.includes(user.role) || (!got.is_reached && !same) {
                wrong.push(format!("{}: {} {path}: {}", user.role.as_str(), route.method, got.status));
            }
            let _ = write!(table, " {} |", if got.is_reached { "yes" } else { "" });
        }
        table.push('\n');
    }
    (wrong, table)
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_reaches_what_is_theirs_and_nothing_else() {
    let house = House::new().await;
    let (wrong, table) = mismatches(&house, ROUTES).await;
    assert_eq!(wrong, Vec::<String>::new());
    let text = format!(
        "# Who may ask for what\n\nWritten by a test that asks for every route as everybody (`UPDATE=1` rewrites it). What is not \
         theirs, and what is not there, look the same to whoever is signed in: 404. Others are shown the way in.\n\n{table}"
    );
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/ROLES.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    assert!(std::fs::read_to_string(&file).unwrap_or_default() == text, "run with UPDATE=1 and look at what changed");
}

/// The harness sees what it is there to see.
#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_is_open_to_one_role_too_many_is_found() {
    let house = House::new().await;
    let loosened: Vec<Route> = ROUTES
        .iter()
        .map(|route| Route {
            method: route.method.clone(),
            path: route.path,
            who: if route.path == "/findings/{id}/close" { Who::Roles(&Role::ALL) } else { route.who },
            handler: route.handler,
        })
        .collect();
    let (wrong, _) = mismatches(&house, loosened.leak()).await;
    let of = |role: &str| wrong.iter().any(|line| line.starts_with(&format!("{role}: POST /findings/manual-1/close")));
    assert!(wrong.len() == 2 && of("auditor") && of("operator"), "{wrong:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_session_may_ends_at_the_next_request() {
    let house = House::new().await;
    let router = router(&house.app, ROUTES);
    let [administrator, owner, ..] = house.users.as_slice() else { panic!() };
    let session = house.session(owner);
    let step = || request(&Method::POST, "/findings/manual-1/plan", Some(&session));
    assert!(ask(&router, step()).await.is_reached);
    house.line().set_role(&owner.name, Role::Auditor, &administrator.name).unwrap();
    assert_eq!(ask(&router, step()).await.status, StatusCode::NOT_FOUND);
    house.line().disable_user(&owner.name, &administrator.name).unwrap();
    let got = ask(&router, request(&Method::GET, "/findings", Some(&session))).await;
    assert_eq!(
        (got.status, &got.headers[header::LOCATION]),
        (StatusCode::SEE_OTHER, &"/sign-in?next=%2Ffindings".parse().unwrap())
    );
    // and whoever signed out is out, whatever the browser still holds
    let session = house.session(administrator);
    let out = ask(&router, request(&Method::POST, "/sign-out", Some(&session))).await;
    assert!(out.headers[header::SET_COOKIE].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(ask(&router, request(&Method::GET, "/", Some(&session))).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_not_ours_changes_nothing() {
    let house = House::new().await;
    let router = router(&house.app, ROUTES);
    let session = house.session(&house.users[0]);
    let other = house.session(&house.users[1]);
    let path = "/findings/manual-1/confirm";
    let entries = || house.line().reader().unwrap().checkpoint().unwrap().size();
    let before = entries();
    let form = |token: &str| Body::from(format!("class=minor&looked_at=2&token={token}"));
    let token = session.derived("form");
    let base = || {
        Request::post(path).header(header::HOST, HOST).header(header::COOKIE, format!("evidenced={}", session.text()))
    };
    let forged = [
        base().body(form(&token)),
        base().header(header::ORIGIN, "https://evil.example").body(form(&token)),
        base().header(header::ORIGIN, "null").body(form(&token)),
        base().header("sec-fetch-site", "cross-site").body(form(&token)),
        base().header("sec-fetch-site", "same-origin").body(form("")),
        base().header("sec-fetch-site", "same-origin").body(form(&other.derived("form"))),
    ];
    for request in forged {
        let got = ask(&router, request.unwrap()).await;
        assert!(got.status == StatusCode::FORBIDDEN && !got.is_reached, "{}", got.status);
    }
    let foreign = Request::get("/").header(header::HOST, "evil.example").body(Body::empty()).unwrap();
    assert_eq!(ask(&router, foreign).await.status, StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(entries(), before);
    let ours = base().header("sec-fetch-site", "same-origin").body(form(&token)).unwrap();
    assert_ne!(ask(&router, ours).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_forbids_scripts_framing_and_keeping() {
    let house = House::new().await;
    let router = router(&house.app, ROUTES);
    for path in ["/", "/sign-in", "/style.css", "/no/such/page"] {
        let got = ask(&router, request(&Method::GET, path, None)).await;
        let policy = got.headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(got.headers[header::CACHE_CONTROL], "no-store");
    }
    // nothing in the stylesheet is from elsewhere
    assert!(!answers::STYLE.contains("url(") && !answers::STYLE.contains("@import"));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_people_at_once_one_decides() {
    let house = House::new().await;
    let router = router(&house.app, ROUTES);
    let session = house.session(&house.users[0]);
    let entry = house.line().reader().unwrap().findings().unwrap()[0].log_index;
    let entries = || house.line().reader().unwrap().checkpoint().unwrap().size();
    let before = entries();
    let asking = (0..50).map(|number| {
        let body = format!("token={}&looked_at={entry}&class=minor&note={number}", session.derived("form"));
        let request = Request::post("/findings/manual-1/confirm")
            .header(header::HOST, HOST)
            .header(header::COOKIE, format!("evidenced={}", session.text()))
            .header("sec-fetch-site", "same-origin")
            .body(Body::from(body))
            .unwrap();
        let router = router.clone();
        tokio::spawn(async move { ask(&router, request).await.status })
    });
    let mut statuses = Vec::new();
    for asked in asking.collect::<Vec<_>>() {
        statuses.push(asked.await.unwrap());
    }
    let count = |status| statuses.iter().filter(|one| **one == status).count();
    assert_eq!((count(StatusCode::SEE_OTHER), count(StatusCode::CONFLICT)), (1, 49), "{statuses:?}");
    assert_eq!(entries(), before + 1);
}

/// The button is no decoration.
#[tokio::test(flavor = "multi_thread")]
async fn an_entry_that_was_changed_is_not_verified() {
    let house = House::new().await;
    let router = router(&house.app, ROUTES);
    let session = house.session(&house.users[0]);
    let verify = || request(&Method::GET, "/log/1?verify=1", Some(&session));
    let got = ask(&router, verify()).await;
    assert!(String::from_utf8_lossy(&got.body).contains("Verified just now"));
    let changed = std::process::Command::new("sqlite3")
        .arg(house.folder.path().join("evidence/evidence.sqlite"))
        .arg(
            "DROP TRIGGER entry_is_never_changed; \
             UPDATE entry SET bytes = CAST(replace(CAST(bytes AS TEXT), 'hr_file', 'hr_fine') AS BLOB) WHERE idx = 1;",
        )
        .output()
        .unwrap();
    assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
    let got = ask(&router, verify()).await;
    let text = String::from_utf8_lossy(&got.body).into_owned();
    assert!(text.contains("hr_fine") && text.contains("Not verified") && !text.contains("Verified just now"), "{text}");
}
