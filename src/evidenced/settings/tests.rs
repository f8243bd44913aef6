//! The configuration as users meet it: what loads, and what each mistake says.

use super::keys::{Absent, Key, NOTIFY, SECTIONS, SOURCE, WAYS, collector_keys};
use super::layers::Variables;
use super::load::load_in;
use super::problem::Place;
use super::sources::{Shipped, Specs};
use super::*;
use model::CollectorSpec;
use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// This collector and no other.
struct Own(CollectorSpec);

impl Specs for Own {
    fn find(&self, id: &str) -> Option<&CollectorSpec> {
        Some(&self.0).filter(|spec| spec.id == id)
    }

    fn ids(&self) -> Vec<&str> {
        vec![&self.0.id]
    }
}

/// A collector's declaration with one setting of each kind.
fn spec() -> CollectorSpec {
    let setting = |kind: &str, more: Value| -> Value {
        let mut setting = serde_json::json!({ "kind": kind, "help": "help" });
        setting.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        setting
    };
    serde_json::from_value(serde_json::json!({
        "id": "aws_test", "version": "1", "title": "Test", "population": "Everybody.", "completeness": "Counted.",
        "schedule": "15 * * * *", "max_age": "24h", "provides": [], "operations": [], "tables": [],
        "settings": {
            "account_id": setting("string", serde_json::json!({ "required": true, "example": "123456789012" })),
            "region": setting("string", serde_json::json!({ "default": "us-east-1" })),
            "endpoint_url": setting("url", serde_json::json!({})),
            "file": setting("path", serde_json::json!({})),
            "pages": setting("integer", serde_json::json!({ "default": 100 })),
            "deep": setting("boolean", serde_json::json!({ "default": false })),
            "window": setting("duration", serde_json::json!({ "default": "30d" })),
            "columns": setting("map", serde_json::json!({})),
            "groups": setting("list", serde_json::json!({ "default": [] })),
            "token": setting("secret", serde_json::json!({})),
        }
    }))
    .unwrap()
}

const GOOD: &str = r#"[organisation]
name = "Acme Ltd"
timezone = "Europe/London"
domains = ["Acme.example"]
[store]
url = "sqlite:./evidence"
[log]
origin = "acme.example/evidence"
key = { file = "./evidenced.key" }
[sources.aws]
collector = "aws_test"
account_id = "123456789012"
"#;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("evidenced.key");
        std::fs::write(&key, "key\n").unwrap();
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
        Self(folder)
    }

    fn load_with(
        &self,
        text: &str,
        variables: &[(&str, &str)],
        overrides: &[Override],
    ) -> Result<Settings, Vec<Problem>> {
        let file = self.0.path().join("evidenced.toml");
        std::fs::write(&file, text).unwrap();
        let variables: Variables =
            variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        load_in(&file, overrides, &Own(spec()), &variables, true)
    }

    fn load(&self, text: &str) -> Result<Settings, Vec<Problem>> {
        self.load_with(text, &[], &[])
    }

    /// The problems without the folder's name, one text each.
    fn problems(&self, text: &str) -> Vec<String> {
        let problems = self.load(text).expect_err("the configuration must be refused");
        let folder = format!("{}/", self.0.path().display());
        problems.iter().map(|problem| problem.to_string().replace(&folder, "")).collect()
    }
}

/// `GOOD` with one line more at its end, in `[sources.aws]`.
fn source_with(line: &str) -> String {
    format!("{GOOD}{line}\n")
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let problems = Folder::new().problems(text);
    assert_eq!(problems, [expected], "{text}");
}

#[test]
fn a_good_file_becomes_settings_with_defaults_filled_in() {
    let folder = Folder::new();
    let settings = folder.load(GOOD).unwrap();
    let base = folder.0.path();
    assert_eq!(settings.organisation.name, "Acme Ltd");
    assert_eq!(settings.organisation.timezone_name, "Europe/London");
    assert_eq!(settings.organisation.domains, ["acme.example"]);
    assert!(!settings.organisation.fold_local_part);
    assert_eq!(settings.store.dir, base.join("evidence"));
    assert_eq!(settings.store.blobs, base.join("evidence/blobs"));
    assert_eq!(settings.log.key, SecretRef::File(base.join("evidenced.key")));
    assert_eq!(settings.serve.listen, None);
    assert_eq!(settings.digest, Digest::of(GOOD.as_bytes()));
    let [source] = settings.sources.as_slice() else { panic!() };
    assert_eq!(source.schedule.as_ref().unwrap().to_string(), "15 * * * * (Europe/London)");
    assert_eq!(source.max_age, SignedDuration::from_hours(24));
    assert_eq!(source.drop_guard_percent, 30);
    assert!(!source.expect_empty && !source.sample && source.secrets.is_empty());
    assert_eq!(
        source.settings,
        serde_json::json!({
            "account_id": "123456789012", "region": "us-east-1", "pages": 100, "deep": false, "window": "30d", "groups": []
        })
    );
}

#[test]
fn settings_hold_absolute_paths_and_no_secret() {
    let folder = Folder::new();
    let text = source_with(
        "file = \"./data/hr.csv\"\ntoken = { env = \"TOKEN\" }\nschedule = \"manual\"\nmax_age = \"2w\"\n\
         columns = { id = \"ID\" }\ngroups = [\"a\"]\nexpect_empty = true\ndrop_guard_percent = 0",
    );
    let settings = folder.load_with(&text, &[("TOKEN", "canary-7")], &[]).unwrap();
    let source = &settings.sources[0];
    assert_eq!(source.settings["file"], folder.0.path().join("data/hr.csv").to_str().unwrap());
    assert_eq!(source.settings["columns"]["id"], "ID");
    assert_eq!(source.secrets["token"], SecretRef::Env("TOKEN".to_owned()));
    assert!(source.settings.get("token").is_none());
    assert_eq!(source.schedule, None);
    assert!(!format!("{settings:?}").contains("canary-7"));
}

