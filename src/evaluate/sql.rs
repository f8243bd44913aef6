//! A check's SQL held against the tables there are: what it touches, what it lacks, and where in its text that is.
//!
//! It is prepared and never run. SQLite says where some mistakes are; for the rest the place is where the text first mentions what
//! is wrong.

use crate::check::{CLOSING, COLUMNS, Header, Known, MAP};
use crate::diagnostic::{Diagnostic, Place, did_you_mean};
use crate::guard::{FUNCTIONS, Touched};
use crate::history;
use crate::reference::Reference;
use crate::scratch::{ENGINE_TABLES, sentence};
use rusqlite::Statement;
use std::collections::BTreeSet;

/// Those of `tables` that the SQL of a check's file mentions, outside of comments and texts.
pub(crate) fn mentioned(text: &str, tables: &[&str]) -> BTreeSet<String> {
    let after_front = text.find(CLOSING).map_or(0, |at| at + CLOSING.len());
    // most texts do not have the word at all, which is told sooner
    let is_mentioned = |table: &&&str| text.contains(**table) && mention(text, after_front, table).is_some();
    tables.iter().filter(is_mentioned).map(|table| (*table).to_owned()).collect()
}

/// Prepares the SQL against empty tables and compares what it touches with what the front matter declares.
pub(crate) fn problems(
    place: Place<'_>,
    base: usize,
    header: &Header,
    known: &Known<'_>,
    problems: &mut Vec<Diagnostic>,
) -> BTreeSet<String> {
    let reference = match known.reference() {
        Ok(reference) => reference,
        Err(problem) => {
            problems.push(place.at(0, format!("cannot be checked: {problem}"), ""));
            return BTreeSet::new();
        }
    };
    let tables = reference.tables();
    let (statement, touched) = reference.prepare(place.text);
    let after_front = place.text.find(CLOSING).map_or(0, |at| at + CLOSING.len());

    match &statement {
        Ok(statement) => statement_problems(place, base, after_front, header, statement, problems),
        Err(error) => problems.push(mistake(place, after_front, reference, error, &touched)),
    }

    let mut needed: BTreeSet<&str> =
        touched.tables.iter().map(String::as_str).filter(|table| !ENGINE_TABLES.contains(table)).collect();
    if MAP.iter().any(|map| touched.tables.contains(*map)) {
        // the map is made from these, so it is no better than they are
        needed.extend(["account", "person"]);
    }
    for (table, of) in history::tables() {
        if touched.tables.contains(table) {
            needed.insert(of);
        }
    }
    for table in header.inputs.keys() {
        let problem = if !tables.contains(table.get_ref()) {
            format!("input `{}` is not a table of the vocabulary or of a collector", table.get_ref())
        } else if ENGINE_TABLES.contains(&table.get_ref().as_str()) {
            format!("input `{}` is filled by the engine and needs no declaration", table.get_ref())
        } else if statement.is_ok() && !needed.contains(table.get_ref().as_str()) {
            format!("input `{}` is declared but not read", table.get_ref())
        } else {
            continue;
        };
        let help = if tables.contains(table.get_ref()) {
            "take it away".to_owned()
        } else {
            did_you_mean(table.get_ref(), tables.iter().map(String::as_str))
        };
        problems.push(place.at(base + table.span().start, problem, help));
    }
    if statement.is_ok() {
        let declared = |table: &str| header.inputs.keys().any(|input| input.get_ref() == table);
        for table in needed.into_iter().filter(|table| !declared(table)) {
            let help = format!("add `{table} = {{ monotone = false }}` under [inputs]");
            let at = mention(place.text, after_front, table).unwrap_or(after_front + 1);
            problems.push(place.at(at, format!("table `{table}` is read but not declared"), help));
        }
    }
    touched.tables
}

fn statement_problems(
    place: Place<'_>,
    base: usize,
    after_front: usize,
    header: &Header,
    statement: &Statement<'_>,
    problems: &mut Vec<Diagnostic>,
) {
    let columns: Vec<&str> = statement.column_names().collect();
    for required in COLUMNS {
        if !columns.contains(&required) {
            let help = "a check returns subject, verdict, reason and source";
            problems.push(place.at(after_front + 1, format!("the query returns no column `{required}`"), help));
        }
    }
    let mut seen = BTreeSet::new();
    for column in columns.iter().filter(|column| !seen.insert(**column)) {
        let problem = format!("the query returns the column `{column}` twice");
        problems.push(place.at(after_front + 1, problem, "name it with AS"));
    }
    let mut used = BTreeSet::new();
    for index in 1..=statement.parameter_count() {
        let name = statement.parameter_name(index).unwrap_or("?");
        let known = name.strip_prefix(':').filter(|known| {
            *known == "as_of" || header.parameters.keys().any(|parameter| parameter.get_ref() == known)
        });
        if let Some(known) = known {
            used.insert(known.to_owned());
        } else {
            let offset = mention(place.text, after_front, name).unwrap_or(after_front + 1);
            let names = header.parameters.keys().map(|parameter| parameter.get_ref().as_str());
            let help = did_you_mean(name.trim_start_matches(':'), names.chain(["as_of"]));
            problems.push(place.at(offset, format!("parameter `{name}` is not declared"), help));
        }
    }
    for parameter in header.parameters.keys().filter(|parameter| !used.contains(parameter.get_ref())) {
        let problem = format!("parameter `{}` is declared but not used", parameter.get_ref());
        problems.push(place.at(base + parameter.span().start, problem, "use it in the SQL or remove it"));
    }
}

