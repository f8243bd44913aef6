//! A corpus of ways out of the scratch database, run as checks in the confined worker: every one is refused, in words, and
//! what was loaded is as it was. The corpus is made of small tables that are multiplied, the same on every run.

use super::worker::{honest, run, worker};
use crate::Check;
use crate::scratch::VOCABULARY;
use model::{Outcome, canonical_json};
use rusqlite::Connection;
use std::collections::BTreeMap;

/// Where an expression may stand in a query that passes when the expression can be evaluated.
const PLACES: &[&str] = &[
    "SELECT account_key AS subject, 'pass' AS verdict, 'x' || coalesce({}, '') AS reason, source FROM account",
    "SELECT account_key AS subject, 'pass' AS verdict, 'x' AS reason, source FROM account WHERE coalesce({}, '') <> '\u{1}'",
    "SELECT account_key AS subject, 'pass' AS verdict, 'x' AS reason, source FROM account ORDER BY coalesce({}, '') || account_key",
    "SELECT account_key AS subject, 'pass' AS verdict, 'x' AS reason, source FROM account GROUP BY coalesce({}, '') || account_key",
    "SELECT account_key AS subject, 'pass' AS verdict, 'x' AS reason, source FROM account GROUP BY 1 HAVING coalesce({}, '') <> '\u{1}'",
    "SELECT a.account_key AS subject, 'pass' AS verdict, 'x' AS reason, a.source FROM account a JOIN account b ON a.account_key = b.account_key AND coalesce({}, '') <> '\u{1}'",
    "WITH c(v) AS (SELECT {}) SELECT account_key AS subject, 'pass' AS verdict, 'x' || coalesce(v, '') AS reason, source FROM account, c",
    "WITH c(v) AS (VALUES ({})) SELECT account_key AS subject, 'pass' AS verdict, 'x' || coalesce(v, '') AS reason, source FROM account, c",
    "SELECT account_key AS subject, 'pass' AS verdict, 'x' || coalesce(max({}) OVER (), '') AS reason, source FROM account",
    "SELECT account_key AS subject, CASE WHEN ({}) IS NULL THEN 'pass' ELSE 'pass' END AS verdict, 'x' AS reason, source FROM account",
    "SELECT account_key AS subject, 'pass' AS verdict, 'x' AS reason, source FROM account WHERE EXISTS (SELECT 1 WHERE coalesce({}, '') <> '\u{1}')",
    "SELECT account_key AS subject, 'pass' AS verdict, 'x' AS reason, source FROM account UNION SELECT 'y', 'pass', 'x' || coalesce({}, ''), 'toy'",
    "SELECT account_key AS subject, 'pass' AS verdict, 'x' AS reason, source FROM account LIMIT 1 + coalesce(length({}), 0)",
    "SELECT value AS subject, 'pass' AS verdict, 'x' AS reason, NULL AS source FROM json_each(json_array(1, {}))",
];

/// Functions that reach files, other code, chance or the state of the connection.
const FUNCTIONS: &[&str] = &[
    "load_extension('{dir}/x.so')",
    "load_extension('{dir}/x.so', 'entry')",
    "readfile('{dir}/secret.txt')",
    "writefile('{dir}/new.txt', 'x')",
    "edit('x', 'sh')",
    "fts3_tokenizer('simple')",
    "fts3_tokenizer('simple', x'0000000000000000')",
    "random()",
    "hex(randomblob(8))",
    "hex(zeroblob(1000000000))",
    "sqlite_version()",
    "sqlite_source_id()",
    "sqlite_compileoption_get(0)",
    "sqlite_log(1, 'x')",
    "changes()",
    "last_insert_rowid()",
    "RANDOM()",
    "\"random\"()",
    "[random]()",
    "`random`()",
    "random/* */()",
    "random --\n()",
    "(SELECT random())",
];

