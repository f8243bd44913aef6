//! `sql_query`: any database that speaks PostgreSQL's protocol. A query becomes a table, and the database itself counts it in
//! the same transaction. It reads only: the transaction is one that cannot write.

use crate::provider::declared::{self, Declared, Gather, record};
use crate::provider::rest::reason;
use crate::provider::tool::{malformed, timeout};
use crate::settings;
use bytes::Bytes;
use egress::{Collector, Context, Database, Policy, Session, Shape};
use model::collector::CollectorSpec;
use model::{Caller, CollectError, Observation, ReasonCode, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::LazyLock;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const WHO: &str = "ask who asks";
const COUNT: &str = "count the rows";
const ROWS: &str = "read the rows";

const WHO_ASKS: &str = "SELECT row_to_json(r) FROM (SELECT session_user AS identity, current_database() AS tenant, \
                        to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS at) AS r";

pub(crate) struct SqlQuery;

#[derive(Deserialize)]
struct Settings {
    host: String,
    port: u16,
    database: String,
    user: String,
    tls: String,
    #[serde(default)]
    authority: Option<PathBuf>,
    timeout: String,
    max_rows: u64,
}

/// What is declared of a table besides.
#[derive(Deserialize)]
struct Own {
    query: String,
}

impl Settings {
    fn database(&self) -> Result<Database, CollectError> {
        let tls = match self.tls.as_str() {
            "verify" => true,
            "off" => false,
            other => {
                return Err(CollectError::Misconfigured {
                    message: format!("`tls` is `{other}`, which there is not"),
                    help: "write `verify`, or `off` for a database on this machine".to_owned(),
                });
            }
        };
        Ok(Database {
            host: self.host.clone(),
            port: self.port,
            name: self.database.clone(),
            user: self.user.clone(),
            tls,
            authority: self.authority.clone(),
        })
    }
}

#[async_trait::async_trait]
impl Collector for SqlQuery {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn shape(&self, source: &str, settings: &Value) -> Result<Shape, CollectError> {
        let read: Settings = settings::typed(&SPEC, settings)?;
        read.database()?;
        timeout(&read.timeout)?;
        declared::shape(&SPEC, source, settings)
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        let settings: Settings = settings::typed(&SPEC, settings)?;
        let limit = timeout(&settings.timeout)?;
        Ok(Policy {
            operations: SPEC.operations.iter().map(|operation| operation.name.clone()).collect(),
            databases: vec![(settings.host, settings.port)],
            request_timeout: limit,
            concurrency: 1,
            ..Policy::default()
        })
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings: Settings = settings::typed(&SPEC, &ctx.settings)?;
        let tables = declared::tables::<Own>(&SPEC, &ctx.source, &ctx.settings)?;
        let mut session = ctx.egress.database(settings.database()?, ctx.secrets.get("password").cloned());
        let (caller, at) = who(&session.ask(WHO, WHO_ASKS).await?)?;
        let mut gathered: Vec<Gather<'_, Own>> = tables.iter().map(Gather::new).collect();
        let mut read_to_their_ends = 0;
        for (table, gather) in tables.iter().zip(&mut gathered) {
            if let Err(error) = read(&mut session, table, settings.max_rows, gather).await {
                // after an error the transaction answers nothing more
                if tables.len() == 1 {
                    return Err(error);
                }
                gather.unseen(reason(error)?);
                break;
            }
            read_to_their_ends += 1;
        }
        // the one that failed has its reason already
        for gather in gathered.iter_mut().skip(read_to_their_ends + 1) {
            gather.miss(ReasonCode::MemberFailed, "it was not asked for, because the query before it failed");
        }
        let basis =
            "count(*) over each query, in the same read-only transaction at repeatable read, is the number of its rows";
        Ok(declared::observe(ctx, gathered, basis, Vec::new(), Some(caller), Some(at)))
    }
}

/// Reads the rows of one query, after the database has counted them.
async fn read(
    session: &mut Session,
    table: &Declared<Own>,
    max_rows: u64,
    gather: &mut Gather<'_, Own>,
) -> Result<(), CollectError> {
    let query = table.own.query.trim().trim_end_matches(';').trim_end();
    let counted = session.ask(COUNT, &format!("SELECT count(*) FROM (\n{query}\n) AS counted")).await?;
    let counted = std::str::from_utf8(&counted).ok().and_then(|text| text.trim_end().parse::<u64>().ok());
    let counted = counted.ok_or_else(|| malformed(COUNT, "the answer is no number".to_owned()))?;
    if counted > max_rows {
        let message = format!("the query gives {counted} rows, and `max_rows` is {max_rows}");
        return Err(CollectError::Incomplete { operation: COUNT.to_owned(), message, code: ReasonCode::PageCap });
    }
    gather.declare(counted, "count(*) in the same transaction");
    let rows = session.ask(ROWS, &format!("SELECT row_to_json(read) FROM (\n{query}\n) AS read")).await?;
    for (index, line) in lines(&rows)?.enumerate() {
        let number = index + 1;
        let row = unescaped(line).and_then(|text| record(&text));
        let row = row.map_err(|problem| malformed(ROWS, format!("row {number} {problem}")))?;
        gather.add(&format!("row {number}"), &row);
    }
    Ok(())
}

/// Who asks, by the database's own word, and its own time.
fn who(answer: &Bytes) -> Result<(Caller, Timestamp), CollectError> {
    #[derive(Deserialize)]
    struct Who {
        identity: String,
        tenant: String,
        at: Timestamp,
    }
    let unreadable = |problem: String| malformed(WHO, problem);
    let line = lines(answer)?.next().ok_or_else(|| unreadable("it gives no row".to_owned()))?;
    let who: Who = unescaped(line)
        .and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()))
        .map_err(unreadable)?;
    Ok((Caller { identity: who.identity, tenant: who.tenant }, who.at))
}

/// The lines of `COPY … TO STDOUT`.
fn lines(answer: &Bytes) -> Result<impl Iterator<Item = &str>, CollectError> {
    let text = std::str::from_utf8(answer).map_err(|error| malformed(ROWS, error.to_string()))?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(malformed(ROWS, "the last row has no end: it is cut".to_owned()));
    }
    Ok(text.lines())
}

/// A value as `COPY` writes it in its text format.
/// <https://www.postgresql.org/docs/current/sql-copy.html#id-1.9.3.55.9.2>
fn unescaped(line: &str) -> Result<String, String> {
    let mut text = String::with_capacity(line.len());
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        text.push(match characters.next() {
            Some('\\') => '\\',
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('v') => '\u{b}',
            other => {
                return Err(format!(
                    "holds `\\{}`, which COPY does not write",
                    other.map_or(String::new(), String::from)
                ));
            }
        });
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn what_copy_escapes_is_read_back() {
        assert_eq!(unescaped(r#"{"a":"x\\ny \\"q\\" \\\\"}"#).unwrap(), r#"{"a":"x\ny \"q\" \\"}"#);
        assert_eq!(unescaped(r"a\tb\nc").unwrap(), "a\tb\nc");
        assert!(unescaped(r"\N").is_err() && unescaped("\\").is_err());
    }
}
