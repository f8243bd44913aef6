//! From what the files say to tables. Pure: what was not seen stays *not reported*.

use crate::linux_accounts::files::{GroupEntry, Parsed, PasswdEntry, ShadowEntry, is_login_shell, password_state};
use crate::linux_accounts::keys::Key;
use crate::linux_accounts::sudoers::{Kind, Resolved, Rule};
use crate::provider::rows::{push, row, table};
use jiff::Timestamp;
use model::collector::CollectorSpec;
use model::{CollectError, Completeness, Count, Observation, Reason, ReasonCode};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// Groups whose members administer the host by the custom of the common distributions.
const ADMIN_GROUPS: &[&str] = &["sudo", "wheel", "admin"];

/// One key file of one home; `keys` is none when it could not be read.
pub(super) struct KeyFile {
    pub(super) home: String,
    pub(super) file: String,
    pub(super) keys: Option<Vec<(usize, Key)>>,
}

/// Whether something that is in no home lets somebody in over SSH.
pub(super) enum Elsewhere {
    /// sshd's configuration shows that nothing does.
    Nothing,
    /// Why that cannot be shown.
    Perhaps(String),
}

impl Default for Elsewhere {
    fn default() -> Self {
        Self::Perhaps("it was not looked at".to_owned())
    }
}

/// Everything read.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) passwd: Parsed<PasswdEntry>,
    pub(super) shadow: Option<Parsed<ShadowEntry>>,
    pub(super) group: Option<Parsed<GroupEntry>>,
    /// None when who may use sudo could not be seen.
    pub(super) sudo_rules: Option<Vec<Rule>>,
    pub(super) keys: Vec<KeyFile>,
    pub(super) keys_elsewhere: Elsewhere,
    pub(super) last_logins: BTreeMap<u32, Timestamp>,
    pub(super) started_at: Timestamp,
    pub(super) reasons: Vec<Reason>,
}

pub(super) fn observe(spec: &CollectorSpec, mut seen: Seen) -> Result<Observation, CollectError> {
    let mut reasons = std::mem::take(&mut seen.reasons);
    reasons.extend(problems("/etc/passwd", &seen.passwd.problems, "linux_account"));
    if let Some(shadow) = &seen.shadow {
        reasons.extend(problems("/etc/shadow", &shadow.problems, "linux_account"));
    }
    if let Some(group) = &seen.group {
        reasons.extend(problems("/etc/group", &group.problems, "linux_group"));
    }
    reasons.extend(names_differ(&seen, &reasons));

    let resolved = Resolved::new(seen.sudo_rules.iter().flatten());
    let mut accounts = table(spec, "linux_account");
    for entry in &seen.passwd.entries {
        push(&mut accounts, account(&seen, entry, &resolved, &reasons))?;
    }
    let mut groups = table(spec, "linux_group");
    for group in seen.group.iter().flat_map(|group| &group.entries) {
        let primary = seen.passwd.entries.iter().filter(|entry| entry.gid == group.gid).map(|entry| &entry.name);
        let members: BTreeSet<&String> = group.members.iter().chain(primary).collect();
        push(&mut groups, row(json!({ "name": group.name, "gid": group.gid, "members": members })))?;
    }
    let mut rules = table(spec, "linux_sudo_rule");
    for rule in seen.sudo_rules.iter().flatten() {
        let (subjects, grants_all) = match &rule.kind {
            Kind::UserSpec { subjects, .. } => (json!(resolved.subjects(subjects)), json!(resolved.grants_all(rule))),
            _ => (json!(null), json!(null)),
        };
        let cells = json!({
            "file": rule.file, "line": rule.line, "text": rule.text, "kind": rule.kind.as_str(),
            "subjects": subjects, "grants_all": grants_all,
        });
        push(&mut rules, row(cells))?;
    }
    let mut keys = table(spec, "linux_authorized_key");
    for entry in &seen.passwd.entries {
        for file in seen.keys.iter().filter(|file| file.home == entry.home) {
            for (line, key) in file.keys.iter().flatten() {
                let cells = json!({
                    "account": entry.name, "file": file.file, "line": line, "key_type": key.algorithm,
                    "fingerprint": key.fingerprint, "comment": key.comment, "restricted": key.restricted,
                });
                push(&mut keys, row(cells))?;
            }
        }
    }

    let basis = match &seen.shadow {
        Some(_) => format!(
            "every one of the {} lines of /etc/passwd is an account, and /etc/shadow names the same",
            seen.passwd.lines
        ),
        None => format!(
            "every one of the {} lines of /etc/passwd is an account; there is no /etc/shadow",
            seen.passwd.lines
        ),
    };
    let declared = seen.shadow.as_ref().map(|shadow| shadow.lines as u64);
    let counts = vec![Count {
        table: "linux_account".to_owned(),
        counted: seen.passwd.entries.len() as u64,
        declared,
        declared_by: declared.map(|_| "lines of /etc/shadow".to_owned()),
    }];
    let mut observation = Observation {
        tables: vec![accounts, groups, rules, keys],
        completeness: Completeness::from_reasons(basis, reasons),
        counts,
        caller: None,
        observed_at: Some(seen.started_at),
        redactions: Vec::new(),
    };
    observation.settle();
    Ok(observation)
}

fn problems(file: &str, problems: &[(usize, String)], table: &str) -> Vec<Reason> {
    problems
        .iter()
        .map(|(line, problem)| {
            Reason::new(ReasonCode::RowRejected, format!("{file} line {line} {problem}")).table(table)
        })
        .collect()
}

