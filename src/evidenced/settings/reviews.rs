//! `[reviews.NAME]`: the rules by which access reviews are held, and when.

use super::document::KeyPath;
use super::fields::{Fields, Reading};
use super::keys::REVIEW;
use super::sources::is_well_named;
use super::suggest::did_you_mean;
use crate::daemon::Schedule;
use jiff::tz::TimeZone;
use serde_json::Value;
use workflow::review::{Policy, Population};

/// A policy and when it begins a campaign.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReviewPolicy {
    /// The rule; what of it is sealed with each campaign.
    pub(crate) policy: Policy,
    /// When campaigns begin; none: only when a person starts one.
    pub(crate) schedule: Option<Schedule>,
}

/// Every policy, sorted by name.
pub(super) fn reviews<'a>(
    reading: &'a Reading<'a>,
    value: Option<&'a Value>,
    sources: &[&str],
    zone: &TimeZone,
) -> Vec<ReviewPolicy> {
    let path = vec!["reviews".to_owned()];
    let section = Fields::open(reading, value, path, "[reviews]".to_owned(), Vec::new());
    let Some(table) = value.and_then(Value::as_object) else { return Vec::new() };
    let mut policies = Vec::new();
    for (name, value) in table {
        is_well_named(reading, reading.layers.key_place(&section.child(name)), name, "a review policy");
        policies.extend(policy(reading, (name, value), section.child(name), sources, zone));
    }
    policies.sort_by(|one: &ReviewPolicy, other| one.policy.name.cmp(&other.policy.name));
    policies
}

fn policy<'a>(
    reading: &'a Reading<'a>,
    (name, value): (&str, &'a Value),
    path: KeyPath,
    known: &[&str],
    zone: &TimeZone,
) -> Option<ReviewPolicy> {
    let fields = Fields::open(reading, Some(value), path, format!("[reviews.{name}]"), REVIEW.to_vec());
    fields.refuse_unknown(&[]);
    let sources = fields.texts("sources");
    for source in sources.iter().flatten().filter(|source| !known.contains(&source.as_str())) {
        fields.problem(
            "sources",
            format!("`{source}` is not a configured source"),
            did_you_mean(source, known.iter().copied()),
        );
    }
    if sources.as_ref().is_some_and(Vec::is_empty) {
        fields.problem(
            "sources",
            format!("{} reviews no source", fields.label),
            "name the systems whose accounts are reviewed",
        );
    }
    let population = match fields.word("population").as_deref() {
        Some("privileged") => Some(Population::Privileged),
        Some(_) => Some(Population::All),
        None => None,
    };
    let seconds = |name: &str| fields.duration(name).map(|(duration, _)| duration.as_secs());
    let (complete_within, lapse_after) = (seconds("complete_within"), seconds("lapse_after"));
    let (remediate_within, dormant_after) = (seconds("remediate_within"), seconds("dormant_after"));
    let conflicts = conflicts(&fields, sources.as_deref().unwrap_or_default());
    let schedule = fields.schedule(zone);
    let owner = fields.text("owner");
    Some(ReviewPolicy {
        policy: Policy {
            name: name.to_owned(),
            sources: sources?,
            population: population?,
            owner: owner?,
            fallback: fields.text("fallback"),
            complete_within: complete_within?,
            lapse_after: lapse_after?,
            remediate_within: remediate_within?,
            dormant_after: dormant_after?,
            conflicts,
            safeguard: fields.text("safeguard"),
        },
        schedule: schedule?,
    })
}

/// `git:deploy + bank:pay`
fn conflicts(fields: &Fields<'_>, sources: &[String]) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    for text in fields.texts("conflicts").unwrap_or_default() {
        let is_duty = |duty: &str| {
            duty.split_once(':')
                .is_some_and(|(source, role)| sources.iter().any(|one| one == source) && !role.is_empty())
        };
        match text.split_once(" + ").map(|(one, other)| (one.trim(), other.trim())) {
            Some((one, other)) if is_duty(one) && is_duty(other) => pairs.push((one.to_owned(), other.to_owned())),
            _ => fields.problem(
                "conflicts",
                format!("`{text}` is not two duties of reviewed sources"),
                "write it like `git:deploy + bank:pay`: each a source of this review and a role in it",
            ),
        }
    }
    pairs
}
