//! What SQL may do inside the scratch database.
//!
//! The authorizer, the limits and the replaced date functions keep a query deterministic and harmless by construction.
//! They are no sandbox: the worker process is. Nothing here decides an outcome.

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::limits::Limit;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

/// Longest text or row a query may make. Longer is an error, which makes the check inconclusive.
const MAX_LENGTH_BYTES: i32 = 16 * 1024 * 1024;

/// Functions that give the same answer for the same rows, on every machine and every day.
pub(crate) const FUNCTIONS: &[&str] = &[
    "->",
    "->>",
    "abs",
    "avg",
    "char",
    "coalesce",
    "concat",
    "concat_ws",
    "count",
    "cume_dist",
    "date",
    "datetime",
    "dense_rank",
    "first_value",
    "format",
    "glob",
    "group_concat",
    "hex",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_each",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_object",
    "json_quote",
    "json_tree",
    "json_type",
    "json_valid",
    "julianday",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "likelihood",
    "likely",
    "lower",
    "ltrim",
    "max",
    "min",
    "nth_value",
    "ntile",
    "nullif",
    "octet_length",
    "percent_rank",
    "printf",
    "quote",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "strftime",
    "string_agg",
    "substr",
    "substring",
    "subtype",
    "sum",
    "time",
    "timediff",
    "total",
    "trim",
    "typeof",
    "unhex",
    "unicode",
    "unixepoch",
    "unlikely",
    "upper",
];

/// Date functions and the least number of arguments with which they do not mean the current time.
const DATE_FUNCTIONS: &[(&str, i32, usize)] = &[
    ("date", -1, 1),
    ("datetime", -1, 1),
    ("julianday", -1, 1),
    ("strftime", -1, 2),
    ("time", -1, 1),
    ("timediff", 2, 2),
    ("unixepoch", -1, 1),
];

/// Words that make a date function read the host's clock or zone.
const CLOCK_WORDS: &[&str] = &["now", "subsec", "subsecond", "localtime", "utc"];

/// Which SQL is about to run.
#[derive(Debug, Clone)]
pub(crate) enum Rule {
    /// A collector's mapping: reads anything, inserts into the tables it provides.
    Mapping {
        /// Vocabulary tables it may fill.
        provides: BTreeSet<String>,
    },
    /// A check or a query: reads the tables of the scratch database.
    Read {
        /// Every table there is.
        tables: BTreeSet<String>,
        /// Whether the schema itself may be read.
        schema: bool,
    },
}

/// What a statement touched while it was prepared.
#[derive(Debug, Default, Clone)]
pub(crate) struct Touched {
    /// Tables read.
    pub tables: BTreeSet<String>,
    /// What was refused, in words.
    pub refused: Vec<String>,
}

/// Limits and date functions of a connection that will run SQL written by others.
pub(crate) fn prepare_connection(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA temp_store = MEMORY; PRAGMA journal_mode = OFF; PRAGMA trusted_schema = OFF;")?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, MAX_LENGTH_BYTES)?;
    connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, 1024 * 1024)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_limit(Limit::SQLITE_LIMIT_WORKER_THREADS, 0)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000)?;
    // a second connection computes what the replaced functions may still say, so that the answers are SQLite's own
    let calendar = Arc::new(Mutex::new(Calendar { connection: Connection::open_in_memory()?, told: HashMap::new() }));
    for (name, arity, least) in DATE_FUNCTIONS {
        let calendar = Arc::clone(&calendar);
        connection.create_scalar_function(
            *name,
            *arity,
            FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC,
            move |context| date_function(name, *least, &calendar, context),
        )?;
    }
    Ok(())
}

/// What computes dates.
struct Calendar {
    connection: Connection,
    /// What it said last, by function and arguments: a query asks the same of every row.
    told: HashMap<Vec<u8>, Value>,
}

/// Most answers that are remembered.
const REMEMBERED: usize = 4096;
/// The longest arguments of which the answer is remembered.
const REMEMBERED_BYTES: usize = 256;

