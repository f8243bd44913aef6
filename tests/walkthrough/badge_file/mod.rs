//! `badge_file`: the badges a door system exports. Its last line counts the others, so that a cut shows.

use crate::provider::files;
use crate::provider::rows::{push, row, table};
use crate::settings;
use egress::{Collector, Context, Policy};
use model::collector::CollectorSpec;
use model::{CollectError, Completeness, Count, Observation, Reason, ReasonCode};
use serde::Deserialize;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::LazyLock;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));
const READ: &str = "read export";

pub(crate) struct BadgeFile;

#[derive(Deserialize)]
struct Settings {
    path: PathBuf,
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum Line {
    Badge { number: String, holder: Option<String>, blocked: Option<bool>, last_used_at: Option<String> },
    End { badges: u64 },
}

#[async_trait::async_trait]
impl Collector for BadgeFile {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn mapping(&self) -> &'static str {
        include_str!("mapping.sql")
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        let settings: Settings = settings::typed(&SPEC, settings)?;
        Ok(files::policy(&SPEC, vec![settings.path]))
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings: Settings = settings::typed(&SPEC, &ctx.settings)?;
        let file = files::read(ctx, READ, &settings.path).await?.required(&SPEC, READ, &settings.path)?;
        let mut badges = table(&SPEC, "badge");
        let mut declared = None;
        for (index, line) in file.content.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty())
        {
            let malformed = |problem: &str| CollectError::Malformed {
                operation: READ.to_owned(),
                message: format!("line {}: {problem}", index + 1),
            };
            if declared.is_some() {
                return Err(malformed("the line that counts the badges is not the last"));
            }
            match serde_json::from_slice(line).map_err(|_| malformed("neither a badge nor the count of them"))? {
                Line::End { badges } => declared = Some(badges),
                Line::Badge { number, holder, blocked, last_used_at } => push(
                    &mut badges,
                    row(json!({
                        "number": number, "holder": holder, "blocked": blocked, "last_used_at": last_used_at,
                    })),
                )?,
            }
        }
        let counted = badges.len() as u64;
        let mut reasons = Vec::new();
        if declared != Some(counted) {
            let said = declared.map_or("does not say how many".to_owned(), |declared| format!("says {declared}"));
            let message = format!("{counted} badges were read, and the export {said}");
            reasons.push(Reason::new(ReasonCode::CountsDisagree, message));
        }
        Ok(Observation {
            tables: vec![badges],
            completeness: Completeness::from_reasons("as many badges as the export's last line says", reasons),
            counts: vec![Count {
                table: "badge".to_owned(),
                counted,
                declared,
                declared_by: Some("the last line".to_owned()),
            }],
            caller: None,
            observed_at: file.modified_at,
            redactions: ctx.egress.redactions(),
        })
    }
}