/// Ways to say the word `now` or a word that means the host's zone, and calls that take it.
const NOW: &[&str] = &[
    "'now'",
    "'NOW'",
    "'nOw'",
    "'n' || 'ow'",
    "char(110, 111, 119)",
    "replace('xow', 'x', 'n')",
    "substr('know', 2)",
    "lower('NOW')",
    "trim(' now ')",
    "printf('%s', 'now')",
    "json_extract('[\"now\"]', '$[0]')",
    "unhex('6e6f77')",
    "x'6e6f77'",
    "CAST(x'6e6f77' AS TEXT)",
    "CAST('now' AS BLOB)",
    "'now' || char(0) || 'and then'",
    "CAST(x'6e6f7700' AS TEXT)",
    "x'6e6f7700ff'",
    "(SELECT 'now')",
    "(SELECT value FROM json_each('[\"now\"]'))",
    "coalesce(NULL, 'now')",
];
const CLOCKS: &[&str] = &[
    "date({})",
    "time({})",
    "datetime({})",
    "julianday({})",
    "unixepoch({})",
    "strftime('%s', {})",
    "timediff({}, '2026-01-01')",
    "timediff('2026-01-01', {})",
];
const ZONES: &[&str] = &[
    "'localtime'",
    "'utc'",
    "'LocalTime'",
    "x'6c6f63616c74696d65'",
    "'utc' || char(0)",
    "'local' || 'time'",
    "unhex('757463')",
];
const ZONED: &[&str] =
    &["datetime('2026-01-01', {})", "unixepoch(0, 'unixepoch', {})", "strftime('%H', 0, 'auto', {})"];
const WITHOUT_A_TIME: &[&str] = &[
    "date()",
    "time()",
    "datetime()",
    "julianday()",
    "unixepoch()",
    "strftime('%s')",
    "strftime()",
    "CURRENT_TIMESTAMP",
    "CURRENT_DATE",
    "current_time",
    "unixepoch('subsec')",
    "unixepoch('subsecond')",
    "timediff()",
];

/// Tables that are not evidence: the schema, statistics, what virtual tables and pragmas tell.
const TABLES: &[&str] = &[
    "sqlite_master",
    "SQLITE_MASTER",
    "\"sqlite_master\"",
    "[sqlite_master]",
    "main.sqlite_master",
    "sqlite_schema",
    "main.sqlite_schema",
    "sqlite_temp_master",
    "sqlite_temp_schema",
    "temp.sqlite_master",
    "sqlite_sequence",
    "sqlite_stat1",
    "sqlite_stat4",
    "dbstat",
    "DbStat",
    "main.dbstat",
    "sqlite_dbpage",
    "sqlite_dbpage('main')",
    "sqlite_stmt",
    "bytecode('SELECT 1')",
    "tables_used('SELECT 1')",
    "generate_series(1, 3)",
    "fsdir('{dir}')",
    "zipfile('{dir}/x.zip')",
    "completion('s')",
    "carray(1, 2)",
    "fts5vocab",
    "rtree",
    "pragma_database_list",
    "PRAGMA_DATABASE_LIST",
    "pragma_table_list",
    "pragma_table_info('account')",
    "pragma_table_xinfo('account')",
    "pragma_index_list('account')",
    "pragma_function_list",
    "pragma_module_list",
    "pragma_pragma_list",
    "pragma_collation_list",
    "pragma_compile_options",
    "pragma_integrity_check",
    "pragma_quick_check",
    "pragma_page_count",
    "pragma_user_version",
    "pragma_hard_heap_limit(0)",
    "pragma_soft_heap_limit(0)",
    "pragma_threads(8)",
    "pragma_temp_store",
    "pragma_journal_mode",
    "pragma_foreign_key_check",
    "pragma_stats",
];
const READS: &[&str] = &[
    "SELECT 'x' AS subject, 'pass' AS verdict, 'x' || (SELECT count(*) FROM {}) AS reason, NULL AS source",
    "SELECT 'x' AS subject, 'pass' AS verdict, 'x' AS reason, NULL AS source FROM {} LIMIT 1",
    "SELECT account_key AS subject, 'pass' AS verdict, 'x' AS reason, source FROM account WHERE NOT EXISTS (SELECT * FROM {} AS t WHERE 0)",
    "WITH c AS MATERIALIZED (SELECT * FROM {}) SELECT account_key AS subject, 'pass' AS verdict, 'x' AS reason, source FROM account, (SELECT count(*) FROM c)",
];

const PRAGMAS: &[&str] = &[
    "hard_heap_limit = 0",
    "hard_heap_limit(0)",
    "soft_heap_limit = 0",
    "temp_store = FILE",
    "temp_store_directory = '{dir}'",
    "journal_mode = WAL",
    "writable_schema = ON",
    "trusted_schema = ON",
    "query_only = OFF",
    "cell_size_check = OFF",
    "ignore_check_constraints = ON",
    "database_list",
    "main.database_list",
    "table_info(account)",
    "integrity_check",
    "optimize",
    "user_version = 7",
    "application_id = 7",
    "encoding = 'UTF-16'",
    "mmap_size = 1000000000",
    "threads = 8",
    "locking_mode = EXCLUSIVE",
    "wal_checkpoint",
    "incremental_vacuum",
    "schema_version = 1",
    "case_sensitive_like = ON",
    "foreign_keys = ON",
    "recursive_triggers = ON",
    "shrink_memory",
    "data_version",
];

