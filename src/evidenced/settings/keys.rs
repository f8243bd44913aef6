//! Every key there is: kind, default, help. The reader, the reference file and the JSON schema all follow this table.

use model::CollectorSpec;
use model::collector::{Setting, SettingKind};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What a key holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text.
    Text,
    /// One of a few words.
    Word(&'static [&'static str]),
    /// A whole number within bounds, both included.
    Integer(i64, i64),
    /// `true` or `false`.
    Boolean,
    /// `24h`, `30d`.
    Duration,
    /// A file or folder, relative to the configuration file.
    Path,
    /// `http://…` or `https://…`.
    Url,
    /// `{ env = "…" }` or `{ file = "…" }`.
    Secret,
    /// A table of texts.
    Map,
    /// A list of texts.
    Texts,
    /// A date or an instant.
    Instant,
    /// A table of tables: check, parameter, value.
    Parameters,
    /// A table of secrets.
    Secrets,
    /// Tables that the source declares.
    Tables,
    /// Of a declared table: columns and their types.
    Columns,
    /// Of a declared table: vocabulary table, column, SQL.
    Maps,
}

/// What happens when the key is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Absent {
    /// The configuration is refused.
    Refused,
    /// It has this value, in TOML.
    Default(Cow<'static, str>),
    /// There is none; the help says what that means.
    Nothing,
}

/// One key of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: Cow<'static, str>,
    pub(super) kind: Kind,
    pub(super) absent: Absent,
    /// One line.
    pub(super) help: Cow<'static, str>,
    /// An example value, in TOML.
    pub(super) example: Cow<'static, str>,
}

/// How often a section may stand in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Times {
    /// `[name]`.
    Once,
    /// `[name.ANY]`, one for each of a kind.
    Named,
    /// `[[name]]`.
    Listed,
}

/// One section.
pub(super) struct Section {
    pub(super) name: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "only the generated files say it"))]
    pub(super) times: Times,
    #[cfg_attr(not(test), expect(dead_code, reason = "only the generated files say it"))]
    pub(super) help: &'static str,
    pub(super) keys: &'static [Key],
}

const fn key(name: &'static str, kind: Kind, absent: Absent, example: &'static str, help: &'static str) -> Key {
    Key { name: Cow::Borrowed(name), kind, absent, help: Cow::Borrowed(help), example: Cow::Borrowed(example) }
}

const fn default(value: &'static str) -> Absent {
    Absent::Default(Cow::Borrowed(value))
}

pub(super) const ORGANISATION: &[Key] = &[
    key("name", Kind::Text, Absent::Refused, "\"Acme Ltd\"", "the organisation's name, shown in packs"),
    key(
        "timezone",
        Kind::Text,
        default("\"UTC\""),
        "\"Europe/London\"",
        "zone of schedules and of dates of employment, as in the IANA database",
    ),
    key(
        "last_day_ends",
        Kind::Text,
        default("\"24:00\""),
        "\"18:00\"",
        "time of day in that zone at which employment ends on its last day; 24:00: with the day itself",
    ),
    key(
        "domains",
        Kind::Texts,
        default("[]"),
        "[\"acme.example\"]",
        "the organisation's mail domains: only addresses in them link an account to a person; none: any domain does",
    ),
    key(
        "fold_local_part",
        Kind::Boolean,
        default("false"),
        "true",
        "compare the part before the @ without case; the domain always is",
    ),
];

pub(super) const STORE: &[Key] = &[
    key(
        "url",
        Kind::Text,
        default("\"sqlite:./evidence\""),
        "\"sqlite:./evidence\"",
        "folder of the evidence store; `evidenced init` makes it",
    ),
    key(
        "blobs",
        Kind::Text,
        Absent::Nothing,
        "\"file:./evidence/blobs\"",
        "folder of the captured bytes; absent: `blobs` in the store's folder",
    ),
    key(
        "scrub_rate",
        Kind::Text,
        default("\"10 MiB/s\""),
        "\"10 MiB/s\"",
        "how fast `evidenced run` looks through everything stored for damage, once a day; \"off\": never",
    ),
];