#[test]
fn the_environment_and_flags_override_with_the_key_s_own_kind() {
    let folder = Folder::new();
    let variables = [
        ("EVIDENCED_SOURCES__AWS__PAGES", "7"),
        ("EVIDENCED_SOURCES__AWS__DEEP", "true"),
        ("EVIDENCED_SOURCES__AWS__ACCOUNT_ID", "012345678901"),
        ("EVIDENCED_SOURCES__AWS__GROUPS", "a, b"),
        ("EVIDENCED_SOURCES__AWS__TOKEN__ENV", "TOKEN"),
        ("EVIDENCED_ORGANISATION__DOMAINS", "a.example,b.example"),
        ("TOKEN", "x"),
        ("EVIDENCED_LOG", "debug"),
    ];
    let listen =
        Override { flag: "--listen".to_owned(), key: "serve.listen".to_owned(), value: "127.0.0.1:8080".to_owned() };
    let settings = folder.load_with(GOOD, &variables, &[listen]).unwrap();
    let source = &settings.sources[0];
    assert_eq!(source.settings["pages"], 7);
    assert_eq!(source.settings["deep"], true);
    assert_eq!(source.settings["account_id"], "012345678901", "text stays text, with its leading zero");
    assert_eq!(source.settings["groups"], serde_json::json!(["a", "b"]));
    assert_eq!(source.secrets["token"], SecretRef::Env("TOKEN".to_owned()));
    assert_eq!(settings.organisation.domains, ["a.example", "b.example"]);
    assert_eq!(settings.serve.listen, Some("127.0.0.1:8080".parse().unwrap()));
}

#[test]
fn a_problem_from_outside_names_the_variable_or_the_flag() {
    let folder = Folder::new();
    let flag = Override { flag: "--listen".to_owned(), key: "serve.listen".to_owned(), value: "here".to_owned() };
    let problems = folder
        .load_with(GOOD, &[("EVIDENCED_SOURCES__AWS__PAGES", "many"), ("EVIDENCED_STORE__ULR", "x")], &[flag])
        .unwrap_err();
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "environment variable EVIDENCED_SOURCES__AWS__PAGES: `pages` in [sources.aws] is text, not a whole number\n  \
             help: write it like `pages = 1`",
            "environment variable EVIDENCED_STORE__ULR: unknown key `ulr` in [store]\n  help: did you mean `url`?",
            "--listen: `here` is not an address and port\n  help: write it like `127.0.0.1:8080`",
        ]
    );
}

#[test]
fn a_proxy_is_named_without_its_credential_and_a_credential_not_without_a_proxy() {
    let network = |text: &str| format!("{GOOD}[network]\n{text}\n");
    let line = network("").lines().count();
    let folder = Folder::new();
    let settings = folder.load(&network("proxy = \"http://proxy.example:3128\"\nno_proxy = [\".example\"]")).unwrap();
    assert_eq!(settings.network.proxy.unwrap().as_str(), "http://proxy.example:3128/");
    assert_eq!(settings.network.no_proxy, [".example"]);
    let alone = folder.problems(&network("proxy_credential = { file = \"evidenced.key\" }"));
    assert!(alone[0].contains(&format!("evidenced.toml:{line}:")), "{alone:?}");
    assert!(alone[0].contains("a proxy that is not named"), "{alone:?}");
    let inside = folder.problems(&network("proxy = \"http://user:CANARY@proxy.example:3128\""));
    assert!(inside[0].contains("carries a credential") && !inside[0].contains("CANARY"), "{inside:?}");
}

#[test]
fn the_aws_tools_variable_moves_aws_sources_that_name_no_endpoint() {
    let folder = Folder::new();
    let variable = [("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")];
    let settings = folder.load_with(GOOD, &variable, &[]).unwrap();
    assert_eq!(settings.sources[0].settings["endpoint_url"], "http://127.0.0.1:5000");
    let own = source_with("endpoint_url = \"http://127.0.0.1:6000\"");
    let settings = folder.load_with(&own, &variable, &[]).unwrap();
    assert_eq!(settings.sources[0].settings["endpoint_url"], "http://127.0.0.1:6000");
    let problems = folder.load_with(GOOD, &[("AWS_ENDPOINT_URL", "localhost")], &[]).unwrap_err();
    assert_eq!(problems[0].place, Place::Variable("AWS_ENDPOINT_URL".to_owned()));
}

#[test]
fn the_last_day_ends_with_the_day_or_at_a_time_of_it() {
    let folder = Folder::new();
    let load = |ends: &str| {
        folder.load(&GOOD.replacen("[organisation]\n", &format!("[organisation]\nlast_day_ends = \"{ends}\"\n"), 1))
    };
    assert_eq!(load("24:00").unwrap().organisation.last_day_ends, None);
    assert_eq!(load("18:30").unwrap().organisation.last_day_ends, Some(jiff::civil::time(18, 30, 0, 0)));
    for wrong in ["00:00", "6 pm", "25:00", ""] {
        let problems = load(wrong).unwrap_err();
        assert!(problems[0].to_string().contains("evidenced.toml:2:17: "), "{wrong}: {}", problems[0]);
    }
}