fn date_function(
    name: &str,
    least: usize,
    calendar: &Mutex<Calendar>,
    context: &Context<'_>,
) -> rusqlite::Result<Value> {
    let refuse = |what: &str| Err(rusqlite::Error::UserFunctionError(format!("{name}: {what}").into()));
    if context.len() < least {
        return refuse("without a time it means the current one; write `:as_of`");
    }
    let mut question = name.as_bytes().to_vec();
    for index in 0..context.len() {
        let value = context.get_raw(index);
        if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = value
            && let Some(text) = bytes.split(|byte| *byte == 0).next()
            && CLOCK_WORDS.iter().any(|word| text.eq_ignore_ascii_case(word.as_bytes()))
        {
            // SQLite reads bytes as text, and both only up to the first zero
            return refuse("time enters only as `:as_of`; the host's clock and zone are not evidence");
        }
        add_argument(&mut question, value);
    }
    let Ok(mut calendar) = calendar.lock() else { return refuse("calendar is gone") };
    if let Some(answer) = calendar.told.get(&question) {
        return Ok(answer.clone());
    }
    let mut arguments = Vec::with_capacity(context.len());
    for index in 0..context.len() {
        let value = Value::try_from(context.get_raw(index));
        arguments.push(value.map_err(|error| rusqlite::Error::UserFunctionError(error.into()))?);
    }
    let marks = vec!["?"; arguments.len()].join(",");
    let answer: Value = {
        let mut statement = calendar.connection.prepare_cached(&format!("SELECT {name}({marks})"))?;
        statement.query_row(params_from_iter(arguments), |row| row.get(0))?
    };
    if question.len() <= REMEMBERED_BYTES {
        if calendar.told.len() >= REMEMBERED {
            calendar.told.clear();
        }
        calendar.told.insert(question, answer.clone());
    }
    Ok(answer)
}

/// Adds `value` so that no other arguments look the same.
fn add_argument(question: &mut Vec<u8>, value: ValueRef<'_>) {
    let (kind, bytes): (u8, &[u8]) = match value {
        ValueRef::Null => (0, &[]),
        ValueRef::Integer(number) => (1, &number.to_be_bytes()),
        ValueRef::Real(number) => (2, &number.to_bits().to_be_bytes()),
        ValueRef::Text(text) => (3, text),
        ValueRef::Blob(bytes) => (4, bytes),
    };
    question.push(kind);
    question.extend(bytes.len().to_be_bytes());
    question.extend_from_slice(bytes);
}

/// Puts `rule` in force and returns where it notes what statements touch.
pub(crate) fn install(connection: &mut Connection, rule: Rule) -> rusqlite::Result<Arc<Mutex<Touched>>> {
    let touched = Arc::new(Mutex::new(Touched::default()));
    let noted = Arc::clone(&touched);
    connection.authorizer(Some(move |context: AuthContext<'_>| {
        let Ok(mut noted) = noted.lock() else { return Authorization::Deny };
        match judge(&rule, &context, &mut noted) {
            Ok(()) => Authorization::Allow,
            Err(refusal) => {
                noted.refused.push(refusal);
                Authorization::Deny
            }
        }
    }))?;
    Ok(touched)
}

/// Takes every rule away again.
pub(crate) fn lift(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.authorizer(None::<fn(AuthContext<'_>) -> Authorization>)
}

fn judge(rule: &Rule, context: &AuthContext<'_>, touched: &mut Touched) -> Result<(), String> {
    match context.action {
        AuthAction::Select | AuthAction::Recursive => Ok(()),
        AuthAction::Function { function_name } => {
            if FUNCTIONS.iter().any(|known| known.eq_ignore_ascii_case(function_name)) {
                Ok(())
            } else {
                Err(format!("function `{function_name}` is not one of those a check may call"))
            }
        }
        AuthAction::Read { table_name, column_name } => read(rule, table_name, column_name, touched),
        AuthAction::Insert { table_name } => match rule {
            Rule::Mapping { provides } if provides.contains(table_name) => Ok(()),
            Rule::Mapping { .. } => Err(format!("mapping writes `{table_name}`, which its collector does not provide")),
            Rule::Read { .. } => Err(format!("writing `{table_name}` is refused: a check only reads")),
        },
        AuthAction::Attach { .. } | AuthAction::Detach { .. } => Err("ATTACH and DETACH are refused".to_owned()),
        AuthAction::Pragma { pragma_name, .. } => Err(format!("PRAGMA {pragma_name} is refused")),
        other => {
            let words = format!("{other:?}");
            let name = words.split([' ', '{', '(']).next().unwrap_or_default();
            Err(format!("only SELECT is allowed, not {}", name.to_uppercase()))
        }
    }
}

fn read(rule: &Rule, table: &str, column: &str, touched: &mut Touched) -> Result<(), String> {
    // SQLite names a table of its own as the query does, in any case
    let lower = table.to_ascii_lowercase();
    let internal = lower.starts_with("sqlite_") || lower.starts_with("pragma_") || lower == "dbstat";
    match rule {
        Rule::Mapping { .. } if internal => Err(format!("table `{table}` is refused")),
        Rule::Mapping { .. } => Ok(()),
        Rule::Read { tables, schema } => {
            if let Some(known) = tables.iter().find(|known| known.eq_ignore_ascii_case(table)) {
                touched.tables.insert(known.clone());
                Ok(())
            } else if *schema && matches!(lower.as_str(), "sqlite_master" | "sqlite_schema") {
                Ok(())
            } else if table == "json_each" || table == "json_tree" || (column.is_empty() && !internal) {
                // an empty column names a common table expression or a subquery, not a table
                Ok(())
            } else {
                Err(format!("table `{table}` is not part of the vocabulary"))
            }
        }
    }
}
