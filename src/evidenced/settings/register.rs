//! `[[accounts]]` and `[[links]]`: what people know of accounts and no source tells.

use super::fields::{Fields, Reading};
use super::keys::{ACCOUNT, LINK};
use super::suggest::did_you_mean;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;

/// An entry of the account register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegisteredAccount {
    /// `source:login`; `*` stands for any characters.
    pub(crate) account: String,
    /// What it is.
    pub(crate) kind: Option<String>,
    /// Who answers for it.
    pub(crate) owner: Option<String>,
    /// What it is for.
    pub(crate) purpose: Option<String>,
    /// Why it may be an administrator, or exist against the rule.
    pub(crate) justification: Option<String>,
    /// Who approved that.
    pub(crate) approved_by: Option<String>,
    /// First instant the justification no longer holds; none: no end.
    pub(crate) valid_to: Option<Timestamp>,
    /// When break-glass access was last tried.
    pub(crate) tested_at: Option<Timestamp>,
}

/// An identity link that a person approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApprovedLink {
    /// `source:login`.
    pub(crate) account: String,
    /// `source:employee_id`.
    pub(crate) person: String,
    /// Who approved it.
    pub(crate) approved_by: String,
    /// First instant it holds; none: always did.
    pub(crate) valid_from: Option<Timestamp>,
    /// First instant it no longer holds; none: no end.
    pub(crate) valid_to: Option<Timestamp>,
}

impl From<&RegisteredAccount> for evaluate::RegisteredAccount {
    fn from(account: &RegisteredAccount) -> Self {
        Self {
            pattern: account.account.clone(),
            kind: account.kind.clone(),
            owner: account.owner.clone(),
            purpose: account.purpose.clone(),
            justification: account.justification.clone(),
            approved_by: account.approved_by.clone(),
            valid_to: account.valid_to,
            tested_at: account.tested_at,
        }
    }
}

impl From<&ApprovedLink> for evaluate::ApprovedLink {
    fn from(link: &ApprovedLink) -> Self {
        Self {
            account_key: link.account.clone(),
            person_key: link.person.clone(),
            approved_by: link.approved_by.clone(),
            valid_from: link.valid_from,
            valid_to: link.valid_to,
        }
    }
}

/// The items of a `[[name]]` section; the name may have dots.
pub(super) fn items<'a>(reading: &'a Reading<'a>, value: Option<&'a Value>, name: &str) -> Vec<(usize, &'a Value)> {
    match value {
        None => Vec::new(),
        Some(Value::Array(items)) => items.iter().enumerate().collect(),
        Some(_) => {
            reading.problem(
                reading.layers.key_place(&path_of(name)),
                format!("`{name}` is not a list of sections"),
                format!("write each entry under a line `[[{name}]]`"),
            );
            Vec::new()
        }
    }
}

fn path_of(name: &str) -> Vec<String> {
    name.split('.').map(str::to_owned).collect()
}

/// Opens one of them; keys it does not have are problems.
pub(super) fn open<'a>(
    reading: &'a Reading<'a>,
    name: &str,
    index: usize,
    value: &'a Value,
    keys: &[super::keys::Key],
) -> Fields<'a> {
    let path = [path_of(name).as_slice(), &[index.to_string()]].concat();
    let fields = Fields::open(reading, Some(value), path, format!("[[{name}]] entry {}", index + 1), keys.to_vec());
    fields.refuse_unknown(&[]);
    fields
}

/// A key of the form `source:rest`, whose source is configured.
fn qualified(fields: &Fields<'_>, name: &str, sources: &[&str], rest: &str) -> Option<String> {
    let text = fields.text(name)?;
    let Some((source, inner)) = text.split_once(':').filter(|(_, inner)| !inner.is_empty()) else {
        fields.problem(
            name,
            format!("`{name}` is `{text}`, without a source"),
            format!("write it like `SOURCE:{rest}`"),
        );
        return None;
    };
    let pattern = source.contains('*') || inner.is_empty();
    if !pattern && !sources.contains(&source) {
        fields.problem(
            name,
            format!("`{text}` names the source `{source}`, which is not configured"),
            did_you_mean(source, sources.iter().copied()),
        );
        return None;
    }
    Some(text)
}

/// `[[accounts]]`
pub(super) fn accounts<'a>(
    reading: &'a Reading<'a>,
    value: Option<&'a Value>,
    sources: &[&str],
    zone: &TimeZone,
) -> Vec<RegisteredAccount> {
    let mut accounts: Vec<RegisteredAccount> = Vec::new();
    for (index, value) in items(reading, value, "accounts") {
        let fields = open(reading, "accounts", index, value, ACCOUNT);
        let account = qualified(&fields, "account", sources, "LOGIN");
        let (kind, owner, purpose) = (fields.word("kind"), fields.text("owner"), fields.text("purpose"));
        let (justification, approved_by) = (fields.text("justification"), fields.text("approved_by"));
        let valid_to = fields.instant("valid_to", zone, true);
        let tested_at = fields.instant("tested_at", zone, false);
        let Some(account) = account else { continue };
        if accounts.iter().any(|known| known.account == account) {
            fields.problem("account", format!("`{account}` is registered twice"), "keep one of the two entries");
        }
        accounts.push(RegisteredAccount {
            account,
            kind,
            owner,
            purpose,
            justification,
            approved_by,
            valid_to,
            tested_at,
        });
    }
    accounts
}

/// `[[links]]`
pub(super) fn links<'a>(
    reading: &'a Reading<'a>,
    value: Option<&'a Value>,
    sources: &[&str],
    zone: &TimeZone,
) -> Vec<ApprovedLink> {
    let mut links: Vec<ApprovedLink> = Vec::new();
    for (index, value) in items(reading, value, "links") {
        let fields = open(reading, "links", index, value, LINK);
        let account = qualified(&fields, "account", sources, "LOGIN");
        let person = qualified(&fields, "person", sources, "EMPLOYEE_ID");
        let approved_by = fields.text("approved_by");
        let valid_from = fields.instant("valid_from", zone, false);
        let valid_to = fields.instant("valid_to", zone, true);
        if let (Some(from), Some(to)) = (valid_from, valid_to)
            && from >= to
        {
            fields.problem("valid_to", "the link ends before it begins", "swap `valid_from` and `valid_to`");
        }
        let (Some(account), Some(person), Some(approved_by)) = (account, person, approved_by) else { continue };
        let link = ApprovedLink { account, person, approved_by, valid_from, valid_to };
        if let Some(other) = links.iter().find(|known| known.account == link.account && overlap(known, &link)) {
            fields.problem(
                "account",
                format!("`{}` is linked to `{}` and to `{}` at the same time", link.account, other.person, link.person),
                "end the first link with `valid_to`, or keep one of the two",
            );
        }
        links.push(link);
    }
    links
}

fn overlap(one: &ApprovedLink, other: &ApprovedLink) -> bool {
    let begins_before = |from: Option<Timestamp>, to: Option<Timestamp>| match (from, to) {
        (Some(from), Some(to)) => from < to,
        _ => true,
    };
    begins_before(one.valid_from, other.valid_to) && begins_before(other.valid_from, one.valid_to)
}