pub(super) const RETENTION: &[Key] = &[
    key(
        "default",
        Kind::Duration,
        Absent::Nothing,
        "\"1095d\"",
        "snapshots of a source without `retention` are erased by `evidenced retention run` after this; absent: never",
    ),
    key(
        "evaluations",
        Kind::Duration,
        Absent::Nothing,
        "\"1095d\"",
        "evaluations and findings that ended are erased after this; absent: never",
    ),
];

pub(super) const LOG: &[Key] = &[
    key(
        "origin",
        Kind::Text,
        Absent::Refused,
        "\"acme.example/evidence\"",
        "the log's name in every checkpoint, for ever: a domain of yours and a path",
    ),
    key(
        "key",
        Kind::Secret,
        Absent::Refused,
        "{ file = \"./evidenced.key\" }",
        "the log's signing key; `evidenced init` makes it with mode 0600",
    ),
    key(
        "previous_key",
        Kind::Secret,
        Absent::Nothing,
        "{ file = \"./evidenced.key.old\" }",
        "the key before the last `evidenced log rotate`: it signs too, until all who verify know the new one; absent: it does not",
    ),
    key(
        "mirror",
        Kind::Path,
        Absent::Nothing,
        "\"/mnt/elsewhere/evidenced\"",
        "folder outside the store, best on another machine, to which each checkpoint is copied: it tells a rolled back or doubled store; absent: none",
    ),
    key(
        "witness_every",
        Kind::Duration,
        default("\"10m\""),
        "\"1h\"",
        "how long something new waits at most until the witnesses are asked to cosign the log",
    ),
    key(
        "timestamp_every",
        Kind::Duration,
        default("\"10m\""),
        "\"1h\"",
        "how long something new waits at most until the authorities are asked to stamp the log",
    ),
];

pub(super) const WITNESS: &[Key] = &[
    key("name", Kind::Text, Absent::Refused, "\"witness.example/w1\"", "its name, as its key says it"),
    key(
        "url",
        Kind::Url,
        Absent::Refused,
        "\"https://witness.example\"",
        "its submission prefix: `/add-checkpoint` of C2SP tlog-witness is added",
    ),
    key(
        "key",
        Kind::Text,
        Absent::Refused,
        "\"witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU\"",
        "its verifier key (type 04), had from whoever runs it",
    ),
];

pub(super) const TIMESTAMP: &[Key] = &[
    key(
        "url",
        Kind::Url,
        Absent::Refused,
        "\"https://tsa.example/rfc3161\"",
        "where the authority answers RFC 3161 requests over HTTP",
    ),
    key(
        "roots",
        Kind::Path,
        Absent::Refused,
        "\"tsa.example.pem\"",
        "PEM file of its root certificates, and of intermediate ones it does not send; from the authority itself",
    ),
    key("name", Kind::Text, Absent::Nothing, "\"tsa.example\"", "its name in entries and file names; absent: the host"),
];

/// The keys every source has, whatever its collector.
pub(super) const SOURCE: &[Key] = &[
    key("collector", Kind::Text, Absent::Refused, "\"hr_file\"", "which collector reads it"),
    key(
        "schedule",
        Kind::Text,
        Absent::Nothing,
        "\"0 */4 * * *\"",
        "minute hour day month weekday, or \"manual\" for `evidenced collect` only; absent: the collector's",
    ),
    key(
        "timezone",
        Kind::Text,
        Absent::Nothing,
        "\"Europe/London\"",
        "zone of the schedule; absent: the organisation's",
    ),
    key(
        "max_age",
        Kind::Duration,
        Absent::Nothing,
        "\"24h\"",
        "older evidence is stale and passes no check; absent: the collector's",
    ),
    key(
        "retention",
        Kind::Duration,
        Absent::Nothing,
        "\"730d\"",
        "its snapshots are erased by `evidenced retention run` after this; absent: [retention] says",
    ),
    key(
        "owner",
        Kind::Text,
        Absent::Nothing,
        "\"Head of IT\"",
        "who answers for the system: the `owner` of its evidence in packs",
    ),
    key(
        "reviewer",
        Kind::Text,
        Absent::Nothing,
        "\"Internal audit\"",
        "who looks through its evidence: the `reviewer` of its evidence in packs",
    ),
    key(
        "classification",
        Kind::Text,
        Absent::Nothing,
        "\"confidential\"",
        "how its evidence may be shared, in your own words: the `classification` of its evidence in packs",
    ),
    key("expect_empty", Kind::Boolean, default("false"), "false", "an empty population is right, not suspect"),
    key(
        "drop_guard_percent",
        Kind::Integer(0, 100),
        default("30"),
        "30",
        "a population that shrinks by more than this is suspect until a person confirms it",
    ),
    key(
        "sample",
        Kind::Boolean,
        default("false"),
        "false",
        "invented data: marked as such in everything derived from it",
    ),
];