/// Statements as they stand; `{table}` is each of a few tables of the vocabulary.
const WRITES: &[&str] = &[
    "INSERT INTO {table} DEFAULT VALUES",
    "INSERT INTO {table} SELECT * FROM {table}",
    "INSERT OR REPLACE INTO {table} SELECT * FROM {table} RETURNING *",
    "REPLACE INTO {table} SELECT * FROM {table}",
    "UPDATE {table} SET source = 'x'",
    "UPDATE {table} SET source = 'x' RETURNING source AS subject, 'pass' AS verdict, 'x' AS reason, NULL AS source",
    "UPDATE OR IGNORE {table} SET source = 'x' WHERE 0",
    "DELETE FROM {table}",
    "DELETE FROM {table} RETURNING 'a' AS subject, 'pass' AS verdict, 'x' AS reason, NULL AS source",
    "WITH c AS (SELECT 1) DELETE FROM {table}",
    "DROP TABLE {table}",
    "DROP TABLE IF EXISTS main.{table}",
    "ALTER TABLE {table} RENAME TO gone",
    "ALTER TABLE {table} ADD COLUMN more TEXT",
    "ALTER TABLE {table} DROP COLUMN source",
    "CREATE INDEX i ON {table}(source)",
    "CREATE TRIGGER t AFTER INSERT ON {table} BEGIN SELECT 1; END",
    "CREATE TEMP TRIGGER t AFTER DELETE ON {table} BEGIN DELETE FROM source; END",
    "CREATE VIEW v AS SELECT * FROM {table}",
    "CREATE TEMP TABLE {table} AS SELECT 1",
    "EXPLAIN DELETE FROM {table}",
    "EXPLAIN QUERY PLAN UPDATE {table} SET source = 'x'",
    "ANALYZE {table}",
    "REINDEX {table}",
];
const WRITTEN: &[&str] = &["account", "person", "identity_link", "snapshot"];

