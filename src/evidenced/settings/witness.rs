//! `[[log.witness]]`: who is asked to cosign the log.

use super::fields::{Fields, Reading};
use super::keys::WITNESS;
use super::register::{items, open};
use ledger::{KeyKind, VerifierKey};
use serde_json::Value;
use url::Url;

/// A witness of C2SP tlog-witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Witness {
    /// Its submission prefix.
    pub(crate) url: Url,
    /// What it cosigns with; its name is the witness's.
    pub(crate) key: VerifierKey,
}

impl Witness {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.key.name()
    }
}

/// Reads every `[[log.witness]]`.
pub(super) fn witnesses<'a>(reading: &'a Reading<'a>, value: Option<&'a Value>) -> Vec<Witness> {
    const NAME: &str = "log.witness";
    let mut witnesses: Vec<Witness> = Vec::new();
    for (index, value) in items(reading, value, NAME) {
        let fields = open(reading, NAME, index, value, WITNESS);
        let Some(witness) = witness(&fields) else { continue };
        if witnesses.iter().any(|known| known.name() == witness.name()) {
            let name = witness.name();
            fields.problem("name", format!("two witnesses are called `{name}`"), "keep one of the two entries");
        }
        witnesses.push(witness);
    }
    witnesses
}

fn witness(fields: &Fields<'_>) -> Option<Witness> {
    const MEND: &str = "copy the whole line `name+hex+base64` from whoever runs the witness";
    let url = fields.url("url").and_then(|text| Url::parse(&text).ok());
    let name = fields.text("name");
    let key = fields.text("key").and_then(|text| match text.parse::<VerifierKey>() {
        Ok(key) if key.kind() == KeyKind::Witness => Some(key),
        Ok(_) => {
            fields.problem(
                "key",
                format!("`key` in {} is a log's key (type 01), not a witness's (type 04)", fields.label),
                MEND,
            );
            None
        }
        Err(error) => {
            fields.problem("key", format!("`key` in {}: {error}", fields.label), MEND);
            None
        }
    });
    let (name, key) = (name?, key?);
    if name != key.name() {
        fields.problem(
            "name",
            format!("the witness is called `{name}` here and `{}` in its key", key.name()),
            format!("write `name = \"{}\"`, or the key of the witness that is meant", key.name()),
        );
        return None;
    }
    Some(Witness { url: url?, key })
}
