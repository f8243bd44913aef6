//! The proxy does what it says: otherwise a matrix of faults would prove nothing.

use super::{Fault, Injection, Listing, Proxy, Request, Response};
use model::{Digest, Exchange, ExchangeRecord, Timestamp};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

const USERS: &str = "Action=ListUsers&Version=2010-05-08";

fn exchange(method: &str, path: &str, body: Option<&str>, answer: &str, link: Option<&str>) -> Exchange {
    let link = link.map(|link| ("link".to_owned(), link.to_owned()));
    Exchange {
        record: ExchangeRecord {
            seq: 1,
            operation: "o".to_owned(),
            method: method.to_owned(),
            url: format!("https://source.example{path}"),
            request_body: body.map(str::to_owned),
            attempt: 1,
            status: Some(200),
            headers: BTreeMap::from_iter(link),
            bytes: answer.len() as u64,
            sha256: Digest::of(answer.as_bytes()),
            started_at: Timestamp::UNIX_EPOCH,
            finished_at: Timestamp::UNIX_EPOCH,
            error: None,
        },
        body: answer.as_bytes().to_vec().into(),
    }
}

fn users(names: &[&str], marker: Option<&str>) -> String {
    let members: String =
        names.iter().map(|name| format!("<member><Path>/</Path><UserName>{name}</UserName></member>")).collect();
    let marker = marker.map(|marker| format!("<Marker>{marker}</Marker>")).unwrap_or_default();
    let truncated = !marker.is_empty();
    format!(
        "<ListUsersResponse><ListUsersResult><Users>{members}</Users><IsTruncated>{truncated}</IsTruncated>{marker}\
         </ListUsersResult></ListUsersResponse>"
    )
}

/// Two pages of users, and two pages of members as GitHub gives them.
fn recorded() -> Vec<Exchange> {
    let second = format!("{USERS}&Marker=m1");
    let link = "<https://source.example/orgs/a/members?per_page=100&page=2>; rel=\"next\"";
    vec![
        exchange("POST", "/", Some(USERS), &users(&["ann", "bob"], Some("m1")), None),
        exchange("POST", "/", Some(&second), &users(&["cid"], None), None),
        exchange("GET", "/orgs/a/members?per_page=100", None, "[{\"id\":1},{\"id\":2}]", Some(link)),
        exchange("GET", "/orgs/a/members?per_page=100&page=2", None, "[{\"id\":3}]", None),
    ]
}

