//! Whether a policy document makes its holder an administrator, and by which words.
//!
//! It reads statements and evaluates no request: conditions, boundaries and denials elsewhere can only narrow what such a
//! statement gives. An administrator is who may do everything, or may grant itself the rest because nothing of IAM that
//! this needs is kept from it.

use serde_json::Value;

/// What a document was found to give: none when it is no policy document, inside none when it makes no administrator,
/// else the words by which it does.
pub(super) type Power = Option<Option<String>>;

/// Any of these on every resource gives its holder whatever it wants.
const GRANTING: &[&str] = &[
    "iam:attachuserpolicy",
    "iam:attachgrouppolicy",
    "iam:attachrolepolicy",
    "iam:putuserpolicy",
    "iam:putgrouppolicy",
    "iam:putrolepolicy",
    "iam:createpolicyversion",
    "iam:setdefaultpolicyversion",
    "iam:addusertogroup",
];

/// What AWS's own policies give, whose documents are not among the answers: those that make an administrator, in any
/// partition.
pub(super) fn aws_managed_power(arn: &str) -> Option<String> {
    let words = match arn.rsplit(":iam::aws:policy/").next().unwrap_or_default() {
        "AdministratorAccess" => "AdministratorAccess allows everything",
        "IAMFullAccess" => "IAMFullAccess allows all of IAM, so its holder can grant itself the rest",
        _ => return None,
    };
    Some(words.to_owned())
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

/// Whether some statement of `document` makes an administrator.
pub(super) fn power(document: &Value) -> Power {
    let statements = match document.get("Statement")? {
        Value::Array(statements) => statements.as_slice(),
        statement @ Value::Object(_) => std::slice::from_ref(statement),
        _ => return None,
    };
    Some(statements.iter().find_map(of_statement))
}

fn of_statement(statement: &Value) -> Option<String> {
    if statement.get("Effect").and_then(Value::as_str) != Some("Allow") || !is_on_everything(statement) {
        return None;
    }
    let actions = words(statement.get("Action"));
    if actions.iter().any(|action| is_all(action)) {
        return Some("allows every action".to_owned());
    }
    if let Some(all) = actions.iter().find(|action| GRANTING.iter().all(|granting| matches(action, granting))) {
        return Some(format!("allows {all}, so its holder can grant itself the rest"));
    }
    let excepted = words(statement.get("NotAction"));
    if excepted.is_empty() {
        return None;
    }
    // what is excepted must keep every one of them away
    let kept = |granting: &&str| excepted.iter().any(|pattern| matches(pattern, granting));
    if GRANTING.iter().all(kept) {
        return None;
    }
    Some(format!(
        "allows every action but {} (NotAction), so its holder can grant itself the rest",
        excepted.join(", ")
    ))
}

/// Whether a statement is about every resource, or about all but some outside IAM.
fn is_on_everything(statement: &Value) -> bool {
    if words(statement.get("Resource")).iter().any(|resource| is_all(resource)) {
        return true;
    }
    let excepted = words(statement.get("NotResource"));
    !excepted.is_empty() && !excepted.iter().any(|resource| is_all(resource) || resource.contains(":iam:"))
}

/// `*`, `**`, `*:*`.
fn is_all(pattern: &str) -> bool {
    !pattern.is_empty() && pattern.contains('*') && pattern.chars().all(|c| matches!(c, '*' | ':'))
}

/// The texts of a member that is one or several.
fn words(value: Option<&Value>) -> Vec<&str> {
    match value {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Whether `action`, in lower case, fits a pattern of IAM: `*` any run, `?` any one character, without case.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action): (Vec<char>, Vec<char>) =
        (pattern.to_ascii_lowercase().chars().collect(), action.chars().collect());
    // fits[n]: the pattern so far fits the first n characters
    let mut fits = vec![false; action.len() + 1];
    fits[0] = true;
    for wanted in pattern {
        if wanted == '*' {
            for n in 0..action.len() {
                fits[n + 1] |= fits[n];
            }
        } else {
            for n in (0..action.len()).rev() {
                fits[n + 1] = fits[n] && (wanted == '?' || wanted == action[n]);
            }
            fits[0] = false;
        }
    }
    fits[action.len()]
}

#[cfg(test)]
mod tests {
    use super::{Power, aws_managed_power, document, is_aws_managed, matches, power};
    use serde_json::{Value, json};

    fn of(statement: &Value) -> Power {
        power(&json!({ "Version": "2012-10-17", "Statement": statement }))
    }

    fn is_admin(statement: &Value) -> bool {
        of(statement).unwrap().is_some()
    }

    #[test]
    fn everything_on_everything_makes_an_administrator_however_it_is_written() {
        assert!(is_admin(&json!({ "Effect": "Allow", "Action": "*", "Resource": "*" })));
        assert!(is_admin(&json!([{ "Effect": "Allow", "Action": ["s3:*", "*:*"], "Resource": ["*"] }])));
        assert!(is_admin(&json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Condition": { "Bool": {} } })));
        assert!(is_admin(&json!({ "Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::ledger/*" })));
        assert!(!is_admin(&json!({ "Effect": "Allow", "Action": "*", "NotResource": "arn:aws:iam::*:user/*" })));
        assert!(!is_admin(&json!({ "Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::ledger/*" })));
        assert!(!is_admin(&json!({ "Effect": "Deny", "Action": "*", "Resource": "*" })));
        assert!(!is_admin(&json!({ "Effect": "Allow", "Action": "s3:*", "Resource": "*" })));
        assert_eq!(power(&json!({ "Rules": [] })), None);
    }

    #[test]
    fn everything_but_something_makes_an_administrator_unless_it_keeps_iam_away() {
        let but = |excepted: Value| of(&json!({ "Effect": "Allow", "NotAction": excepted, "Resource": "*" })).unwrap();
        assert_eq!(
            but(json!("aws-portal:*")).as_deref(),
            Some("allows every action but aws-portal:* (NotAction), so its holder can grant itself the rest")
        );
        assert!(but(json!(["iam:DeleteUser", "organizations:*"])).is_some(), "it can still attach policies");
        assert!(but(json!(["iam:*", "organizations:*", "account:*"])).is_none(), "AWS's power user");
        assert!(but(json!(["IAM:Attach*", "iam:Put*Policy", "iam:*PolicyVersion", "iam:AddUserToGroup"])).is_none());
        assert!(but(json!("*")).is_none());
    }

    #[test]
    fn all_of_iam_is_everything() {
        assert!(is_admin(&json!({ "Effect": "Allow", "Action": ["iam:*"], "Resource": "*" })));
        assert!(!is_admin(&json!({ "Effect": "Allow", "Action": ["iam:Get*", "iam:List*"], "Resource": "*" })));
        assert!(!is_admin(&json!({ "Effect": "Allow", "Action": ["iam:ChangePassword"], "Resource": "*" })));
    }

    #[test]
    fn patterns_fit_as_iam_fits_them() {
        for (pattern, fits) in [
            ("iam:*", true),
            ("*", true),
            ("i?m:PutUser*", true),
            ("iam:putuserpolicy", true),
            ("iam:*user*cy", true),
            ("iam:putuser", false),
            ("iam:putuserpolicy?", false),
            ("", false),
        ] {
            assert_eq!(matches(pattern, "iam:putuserpolicy"), fits, "{pattern}");
        }
    }

    #[test]
    fn documents_come_percent_encoded() {
        let decoded = document("%7B%22Statement%22%3A%20%5B%5D%2C%20%22Id%22%3A%20%22a%2Bb+c%22%7D").unwrap();
        assert_eq!(decoded["Id"], "a+b+c");
        assert!(document("%7Bnot json").is_none());
    }

    #[test]
    fn awss_own_policies_are_told_by_their_arn_in_every_partition() {
        let is_admin = |arn: &str| is_aws_managed(arn) && aws_managed_power(arn).is_some();
        assert!(is_admin("arn:aws:iam::aws:policy/AdministratorAccess"));
        assert!(is_admin("arn:aws-us-gov:iam::aws:policy/AdministratorAccess"));
        assert!(is_admin("arn:aws:iam::aws:policy/IAMFullAccess"));
        assert!(!is_admin("arn:aws:iam::aws:policy/PowerUserAccess"));
        assert!(!is_admin("arn:aws:iam::123456789012:policy/AdministratorAccess"));
        assert!(is_aws_managed("arn:aws-cn:iam::aws:policy/job-function/Billing"));
        assert!(!is_aws_managed("arn:aws:iam::123456789012:policy/Billing"));
    }
}
