//! `singer_tap`: any Singer tap, asked for everything it has. Its exit code is not taken for a count: where the tap counts,
//! its count must agree, and where it does not, the snapshot says so.

mod messages;

use crate::provider::declared;
use crate::provider::tool::{self, Tool, malformed};
use crate::settings;
use egress::{Collector, Context, Policy, Shape};
use model::collector::CollectorSpec;
use model::{CollectError, Observation};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

static SPEC: LazyLock<CollectorSpec> = LazyLock::new(|| crate::parse_spec(include_str!("collector.toml")));

const CONFIG: &str = "read the configuration";
const CATALOG: &str = "read the catalog";
const RUN: &str = "run the tap";

/// How much of the tap's log is kept: what it counts stands there.
const LOG_BYTES: usize = 64 * 1024;

pub(crate) struct SingerTap;

#[derive(Deserialize)]
struct Settings {
    program: PathBuf,
    #[serde(default)]
    config: Option<PathBuf>,
    #[serde(default)]
    catalog: Option<PathBuf>,
    catalog_argument: String,
    environment: BTreeMap<String, String>,
    timeout: String,
}

/// What is declared of a table besides.
#[derive(Deserialize)]
struct Own {
    #[serde(default)]
    stream: Option<String>,
}

impl Settings {
    fn tool(&self) -> Result<Tool, CollectError> {
        Ok(Tool::new(self.program.clone(), &self.environment)?.without_named_secrets())
    }
}

#[async_trait::async_trait]
impl Collector for SingerTap {
    fn spec(&self) -> &CollectorSpec {
        &SPEC
    }

    fn shape(&self, source: &str, settings: &Value) -> Result<Shape, CollectError> {
        declared::shape(&SPEC, source, settings)
    }

    fn policy(&self, settings: &Value) -> Result<Policy, CollectError> {
        let settings: Settings = settings::typed(&SPEC, settings)?;
        let policy = settings.tool()?.policy(&SPEC, &settings.timeout)?;
        let files = settings.config.into_iter().chain(settings.catalog).collect();
        Ok(Policy { files, max_stderr_bytes: LOG_BYTES, max_body_bytes: 256 * 1024 * 1024, ..policy })
    }

    async fn collect(&self, ctx: &Context) -> Result<Observation, CollectError> {
        let settings: Settings = settings::typed(&SPEC, &ctx.settings)?;
        let tables = declared::tables::<Own>(&SPEC, &ctx.source, &ctx.settings)?;
        let mut config = match &settings.config {
            Some(path) => object(ctx, CONFIG, path).await?,
            None => Map::new(),
        };
        if let Some(name) = secret_in(&config) {
            return Err(CollectError::Misconfigured {
                message: format!("`{name}` of the tap's configuration looks like a secret, and that file is recorded"),
                help: "take it out, and hand it over as one of the source's `secrets`".to_owned(),
            });
        }
        for (key, secret) in &ctx.secrets {
            if let Some(name) = key.strip_prefix("secrets.") {
                ctx.egress.protect(secret);
                config.insert(name.to_owned(), secret.expose_secret().into());
            }
        }
        let mut tap = settings.tool()?.file("config", SecretString::from(Value::Object(config).to_string()));
        let mut arguments = vec!["--config", "evidenced-file:config"];
        if let Some(path) = &settings.catalog {
            let catalog = object(ctx, CATALOG, path).await?;
            tap = tap.file("catalog", SecretString::from(Value::Object(catalog).to_string()));
            arguments.extend([settings.catalog_argument.as_str(), "evidenced-file:catalog"]);
        }
        let ran = tap.ask(ctx, RUN, &arguments).await?;
        // a log that was cut counts nothing for certain
        let log = if ran.stderr.len() < LOG_BYTES { ran.stderr.as_str() } else { "" };
        let counts = messages::counts(log);
        messages::read(ctx, &ran.success(RUN)?, &tables, &counts)
    }
}

/// The JSON object in the file at `path`.
async fn object(ctx: &Context, operation: &str, path: &Path) -> Result<Map<String, Value>, CollectError> {
    let content = ctx.egress.read_file(operation, path).await?;
    serde_json::from_slice(&content)
        .map_err(|error| malformed(operation, format!("`{}` is no JSON object: {error}", path.display())))
}

/// The name of a text in `config`, however deep, that must not be recorded.
fn secret_in(config: &Map<String, Value>) -> Option<String> {
    config.iter().find_map(|(name, value)| match value {
        Value::Object(inner) => secret_in(inner),
        Value::Array(items) => items.iter().filter_map(Value::as_object).find_map(secret_in),
        Value::String(text) if !text.is_empty() && tool::is_secret(name) && !is_about_one(name) => Some(name.clone()),
        _ => None,
    })
}

/// Whether a key says where or how, not what: `next_page_token_path`, `token_url`.
fn is_about_one(name: &str) -> bool {
    ["method", "name", "param", "path", "type", "uri", "url"]
        .iter()
        .any(|ending| name.to_ascii_lowercase().ends_with(ending))
}
