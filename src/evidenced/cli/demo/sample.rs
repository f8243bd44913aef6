//! The sample organisation: its roster, and a loopback server that answers like its AWS account and its GitHub
//! organisation would. Dates are relative to now, so that the evidence is fresh whenever the demo runs.
//!
//! Nothing but the demo reaches this.

use crate::failure::Failure;
use axum::Router;
use axum::body::Bytes;
use axum::http::{Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::{SignedDuration, Timestamp};
use std::net::SocketAddr;

/// Answers of the AWS query protocol, by action.
const AWS: &[(&str, &str)] = &[
    ("GetCallerIdentity", include_str!("sample/aws/GetCallerIdentity.xml")),
    ("ListUsers", include_str!("sample/aws/ListUsers.xml")),
    ("GetAccountAuthorizationDetails", include_str!("sample/aws/GetAccountAuthorizationDetails.xml")),
    ("ListRoles", include_str!("sample/aws/ListRoles.xml")),
    ("GenerateCredentialReport", include_str!("sample/aws/GenerateCredentialReport.xml")),
    ("GetCredentialReport", include_str!("sample/aws/GetCredentialReport.xml")),
    ("ListServiceSpecificCredentials", include_str!("sample/aws/ListServiceSpecificCredentials.xml")),
    ("ListVirtualMFADevices", include_str!("sample/aws/ListVirtualMFADevices.xml")),
    ("GetAccountSummary", include_str!("sample/aws/GetAccountSummary.xml")),
    ("GetAccountPasswordPolicy", include_str!("sample/aws/GetAccountPasswordPolicy.xml")),
];

/// Answers of AWS Backup, by path and the part of the query that tells listings apart.
const BACKUP: &[(&str, &str)] = &[
    ("/backup-jobs/?state=COMPLETED", include_str!("sample/backup/jobs.json")),
    ("/backup-jobs/?state=", include_str!("sample/backup/no-jobs.json")),
    ("/backup-jobs/", include_str!("sample/backup/jobs.json")),
    ("/restore-jobs/?status=COMPLETED", include_str!("sample/backup/restore-jobs.json")),
    ("/restore-jobs/?status=", include_str!("sample/backup/no-restore-jobs.json")),
    ("/restore-jobs/", include_str!("sample/backup/restore-jobs.json")),
    ("/backup/plans/", include_str!("sample/backup/plans.json")),
    ("/resources/", include_str!("sample/backup/resources.json")),
    ("/backup-vaults/", include_str!("sample/backup/vaults.json")),
];

/// Answers of GitHub, by path and the part of the query that tells listings apart.
const GITHUB: &[(&str, &str)] = &[
    ("/user/memberships/orgs/sample", include_str!("sample/github/membership.json")),
    ("/user", include_str!("sample/github/user.json")),
    ("/orgs/sample/members?role=admin", include_str!("sample/github/admins.json")),
    ("/orgs/sample/members?role=member", include_str!("sample/github/plain-members.json")),
    ("/orgs/sample/members?filter=2fa_disabled", include_str!("sample/github/without-2fa.json")),
    ("/orgs/sample/members?filter=2fa_insecure", "[]"),
    ("/orgs/sample/members", include_str!("sample/github/members.json")),
    ("/orgs/sample/outside_collaborators?filter=2fa_disabled", "[]"),
    ("/orgs/sample/outside_collaborators?filter=2fa_insecure", "[]"),
    ("/orgs/sample/outside_collaborators", include_str!("sample/github/outside.json")),
    ("/orgs/sample/invitations", "[]"),
    ("/orgs/sample/installations", r#"{"total_count":0,"installations":[]}"#),
    ("/graphql?membersWithRole", r#"{"data":{"organization":{"membersWithRole":{"totalCount":6}}}}"#),
    ("/graphql?samlIdentityProvider", r#"{"data":{"organization":{"samlIdentityProvider":null}}}"#),
    ("/orgs/sample/teams", include_str!("sample/github/teams.json")),
    ("/orgs/sample/memberships/ada-osei", include_str!("sample/github/membership.json")),
    ("/orgs/sample", include_str!("sample/github/org.json")),
];

const CREDENTIAL_REPORT: &str = include_str!("sample/aws/credential_report.csv");
const ROSTER: &str = include_str!("sample/roster.csv");
const CONFIGURATION: &str = include_str!("sample/evidenced.toml");

/// A running sample organisation.
pub(super) struct Sample {
    address: SocketAddr,
}

/// Starts the loopback server; it lives as long as the process.
pub(super) async fn start() -> Result<Sample, Failure> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.map_err(Failure::store)?;
    let address = listener.local_addr().map_err(Failure::store)?;
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, Router::new().fallback(answer)).await {
            tracing::error!(%error, "demo.sample_server_ended");
        }
    });
    Ok(Sample { address })
}

