//! `linux_accounts`: the accounts of this host or of one reached over SSH, and how each can be entered. It never keeps
//! a password hash, and never says that an account is locked when it could not see.

mod files;
mod frames;
mod host;
mod keys;
mod observe;
mod redact;
mod ssh;
mod sshd;
mod sudoers;

#[cfg(test)]
mod tests;

use crate::provider::files::{self as provider, File, permission};
use crate::settings;
use egress::{Collector, Context, Policy};
use host::Host;
use keys::Key;
use model::collector::CollectorSpec;
use model::{CollectError, Observation, Reason, ReasonCode, Timestamp};
use observe::{Elsewhere, KeyFile, Seen};
use serde::Deserialize;
use serde_json::Value;
use ssh::Ssh;
use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;
use sudoers::{Kind, Rule};

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const PASSWD: &str = "read /etc/passwd";
const SHADOW: &str = "read /etc/shadow";
const GROUP: &str = "read /etc/group";
const SUDOERS: &str = "read /etc/sudoers";
const SUDOERS_D: &str = "list /etc/sudoers.d";
const SUDOERS_D_FILE: &str = "read /etc/sudoers.d";
const AUTHORIZED_KEYS: &str = "read authorized_keys";
const LASTLOG: &str = "read /var/log/lastlog";
const SSHD: &str = "read /etc/ssh/sshd_config";
const SSHD_D: &str = "list /etc/ssh/sshd_config.d";
const SSHD_D_FILE: &str = "read /etc/ssh/sshd_config.d";
const HOSTNAME: &str = "read /etc/hostname";
const SELF: &str = "read /proc/self/status";
const SSH: &str = "ssh";

/// sshd's default AuthorizedKeysFile, below the home.
const KEY_FILES: &[&str] = &[".ssh/authorized_keys", ".ssh/authorized_keys2"];

pub(crate) struct LinuxAccounts;

#[derive(Deserialize)]
struct Settings {
    root: PathBuf,
    #[serde(default)]
    hostname: Option<String>,
    #[serde(default)]
    host: Option<String>,
    #[serde(default)]
    user: Option<String>,
    port: u16,
    #[serde(default)]
    identity_file: Option<PathBuf>,
    #[serde(default)]
    known_hosts: Option<PathBuf>,
    sudo: bool,
    ssh: PathBuf,
    timeout: String,
}

impl Settings {
    /// The place of the host's absolute path below the root.
    fn fixed(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }
}

/// Whether a path of a host is absolute and does not climb.
fn is_plain(path: &str) -> bool {
    path.strip_prefix('/')
        .is_some_and(|relative| Path::new(relative).components().all(|part| matches!(part, Component::Normal(_))))
}

#[async_trait::async_trait]
impl Collector for LinuxAccounts {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn mapping(&self) -> &'static str {
        include_str!("mapping.sql")
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        let settings: Settings = settings::typed(&SPEC, settings)?;
        if let Some(ssh) = Ssh::of(&settings)? {
            return ssh.policy(&settings.timeout);
        }
        let host_files = [
            "/etc/passwd",
            "/etc/shadow",
            "/etc/group",
            "/etc/sudoers",
            "/etc/sudoers.d",
            "/etc/ssh/sshd_config",
            "/etc/ssh/sshd_config.d",
            "/etc/hostname",
            "/var/log/lastlog",
        ];
        let mut files: Vec<PathBuf> = host_files.iter().map(|path| settings.fixed(path)).collect();
        files.push(PathBuf::from("/proc/self/status"));
        Ok(Policy {
            redacted_endings: KEY_FILES.iter().map(PathBuf::from).collect(),
            concurrency: 1,
            ..provider::policy(&SPEC, files)
        })
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings: Settings = settings::typed(&SPEC, &ctx.settings)?;
        let host = match Ssh::of(&settings)? {
            Some(ssh) => Host::There { answer: ssh.ask(ctx).await?, login: ssh.login() },
            None => Host::Here { ctx, settings: &settings },
        };
        let caller = host.caller().await?;
        let mut seen = see(&host, ctx.started_at).await?;
        seen.started_at = ctx.started_at;
        let mut observation = observe::observe(&SPEC, seen)?;
        observation.caller = Some(caller);
        observation.redactions = ctx.egress.redactions();
        Ok(observation)
    }
}

