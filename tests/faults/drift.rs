//! An answer whose shape has drifted: a field that is gone, renamed, of another type, or has a value nobody knows.
//!
//! Only what is said of a field changes, everywhere in the answer at once, as a new version of a source would do it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// What became of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Drift {
    /// It is not there any more.
    Gone,
    /// It has another name.
    Renamed,
    /// It holds another kind of value.
    Retyped,
    /// It holds a value that did not exist before.
    Unheard,
}

impl Drift {
    pub(crate) const ALL: [Self; 4] = [Self::Gone, Self::Renamed, Self::Retyped, Self::Unheard];
}

const UNHEARD: &str = "brand_new";

/// Where a report hides in an XML answer: AWS's credential report, CSV as Base64.
const REPORT: &str = "Content";

/// How AWS's query protocol writes an element of any list: no field of a source's, and a list without any is an empty list.
const ELEMENT: &str = "member";

/// The names of all fields of an answer, those of a report after `csv:`.
pub(crate) fn fields(body: &[u8]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if let Ok(value) = serde_json::from_slice(body) {
        names_of(&value, &mut names);
    } else if let Ok(text) = std::str::from_utf8(body) {
        leaves(text, &mut |name, content| {
            if let Some(report) = report(name, content) {
                names.extend(report.lines().next().unwrap_or_default().split(',').map(|name| format!("csv:{name}")));
            } else if name != ELEMENT {
                names.insert(name.to_owned());
            }
            None
        });
    }
    names
}

fn names_of(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                names.insert(name.clone());
                names_of(value, names);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| names_of(element, names)),
        _ => {}
    }
}

/// The answer with the drift in `field`; none where nothing changes.
pub(crate) fn drifted(body: &[u8], field: &str, drift: Drift) -> Option<Vec<u8>> {
    let after = if let Ok(value) = serde_json::from_slice::<Value>(body) {
        let after = in_json(value.clone(), field, drift);
        if after == value {
            return None;
        }
        after.to_string()
    } else {
        let text = std::str::from_utf8(body).ok()?;
        leaves(text, &mut |name, content| match (report(name, content), field.strip_prefix("csv:")) {
            (Some(report), Some(column)) => {
                Some(format!("<{REPORT}>{}</{REPORT}>", STANDARD.encode(in_csv(&report, column, drift))))
            }
            (None, None) if name == field => Some(match drift {
                Drift::Gone => String::new(),
                Drift::Renamed => format!("<{name}Next>{content}</{name}Next>"),
                Drift::Retyped => format!("<{name}><Value>{content}</Value></{name}>"),
                Drift::Unheard => format!("<{name}>{UNHEARD}</{name}>"),
            }),
            _ => None,
        })
    };
    (after.as_bytes() != body).then(|| after.into_bytes())
}

fn in_json(value: Value, field: &str, drift: Drift) -> Value {
    match value {
        Value::Array(elements) => elements.into_iter().map(|element| in_json(element, field, drift)).collect(),
        Value::Object(members) => {
            let mut after = Map::new();
            for (name, value) in members {
                if name != field {
                    after.insert(name, in_json(value, field, drift));
                    continue;
                }
                match drift {
                    Drift::Gone => {}
                    Drift::Renamed => drop(after.insert(format!("{name}_next"), value)),
                    Drift::Retyped => drop(after.insert(name, retyped(&value))),
                    Drift::Unheard if value.is_string() => drop(after.insert(name, json!(UNHEARD))),
                    Drift::Unheard => drop(after.insert(name, in_json(value, field, drift))),
                }
            }
            Value::Object(after)
        }
        other => other,
    }
}

fn retyped(value: &Value) -> Value {
    match value {
        Value::Null => Value::Null,
        Value::Bool(flag) => json!(if *flag { "yes" } else { "no" }),
        Value::Number(number) => json!(number.to_string()),
        Value::String(text) => json!({ "value": text }),
        Value::Array(elements) => json!({ "elements": elements }),
        Value::Object(_) => json!([value]),
    }
}