/// Accounts that only one of the two files knows. An account without a shadow line, or the other way round, is a
/// broken or half-edited pair of files.
fn names_differ(seen: &Seen, reasons: &[Reason]) -> Option<Reason> {
    let refers = |entry: &&PasswdEntry| entry.password == "x";
    let Some(shadow) = &seen.shadow else {
        let denied = reasons.iter().any(|reason| reason.columns.iter().any(|column| column == "password_state"));
        let orphan = seen.passwd.entries.iter().find(refers).filter(|_| !denied)?;
        let message = format!("/etc/passwd refers to /etc/shadow for `{}`, but there is none", orphan.name);
        return Some(Reason::new(ReasonCode::CountsDisagree, message).table("linux_account"));
    };
    let in_passwd: BTreeSet<&str> = seen.passwd.entries.iter().map(|entry| entry.name.as_str()).collect();
    let expected: BTreeSet<&str> = seen.passwd.entries.iter().filter(refers).map(|entry| entry.name.as_str()).collect();
    let in_shadow: BTreeSet<&str> = shadow.entries.iter().map(|entry| entry.name.as_str()).collect();
    let differing: Vec<&str> =
        expected.difference(&in_shadow).chain(in_shadow.difference(&in_passwd)).copied().take(5).collect();
    if differing.is_empty() {
        return None;
    }
    let message = format!("/etc/passwd and /etc/shadow do not name the same accounts: {}", differing.join(", "));
    Some(Reason::new(ReasonCode::CountsDisagree, message).table("linux_account"))
}

fn account(seen: &Seen, entry: &PasswdEntry, resolved: &Resolved, reasons: &[Reason]) -> model::Row {
    let shadow = seen.shadow.iter().flat_map(|shadow| &shadow.entries).find(|shadow| shadow.name == entry.name);
    let password = match (entry.password.as_str(), shadow) {
        ("x", Some(shadow)) => Some(password_state(&shadow.password)),
        ("x", None) => None,
        (own, _) => Some(password_state(own)),
    };
    // only a password that is kept in shadow can have an age
    let max_days = match (entry.password.as_str(), shadow) {
        ("x", Some(shadow)) => Some(shadow.max_days),
        ("x", None) => None,
        _ => Some(None),
    };
    let expires_on = shadow.and_then(|shadow| shadow.expires_on);
    let today = seen.started_at.to_zoned(jiff::tz::TimeZone::UTC).date();
    let expired = shadow.map(|_| expires_on.is_some_and(|day| day <= today));
    let groups = seen.group.as_ref().map(|group| groups_of(entry, &group.entries));
    let keys = seen.keys.iter().filter(|file| file.home == entry.home);
    let authorized_keys = keys.map(|file| file.keys.as_ref().map(Vec::len)).sum::<Option<usize>>();
    let unsure = reasons.iter().any(|reason| reason.columns.iter().any(|column| column == "is_admin"));
    row(json!({
        "name": entry.name,
        "uid": entry.uid,
        "gid": entry.gid,
        "full_name": entry.full_name,
        "home": entry.home,
        "shell": entry.shell,
        "login_shell": is_login_shell(&entry.shell),
        "password_state": password.as_ref().map(|password| password.state),
        "password_algorithm": password.as_ref().and_then(|password| password.algorithm.clone()),
        "password_changed_on": shadow.and_then(|shadow| shadow.changed_on),
        "password_expires": max_days.map(|days| days.is_some()),
        "password_max_days": max_days.flatten(),
        "expires_on": expires_on,
        "expired": expired,
        "groups": groups,
        "authorized_keys": authorized_keys,
        "keys_only_at_home": matches!(seen.keys_elsewhere, Elsewhere::Nothing).then_some(true),
        "keys_elsewhere": match &seen.keys_elsewhere {
            Elsewhere::Nothing => None,
            Elsewhere::Perhaps(why) => Some(why),
        },
        "is_admin": is_admin(entry, groups.as_ref(), seen.sudo_rules.as_deref(), resolved, unsure),
        "last_login_at": seen.last_logins.get(&entry.uid).copied().map(model::time::seconds_text),
    }))
}

fn groups_of(entry: &PasswdEntry, groups: &[GroupEntry]) -> BTreeSet<String> {
    groups
        .iter()
        .filter(|group| group.gid == entry.gid || group.members.contains(&entry.name))
        .map(|group| group.name.clone())
        .collect()
}

/// True when anything seen says so; false only when everything that could say so was seen.
fn is_admin(
    entry: &PasswdEntry,
    groups: Option<&BTreeSet<String>>,
    rules: Option<&[Rule]>,
    resolved: &Resolved,
    unsure: bool,
) -> Option<bool> {
    let by_group = groups.is_some_and(|groups| ADMIN_GROUPS.iter().any(|name| groups.contains(*name)));
    let named = |subject: &String| {
        *subject == entry.name
            || *subject == "ALL"
            || *subject == format!("#{}", entry.uid)
            || subject.strip_prefix('%').is_some_and(|group| groups.is_some_and(|groups| groups.contains(group)))
    };
    let by_rule = rules.unwrap_or_default().iter().any(|rule| match &rule.kind {
        Kind::UserSpec { subjects, .. } => resolved.grants_all(rule) && resolved.subjects(subjects).iter().any(named),
        _ => false,
    });
    if entry.uid == 0 || by_group || by_rule {
        Some(true)
    } else {
        (!unsure && groups.is_some() && rules.is_some()).then_some(false)
    }
}