#[test]
fn every_problem_is_reported_at_once_in_the_order_of_the_file() {
    let text = r#"[organisation]
name = ""
timezone = "Europe/Londn"
domains = "acme.example"
[stroe]
url = "sqlite:./evidence"
[log]
origin = "https://acme.example/evidence"
key = "c2VjcmV0"
[sources.hr]
collector = "aws_tset"
[sources.aws]
collector = "aws_test"
shedule = "15 * * * *"
schedule = "61 * * * *"
max_age = "1 day"
pages = "many"
[[links]]
account = "awss:ada"
person = "aws:1"
[audits.internal]
"#;
    assert_eq!(
        Folder::new().problems(text),
        [
            "evidenced.toml:2:8: `name` in [organisation] is empty\n  help: write it like `name = \"Acme Ltd\"`",
            "evidenced.toml:3:12: `Europe/Londn` is not a time zone\n  help: did you mean `Europe/London`?",
            "evidenced.toml:4:11: `domains` in [organisation] is text, not a list of texts\n  help: write it like `domains = [\"acme.example\"]`",
            "evidenced.toml:5:2: unknown section `stroe`\n  help: did you mean `store`?",
            "evidenced.toml:8:10: `https://acme.example/evidence` cannot name a log: it has a scheme\n  help: write it like `acme.example/evidence`",
            "evidenced.toml:9:7: `key` in [log] holds a secret itself; secrets are not kept in configuration\n  \
             help: refer to it: `{ env = \"VARIABLE\" }` or `{ file = \"path\" }`; change the secret, for it has been written down",
            "evidenced.toml:11:13: there is no collector `aws_tset`\n  help: did you mean `aws_test`?",
            "evidenced.toml:12:10: [sources.aws] has no `account_id`: help\n  help: add `account_id = \"123456789012\"`",
            "evidenced.toml:14:1: unknown key `shedule` in [sources.aws]\n  help: did you mean `schedule`?",
            "evidenced.toml:15:12: bad schedule in [sources.aws]: minute `61` is not valid\n  \
             help: the minute takes 0-59, `*`, lists `1,2`, ranges `1-5` and steps `*/5`",
            "evidenced.toml:16:11: `max_age` in [sources.aws] is not a duration: `1 day`\n  \
             help: write a whole number and a unit: `90s`, `15m`, `24h`, `30d`, `2w`",
            "evidenced.toml:17:9: `pages` in [sources.aws] is text, not a whole number\n  help: write it like `pages = 1`",
            "evidenced.toml:18:1: [[links]] entry 1 has no `approved_by`: who says that the account is this person's\n  \
             help: add `approved_by = \"Grace Hopper\"`",
            "evidenced.toml:19:11: `awss:ada` names the source `awss`, which is not configured\n  help: did you mean `aws`?",
            "evidenced.toml:21:2: `audits` is not in this version: internal audits\n  help: take it out; nothing here is ignored silently",
        ]
    );
}

#[test]
fn what_this_version_has_not_got_is_refused_by_name() {
    let problems = Folder::new().problems(&source_with("[audits.x]"));
    let place = "evidenced.toml:13:2: `audits` is not in this version";
    assert!(problems.len() == 1 && problems[0].starts_with(place), "{problems:?}");
    refused(
        &GOOD.replace("sqlite:./evidence", "postgres://user:canary@db/evidence"),
        "evidenced.toml:6:7: `postgres:` is not in this version\n  help: use a folder: `url = \"sqlite:./evidence\"`",
    );
    refused(
        &GOOD.replace("[log]", "blobs = \"s3://bucket/prefix\"\n[log]"),
        "evidenced.toml:7:9: `s3:` is not in this version\n  help: use a folder: `blobs = \"file:./evidence\"`",
    );
    refused(
        &source_with("[serve]\nlisten = \"0.0.0.0:80\""),
        "evidenced.toml:14:10: 0.0.0.0:80 is not a loopback address, and without TLS whoever listens in could sign in\n  \
         help: write `listen = \"127.0.0.1:80\"`, or put a proxy that does TLS before it and name it: `base_url = \"https://…\"`",
    );
    refused(
        &source_with("[serve]\nlisten = \"127.0.0.1:80\"\nbase_url = \"https://acme.example/evidence\""),
        "evidenced.toml:15:12: `https://acme.example/evidence` has a path\n  \
         help: the pages have a host of their own: leave out what follows it",
    );
}

/// A root certificate.
const ROOT: &str = include_str!("../../ledger/timestamp/fixtures/root.pem");