pub(super) const CHECKS: &[Key] = &[
    key(
        "paths",
        Kind::Texts,
        default("[]"),
        "[\"./checks\"]",
        "folders of checks of your own, added to the built-in ones",
    ),
    key(
        "parameters",
        Kind::Parameters,
        Absent::Nothing,
        "{ leaver_still_active = { grace = \"24h\" } }",
        "values for the parameters of checks, by check; absent: each check's defaults",
    ),
    key(
        "sandbox",
        Kind::Word(&["best_effort", "required"]),
        default("\"best_effort\""),
        "\"required\"",
        "where the kernel lacks landlock or seccomp, which confine the SQL: evaluate and warn, or find everything inconclusive",
    ),
    key(
        "owner",
        Kind::Text,
        Absent::Nothing,
        "\"Head of IT\"",
        "who answers for the checks: the `owner` of evaluations and findings in packs",
    ),
    key(
        "reviewer",
        Kind::Text,
        Absent::Nothing,
        "\"Internal audit\"",
        "who looks through what they say: the `reviewer` of evaluations and findings in packs",
    ),
    key(
        "classification",
        Kind::Text,
        Absent::Nothing,
        "\"confidential\"",
        "how what they say may be shared, in your own words: the `classification` of evaluations and findings in packs",
    ),
];

pub(super) const ACCOUNT: &[Key] = &[
    key("account", Kind::Text, Absent::Refused, "\"github:acme-*-bot\"", "SOURCE:LOGIN; `*` stands for any characters"),
    key(
        "kind",
        Kind::Word(&["human", "service", "shared", "break_glass", "guest"]),
        Absent::Nothing,
        "\"service\"",
        "what the account is; overrides the source's word, except for root",
    ),
    key(
        "owner",
        Kind::Text,
        Absent::Nothing,
        "\"ada@acme.example\"",
        "who answers for it: an address or `SOURCE:EMPLOYEE_ID` of the roster, so that checks see whether the owner is employed",
    ),
    key("purpose", Kind::Text, Absent::Nothing, "\"deploys releases\"", "what it is for"),
    key(
        "justification",
        Kind::Text,
        Absent::Nothing,
        "\"on call for production\"",
        "why it may be an administrator, or exists although the rule is that it should not",
    ),
    key("approved_by", Kind::Text, Absent::Nothing, "\"Grace Hopper\"", "who approved that"),
    key(
        "valid_to",
        Kind::Instant,
        Absent::Nothing,
        "2026-12-31",
        "last day the justification holds, or the instant it ends; absent: no end",
    ),
    key("tested_at", Kind::Instant, Absent::Nothing, "2026-02-01", "when break-glass access was last tried"),
];

pub(super) const LINK: &[Key] = &[
    key("account", Kind::Text, Absent::Refused, "\"github:ada\"", "SOURCE:LOGIN"),
    key("person", Kind::Text, Absent::Refused, "\"hr:1042\"", "SOURCE:EMPLOYEE_ID"),
    key("approved_by", Kind::Text, Absent::Refused, "\"Grace Hopper\"", "who says that the account is this person's"),
    key(
        "valid_from",
        Kind::Instant,
        Absent::Nothing,
        "2026-01-01",
        "first day, or instant, it holds; absent: always did",
    ),
    key(
        "valid_to",
        Kind::Instant,
        Absent::Nothing,
        "2026-12-31",
        "last day it holds, or the instant it ends; absent: no end",
    ),
];

pub(super) const EXCLUSION: &[Key] = &[
    key("what", Kind::Text, Absent::Refused, "\"payroll\"", "a system, a population, a part of the organisation"),
    key("reason", Kind::Text, Absent::Refused, "\"run by a processor with its own report\"", "why it is left out"),
];