fn in_csv(report: &str, column: &str, drift: Drift) -> String {
    let mut lines = report.lines();
    let header: Vec<&str> = lines.next().unwrap_or_default().split(',').collect();
    let Some(at) = header.iter().position(|name| *name == column) else { return report.to_owned() };
    let change = |cells: Vec<&str>, is_header: bool| -> String {
        let changed = cells.iter().enumerate().filter_map(|(place, cell)| {
            let cell = (*cell).to_owned();
            match drift {
                _ if place != at => Some(cell),
                Drift::Gone => None,
                Drift::Renamed if is_header => Some(format!("{cell}_next")),
                Drift::Unheard if !is_header => Some(UNHEARD.to_owned()),
                Drift::Retyped if !is_header => Some(format!("{{{cell}}}")),
                _ => Some(cell),
            }
        });
        changed.collect::<Vec<_>>().join(",")
    };
    let rows = lines.map(|line| change(line.split(',').collect(), false));
    std::iter::once(change(header.clone(), true)).chain(rows).collect::<Vec<_>>().join("\n")
}

fn report(name: &str, content: &str) -> Option<String> {
    if name != REPORT {
        return None;
    }
    String::from_utf8(STANDARD.decode(content.trim()).ok()?).ok().filter(|text| text.contains(','))
}

/// Rebuilds an XML text, asking `change` what to write for each element that holds text alone.
fn leaves(text: &str, change: &mut dyn FnMut(&str, &str) -> Option<String>) -> String {
    let mut after = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('<') {
        let (before, tag) = rest.split_at(open);
        after.push_str(before);
        let leaf = tag[1..].split_once('>').and_then(|(name, inside)| {
            let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric());
            let (content, closing) = inside.split_once('<')?;
            let behind = closing.strip_prefix('/')?.strip_prefix(name)?.strip_prefix('>')?;
            plain.then_some((name, content, behind))
        });
        if let Some((name, content, behind)) = leaf {
            let whole = &tag[..tag.len() - behind.len()];
            after.push_str(&change(name, content).unwrap_or_else(|| whole.to_owned()));
            rest = behind;
        } else {
            after.push('<');
            rest = &tag[1..];
        }
    }
    after.push_str(rest);
    after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(body: &str, field: &str, drift: Drift) -> Option<String> {
        drifted(body.as_bytes(), field, drift).map(|after| String::from_utf8(after).unwrap())
    }

    #[test]
    fn a_field_drifts_everywhere_and_nothing_else_does() {
        let json = r#"[{"a":"x","b":{"a":true}},{"b":1}]"#;
        assert_eq!(fields(json.as_bytes()).into_iter().collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(text(json, "a", Drift::Gone).unwrap(), r#"[{"b":{}},{"b":1}]"#);
        assert_eq!(text(json, "a", Drift::Renamed).unwrap(), r#"[{"a_next":"x","b":{"a_next":true}},{"b":1}]"#);
        assert_eq!(text(json, "a", Drift::Retyped).unwrap(), r#"[{"a":{"value":"x"},"b":{"a":"yes"}},{"b":1}]"#);
        assert_eq!(text(json, "a", Drift::Unheard).unwrap(), r#"[{"a":"brand_new","b":{"a":true}},{"b":1}]"#);
        assert_eq!(text(json, "c", Drift::Gone), None);

        let xml = "<R><M><A>x</A><B/></M><M><A>y</A><C>1</C></M></R>";
        assert_eq!(fields(xml.as_bytes()).into_iter().collect::<Vec<_>>(), ["A", "C"]);
        assert_eq!(text(xml, "A", Drift::Gone).unwrap(), "<R><M><B/></M><M><C>1</C></M></R>");
        let unheard = text(xml, "A", Drift::Unheard).unwrap();
        assert_eq!(unheard, "<R><M><A>brand_new</A><B/></M><M><A>brand_new</A><C>1</C></M></R>");

        let report = format!("<R><Content>{}</Content></R>", STANDARD.encode("user,mfa\nada,true"));
        assert_eq!(fields(report.as_bytes()).into_iter().collect::<Vec<_>>(), ["csv:mfa", "csv:user"]);
        let gone = text(&report, "csv:mfa", Drift::Gone).unwrap();
        assert_eq!(gone, format!("<R><Content>{}</Content></R>", STANDARD.encode("user\nada")));
    }
}