#[test]
fn authorities_are_read_with_their_roots_and_checked() {
    let folder = Folder::new();
    std::fs::write(folder.0.path().join("root.pem"), ROOT).unwrap();
    let two = "timestamp_every = \"1h\"\n[[log.timestamp]]\nurl = \"http://TSA.example:3180/x\"\nroots = \"root.pem\"\n\
               [[log.timestamp]]\nname = \"second\"\nurl = \"https://[::1]/\"\nroots = \"./root.pem\"\n";
    let text = GOOD.replace("[sources", &format!("{two}[sources"));
    let log = folder.load(&text).unwrap().log;
    assert_eq!(log.timestamp_every, SignedDuration::from_hours(1));
    let names: Vec<_> = log.authorities.iter().map(|authority| authority.name.as_str()).collect();
    assert_eq!(names, ["tsa.example", "second"]);
    assert!(log.authorities.iter().all(|authority| authority.roots_file == folder.0.path().join("root.pem")));
    assert_eq!(log.authorities[0].roots.pem(), ROOT);

    let none = folder.load(GOOD).unwrap().log;
    assert_eq!((none.authorities.len(), none.timestamp_every), (0, SignedDuration::from_mins(10)));

    let bad = "[[log.timestamp]]\nurl = \"ftp://x\"\nroots = \"gone.pem\"\nuser = \"u\"\n\
               [[log.timestamp]]\nurl = \"http://tsa.example\"\nroots = \"evidenced.toml\"\nname = \"A/b\"\n\
               [[log.timestamp]]\nurl = \"http://[::1]:1\"\nroots = \"root.pem\"\n\
               [[log.timestamp]]\nurl = \"http://a\"\nroots = \"root.pem\"\n\
               [[log.timestamp]]\nurl = \"https://a/b\"\nroots = \"root.pem\"\n";
    let problems = folder.problems(&GOOD.replace("[sources", &format!("{bad}[sources")));
    let said: Vec<&str> = problems.iter().map(|problem| problem.lines().next().unwrap()).collect();
    let expected = [
        "`url` in [[log.timestamp]] entry 1 is not a web address: `ftp://x`",
        "gone.pem: No such file or directory",
        "unknown key `user` in [[log.timestamp]] entry 1",
        "evidenced.toml: no root certificate in it: a root names itself as its issuer",
        "`A/b` cannot name an authority: it becomes the name of a file",
        "`[::1]` cannot name an authority: it becomes the name of a file",
        "two authorities are called `a`",
    ];
    assert_eq!(said.len(), expected.len(), "{problems:#?}");
    for (said, expected) in said.iter().zip(expected) {
        assert!(said.contains(expected), "{said}");
        assert!(said.starts_with("evidenced.toml:"), "{said}");
    }
    refused(
        &GOOD.replace("[sources", "timestamp = 3\n[sources"),
        "evidenced.toml:10:1: `log.timestamp` is not a list of sections\n  help: write each entry under a line `[[log.timestamp]]`",
    );
}

#[test]
fn witnesses_are_read_with_their_keys_and_checked() {
    let key = "witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU";
    let log = "evidenced.example/demo+91c2ff88+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
    let folder = Folder::new();
    let entry = |name: &str, url: &str, key: &str| {
        format!("[[log.witness]]\nname = \"{name}\"\nurl = \"{url}\"\nkey = \"{key}\"\n")
    };
    let good = format!(
        "witness_every = \"1h\"\nmirror = \"copy\"\n{}",
        entry("witness.example/w1", "http://127.0.0.1:1/x", key)
    );
    let read = folder.load(&GOOD.replace("[sources", &format!("{good}[sources"))).unwrap().log;
    assert_eq!(read.witness_every, SignedDuration::from_hours(1));
    assert_eq!(read.mirror, Some(folder.0.path().join("copy")));
    assert_eq!((read.witnesses.len(), read.witnesses[0].name()), (1, "witness.example/w1"));
    assert_eq!(folder.load(GOOD).unwrap().log.witness_every, SignedDuration::from_mins(10));

    let bad = [
        entry("witness.example/w1", "ftp://x", key),
        entry("evidenced.example/demo", "http://x", log),
        entry("witness.example/w1", "http://x", &key.replace("df1c", "df1d")),
        entry("other", "http://x", key),
        entry("witness.example/w1", "http://x", key),
        entry("witness.example/w1", "http://y", key),
        "[[log.witness]]\nsize = 3\n".to_owned(),
    ];
    let problems = folder.problems(&GOOD.replace("[sources", &format!("{}[sources", bad.concat())));
    let said: Vec<&str> = problems.iter().map(|problem| problem.lines().next().unwrap()).collect();
    let expected = [
        "`url` in [[log.witness]] entry 1 is not a web address",
        "is a log's key (type 01), not a witness's (type 04)",
        "key identifier does not belong to this name and key",
        "the witness is called `other` here and `witness.example/w1` in its key",
        "two witnesses are called `witness.example/w1`",
    ];
    for expected in expected {
        assert!(said.iter().any(|said| said.contains(expected)), "{expected}: {said:#?}");
    }
    assert_eq!(said.iter().filter(|said| said.contains("entry 7")).count(), 4, "{said:#?}");
}

#[test]
fn a_missing_section_names_what_is_missing() {
    let problems = Folder::new().problems("");
    assert_eq!(
        problems,
        [
            "evidenced.toml: [log] has no `key`: the log's signing key; `evidenced init` makes it with mode 0600\n  \
             help: add `key = { file = \"./evidenced.key\" }`",
            "evidenced.toml: [log] has no `origin`: the log's name in every checkpoint, for ever: a domain of yours and a path\n  \
             help: add `origin = \"acme.example/evidence\"`",
            "evidenced.toml: [organisation] has no `name`: the organisation's name, shown in packs\n  \
             help: add `name = \"Acme Ltd\"`",
        ]
    );
}