pub(super) const APPLICABILITY: &[Key] = &[
    key("control", Kind::Text, Absent::Refused, "\"iso27001:2022/A.7.4\"", "FRAMEWORK/CONTROL"),
    key("applicable", Kind::Boolean, Absent::Refused, "false", "whether it applies"),
    key("justification", Kind::Text, Absent::Refused, "\"no premises of our own\"", "why it does or does not"),
];

pub(super) const REQUEST: &[Key] = &[
    key("id", Kind::Text, Absent::Refused, "\"R-12\"", "the auditor's number for it"),
    key("text", Kind::Text, Absent::Refused, "\"List of leavers of the period\"", "what was asked"),
    key("controls", Kind::Texts, default("[]"), "[\"iso27001:2022/A.5.18\"]", "controls whose evidence answers it"),
    key("sources", Kind::Texts, default("[]"), "[\"hr\"]", "sources whose evidence answers it"),
    key("due", Kind::Text, Absent::Nothing, "\"2026-04-15\"", "when the auditor needs it, as they said it"),
    key("our_status", Kind::Text, Absent::Nothing, "\"submitted\"", "where it stands, in your word"),
    key("our_note", Kind::Text, Absent::Nothing, "\"see the roster of 31 March\"", "what you say of it"),
    key("auditor_status", Kind::Text, Absent::Nothing, "\"accepted\"", "where it stands, in the auditor's word"),
    key("auditor_note", Kind::Text, Absent::Nothing, "\"sample of 25 drawn\"", "what the auditor says of it"),
];

pub(super) const FINDINGS: &[Key] = &[
    key(
        "raise_after",
        Kind::Integer(1, 100),
        Absent::Default(Cow::Borrowed("1")),
        "2",
        "failing evaluations in a row, each on other evidence, before a draft finding is raised",
    ),
    key(
        "verify_runs",
        Kind::Integer(1, 100),
        Absent::Default(Cow::Borrowed("1")),
        "2",
        "passing evaluations on later evidence, each on other evidence, that verify an implemented action",
    ),
];

/// What every destination has, whatever its kind.
pub(super) const NOTIFY: &[Key] = &[
    key(
        "kind",
        Kind::Word(&["smtp", "slack", "webhook", "github_issues", "jira"]),
        Absent::Refused,
        "\"smtp\"",
        "how it is told",
    ),
    key(
        "about",
        Kind::Texts,
        default("[\"findings\", \"evidence\", \"reviews\"]"),
        "[\"evidence\"]",
        "what is told: `findings`; `evidence` that is missing, which is for whoever keeps this program; access `reviews` that wait for \
         somebody; only findings become tickets",
    ),
    key(
        "personal_data",
        Kind::Boolean,
        default("false"),
        "true",
        "whether accounts, people, and reasons that may name them are told; otherwise they are counted",
    ),
    key(
        "schedule",
        Kind::Text,
        Absent::Nothing,
        "\"0 8 * * 1-5\"",
        "when a digest goes: minute hour day month weekday, in the organisation's zone; absent: at once, as tickets always",
    ),
    key(
        "gather",
        Kind::Duration,
        default("\"1m\""),
        "\"5m\"",
        "how long something new waits for more where it goes at once, so that a hundred findings are one message",
    ),
    key(
        "give_up_after",
        Kind::Duration,
        default("\"7d\""),
        "\"14d\"",
        "how long a message is tried; then `evidenced notify list` shows it as given up, and `notify send --given-up` tries it again",
    ),
];

/// A kind of destination.
pub(super) struct Way {
    /// The word of `kind`.
    pub(super) kind: &'static str,
    /// A name for the example.
    #[cfg_attr(not(test), expect(dead_code, reason = "only the generated files say it"))]
    pub(super) example: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "only the generated files say it"))]
    pub(super) help: &'static str,
    pub(super) keys: &'static [Key],
}

