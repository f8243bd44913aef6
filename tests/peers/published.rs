//! What providers publish of their answers: the types of Microsoft Graph and of Google's
//! Directory API, as npm packages hold them.
//!
//! Nobody else's program answers as these providers do. What a recording or a stand-in holds is held against the fields and
//! kinds that the provider itself publishes, so that no collector reads a field that was made up.

use super::installed;
use serde_json::Value;
use std::collections::BTreeMap;

/// The interfaces of a declaration file in TypeScript.
pub(crate) struct Published {
    interfaces: BTreeMap<String, Interface>,
}

#[derive(Default)]
struct Interface {
    parent: Option<String>,
    /// Kinds by field, as TypeScript writes them.
    fields: BTreeMap<String, String>,
}

impl Published {
    pub(crate) fn microsoft_graph() -> Self {
        Self::read("@microsoft/microsoft-graph-types/microsoft-graph.d.ts")
    }

    pub(crate) fn google_directory() -> Self {
        Self::read("@googleapis/admin/build/directory_v1.d.ts")
    }

    fn read(file: &str) -> Self {
        let path = installed("github/node_modules").join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("{}: {error}: run tests/peers/install", path.display());
        });
        let mut interfaces: BTreeMap<String, Interface> = BTreeMap::new();
        // the interface that is open, and how deep in it a line is
        let mut open: Option<(String, usize)> = None;
        for line in text.lines().map(str::trim).filter(|line| !line.starts_with(['*', '/'])) {
            let (opened, closed) = (line.matches('{').count(), line.matches('}').count());
            match &mut open {
                None => {
                    let Some(head) = line.strip_prefix("export interface ").filter(|_| opened == closed + 1) else {
                        continue;
                    };
                    let mut words = head.split_whitespace();
                    let name = words.next().unwrap().to_owned();
                    let parent = words.skip_while(|word| *word != "extends").nth(1).map(str::to_owned);
                    interfaces.insert(name.clone(), Interface { parent, ..Interface::default() });
                    open = Some((name, 1));
                }
                Some((name, depth)) => {
                    if *depth == 1
                        && let Some((field, kind)) = line.split_once(':')
                    {
                        let field = field.trim_end_matches('?').trim_matches('"').to_owned();
                        interfaces.get_mut(name).unwrap().fields.insert(field, kind.to_owned());
                    }
                    *depth = *depth + opened - closed;
                    if *depth == 0 {
                        open = None;
                    }
                }
            }
        }
        assert!(interfaces.len() > 50, "{} is not what it was", path.display());
        Self { interfaces }
    }

    /// The kind of a field of a type, its parents' fields included.
    pub(crate) fn kind(&self, of: &str, field: &str) -> Option<&str> {
        let interface = self.interfaces.get(of).unwrap_or_else(|| panic!("no type {of} is published"));
        let own = interface.fields.get(field).map(String::as_str);
        own.or_else(|| self.kind(interface.parent.as_deref()?, field))
    }

    /// What of `value`, said to be of a type, is not as that is published.
    pub(crate) fn differing(&self, of: &str, value: &Value) -> Vec<String> {
        let mut found = Vec::new();
        for (name, value) in value.as_object().unwrap_or_else(|| panic!("{of} is an object, not {value}")) {
            // OData's own
            if name.starts_with('@') {
                continue;
            }
            let Some(kind) = self.kind(of, name) else {
                found.push(format!("{of}.{name} is not published"));
                continue;
            };
            // written in place, without a name
            if kind.ends_with('{') {
                continue;
            }
            let words: Vec<&str> = kind.split(|c: char| !c.is_alphanumeric() && c != '$').collect();
            let inner = words.iter().find(|word| self.interfaces.contains_key(**word));
            let fits = |value: &Value| match value {
                Value::Null => true,
                _ if words.contains(&"any") => true,
                Value::Object(_) => inner.is_some(),
                Value::Bool(_) => words.contains(&"boolean"),
                Value::Number(_) => words.contains(&"number"),
                // a union of words is a type of its own
                Value::String(_) => inner.is_none() && !words.contains(&"boolean") && !words.contains(&"number"),
                Value::Array(_) => false,
            };
            let elements = match value {
                Value::Array(elements) if kind.contains("[]") || words.contains(&"any") => elements.as_slice(),
                other => std::slice::from_ref(other),
            };
            for element in elements {
                match (element, inner) {
                    _ if !fits(element) => found.push(format!("{of}.{name} is {element}, but{kind}")),
                    (Value::Object(_), Some(inner)) => found.extend(self.differing(inner, element)),
                    _ => {}
                }
            }
        }
        found
    }
}

#[test]
fn what_nobody_publishes_is_told() {
    let graph = Published::microsoft_graph();
    let user = serde_json::json!({
        "id": "1", "accountEnabled": "yes", "mailbox": 1, "otherMails": ["a"], "signInActivity": { "lastSeen": "x" },
    });
    let found = graph.differing("User", &user);
    assert_eq!(found.len(), 3, "{found:?}");
}