/// Why the SQL cannot be prepared, where that is, and the name that was probably meant.
fn mistake(
    place: Place<'_>,
    after_front: usize,
    reference: &Reference,
    error: &rusqlite::Error,
    touched: &Touched,
) -> Diagnostic {
    let problem = touched.refused.first().cloned().unwrap_or_else(|| sentence(error));
    let told = match error {
        rusqlite::Error::SqlInputError { offset, .. } => usize::try_from(*offset).ok(),
        _ => None,
    };
    let named = |kind: &str| problem.strip_prefix(kind).and_then(|name| name.rsplit('.').next());
    let (wrong, help) = if let Some(table) = named("no such table: ") {
        (Some(table), did_you_mean(table, reference.tables().iter().map(String::as_str)))
    } else if let Some(column) = named("no such column: ") {
        (Some(column), near_column(column, reference, touched))
    } else if let Some(function) = named("no such function: ") {
        (Some(function), did_you_mean(function, FUNCTIONS.iter().copied()))
    } else if matches!(error, rusqlite::Error::MultipleStatement) || problem.starts_with("only SELECT") {
        (None, "a check is one SELECT".to_owned())
    } else {
        // what the guard refuses it names
        (problem.split('`').nth(1), String::new())
    };
    let verb = || {
        let verbs = ["INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER", "ATTACH", "DETACH", "PRAGMA"];
        verbs.iter().filter_map(|verb| mention(place.text, after_front, verb)).min()
    };
    let mentioned = wrong.and_then(|wrong| mention(place.text, after_front, wrong));
    let at = told.or(mentioned).or_else(verb).unwrap_or(after_front + 1);
    place.at(at, problem, help)
}

/// The column that was probably meant, of the tables that are read; of all where none could be told.
fn near_column(column: &str, reference: &Reference, touched: &Touched) -> String {
    let Ok(columns) = reference.columns() else { return String::new() };
    let read = |table: &&String| touched.tables.is_empty() || touched.tables.contains(*table);
    let known: BTreeSet<&str> =
        columns.keys().filter(read).filter_map(|table| columns.get(table)).flatten().map(String::as_str).collect();
    did_you_mean(column, known)
}

/// Where SQL from byte `from` of `text` on first mentions `name`: outside comments and texts, as a whole word, in any case.
fn mention(text: &str, from: usize, name: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80;
    let mut at = from;
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        let skipped = |opening: &str, closing: &str| {
            rest.strip_prefix(opening)
                .map(|inside| inside.find(closing).map_or(rest.len(), |end| opening.len() + end + closing.len()))
        };
        let skip = skipped("--", "\n").or_else(|| skipped("/*", "*/")).or_else(|| skipped("'", "'"));
        if let Some(bytes) = skip {
            at += bytes;
            continue;
        }
        let starts = at == 0 || !word(bytes[at - 1]) || !name.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let ends = bytes.get(at + name.len()).is_none_or(|byte| !word(*byte));
        if starts && ends && rest.get(..name.len()).is_some_and(|here| here.eq_ignore_ascii_case(name)) {
            return Some(at);
        }
        at += rest.chars().next().map_or(1, char::len_utf8);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::mention;

    #[test]
    fn a_name_is_found_where_it_is_code() {
        let text =
            "-- account\n/* account */ SELECT 'account', accounts, my_account, größe FROM Account WHERE :limit < :li";
        assert_eq!(mention(text, 0, "account"), text.find("Account"));
        assert_eq!(mention(text, 0, ":li"), Some(text.len() - 3));
        assert_eq!(mention(text, 0, "größe"), text.find("größe"));
        assert_eq!(mention(text, text.len() - 3, "account"), None);
        for unfinished in ["/* account", "'account", "-- account", ""] {
            assert_eq!(mention(unfinished, 0, "account"), None, "{unfinished}");
        }
    }
}
