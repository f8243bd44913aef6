//! What whoever verifies demands of a log beyond its own signature: a small file of theirs, in TOML or JSON.
//!
//! Unknown keys are refused: a demand that is misspelt would otherwise be no demand.

use crate::error::VerifyError;
use ledger::VerifierKey;
use ledger::key::KeyKind;
use serde::Deserialize;

/// Largest policy file.
pub(crate) const MAX_POLICY: u64 = 1024 * 1024;

/// What is demanded.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Others who must have seen the log.
    pub witnesses: Option<WitnessRule>,
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
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WitnessTable {
    keys: Vec<String>,
    required: Option<usize>,
}

impl Policy {
    /// Reads a policy: JSON where it begins with a brace, TOML otherwise.
    pub fn parse(text: &str) -> Result<Self, VerifyError> {
        let wrong = |problem: String| VerifyError::Option { what: "the policy", problem };
        let file: File = if text.trim_start().starts_with('{') {
            serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?
        } else {
            toml::from_str(text).map_err(|error| wrong(error.to_string().trim_end().to_owned()))?
        };
        let witnesses = file.witnesses.map(|table| table.rule().map_err(wrong)).transpose()?;
        Ok(Self { witnesses })
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
            let rule = Policy::parse(&text).unwrap().witnesses.unwrap();
            assert_eq!((rule.keys[0].name(), rule.required), ("witness.example/w1", 1));
        }
        assert!(Policy::parse("").unwrap().witnesses.is_none());
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
            "{".repeat(100_000),
            "[".repeat(100_000),
        ] {
            assert!(matches!(Policy::parse(&text), Err(VerifyError::Option { .. })), "{text:.80}");
        }
    }
}
