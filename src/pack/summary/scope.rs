//! `01_SCOPE.json`: whose evidence, of which systems, for which period and controls, and what is left out.
//!
//! Says nothing that changes when the same slice is packed again: when the pack was made is in `MANIFEST.json`.

use super::{Summary, instant, pretty};
use crate::plan::Plan;
use serde::Serialize;
use std::collections::BTreeMap;

#[derive(Serialize)]
struct Scope<'a> {
    schema: &'static str,
    organisation: &'a str,
    /// The days asked for, those of `time_zone`.
    first_day: String,
    last_day: String,
    time_zone: String,
    from: String,
    to: String,
    framework: Option<&'a str>,
    tool: &'a str,
    log_origin: &'a str,
    log_key: String,
    systems: Vec<System<'a>>,
    checks: Vec<&'a str>,
    exclusions: Vec<Excluded<'a>>,
    statement_of_applicability: Applicabilities<'a>,
}

#[derive(Serialize)]
struct System<'a> {
    source: &'a str,
    collector: &'a str,
    title: &'a str,
    tenant: &'a str,
    population: &'a str,
    sample_data: bool,
    snapshots: BTreeMap<&'static str, u64>,
}

#[derive(Serialize)]
struct Excluded<'a> {
    what: &'a str,
    reason: &'a str,
}

#[derive(Serialize)]
struct Applicabilities<'a> {
    /// What this list is, so that an empty one is not read as "everything applies".
    note: &'static str,
    controls: Vec<Applicable<'a>>,
}

#[derive(Serialize)]
struct Applicable<'a> {
    control: &'a str,
    #[serde(rename = "applicable")]
    applies: bool,
    justification: &'a str,
}

/// The page.
pub(crate) fn scope_json(plan: &Plan, summary: &Summary) -> Result<Vec<u8>, serde_json::Error> {
    let mut systems: BTreeMap<&str, System<'_>> = BTreeMap::new();
    for snapshot in &summary.snapshots {
        let system = systems.entry(&snapshot.source).or_insert_with(|| System {
            source: &snapshot.source,
            collector: &snapshot.collector,
            title: plan.collector(&snapshot.collector).map(|spec| spec.title.as_str()).unwrap_or_default(),
            tenant: &snapshot.tenant,
            population: &snapshot.population,
            sample_data: false,
            snapshots: BTreeMap::new(),
        });
        if !snapshot.tenant.is_empty() {
            system.tenant = &snapshot.tenant;
        }
        system.sample_data |= snapshot.sample;
        *system.snapshots.entry(snapshot.status.as_str()).or_default() += 1;
    }
    let note = if plan.applicability.is_empty() {
        "the configuration records none: ask the organisation for it; nothing follows from this list being empty"
    } else {
        "as the configuration states it; controls that are not listed are not stated either way"
    };
    pretty(&Scope {
        schema: "evidenced/scope/v1",
        organisation: &plan.organisation,
        first_day: plan.first_day().to_string(),
        last_day: plan.last_day().to_string(),
        time_zone: plan.zone_name(),
        from: instant(plan.from),
        to: instant(plan.to),
        framework: plan.framework.as_deref(),
        tool: &plan.tool,
        log_origin: plan.log_key.name(),
        log_key: plan.log_key.to_string(),
        systems: systems.into_values().collect(),
        checks: plan.checks.iter().map(|check| check.name.as_str()).collect(),
        exclusions: plan.exclusions.iter().map(|one| Excluded { what: &one.what, reason: &one.reason }).collect(),
        statement_of_applicability: Applicabilities {
            note,
            controls: plan
                .applicability
                .iter()
                .map(|one| Applicable {
                    control: &one.control,
                    applies: one.applicable,
                    justification: &one.justification,
                })
                .collect(),
        },
    })
}
