//! The pages as people use them: the first administrator by a link, others let in, a finding acted on by two people at once,
//! and somebody who is out at their next request. Codes are computed by Python.

use crate::decisions::Company;
use crate::faults::{Request, Response, ask};
use crate::support::Audit;
use rustix::process::{Pid, Signal, kill_process};
use std::net::{SocketAddr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const CODE: &str = "import base64, hmac, struct, sys, time
key = base64.b32decode(sys.argv[1])
tag = hmac.new(key, struct.pack('>Q', int(time.time()) // 30 + int(sys.argv[2])), 'sha1').digest()
at = tag[-1] & 15
print('%06d' % ((struct.unpack('>I', tag[at:at + 4])[0] & 0x7fffffff) % 1000000))";

/// The code that an authenticator shows, or will show so many half minutes from now.
pub(crate) fn code(key: &str, ahead: u8) -> String {
    let output = Command::new("python3").args(["-c", CODE, key, &ahead.to_string()]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A daemon that serves pages.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: SocketAddr,
    log: std::path::PathBuf,
}

impl Served {
    /// Starts it over `audit`, whose configuration it adds to.
    pub(crate) fn start(audit: &Audit) -> Self {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        audit.add(&format!("[serve]\nlisten = \"{address}\"\n"));
        let log = audit.path("daemon.log");
        let errors = std::fs::File::create(&log).unwrap();
        let child = audit.command(&["run"]).stdout(Stdio::null()).stderr(errors).spawn().unwrap();
        let mut served = Self { child, address, log };
        served.wait_for("keeping schedules");
        served
    }

    fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    fn wait_for(&mut self, what: &str) {
        let until = Instant::now() + Duration::from_mins(1);
        while !self.log().contains(what) {
            assert!(self.child.try_wait().unwrap().is_none() && Instant::now() < until, "{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The path of the link that it printed.
    pub(crate) fn invitation(&self) -> String {
        path_of(&self.log())
    }

    pub(crate) fn stop(mut self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success(), "{}", self.log());
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The path of the first set-up link in `text`.
fn path_of(text: &str) -> String {
    let (_, rest) = text.split_once("/set-up/").unwrap_or_else(|| panic!("no link in {text}"));
    let secret: String =
        rest.chars().take_while(|letter| letter.is_ascii_alphanumeric() || "-_".contains(*letter)).collect();
    format!("/set-up/{secret}")
}

/// Somebody's browser.
struct Browser {
    address: SocketAddr,
    cookie: String,
    key: String,
    /// The code that was used to set the key up.
    used: String,
}

impl Browser {
    fn new(address: SocketAddr) -> Self {
        Self { address, cookie: String::new(), key: String::new(), used: String::new() }
    }

    fn send(&mut self, method: &str, path: &str, body: &str) -> Response {
        let mut request = Request::new(method, path, body);
        let mut header = |name: &str, value: &str| request.headers.push((name.to_owned(), value.to_owned()));
        header("host", &self.address.to_string());
        header("origin", &format!("http://{}", self.address));
        header("content-type", "application/x-www-form-urlencoded");
        if !self.cookie.is_empty() {
            header("cookie", &self.cookie);
        }
        let response = ask(self.address, &request);
        if let Some(cookie) = response.header("set-cookie") {
            cookie.split(';').next().unwrap().clone_into(&mut self.cookie);
        }
        response
    }

    fn get(&mut self, path: &str) -> Response {
        self.send("GET", path, "")
    }

    /// Fills in a form of the page at `page`.
    fn fill(&mut self, page: &str, path: &str, fields: &[(&str, &str)]) -> Response {
        let html = self.get(page).text();
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        for hidden in ["token", "looked_at", "seen"] {
            if let Some(value) = hidden_value(&html, hidden) {
                body.append_pair(hidden, &value);
            }
        }
        body.extend_pairs(fields);
        self.send("POST", path, &body.finish())
    }

    /// Sets up password and second factor by a link.
    fn set_up(&mut self, link: &str, more: &[(&str, &str)]) -> Response {
        let html = self.get(link).text();
        let (_, rest) = html.split_once("<code class=\"key\">").unwrap_or_else(|| panic!("no key in {html}"));
        rest.split_once('<').unwrap().0.clone_into(&mut self.key);
        self.used = code(&self.key, 0);
        let used = self.used.clone();
        let fields = [&[("password", PASSWORD), ("again", PASSWORD), ("code", used.as_str())], more].concat();
        self.fill(link, link, &fields)
    }

    fn sign_in(&mut self, name: &str, password: &str, code: &str) -> Response {
        self.fill(
            "/sign-in",
            "/sign-in",
            &[("name", name), ("password", password), ("code", code), ("next", "/findings")],
        )
    }
}

fn hidden_value(html: &str, name: &str) -> Option<String> {
    let (_, rest) = html.split_once(&format!("type=\"hidden\" name=\"{name}\" value=\""))?;
    Some(rest.split_once('"')?.0.to_owned())
}

fn location(response: &Response) -> &str {
    assert_eq!(response.status, 303, "{}", response.text());
    response.header("location").unwrap()
}

const PASSWORD: &str = "correct horse battery staple";
const FINDING: &str = "/findings/leaver_still_active-1";

#[test]
fn people_are_let_in_act_and_are_out_at_their_next_request() {
    let company = Company::found();
    company.look([true, true, false], 1);
    let audit = &company.0;
    let served = Served::start(audit);
    let mut grace = Browser::new(served.address);

    // nobody can sign in: nothing is served but the link's page
    for path in ["/", FINDING, "/sign-in", "/set-up/guessed"] {
        let shown = grace.get(path);
        assert!(shown.status == 503 && !shown.text().contains("leaver"), "{path}: {}", shown.text());
    }
    let link = served.invitation();
    let name = [("name", "Grace@acme.example")];
    let differ =
        grace.fill(&link, &link, &[("password", PASSWORD), ("again", "another"), ("name", "Grace@acme.example")]);
    assert!(differ.status == 422 && differ.text().contains("passwords differ"), "{}", differ.text());
    let wrong = [&[("password", PASSWORD), ("again", PASSWORD), ("code", "000000")], &name[..]].concat();
    let wrong = grace.fill(&link, &link, &wrong);
    assert!(wrong.status == 422 && wrong.text().contains("not the code"), "{}", wrong.text());
    assert_eq!(location(&grace.set_up(&link, &name)), "/");
    assert!(grace.get("/").text().contains("Grace@acme.example"));
    let mut stranger = Browser::new(served.address);
    assert!(location(&stranger.get(&link)).starts_with("/sign-in"), "the link was used");

    // she lets Lin in, who sets up by the link she was shown
    let added = grace.fill("/users", "/users", &[("name", "lin@acme.example"), ("role", "control_owner")]);
    let mut lin = Browser::new(served.address);
    assert_eq!(location(&lin.set_up(&path_of(&added.text()), &[])), "/");
    let twice = grace.fill("/users", "/users", &[("name", "LIN@acme.example"), ("role", "auditor")]);
    assert!(twice.status == 422 && twice.text().contains("already"), "{}", twice.text());
    assert_eq!(lin.get("/users").status, 404);

    // both look at the finding; the first decides, the second is told
    let looked_at = hidden_value(&lin.get(FINDING).text(), "looked_at").unwrap();
    let confirmed = grace.fill(FINDING, &format!("{FINDING}/confirm"), &[("class", "major")]);
    assert!(location(&confirmed).starts_with(&format!("{FINDING}?entry=")));
    let token = hidden_value(&lin.get(FINDING).text(), "token").unwrap();
    let late = format!("token={token}&looked_at={looked_at}&why=duplicate&reason=seen");
    let late = lin.send("POST", &format!("{FINDING}/dismiss"), &late);
    assert!(late.status == 409 && late.text().contains("(conflict)"), "{} {}", late.status, late.text());

    // what is missing is said, and what was typed is kept
    let plan = [("correction", "disabled on <b>Monday</b>"), ("owner", "lin@acme.example"), ("due", "2030-01-31")];
    let lacking = lin.fill(FINDING, &format!("{FINDING}/plan"), &plan);
    let text = lacking.text();
    assert!(lacking.status == 422 && text.contains("(plan)") && text.contains("the root cause"), "{text}");
    assert!(text.contains("disabled on &#60;b&#62;Monday"), "{text}");
    let parts = [("root_cause", "no ticket"), ("method", "five whys"), ("similar", "none"), ("action", "HR tells IT")];
    location(&lin.fill(FINDING, &format!("{FINDING}/plan"), &[&plan[..], &parts[..]].concat()));
    let shown = audit.json(0, &["findings", "show", "leaver_still_active-1"])["finding"].clone();
    assert_eq!((&shown["state"], &shown["confirmed"]["by"]), (&"planned".into(), &"Grace@acme.example".into()));
    assert_eq!(shown["plan"]["by"], "lin@acme.example");

    // an exception takes two people here too
    let fields = [
        ("check", "leaver_still_active"),
        ("subjects", "crm:ada"),
        ("reason", "handed over"),
        ("instead", "watched"),
        ("until", "2030-01-31"),
    ];
    location(&lin.fill("/exceptions", "/exceptions", &fields));
    let own = lin.fill("/exceptions/exception-1", "/exceptions/exception-1/approve", &[]);
    assert!(own.status == 422 && own.text().contains("(second_person)"), "{}", own.text());
    let overview = lin.get("/").text();
    assert!(overview.contains("<strong>1</strong> exceptions to approve or refuse"), "{overview}");
    location(&grace.fill("/exceptions/exception-1", "/exceptions/exception-1/approve", &[]));

    // every entry has its proof, which is checked while one looks
    let verified = lin.get("/log/3?verify=1").text();
    assert!(verified.contains("Verified just now") && verified.contains("the document hashes to"), "{verified}");
    assert!(verified.contains("is signed by test.example/evidence+"), "{verified}");
    for path in ["/log/999999", "/log/-1", "/sources/nobody", "/snapshots/none"] {
        assert_eq!(lin.get(path).status, 404, "{path}");
    }
    let calendar = lin.get("/sources").text();
    assert!(calendar.contains(" complete</span>") && calendar.contains(": no run</span>"), "{calendar}");

    // a code is good for once, and so often one may guess
    location(&grace.fill("/", "/sign-out", &[]));
    assert!(location(&grace.get(FINDING)).starts_with("/sign-in"));
    let (key, used) = (grace.key.clone(), grace.used.clone());
    let used = grace.sign_in("grace@acme.example", PASSWORD, &used);
    assert!(used.status == 403 && used.text().contains("do not belong together"), "{}", used.text());
    assert_eq!(location(&grace.sign_in("grace@ACME.example", PASSWORD, &code(&key, 1))), "/findings");
    let guess = || Browser::new(served.address).sign_in("nobody", "guess", "1").status;
    assert_eq!([guess(), guess(), guess(), guess(), guess(), guess()], [403, 403, 403, 403, 403, 429]);

    // the command line keeps Lin out while the daemon runs
    audit.json(0, &["user", "disable", "lin@acme.example", "--by", "Grace@acme.example"]);
    assert!(location(&lin.get(FINDING)).starts_with("/sign-in"));
    let last = audit.run(&["user", "disable", "grace@acme.example", "--by", "Somebody"]);
    assert!(last.code == 2 && last.stderr.contains("last administrator"), "{last:?}");
    served.stop();
    audit.assert_sound();

    // nothing of what people know or hold, and in the log no name
    let tail = audit.json(0, &["log", "tail", "-n", "1000"]).to_string();
    assert!(tail.contains("\"access\"") && !tail.to_lowercase().contains("grace@"), "{tail}");
    let cookie = grace.cookie.split_once('=').unwrap().1;
    for path in audit.everything().into_iter().filter(|path| path.is_file()) {
        let bytes = std::fs::read(&path).unwrap();
        for secret in [PASSWORD, cookie, &key, "/set-up/"] {
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            // the link was printed to whoever started it
            let is_printed = secret == "/set-up/" && path.ends_with("daemon.log");
            assert!(!found || is_printed, "{secret} in {}", path.display());
        }
    }
}

#[test]
fn reviewers_decide_on_one_page_on_all_but_what_is_their_own() {
    let company = Company::found();
    company.look([true, true, true], 1);
    let audit = &company.0;
    let settings = std::fs::read_to_string(audit.path("evidenced.toml")).unwrap();
    let owned = "collector = \"exec\"\nowner = \"bob@acme.example\"";
    audit.write("evidenced.toml", &settings.replacen("collector = \"exec\"", owned, 1));
    audit.add("[reviews.q]\nsources = [\"crm\"]\nowner = \"grace@acme.example\"\n");
    let served = Served::start(audit);
    let mut grace = Browser::new(served.address);
    let link = served.invitation();
    grace.set_up(&link, &[("name", "grace@acme.example")]);
    let added = grace.fill("/users", "/users", &[("name", "bob@acme.example"), ("role", "reviewer")]);
    let mut bob = Browser::new(served.address);
    bob.set_up(&path_of(&added.text()), &[]);
    assert_eq!(bob.fill("/reviews", "/reviews", &[("policy", "q")]).status, 404, "a reviewer starts none");
    assert!(location(&grace.fill("/reviews", "/reviews", &[("policy", "q")])).starts_with("/reviews?entry="));

    let overview = bob.get("/").text();
    assert!(overview.contains("accounts of access reviews that wait for your decision"), "{overview}");

    // the page of a reviewer: what is theirs, what stands out, and no field for their own account
    let campaign = "/reviews/q-1";
    let page = bob.get(campaign).text();
    assert!(
        page.contains("yours to decide") && page.contains("Answer for crm:ada") && page.contains("leaver"),
        "{page}"
    );
    let all = bob.get("/reviews/q-1?show=all").text();
    assert!(all.contains("crm:bob") && !all.contains("Answer for crm:bob"), "{all}");
    let own = [("account", "crm:bob"), ("answer", "certify"), ("reason", "mine")];
    let refused = bob.fill("/reviews/q-1/item?account=crm%3Aada", "/reviews/q-1/item", &own);
    assert!(refused.status == 422 && refused.text().contains("(reviewer)"), "{}", refused.text());

    // everything that is wrong is told at once, and what was typed is still there
    let decide = "/reviews/q-1/decide";
    let hasty = [
        ("account.0", "crm:ada"),
        ("answer.0", "revoke"),
        ("account.1", "crm:cy"),
        ("answer.1", "certify"),
        ("reason.0", ""),
    ];
    let hasty = bob.fill(campaign, decide, &hasty);
    let text = hasty.text();
    assert!(
        hasty.status == 422 && text.contains("revoke of crm:ada") && text.contains("why crm:cy may stay"),
        "{text}"
    );
    assert!(text.contains("<option value=\"revoke\" selected>"), "{text}");
    let looked = grace.get(campaign).text();
    let stale = hidden_value(&looked, "seen").unwrap();
    let thorough = [("account.0", "crm:ada"), ("answer.0", "revoke"), ("reason.0", "left in March")];
    assert!(location(&bob.fill(campaign, decide, &thorough)).starts_with("/reviews/q-1?entry="));

    // the campaign's owner looked before Bob decided
    let token = hidden_value(&looked, "token").unwrap();
    let looked_at = hidden_value(&looked, "looked_at").unwrap();
    let mut late = url::form_urlencoded::Serializer::new(String::new());
    late.extend_pairs([("token", token.as_str()), ("seen", &stale), ("looked_at", &looked_at)]);
    late.extend_pairs([("account.0", "crm:ada"), ("answer.0", "certify"), ("reason.0", "needed")]);
    let late = grace.send("POST", decide, &late.finish());
    assert!(late.status == 409 && late.text().contains("changed since"), "{}", late.text());

    let rest = [
        ("account.0", "crm:bob"),
        ("answer.0", "certify"),
        ("reason.0", "needed"),
        ("account.1", "crm:cy"),
        ("answer.1", "certify"),
        ("reason.1", "on leave"),
    ];
    assert_eq!(grace.fill(campaign, decide, &rest).status, 303);
    assert_eq!(bob.fill(campaign, "/reviews/q-1/conclude", &[]).status, 422, "its owner does");
    assert_eq!(grace.fill(campaign, "/reviews/q-1/conclude", &[]).status, 303);
    let item = bob.get("/reviews/q-1/item?account=crm%3Aada").text();
    assert!(item.contains("revoke by Bob as source owner") && item.contains("the account: open"), "{item}");
    // what the source said is text on every page
    assert!(!item.contains("<script") && !page.contains("<script"));
    served.stop();
    audit.assert_sound();
}
