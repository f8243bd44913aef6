//! The empty database that checks are loaded against: every table there is to read, and no row.
//!
//! It is made once for all checks: creating the tables of every collector costs more than preparing a check over them.

use crate::guard::{self, Rule, Touched};
use crate::scratch::{Scratch, create_source_table, quoted, table_names};
use crate::set::CollectorTables;
use rusqlite::{Connection, Statement};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

/// Column names by table.
type Columns = BTreeMap<String, BTreeSet<String>>;

/// The database, under the rule that is in force when a check runs.
pub(crate) struct Reference {
    connection: Connection,
    tables: BTreeSet<String>,
    columns: OnceCell<Columns>,
    touched: Arc<Mutex<Touched>>,
}

impl Reference {
    /// The vocabulary's tables and those of `collectors`; an error is a sentence.
    pub(crate) fn new(collectors: &[CollectorTables]) -> Result<Self, String> {
        let in_words = |error: rusqlite::Error| error.to_string();
        let mut connection = Scratch::empty().map_err(|error| error.to_string())?;
        for spec in collectors.iter().flat_map(|collector| &collector.tables) {
            create_source_table(&connection, spec).map_err(in_words)?;
        }
        let tables = table_names(&connection).map_err(in_words)?;
        let rule = Rule::Read { tables: tables.clone(), schema: false };
        let touched = guard::install(&mut connection, rule).map_err(in_words)?;
        Ok(Self { connection, tables, columns: OnceCell::new(), touched })
    }

    /// Every table.
    pub(crate) const fn tables(&self) -> &BTreeSet<String> {
        &self.tables
    }

    /// Every table with its columns; an error is a sentence.
    pub(crate) fn columns(&self) -> Result<&Columns, String> {
        if let Some(columns) = self.columns.get() {
            return Ok(columns);
        }
        let mut columns = Columns::new();
        for table in &self.tables {
            let select = self.connection.prepare(&format!("SELECT * FROM {}", quoted(table)));
            let select = select.map_err(|error| error.to_string())?;
            columns.insert(table.clone(), select.column_names().map(str::to_owned).collect());
        }
        Ok(self.columns.get_or_init(|| columns))
    }

    /// Prepares `sql`; beside the statement what that touched, also where it was refused.
    pub(crate) fn prepare(&self, sql: &str) -> (rusqlite::Result<Statement<'_>>, Touched) {
        let take = || self.touched.lock().map(|mut touched| std::mem::take(&mut *touched)).unwrap_or_default();
        // what was prepared before is not of this statement
        take();
        let statement = self.connection.prepare(sql);
        (statement, take())
    }
}
