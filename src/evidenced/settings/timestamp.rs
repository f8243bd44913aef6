//! `[[log.timestamp]]`: the authorities whose word on the time is asked for.

use super::fields::{Fields, Reading};
use super::keys::TIMESTAMP;
use super::register::{items, open};
use ledger::timestamp::{Roots, is_authority_name};
use serde_json::Value;
use std::path::PathBuf;
use url::Url;

/// An RFC 3161 authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authority {
    /// Its name in entries and file names.
    pub(crate) name: String,
    /// Where it is asked.
    pub(crate) url: Url,
    /// The PEM file of its roots.
    pub(crate) roots_file: PathBuf,
    /// What its signer has to lead up to.
    pub(crate) roots: Roots,
}

/// A bundle of certificates is smaller.
const LARGEST_PEM_BYTES: u64 = 4 * 1024 * 1024;

/// Reads every `[[log.timestamp]]`.
pub(super) fn authorities<'a>(reading: &'a Reading<'a>, value: Option<&'a Value>) -> Vec<Authority> {
    const NAME: &str = "log.timestamp";
    let mut authorities: Vec<Authority> = Vec::new();
    for (index, value) in items(reading, value, NAME) {
        let fields = open(reading, NAME, index, value, TIMESTAMP);
        let Some(authority) = authority(&fields) else { continue };
        if authorities.iter().any(|known| known.name == authority.name) {
            let key = if fields.has("name") { "name" } else { "url" };
            fields.problem(
                key,
                format!("two authorities are called `{}`", authority.name),
                "give one of them another `name`",
            );
        }
        authorities.push(authority);
    }
    authorities
}

fn authority(fields: &Fields<'_>) -> Option<Authority> {
    let url = fields.url("url").and_then(|text| Url::parse(&text).ok());
    let roots = roots(fields);
    let given = fields.text("name");
    let name = match (given, &url) {
        (Some(name), _) => Some(("name", name)),
        (None, Some(url)) => url.host_str().map(|host| ("url", host.to_owned())),
        (None, None) => None,
    };
    let name = name.filter(|(key, name)| {
        let good = is_authority_name(name);
        if !good {
            fields.problem(
                key,
                format!("`{name}` cannot name an authority: it becomes the name of a file"),
                "write `name = \"…\"` with small letters, digits, `.`, `-` and `_`, at most 64 of them",
            );
        }
        good
    });
    let (roots_file, roots) = roots?;
    Some(Authority { name: name?.1, url: url?, roots_file, roots })
}

fn roots(fields: &Fields<'_>) -> Option<(PathBuf, Roots)> {
    let path = fields.reading.absolute(&fields.text("roots")?);
    let read = std::fs::metadata(&path).and_then(|metadata| {
        if metadata.len() > LARGEST_PEM_BYTES {
            return Err(std::io::Error::other("it is larger than any file of certificates"));
        }
        std::fs::read_to_string(&path)
    });
    let problem = match read.map(|pem| Roots::from_pem(&pem)) {
        Ok(Ok(roots)) => return Some((path, roots)),
        Ok(Err(error)) => error.to_string(),
        Err(error) => error.to_string(),
    };
    fields.problem(
        "roots",
        format!("`roots` in {}: {}: {problem}", fields.label, path.display()),
        "put the authority's root certificate there as PEM, from the authority itself",
    );
    None
}