/// The kinds of destinations, with the keys each has beyond [`NOTIFY`].
pub(super) const WAYS: &[Way] = &[
    Way {
        kind: "smtp",
        example: "mail",
        help: "Mail. A finding goes to its owner, what is nobody's and what is about evidence to `to`.",
        keys: SMTP,
    },
    Way {
        kind: "slack",
        example: "chat",
        help: "An incoming webhook of Slack, or of what speaks like it.",
        keys: SLACK,
    },
    Way {
        kind: "webhook",
        example: "hook",
        help: "A webhook signed by the Standard Webhooks specification; `webhook-id` and `idempotency-key` stay the same however \
               often a message is tried.",
        keys: WEBHOOK,
    },
    Way {
        kind: "github_issues",
        example: "issues",
        help: "One issue a finding in a GitHub repository: made once, commented when the finding changes, closed with it.",
        keys: GITHUB_ISSUES,
    },
    Way { kind: "jira", example: "jira", help: "The same in a project of Jira.", keys: JIRA },
];

const SMTP: &[Key] = &[
    key("host", Kind::Text, Absent::Refused, "\"mail.acme.example\"", "the mail server"),
    key("port", Kind::Integer(1, 65_535), default("587"), "465", "its port"),
    key(
        "tls",
        Kind::Word(&["starttls", "implicit", "off"]),
        default("\"starttls\""),
        "\"implicit\"",
        "`starttls` and never without, `implicit` from the first byte (port 465), or `off`",
    ),
    key(
        "authority",
        Kind::Path,
        Absent::Nothing,
        "\"mail-root.pem\"",
        "PEM file of what may have issued the server's certificate; absent: what this machine trusts",
    ),
    key("username", Kind::Text, Absent::Nothing, "\"evidenced@acme.example\"", "who signs in; absent: nobody does"),
    key("password", Kind::Secret, Absent::Nothing, "{ file = \"./mail.password\" }", "the password beside it"),
    key("from", Kind::Text, Absent::Refused, "\"evidenced <evidenced@acme.example>\"", "the sender"),
    key(
        "to",
        Kind::Texts,
        Absent::Refused,
        "[\"security@acme.example\"]",
        "who is told of evidence, and of findings that have no owner",
    ),
    key(
        "owners",
        Kind::Boolean,
        default("true"),
        "false",
        "a finding goes to its owner and not to `to`, where the owner is written as an address in `[organisation] domains`",
    ),
];

const SLACK: &[Key] = &[key(
    "webhook_url",
    Kind::Secret,
    Absent::Refused,
    "{ file = \"./slack.url\" }",
    "the webhook's address: whoever knows it can write there",
)];

const WEBHOOK: &[Key] = &[
    key("url", Kind::Url, Absent::Refused, "\"https://hooks.acme.example/evidenced\"", "where to"),
    key(
        "secret",
        Kind::Secret,
        Absent::Refused,
        "{ file = \"./webhook.secret\" }",
        "what it is signed with: `whsec_` and 24 to 64 bytes in base64",
    ),
];

const GITHUB_ISSUES: &[Key] = &[
    key(
        "repository",
        Kind::Text,
        Absent::Refused,
        "\"acme/compliance\"",
        "the repository; whoever can read it can read the tickets",
    ),
    key("token", Kind::Secret, Absent::Refused, "{ env = \"TICKETS_TOKEN\" }", "a token that may write issues there"),
    key(
        "api_url",
        Kind::Url,
        default("\"https://api.github.com\""),
        "\"https://github.acme.example/api/v3\"",
        "base of the API",
    ),
    key("label", Kind::Text, default("\"evidenced\""), "\"audit\"", "the label by which a ticket is found again"),
];

const JIRA: &[Key] = &[
    key("api_url", Kind::Url, Absent::Refused, "\"https://acme.atlassian.net\"", "the site"),
    key(
        "username",
        Kind::Text,
        Absent::Nothing,
        "\"evidenced@acme.example\"",
        "whose API token it is; absent: it is a personal access token",
    ),
    key("token", Kind::Secret, Absent::Refused, "{ file = \"./jira.token\" }", "a token that may write issues there"),
    key("project", Kind::Text, Absent::Refused, "\"SEC\"", "the project's key"),
    key("issue_type", Kind::Text, default("\"Task\""), "\"Bug\"", "what kind of issue a finding becomes"),
    key("label", Kind::Text, default("\"evidenced\""), "\"audit\"", "the label by which a ticket is found again"),
];

