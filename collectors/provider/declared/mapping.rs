//! From declared expressions to SQL. What each vocabulary column is, is the configuration's word; whose row it is, ours.

use std::collections::{BTreeMap, BTreeSet};

/// Keys of the vocabulary: each is the source's name and what the expression says.
const KEYS: &[&str] = &["account_key", "change_key", "manager_key", "person_key", "repository_key"];

/// Vocabulary tables that do not name a system.
const WITHOUT_SYSTEM: &[&str] = &["branch_rule", "change", "credential", "employment", "person"];

/// Not a column: which rows are meant.
const WHERE: &str = "where";

/// The vocabulary tables that are filled, sorted, and the statements that do it. Each map is a derived table's, by
/// vocabulary table and column.
pub(super) fn mapping<'a>(
    maps: impl Iterator<Item = (String, &'a BTreeMap<String, BTreeMap<String, String>>)>,
) -> (Vec<String>, String) {
    let mut provides = BTreeSet::new();
    let mut sql = String::new();
    for (table, map) in maps {
        for (vocabulary, columns) in map {
            provides.insert(vocabulary.clone());
            sql += &statement(&table, vocabulary, columns);
        }
    }
    (provides.into_iter().collect(), sql)
}

fn statement(table: &str, vocabulary: &str, columns: &BTreeMap<String, String>) -> String {
    let mut names = vec![quoted("source")];
    let mut values = vec!["_source".to_owned()];
    if !columns.contains_key("system") && !WITHOUT_SYSTEM.contains(&vocabulary) {
        names.push(quoted("system"));
        values.push("_source".to_owned());
    }
    for (column, expression) in columns.iter().filter(|(column, _)| *column != WHERE) {
        names.push(quoted(column));
        // on lines of its own, so that a comment in it ends with it
        let value = format!("(\n{expression}\n)");
        values.push(if KEYS.contains(&column.as_str()) { format!("_source || ':' || {value}") } else { value });
    }
    let condition = columns.get(WHERE).map_or_else(String::new, |condition| format!("\n WHERE (\n{condition}\n)"));
    let (names, values, vocabulary, table) = (names.join(", "), values.join(", "), quoted(vocabulary), quoted(table));
    format!("INSERT INTO {vocabulary} ({names})\nSELECT {values}\n  FROM {table}{condition};\n")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    const VOCABULARY: &str = include_str!("../../../src/evaluate/vocabulary.sql");

    #[test]
    fn keys_and_systems_are_those_of_the_vocabulary() {
        let connection = Connection::open_in_memory().unwrap();
        let (filled_by_mappings, _) = VOCABULARY.split_once("-- Filled by the engine").unwrap();
        connection.execute_batch(filled_by_mappings).unwrap();
        let mut columns = connection
            .prepare("SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c WHERE m.type = 'table'")
            .unwrap();
        let columns: BTreeSet<(String, String)> =
            columns.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<Result<_, _>>().unwrap();
        let keys: BTreeSet<&str> =
            columns.iter().filter(|(_, column)| column.ends_with("_key")).map(|(_, column)| column.as_str()).collect();
        assert_eq!(keys, KEYS.iter().copied().collect());
        let tables: BTreeSet<&str> = columns.iter().map(|(table, _)| table.as_str()).collect();
        let with: BTreeSet<&str> =
            columns.iter().filter(|(_, column)| column == "system").map(|(table, _)| table.as_str()).collect();
        assert_eq!(tables.difference(&with).copied().collect::<Vec<_>>(), WITHOUT_SYSTEM);
    }

    #[test]
    fn a_row_is_the_source_s_and_says_what_the_expressions_say() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(VOCABULARY).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE crm_user (_source TEXT, _snapshot TEXT, login TEXT, active INTEGER);
                 INSERT INTO crm_user VALUES ('crm', 's', 'ada', 1), ('crm', 's', 'bob', 0), ('crm', 's', '_probe', 1);",
            )
            .unwrap();
        let text = |text: &str| text.to_owned();
        let account = BTreeMap::from([
            (text("account_key"), text("login -- as they type it")),
            (text("status"), text("CASE active WHEN 1 THEN 'enabled' ELSE 'disabled' END")),
            (text("where"), text("login NOT LIKE '\\_%' ESCAPE '\\'")),
        ]);
        let map = BTreeMap::from([(text("account"), account)]);
        let (provides, sql) = mapping(std::iter::once((text("crm_user"), &map)));
        assert_eq!(provides, ["account"]);
        connection.execute_batch(&sql).unwrap();
        let mut rows = connection
            .prepare("SELECT account_key || ' ' || source || ' ' || system || ' ' || status FROM account")
            .unwrap();
        let rows: Vec<String> = rows.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(rows, ["crm:ada crm crm enabled", "crm:bob crm crm disabled"]);
    }
}
