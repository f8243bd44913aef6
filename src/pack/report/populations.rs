//! `populations/`: one completeness-and-accuracy statement a source: what the population is, how it was asked for, and what
//! shows that it was seen whole. Every word comes from the sealed manifest or the collector's own description.

use super::blocks::{Block, Document, Line, code, heading, link, mark, paragraph, plain, table, text};
use crate::plan::Plan;
use crate::summary::{PopulationNote, instant};
use model::{CollectorSpec, CompletenessRecord, Count, TableRecord};
use serde::Serialize;
use serde_json::Value;

/// The statement (`evidenced/population/v1`).
#[derive(Serialize)]
pub(crate) struct Statement<'a> {
    schema: &'static str,
    source: &'a str,
    /// The snapshot it speaks of: the last complete one, else the last one.
    snapshot: &'a str,
    manifest: &'a str,
    status: &'static str,
    sample_data: bool,
    /// What the population is and is not.
    population: &'a str,
    system_of_record: System<'a>,
    /// How the population is read and how that is known to be all of it, in words.
    logic: &'a str,
    requests: Vec<Request<'a>>,
    /// The settings of the source that shape what is asked for.
    filters: &'a Value,
    counts: Vec<CountRow<'a>>,
    rows: Vec<Rows<'a>>,
    /// Why it can be called complete; none when it cannot.
    basis: Option<&'a str>,
    /// Why it cannot.
    reasons: Vec<&'a str>,
    errors: Vec<&'a str>,
    code: Code<'a>,
    identity: Option<&'a str>,
    /// What the credential needs to be allowed, as the collector declares it.
    permissions: Vec<Permission<'a>>,
    period: Period,
    known_limits: Vec<String>,
}

#[derive(Serialize)]
struct System<'a> {
    collector: &'a str,
    title: &'a str,
    tenant: Option<&'a str>,
    hosts: &'a [String],
}

#[derive(Serialize)]
struct Request<'a> {
    operation: &'a str,
    calls: u64,
    first: &'a str,
    last: &'a str,
    last_status: Option<u16>,
    last_exchange: u32,
    /// The `link` header of the last answer; without `rel="next"` the source said that it was the last page.
    last_link: Option<&'a str>,
}

#[derive(Serialize)]
struct CountRow<'a> {
    table: &'a str,
    /// None: the source did not report the table.
    counted: Option<u64>,
    declared: Option<u64>,
    difference: Option<i64>,
    declared_by: Option<&'a str>,
}

#[derive(Serialize)]
struct Rows<'a> {
    table: &'a str,
    /// None: the source did not report the table.
    #[serde(rename = "rows")]
    count: Option<u64>,
    /// `3`, `3, not all`, `not reported`.
    #[serde(rename = "seen")]
    words: String,
    /// Why rows may be missing.
    missing_because: Vec<&'a str>,
    /// Of the table as it was derived; none where nothing was reported.
    sha256: Option<String>,
    description: &'a str,
}

#[derive(Serialize)]
struct Code<'a> {
    collector_version: &'a str,
    binary_sha256: String,
    settings_sha256: String,
}

#[derive(Serialize)]
struct Permission<'a> {
    operation: &'a str,
    #[serde(rename = "permission")]
    needed: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Period {
    observed_at: Option<String>,
    started_at: String,
    finished_at: String,
    host_clock_minus_source_seconds: Option<i64>,
}

/// The statement about the population of `note`.
pub(crate) fn statement<'a>(plan: &'a Plan, note: &'a PopulationNote) -> Statement<'a> {
    let manifest = &note.manifest;
    // what another version says of itself does not describe this run
    let spec = plan.collector(&manifest.collector).filter(|spec| spec.version == manifest.collector_version);
    let called = |name: &str| note.operations.iter().any(|operation| operation.name == name);
    Statement {
        schema: "evidenced/population/v1",
        source: &manifest.source,
        snapshot: &manifest.id,
        manifest: &note.path,
        status: manifest.status.as_str(),
        sample_data: manifest.sample,
        population: &manifest.population,
        system_of_record: System {
            collector: &manifest.collector,
            title: spec.map(|spec| title(spec, &manifest.source)).unwrap_or_default(),
            tenant: manifest.caller.as_ref().map(|caller| caller.tenant.as_str()),
            hosts: spec.map(|spec| spec.hosts.as_slice()).unwrap_or_default(),
        },
        logic: spec.map_or(UNDESCRIBED, |spec| spec.completeness.as_str()),
        requests: note
            .operations
            .iter()
            .map(|operation| Request {
                operation: &operation.name,
                calls: operation.calls,
                first: &operation.first,
                last: &operation.last,
                last_status: operation.last_status,
                last_exchange: operation.last_seq,
                last_link: operation.last_link.as_deref(),
            })
            .collect(),
        filters: &manifest.settings,
        counts: manifest.completeness.counts.iter().map(|row| count(row, &manifest.completeness)).collect(),
        rows: manifest.tables.iter().map(|table| rows(table, &manifest.completeness)).collect(),
        basis: manifest.completeness.basis.as_deref(),
        reasons: manifest.completeness.reasons.iter().map(|reason| reason.message.as_str()).collect(),
        errors: manifest.errors.iter().map(|error| error.message.as_str()).collect(),
        code: Code {
            collector_version: &manifest.collector_version,
            binary_sha256: manifest.binary_sha256.to_string(),
            settings_sha256: manifest.settings_sha256.to_string(),
        },
        identity: manifest.caller.as_ref().map(|caller| caller.identity.as_str()),
        permissions: spec
            .into_iter()
            .flat_map(|spec| &spec.operations)
            .filter(|operation| called(&operation.name))
            .map(|operation| Permission {
                operation: &operation.name,
                needed: &operation.permission,
                reason: &operation.reason,
            })
            .collect(),
        period: Period {
            observed_at: manifest.observed_at.map(instant),
            started_at: instant(manifest.started_at),
            finished_at: instant(manifest.finished_at),
            host_clock_minus_source_seconds: manifest.clock.skew_seconds,
        },
        known_limits: limits(note, spec),
    }
}