#[test]
fn a_key_outside_its_section_says_where_it_belongs() {
    refused(
        &format!("origin = \"x\"\n{GOOD}"),
        "evidenced.toml:1:1: unknown section `origin`\n  help: `origin` is a key of `[log]`",
    );
    refused(
        &format!("\"log.origin\" = \"x\"\n{GOOD}"),
        "evidenced.toml:1:1: unknown section `log.origin`\n  help: write sections as `[section]`",
    );
    refused(
        &format!("links = 3\n{GOOD}"),
        "evidenced.toml:1:1: `links` is not a list of sections\n  help: write each entry under a line `[[links]]`",
    );
    refused(
        &format!("sources = 3\n{}", GOOD.split("[sources.aws]").next().unwrap()),
        "evidenced.toml:1:11: [sources] is a number, not a section\n  help: write its keys under a line `[sources]`",
    );
}

#[test]
fn secrets_are_found_missing_before_anything_runs_and_never_shown() {
    let folder = Folder::new();
    let secret = folder.0.path().join("token");
    std::fs::write(&secret, "canary-8").unwrap();
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o644)).unwrap();
    let at = folder.0.path().display();
    for (line, expected) in [
        (
            "token = { env = \"NO_SUCH\" }",
            "evidenced.toml:13:9: `token` in [sources.aws]: environment variable NO_SUCH is not set".to_owned(),
        ),
        (
            "token = { file = \"none\" }",
            format!("evidenced.toml:13:9: `token` in [sources.aws]: secret file {at}/none cannot be read"),
        ),
        (
            "token = { file = \"token\" }",
            format!("evidenced.toml:13:9: `token` in [sources.aws]: secret file {at}/token has mode 0644"),
        ),
        ("token = \"canary-9\"", "evidenced.toml:13:9: `token` in [sources.aws] holds a secret itself".to_owned()),
        ("token = {}", "evidenced.toml:13:9: `token` in [sources.aws] does not say where".to_owned()),
        ("token = { evn = \"X\" }", "evidenced.toml:13:11: unknown key `evn` in the secret `token`".to_owned()),
        (
            "endpoint_url = \"http://user:canary-10@host\"",
            "evidenced.toml:13:16: `endpoint_url` in [sources.aws] carries a credential".to_owned(),
        ),
        (
            "endpoint_url = \"htp//user:canary-10@host\"",
            "evidenced.toml:13:16: `endpoint_url` in [sources.aws] is not a URL".to_owned(),
        ),
    ] {
        let problems = folder.load(&source_with(line)).unwrap_err();
        let [problem] = problems.as_slice() else { panic!("{problems:?}") };
        let shown = problem.to_string();
        let shown = shown.strip_prefix(&format!("{at}/")).unwrap();
        assert!(shown.starts_with(&expected), "{shown}");
        assert!(!shown.contains("canary"), "{shown}");
        assert!(problem.help.is_some());
    }
    let file = folder.0.path().join("evidenced.toml");
    std::fs::write(&file, source_with("token = { env = \"NO_SUCH\" }")).unwrap();
    assert!(load_in(&file, &[], &Own(spec()), &Variables::new(), false).is_ok(), "reading commands need no secret");
}

#[test]
fn names_that_differ_only_in_a_hyphen_overlap() {
    let problems = Folder::new().problems(&source_with(
        "[sources.my-aws]\ncollector = \"aws_test\"\naccount_id = \"1\"\n[sources.my_aws]\ncollector = \"aws_test\"\naccount_id = \"1\"",
    ));
    assert_eq!(
        problems,
        [
            "evidenced.toml:16:10: the names `my-aws` and `my_aws` differ only in `-` and `_`\n  help: give one of the two sources another name"
        ]
    );
    for name in ["Prod", "a:b", "a b", "-a", &"x".repeat(64)] {
        let problems = Folder::new()
            .problems(&source_with(&format!("[sources.\"{name}\"]\ncollector = \"aws_test\"\naccount_id = \"1\"")));
        assert!(problems.len() == 1 && problems[0].contains("cannot name a source"), "{problems:?}");
    }
}

#[test]
fn the_register_and_links_are_read_and_checked() {
    let text = source_with(
        r#"[[accounts]]
account = "aws:*-bot"
kind = "service"
owner = "Ada"
[[links]]
account = "aws:ada"
person = "aws:E1"
approved_by = "Grace"
valid_from = 2026-03-29
valid_to = 2026-03-29
[[links]]
account = "aws:ada"
person = "aws:E2"
approved_by = "Grace"
valid_from = "2026-03-29T23:00:00Z""#,
    );
    let settings = Folder::new().load(&text).unwrap();
    assert_eq!(settings.accounts[0].kind.as_deref(), Some("service"));
    // London springs forward that day: it has 23 hours
    assert_eq!(settings.links[0].valid_from, Some("2026-03-29T00:00:00Z".parse().unwrap()));
    assert_eq!(settings.links[0].valid_to, Some("2026-03-29T23:00:00Z".parse().unwrap()));
    assert_eq!(settings.links[1].valid_to, None);

    let overlapping = text.replace("2026-03-29T23:00:00Z", "2026-03-29T22:59:59Z");
    assert_eq!(
        Folder::new().problems(&overlapping),
        ["evidenced.toml:24:11: `aws:ada` is linked to `aws:E1` and to `aws:E2` at the same time\n  \
          help: end the first link with `valid_to`, or keep one of the two"]
    );
    for (from, to, says) in [
        ("\"service\"", "\"robot\"", "`kind` cannot be `robot`"),
        ("aws:*-bot", "deploy-bot", "`account` is `deploy-bot`, without a source"),
        ("valid_to = 2026-03-29", "valid_to = 2026-03-01", "the link ends before it begins"),
        ("valid_to = 2026-03-29", "valid_to = \"soon\"", "neither a date nor an instant"),
    ] {
        let problems = Folder::new().problems(&text.replacen(from, to, 1));
        assert!(problems.iter().any(|problem| problem.contains(says)), "{says}: {problems:?}");
    }
    let twice = source_with("[[accounts]]\naccount = \"aws:a\"\n[[accounts]]\naccount = \"aws:a\"");
    assert!(Folder::new().problems(&twice)[0].contains("registered twice"));
}

