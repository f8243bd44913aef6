//! File, then `EVIDENCED_*` environment, then flags: merged by the `config` crate, each value's origin remembered.

use super::document::{Document, KeyPath};
use super::problem::{Place, Problem};
use config::{Config, Environment, File, FileFormat};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;

/// Environment variables by name.
pub(super) type Variables = BTreeMap<String, String>;

const PREFIX: &str = "EVIDENCED_";
const SEPARATOR: &str = "__";

/// A key given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Override {
    /// The flag as the user typed it, for messages: `--set serve.listen=…`.
    pub(crate) flag: String,
    /// The key: `serve.listen`.
    pub(crate) key: String,
    /// Its value as text.
    pub(crate) value: String,
}

impl Override {
    /// Reads `section.key=value`, the value of `--set`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (key, value) = text.split_once('=').ok_or("write it as `section.key=value`")?;
        let key = key.trim();
        if !key.contains('.') {
            return Err(format!("`{key}` names no key in a section; write it as `section.key=value`"));
        }
        // the value may be anything, also something not to be repeated in messages
        Ok(Self { flag: format!("--set {key}=…"), key: key.to_owned(), value: value.to_owned() })
    }
}

/// The merged configuration and where each of its values comes from.
pub(super) struct Layers {
    pub(super) root: Value,
    document: Document,
    outside: BTreeMap<KeyPath, Place>,
}

impl Layers {
    /// Merges `text`, `variables` and `overrides`.
    pub(super) fn merge(
        file: &Path,
        text: &str,
        variables: &Variables,
        overrides: &[Override],
    ) -> Result<Self, Vec<Problem>> {
        let document = Document::parse(file, text)?;
        let mut outside = BTreeMap::new();
        let mut normalised = config::Map::new();
        let mut problems = Vec::new();
        for name in document.names(&[]).filter(|name| name.contains(['.', '[', ']'])) {
            let place = document.key_place(&[name.to_owned()]);
            problems.push(Problem::new(place, format!("unknown section `{name}`"), "write sections as `[section]`"));
        }
        for (name, value) in variables {
            // a name without the separator belongs to the command line (EVIDENCED_LOG), every key lies in a section
            let Some(rest) = name.strip_prefix(PREFIX).filter(|rest| rest.contains(SEPARATOR)) else { continue };
            let path = known_path(&document, rest.split(SEPARATOR));
            let place = Place::Variable(name.clone());
            if in_a_list(&document, &path) {
                problems.push(list_problem(place, &path));
                continue;
            }
            normalised.insert(format!("{PREFIX}{}", path.join(SEPARATOR)), value.clone());
            outside.insert(path, place);
        }
        let environment =
            Environment::with_prefix("EVIDENCED").prefix_separator("_").separator(SEPARATOR).source(Some(normalised));
        let mut builder = Config::builder().add_source(File::from_str(text, FileFormat::Toml)).add_source(environment);
        for given in overrides {
            let path: KeyPath = given.key.split('.').map(ToOwned::to_owned).collect();
            let place = Place::Flag(given.flag.clone());
            if in_a_list(&document, &path) {
                problems.push(list_problem(place, &path));
                continue;
            }
            match builder.clone().set_override(&given.key, given.value.as_str()) {
                Ok(with) => {
                    builder = with;
                    outside.insert(path, place);
                }
                Err(error) => problems.push(Problem::new(
                    place,
                    format!("`{}` is not a key: {error}", given.key),
                    "write it as `section.key=value`",
                )),
            }
        }
        let merged = builder.build().and_then(Config::try_deserialize::<Value>);
        match merged {
            Ok(root) if problems.is_empty() => Ok(Self { root, document, outside }),
            Ok(_) => Err(problems),
            Err(error) => {
                problems.push(Problem {
                    place: Place::Whole(file.to_owned()),
                    message: format!("cannot be read: {error}"),
                    help: None,
                });
                Err(problems)
            }
        }
    }

    /// Whether the value at `path` came as text from the environment or a flag.
    pub(super) fn is_outside(&self, path: &[String]) -> bool {
        self.outside_place(path).is_some()
    }

    /// Where the key at `path` is written.
    pub(super) fn key_place(&self, path: &[String]) -> Place {
        self.outside_place(path).unwrap_or_else(|| self.document.key_place(path))
    }

