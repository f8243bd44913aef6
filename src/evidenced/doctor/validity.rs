//! How long the credential of a source is still good, where the source says so.

use super::Finding;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use model::ExchangeRecord;
use model::time::seconds_text;

/// GitHub's word for it: `2026-12-31 09:00:00 UTC`, or with an offset like `+0100`.
/// <https://docs.github.com/en/rest/authentication/authenticating-to-the-rest-api>
const HEADER: &str = "github-authentication-token-expiration";

/// How long before its end a credential is warned about.
const NOTICE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The earliest end that the answers in `records` name.
pub(super) fn validity(source: &str, records: &[&ExchangeRecord], now: Timestamp) -> Option<Finding> {
    let end = records.iter().filter_map(|record| instant(record.headers.get(HEADER)?)).min()?;
    let left = end.duration_since(now);
    let says = format!("its credential is good until {} ({} days)", seconds_text(end), left.as_hours().div_euclid(24));
    Some(if left > NOTICE {
        Finding::ok(source, says)
    } else {
        Finding::warn(source, says, "make a new one before that: afterwards every collection fails")
    })
}

fn instant(text: &str) -> Option<Timestamp> {
    let (civil, zone) = text.trim().rsplit_once(' ')?;
    if let "UTC" | "GMT" = zone {
        let civil: DateTime = civil.parse().ok()?;
        return Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp());
    }
    Timestamp::strptime("%Y-%m-%d %H:%M:%S %z", text.trim()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Level;
    use model::Digest;
    use std::collections::BTreeMap;

    fn record(value: &str) -> ExchangeRecord {
        let at = Timestamp::UNIX_EPOCH;
        ExchangeRecord {
            seq: 1,
            operation: "GET /user".to_owned(),
            method: "GET".to_owned(),
            url: "https://api.example/user".to_owned(),
            request_body: None,
            attempt: 1,
            status: Some(200),
            headers: BTreeMap::from([(HEADER.to_owned(), value.to_owned())]),
            bytes: 0,
            sha256: Digest::of(b""),
            started_at: at,
            finished_at: at,
            error: None,
        }
    }

    #[test]
    fn the_end_of_a_credential_is_told_and_warned_about_in_time() {
        let now = "2026-03-01T09:00:00Z".parse().unwrap();
        let told = |values: &[&str]| {
            let records: Vec<ExchangeRecord> = values.iter().map(|value| record(value)).collect();
            validity("gh", &records.iter().collect::<Vec<_>>(), now)
        };
        let far = told(&["2026-06-01 09:00:00 UTC"]).unwrap();
        assert_eq!(far.level, Level::Ok);
        assert_eq!(far.message, "its credential is good until 2026-06-01T09:00:00Z (92 days)");
        let near = told(&["2026-06-01 09:00:00 UTC", "2026-03-08 10:00:00 +0100"]).unwrap();
        assert_eq!(near.level, Level::Warn);
        assert_eq!(near.message, "its credential is good until 2026-03-08T09:00:00Z (7 days)");
        assert_eq!(told(&["2026-02-28 09:00:00 UTC"]).unwrap().level, Level::Warn);
        // what cannot be read says nothing
        assert_eq!(told(&["soon", ""]), None);
        assert_eq!(told(&[]), None);
    }
}
