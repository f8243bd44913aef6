//! A check's file made ready for the `sqlite3` shell: the values it was evaluated with, then the file, unchanged.

use model::time::seconds_text;
use model::{Evaluation, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What `evaluation` bound.
pub(crate) struct Bindings {
    pub(crate) as_of: Timestamp,
    pub(crate) parameters: BTreeMap<String, Value>,
}

impl Bindings {
    pub(crate) fn of(evaluation: &Evaluation) -> Self {
        Self { as_of: evaluation.as_of, parameters: evaluation.parameters.clone() }
    }
}

/// Lines of shell commands that end where `file` begins.
pub(crate) fn script(name: &str, file: &[u8], bindings: &Bindings) -> Vec<u8> {
    let mut text = format!(
        "-- Performs the check `{name}` again. In the folder of the pack:\n\
         --     sqlite3 -readonly evidence.sqlite < checks/{name}.sql\n\
         -- Below the parameter values the check's own file follows unchanged (checks/original/{name}.sql).\n\
         .headers on\n.mode csv\n.parameter clear\n"
    );
    // writing to a String cannot fail
    let _ = writeln!(text, ".parameter set :as_of {}", argument(&Value::String(seconds_text(bindings.as_of))));
    for (parameter, value) in &bindings.parameters {
        if is_name(parameter) {
            let _ = writeln!(text, ".parameter set :{parameter} {}", argument(value));
        }
    }
    let mut script = text.into_bytes();
    script.extend_from_slice(file);
    script
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A value as one argument of a shell command, which the shell then evaluates as an SQL expression.
fn argument(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_owned(),
        Value::Bool(value) => u8::from(*value).to_string(),
        Value::Number(number) => format!("\"{number}\""),
        Value::String(text) => text_argument(text),
        other => text_argument(&other.to_string()),
    }
}

fn text_argument(text: &str) -> String {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b" :._-/@,".contains(&byte));
    if plain {
        return format!("\"'{text}'\"");
    }
    // neither the shell's quoting nor SQL's can be broken out of in hexadecimal
    let hex = text.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    });
    format!("\"CAST(x'{hex}' AS TEXT)\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_bound_as_the_engine_bound_them() {
        let bindings = Bindings {
            as_of: "2026-01-02T03:04:05.6Z".parse().unwrap(),
            parameters: BTreeMap::from([
                ("grace".to_owned(), Value::from(86400)),
                ("name".to_owned(), Value::from("a'\"\\b")),
                ("list".to_owned(), serde_json::json!(["x"])),
            ]),
        };
        let script = String::from_utf8(script("c", b"SELECT 1;\n", &bindings)).unwrap();
        assert!(script.contains(".parameter set :as_of \"'2026-01-02T03:04:05Z'\"\n"));
        assert!(script.contains(".parameter set :grace \"86400\"\n"));
        assert!(script.contains(".parameter set :name \"CAST(x'6127225c62' AS TEXT)\"\n"));
        assert!(script.contains(".parameter set :list \"CAST(x'5b2278225d' AS TEXT)\"\n"));
        assert!(script.ends_with("SELECT 1;\n"));
    }
}
