//! `evidenced doctor`: what works, what is missing, and the line that mends it.
//!
//! It changes nothing: the store is only opened for reading, and what the sources answer is looked at and dropped.

mod destination;
mod host;
mod source;
mod validity;

use crate::line;
use crate::settings::{Settings, did_you_mean};
use model::Timestamp;
use serde::Serialize;

/// How an examined thing stands. Ordered: the worst is the greatest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// It works.
    Ok,
    /// It works in part, or it cannot be told.
    Warn,
    /// It does not work.
    Fail,
}

impl Level {
    /// The word used in JSON and tables.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One examined thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was examined: `configuration`, `checks`, `key`, `store`, `disk`, `clock`, `time`, `notify`, or a source's name.
    pub(crate) area: String,
    /// How it stands.
    pub(crate) level: Level,
    /// What was seen.
    pub(crate) message: String,
    /// How to mend it.
    pub(crate) help: Option<String>,
}

impl Finding {
    fn ok(area: &str, message: impl Into<String>) -> Self {
        Self { area: area.to_owned(), level: Level::Ok, message: message.into(), help: None }
    }

    fn warn(area: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { area: area.to_owned(), level: Level::Warn, message: message.into(), help: Some(help.into()) }
    }

    fn fail(area: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { area: area.to_owned(), level: Level::Fail, message: message.into(), help: Some(help.into()) }
    }
}

/// Examines this host and every source, or this host and the source `which`.
pub(crate) async fn doctor(settings: &Settings, which: Option<&str>) -> Vec<Finding> {
    let mut findings = host::configuration(settings);
    if let Err(failure) = line::load_checks(Some(settings)) {
        let help = failure.help.unwrap_or_else(|| "nothing is evaluated until this is mended".to_owned());
        findings.push(Finding::fail("checks", failure.message, help));
    }
    findings.push(host::sandbox(settings));
    findings.push(host::key(settings));
    findings.push(host::store(settings));
    findings.extend(host::evidence(settings));
    findings.extend(host::elsewhere(settings));
    findings.push(host::disk(&settings.store.dir));
    findings.extend(host::trusted_time(settings, Timestamp::now()));
    let mut skews = Vec::new();
    let chosen: Vec<_> =
        settings.sources.iter().filter(|source| which.is_none_or(|name| source.name == name)).collect();
    if let (Some(name), true) = (which, chosen.is_empty()) {
        let known = settings.sources.iter().map(|source| source.name.as_str());
        findings.push(Finding::fail(name, "there is no such source", did_you_mean(name, known)));
    }
    let mut examined = Vec::new();
    for source in chosen {
        let examination = source::examine(source, settings, Timestamp::now()).await;
        skews.extend(examination.skew_seconds.map(|skew| (source.name.clone(), skew)));
        examined.extend(examination.findings);
    }
    findings.push(host::clock(&skews));
    findings.extend(examined);
    if which.is_none() {
        findings.extend(destination::examine(settings, Timestamp::now()).await);
    }
    findings
}
