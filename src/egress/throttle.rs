//! Whether an answer means "try again", and how long it asks to wait. Pure.

use crate::record::http_date;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// What an answer means for the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It is the answer.
    Final,
    /// The source asks to slow down.
    Throttled,
    /// The source is in trouble.
    Trouble,
}

/// AWS answers 400 with one of these codes where others answer 429.
/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html> and the SDKs' own retry lists.
const AWS_THROTTLING: &[&str] = &[
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "RequestThrottled",
    "RequestThrottledException",
    "RequestLimitExceeded",
    "TooManyRequestsException",
    "BandwidthLimitExceeded",
    "SlowDown",
    "PriorRequestNotComplete",
];

/// What GitHub's and Google's 403 say when they mean 429.
const SLOW_DOWN: &[&str] = &["secondary rate limit", "\"rateLimitExceeded\"", "\"userRateLimitExceeded\""];

/// Only the head of a body is searched for a code or for words.
const HEAD_BYTES: usize = 8 * 1024;

/// Judges by status, kept headers and body alone, so that a replay judges the same.
pub(crate) fn judge(status: u16, headers: &BTreeMap<String, String>, body: &[u8]) -> Judgement {
    let head = String::from_utf8_lossy(&body[..body.len().min(HEAD_BYTES)]);
    match status {
        429 => Judgement::Throttled,
        503 if headers.contains_key("retry-after") || is_aws_throttling(headers, &head) => Judgement::Throttled,
        500 | 502 | 503 | 504 => Judgement::Trouble,
        403 if headers.contains_key("retry-after")
            || headers.get("x-ratelimit-remaining").is_some_and(|left| left.trim() == "0")
            || SLOW_DOWN.iter().any(|words| head.contains(words)) =>
        {
            Judgement::Throttled
        }
        400 | 403 if is_aws_throttling(headers, &head) => Judgement::Throttled,
        _ => Judgement::Final,
    }
}

/// Looks for a throttling code where AWS puts it: the `x-amzn-errortype` header, `<Code>` in XML, `__type` or `code` in JSON.
fn is_aws_throttling(headers: &BTreeMap<String, String>, head: &str) -> bool {
    let named = headers.get("x-amzn-errortype").map(|value| value.split(':').next().unwrap_or_default().trim());
    let xml = between(head, "<Code>", "</Code>");
    let json = serde_json::from_str::<serde_json::Value>(head).ok();
    let json = json.as_ref().and_then(|value| value.get("__type").or_else(|| value.get("code"))?.as_str());
    let codes = [named, xml, json.map(|code| code.rsplit('#').next().unwrap_or_default())];
    codes.into_iter().flatten().any(|code| AWS_THROTTLING.contains(&code))
}

fn between<'a>(text: &'a str, open: &str, close: &str) -> Option<&'a str> {
    let rest = &text[text.find(open)? + open.len()..];
    Some(rest[..rest.find(close)?].trim())
}

/// How long the source asks to wait: `retry-after` in seconds or as a date, else the reset of a rate limit that is used up.
/// Negative and unreadable values are no request at all.
pub(crate) fn asked_wait(headers: &BTreeMap<String, String>, now: Timestamp) -> Option<Duration> {
    // the source's own clock where it gives one: ours may be wrong
    let now = headers.get("date").and_then(|date| http_date(date)).unwrap_or(now);
    let until = |instant: Timestamp| Duration::try_from(instant.duration_since(now)).ok();
    if let Some(value) = headers.get("retry-after") {
        let value = value.trim();
        if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
            return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
        }
        return http_date(value).and_then(until);
    }
    // GitHub's spelling and Okta's
    ["x-ratelimit", "x-rate-limit"].into_iter().find_map(|name| {
        headers.get(&format!("{name}-remaining")).filter(|left| left.trim() == "0")?;
        let reset: i64 = headers.get(&format!("{name}-reset"))?.trim().parse().ok()?;
        Timestamp::from_second(reset).ok().and_then(until)
    })
}

/// The wait before attempt `next` (from 2): what was asked, else doubling from `first`; never above `cap`.
pub(crate) fn wait_before(next: u32, asked: Option<Duration>, first: Duration, cap: Duration) -> Duration {
    let doubling = first.saturating_mul(1_u32.checked_shl(next.saturating_sub(2)).unwrap_or(u32::MAX));
    asked.unwrap_or(doubling).min(cap)
}
