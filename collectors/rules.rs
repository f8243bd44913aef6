//! The rules of the house, walked over the registry: a collector that breaks one does not pass the tests.

use crate::fixture::{Shows, assert_fresh, fixtures, house};
use crate::{all, describe};
use egress::Collector;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Checks every collector and reports all that break the rule.
fn every_collector(rule: impl Fn(&dyn Collector) -> Vec<String>) {
    let broken: Vec<String> = all()
        .iter()
        .flat_map(|collector| rule(*collector).into_iter().map(|why| format!("{}: {why}", collector.spec().id)))
        .collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn is_sentence(text: &str) -> bool {
    text.len() > 10 && !text.contains("TODO")
}

#[test]
fn every_folder_with_a_specification_is_registered_and_every_entry_has_its_folder() {
    let folders: BTreeSet<String> = std::fs::read_dir(house())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("collector.toml").is_file())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    let ids: Vec<&str> = all().iter().map(|collector| collector.spec().id.as_str()).collect();
    assert_eq!(folders, ids.iter().map(|id| (*id).to_owned()).collect::<BTreeSet<_>>());
    assert!(ids.is_sorted(), "the registry is sorted: {ids:?}");
    assert_eq!(ids, crate::ids(), "a collector's id is the name of its module");
    assert!(ids.iter().all(|id| crate::find(id).is_some()));
}

#[test]
fn every_table_and_column_is_described_and_every_key_is_a_column() {
    every_collector(|collector| {
        let spec = collector.spec();
        let mut broken = Vec::new();
        for table in &spec.tables {
            let described = is_sentence(&table.description) && table.description.ends_with('.');
            let keyed = !table.key.is_empty()
                && table.key.iter().all(|key| table.columns.iter().any(|column| &column.name == key));
            if !described || !keyed {
                broken.push(format!("table {}: described {described}, keyed {keyed}", table.name));
            }
            let prefix = spec.id.split('_').next().unwrap_or_default();
            if !table.name.starts_with(prefix) {
                broken.push(format!("table {} does not start with {prefix}", table.name));
            }
            let mut names = BTreeSet::new();
            for column in &table.columns {
                let snake = column.name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
                if column.description.len() < 8
                    || !column.description.ends_with('.')
                    || !snake
                    || !names.insert(&column.name)
                {
                    broken.push(format!("column {}.{}", table.name, column.name));
                }
            }
        }
        broken
    });
}

#[test]
fn every_operation_has_a_permission_a_reason_and_feeds_what_exists() {
    every_collector(|collector| {
        let spec = collector.spec();
        let exists = |feed: &String| match feed.split_once('.') {
            None => spec.table(feed).is_some(),
            Some((table, column)) => {
                spec.table(table).is_some_and(|table| table.columns.iter().any(|known| known.name == column))
            }
        };
        spec.operations
            .iter()
            .filter(|operation| {
                operation.permission.is_empty()
                    || !is_sentence(&operation.reason)
                    || !operation.feeds.iter().all(exists)
            })
            .map(|operation| format!("operation {operation:?}"))
            .collect()
    });
}

#[test]
fn every_specification_says_what_the_population_is_and_how_often_it_is_read() {
    every_collector(|collector| {
        let spec = collector.spec();
        let mut broken = Vec::new();
        for (name, text) in [("population", &spec.population), ("completeness", &spec.completeness)] {
            if text.len() < 40 || !text.ends_with('.') {
                broken.push(format!("{name} is no sentence an auditor could quote"));
            }
        }
        if spec.schedule.split_whitespace().count() != 5 {
            broken.push("schedule has not five fields".to_owned());
        }
        if model::time::parse_duration(&spec.max_age).is_err() {
            broken.push("max_age is no duration".to_owned());
        }
        for (name, setting) in &spec.settings {
            if setting.help.is_empty() || (setting.required && (setting.example.is_none() || setting.default.is_some()))
            {
                broken.push(format!("setting {name} needs help, and when required an example and no default"));
            }
        }
        broken
    });
}

#[test]
fn every_collector_has_fixtures_for_several_pages_a_denied_call_and_a_broken_page() {
    every_collector(|collector| {
        let cases = fixtures(&collector.spec().id);
        let mut broken = Vec::new();
        for wanted in [Shows::Pages, Shows::Denied, Shows::Broken] {
            if !cases.iter().any(|fixture| fixture.case.shows.contains(&wanted)) {
                broken.push(format!("no case shows {wanted:?}"));
            }
        }
        for fixture in &cases {
            let case = &fixture.case;
            let name = fixture.folder.file_name().unwrap().to_string_lossy().into_owned();
            let asks_network = fixture.exchanges.iter().any(|exchange| exchange.record.url.starts_with("http"));
            let status = |wanted: &[u16]| {
                fixture
                    .exchanges
                    .iter()
                    .any(|exchange| exchange.record.status.is_some_and(|status| wanted.contains(&status)))
            };
            let several = fixture.exchanges.iter().any(|one| {
                let same = |other: &&model::Exchange| {
                    other.record.operation == one.record.operation && other.record.attempt == one.record.attempt
                };
                fixture.exchanges.iter().filter(same).count() > 1
            });
            if !is_sentence(&case.title) {
                broken.push(format!("case {name} has no title"));
            }
            if case.shows.contains(&Shows::Pages) && (case.status != "complete" || (asks_network && !several)) {
                broken.push(format!("case {name} does not show a whole population on several pages"));
            }
            if case.shows.contains(&Shows::Denied) && (case.status == "complete" || !status(&[400, 401, 403, 404, 422]))
            {
                broken.push(format!("case {name} does not show a denied call"));
            }
            if case.shows.contains(&Shows::Broken) && case.status == "complete" {
                broken.push(format!("case {name} is broken and yet complete"));
            }
        }
        broken
    });
}

