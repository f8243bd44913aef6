//! `exec`: a program of the user's own, which prints what it saw as JSON lines. Its exit code alone proves nothing: only
//! the counts of its last line do.

mod envelope;

use crate::provider::declared;
use crate::provider::tool::Tool;
use crate::settings;
use egress::{Collector, Context, Policy, Shape};
use model::collector::CollectorSpec;
use model::{CollectError, Observation};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::LazyLock;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

/// JSON Schema of a line the program prints.
pub const ENVELOPE: &str = include_str!("envelope.schema.json");

const RUN: &str = "run the program";

pub(crate) struct Exec;

#[derive(Deserialize)]
struct Settings {
    program: PathBuf,
    arguments: Vec<String>,
    environment: BTreeMap<String, String>,
    #[serde(default)]
    folder: Option<PathBuf>,
    #[serde(default)]
    tenant: Option<String>,
    timeout: String,
}

/// Nothing is declared of a table beside what is declared of all.
#[derive(Deserialize)]
struct Own {}

impl Settings {
    fn tool(&self) -> Result<Tool, CollectError> {
        let tool = Tool::new(self.program.clone(), &self.environment)?;
        Ok(if let Some(folder) = &self.folder { tool.start_in(folder) } else { tool })
    }
}

#[async_trait::async_trait]
impl Collector for Exec {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn shape(&self, source: &str, settings: &Value) -> Result<Shape, CollectError> {
        declared::shape(&SPEC, source, settings)
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        let settings: Settings = settings::typed(&SPEC, settings)?;
        settings.tool()?.policy(&SPEC, &settings.timeout)
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings: Settings = settings::typed(&SPEC, &ctx.settings)?;
        let tables = declared::tables::<Own>(&SPEC, &ctx.source, &ctx.settings)?;
        let arguments: Vec<&str> = settings.arguments.iter().map(String::as_str).collect();
        let output = settings.tool()?.ask(ctx, RUN, &arguments).await?.success(RUN)?;
        envelope::read(ctx, RUN, &output, &tables, settings.tenant.as_deref())
    }
}
