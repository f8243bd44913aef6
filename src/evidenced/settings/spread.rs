//! One section for many AWS accounts: with `account_ids` and `role_name`, `[sources.aws]` stands for a source for each
//! account, `aws-123456789012`, that assumes the role there. Each has runs, snapshots and a completeness of its own.

use super::Source;
use super::fields::Fields;
use super::keys::{Absent, Key};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

const ACCOUNT: &str = "account_id";
const ACCOUNTS: &str = "account_ids";
const ROLE: &str = "role_name";

/// Whether these are the keys of a collector that reads one AWS account, and may stand for several.
pub(super) fn may_be(keys: &[Key]) -> bool {
    keys.iter().any(|key| key.name == ACCOUNTS)
}

/// The keys of the collector as this section is held to them: where it names many accounts, the one is not missing.
pub(super) fn keys(mut keys: Vec<Key>, section: &Value) -> Vec<Key> {
    if may_be(&keys) && section.get(ACCOUNTS).is_some() {
        for key in keys.iter_mut().filter(|key| key.name == ACCOUNT) {
            key.absent = Absent::Nothing;
        }
    }
    keys
}

/// The sources a section stands for: itself, or one for each account; none after a problem.
pub(super) fn spread(fields: &Fields<'_>, longest_name: usize, source: Source) -> Vec<Source> {
    if !fields.has(ACCOUNTS) {
        if fields.has(ROLE) {
            let message = format!("`{ROLE}` in {} is set, but `{ACCOUNTS}` is not", fields.label);
            fields.problem(ROLE, message, "list the accounts, or write the whole role as `role_arn`");
            return Vec::new();
        }
        return vec![source];
    }
    accounts(fields, longest_name, &source).unwrap_or_default()
}

fn accounts(fields: &Fields<'_>, longest_name: usize, source: &Source) -> Option<Vec<Source>> {
    let label = &fields.label;
    let refuse = |key: &str, message: String, help: &str| {
        fields.problem(key, message, help.to_owned());
        None
    };
    if let Some(other) = [ACCOUNT, "role_arn"].into_iter().find(|key| fields.has(key)) {
        let message = format!("{label} has both `{other}` and `{ACCOUNTS}`");
        return refuse(other, message, "one account, or many: take one of them out");
    }
    let Some(role) = source.settings[ROLE].as_str() else {
        let message = format!("{label} has `{ACCOUNTS}`, but no `{ROLE}`");
        return refuse(
            ACCOUNTS,
            message,
            "add the name of the role that is assumed in each: `role_name = \"evidenced-reader\"`",
        );
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c);
    if role.starts_with('/') || role.ends_with('/') || !role.chars().all(plain) {
        let message = format!("`{ROLE}` in {label} is no name of a role: `{role}`");
        return refuse(
            ROLE,
            message,
            "write it without the account: `evidenced-reader`, or with its path `audit/evidenced-reader`",
        );
    }
    let ids: Vec<&str> = source.settings[ACCOUNTS].as_array()?.iter().filter_map(Value::as_str).collect();
    if ids.is_empty() {
        return refuse(ACCOUNTS, format!("`{ACCOUNTS}` in {label} is empty"), "name at least one account");
    }
    let mut seen = BTreeSet::new();
    for id in &ids {
        if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
            let message = format!("`{ACCOUNTS}` in {label} holds `{id}`, which is no AWS account number");
            return refuse(ACCOUNTS, message, "write the twelve digits of each as text: `\"123456789012\"`");
        }
        if !seen.insert(id) {
            return refuse(ACCOUNTS, format!("`{ACCOUNTS}` in {label} names {id} twice"), "take one of them out");
        }
    }
    if source.name.len() + 1 + 12 > longest_name {
        let message =
            format!("`{}` with an account number behind it is too long for the name of a source", source.name);
        return refuse(ACCOUNTS, message, "give the section a shorter name");
    }
    Some(ids.iter().map(|id| one(source, id, role)).collect())
}

fn one(source: &Source, id: &str, role: &str) -> Source {
    let partition = match source.settings["region"].as_str().unwrap_or_default() {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    let mut settings: Map<String, Value> = source.settings.as_object().cloned().unwrap_or_default();
    settings.remove(ACCOUNTS);
    settings.remove(ROLE);
    settings.insert(ACCOUNT.to_owned(), id.into());
    settings.insert("role_arn".to_owned(), format!("arn:{partition}:iam::{id}:role/{role}").into());
    Source { name: format!("{}-{id}", source.name), settings: Value::Object(settings), ..source.clone() }
}