    /// Where the value at `path` is written.
    pub(super) fn value_place(&self, path: &[String]) -> Place {
        self.outside_place(path).unwrap_or_else(|| self.document.value_place(path))
    }

    fn outside_place(&self, path: &[String]) -> Option<Place> {
        let above = (1..=path.len()).rev().find_map(|length| self.outside.get(&path[..length]));
        // a table that only variables made has no place of its own: name one of them
        let below = || {
            let inside = self.outside.range(path.to_vec()..).next();
            inside.filter(|(inner, _)| inner.starts_with(path) && !self.document.has(path)).map(|(_, place)| place)
        };
        above.or_else(below).cloned()
    }
}

/// Variables are upper case with underscores; names in the file may have hyphens: `AWS_PROD` finds `aws-prod`.
fn known_path<'a>(document: &Document, segments: impl Iterator<Item = &'a str>) -> KeyPath {
    let mut path = KeyPath::new();
    for segment in segments {
        let lower = segment.to_lowercase();
        let known = document.names(&path).find(|name| name.to_lowercase().replace('-', "_") == lower);
        let name = known.map_or(lower, ToOwned::to_owned);
        path.push(name);
    }
    path
}

fn in_a_list(document: &Document, path: &[String]) -> bool {
    (1..path.len()).any(|length| document.has(&[&path[..length], &["0".to_owned()]].concat()))
}

fn list_problem(place: Place, path: &[String]) -> Problem {
    Problem::new(
        place,
        format!("`{}` lies in a list of the file, which cannot be changed piece by piece", path.join(".")),
        "change it in the file",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "[store]\nurl = \"sqlite:./a\"\n[sources.aws-prod]\nregion = \"x\"\n[[links]]\naccount = \"a\"\n";

    fn merge(variables: &[(&str, &str)], overrides: &[(&str, &str)]) -> Result<Layers, Vec<Problem>> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let overrides: Vec<Override> = overrides
            .iter()
            .map(|(key, value)| Override {
                flag: "--set".to_owned(),
                key: (*key).to_owned(),
                value: (*value).to_owned(),
            })
            .collect();
        Layers::merge(Path::new("f.toml"), TEXT, &variables, &overrides)
    }

    #[test]
    fn the_environment_overrides_the_file_and_a_flag_overrides_both() {
        let layers = merge(&[("EVIDENCED_STORE__URL", "sqlite:./b")], &[]).unwrap();
        assert_eq!(layers.root["store"]["url"], "sqlite:./b");
        let layers = merge(&[("EVIDENCED_STORE__URL", "sqlite:./b")], &[("store.url", "sqlite:./c")]).unwrap();
        assert_eq!(layers.root["store"]["url"], "sqlite:./c");
        let path = ["store".to_owned(), "url".to_owned()];
        assert_eq!(layers.value_place(&path), Place::Flag("--set".to_owned()));
        assert_eq!(layers.root["sources"]["aws-prod"]["region"], "x");
    }

    #[test]
    fn a_variable_finds_a_name_with_a_hyphen_and_a_new_key_keeps_its_underscores() {
        let layers = merge(
            &[("EVIDENCED_SOURCES__AWS_PROD__MAX_AGE", "1h"), ("EVIDENCED_LOG", "debug"), ("HOME", "/root")],
            &[],
        )
        .unwrap();
        assert_eq!(layers.root["sources"]["aws-prod"]["max_age"], "1h");
        assert_eq!(layers.root["sources"].as_object().unwrap().len(), 1);
        assert!(layers.root.get("log").is_none(), "EVIDENCED_LOG belongs to the command line");
    }

    #[test]
    fn a_flag_is_a_key_in_a_section_and_a_value() {
        let given = Override::parse("serve.listen = 127.0.0.1:1=2").unwrap();
        assert_eq!((given.key.as_str(), given.value.as_str()), ("serve.listen", " 127.0.0.1:1=2"));
        assert!(Override::parse("serve.listen").is_err());
        assert!(Override::parse("listen=1").is_err());
    }

    #[test]
    fn a_list_is_not_changed_piece_by_piece() {
        let problems = merge(&[("EVIDENCED_LINKS__0__ACCOUNT", "b")], &[("links.0.account", "c")]).err().unwrap();
        assert_eq!(problems.len(), 2);
        assert_eq!(problems[0].place, Place::Variable("EVIDENCED_LINKS__0__ACCOUNT".to_owned()));
    }
}
