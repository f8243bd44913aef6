//! Whether a policy document allows everything. It reads statements and evaluates no request: conditions, boundaries
//! and denials elsewhere can only narrow what such a statement gives.

use serde_json::Value;

/// The managed policy of AWS that allows everything, in any partition.
pub(super) fn is_administrator_access(arn: &str) -> bool {
    arn.starts_with("arn:aws") && arn.ends_with(":iam::aws:policy/AdministratorAccess")
}

/// Whether AWS wrote the policy `arn`.
pub(super) fn is_aws_managed(arn: &str) -> bool {
    arn.starts_with("arn:aws") && arn.contains(":iam::aws:policy/")
}

/// A document as IAM sends it: percent-encoded JSON.
pub(super) fn document(encoded: &str) -> Option<Value> {
    let text = percent_encoding::percent_decode_str(encoded).decode_utf8().ok()?;
    serde_json::from_str(&text).ok()
}

/// Whether some statement of `document` allows every action on every resource; none when it is no policy document.
pub(super) fn allows_everything(document: &Value) -> Option<bool> {
    let statements = match document.get("Statement")? {
        Value::Array(statements) => statements.as_slice(),
        statement @ Value::Object(_) => std::slice::from_ref(statement),
        _ => return None,
    };
    Some(statements.iter().any(|statement| {
        statement.get("Effect").and_then(Value::as_str) == Some("Allow")
            && names(statement.get("Action"), |action| matches!(action, "*" | "*:*"))
            && names(statement.get("Resource"), |resource| resource == "*")
    }))
}

fn names(value: Option<&Value>, everything: impl Fn(&str) -> bool) -> bool {
    match value {
        Some(Value::String(one)) => everything(one),
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).any(everything),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{allows_everything, document, is_administrator_access, is_aws_managed};
    use serde_json::json;

    #[test]
    fn only_allow_star_on_star_allows_everything() {
        let of = |statement| allows_everything(&json!({ "Version": "2012-10-17", "Statement": statement }));
        assert_eq!(of(json!({ "Effect": "Allow", "Action": "*", "Resource": "*" })), Some(true));
        assert_eq!(of(json!([{ "Effect": "Allow", "Action": ["s3:*", "*"], "Resource": ["*"] }])), Some(true));
        assert_eq!(
            of(json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": { "Bool": {} } })),
            Some(true)
        );
        assert_eq!(of(json!({ "Effect": "Deny", "Action": "*", "Resource": "*" })), Some(false));
        assert_eq!(of(json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" })), Some(false));
        assert_eq!(of(json!({ "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" })), Some(false));
        assert_eq!(allows_everything(&json!({ "Rules": [] })), None);
    }

    #[test]
    fn documents_come_percent_encoded() {
        let decoded = document("%7B%22Statement%22%3A%20%5B%5D%2C%20%22Id%22%3A%20%22a%2Bb+c%22%7D").unwrap();
        assert_eq!(decoded["Id"], "a+b+c");
        assert!(document("%7Bnot json").is_none());
    }

    #[test]
    fn awss_own_policies_are_told_by_their_arn_in_every_partition() {
        assert!(is_administrator_access("arn:aws:iam::aws:policy/AdministratorAccess"));
        assert!(is_administrator_access("arn:aws-us-gov:iam::aws:policy/AdministratorAccess"));
        assert!(!is_administrator_access("arn:aws:iam::123456789012:policy/AdministratorAccess"));
        assert!(is_aws_managed("arn:aws-cn:iam::aws:policy/job-function/Billing"));
        assert!(!is_aws_managed("arn:aws:iam::123456789012:policy/Billing"));
    }
}
