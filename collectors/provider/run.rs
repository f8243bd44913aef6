//! One run of a collector over a provider's API: the tables it fills, and why something was not seen.

use crate::provider::rest::{Listing, Page, Rest, each, reason, unread};
use crate::provider::rows::{push, row, table};
use egress::{Answer, Context};
use model::collector::CollectorSpec;
use model::{Caller, CollectError, Completeness, Count, Observation, Reason, Table};
use serde_json::Value;
use std::collections::BTreeMap;
use url::Url;

/// A provider's own rules of what a page holds and which one comes next.
pub(crate) type Paging = fn(operation: &str, url: &Url, value: Value, answer: &Answer) -> Result<Page, CollectError>;

/// What is not reported when a call fails: a table, or some of its columns.
pub(crate) type Feed<'a> = (&'a str, &'a [&'a str]);

/// What one run has read so far.
pub(crate) struct Run {
    pub(crate) rest: Rest,
    paging: Paging,
    tables: BTreeMap<String, Table>,
    pub(crate) reasons: Vec<Reason>,
    pub(crate) counts: Vec<Count>,
}

impl Run {
    pub(crate) fn new(spec: &CollectorSpec, rest: Rest, paging: Paging) -> Self {
        let tables = spec.tables.iter().map(|declared| (declared.name.clone(), table(spec, &declared.name)));
        Self { rest, paging, tables: tables.collect(), reasons: Vec::new(), counts: Vec::new() }
    }

    pub(crate) fn url(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Url, CollectError> {
        let mut url = self.rest.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    pub(crate) fn push(&mut self, table: &str, object: Value) -> Result<(), CollectError> {
        push(self.tables.get_mut(table).expect("a declared table"), row(object))
    }

    /// Every member of one listing.
    pub(crate) async fn listing(&self, operation: &str, url: Url) -> Result<Vec<Value>, CollectError> {
        self.rest.listing(operation, url, |url, value, answer| (self.paging)(operation, url, value, answer)).await
    }

    /// The same beside the source's own count of them, which may differ.
    pub(crate) async fn counted(&self, operation: &str, url: Url) -> Result<Listing, CollectError> {
        self.rest.counted(operation, url, |url, value, answer| (self.paging)(operation, url, value, answer)).await
    }

    /// The same listing of each member: of those that were read, with the member's id. Why others were not is noted of
    /// `feeds`.
    pub(crate) async fn listing_of_each(
        &mut self,
        operation: &str,
        what: &str,
        feeds: &[Feed<'_>],
        asked: &[(String, Url)],
    ) -> Result<Vec<(String, Vec<Value>)>, CollectError> {
        let calls = asked.iter().map(|(_, url)| self.listing(operation, url.clone())).collect();
        let answers = each(calls).await?;
        let reason = unread(what, asked.iter().map(|(id, _)| id.as_str()), &answers)?;
        self.reasons.extend(reason.iter().flat_map(|reason| fed(reason, feeds)));
        let read = asked.iter().zip(answers).filter_map(|((id, _), answer)| Some((id.clone(), answer.ok()?)));
        Ok(read.collect())
    }

    /// Why a listing that feeds `tables` was not read whole.
    pub(crate) fn unseen(&mut self, error: CollectError, tables: &[&str]) -> Result<(), CollectError> {
        let feeds: Vec<Feed<'_>> = tables.iter().map(|table| (*table, &[][..])).collect();
        self.unfed(error, &feeds)
    }

    /// The same where it feeds only some columns.
    pub(crate) fn unfed(&mut self, error: CollectError, feeds: &[Feed<'_>]) -> Result<(), CollectError> {
        let reason = reason(error)?;
        self.reasons.extend(fed(&reason, feeds));
        Ok(())
    }

    pub(crate) fn finish(self, ctx: &Context, basis: &str, caller: Option<Caller>) -> Observation {
        let mut observation = Observation {
            completeness: Completeness::from_reasons(basis, self.reasons),
            counts: self.counts,
            caller,
            tables: self.tables.into_values().collect(),
            observed_at: ctx.egress.last_answer_date(),
            redactions: ctx.egress.redactions(),
        };
        observation.settle();
        observation
    }
}

/// `reason` of each of `feeds`.
fn fed(reason: &Reason, feeds: &[Feed<'_>]) -> Vec<Reason> {
    let of = |(table, columns): &Feed<'_>| {
        let reason = reason.clone().table(table);
        if columns.is_empty() { reason } else { reason.columns(columns) }
    };
    feeds.iter().map(of).collect()
}