/// Reads every file; what cannot be read becomes a reason.
async fn see(host: &Host<'_>, started_at: Timestamp) -> Result<Seen, CollectError> {
    let mut seen = Seen::default();
    let passwd = host.read_redacted(PASSWD, "/etc/passwd", redact::second_field).await?;
    let passwd = passwd.required(&SPEC, PASSWD, Path::new("/etc/passwd"))?;
    seen.passwd = files::passwd(&passwd.content);

    match host.read_redacted(SHADOW, "/etc/shadow", redact::second_field).await? {
        File::Read(file) => seen.shadow = Some(files::shadow(&file.content)),
        File::Absent => {}
        File::Denied => seen.reasons.push(
            denied(SHADOW, "run as root or in the group that may read it").table("linux_account").columns(&[
                "password_state",
                "password_algorithm",
                "password_changed_on",
                "password_expires",
                "password_max_days",
                "expires_on",
                "expired",
            ]),
        ),
    }
    match host.read_redacted(GROUP, "/etc/group", redact::second_field).await? {
        File::Read(file) => seen.group = Some(files::group(&file.content)),
        File::Absent | File::Denied => {
            let reason = denied(GROUP, "every process normally may");
            seen.reasons.push(Reason { tables: vec!["linux_group".to_owned()], ..reason.clone() });
            seen.reasons.push(reason.table("linux_account").columns(&["groups", "is_admin"]));
        }
    }
    seen.sudo_rules = sudo_rules(host, &mut seen.reasons).await?;
    seen.keys = authorized_keys(host, &mut seen).await?;
    seen.keys_elsewhere = keys_elsewhere(host, &mut seen.reasons).await?;
    match host.read(LASTLOG, "/var/log/lastlog").await? {
        File::Read(file) => match files::lastlog(&file.content, started_at) {
            Ok(logins) => seen.last_logins = logins,
            Err(problem) => seen.reasons.push(
                Reason::new(ReasonCode::Malformed, format!("/var/log/lastlog: {problem}"))
                    .table("linux_account")
                    .columns(&["last_login_at"]),
            ),
        },
        // newer systems have no such file: the column is not reported, and nothing is missing that should be there
        File::Absent => {}
        File::Denied => seen.reasons.push(
            denied(LASTLOG, "run as root or in the group that may read it")
                .table("linux_account")
                .columns(&["last_login_at"]),
        ),
    }
    Ok(seen)
}

fn denied(operation: &str, mend: &str) -> Reason {
    Reason::new(ReasonCode::Denied, format!("{operation} was refused; {mend}"))
        .permission(&permission(&SPEC, operation))
}

/// Every sudo rule; none when a file that may hold more could not be read. No sudoers file means no rules.
async fn sudo_rules(host: &Host<'_>, reasons: &mut Vec<Reason>) -> Result<Option<Vec<Rule>>, CollectError> {
    let mut unseen = Vec::new();
    let mut rules = Vec::new();
    match host.read(SUDOERS, "/etc/sudoers").await? {
        File::Read(file) => rules.extend(sudoers::parse("/etc/sudoers", &file.content)),
        File::Absent => return Ok(Some(rules)),
        File::Denied => unseen.push(denied(SUDOERS, "run as root")),
    }
    let includes = |rule: &&Rule| matches!(&rule.kind, Kind::Include { path, folder: true } if is_sudoers_d(path));
    if !unseen.is_empty() || rules.iter().any(|rule| includes(&rule)) {
        match host.list(SUDOERS_D, "/etc/sudoers.d").await? {
            None => unseen.push(denied(SUDOERS_D, "run as root")),
            Some(names) => {
                // sudoers(5): names with a dot or a tilde at the end are skipped
                for name in names.iter().filter(|name| !name.contains(['.', '/']) && !name.ends_with('~')) {
                    let path = format!("/etc/sudoers.d/{name}");
                    match host.read(SUDOERS_D_FILE, &path).await? {
                        File::Read(file) => rules.extend(sudoers::parse(&path, &file.content)),
                        File::Absent => {}
                        File::Denied => unseen.push(denied(SUDOERS_D_FILE, "run as root")),
                    }
                }
            }
        }
    }
    for rule in &rules {
        if let Kind::Include { path, folder } = &rule.kind
            && !(*folder && is_sudoers_d(path))
        {
            let message = format!("{} line {} includes `{path}`, which is not read", rule.file, rule.line);
            unseen.push(Reason::new(ReasonCode::MemberFailed, message));
        }
    }
    let complete = unseen.is_empty();
    for reason in unseen {
        reasons.push(Reason { tables: vec!["linux_sudo_rule".to_owned()], ..reason.clone() });
        reasons.push(reason.table("linux_account").columns(&["is_admin"]));
    }
    // rules that were seen still prove who is an administrator; only who is not stays unknown
    if !complete && rules.is_empty() { Ok(None) } else { Ok(Some(rules)) }
}