pub(super) const NETWORK: &[Key] = &[
    key(
        "proxy",
        Kind::Url,
        Absent::Nothing,
        "\"http://proxy.corp.example:3128\"",
        "the proxy through which sources, authorities and witnesses are asked; absent: none, whatever the environment says",
    ),
    key(
        "proxy_credential",
        Kind::Secret,
        Absent::Nothing,
        "{ file = \"./proxy.credential\" }",
        "`user:password` for the proxy; absent: it wants none",
    ),
    key(
        "no_proxy",
        Kind::Texts,
        default("[]"),
        "[\"intranet.corp.example\", \".corp.example\", \"10.0.0.0/8\"]",
        "hosts, domains and networks that are asked directly all the same",
    ),
];

pub(super) const REVIEW: &[Key] = &[
    key(
        "sources",
        Kind::Texts,
        Absent::Refused,
        "[\"github\", \"aws\"]",
        "sources whose accounts are reviewed; each needs an `owner`",
    ),
    key(
        "owner",
        Kind::Text,
        Absent::Refused,
        "\"olga@acme.example\"",
        "who answers for the campaigns and signs them: an address or name of the roster",
    ),
    key(
        "schedule",
        Kind::Text,
        Absent::Nothing,
        "\"0 9 1 */3 *\"",
        "when campaigns begin: minute hour day month weekday, in the organisation's zone; absent: only when a person starts one",
    ),
    key(
        "population",
        Kind::Word(&["all", "privileged"]),
        default("\"all\""),
        "\"privileged\"",
        "which accounts: `all`; `privileged`: administrators, root, break-glass, service and shared ones, and those of which nobody knows",
    ),
    key(
        "fallback",
        Kind::Text,
        Absent::Nothing,
        "\"max@acme.example\"",
        "who decides where neither the manager, the source's owner nor the campaign's owner may; absent: nobody does",
    ),
    key("complete_within", Kind::Duration, default("\"14d\""), "\"21d\"", "time from opening to the due date"),
    key(
        "lapse_after",
        Kind::Duration,
        default("\"7d\""),
        "\"3d\"",
        "time after the due date from which an account without an answer counts as not reviewed",
    ),
    key(
        "remediate_within",
        Kind::Duration,
        default("\"14d\""),
        "\"2d\"",
        "time from a decision until what it takes away must be proven gone",
    ),
    key(
        "dormant_after",
        Kind::Duration,
        default("\"90d\""),
        "\"60d\"",
        "time without use from which an account is flagged as dormant",
    ),
    key(
        "conflicts",
        Kind::Texts,
        default("[]"),
        "[\"github:admin + aws:deploy\"]",
        "duties that one person must not hold together: `SOURCE:ROLE + SOURCE:ROLE`",
    ),
    key(
        "safeguard",
        Kind::Text,
        Absent::Nothing,
        "\"The accountant goes through the report each year.\"",
        "in a firm of one: what is done instead of a second pair of eyes; it lets the campaign's owner decide on their own access and is printed",
    ),
];

pub(super) const SERVE: &[Key] = &[
    key(
        "listen",
        Kind::Text,
        Absent::Nothing,
        "\"127.0.0.1:8080\"",
        "address of the pages of `evidenced run`; absent: none; beyond loopback only with a `base_url` of https",
    ),
    key(
        "base_url",
        Kind::Url,
        Absent::Nothing,
        "\"https://evidence.acme.example\"",
        "where people reach the pages, through a proxy that does TLS and keeps the Host header; absent: at `listen`",
    ),
];

