//! Generates a collector's README and its least-privilege permissions from collector.toml.

use model::ColumnKind;
use model::collector::{CollectorSpec, Setting, SettingKind};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The README of the folder of collectors.
pub(crate) fn index<'a>(specs: impl Iterator<Item = &'a CollectorSpec>) -> String {
    let mut text = "<!-- generated; `UPDATE=1 cargo test -p collectors` rewrites it -->\n\n# Collectors\n\n\
        A collector reads one kind of evidence from one source and judges nothing. Its folder has the collector's name:\n\n\
        - `collector.toml`: population, completeness, every call with its permission and reason, settings, tables. Its \
        `README.md` and `deploy/permissions/` are generated from it.\n\
        - `mod.rs`: what is read, through `egress` only, so that a recording gives the same tables again.\n\
        - `mapping.sql`: from its tables to the vocabulary of `src/evaluate/vocabulary.sql`.\n\
        - `fixtures/<case>/`: `case.toml` says what happens and how it must end, `exchanges.jsonl` holds the answers, \
        `expected/` and `mapped/` what is derived. `UPDATE=1` rewrites what is derived, never what a case claims.\n\n\
        A new one is its folder and two lines in `lib.rs`: `tests/walkthrough/` adds one. `rules.rs` holds what the tests want of every collector: \
        described columns, reasoned permissions, cases for several pages, a denied call and a broken answer, no secret \
        and nobody real in them.\n\n\
        | collector | what | needs |\n|---|---|---|\n"
        .to_owned();
    for spec in specs {
        let id = &spec.id;
        let row =
            format!("| [{id}]({id}/README.md) | {} | [permissions](../deploy/permissions/{id}.md) |\n", spec.title);
        text += &row;
    }
    text
}

/// The README of a collector.
pub(crate) fn readme(spec: &CollectorSpec) -> String {
    let mut text = format!(
        "<!-- generated from collector.toml; `UPDATE=1 cargo test -p collectors` rewrites it -->\n\n# {}\n\n{}\n\n",
        spec.id, spec.title
    );
    text += &format!("**Population.** {}\n\n**Complete** means: {}\n\n", spec.population, spec.completeness);
    let fills = match spec.table_settings {
        Some(_) => "what the configuration maps".to_owned(),
        None => code_list(spec.provides.iter().map(String::as_str)),
    };
    text += &format!("Collected by default at `{}`, stale after {}. Fills {fills}.\n\n", spec.schedule, spec.max_age);
    let hosts =
        if spec.hosts.is_empty() { "none: it reads local files only".to_owned() } else { spec.hosts.join("; ") };
    text += &format!("Talks to: {hosts}.\n\n## Settings\n\n");
    text += "Beside the keys every source has (`collector`, `schedule`, `max_age`, …):\n\n";
    text += "| key | kind | default | meaning |\n|---|---|---|---|\n";
    for (name, setting) in &spec.settings {
        text += &format!("| `{name}` | {} | {} | {} |\n", kind(setting.kind), default(setting), cell(&setting.help));
    }
    text += &format!("\n```toml\n[sources.{}]\ncollector = \"{}\"\n", example_name(&spec.id), spec.id);
    for (name, setting) in spec.settings.iter().filter(|(_, setting)| setting.required) {
        text += &format!("{name} = {}\n", example(setting));
    }
    if let Some(own) = spec.table_settings.as_ref().filter(|_| spec.tables.is_empty()) {
        text += &declared_example(&spec.id, own);
    }
    text += "```\n\n## Permissions\n\nNothing but these calls leaves the process. Refused, a call leaves what it feeds \
             *not reported*, and the snapshot says so.\n\n";
    text += &permission_table(spec);
    text += "\n## Tables\n\n`NULL` always means that the source did not say.\n";
    if let Some(own) = &spec.table_settings {
        text += &declared_tables(own);
    }
    for table in &spec.tables {
        text += &format!(
            "\n### {}\n\n{} Key: {}.\n\n",
            table.name,
            table.description,
            code_list(table.key.iter().map(String::as_str))
        );
        text += "| column | kind | meaning |\n|---|---|---|\n";
        for column in &table.columns {
            text += &format!("| `{}` | {} | {} |\n", column.name, column_kind(column.kind), cell(&column.description));
        }
    }
    text
}

/// A table that the configuration declares.
fn declared_example(id: &str, own: &BTreeMap<String, Setting>) -> String {
    let name = example_name(id);
    let mut text = format!("[sources.{name}.table.user]\n");
    for (key, setting) in own.iter().filter(|(_, setting)| setting.required || setting.in_example) {
        text += &format!("{key} = {}\n", example(setting));
    }
    text += &format!(
        "key = [\"login\"]\ncolumns = {{ login = \"text\", email = \"text\", active = \"boolean\" }}\n\
         [sources.{name}.table.user.map.account]\naccount_key = \"login\"\nlogin = \"login\"\nemail = \"email\"\n\
         status = \"CASE active WHEN 1 THEN 'enabled' WHEN 0 THEN 'disabled' END\"\n"
    );
    text
}

