//! The word about a file, in `<file>.evidence.toml` beside it: who, what, when, for which controls.

use model::Timestamp;
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

    /// The first instant of the day that `when` names.
    pub(super) fn made_at(&self) -> Option<Timestamp> {
        jiff::tz::Offset::UTC.to_timestamp(self.when.at(0, 0, 0, 0)).ok()
    }

    /// Whether at `now` the day has begun nowhere on earth.
    pub(super) fn is_ahead_of(&self, now: Timestamp) -> bool {
        let first = jiff::tz::offset(14).to_timestamp(self.when.at(0, 0, 0, 0));
        first.is_ok_and(|first| first > now)
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

    #[test]
    fn a_day_is_ahead_until_it_begins_somewhere_on_earth() {
        let word = Word::parse(b"who = \"Grace\"\nwhat = \"Policy\"\nwhen = 2026-01-15\n").unwrap();
        assert!(word.is_ahead_of("2026-01-14T09:59:59Z".parse().unwrap()));
        assert!(!word.is_ahead_of("2026-01-14T10:00:00Z".parse().unwrap()));
        assert_eq!(word.made_at(), Some("2026-01-15T00:00:00Z".parse().unwrap()));
    }
}