#[test]
fn check_folders_and_parameters_are_read_and_checked() {
    let folder = Folder::new();
    std::fs::create_dir(folder.0.path().join("checks")).unwrap();
    let good =
        source_with("[checks]\npaths = [\"./checks\"]\n[checks.parameters]\nleaver.grace = \"24h\"\nleaver.days = 3");
    let settings = folder.load(&good).unwrap();
    assert_eq!(settings.checks.paths, [folder.0.path().join("checks")]);
    assert_eq!(settings.checks.parameters["leaver"]["days"], 3);
    let problems = Folder::new().problems(&good);
    assert!(problems.len() == 1 && problems[0].contains("there is no folder"), "{problems:?}");
    refused(
        &source_with("[checks.parameters]\ngrace = \"24h\""),
        "evidenced.toml:14:9: `grace` is text, not a check with parameters\n  \
         help: write it like `leaver_still_active.grace = \"24h\"` under `[checks.parameters]`",
    );
}

#[test]
fn bad_syntax_and_unreadable_files_are_problems_too() {
    let problems = Folder::new().problems("[organisation\nname = \"x\"\n[log]\norigin = \n");
    assert!(problems.len() >= 2 && problems[0].starts_with("evidenced.toml:1:"), "{problems:?}");
    let twice = Folder::new().problems(&format!("{GOOD}account_id = \"1\"\n"));
    assert!(twice[0].starts_with("evidenced.toml:13:1: not valid TOML: duplicate key"), "{twice:?}");
    let absent = load_in(Path::new("/no/such/file"), &[], &Shipped, &Variables::new(), true).unwrap_err();
    assert!(absent[0].to_string().contains("evidenced init"));
    let folder = Folder::new();
    let file = folder.0.path().join("evidenced.toml");
    std::fs::write(&file, b"a = 1\nb = \"\xff\"\n").unwrap();
    let binary = load_in(&file, &[], &Shipped, &Variables::new(), true).unwrap_err();
    assert!(binary[0].message.contains("line 2 is not UTF-8"));
    std::fs::write(&file, format!("{GOOD}pages = 99999999999999999999\n")).unwrap();
    assert!(load_in(&file, &[], &Own(spec()), &Variables::new(), true).is_err());
}

#[test]
fn any_bytes_end_in_settings_or_problems() {
    let folder = Folder::new();
    for length in 0..GOOD.len() {
        let cut = &GOOD[..length];
        if let Err(problems) = folder.load(cut) {
            assert!(!problems.is_empty(), "{cut}");
        }
        let without: String = GOOD.chars().enumerate().filter(|(at, _)| *at != length).map(|(_, c)| c).collect();
        if let Err(problems) = folder.load(&without) {
            assert!(!problems.is_empty(), "{without}");
        }
    }
    let deep = format!("a = {}1{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(!folder.load(&deep).unwrap_err().is_empty());
}

#[test]
fn the_starter_loads_as_written_and_with_its_examples() {
    let specs = specs();
    let text = starter("Acme \"&\" {origin} Söhne", "acme.example/evidence", "Europe/Berlin");
    let folder = Folder::new();
    let file = folder.0.path().join("evidenced.toml");
    std::fs::write(&file, &text).unwrap();
    let settings = load_in(&file, &[], &Shipped, &Variables::new(), true).unwrap();
    assert_eq!(settings.organisation.name, "Acme \"&\" {origin} Söhne");
    assert_eq!(settings.log.origin, "acme.example/evidence");
    assert_eq!(settings.sources.len(), 1);
    std::fs::write(&file, uncommented(&text)).unwrap();
    let settings = load_in(&file, &[], &Shipped, &Variables::new(), false).unwrap();
    let shown: BTreeSet<&str> = settings.sources.iter().map(|source| source.collector.as_str()).collect();
    // a new collector needs no example here: its README has one
    assert!(shown.len() > 10 && shown.iter().all(|id| specs.iter().any(|spec| spec.id == *id)), "{shown:?}");
}

#[test]
fn the_example_loads_and_is_ten_lines() {
    let text = include_str!("../../../config/examples/aws-github-roster.toml");
    assert_eq!(text.lines().count(), 10);
    let folder = Folder::new();
    let file = folder.0.path().join("evidenced.toml");
    std::fs::write(&file, text).unwrap();
    let variables = Variables::from([("GITHUB_TOKEN".to_owned(), "x".to_owned())]);
    let settings = load_in(&file, &[], &Shipped, &variables, true).unwrap();
    assert_eq!(settings.sources.iter().map(|source| source.name.as_str()).collect::<Vec<_>>(), ["aws", "github", "hr"]);
}

fn specs() -> Vec<&'static CollectorSpec> {
    collectors::all().iter().map(|collector| collector.spec()).collect()
}

/// A committed generated file; `UPDATE=1` rewrites it.
#[track_caller]
fn fresh(name: &str, generated: &str, embedded: &str) {
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config").join(name), generated).unwrap();
    } else {
        assert!(generated == embedded, "config/{name} is not fresh: run the tests with UPDATE=1");
    }
}