pub(super) const SECTIONS: &[Section] = &[
    Section { name: "organisation", times: Times::Once, help: "Whose evidence it is.", keys: ORGANISATION },
    Section { name: "store", times: Times::Once, help: "Where the evidence is kept.", keys: STORE },
    Section {
        name: "retention",
        times: Times::Once,
        help: "How long evidence is kept. Nothing is erased but by `evidenced retention`.",
        keys: RETENTION,
    },
    Section { name: "log", times: Times::Once, help: "The signed log over everything sealed.", keys: LOG },
    Section {
        name: "log.witness",
        times: Times::Listed,
        help: "A witness: somebody else's server that cosigns the log only as long as it grows (C2SP tlog-witness).",
        keys: WITNESS,
    },
    Section {
        name: "log.timestamp",
        times: Times::Listed,
        help: "Trusted time: an RFC 3161 authority that stamps the log.",
        keys: TIMESTAMP,
    },
    Section { name: "network", times: Times::Once, help: "The way to sources.", keys: NETWORK },
    Section {
        name: "sources",
        times: Times::Named,
        help: "A system evidence is collected from; its name goes into every record.",
        keys: SOURCE,
    },
    Section { name: "checks", times: Times::Once, help: "What is tested over the evidence.", keys: CHECKS },
    Section { name: "findings", times: Times::Once, help: "What becomes of failures.", keys: FINDINGS },
    Section {
        name: "accounts",
        times: Times::Listed,
        help: "The account register: what no source knows of an account.",
        keys: ACCOUNT,
    },
    Section {
        name: "links",
        times: Times::Listed,
        help: "Approved identity links: accounts whose person no address tells.",
        keys: LINK,
    },
    Section {
        name: "exclusions",
        times: Times::Listed,
        help: "What evidence packs leave out on purpose, for `01_SCOPE.json` and the report.",
        keys: EXCLUSION,
    },
    Section {
        name: "applicability",
        times: Times::Listed,
        help: "The Statement of Applicability, one control an entry, for evidence packs.",
        keys: APPLICABILITY,
    },
    Section {
        name: "requests",
        times: Times::Listed,
        help: "The auditor's request list, for `03_REQUESTS.csv` of evidence packs.",
        keys: REQUEST,
    },
    Section {
        name: "notify",
        times: Times::Named,
        help: "Who is told of findings and of evidence that is missing; one section for each of them. Nobody is told twice.",
        keys: NOTIFY,
    },
    Section {
        name: "reviews",
        times: Times::Named,
        help: "Access reviews: whose access is reviewed, by whom and when; one section for each kind of campaign.",
        keys: REVIEW,
    },
    Section { name: "serve", times: Times::Once, help: "The pages, for people who sign in.", keys: SERVE },
];

/// Sections and keys of the design that this version has not got. Refused, because ignoring them would promise them.
pub(super) const LATER: &[(&[&str], &str)] = &[(&["audits"], "internal audits")];

/// The keys of a source of this collector beyond [`SOURCE`].
pub(super) fn collector_keys(spec: &CollectorSpec) -> Vec<Key> {
    let own = spec.settings.iter().map(|(name, setting)| collector_key(name, setting));
    own.chain(spec.table_settings.as_ref().map(|own| tables_key(spec, own))).collect()
}

/// The keys of a declared table, of which `own` are the collector's.
pub(super) fn table_keys(own: &BTreeMap<String, Setting>) -> Vec<Key> {
    TABLE.iter().cloned().chain(own.iter().map(|(name, setting)| collector_key(name, setting))).collect()
}

/// What every declared table has.
const TABLE: &[Key] = &[
    key("key", Kind::Texts, Absent::Refused, "[\"login\"]", "the columns that identify a row"),
    key("columns", Kind::Columns, Absent::Refused, "{ login = \"text\", active = \"boolean\" }", "each column's type"),
    key("description", Kind::Text, Absent::Nothing, "\"A user of the CRM.\"", "what one row is"),
    key(
        "map",
        Kind::Maps,
        Absent::Nothing,
        "{ account = { account_key = \"login\", status = \"CASE active WHEN 1 THEN 'enabled' END\" } }",
        "an SQL expression for each column of a vocabulary table",
    ),
];

/// The key under which a source declares its tables.
fn tables_key(spec: &CollectorSpec, own: &BTreeMap<String, Setting>) -> Key {
    let keys = table_keys(own).into_iter().filter(|key| {
        let in_example = own.get(key.name.as_ref()).is_some_and(|setting| setting.in_example);
        key.absent == Absent::Refused || key.name == "map" || in_example
    });
    let example: Vec<String> = keys.map(|key| format!("{} = {}", key.name, key.example)).collect();
    Key {
        name: "table".into(),
        kind: Kind::Tables,
        // a collector with tables of its own can do without
        absent: if spec.tables.is_empty() { Absent::Refused } else { Absent::Nothing },
        help: "the tables it gives, each with key, columns and the way to the vocabulary; better written as sections \
               `[sources.NAME.table.TABLE]`"
            .into(),
        example: format!("{{ user = {{ {} }} }}", example.join(", ")).into(),
    }
}

