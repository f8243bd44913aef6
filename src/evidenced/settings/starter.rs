//! The configuration that `evidenced init` writes: what must be there, and sources to uncomment.

use super::keys::toml_text;
use serde_json::Value;

const TEMPLATE: &str = include_str!("../../../config/starter.toml");

/// A configuration for `organisation` whose log is `origin`.
pub(crate) fn starter(organisation: &str, origin: &str, timezone: &str) -> String {
    let quoted = |text: &str| toml_text(&Value::String(text.to_owned()));
    // one pass, so that a name that looks like a placeholder stays a name
    let mut text = String::with_capacity(TEMPLATE.len() + 64);
    let mut rest = TEMPLATE;
    while let Some((before, after)) = rest.split_once("\"{") {
        let Some((placeholder, after)) = after.split_once("}\"") else { break };
        text.push_str(before);
        match placeholder {
            "name" => text.push_str(&quoted(organisation)),
            "origin" => text.push_str(&quoted(origin)),
            "timezone" => text.push_str(&quoted(timezone)),
            other => text.extend(["\"{", other, "}\""]),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}
