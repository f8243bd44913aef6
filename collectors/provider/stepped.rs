//! Listings that say how many members there are, and go on behind those that came: SCIM's and Personio's.

use crate::provider::rest::{Page, Rest};
use model::{CollectError, Reason, ReasonCode};
use serde_json::Value;
use std::collections::BTreeSet;
use url::Url;

/// What one answer holds.
pub(crate) struct Step {
    /// How many members it says there are in all.
    pub(crate) total: u64,
    pub(crate) members: Vec<Value>,
}

/// Every member, and every total the answers named.
pub(crate) struct Stepped {
    pub(crate) members: Vec<Value>,
    pub(crate) totals: BTreeSet<u64>,
}

impl Rest {
    /// Reads until as many members have come as there are; `url` is the address of those behind the first so many.
    pub(crate) async fn stepped(
        &self,
        operation: &str,
        url: impl Fn(u64) -> Result<Url, CollectError>,
        read: impl Fn(&Value) -> Result<Step, CollectError>,
    ) -> Result<Stepped, CollectError> {
        let mut totals = BTreeSet::new();
        let mut seen = 0;
        let members = self
            .listing(operation, url(0)?, |_, value, _| {
                let Step { total, members } = read(&value)?;
                totals.insert(total);
                seen += members.len() as u64;
                if members.is_empty() && seen < total {
                    return Err(CollectError::Incomplete {
                        operation: operation.to_owned(),
                        message: format!("an empty page after {seen} of {total} members"),
                        code: ReasonCode::CountsDisagree,
                    });
                }
                let next = (seen < total).then(|| url(seen)).transpose()?.map(String::from);
                Ok(Page { members, next, declared: None })
            })
            .await?;
        Ok(Stepped { members, totals })
    }
}

/// A reason where not everybody came once, or the source's own counts differ from who came or from each other.
pub(crate) fn miscounted(
    (what, by): (&str, &str),
    came: usize,
    different: usize,
    totals: &BTreeSet<u64>,
) -> Option<Reason> {
    let mut all = totals.clone();
    all.insert(different as u64);
    if all.len() == 1 && different == came {
        return None;
    }
    let all = all.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let message =
        format!("{came} {what} came, {different} different ones; together with what {by} counts there are {all}");
    Some(Reason::new(ReasonCode::CountsDisagree, message))
}
