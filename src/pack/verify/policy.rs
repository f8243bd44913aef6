//! What whoever verifies demands of a log beyond its own signature: a small file of theirs, in TOML or JSON.
//!
//! Unknown keys are refused: a demand that is misspelt would otherwise be no demand.

use crate::error::VerifyError;
use jiff::SignedDuration;
use ledger::VerifierKey;
use ledger::key::KeyKind;
use ledger::timestamp::{Roots, is_authority_name};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Largest policy file.
pub(crate) const MAX_POLICY: u64 = 1024 * 1024;

/// What is demanded.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Others who must have seen the log.
    pub witnesses: Option<WitnessRule>,
    /// Clocks that must have stamped it.
    pub timestamps: Option<TimestampRule>,
}

/// Which timestamp authorities must have stamped the log, and how often.
#[derive(Debug, Clone)]
pub struct TimestampRule {
    /// Those that are trusted, with the roots their tokens must lead up to.
    pub authorities: BTreeMap<String, Roots>,
    /// How many of them must have stamped, without too great a gap.
    pub required: usize,
    /// The longest time without a token.
    pub max_gap: Option<SignedDuration>,
}

/// Which witnesses must have cosigned the checkpoint.
#[derive(Debug, Clone)]
pub struct WitnessRule {
    /// Those that are trusted, by their keys.
    pub keys: Vec<VerifierKey>,
    /// How many of them must have cosigned.
    pub required: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    witnesses: Option<WitnessTable>,
    timestamps: Option<TimestampTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TimestampTable {
    authorities: Vec<AuthorityTable>,
    required: Option<usize>,
    max_gap: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthorityTable {
    name: String,
    roots: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WitnessTable {
    keys: Vec<String>,
    required: Option<usize>,
}

impl Policy {
    /// Reads a policy: JSON where it begins with a brace, TOML otherwise. Files of roots are named relative to `folder`.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, VerifyError> {
        let wrong = |problem: String| VerifyError::Option { what: "the policy", problem };
        let file: File = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?
        } else {
            toml::from_str(text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?
        };
        let witnesses = file.witnesses.map(|table| table.rule().map_err(wrong)).transpose()?;
        let timestamps = file.timestamps.map(|table| table.rule(folder).map_err(wrong)).transpose()?;
        Ok(Self { witnesses, timestamps })
    }
}

impl WitnessTable {
    fn rule(self) -> Result<WitnessRule, String> {
        let mut keys: Vec<VerifierKey> = Vec::new();
        for text in &self.keys {
            let key: VerifierKey = text.parse().map_err(|error| format!("witnesses.keys: `{text}`: {error}"))?;
            if key.kind() != KeyKind::Witness {
                return Err(format!("witnesses.keys: `{text}` is a log's key, not a witness's"));
            }
            if keys.contains(&key) {
                return Err(format!("witnesses.keys: `{text}` comes twice"));
            }
            keys.push(key);
        }
        let required = self.required.unwrap_or(keys.len());
        if required == 0 || required > keys.len() {
            return Err(format!("witnesses.required is {required}, and {} keys are given", keys.len()));
        }
        Ok(WitnessRule { keys, required })
    }
}

impl TimestampTable {
    fn rule(self, folder: &Path) -> Result<TimestampRule, String> {
        let mut authorities = BTreeMap::new();
        for AuthorityTable { name, roots } in self.authorities {
            if !is_authority_name(&name) {
                return Err(format!("timestamps.authorities: `{name}` is no name of an authority's files"));
            }
            let file = folder.join(&roots);
            let wrong = |problem: String| {
                format!("timestamps.authorities: the roots of `{name}`, {}: {problem}", file.display())
            };
            let pem = super::report::read_text("the policy", &file).map_err(|error| wrong(error.to_string()))?;
            let roots = Roots::from_pem(&pem).map_err(|error| wrong(error.to_string()))?;
            if authorities.insert(name.clone(), roots).is_some() {
                return Err(format!("timestamps.authorities: `{name}` comes twice"));
            }
        }
        let required = self.required.unwrap_or(authorities.len());
        if required == 0 || required > authorities.len() {
            return Err(format!("timestamps.required is {required}, and {} authorities are given", authorities.len()));
        }
        let max_gap = self.max_gap.map(|text| duration(&text)).transpose()?;
        Ok(TimestampRule { authorities, required, max_gap })
    }
}

fn duration(text: &str) -> Result<SignedDuration, String> {
    let gap: SignedDuration = text
        .parse()
        .map_err(|error| format!("timestamps.max_gap: `{text}` is no length of time such as `24h`: {error}"))?;
    if gap.is_positive() { Ok(gap) } else { Err(format!("timestamps.max_gap: `{text}` is not more than nothing")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "witness.example/w1+df1c0a35+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU";
    const LOG: &str = "evidenced.example/demo+91c2ff88+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";

    #[test]
    fn both_forms_say_the_same() {
        for text in [
            format!("[witnesses]\nkeys = [\"{KEY}\"]\nrequired = 1\n"),
            format!(" {{\"witnesses\":{{\"keys\":[\"{KEY}\"]}}}}"),
        ] {
            let rule = Policy::parse(&text, Path::new(".")).unwrap().witnesses.unwrap();
            assert_eq!((rule.keys[0].name(), rule.required), ("witness.example/w1", 1));
        }
        assert!(Policy::parse("", Path::new(".")).unwrap().witnesses.is_none());
    }

    #[test]
    fn a_demand_that_is_not_understood_is_no_policy() {
        for text in [
            "witness = 1".to_owned(),
            "[witnesses]\nkeys = []\n".to_owned(),
            format!("[witnesses]\nkeys = [\"{KEY}\"]\nrequire = 1\n"),
            format!("[witnesses]\nkeys = [\"{KEY}\"]\nrequired = 2\n"),
            format!("[witnesses]\nkeys = [\"{KEY}\"]\nrequired = 0\n"),
            format!("[witnesses]\nkeys = [\"{KEY}\", \"{KEY}\"]\n"),
            format!("[witnesses]\nkeys = [\"{LOG}\"]\n"),
            "{\"witnesses\":1}".to_owned(),
            "[timestamps]\nauthorities = []\n".to_owned(),
            "[timestamps]\nauthorities = [{ name = \"a\", roots = \"absent.pem\" }]\n".to_owned(),
            "[timestamps]\nauthorities = [{ name = \"../a\", roots = \"absent.pem\" }]\n".to_owned(),
            "{".repeat(100_000),
            "[".repeat(100_000),
        ] {
            assert!(matches!(Policy::parse(&text, Path::new(".")), Err(VerifyError::Option { .. })), "{text:.80}");
        }
    }
}
