//! The configuration: one TOML file, then `EVIDENCED_*` variables, then flags; parsed, validated, typed.
//!
//! All problems are reported at once, each with its place and a mend. Nothing is ignored: an unknown key, and a section
//! this version has not got, refuse the whole. A secret is never read here, only found readable.

mod declared;
mod document;
mod fields;
mod handover;
mod keys;
mod layers;
mod load;
mod notify;
mod problem;
mod reference;
mod register;
mod reviews;
mod schema;
mod secret;
mod sources;
mod spread;
mod starter;
mod suggest;
mod timestamp;
mod witness;

pub(crate) use handover::{Applicability, Handover};
pub(crate) use layers::Override;
pub(crate) use load::{load, load_without_secrets};
pub(crate) use notify::{Destination, GithubIssues, Jira, MailTls, Smtp, Way};
pub(crate) use problem::Problem;
pub(crate) use reference::{REFERENCE, SCHEMA};
pub(crate) use register::{ApprovedLink, RegisteredAccount};
pub(crate) use reviews::ReviewPolicy;
pub(crate) use secret::SecretRef;
pub(crate) use starter::starter;
pub(crate) use suggest::{did_you_mean, nearest};
pub(crate) use timestamp::Authority;
pub(crate) use witness::Witness;

use crate::daemon::Schedule;
use evaluate::Sandbox;
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use model::Digest;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use url::Url;

/// A valid configuration.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// The file it was read from, absolute.
    pub(crate) file: PathBuf,
    /// Whose evidence it is.
    pub(crate) organisation: Organisation,
    /// Where it is kept.
    pub(crate) store: StoreSettings,
    /// How long it is kept.
    pub(crate) retention: Retention,
    /// The log over it.
    pub(crate) log: LogSettings,
    /// The way to its sources.
    pub(crate) network: Network,
    /// The systems it comes from, sorted by name.
    pub(crate) sources: Vec<Source>,
    /// What is tested.
    pub(crate) checks: Checks,
    /// What becomes of failures.
    pub(crate) findings: Findings,
    /// The account register.
    pub(crate) accounts: Vec<RegisteredAccount>,
    /// Approved identity links.
    pub(crate) links: Vec<ApprovedLink>,
    /// What packs say beside the evidence.
    pub(crate) handover: Handover,
    /// Who is told, sorted by name.
    pub(crate) notify: Vec<Destination>,
    /// How access is reviewed, sorted by name.
    pub(crate) reviews: Vec<ReviewPolicy>,
    /// The pages.
    pub(crate) serve: Serve,
    /// What flags changed in it; a reload applies them again.
    pub(crate) overrides: Vec<Override>,
    /// SHA-256 of the file's bytes.
    pub(crate) digest: Digest,
}

/// `[organisation]`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Organisation {
    /// Its name.
    pub(crate) name: String,
    /// Its zone.
    pub(crate) timezone: TimeZone,
    /// The zone's name as written.
    pub(crate) timezone_name: String,
    /// When the last day of employment ends; none: with the day itself.
    pub(crate) last_day_ends: Option<Time>,
    /// Its mail domains, lower case; empty: any.
    pub(crate) domains: Vec<String>,
    /// Whether the part before the `@` is compared without case.
    pub(crate) fold_local_part: bool,
}

/// First instant after `day` in `zone`: what a bare date means where something ends with it.
pub(crate) fn end_of_day(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    Some(day.tomorrow().ok()?.to_zoned(zone.clone()).ok()?.timestamp())
}

/// `[store]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoreSettings {
    /// The store's folder.
    pub(crate) dir: PathBuf,
    /// The folder of the captured bytes.
    pub(crate) blobs: PathBuf,
    /// Bytes a second at which the daemon scrubs; none: it does not.
    pub(crate) scrub_rate: Option<u64>,
}

