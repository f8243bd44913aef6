//! The word about a file, in `<file>.evidence.toml` beside it: who, what, when, for which controls.

use serde::{Deserialize, Deserializer};

/// What the name of the word about a file ends with.
pub(super) const SUFFIX: &str = ".evidence.toml";

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Word {
    /// Who left it or answers for it.
    pub(super) who: String,
    /// What it is.
    pub(super) what: String,
    /// The day it was made, approved or taken.
    #[serde(deserialize_with = "day")]
    pub(super) when: jiff::civil::Date,
    /// The controls it is for.
    #[serde(default)]
    pub(super) controls: Vec<String>,
    /// SHA-256 that its bytes must have.
    #[serde(default)]
    pub(super) sha256: Option<String>,
    #[serde(default)]
    pub(super) note: Option<String>,
}

impl Word {
    /// Reads it; an error says what is wrong with it.
    pub(super) fn parse(content: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(content).map_err(|_| "is not UTF-8".to_owned())?;
        let word: Self = toml::from_str(text).map_err(|error| format!("cannot be read: {}", error.message()))?;
        for (name, text) in [("who", &word.who), ("what", &word.what)] {
            if text.trim().is_empty() {
                return Err(format!("says nothing under `{name}`"));
            }
        }
        Ok(word)
    }
}

/// A TOML date, or a text that is one.
fn day<'de, D: Deserializer<'de>>(deserializer: D) -> Result<jiff::civil::Date, D::Error> {
    let text = match toml::Value::deserialize(deserializer)? {
        toml::Value::Datetime(instant) => instant.to_string(),
        toml::Value::String(text) => text,
        _ => String::new(),
    };
    let day = text.parse().ok().filter(|_| text.len() == 10);
    day.ok_or_else(|| serde::de::Error::custom("`when` is no date like `2026-01-31`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_what_and_when_are_needed_and_nothing_else_is_known() {
        let good = "who = \"Grace\"\nwhat = \"Policy\"\nwhen = 2026-01-15\ncontrols = [\"iso27001:2022/A.5.1\"]\n";
        let word = Word::parse(good.as_bytes()).unwrap();
        assert_eq!((word.who.as_str(), word.when.to_string().as_str()), ("Grace", "2026-01-15"));
        assert_eq!(Word::parse(good.replace("2026-01-15", "\"2026-01-15\"").as_bytes()).unwrap(), word);
        for (from, to) in [
            ("who", "whom"),
            ("\"Grace\"", "\" \""),
            ("2026-01-15", "2026-01-15T00:00:00Z"),
            ("2026-01-15", "\"January\""),
            ("2026-01-15", "15"),
            ("what = \"Policy\"\n", ""),
        ] {
            assert!(Word::parse(good.replace(from, to).as_bytes()).is_err(), "{from} {to}");
        }
        assert!(Word::parse(&[0xff]).is_err());
    }
}