#[test]
fn the_reference_file_and_the_schema_are_fresh() {
    fresh("evidenced.toml", &reference::reference(&specs()), REFERENCE);
    fresh("evidenced.schema.json", &schema::schema(&specs()), SCHEMA);
}

/// The file with every commented-out key and section put in force.
fn uncommented(text: &str) -> String {
    let is_key = |line: &str| {
        line.split_once(" = ")
            .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit()))
    };
    text.lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.starts_with('[') || is_key(rest) => rest,
            _ => line,
        })
        .fold(String::new(), |all, line| all + line + "\n")
}

/// Read from the file itself, not from the table it is generated from.
fn listed(text: &str) -> BTreeSet<(String, String)> {
    let table: toml::Table = toml::from_str(&uncommented(text)).unwrap();
    let mut keys = BTreeSet::new();
    let mut add = |section: &str, table: &toml::Table| {
        keys.extend(table.keys().map(|key| (section.to_owned(), key.clone())));
    };
    for (name, value) in &table {
        match (name.as_str(), value) {
            ("sources", toml::Value::Table(sources)) => {
                for source in sources.values().filter_map(toml::Value::as_table) {
                    add(source["collector"].as_str().unwrap(), source);
                }
            }
            ("notify", toml::Value::Table(destinations)) => {
                for destination in destinations.values().filter_map(toml::Value::as_table) {
                    add(destination["kind"].as_str().unwrap(), destination);
                }
            }
            ("reviews", toml::Value::Table(policies)) => {
                policies.values().filter_map(toml::Value::as_table).for_each(|policy| add(name, policy));
            }
            (_, toml::Value::Table(section)) => {
                let (lists, keys): (toml::Table, toml::Table) = section.clone().into_iter().partition(|(_, value)| {
                    value.as_array().is_some_and(|items| items.iter().any(toml::Value::is_table))
                });
                add(name, &keys);
                for (inner, entries) in &lists {
                    let entries = entries.as_array().unwrap();
                    for entry in entries {
                        add(&format!("{name}.{inner}"), entry.as_table().unwrap());
                    }
                }
            }
            (_, toml::Value::Array(entries)) => entries.iter().for_each(|entry| add(name, entry.as_table().unwrap())),
            _ => panic!("`{name}` stands outside a section"),
        }
    }
    keys
}

