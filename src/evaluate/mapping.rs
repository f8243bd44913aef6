//! What a configuration may say of the vocabulary: which tables and columns there are to fill, and whether an expression
//! or a whole mapping compiles. Nothing is run here, for there is no row to run it over.

use crate::guard::{self, Rule};
use crate::scratch::{ENGINE_TABLES, Scratch, ScratchError, create_source_table, quoted, sentence, table_names};
use model::TableSpec;
use rusqlite::fallible_iterator::FallibleIterator as _;
use rusqlite::{Batch, Connection};
use std::sync::LazyLock;

/// A table that a mapping may fill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VocabularyTable {
    /// Its name.
    pub name: String,
    /// Its columns, in the order of `vocabulary.sql`.
    pub columns: Vec<VocabularyColumn>,
}

/// A column of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VocabularyColumn {
    /// Its name.
    pub name: String,
    /// Whether every row must have a value in it.
    pub required: bool,
}

/// Every table that a mapping may fill, sorted by name.
pub fn vocabulary() -> &'static [VocabularyTable] {
    static TABLES: LazyLock<Vec<VocabularyTable>> =
        LazyLock::new(|| read_vocabulary().expect("the vocabulary is checked by this crate's tests"));
    &TABLES
}

fn read_vocabulary() -> Result<Vec<VocabularyTable>, ScratchError> {
    let connection = Scratch::empty()?;
    let names = table_names(&connection)?;
    let fillable = names.into_iter().filter(|name| !ENGINE_TABLES.contains(&name.as_str()));
    fillable
        .map(|name| {
            let mut columns = connection.prepare("SELECT name, \"notnull\" FROM pragma_table_info(?) ORDER BY cid")?;
            let columns =
                columns.query_map([&name], |row| Ok(VocabularyColumn { name: row.get(0)?, required: row.get(1)? }))?;
            Ok(VocabularyTable { columns: columns.collect::<rusqlite::Result<_>>()?, name })
        })
        .collect()
}

/// Whether `expression` says one thing of each row of `table`, with only `tables` to read; an error is a sentence.
pub fn compile_expression(tables: &[TableSpec], table: &str, expression: &str) -> Result<(), String> {
    let connection = Connection::open_in_memory().map_err(|error| sentence(&error))?;
    guard::prepare_connection(&connection).map_err(|error| sentence(&error))?;
    // in a condition, because there neither an aggregate nor a window compiles: they would make fewer rows
    let sql = format!("SELECT 1 FROM {} WHERE (\n{expression}\n) IS NULL", quoted(table));
    compile(connection, tables, &[], |connection| {
        let statement = connection.prepare(&sql)?;
        Ok((statement.parameter_count() > 0).then(|| statement.parameter_name(1).unwrap_or("?").to_owned()))
    })
    .and_then(|parameter| match parameter {
        Some(name) => Err(format!("`{name}` is a parameter, and a mapping has none")),
        None => Ok(()),
    })
}

/// Whether every statement of `sql` compiles over `tables` and fills nothing but `provides`; an error is a sentence.
pub fn compile_mapping(tables: &[TableSpec], provides: &[String], sql: &str) -> Result<(), String> {
    let connection = Scratch::empty().map_err(|error| error.to_string())?;
    let taken = table_names(&connection).map_err(|error| sentence(&error))?;
    if let Some(table) = tables.iter().find(|table| taken.contains(&table.name)) {
        return Err(format!("`{}` is a table of the vocabulary", table.name));
    }
    compile(connection, tables, provides, |connection| {
        let mut statements = Batch::new(connection, sql);
        while statements.next()?.is_some() {}
        Ok(())
    })
}

/// What `prepare` finds in a database that also has `tables`, under the rule for mappings.
fn compile<T>(
    mut connection: Connection,
    tables: &[TableSpec],
    provides: &[String],
    prepare: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, String> {
    for spec in tables {
        create_source_table(&connection, spec).map_err(|error| sentence(&error))?;
    }
    let rule = Rule::Mapping { provides: provides.iter().cloned().collect() };
    let touched = guard::install(&mut connection, rule).map_err(|error| sentence(&error))?;
    prepare(&connection).map_err(|error| {
        let refused = touched.lock().ok().and_then(|touched| touched.refused.first().cloned());
        refused.unwrap_or_else(|| sentence(&error))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Column, ColumnKind};

    fn user() -> TableSpec {
        let column = |name: &str| Column { name: name.to_owned(), kind: ColumnKind::Text, description: String::new() };
        TableSpec {
            name: "crm_user".to_owned(),
            description: String::new(),
            key: vec!["login".to_owned()],
            columns: vec![column("login"), column("state")],
        }
    }

    fn refused(expression: &str) -> String {
        compile_expression(&[user()], "crm_user", expression).expect_err(expression)
    }

    #[test]
    fn the_vocabulary_names_what_a_mapping_must_fill() {
        let account = vocabulary().iter().find(|table| table.name == "account").unwrap();
        let required: Vec<&str> =
            account.columns.iter().filter(|column| column.required).map(|column| column.name.as_str()).collect();
        assert_eq!(required, ["account_key", "source"]);
        assert!(account.columns.iter().any(|column| column.name == "status" && !column.required));
        assert!(vocabulary().iter().all(|table| !ENGINE_TABLES.contains(&table.name.as_str())));
    }

    #[test]
    fn an_expression_says_one_thing_of_each_row() {
        for good in
            ["login", "lower(login) || '@acme.example'", "CASE state WHEN 'on' THEN 'enabled' END -- a word", "1"]
        {
            compile_expression(&[user()], "crm_user", good).unwrap_or_else(|problem| panic!("{good}: {problem}"));
        }
        for bad in [
            "",
            "login, state",
            "max(login)",
            "count(*)",
            "row_number() OVER ()",
            "login) --",
            "1; DELETE FROM crm_user",
        ] {
            refused(bad);
        }
        assert_eq!(refused("logn"), "no such column: logn");
        assert_eq!(refused("(SELECT login FROM account)"), "no such table: account");
        assert_eq!(refused(":as_of"), "`:as_of` is a parameter, and a mapping has none");
        assert!(refused("random()").contains("not one of those"), "{}", refused("random()"));
    }

    #[test]
    fn a_mapping_fills_what_it_declares_and_nothing_else() {
        let mapping = "INSERT INTO account (account_key, source) SELECT login, _source FROM crm_user;\n";
        compile_mapping(&[user()], &["account".to_owned()], mapping).unwrap();
        assert!(compile_mapping(&[user()], &[], mapping).unwrap_err().contains("does not provide"));
        let taken = TableSpec { name: "account".to_owned(), ..user() };
        assert!(compile_mapping(&[taken], &[], "").unwrap_err().contains("table of the vocabulary"));
    }
}
