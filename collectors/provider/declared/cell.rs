//! One value of a record as its column's type. What cannot be of that type without a guess is refused.

use model::ColumnKind;
use model::time::seconds_text;
use serde_json::Value;

/// `value` as `kind`; an error says what it is instead.
pub(super) fn cell(kind: ColumnKind, value: &Value) -> Result<Value, String> {
    let refused = || {
        let shown: String = value.to_string().chars().take(60).collect();
        format!("is `{shown}`, which is no {}", word(kind))
    };
    match (kind, value) {
        (_, Value::Null) => Ok(Value::Null),
        (ColumnKind::Text, Value::String(_)) | (ColumnKind::Json, Value::Array(_) | Value::Object(_)) => {
            Ok(value.clone())
        }
        // identifiers are often numbers, and have one spelling
        (ColumnKind::Text, Value::Number(number)) if number.is_i64() || number.is_u64() => {
            Ok(number.to_string().into())
        }
        (ColumnKind::Text, Value::Bool(truth)) => Ok(truth.to_string().into()),
        (ColumnKind::Integer, _) => integer(value).map(Value::from).ok_or_else(refused),
        (ColumnKind::Boolean, _) => boolean(value).map(Value::from).ok_or_else(refused),
        (ColumnKind::Timestamp, Value::String(text)) => match text.trim().parse::<model::Timestamp>() {
            Ok(instant) => Ok(seconds_text(instant).into()),
            Err(_) if text.parse::<jiff::civil::DateTime>().is_ok() => {
                Err(format!("is `{text}`, which does not say its offset from UTC"))
            }
            Err(_) => Err(refused()),
        },
        (ColumnKind::Date, Value::String(text)) if text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok() => {
            Ok(value.clone())
        }
        _ => Err(refused()),
    }
}

/// An integer that every reader of JSON reads alike.
fn integer(value: &Value) -> Option<i64> {
    const SAFE: i64 = 1 << 53;
    let number = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.filter(|number| (-SAFE + 1..SAFE).contains(number))
}

fn boolean(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(truth) => Some(*truth),
        Value::Number(number) => match number.as_i64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

const fn word(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Text => "text",
        ColumnKind::Integer => "whole number below 2^53",
        ColumnKind::Boolean => "true or false",
        ColumnKind::Timestamp => "instant like `2026-01-31T12:00:00Z`",
        ColumnKind::Date => "date like `2026-01-31`",
        ColumnKind::Json => "list or object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_of_its_column_s_type_or_refused() {
        let same = [
            (ColumnKind::Text, json!("ada"), json!("ada")),
            (ColumnKind::Text, json!(42), json!("42")),
            (ColumnKind::Text, json!(true), json!("true")),
            (ColumnKind::Integer, json!(7), json!(7)),
            (ColumnKind::Integer, json!("-7"), json!(-7)),
            (ColumnKind::Boolean, json!("TRUE"), json!(true)),
            (ColumnKind::Boolean, json!(0), json!(false)),
            (ColumnKind::Timestamp, json!("2026-01-01T01:00:00.9+01:00"), json!("2026-01-01T00:00:00Z")),
            (ColumnKind::Date, json!("2026-01-31"), json!("2026-01-31")),
            (ColumnKind::Json, json!(["a"]), json!(["a"])),
            (ColumnKind::Date, json!(null), json!(null)),
        ];
        for (kind, given, expected) in same {
            assert_eq!(cell(kind, &given), Ok(expected), "{kind:?} {given}");
        }
        let refused = [
            (ColumnKind::Text, json!(["ada"])),
            (ColumnKind::Text, json!(1.5)),
            (ColumnKind::Integer, json!(1.0)),
            (ColumnKind::Integer, json!("9007199254740993")),
            (ColumnKind::Integer, json!("")),
            (ColumnKind::Boolean, json!("yes")),
            (ColumnKind::Boolean, json!(2)),
            (ColumnKind::Timestamp, json!("2026-01-01")),
            (ColumnKind::Timestamp, json!(1_767_225_600)),
            (ColumnKind::Date, json!("2026-02-30")),
            (ColumnKind::Date, json!("2026-01-01T00:00:00Z")),
            (ColumnKind::Json, json!("[]")),
        ];
        for (kind, given) in refused {
            assert!(cell(kind, &given).is_err(), "{kind:?} {given}");
        }
        let why = cell(ColumnKind::Timestamp, &json!("2026-01-01T00:00:00")).unwrap_err();
        assert!(why.contains("offset"), "{why}");
    }
}