#[test]
fn the_reference_file_lists_exactly_the_keys_that_exist() {
    let mut expected = BTreeSet::new();
    let mut add = |section: &str, keys: &[Key]| {
        expected.extend(keys.iter().map(|key| (section.to_owned(), key.name.to_string())));
    };
    for section in SECTIONS.iter().filter(|section| !["sources", "notify"].contains(&section.name)) {
        add(section.name, section.keys);
    }
    add(WAYS[0].kind, NOTIFY);
    for way in WAYS {
        add(way.kind, &NOTIFY[..1]);
        add(way.kind, way.keys);
    }
    let specs = specs();
    add(&specs[0].id, SOURCE);
    for spec in &specs {
        add(&spec.id, &collector_keys(spec));
        add(
            &spec.id,
            &SOURCE
                .iter()
                .filter(|key| ["collector", "schedule", "max_age"].contains(&key.name.as_ref()))
                .cloned()
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(listed(REFERENCE), expected);
}

#[test]
fn the_reference_file_loads_and_changes_no_default() {
    let folder = Folder::new();
    let file = folder.0.path().join("evidenced.toml");
    std::fs::write(&file, REFERENCE).unwrap();
    let written = load_in(&file, &[], &Shipped, &Variables::new(), false).unwrap();
    // the same without the keys that have a default
    let defaults: BTreeSet<String> = SECTIONS
        .iter()
        .flat_map(|section| section.keys.to_vec())
        .chain(specs().iter().flat_map(|spec| collector_keys(spec)))
        .filter_map(|key| match key.absent {
            Absent::Default(value) => Some(format!("{} = {value}", key.name)),
            _ => None,
        })
        .collect();
    let bare: String =
        REFERENCE.lines().filter(|line| !defaults.contains(*line)).fold(String::new(), |all, line| all + line + "\n");
    assert!(bare.len() < REFERENCE.len());
    std::fs::write(&file, &bare).unwrap();
    let bare = load_in(&file, &[], &Shipped, &Variables::new(), false).unwrap();
    assert_eq!(written.sources, bare.sources);
    assert_eq!(written.organisation, bare.organisation);
    assert_eq!(written.store, bare.store);
    assert_eq!(written.checks, bare.checks);

    std::fs::write(folder.0.path().join("tsa.example.pem"), ROOT).unwrap();
    // these two stand in the place of one account
    let instead = |line: &&str| !["# account_ids = ", "# role_name = "].iter().any(|key| line.starts_with(key));
    let reference: String = REFERENCE.lines().filter(instead).map(|line| line.to_owned() + "\n").collect();
    std::fs::write(&file, uncommented(&reference)).unwrap();
    let all = load_in(&file, &[], &Shipped, &Variables::new(), false).unwrap();
    assert_eq!(all.sources.len(), specs().len());
    assert_eq!(all.log.authorities.len(), 1);
    assert_eq!(all.notify.len(), WAYS.len());
    assert!(!all.accounts.is_empty() && !all.links.is_empty() && all.serve.listen.is_some());
}

#[test]
fn one_section_stands_for_many_accounts() {
    let (general, _) = GOOD.split_once("[sources.aws]").unwrap();
    let load = |lines: &str| {
        let folder = Folder::new();
        let file = folder.0.path().join("evidenced.toml");
        std::fs::write(&file, format!("{general}\n[sources.many]\ncollector = \"aws_iam\"\n{lines}\n")).unwrap();
        load_in(&file, &[], &Shipped, &Variables::new(), true)
    };
    let settings = load(
        "account_ids = [\"222222222222\", \"111111111111\"]\nrole_name = \"audit/reader\"\nregion = \"cn-north-1\"\n\
         external_id = \"known\"\nmax_age = \"2h\"",
    )
    .unwrap();
    let sources: Vec<&Source> = settings.sources.iter().filter(|source| source.name.starts_with("many")).collect();
    assert_eq!(
        sources.iter().map(|source| source.name.as_str()).collect::<Vec<_>>(),
        ["many-111111111111", "many-222222222222"]
    );
    for (source, id) in sources.iter().zip(["111111111111", "222222222222"]) {
        assert_eq!(source.settings["account_id"], id);
        assert_eq!(source.settings["role_arn"], format!("arn:aws-cn:iam::{id}:role/audit/reader"));
        assert_eq!(source.settings["external_id"], "known");
        assert_eq!(source.max_age, SignedDuration::from_hours(2));
        assert!(source.settings.get("account_ids").is_none() && source.settings.get("role_name").is_none());
    }
    let ids = "account_ids = [\"111111111111\"]\n";
    let role = "role_name = \"reader\"\n";
    for (lines, said) in [
        (ids.to_owned(), "no `role_name`"),
        (role.to_owned() + "account_id = \"111111111111\"", "`account_ids` is not"),
        (format!("{ids}{role}account_id = \"111111111111\""), "both `account_id` and"),
        (format!("{ids}{role}role_arn = \"arn:aws:iam::111111111111:role/x\""), "both `role_arn` and"),
        (format!("{role}account_ids = []"), "is empty"),
        (format!("{role}account_ids = [\"1111\"]"), "no AWS account number"),
        (format!("{role}account_ids = [\"111111111111\", \"111111111111\"]"), "twice"),
        (format!("{ids}role_name = \"arn:aws:iam::111111111111:role/x\""), "no name of a role"),
        (
            format!("{ids}{role}[sources.many-111111111111]\ncollector = \"aws_iam\"\naccount_id = \"111111111111\""),
            "two sources are named",
        ),
    ] {
        let problems = load(&lines).expect_err(&lines);
        assert_eq!(problems.len(), 1, "{lines}: {problems:#?}");
        assert!(problems[0].message.contains(said), "{lines}: {problems:#?}");
    }
}

#[test]
fn destinations_are_read_and_all_their_mistakes_told_at_once() {
    let folder = Folder::new();
    let secret = |name: &str, text: &str| {
        let path = folder.0.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    secret("hook", "whsec_canary");
    let good = "[notify.mail]\nkind = \"smtp\"\nhost = \"mail.acme.example\"\nfrom = \"evidenced <e@acme.example>\"\n\
                to = [\"ops@acme.example\"]\nschedule = \"0 8 * * 1-5\"\n\
                [notify.hook]\nkind = \"webhook\"\nurl = \"https://hooks.acme.example/x\"\nsecret = { file = \"hook\" }\n\
                about = [\"evidence\"]\ngather = \"5s\"\n";
    let settings = folder.load(&source_with(good)).unwrap();
    let [hook, mail] = settings.notify.as_slice() else { panic!("{:?}", settings.notify) };
    assert!(!hook.findings && hook.evidence && !hook.personal_data && hook.schedule.is_none());
    assert!(mail.findings && mail.evidence && mail.schedule.is_some() && !mail.is_tracker());
    assert!(!format!("{hook:?}").contains("canary"));
    let Way::Smtp(smtp) = &mail.way else { panic!("{mail:?}") };
    assert_eq!((smtp.port, smtp.tls, smtp.owners), (587, MailTls::Starttls, true));

    let bad = "[notify.Mail]\nkind = \"smtp\"\nhost = \"h\"\nfrom = \"nobody\"\nto = []\ntls = \"off\"\nusername = \"u\"\n\
               schedule = \"never\"\n[notify.chat]\nkind = \"slack\"\nwebhook_url = \"https://hooks.slack.com/canary\"\n\
               host = \"h\"\n[notify.gh]\nkind = \"github_issues\"\nrepository = \"acme\"\nabout = [\"findigs\"]\n\
               [notify.x]\nkind = \"telegram\"\n";
    let problems = Folder::new().problems(&source_with(bad));
    let expected = [
        "13:9: `Mail` cannot name a destination",
        "16:8: `nobody` in `from` of [notify.Mail] is no mail address",
        "17:6: [notify.Mail] names nobody in `to`",
        "19:12: `username` in [notify.Mail] without `password`",
        "20:12: `schedule` in [notify.Mail]",
        "23:15: `webhook_url` in [notify.chat] holds a secret itself",
        "24:1: unknown key `host` in [notify.chat]",
        "25:9: [notify.gh] has no `token`",
        "27:14: `acme` is no repository",
        "28:9: `about` in [notify.gh] cannot be `findigs`",
        "30:8: `kind` cannot be `telegram`",
    ];
    assert_eq!(problems.len(), expected.len(), "{problems:#?}");
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(&format!("evidenced.toml:{expected}")), "{problem} is not {expected}");
        assert!(!problem.contains("canary"), "{problem}");
    }
}