const STATEMENTS: &[&str] = &[
    "ATTACH '{dir}/new.db' AS x",
    "ATTACH DATABASE '{dir}/secret.db' AS x",
    "ATTACH 'file:{dir}/secret.db?mode=ro' AS x",
    "ATTACH 'file:x?mode=memory&cache=shared' AS x",
    "ATTACH ':memory:' AS x",
    "ATTACH '' AS x",
    "ATTACH ('{dir}/' || 'new.db') AS x",
    "DETACH main",
    "DETACH temp",
    "VACUUM",
    "VACUUM INTO '{dir}/new.db'",
    "VACUUM main INTO ('{dir}/' || 'new.db')",
    "BEGIN",
    "BEGIN EXCLUSIVE",
    "COMMIT",
    "ROLLBACK",
    "SAVEPOINT a",
    "RELEASE a",
    "ANALYZE",
    "REINDEX",
    "CREATE TABLE t (x)",
    "CREATE TABLE t AS SELECT * FROM account",
    "CREATE TEMP VIEW account AS SELECT 1",
    "CREATE VIRTUAL TABLE t USING fts3(x)",
    "CREATE VIRTUAL TABLE t USING fts4(x, tokenize=simple)",
    "CREATE VIRTUAL TABLE t USING fts5(x)",
    "CREATE VIRTUAL TABLE t USING rtree(id, a, b)",
    "CREATE VIRTUAL TABLE t USING rtree_i32(id, a, b)",
    "CREATE VIRTUAL TABLE t USING fts5vocab(x, row)",
    "CREATE VIRTUAL TABLE temp.t USING dbstat",
    "CREATE VIRTUAL TABLE t USING csv(filename='{dir}/secret.txt')",
    "DROP TABLE sqlite_master",
    "DELETE FROM sqlite_master",
    "UPDATE sqlite_master SET sql = ''",
    "INSERT INTO sqlite_master VALUES (1, 2, 3, 4, 5)",
    "SELECT 1; DELETE FROM account",
    "SELECT 1;DELETE FROM account;",
    "SELECT 1; SELECT 2",
    "SELECT 1 /* ; */; ATTACH '{dir}/new.db' AS x",
    "SELECT 1 -- ;\n; DROP TABLE account",
    "/* a */ SELECT 1 /* b */ ; /* c */ VACUUM",
    ";DELETE FROM account",
    ";;;ATTACH ':memory:' AS x",
    "\u{feff}DELETE FROM account",
    "\u{feff}SELECT 1; DELETE FROM account",
    "SELECT 1;\0DELETE FROM account",
    "SELECT 1;\0",
    "DELETE/**/FROM/**/account",
    "dElEtE FrOm account",
    "DELETE\tFROM\x0caccount",
    "/* SELECT */ DELETE FROM account -- SELECT",
    "-- SELECT 1\nDELETE FROM account",
    "WITH a AS (SELECT 1) UPDATE account SET status = 'disabled'",
    "SELECT 'a' AS subject, 'pass' AS verdict, 'x' AS reason, NULL AS source; -- '\nDROP TABLE account; --",
    "VALUES (1); DELETE FROM account",
    "ＤＥＬＥＴＥ FROM account",
    "DELETE FROM account\u{200b}",
    "SELECT * FROM \u{430}ccount",
    "SELECT 1 UNION SELECT name FROM sqlite_master",
    "SELECT * FROM account NATURAL JOIN sqlite_schema",
    "SELECT (SELECT sql FROM sqlite_schema LIMIT 1) AS subject, 'pass' AS verdict, 'x' AS reason, NULL AS source",
    "SELECT rowid, * FROM sqlite_schema",
    "SELECT 'a' AS subject, 'pass' AS verdict, ? AS reason, NULL AS source",
    "SELECT 'a' AS subject, 'pass' AS verdict, ?1 AS reason, NULL AS source",
    "SELECT 'a' AS subject, 'pass' AS verdict, @as_of AS reason, NULL AS source",
    "SELECT 'a' AS subject, 'pass' AS verdict, $as_of AS reason, NULL AS source",
    "SELECT 'a' AS subject, 'pass' AS verdict, :other AS reason, NULL AS source",
    "",
    " ",
    ";",
    "--",
    "/*",
    "\0",
];

/// Every attack, by what it is; `dir` is a folder with something to read and nothing else.
fn corpus(dir: &str) -> Vec<(String, String)> {
    let mut corpus = Vec::new();
    let mut add = |family: &str, sql: String| corpus.push((family.to_owned(), sql.replace("{dir}", dir)));
    for (index, function) in FUNCTIONS.iter().enumerate() {
        for place in PLACES.iter().cycle().skip(index).step_by(3).take(5) {
            add("function", place.replace("{}", function));
        }
    }
    let clocks = CLOCKS.iter().flat_map(|clock| NOW.iter().map(move |now| clock.replace("{}", now)));
    let zones = ZONED.iter().flat_map(|zoned| ZONES.iter().map(move |zone| zoned.replace("{}", zone)));
    let bare = WITHOUT_A_TIME.iter().map(|bare| (*bare).to_owned());
    for (index, clock) in clocks.chain(zones).chain(bare).enumerate() {
        // in turn, wherever an expression may stand
        add("clock", PLACES[index % PLACES.len()].replace("{}", &clock));
    }
    for (index, table) in TABLES.iter().enumerate() {
        for read in READS.iter().cycle().skip(index).take(2) {
            add("table", read.replace("{}", table));
        }
    }
    for pragma in PRAGMAS {
        add("pragma", format!("PRAGMA {pragma}"));
    }
    for table in WRITTEN {
        for write in WRITES {
            add("write", write.replace("{table}", table));
        }
    }
    for statement in STATEMENTS {
        add("statement", (*statement).to_owned());
    }
    corpus
}

/// The attacks that were not refused, with what they came to.
fn successes(attacks: &[(String, String)]) -> Vec<String> {
    let before = canonical_json(&run(&worker(), &[&honest("honest")]).evaluations).unwrap();
    let hostile: Vec<Check> = attacks
        .iter()
        .map(|(_, sql)| Check { text: sql.clone(), ..honest("hostile") })
        .chain([honest("honest")])
        .collect();
    let mut evaluations = run(&worker(), &hostile.iter().collect::<Vec<_>>()).evaluations;
    let after = evaluations.pop().unwrap();
    assert_eq!(canonical_json(&[after]).unwrap(), before, "what was loaded is as it was");
    let refused = |evaluation: &model::Evaluation| {
        let why = evaluation.why.join("; ");
        // a query that ran and gave the wrong columns, and a worker that was lost, are no refusals
        let ran = [
            "returned no column",
            "has no verdict",
            "has no reason",
            "has no subject",
            "worker process",
            "returned no member",
        ];
        evaluation.outcome == Outcome::Inconclusive && !ran.iter().any(|words| why.contains(words))
    };
    let told = evaluations.iter().zip(attacks).filter(|(evaluation, _)| !refused(evaluation));
    told.map(|(evaluation, (family, sql))| {
        format!("{family}: {sql:?}: {} {:?}", evaluation.outcome.as_str(), evaluation.why)
    })
    .collect()
}

