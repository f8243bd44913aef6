//! Times and names as certificates and tokens write them, read for people and for comparison.

use super::der::{self, Element, GENERALIZED_TIME, OID, Reader, SEQUENCE, SET, UTC_TIME};
use super::error::TimestampError;
use jiff::{Timestamp, civil, tz::TimeZone};

/// The longest text of another's that is passed on.
const MAX_WORDS: usize = 200;

/// `YYYYMMDDhhmmss[.fraction]Z`, or `YYMMDDhhmmssZ`: always UTC, with seconds.
pub(super) fn time(element: Element<'_>, what: &'static str) -> Result<Timestamp, TimestampError> {
    let text = std::str::from_utf8(element.content).ok().and_then(|text| text.strip_suffix('Z'));
    let read = match (element.tag, text) {
        (GENERALIZED_TIME, Some(text)) => generalized(text),
        (UTC_TIME, Some(text)) => utc(text),
        _ => None,
    };
    read.ok_or(TimestampError::Malformed(what))
}

fn utc(text: &str) -> Option<Timestamp> {
    // RFC 5280 §4.1.2.5.1: two digits from 50 on are of the last century
    let century = if digits::<i8>(text.get(..2)?)? >= 50 { "19" } else { "20" };
    if text.len() == 12 { generalized(&format!("{century}{text}")) } else { None }
}

fn generalized(text: &str) -> Option<Timestamp> {
    let (whole, fraction) = match text.split_once('.') {
        // DER has no trailing zeros, and some authorities do
        Some((whole, fraction)) if (1..=9).contains(&fraction.len()) => (whole, fraction),
        Some(_) => return None,
        None => (text, "0"),
    };
    if whole.len() != 14 || !whole.is_ascii() {
        return None;
    }
    let part = |from: usize, to: usize| whole.get(from..to).and_then(digits::<i8>);
    let nanoseconds: i32 = digits(&format!("{fraction:0<9}"))?;
    let date = civil::Date::new(digits(whole.get(..4)?)?, part(4, 6)?, part(6, 8)?).ok()?;
    let time = civil::Time::new(part(8, 10)?, part(10, 12)?, part(12, 14)?, nanoseconds).ok()?;
    TimeZone::UTC.to_timestamp(date.to_datetime(time)).ok()
}

fn digits<N: std::str::FromStr>(text: &str) -> Option<N> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// A distinguished name for people: `CN=Time, O=Example`. It is never compared.
pub(super) fn name(element: Element<'_>) -> Result<String, TimestampError> {
    const WHAT: &str = "a name";
    let mut parts = Vec::new();
    for set in element.inside().all(64, WHAT)? {
        if set.tag != SET {
            return Err(TimestampError::Malformed(WHAT));
        }
        for attribute in set.inside().all(16, WHAT)? {
            if attribute.tag != SEQUENCE {
                return Err(TimestampError::Malformed(WHAT));
            }
            let mut reader: Reader<'_> = attribute.inside();
            let kind = reader.expect(OID, WHAT)?;
            let value = reader.any(WHAT)?;
            let label = match kind.content {
                [0x55, 0x04, 0x03] => "CN".to_owned(),
                [0x55, 0x04, 0x06] => "C".to_owned(),
                [0x55, 0x04, 0x07] => "L".to_owned(),
                [0x55, 0x04, 0x08] => "ST".to_owned(),
                [0x55, 0x04, 0x0a] => "O".to_owned(),
                [0x55, 0x04, 0x0b] => "OU".to_owned(),
                other => der::dotted(other).ok_or(TimestampError::Malformed(WHAT))?,
            };
            parts.push(format!("{label}={}", words(value.content)));
        }
    }
    // the most specific part first, as RFC 4514 writes names
    parts.reverse();
    Ok(parts.join(", ").chars().take(2 * MAX_WORDS).collect())
}

/// Another's text, cut and without control characters.
pub(super) fn words(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * MAX_WORDS)]);
    text.chars().take(MAX_WORDS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(tag: u8, text: &str) -> Option<String> {
        let bytes = der::write(tag, text.as_bytes());
        let element = Reader::new(&bytes).any("a time").unwrap();
        time(element, "a time").ok().map(|instant| instant.to_string())
    }

    #[test]
    fn times_are_read_as_utc_to_the_second_or_finer() {
        assert_eq!(read(GENERALIZED_TIME, "20260131235959Z").as_deref(), Some("2026-01-31T23:59:59Z"));
        assert_eq!(read(GENERALIZED_TIME, "20260131235959.25Z").as_deref(), Some("2026-01-31T23:59:59.25Z"));
        assert_eq!(read(UTC_TIME, "491231235959Z").as_deref(), Some("2049-12-31T23:59:59Z"));
        assert_eq!(read(UTC_TIME, "500101000000Z").as_deref(), Some("1950-01-01T00:00:00Z"));
    }

    #[test]
    fn times_without_zone_seconds_or_sense_are_refused() {
        for refused in ["20260131235959", "202601312359Z", "20260230000000Z", "20260131245959Z", "2026013123595 Z"] {
            assert_eq!(read(GENERALIZED_TIME, refused), None, "{refused}");
        }
        for refused in ["20260131235959.Z", "20260131235959.0000000001Z", "20260131235959+0100", "+0260131235959Z"] {
            assert_eq!(read(GENERALIZED_TIME, refused), None, "{refused}");
        }
        assert_eq!(read(UTC_TIME, "20260131235959Z"), None);
        assert_eq!(read(0x0c, "20260131235959Z"), None);
    }
}
