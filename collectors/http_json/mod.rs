//! `http_json`: any REST API that answers JSON, by configuration. It asks for what the configuration names below one
//! address, follows a listing by the API's own signal, and never takes the first page for all of them.

mod access;
mod paging;

use crate::provider::declared::{self, Declared, Gather, json_path};
use crate::provider::json::malformed;
use crate::provider::rest::{Rest, policy, reason};
use crate::settings;
use egress::{Collector, Context, Policy, Shape};
use model::collector::CollectorSpec;
use model::{CollectError, Observation};
use paging::{End, Paging, Style};
use serde::Deserialize;
use serde_json::Value;
use serde_json_path::JsonPath;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use url::Url;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const TOKEN: &str = "POST the token";
const RECORDS: &str = "GET the records";

pub(crate) struct HttpJson;

#[derive(Deserialize)]
struct Settings {
    url: Url,
    max_pages: u32,
    #[serde(flatten)]
    access: access::Access,
}

/// What is declared of a table besides.
#[derive(Deserialize)]
struct Own {
    path: String,
    query: BTreeMap<String, String>,
    records: String,
    #[serde(default)]
    total: Option<String>,
    #[serde(flatten)]
    style: Style,
}

/// One listing, its declaration understood.
struct Listing {
    first: Url,
    records: JsonPath,
    total: Option<JsonPath>,
    paging: Paging,
}

impl Listing {
    fn of(base: &Url, table: &Declared<Own>) -> Result<Self, CollectError> {
        let own = &table.own;
        let total = own.total.as_deref().map(json_path).transpose()?;
        let paging = Paging::read(&table.name, &own.style, total.is_some())?;
        let segments: Vec<&str> = own.path.split('/').filter(|segment| !segment.is_empty()).collect();
        if segments.iter().any(|segment| matches!(*segment, "." | "..")) || own.path.contains(['?', '#']) {
            return Err(misconfigured(
                format!("`path` is `{}`", own.path),
                "write a path below `url`; parameters go into `query`",
            ));
        }
        let mut first = crate::provider::rest::below(base, &segments)?;
        if let Some(name) = own.query.keys().find(|name| access::is_secret(name)) {
            return Err(misconfigured(
                format!("`query.{name}` looks like a secret, and settings are recorded"),
                "hand it over as `credential`",
            ));
        }
        if !own.query.is_empty() {
            first.query_pairs_mut().extend_pairs(&own.query);
        }
        paging.begin(&mut first);
        Ok(Self { first, records: json_path(&own.records)?, total, paging })
    }

    /// The records of an answer.
    fn records(&self, answer: &Value) -> Result<Vec<Value>, CollectError> {
        let found = self.records.query(answer).exactly_one();
        match found {
            Ok(Value::Array(records)) => Ok(records.clone()),
            Ok(_) => Err(malformed(RECORDS, &format!("`{}` leads to no array", self.records))),
            Err(_) => Err(malformed(RECORDS, &format!("`{}` leads to nothing, or to several things", self.records))),
        }
    }

    fn total(&self, answer: &Value) -> Result<Option<u64>, CollectError> {
        let Some(path) = &self.total else { return Ok(None) };
        let found = path.query(answer).exactly_one().ok().and_then(Value::as_u64);
        found.map(Some).ok_or_else(|| malformed(RECORDS, &format!("`{path}` leads to no total")))
    }
}

fn misconfigured(message: String, help: &str) -> CollectError {
    CollectError::Misconfigured { message, help: help.to_owned() }
}

#[async_trait::async_trait]
impl Collector for HttpJson {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn shape(&self, source: &str, settings: &Value) -> Result<Shape, CollectError> {
        let read: Settings = settings::typed(&SPEC, settings)?;
        read.access.check()?;
        for table in declared::tables::<Own>(&SPEC, source, settings)? {
            Listing::of(&read.url, &table)?;
        }
        declared::shape(&SPEC, source, settings)
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        let settings: Settings = settings::typed(&SPEC, settings)?;
        let origins = std::iter::once(settings.url).chain(settings.access.token_url).collect();
        Ok(Policy { max_pages: settings.max_pages, ..policy(&SPEC, origins) })
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings: Settings = settings::typed(&SPEC, &ctx.settings)?;
        let tables = declared::tables::<Own>(&SPEC, &ctx.source, &ctx.settings)?;
        let listings: Vec<Listing> =
            tables.iter().map(|table| Listing::of(&settings.url, table)).collect::<Result<_, _>>()?;
        let rest = settings.access.open(ctx, &settings.url, settings.max_pages).await?;
        let mut gathered = Vec::with_capacity(tables.len());
        let mut failed = Vec::new();
        for (table, listing) in tables.iter().zip(&listings) {
            let mut gather = Gather::new(table);
            if let Err(error) = read(&rest, listing, &mut gather).await {
                gather.unseen(reason(error.clone())?);
                failed.push(error);
            }
            gathered.push(gather);
        }
        match failed.into_iter().next() {
            // nothing was seen at all
            Some(error) if gathered.iter().all(Gather::is_empty) => return Err(error),
            _ => {}
        }
        let ends = tables.iter().zip(&listings).map(|(table, listing)| (table.spec.name.as_str(), listing.paging.end));
        Ok(declared::observe(
            ctx,
            gathered,
            basis(&ends.collect::<Vec<_>>()),
            Vec::new(),
            None,
            ctx.egress.last_answer_date(),
        ))
    }
}

/// Why listings that ended like this are whole. What only the configuration says is no word of the source.
fn basis(ends: &[(&str, End)]) -> String {
    let of = |wanted: End| -> Vec<String> {
        ends.iter().filter(|(_, end)| *end == wanted).map(|(name, _)| format!("`{name}`")).collect()
    };
    let (one_answer, silence) = (of(End::OneAnswer), of(End::Silence));
    let mut said = Vec::new();
    if !one_answer.is_empty() {
        said.push(format!("the configuration says that one answer is the whole list of {}", one_answer.join(", ")));
    }
    if !silence.is_empty() {
        said.push(format!(
            "the configuration says that a page which names no next one is the last of {}",
            silence.join(", ")
        ));
    }
    if one_answer.len() + silence.len() < ends.len() {
        let which = if said.is_empty() { "every listing" } else { "every other listing" };
        said.push(format!(
            "{which} was read to the end that the source itself told, and its counts agree where it counts"
        ));
    }
    said.join("; ")
}

/// Reads one listing to its end.
async fn read(rest: &Rest, listing: &Listing, gather: &mut Gather<'_, Own>) -> Result<(), CollectError> {
    let mut totals = BTreeSet::new();
    let mut seen = 0;
    let records = rest
        .listing(RECORDS, listing.first.clone(), |url, value, answer| {
            let members = listing.records(&value)?;
            seen += members.len() as u64;
            let total = listing.total(&value)?;
            totals.extend(total);
            listing.paging.page(url, &value, answer, members, (seen, total), *url == listing.first)
        })
        .await?;
    for (index, record) in records.iter().enumerate() {
        gather.add(&format!("record {}", index + 1), record);
    }
    if totals.len() > 1 {
        gather.miss(model::ReasonCode::CountsDisagree, format!("the answers name different totals: {totals:?}"));
    } else if let Some(total) = totals.first() {
        gather.declare(*total, "the total in the answers");
    }
    gather.refuse_repeats();
    Ok(())
}