/// `[retention]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retention {
    /// Of the snapshots of a source that says nothing itself; none: they are kept for ever.
    pub(crate) default: Option<SignedDuration>,
    /// Of evaluations, and of findings that ended.
    pub(crate) evaluations: Option<SignedDuration>,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogSettings {
    /// The log's name.
    pub(crate) origin: String,
    /// Its signing key.
    pub(crate) key: SecretRef,
    /// The key before it, which signs too.
    pub(crate) previous_key: Option<SecretRef>,
    /// Folder to which each checkpoint is copied.
    pub(crate) mirror: Option<PathBuf>,
    /// Who cosigns it; empty: nobody.
    pub(crate) witnesses: Vec<Witness>,
    /// How long something new waits at most until they are asked.
    pub(crate) witness_every: SignedDuration,
    /// Who stamps it; empty: nobody.
    pub(crate) authorities: Vec<Authority>,
    /// How long something new waits at most until they are asked.
    pub(crate) timestamp_every: SignedDuration,
}

/// `[network]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Network {
    /// The proxy's address; none: sources are asked directly.
    pub(crate) proxy: Option<Url>,
    /// `user:password` for it.
    pub(crate) proxy_credential: Option<SecretRef>,
    /// Who is asked directly all the same.
    pub(crate) no_proxy: Vec<String>,
}

/// `[sources.NAME]`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Source {
    /// NAME.
    pub(crate) name: String,
    /// Collector id.
    pub(crate) collector: String,
    /// When it is due; none: only when a person asks.
    pub(crate) schedule: Option<Schedule>,
    /// Older evidence is stale.
    pub(crate) max_age: SignedDuration,
    /// Its snapshots may be erased after this; none: as `[retention]` says.
    pub(crate) retention: Option<SignedDuration>,
    /// Who answers for it, and how it may be shared.
    pub(crate) custody: Custody,
    /// An empty population is right.
    pub(crate) expect_empty: bool,
    /// A population that shrinks by more is suspect.
    pub(crate) drop_guard_percent: u8,
    /// Invented data.
    pub(crate) sample: bool,
    /// The collector's keys: defaults filled in, paths absolute, no secrets. Sealed with every snapshot.
    pub(crate) settings: Value,
    /// The collector's secrets by key.
    pub(crate) secrets: BTreeMap<String, SecretRef>,
}

/// What is said of evidence beside what it shows; none: nobody said it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Custody {
    /// Who answers for it.
    pub(crate) owner: Option<String>,
    /// Who looks through it.
    pub(crate) reviewer: Option<String>,
    /// How it may be shared.
    pub(crate) classification: Option<String>,
}

/// `[checks]`
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Checks {
    /// Folders of the organisation's own checks.
    pub(crate) paths: Vec<PathBuf>,
    /// Parameter values by check and parameter.
    pub(crate) parameters: BTreeMap<String, BTreeMap<String, Value>>,
    /// What to do where the kernel cannot confine the worker process wholly.
    pub(crate) sandbox: Sandbox,
    /// Who answers for evaluations and findings, and how they may be shared.
    pub(crate) custody: Custody,
}

/// `[findings]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Findings {
    /// How many evaluations it takes.
    pub(crate) rules: workflow::Rules,
}

/// `[serve]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Serve {
    /// Where they listen; none: no pages.
    pub(crate) listen: Option<SocketAddr>,
    /// Where people reach them; none: where they listen.
    pub(crate) base_url: Option<Url>,
}

impl Serve {
    /// Where people reach the pages, without a slash at the end; empty where there are none.
    pub(crate) fn address(&self) -> String {
        match (&self.base_url, self.listen) {
            (Some(url), _) => url.as_str().trim_end_matches('/').to_owned(),
            (None, Some(listen)) => format!("http://{listen}"),
            (None, None) => String::new(),
        }
    }
}

/// Bytes a second, of a text like `10 MiB/s`; none when it is not one, or less than one.
pub(crate) fn bytes_a_second(text: &str) -> Option<u64> {
    let (number, unit) = text.strip_suffix("/s")?.split_once(' ')?;
    let factor = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor).filter(|rate| *rate > 0)
}

#[cfg(test)]
mod tests;
