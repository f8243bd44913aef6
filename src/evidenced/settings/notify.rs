//! `[notify.NAME]`: who is told what, by which way, and when.

use super::SecretRef;
use super::document::KeyPath;
use super::fields::{Fields, Reading};
use super::keys::{NOTIFY, WAYS};
use super::sources::is_well_named;
use super::suggest::did_you_mean;
use crate::daemon::Schedule;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde_json::Value;
use std::path::PathBuf;
use url::Url;

/// Somebody, or something, that is told.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each kind of news, as the configuration has them")]
pub(crate) struct Destination {
    /// NAME.
    pub(crate) name: String,
    /// The way.
    pub(crate) way: Way,
    /// Whether findings are told.
    pub(crate) findings: bool,
    /// Whether evidence that is missing is told.
    pub(crate) evidence: bool,
    /// Whether reviewers are told of what they have to decide.
    pub(crate) reviews: bool,
    /// Whether people and accounts are named; otherwise they are counted.
    pub(crate) personal_data: bool,
    /// When a digest goes; none: at once.
    pub(crate) schedule: Option<Schedule>,
    /// How long something new waits for more.
    pub(crate) gather: SignedDuration,
    /// How long a message is tried.
    pub(crate) give_up_after: SignedDuration,
}

impl Destination {
    /// Whether it keeps one ticket a finding.
    pub(crate) const fn is_tracker(&self) -> bool {
        matches!(self.way, Way::GithubIssues(_) | Way::Jira(_))
    }
}

/// How a destination is reached.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Way {
    /// Mail.
    Smtp(Smtp),
    /// An incoming webhook of Slack, or of what speaks like it.
    Slack {
        /// Its address, which is the credential.
        webhook_url: SecretRef,
    },
    /// A webhook signed by the Standard Webhooks specification.
    Webhook {
        /// Where to.
        url: Url,
        /// `whsec_…`.
        secret: SecretRef,
    },
    /// Issues of a repository.
    GithubIssues(GithubIssues),
    /// Issues of a Jira project.
    Jira(Jira),
}

/// A mail server, and who is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Smtp {
    /// Its name.
    pub(crate) host: String,
    /// Its port.
    pub(crate) port: u16,
    /// How the connection is protected.
    pub(crate) tls: MailTls,
    /// PEM file of what may have issued its certificate.
    pub(crate) authority: Option<PathBuf>,
    /// Who sends.
    pub(crate) username: Option<String>,
    /// And the password.
    pub(crate) password: Option<SecretRef>,
    /// The sender.
    pub(crate) from: String,
    /// Who is written to.
    pub(crate) to: Vec<String>,
    /// Whether what is somebody's finding goes to them.
    pub(crate) owners: bool,
}

/// How a connection to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MailTls {
    /// From the first byte.
    Implicit,
    /// By STARTTLS, and not without.
    Starttls,
    /// Not at all.
    Off,
}

/// Issues of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GithubIssues {
    /// Base of the API.
    pub(crate) api_url: Url,
    /// `owner/name`.
    pub(crate) repository: String,
    /// A token that may write issues.
    pub(crate) token: SecretRef,
    /// The label all of them have.
    pub(crate) label: String,
}

/// Issues of a Jira project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Jira {
    /// The site.
    pub(crate) api_url: Url,
    /// Whose token it is; none: it stands alone.
    pub(crate) username: Option<String>,
    /// An API token, or a personal access token.
    pub(crate) token: SecretRef,
    /// The project's key.
    pub(crate) project: String,
    /// What kind of issue is made.
    pub(crate) issue_type: String,
    /// The label all of them have.
    pub(crate) label: String,
}

/// Every destination, sorted by name.
pub(super) fn destinations<'a>(
    reading: &'a Reading<'a>,
    value: Option<&'a Value>,
    zone: &TimeZone,
) -> Vec<Destination> {
    let path = vec!["notify".to_owned()];
    let section = Fields::open(reading, value, path, "[notify]".to_owned(), Vec::new());
    let Some(table) = value.and_then(Value::as_object) else { return Vec::new() };
    let mut destinations = Vec::new();
    for (name, value) in table {
        is_well_named(reading, reading.layers.key_place(&section.child(name)), name, "a destination");
        destinations.extend(destination(reading, (name, value), section.child(name), zone));
    }
    destinations.sort_by(|one, other| one.name.cmp(&other.name));
    destinations
}

fn destination<'a>(
    reading: &'a Reading<'a>,
    (name, value): (&str, &'a Value),
    path: KeyPath,
    zone: &TimeZone,
) -> Option<Destination> {
    let label = format!("[notify.{name}]");
    let common = Fields::open(reading, Some(value), path.clone(), label.clone(), NOTIFY.to_vec());
    if common.misspells("kind") {
        return None;
    }
    let kind = common.word("kind")?;
    let way = WAYS.iter().find(|way| way.kind == kind)?;
    let keys = NOTIFY.iter().chain(way.keys).cloned().collect();
    let fields = Fields::open(reading, Some(value), path, label, keys);
    fields.refuse_unknown(&[]);
    let about = about(&fields);
    let personal_data = fields.boolean("personal_data");
    let schedule = fields.schedule(zone);
    let (gather, give_up_after) = (fields.duration("gather"), fields.duration("give_up_after"));
    let way = match way.kind {
        "smtp" => smtp(&fields).map(Way::Smtp),
        "slack" => fields.secret("webhook_url").map(|webhook_url| Way::Slack { webhook_url }),
        "webhook" => webhook(&fields),
        "github_issues" => github(&fields).map(Way::GithubIssues),
        _ => jira(&fields).map(Way::Jira),
    };
    let (findings, evidence, reviews) = about?;
    let destination = Destination {
        name: name.to_owned(),
        way: way?,
        findings,
        evidence,
        reviews,
        personal_data: personal_data?,
        schedule: schedule?,
        gather: gather?.0,
        give_up_after: give_up_after?.0,
    };
    if destination.is_tracker() {
        refuse_of_a_tracker(&fields, &destination);
    }
    Some(destination)
}