/// What comes over the wire, to the end of the connection; none after a reset.
fn raw(proxy: &Proxy, method: &str, target: &str, body: &str) -> Option<String> {
    let address: SocketAddr = proxy.url().trim_start_matches("http://").parse().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let request =
        format!("{method} {target} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).ok()?;
    Some(String::from_utf8_lossy(&received).into_owned())
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

fn names(answer: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = answer;
    while let Some((_, after)) = rest.split_once("<UserName>") {
        let (name, after) = after.split_once('<').unwrap();
        names.push(name.to_owned());
        rest = after;
    }
    names
}

fn marker(answer: &str) -> Option<String> {
    Some(answer.split_once("<Marker>")?.1.split_once('<')?.0.to_owned())
}

fn inject(proxy: &Proxy, request: Request, fault: Fault, times: Option<usize>) {
    proxy.inject(Some(Injection { request, nth: 0, fault, times }));
}

#[test]
fn a_recording_is_served_byte_for_byte_at_the_proxys_own_address() {
    let proxy = Proxy::replaying(&recorded());
    let first = raw(&proxy, "POST", "/", USERS).unwrap();
    assert_eq!(body(&first), users(&["ann", "bob"], Some("m1")));
    let listed = raw(&proxy, "GET", "/orgs/a/members?per_page=100", "").unwrap();
    assert!(listed.contains(&format!("link: <{}/orgs/a/members?per_page=100&page=2>", proxy.url())), "{listed}");
    assert!(raw(&proxy, "GET", "/else", "").unwrap().starts_with("HTTP/1.1 404"));
    let asked: Vec<_> = proxy.calls().iter().map(|call| (call.request.target.clone(), call.status)).collect();
    assert_eq!(
        asked,
        [
            ("/".to_owned(), Some(200)),
            ("/orgs/a/members?per_page=100".to_owned(), Some(200)),
            ("/else".to_owned(), Some(404))
        ]
    );
}

#[test]
fn a_fault_hits_the_named_call_as_often_as_asked() {
    let proxy = Proxy::replaying(&recorded());
    inject(&proxy, Request::new("POST", "/", USERS), Fault::Status(500), Some(2));
    assert!(raw(&proxy, "GET", "/orgs/a/members?per_page=100", "").unwrap().starts_with("HTTP/1.1 200"));
    for _ in 0..2 {
        assert!(raw(&proxy, "POST", "/", USERS).unwrap().starts_with("HTTP/1.1 500"));
    }
    assert!(raw(&proxy, "POST", "/", USERS).unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(proxy.injected(), 2);
}

#[test]
fn broken_connections_are_broken() {
    let proxy = Proxy::replaying(&recorded());
    let ask = |fault| {
        inject(&proxy, Request::new("POST", "/", USERS), fault, None);
        raw(&proxy, "POST", "/", USERS)
    };
    let whole = users(&["ann", "bob"], Some("m1"));
    assert_eq!(ask(Fault::Reset), None);
    assert_eq!(ask(Fault::ResetMidBody), None);
    let cut = ask(Fault::Cut).unwrap();
    assert!(cut.contains(&format!("content-length: {}\r\n", whole.len())));
    assert_eq!(body(&cut), &whole[..whole.len() / 2]);
    let truncated = ask(Fault::Truncated).unwrap();
    assert!(truncated.contains(&format!("content-length: {}\r\n", whole.len() / 2)));
    assert_eq!(body(&truncated), &whole[..whole.len() / 2]);
    let short = ask(Fault::ShortLength).unwrap();
    assert!(short.contains(&format!("content-length: {}\r\n", whole.len() / 2)));
    assert_eq!(body(&short), whole);
}

#[test]
fn listings_lose_and_twist_members() {
    let proxy = Proxy::replaying(&recorded());
    let ask = |fault, page: &str| {
        inject(&proxy, Request::new("POST", "/", page), fault, None);
        raw(&proxy, "POST", "/", page).unwrap()
    };
    let second = format!("{USERS}&Marker=m1");
    assert_eq!(names(&ask(Fault::MemberLost, USERS)), ["ann"]);
    assert!(names(&ask(Fault::NoMembers, USERS)).is_empty());
    assert_eq!(names(&ask(Fault::PageRepeated, &second)), ["ann", "bob"]);
    let twice = ask(Fault::MemberDiffers, USERS);
    assert_eq!(names(&twice), ["ann", "bob", "ann"]);
    assert_eq!(twice.matches("/other/").count(), 1);
    let early = ask(Fault::EndsEarly, USERS);
    assert!(early.contains("<IsTruncated>false</IsTruncated>") && marker(&early).is_none());
    let nowhere = ask(Fault::NextMissing, USERS);
    assert!(nowhere.contains("<IsTruncated>true</IsTruncated>") && marker(&nowhere).is_none());
}

#[test]
fn a_page_loop_goes_round_and_a_page_for_ever_never_ends() {
    let proxy = Proxy::replaying(&recorded());
    for (fault, fresh) in [(Fault::PageLoop, false), (Fault::PageForEver, true)] {
        inject(&proxy, Request::new("POST", "/", USERS), fault, None);
        let mut page = USERS.to_owned();
        let mut markers = Vec::new();
        for _ in 0..5 {
            let answer = raw(&proxy, "POST", "/", &page).unwrap();
            assert_eq!(names(&answer), ["ann", "bob"]);
            let marker = marker(&answer).unwrap();
            page = format!("{USERS}&Marker={marker}");
            markers.push(marker);
        }
        markers.dedup();
        assert_eq!(markers.len(), if fresh { 5 } else { 1 }, "{fault:?}");
    }
    inject(&proxy, Request::new("GET", "/orgs/a/members?per_page=100", ""), Fault::PageForEver, None);
    let mut target = "/orgs/a/members?per_page=100".to_owned();
    for turn in 1..4 {
        let answer = raw(&proxy, "GET", &target, "").unwrap();
        assert_eq!(body(&answer), "[{\"id\":1},{\"id\":2}]");
        target = format!("/orgs/a/members?per_page=100&page={}", 1000 + turn);
        assert!(answer.contains(&format!("<{}{target}>; rel=\"next\"", proxy.url())), "{answer}");
    }
}

#[test]
fn lists_of_an_upstream_that_does_not_page_are_cut_into_pages_of_its_own_members() {
    let five = ["ann", "bob", "cid", "dee", "eve"];
    let backups = "{\"BackupJobs\":[{\"BackupJobId\":\"1\"},{\"BackupJobId\":\"2\"},{\"BackupJobId\":\"3\"}]}";
    let upstream = Proxy::replaying(&[
        exchange("POST", "/", Some(USERS), &users(&five, None), None),
        exchange("GET", "/backup-jobs/", None, backups, None),
    ]);
    let paging = Proxy::paging(upstream.url().trim_start_matches("http://").parse().unwrap(), 2);

    let mut pages = Vec::new();
    let mut page = format!("{USERS}&MaxItems=1000");
    loop {
        let answer = raw(&paging, "POST", "/", &page).unwrap();
        pages.push(names(&answer));
        let Some(marker) = marker(&answer) else { break };
        page = format!("{USERS}&MaxItems=1000&Marker={marker}");
    }
    assert_eq!(pages, [vec!["ann", "bob"], vec!["cid", "dee"], vec!["eve"]]);

    let mut jobs = Vec::new();
    let mut target = "/backup-jobs/".to_owned();
    loop {
        let request = Request::new("GET", &target, "");
        let answer = raw(&paging, "GET", &target, "").unwrap();
        let listing = Listing::of(&request, &Response::new(200, "application/json", body(&answer))).unwrap();
        jobs.push(listing.len());
        let Some(token) = listing.next else { break };
        target = format!("/backup-jobs/?nextToken={token}");
    }
    assert_eq!(jobs, [2, 1]);
}

#[test]
fn a_fault_hits_a_running_upstream_too() {
    let upstream = Proxy::replaying(&recorded());
    let proxy = Proxy::forwarding(upstream.url().trim_start_matches("http://").parse().unwrap());
    let first = raw(&proxy, "POST", "/", USERS).unwrap();
    assert_eq!(names(&first), ["ann", "bob"]);
    inject(&proxy, Request::new("POST", "/", USERS), Fault::MemberLost, Some(1));
    assert_eq!(names(&raw(&proxy, "POST", "/", USERS).unwrap()), ["ann"]);
    assert_eq!(names(&raw(&proxy, "POST", "/", USERS).unwrap()), ["ann", "bob"]);
}
