//! The collectors: each reads one kind of evidence from one source and judges nothing.
//!
//! A collector is a folder: `mod.rs` (what is read), `collector.toml` (what is declared), `mapping.sql` (its tables
//! to the vocabulary), `fixtures/` (recorded answers with the tables they must give) and a generated `README.md`.
//! It speaks through [`egress::Context`] only: never to the store, never to the clock, never to another collector.

mod aws_backup;
mod aws_iam;
mod aws_organization;
mod bamboohr;
mod borg;
mod entra_id;
mod exec;
mod file_drop;
mod github_org;
mod github_repos;
mod google_workspace;
mod hr_file;
mod http_json;
mod linux_accounts;
mod okta;
mod personio;
mod pgbackrest;
mod provider;
pub mod recording;
mod restic;
mod scim;
mod settings;
mod singer_tap;
mod sql_query;
mod velero;

#[cfg(test)]
mod describe;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod rules;

pub use egress::{Collector, Shape};
pub use exec::ENVELOPE;

/// The collectors and, without reading what they declare, their ids: a collector's id is the name of its module.
macro_rules! registry {
    ($(&$id:ident::$collector:ident,)*) => {
        static REGISTRY: &[&dyn Collector] = &[$(&$id::$collector),*];
        static IDS: &[&str] = &[$(stringify!($id)),*];
    };
}

// Every collector, by id. A new one is two lines in this file: its module above and its entry here.
registry! {
    &aws_backup::AwsBackup,
    &aws_iam::AwsIam,
    &aws_organization::AwsOrganization,
    &bamboohr::BambooHr,
    &borg::Borg,
    &entra_id::EntraId,
    &exec::Exec,
    &file_drop::FileDrop,
    &github_org::GithubOrg,
    &github_repos::GithubRepos,
    &google_workspace::GoogleWorkspace,
    &hr_file::HrFile,
    &http_json::HttpJson,
    &linux_accounts::LinuxAccounts,
    &okta::Okta,
    &personio::Personio,
    &pgbackrest::PgBackRest,
    &restic::Restic,
    &scim::Scim,
    &singer_tap::SingerTap,
    &sql_query::SqlQuery,
    &velero::Velero,
}

/// Every collector, sorted by id.
pub fn all() -> &'static [&'static dyn Collector] {
    REGISTRY
}

/// The ids of all of them.
pub fn ids() -> &'static [&'static str] {
    IDS
}

/// The collector `id`. No other is asked what it declares: reading that of all of them takes longer than most commands.
pub fn find(id: &str) -> Option<&'static dyn Collector> {
    REGISTRY.get(IDS.iter().position(|known| *known == id)?).copied()
}

/// A `collector.toml` compiled into the program. A broken one fails every test, so it cannot reach a user.
fn parse_spec(text: &str) -> model::CollectorSpec {
    toml::from_str(text).expect("collector.toml is checked by this crate's tests")
}