/// What the system of record is called. A collector whose tables the configuration declares describes none: there the
/// configuration's own name for it is all that is known.
fn title<'a>(spec: &'a CollectorSpec, source: &'a str) -> &'a str {
    if spec.table_settings.is_some() { source } else { &spec.title }
}

const UNDESCRIBED: &str =
    "another version of the collector made this snapshot; how that version read the population is not described here";

fn rows<'a>(table: &'a TableRecord, completeness: &'a CompletenessRecord) -> Rows<'a> {
    let missing = completeness.missing_rows(&table.name);
    // the digest of nothing would say that the table was seen, and empty
    let reported = missing.is_empty() || table.rows > 0;
    Rows {
        table: &table.name,
        count: reported.then_some(table.rows),
        words: completeness.rows_seen(&table.name, table.rows),
        missing_because: missing.iter().map(|reason| reason.message.as_str()).collect(),
        sha256: reported.then(|| table.sha256.to_string()),
        description: &table.spec.description,
    }
}

fn count<'a>(count: &'a Count, completeness: &CompletenessRecord) -> CountRow<'a> {
    let counted = Some(count.counted).filter(|rows| *rows > 0 || completeness.missing_rows(&count.table).is_empty());
    CountRow {
        table: &count.table,
        counted,
        declared: count.declared,
        difference: count
            .declared
            .zip(counted)
            .map(|(declared, counted)| declared.cast_signed() - counted.cast_signed()),
        declared_by: count.declared_by.as_deref(),
    }
}

/// What the reader must not take from the statement, as far as the manifest tells.
fn limits(note: &PopulationNote, spec: Option<&CollectorSpec>) -> Vec<String> {
    let manifest = &note.manifest;
    let mut limits = vec![
        "What the source did not tell the credential is not here: completeness is the source's own word, checked against \
         what else it says."
            .to_owned(),
    ];
    if manifest.sample {
        limits.push("SAMPLE DATA: invented, evidence of nothing.".to_owned());
    }
    if !note.complete {
        limits.push(format!("This snapshot is {}: no check passes on it.", manifest.status.as_str()));
    }
    if manifest.completeness.counts.iter().all(|count| count.declared.is_none()) {
        limits.push("The source declares no independent count; the basis above is what there is.".to_owned());
    }
    if manifest.caller.is_none() {
        limits.push("The source did not say as whom it saw the credential.".to_owned());
    }
    if manifest.clock.skew_seconds.is_none() {
        limits.push("The source sent no time of its own: the times are the collecting machine's.".to_owned());
    }
    if spec.is_none() {
        limits.push("The permissions of that version of the collector are not described here.".to_owned());
    }
    for redaction in &manifest.redactions {
        limits.push(format!(
            "`{}` in answer {} was replaced before it was hashed, because it is a secret.",
            redaction.field, redaction.exchange
        ));
    }
    limits
}