#[test]
fn every_operation_a_fixture_makes_is_declared() {
    every_collector(|collector| {
        fixtures(&collector.spec().id)
            .iter()
            .flat_map(|fixture| &fixture.exchanges)
            .filter(|exchange| collector.spec().operation(&exchange.record.operation).is_none())
            .map(|exchange| format!("`{}` is not in collector.toml", exchange.record.operation))
            .collect()
    });
}

#[test]
fn readmes_and_permissions_are_fresh() {
    let permissions = house().join("../deploy/permissions");
    let mut wanted = BTreeSet::new();
    assert_fresh(&house().join("README.md"), &describe::index(all().iter().map(|collector| collector.spec())));
    for collector in all() {
        let spec = collector.spec();
        assert_fresh(&house().join(&spec.id).join("README.md"), &describe::readme(spec));
        let mut file = |name: String, content: &str| {
            assert_fresh(&permissions.join(&name), content);
            wanted.insert(name);
        };
        file(format!("{}.md", spec.id), &describe::permissions_markdown(spec));
        if let Some(policy) = describe::permissions_json(spec) {
            file(format!("{}.json", spec.id), &policy);
        }
    }
    let found: BTreeSet<String> = std::fs::read_dir(&permissions)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name != "README.md")
        .collect();
    assert_eq!(found, wanted, "deploy/permissions holds one set for each collector");
}

#[test]
fn iam_policies_only_read() {
    for collector in all().iter().filter(|collector| collector.spec().id.starts_with("aws_")) {
        let policy: serde_json::Value =
            serde_json::from_str(&describe::permissions_json(collector.spec()).unwrap()).unwrap();
        for action in policy["Statement"][0]["Action"].as_array().unwrap() {
            let verb = action.as_str().unwrap().split(':').nth(1).unwrap();
            let reads = ["Get", "List", "Describe", "Generate"].iter().any(|reading| verb.starts_with(reading));
            assert!(reads, "{}: {action}", collector.spec().id);
        }
    }
}

/// Every file below `folder`.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

#[test]
fn fixtures_hold_no_secret_and_nobody_real() {
    let mut broken = Vec::new();
    for collector in all() {
        for path in files(&house().join(&collector.spec().id).join("fixtures")) {
            let text = std::fs::read_to_string(&path).unwrap();
            for found in suspicious(&text) {
                broken.push(format!("{}: {found}", path.strip_prefix(house()).unwrap().display()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+')
}

/// What looks like a secret or a real person's address.
fn suspicious(text: &str) -> Vec<String> {
    const MARKS: &[&str] = &["ghp_", "gho_", "ghs_", "github_pat_", "PRIVATE KEY", "xoxb-", "$6$", "$y$", "$2b$"];
    let mut found: Vec<String> = Vec::new();
    for mark in MARKS {
        for (at, _) in text.match_indices(mark) {
            let after = &text[at + mark.len()..];
            if !after.starts_with("REDACTED") {
                found.push(format!("`{mark}…`"));
            }
        }
    }
    for word in text.split(|c: char| !is_word(c)) {
        let is_key_id = (word.starts_with("AKIA") || word.starts_with("ASIA")) && word.len() >= 16;
        if is_key_id && !word.contains("EXAMPLE") {
            found.push(format!("`{word}`"));
        }
    }
    for (at, _) in text.match_indices('@') {
        let name = text[..at].chars().next_back().is_some_and(is_word);
        let domain: String = text[at + 1..].chars().take_while(|c| is_word(*c)).collect();
        let domain = domain.trim_end_matches(['.', '-']).to_ascii_lowercase();
        let labels: Vec<&str> = domain.split('.').collect();
        let reserved = labels.last() == Some(&"example")
            || labels.last() == Some(&"invalid")
            || (labels.len() >= 2
                && labels[labels.len() - 2] == "example"
                && matches!(labels.last(), Some(&("com" | "org" | "net"))));
        if name && labels.len() > 1 && !reserved {
            found.push(format!("`@{domain}`"));
        }
    }
    found
}

#[test]
fn secrets_and_real_addresses_are_recognised() {
    let text = "ghp_abc AKIAABCDEFGHIJKLMNOP $6$salt$hash ada@company.io";
    assert_eq!(suspicious(text).len(), 4, "{:?}", suspicious(text));
    assert!(
        suspicious("AKIAIOSFODNN7EXAMPLE ada@acme.example grace@mail.example.com $6$REDACTED ada@laptop").is_empty()
    );
}
