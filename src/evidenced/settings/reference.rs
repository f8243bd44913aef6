//! `config/evidenced.toml`, generated from the key table and the collectors' declarations, and embedded.

#[cfg(test)]
use super::keys::{Absent, Key, SECTIONS, SOURCE, Times, WAYS, collector_keys, toml_text};
#[cfg(test)]
use model::CollectorSpec;

/// Every key with its default and a comment.
pub(crate) const REFERENCE: &str = include_str!("../../../config/evidenced.toml");

/// JSON Schema of the configuration, for editors.
pub(crate) const SCHEMA: &str = include_str!("../../../config/evidenced.schema.json");

#[cfg(test)]
const HEAD: &str = "\
# Every key of evidenced's configuration, with its default. Generated from the program: a test keeps it fresh.
#
# Keys with a value here are required (then it is an example) or have this default; keys commented out have none.
# Relative paths start at this file. EVIDENCED_SECTION__KEY in the environment overrides a key, a flag overrides both.
# Secrets are never written here, only referred to: { env = \"VARIABLE\" } or { file = \"path\" }.
";

/// A name for the example source of a collector.
#[cfg(test)]
fn source_name(id: &str) -> &str {
    match id {
        "aws_iam" => "aws",
        "aws_backup" => "backup",
        "github_org" => "github",
        "hr_file" => "hr",
        "linux_accounts" => "host",
        other => other,
    }
}

/// The text of `config/evidenced.toml`.
#[cfg(test)]
pub(super) fn reference(specs: &[&CollectorSpec]) -> String {
    use std::fmt::Write as _;
    let mut text = HEAD.to_owned();
    for section in SECTIONS {
        let _ = writeln!(text, "\n# {}", section.help);
        match section.times {
            Times::Once => {
                let _ = writeln!(text, "[{}]", section.name);
                section.keys.iter().for_each(|key| line(&mut text, key, false));
            }
            Times::Listed => {
                let _ = writeln!(text, "# [[{}]]", section.name);
                section.keys.iter().for_each(|key| line(&mut text, key, true));
            }
            Times::Named if section.name == "reviews" => {
                let _ = writeln!(text, "# [reviews.quarterly]");
                section.keys.iter().for_each(|key| line(&mut text, key, true));
            }
            Times::Named if section.name != "sources" => {
                for (position, way) in WAYS.iter().enumerate() {
                    let blank = if position == 0 { "" } else { "\n" };
                    let _ = writeln!(text, "{blank}# {}\n# [{}.{}]", way.help, section.name, way.example);
                    let _ = writeln!(text, "# kind = \"{}\"", way.kind);
                    // what all of them have stands once, in the first
                    let common = section.keys.iter().filter(|key| key.name != "kind" && position == 0);
                    common.chain(way.keys).for_each(|key| line(&mut text, key, true));
                }
            }
            Times::Named => {
                for (position, spec) in specs.iter().enumerate() {
                    let blank = if position == 0 { "" } else { "\n" };
                    let _ = writeln!(
                        text,
                        "{blank}# {}. {}\n[sources.{}]",
                        spec.title,
                        spec.population,
                        source_name(&spec.id)
                    );
                    let _ = writeln!(text, "collector = \"{}\"", spec.id);
                    // the keys every source has stand once, in the first
                    let common = SOURCE.iter().filter(|key| key.name != "collector" && position == 0);
                    for key in common {
                        let example = match key.name.as_ref() {
                            "schedule" => toml_text(&spec.schedule.as_str().into()),
                            "max_age" => toml_text(&spec.max_age.as_str().into()),
                            _ => key.example.to_string(),
                        };
                        line(&mut text, &Key { example: example.into(), ..key.clone() }, true);
                    }
                    if position > 0 {
                        let _ = writeln!(text, "# schedule = \"{}\"\n# max_age = \"{}\"", spec.schedule, spec.max_age);
                    }
                    for key in &collector_keys(spec) {
                        line(&mut text, key, false);
                    }
                }
            }
        }
    }
    text
}

#[cfg(test)]
fn line(text: &mut String, key: &Key, commented: bool) {
    use std::fmt::Write as _;
    let (value, active, note) = match &key.absent {
        Absent::Refused => (key.example.as_ref(), true, "required: "),
        Absent::Default(value) => (value.as_ref(), true, ""),
        Absent::Nothing => (key.example.as_ref(), false, ""),
    };
    let mark = if active && !commented { "" } else { "# " };
    let _ = writeln!(text, "# {note}{}\n{mark}{} = {value}", key.help, key.name);
}