fn is_sudoers_d(path: &str) -> bool {
    path.trim_end_matches('/') == "/etc/sudoers.d"
}

/// Whether sshd's configuration shows that nobody comes in but by a key in a home.
async fn keys_elsewhere(host: &Host<'_>, reasons: &mut Vec<Reason>) -> Result<Elsewhere, CollectError> {
    const FOLDER: &str = "/etc/ssh/sshd_config.d";
    let perhaps = |why: &str| Ok(Elsewhere::Perhaps(why.to_owned()));
    let mut refused = |operation: &str| {
        let reason = denied(operation, "run as root").table("linux_account");
        reasons.push(reason.columns(&["keys_only_at_home"]));
        Ok(Elsewhere::Perhaps(format!("{operation} was refused")))
    };
    if !host.tells("/etc/ssh/sshd_config") {
        return perhaps("the script on the host is an older one and does not read /etc/ssh/sshd_config");
    }
    let (includes, opening) = match host.read(SSHD, "/etc/ssh/sshd_config").await? {
        File::Read(file) => sshd::read("/etc/ssh/sshd_config", &file.content),
        File::Absent => return perhaps("there is no /etc/ssh/sshd_config"),
        File::Denied => return refused(SSHD),
    };
    match opening {
        Some(line) => return perhaps(&line),
        None if !includes => return Ok(Elsewhere::Nothing),
        None => {}
    }
    let Some(names) = host.list(SSHD_D, FOLDER).await? else { return refused(SSHD_D) };
    let is_included = |name: &&String| {
        Path::new(name).extension().is_some_and(|end| end == "conf") && !name.starts_with('.') && !name.contains('/')
    };
    for name in names.iter().filter(is_included) {
        let path = format!("{FOLDER}/{name}");
        match host.read(SSHD_D_FILE, &path).await? {
            File::Read(file) => {
                if let (_, Some(line)) = sshd::read(&path, &file.content) {
                    return perhaps(&line);
                }
            }
            File::Absent => {}
            File::Denied => return refused(SSHD_D_FILE),
        }
    }
    Ok(Elsewhere::Nothing)
}

/// The key files of every home, each home once.
async fn authorized_keys(host: &Host<'_>, seen: &mut Seen) -> Result<Vec<KeyFile>, CollectError> {
    let homes: BTreeSet<&str> = seen.passwd.entries.iter().map(|entry| entry.home.as_str()).collect();
    let mut found = Vec::new();
    for home in homes {
        for name in KEY_FILES {
            let file = format!("{}/{name}", home.trim_end_matches('/'));
            if !is_plain(&file) {
                // sshd does not look there either
                found.push(KeyFile { home: home.to_owned(), file, keys: Some(Vec::new()) });
                continue;
            }
            let keys = match host.read_redacted(AUTHORIZED_KEYS, &file, redact::authorized_keys).await? {
                File::Read(content) => Some(
                    String::from_utf8_lossy(&content.content)
                        .lines()
                        .enumerate()
                        .filter_map(|(index, line)| Some((index + 1, Key::from_line(line)?)))
                        .collect(),
                ),
                File::Absent => Some(Vec::new()),
                File::Denied => None,
            };
            found.push(KeyFile { home: home.to_owned(), file, keys });
        }
    }
    let unseen: Vec<&str> = found.iter().filter(|file| file.keys.is_none()).map(|file| file.file.as_str()).collect();
    if !unseen.is_empty() {
        let reason = denied(&format!("{AUTHORIZED_KEYS} ({})", unseen.join(", ")), "run as root")
            .permission(&permission(&SPEC, AUTHORIZED_KEYS));
        seen.reasons.push(reason.clone().table("linux_authorized_key"));
        seen.reasons.push(reason.table("linux_account").columns(&["authorized_keys"]));
    }
    Ok(found)
}