fn refuse_of_a_tracker(fields: &Fields<'_>, destination: &Destination) {
    if destination.schedule.is_some() {
        let message = format!("`schedule` in {} is for messages: a ticket follows its finding at once", fields.label);
        fields.problem("schedule", message, "take it out");
    }
    if !destination.findings {
        let message = format!("{} is told no findings, and nothing else becomes a ticket", fields.label);
        fields.problem("about", message, "write `about = [\"findings\"]`, or take the section out");
    }
}

/// What is told: findings, evidence, access reviews.
fn about(fields: &Fields<'_>) -> Option<(bool, bool, bool)> {
    const WORDS: [&str; 3] = ["findings", "evidence", "reviews"];
    let texts = fields.texts("about")?;
    for text in texts.iter().filter(|text| !WORDS.contains(&text.as_str())) {
        fields.problem("about", format!("`about` in {} cannot be `{text}`", fields.label), did_you_mean(text, WORDS));
    }
    if texts.is_empty() {
        fields.problem(
            "about",
            format!("{} is told nothing", fields.label),
            "write `about = [\"findings\", \"evidence\", \"reviews\"]`, or take the section out",
        );
    }
    let has = |word: &str| texts.iter().any(|text| text == word);
    Some((has(WORDS[0]), has(WORDS[1]), has(WORDS[2])))
}

fn url(fields: &Fields<'_>, name: &str) -> Option<Url> {
    fields.url(name).and_then(|text| Url::parse(&text).ok())
}

fn webhook(fields: &Fields<'_>) -> Option<Way> {
    let url = url(fields, "url");
    let secret = fields.secret("secret");
    Some(Way::Webhook { url: url?, secret: secret? })
}

fn smtp(fields: &Fields<'_>) -> Option<Smtp> {
    let host = fields.text("host");
    let port = fields.integer("port").and_then(|port| u16::try_from(port).ok());
    let tls = match fields.word("tls").as_deref() {
        Some("implicit") => Some(MailTls::Implicit),
        Some("starttls") => Some(MailTls::Starttls),
        Some("off") => Some(MailTls::Off),
        _ => None,
    };
    let from = fields.text("from").filter(|text| is_mailbox(fields, "from", text));
    let to = fields.texts("to");
    for text in to.iter().flatten() {
        is_mailbox(fields, "to", text);
    }
    if to.as_ref().is_some_and(Vec::is_empty) {
        fields.problem("to", format!("{} names nobody in `to`", fields.label), "name who is told of what is nobody's");
    }
    let (username, password) = (fields.text("username"), fields.secret("password"));
    let owners = fields.boolean("owners");
    if fields.has("username") != fields.has("password") {
        let (here, missing) = if fields.has("username") { ("username", "password") } else { ("password", "username") };
        fields.problem(here, format!("`{here}` in {} without `{missing}`", fields.label), format!("add `{missing}`"));
    }
    if tls == Some(MailTls::Off) && fields.has("password") {
        fields.problem(
            "password",
            format!("`password` in {} would cross the network in the clear", fields.label),
            "write `tls = \"starttls\"`, or take `username` and `password` out",
        );
    }
    Some(Smtp {
        host: host?,
        port: port?,
        tls: tls?,
        authority: fields.text("authority").map(|text| fields.reading.absolute(&text)),
        username,
        password,
        from: from?,
        to: to?,
        owners: owners?,
    })
}

/// Whether `text` is an address, or a name with one in angles.
fn is_mailbox(fields: &Fields<'_>, key: &str, text: &str) -> bool {
    let good = egress::is_mailbox(text);
    if !good {
        fields.problem(
            key,
            format!("`{text}` in `{key}` of {} is no mail address", fields.label),
            "write it like `ada@acme.example` or `Ada <ada@acme.example>`",
        );
    }
    good
}

fn github(fields: &Fields<'_>) -> Option<GithubIssues> {
    let api_url = url(fields, "api_url");
    let plain = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
            && part != ".."
    };
    let repository = fields.text("repository").filter(|text| {
        let good = text.split_once('/').is_some_and(|(owner, name)| plain(owner) && plain(name));
        if !good {
            fields.problem("repository", format!("`{text}` is no repository"), "write it like `acme/compliance`");
        }
        good
    });
    let token = fields.secret("token");
    let label = fields.text("label");
    Some(GithubIssues { api_url: api_url?, repository: repository?, token: token?, label: label? })
}

fn jira(fields: &Fields<'_>) -> Option<Jira> {
    let api_url = url(fields, "api_url");
    let token = fields.secret("token");
    let project = fields.text("project").filter(|text| {
        let good = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !good {
            fields.problem("project", format!("`{text}` is no project's key"), "write it like `SEC`");
        }
        good
    });
    let (issue_type, label) = (fields.text("issue_type"), fields.text("label"));
    let label = label.filter(|text| {
        // a label of Jira is one word, and it is asked for by it
        let good = text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
        if !good {
            fields.problem("label", format!("`{text}` is no label of Jira"), "write one word like `evidenced`");
        }
        good
    });
    Some(Jira {
        api_url: api_url?,
        username: fields.text("username"),
        token: token?,
        project: project?,
        issue_type: issue_type?,
        label: label?,
    })
}