/// Files the configuration refers to: the roster, and credentials that are worth nothing.
pub(super) fn files() -> [(&'static str, String); 4] {
    [
        ("roster.csv", rendered(ROSTER)),
        ("sample-aws-key-id", "AKIAEXAMPLESAMPLE".to_owned()),
        ("sample-aws-secret", "sample".to_owned()),
        ("sample-github-token", "sample".to_owned()),
    ]
}

impl Sample {
    /// The demo's configuration, pointing the sample sources at this server.
    pub(super) fn configuration(&self, origin: &str) -> String {
        CONFIGURATION.replace("{origin}", origin).replace("{address}", &self.address.to_string())
    }
}

async fn answer(method: Method, uri: Uri, body: Bytes) -> Response {
    let query = uri.query().unwrap_or_default();
    if method == Method::POST && uri.path() == "/" {
        let body = String::from_utf8_lossy(&body);
        let action = body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or_default();
        return match AWS.iter().find(|(name, _)| *name == action) {
            Some((_, template)) => ([(header::CONTENT_TYPE, "text/xml")], rendered(template)).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        };
    }
    if let Some(path) = uri.path().strip_prefix("/github") {
        // a GraphQL query is in the body
        let asked = if path == "/graphql" { String::from_utf8_lossy(&body) } else { query.into() };
        return json(GITHUB, path, &asked);
    }
    if uri.path().starts_with("/copy-jobs") {
        // one refused call, so that the demo shows what becomes of evidence that was not seen
        let refusal = r#"{"message":"User: arn:aws:iam::123456789012:user/evidence-reader is not authorized to perform: backup:ListCopyJobs"}"#;
        let headers =
            [(header::CONTENT_TYPE.as_str(), "application/json"), ("x-amzn-errortype", "AccessDeniedException")];
        return (StatusCode::FORBIDDEN, headers, refusal).into_response();
    }
    json(BACKUP, uri.path(), query)
}

/// The first answer whose path is equal and whose query part occurs in the query.
fn json(answers: &[(&str, &str)], path: &str, query: &str) -> Response {
    let path = path.trim_end_matches('/');
    let found = answers.iter().find(|(pattern, _)| {
        let (wanted, part) = pattern.split_once('?').unwrap_or((pattern, ""));
        wanted.trim_end_matches('/') == path && query.contains(part)
    });
    match found {
        Some((_, template)) => ([(header::CONTENT_TYPE, "application/json")], rendered(template)).into_response(),
        None => (StatusCode::NOT_FOUND, r#"{"message":"Not Found"}"#).into_response(),
    }
}

/// Fills `{date -12d}`, `{time -5m}`, `{report -40d}` (the credential report's spelling), `{epoch -1d}` (seconds) and
/// `{base64 credential_report.csv}`.
fn rendered(template: &str) -> String {
    let now = Timestamp::now();
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(start) = rest.find('{') {
        let (before, after) = rest.split_at(start);
        text.push_str(before);
        let filled = after.find('}').and_then(|end| Some((placeholder(&after[1..end], now)?, end)));
        if let Some((value, end)) = filled {
            text.push_str(&value);
            rest = &after[end + 1..];
        } else {
            text.push('{');
            rest = &after[1..];
        }
    }
    text + rest
}

fn placeholder(inner: &str, now: Timestamp) -> Option<String> {
    let (kind, argument) = inner.split_once(' ')?;
    if kind == "base64" {
        return Some(STANDARD.encode(rendered(CREDENTIAL_REPORT)));
    }
    let (sign, count) = argument.split_at_checked(1)?;
    let offset = model::time::parse_duration(count).ok()?;
    let offset: SignedDuration = if sign == "-" { -offset } else { offset };
    let instant = now.checked_add(offset).ok()?;
    match kind {
        "date" => Some(instant.strftime("%Y-%m-%d").to_string()),
        "time" => Some(model::time::seconds_text(instant)),
        "report" => Some(instant.strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()),
        "epoch" => Some(instant.as_second().to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_leave_no_placeholder_and_keep_json_braces() {
        for (name, template) in
            AWS.iter().chain(BACKUP).chain(GITHUB).chain([&("roster", ROSTER), &("report", CREDENTIAL_REPORT)])
        {
            let text = rendered(template);
            for kind in ["{date", "{time", "{report", "{epoch", "{base64"] {
                assert!(!text.contains(kind), "{name} keeps {kind}");
            }
            if text.starts_with(['{', '[']) {
                serde_json::from_str::<serde_json::Value>(&text)
                    .unwrap_or_else(|error| panic!("{name}: {error}\n{text}"));
            }
        }
    }
}