/// The statement for people.
pub(crate) fn page(statement: &Statement<'_>, note: &PopulationNote) -> Document {
    let mut blocks = vec![
        heading(2, "What the population is"),
        paragraph(statement.population),
        Block::Pairs(vec![
            (
                "System of record".into(),
                vec![text(format!(
                    "{}{}{}",
                    statement.system_of_record.title,
                    if statement.system_of_record.title.is_empty() { "" } else { ", " },
                    statement.system_of_record.tenant.unwrap_or("tenant not reported")
                ))],
            ),
            (
                "Read by".into(),
                vec![text(format!(
                    "collector {} version {}",
                    statement.system_of_record.collector, statement.code.collector_version
                ))],
            ),
            ("As identity".into(), identity(statement.identity)),
            ("Snapshot".into(), vec![link(statement.snapshot, statement.manifest), text(" "), mark(statement.status)]),
            (
                "State observed at".into(),
                plain(statement.period.observed_at.clone().unwrap_or_else(|| "the source does not say".to_owned())),
            ),
            ("Collected".into(), plain(format!("{} to {}", statement.period.started_at, statement.period.finished_at))),
        ]),
        heading(2, "How it was read"),
        paragraph(statement.logic),
        table(
            &[("operation", 20), ("calls", 8), ("first and last request", 52), ("last answer", 20)],
            statement.requests.iter().map(request).collect(),
        ),
        paragraph("Every request and answer is in the snapshot's manifest, and the bytes of the answers beside it."),
        heading(3, "Filters and settings"),
        Block::Code(serde_json::to_string_pretty(statement.filters).unwrap_or_default()),
        heading(2, "Whether it was seen whole"),
    ];
    if let Some(basis) = statement.basis {
        blocks.push(Block::Text(vec![mark(statement.status), text(format!(" {basis}"))]));
    }
    if !statement.reasons.is_empty() || !statement.errors.is_empty() {
        blocks.push(paragraph(if statement.basis.is_some() {
            "What makes it doubtful:"
        } else {
            "It was not seen whole:"
        }));
        let all = statement.reasons.iter().chain(&statement.errors);
        blocks.push(Block::List(all.map(|reason| plain(*reason)).collect()));
    }
    blocks.push(heading(3, "Count reconciliation"));
    if statement.counts.is_empty() {
        blocks.push(paragraph("Nothing was counted: the run ended before."));
    } else {
        blocks.push(table(
            &[
                ("table", 24),
                ("counted in the answers", 18),
                ("declared by the source", 18),
                ("difference", 12),
                ("declared where", 28),
            ],
            statement
                .counts
                .iter()
                .map(|row| {
                    let or = |value: Option<String>| plain(value.unwrap_or_else(|| "not declared".to_owned()));
                    vec![
                        vec![code(row.table)],
                        plain(row.counted.map_or_else(|| "not reported".to_owned(), |count| count.to_string())),
                        or(row.declared.map(|count| count.to_string())),
                        plain(row.difference.map(|count| count.to_string()).unwrap_or_default()),
                        plain(row.declared_by.unwrap_or_default()),
                    ]
                })
                .collect(),
        ));
    }
    if !statement.rows.is_empty() {
        blocks.push(heading(3, "Tables derived from the answers"));
        blocks.push(table(
            &[("table", 22), ("rows", 22), ("what it holds", 26), ("SHA-256", 30)],
            statement
                .rows
                .iter()
                .map(|row| {
                    let mut seen = row.words.clone();
                    if !row.missing_because.is_empty() {
                        seen.push_str(&format!(": {}", row.missing_because.join("; ")));
                    }
                    vec![
                        vec![code(row.table)],
                        plain(seen),
                        plain(row.description),
                        row.sha256.as_deref().map_or_else(|| plain("none"), |sha256| vec![code(sha256)]),
                    ]
                })
                .collect(),
        ));
    }
    blocks.push(heading(2, "Code and credential"));
    blocks.push(Block::Pairs(vec![
        ("Program, SHA-256".into(), vec![code(&statement.code.binary_sha256)]),
        ("Settings, SHA-256".into(), vec![code(&statement.code.settings_sha256)]),
    ]));
    if !statement.permissions.is_empty() {
        blocks.push(paragraph("What the operations that were called need, as the collector declares it:"));
        blocks.push(table(
            &[("operation", 28), ("permission", 32), ("why", 40)],
            statement
                .permissions
                .iter()
                .map(|row| vec![vec![code(row.operation)], plain(row.needed), plain(row.reason)])
                .collect(),
        ));
    }
    blocks.push(heading(2, "Known limits"));
    blocks.push(Block::List(statement.known_limits.iter().map(|limit| plain(limit.as_str())).collect()));
    Document {
        title: format!("Population: {}", note.manifest.source),
        subtitle:
            "Completeness and accuracy of the population, from the sealed manifest and the collector's description."
                .to_owned(),
        blocks,
    }
}

fn identity(identity: Option<&str>) -> Line {
    identity.map_or_else(|| plain("the source does not say"), |identity| vec![code(identity)])
}

fn request(request: &Request<'_>) -> Vec<Line> {
    let mut literal = vec![code(request.first)];
    if request.first != request.last {
        literal.extend([text(" … "), code(request.last)]);
    }
    let status = request.last_status.map_or_else(|| "no answer".to_owned(), |status| format!("status {status}"));
    let mut last = vec![text(format!("exchange {}, {status}", request.last_exchange))];
    if let Some(link) = request.last_link {
        let more = link.contains("rel=\"next\"");
        last.push(text(if more { ", and it announced a further page" } else { ", and it announced no further page" }));
    }
    vec![vec![code(request.operation)], plain(request.calls.to_string()), literal, last]
}