#[test]
fn every_escape_is_refused_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("secret.txt"), "SENTINEL").unwrap();
    Connection::open(folder.path().join("secret.db")).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let attacks = corpus(folder.path().to_str().unwrap());
    let through = successes(&attacks);
    assert!(through.is_empty(), "{} of {} went through\n{}", through.len(), attacks.len(), through.join("\n"));
    let mut files: Vec<String> =
        folder.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(files, ["secret.db", "secret.txt"], "no attack wrote a file");

    // most are live: a connection without a guard prepares them
    let plain = Connection::open_in_memory().unwrap();
    plain.execute_batch(VOCABULARY).unwrap();
    let live = attacks.iter().filter(|(_, sql)| plain.prepare(sql).is_ok()).count();
    let mut families: BTreeMap<&str, usize> = BTreeMap::new();
    for (family, _) in &attacks {
        *families.entry(family).or_default() += 1;
    }
    println!(
        "escapes: {} tried, 0 went through; {live} of them run where there is no guard; {families:?}",
        attacks.len()
    );
    assert!(attacks.len() >= 300 && live * 2 > attacks.len(), "{} attacks, {live} live", attacks.len());
}

#[test]
fn positive_control_the_corpus_tells_a_success() {
    let place = |index: usize| PLACES[index].replace("{}", "lower('X')");
    let allowed: Vec<(String, String)> = (0..PLACES.len()).map(|index| ("control".to_owned(), place(index))).collect();
    assert_eq!(successes(&allowed).len(), PLACES.len(), "{:?}", successes(&allowed));
    let reads: Vec<(String, String)> =
        READS.iter().map(|read| ("control".to_owned(), read.replace("{}", "account"))).collect();
    assert_eq!(successes(&reads).len(), READS.len(), "{:?}", successes(&reads));
    let columns = [("control".to_owned(), "SELECT account_key FROM account".to_owned())];
    assert_eq!(successes(&columns).len(), 1, "an answer of the wrong shape is an answer");
}

#[test]
fn every_virtual_table_of_the_engine_is_refused_but_two() {
    let plain = Connection::open_in_memory().unwrap();
    let modules: Vec<String> = plain
        .prepare("SELECT name FROM pragma_module_list")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert!(modules.len() >= 5, "{modules:?}");
    let reads = |module: &str| READS[..2].iter().map(|read| read.replace("{}", module)).collect::<Vec<_>>();
    let attacks: Vec<(String, String)> = modules
        .iter()
        .filter(|module| !matches!(module.as_str(), "json_each" | "json_tree"))
        .flat_map(|module| reads(module).into_iter().map(move |sql| (module.clone(), sql)))
        .collect();
    assert_eq!(successes(&attacks), [""; 0]);
}

#[test]
fn every_function_of_the_engine_is_refused_unless_it_is_on_the_list() {
    let plain = Connection::open_in_memory().unwrap();
    let functions: Vec<(String, i64)> = plain
        .prepare("SELECT DISTINCT name, narg FROM pragma_function_list")
        .unwrap()
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let attacks: Vec<(String, String)> = functions
        .iter()
        .filter(|(name, _)| !crate::guard::FUNCTIONS.contains(&name.as_str()))
        .map(|(name, arguments)| {
            let given = usize::try_from(*arguments).unwrap_or(1);
            let call = format!("\"{name}\"({})", vec!["1"; given].join(", "));
            (
                name.clone(),
                format!(
                    "SELECT 'x' AS subject, 'pass' AS verdict, 'x' || coalesce({call}, '') AS reason, NULL AS source"
                ),
            )
        })
        .collect();
    assert!(attacks.len() > 50, "{}", attacks.len());
    assert_eq!(successes(&attacks), [""; 0]);
}