fn collector_key(name: &str, setting: &Setting) -> Key {
    let absent = match (&setting.default, setting.required) {
        (Some(value), _) => Absent::Default(toml_text(value).into()),
        (None, true) => Absent::Refused,
        (None, false) => Absent::Nothing,
    };
    let kind = match setting.kind {
        SettingKind::String => Kind::Text,
        SettingKind::Integer => Kind::Integer(i64::MIN, i64::MAX),
        SettingKind::Boolean => Kind::Boolean,
        SettingKind::Duration => Kind::Duration,
        SettingKind::Path => Kind::Path,
        SettingKind::Url => Kind::Url,
        SettingKind::Secret => Kind::Secret,
        SettingKind::Secrets => Kind::Secrets,
        SettingKind::Map => Kind::Map,
        SettingKind::List => Kind::Texts,
    };
    let example = match (&setting.example, kind) {
        (Some(text), Kind::Integer(..) | Kind::Boolean | Kind::Secret | Kind::Secrets | Kind::Map | Kind::Texts) => {
            text.clone()
        }
        (Some(text), _) => toml_text(&Value::String(text.clone())),
        (None, Kind::Integer(..)) => "1".to_owned(),
        (None, Kind::Boolean) => "true".to_owned(),
        (None, Kind::Duration) => "\"24h\"".to_owned(),
        (None, Kind::Secret) => format!("{{ env = \"{}\" }}", name.to_uppercase()),
        (None, Kind::Map | Kind::Secrets) => "{}".to_owned(),
        (None, Kind::Texts) => "[]".to_owned(),
        (None, Kind::Url) => "\"https://example.com\"".to_owned(),
        (None, _) => "\"…\"".to_owned(),
    };
    Key { name: name.to_owned().into(), kind, absent, help: setting.help.clone().into(), example: example.into() }
}

/// A JSON value written as TOML.
pub(super) fn toml_text(value: &Value) -> String {
    match value {
        Value::Null => "\"\"".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => toml::Value::String(text.clone()).to_string(),
        Value::Array(items) => format!("[{}]", items.iter().map(toml_text).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
        Value::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name} = {}", toml_text(value))).collect();
            format!("{{ {} }}", fields.join(", "))
        }
    }
}

/// A TOML value as JSON; the defaults and examples of the table above are parsed by it.
pub(super) fn toml_value(text: &str) -> Option<Value> {
    let table: toml::Table = toml::from_str(&format!("value = {text}")).ok()?;
    table.get("value").map(json)
}

fn json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => Value::String(text.clone()),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(truth) => (*truth).into(),
        toml::Value::Datetime(instant) => Value::String(instant.to_string()),
        toml::Value::Array(items) => items.iter().map(json).collect(),
        toml::Value::Table(fields) => {
            Value::Object(fields.iter().map(|(name, value)| (name.clone(), json(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_and_example_of_the_table_is_toml() {
        for key in SECTIONS.iter().flat_map(|section| section.keys).chain(WAYS.iter().flat_map(|way| way.keys)) {
            assert!(toml_value(&key.example).is_some(), "{}: {}", key.name, key.example);
            if let Absent::Default(value) = &key.absent {
                assert!(toml_value(value).is_some(), "{}: {value}", key.name);
            }
            assert!(!key.help.is_empty() && !key.help.ends_with('.'), "{}", key.name);
        }
    }

    #[test]
    fn values_survive_being_written_as_toml() {
        for value in [
            serde_json::json!("a \"quoted\" \\ text\twith\na line"),
            serde_json::json!({ "employee_id": "ID", "name": "Name" }),
            serde_json::json!(["a", "b"]),
            serde_json::json!(true),
            serde_json::json!(-3),
            serde_json::json!({}),
        ] {
            assert_eq!(toml_value(&toml_text(&value)), Some(value));
        }
    }
}