/// How the configuration declares tables.
fn declared_tables(own: &BTreeMap<String, Setting>) -> String {
    let mut text = "\nWhat a source declares, one section `[sources.NAME.table.TABLE]` each; checks read them as `NAME_TABLE` \
        (`-` of the name is `_`).\n\n| key | meaning |\n|---|---|\n\
        | `key` | **required**: the columns that identify a row |\n\
        | `columns` | **required**: each column's type: `text`, `integer`, `boolean`, `timestamp` (with its offset), `date` or \
        `json`; or `{ type = \"text\", from = \"…\", description = \"…\" }`, where `from` is the field of the record, or a JSONPath \
        into it when it begins with `$` |\n\
        | `description` | what one row is |\n\
        | `map.VOCABULARY` | for each column of a vocabulary table (`src/evaluate/vocabulary.sql`) an SQL expression over the \
        row's columns; `source` and `system` are filled in, keys get the source's name before them, and `where` says which rows \
        are meant |\n"
        .to_owned();
    for (name, setting) in own {
        let needed = if setting.required { "**required**: " } else { "" };
        let or = match &setting.default {
            Some(_) => format!("; by default {}", default(setting)),
            None => String::new(),
        };
        text += &format!("| `{name}` | {needed}{}{or} |\n", cell(&setting.help));
    }
    text += "\nA record that fits no row makes the snapshot incomplete by name: no value for a key, a value that is not of its \
        column's type, and a column that no record has. A vocabulary table that does not exist, an expression that does not \
        compile and a required column that nobody maps are found when the configuration is read.\n";
    text
}

/// deploy/permissions/<collector>.md
pub(crate) fn permissions_markdown(spec: &CollectorSpec) -> String {
    let mut text = format!(
        "<!-- generated from collectors/{id}/collector.toml; `UPDATE=1 cargo test -p collectors` rewrites it -->\n\n\
         # What `{id}` needs\n\n{title}. The least that lets it see its whole population:\n\n",
        id = spec.id,
        title = spec.title
    );
    for permission in permissions(spec) {
        text += &format!("- {}\n", cell(permission));
    }
    text += "\n## Why\n\n";
    text += &permission_table(spec);
    text
}

/// Whether the permission belongs to the policy of the credential that starts from elsewhere, which names the role it may
/// assume: the role itself does not need it.
fn is_of_the_starting_credential(permission: &str) -> bool {
    permission == "sts:AssumeRole"
}

/// deploy/permissions/<collector>.json: an IAM policy, where the permissions are IAM actions.
pub(crate) fn permissions_json(spec: &CollectorSpec) -> Option<String> {
    let actions: BTreeSet<&str> = permissions(spec)
        .into_iter()
        .filter(|permission| is_iam_action(permission) && !is_of_the_starting_credential(permission))
        .collect();
    if actions.is_empty() {
        return None;
    }
    let policy: Value = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Sid": "EvidencedRead", "Effect": "Allow", "Action": actions, "Resource": "*" }],
    });
    Some(format!("{policy:#}\n"))
}

pub(crate) fn is_iam_action(permission: &str) -> bool {
    permission.split_once(':').is_some_and(|(service, action)| {
        !service.is_empty()
            && service.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && action.starts_with(|c: char| c.is_ascii_uppercase())
            && action.chars().all(|c| c.is_ascii_alphanumeric())
    })
}

fn permissions(spec: &CollectorSpec) -> BTreeSet<&str> {
    spec.operations.iter().map(|operation| operation.permission.as_str()).collect()
}

fn permission_table(spec: &CollectorSpec) -> String {
    let mut text = "| call | permission | why | feeds |\n|---|---|---|---|\n".to_owned();
    for operation in &spec.operations {
        let feeds = if operation.feeds.is_empty() {
            "the manifest".to_owned()
        } else {
            code_list(operation.feeds.iter().map(String::as_str))
        };
        text += &format!(
            "| `{}` | {} | {} | {feeds} |\n",
            operation.name,
            cell(&operation.permission),
            cell(&operation.reason)
        );
    }
    text
}

/// The name a source of this collector usually has: `aws`, `github`, `hr`.
fn example_name(id: &str) -> &str {
    id.split('_').next().unwrap_or(id)
}

fn code_list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Text that cannot end a table cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

const fn kind(kind: SettingKind) -> &'static str {
    match kind {
        SettingKind::String => "text",
        SettingKind::Integer => "whole number",
        SettingKind::Boolean => "true or false",
        SettingKind::Duration => "duration",
        SettingKind::Path => "path",
        SettingKind::Url => "URL",
        SettingKind::Secret => "secret",
        SettingKind::Secrets => "table of secrets",
        SettingKind::Map => "table",
        SettingKind::List => "list",
    }
}

const fn column_kind(kind: ColumnKind) -> &'static str {
    match kind {
        ColumnKind::Text => "text",
        ColumnKind::Integer => "integer",
        ColumnKind::Boolean => "boolean",
        ColumnKind::Timestamp => "timestamp",
        ColumnKind::Date => "date",
        ColumnKind::Json => "json",
    }
}

fn default(setting: &Setting) -> String {
    match &setting.default {
        Some(Value::String(text)) => format!("`{}`", cell(text)),
        Some(Value::Object(members)) => {
            let pairs = members.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", ");
            format!("`{{ {pairs} }}`")
        }
        Some(other) => format!("`{other}`"),
        None if setting.required => "**required**".to_owned(),
        None => String::new(),
    }
}

fn example(setting: &Setting) -> String {
    let example = setting.example.as_deref().unwrap_or("…");
    match setting.kind {
        SettingKind::String | SettingKind::Path | SettingKind::Url | SettingKind::Duration => format!("\"{example}\""),
        _ => example.to_owned(),
    }
}
