//! Instants and durations as they are written in evidence and configuration.

use jiff::{SignedDuration, Timestamp, Unit};

/// `instant` as `2026-01-01T00:00:05Z`: UTC, whole seconds, so that text order is time order in every table.
pub fn seconds_text(instant: Timestamp) -> String {
    instant.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `instant` cut to milliseconds, the precision kept in manifests and log entries.
pub fn to_millis(instant: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(instant.as_millisecond()).unwrap_or(instant)
}

/// The first whole second not before `instant`: the precision of an evaluation's `as_of`, never earlier than the
/// evidence it is made from.
pub fn seconds_up(instant: Timestamp) -> Timestamp {
    let second = instant.as_second();
    let up = if instant.subsec_nanosecond() > 0 { second + 1 } else { second };
    Timestamp::from_second(up).unwrap_or(instant)
}

/// A text that is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a duration: `{0}` (write a whole number and a unit: `90s`, `15m`, `24h`, `30d`)")]
pub struct ParseDurationError(String);

/// Reads `90s`, `15m`, `24h`, `30d` or `2w`; a day is 24 hours.
pub fn parse_duration(text: &str) -> Result<SignedDuration, ParseDurationError> {
    let error = || ParseDurationError(text.to_owned());
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(error)?;
    let (count, unit) = text.split_at(split);
    let count: i64 = count.parse().map_err(|_| error())?;
    let seconds = match unit.trim() {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 604_800,
        _ => return Err(error()),
    };
    count.checked_mul(seconds).map(SignedDuration::from_secs).ok_or_else(error)
}

/// `duration` in words a person reads at a glance: `26 h`, `3 d`.
pub fn duration_text(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().abs();
    match seconds {
        0..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// The instant `duration` before `instant`, or the earliest representable one.
pub fn before(instant: Timestamp, duration: SignedDuration) -> Timestamp {
    instant.checked_sub(duration).unwrap_or(Timestamp::MIN)
}

/// Rounds to whole seconds for display of intervals.
pub fn between(from: Timestamp, to: Timestamp) -> SignedDuration {
    to.duration_since(from).round(Unit::Second).unwrap_or(SignedDuration::ZERO)
}
