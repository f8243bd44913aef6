//! Refuses answers the AWS SDK would half read.
//!
//! The SDK's XML reader takes the end of the bytes for the end of a list and a missing element for its default, so an
//! answer cut in the middle, or one without its `IsTruncated`, would be a shorter population that looks whole. Every
//! successful answer is therefore read here first: well-formed to its last byte, nothing twice, and with what the API
//! promises. It never repairs.

use super::xml::{Event, walk};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::AfterDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use model::Digest;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::collections::{BTreeSet, HashSet};
use std::fmt;
use std::sync::{Arc, OnceLock};

/// Elements (or top-level members) without which an answer cannot be told from a shorter one.
const PROMISED: &[(&str, &[&str])] = &[
    ("sts:GetCallerIdentity", &["Account", "Arn"]),
    ("iam:ListUsers", &["Users", "IsTruncated"]),
    ("iam:GetAccountAuthorizationDetails", &["IsTruncated"]),
    ("iam:ListRoles", &["Roles", "IsTruncated"]),
    ("iam:ListVirtualMFADevices", &["VirtualMFADevices", "IsTruncated"]),
    ("iam:GetAccountSummary", &["SummaryMap"]),
    ("iam:GenerateCredentialReport", &["State"]),
    ("iam:GetCredentialReport", &["Content", "GeneratedTime"]),
    ("iam:GetAccountPasswordPolicy", &["PasswordPolicy"]),
    ("iam:GetLoginProfile", &["LoginProfile"]),
    ("iam:ListMFADevices", &["MFADevices"]),
    ("iam:GenerateServiceLastAccessedDetails", &["JobId"]),
    ("iam:GetServiceLastAccessedDetails", &["JobStatus", "ServicesLastAccessed", "IsTruncated"]),
    ("iam:ListAccessKeys", &["AccessKeyMetadata"]),
    ("iam:ListServiceSpecificCredentials", &["ServiceSpecificCredentials"]),
    ("iam:ListSSHPublicKeys", &["SSHPublicKeys", "IsTruncated"]),
    ("iam:GetAccessKeyLastUsed", &["AccessKeyLastUsed"]),
    ("backup:ListBackupJobs", &["BackupJobs"]),
    ("backup:ListCopyJobs", &["CopyJobs"]),
    ("backup:ListRestoreJobs", &["RestoreJobs"]),
    ("backup:ListBackupPlans", &["BackupPlansList"]),
    ("backup:GetBackupPlan", &["BackupPlan"]),
    ("backup:ListBackupSelections", &["BackupSelectionsList"]),
    ("backup:GetBackupSelection", &["BackupSelection"]),
    ("backup:ListProtectedResources", &["Results"]),
    ("backup:ListBackupVaults", &["BackupVaultList"]),
    ("backup:ListRecoveryPointsByBackupVault", &["RecoveryPoints"]),
    ("organizations:DescribeOrganization", &["Organization"]),
    ("organizations:ListAccounts", &["Accounts"]),
    ("organizations:ListRoots", &["Roots"]),
    ("organizations:ListOrganizationalUnitsForParent", &["OrganizationalUnits"]),
    ("organizations:ListAccountsForParent", &["Accounts"]),
];

/// Services that answer in JSON; the others do in XML.
const JSON: &[&str] = &["backup:", "organizations:"];

/// Watches one call: reads its answer before it is believed and keeps the digest of what it said.
#[derive(Debug, Clone)]
pub(crate) struct Guard {
    operation: &'static str,
    content: Arc<OnceLock<Digest>>,
}

impl Guard {
    /// A guard for one call of `operation`.
    pub(crate) fn new(operation: &'static str) -> Self {
        Self { operation, content: Arc::default() }
    }

    /// The digest of what the answer lists, so that a page repeated under a new request id or token is recognised.
    pub(crate) fn content(&self) -> Digest {
        self.content.get().copied().unwrap_or_else(|| Digest::of(b""))
    }
}

#[dyn_dispatch_hint]
impl Intercept for Guard {
    fn name(&self) -> &'static str {
        "Guard"
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let response = context.response();
        if !response.status().is_success() {
            return Ok(());
        }
        let body = response.body().bytes().ok_or_else(|| Unbelievable("the body was not read whole".to_owned()))?;
        let text = std::str::from_utf8(body).map_err(|error| Unbelievable(format!("not UTF-8: {error}")))?;
        let is_json = JSON.iter().any(|service| self.operation.starts_with(service));
        let names = if is_json { json_names(text) } else { xml_names(text) }.map_err(Unbelievable)?;
        let promised = PROMISED.iter().find(|(operation, _)| *operation == self.operation).map_or(&[][..], |(_, n)| n);
        // a job that is not done promises nothing but its status
        let undone = names.contains("JobStatus") && !text.contains("<JobStatus>COMPLETED</JobStatus>");
        let promised = if undone { &["JobStatus"][..] } else { promised };
        if let Some(missing) = promised.iter().find(|name| !names.contains(**name)) {
            return Err(Unbelievable(format!("the answer has no `{missing}`")).into());
        }
        // a guard watches one call; a second answer would be another guard's
        let _ = self.content.set(Digest::of(listed(text).as_bytes()));
        Ok(())
    }
}

/// An answer that cannot be believed, in words.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unbelievable(String);

/// Names of the elements two levels below the root (`ListUsersResponse/ListUsersResult/*`), if `text` is one whole
/// well-formed document without a document type.
fn xml_names(text: &str) -> Result<BTreeSet<&str>, String> {
    const MEMBERS: usize = 2;
    let mut names = BTreeSet::new();
    walk(text, |event| match event {
        Event::Open { name, depth: MEMBERS } if !names.insert(name) => Err(format!("`{name}` comes twice")),
        _ => Ok(()),
    })?;
    Ok(names)
}

/// Names of the members of the top-level object, if `text` is one whole JSON object in which no object has a name twice.
fn json_names(text: &str) -> Result<BTreeSet<&str>, String> {
    let Strict(names) = serde_json::from_str(text).map_err(|error| format!("not well-formed JSON: {error}"))?;
    let names = names.ok_or_else(|| "the answer is not a JSON object".to_owned())?;
    // serde gives the names as owned texts; callers compare with what was promised
    Ok(PROMISED
        .iter()
        .flat_map(|(_, promised)| promised.iter().copied())
        .filter(|name| names.contains(*name))
        .collect())
}

/// Any JSON value whose objects have no name twice; holds the names of an object whose value is not null.
struct Strict(Option<HashSet<String>>);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
        let mut seen = HashSet::new();
        let mut nulls = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if seen.contains(&name) {
                return Err(serde::de::Error::custom(format!("`{name}` comes twice in one object")));
            }
            if map.next_value::<Option<Strict>>()?.is_none() {
                nulls.push(name.clone());
            }
            seen.insert(name);
        }
        for name in nulls {
            seen.remove(&name);
        }
        Ok(Strict(Some(seen)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Strict, A::Error> {
        while seq.next_element::<Strict>()?.is_some() {}
        Ok(Strict(None))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Strict, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Strict, E> {
        Ok(Strict(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Strict, E> {
        Ok(Strict(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Strict, E> {
        Ok(Strict(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Strict, E> {
        Ok(Strict(None))
    }

    fn visit_str<E>(self, _: &str) -> Result<Strict, E> {
        Ok(Strict(None))
    }
}

/// What a page lists: `text` without its request id and without what tells of the page after it. A page that lists
/// nothing keeps that: AWS may give several such pages in a row.
fn listed(text: &str) -> String {
    if let Ok(serde_json::Value::Object(mut page)) = serde_json::from_str(text) {
        let lists_something = page.values().any(|value| value.as_array().is_some_and(|members| !members.is_empty()));
        if lists_something {
            page.remove("NextToken");
        }
        return serde_json::Value::Object(page).to_string();
    }
    let text = without(text, "RequestId");
    if text.contains("<member>") { without(&without(&text, "Marker"), "IsTruncated") } else { text }
}

/// `text` without the last element `name`.
fn without(text: &str, name: &str) -> String {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    match text.rfind(&open) {
        Some(start) => {
            let end = text[start..].find(&close).map_or(text.len(), |length| start + length + close.len());
            format!("{}{}", &text[..start], &text[end..])
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{json_names, listed, xml_names};

    const PAGE: &str =
        "<R xmlns=\"urn:x\"><Result><Users><member/></Users><IsTruncated>false</IsTruncated></Result></R>";

    #[test]
    fn a_whole_document_names_its_members() {
        assert_eq!(xml_names(PAGE).unwrap().into_iter().collect::<Vec<_>>(), ["IsTruncated", "Users"]);
        assert!(json_names(r#"{"BackupJobs":[{"a":1.5,"b":null}],"NextToken":"x"}"#).unwrap().contains("BackupJobs"));
    }

    #[test]
    fn a_document_cut_at_any_byte_is_refused() {
        for end in 0..PAGE.len() {
            assert!(xml_names(&PAGE[..end]).is_err(), "{}", &PAGE[..end]);
        }
        let json = r#"{"BackupJobs":[{"State":"FAILED"}]}"#;
        for end in 0..json.len() {
            assert!(json_names(&json[..end]).is_err(), "{}", &json[..end]);
        }
    }

    #[test]
    fn repeated_names_types_of_document_and_trailing_text_are_refused() {
        for text in [
            "<R><Result><IsTruncated>true</IsTruncated><IsTruncated>false</IsTruncated></Result></R>",
            "<!DOCTYPE html><R/>",
            "<R/><R/>",
            "<R/>trailing",
            "<R></Q>",
            "",
        ] {
            assert!(xml_names(text).is_err(), "{text}");
        }
        for text in [r#"{"a":1,"a":2}"#, r#"{"a":{"b":1,"b":2}}"#, "[]", "null", "{} {}", "<html></html>"] {
            assert!(json_names(text).is_err(), "{text}");
        }
    }

    #[test]
    fn null_is_not_a_list() {
        assert!(json_names(r#"{"BackupJobs":null}"#).unwrap().is_empty());
    }

    #[test]
    fn a_page_repeated_under_another_request_id_is_the_same_page() {
        let page =
            |id: &str| format!("<R><Result/><ResponseMetadata><RequestId>{id}</RequestId></ResponseMetadata></R>");
        assert_eq!(listed(&page("a1")), listed(&page("b2")));
        assert_ne!(listed(&page("a1")), listed("<R><Result>x</Result></R>"));
    }

    #[test]
    fn a_page_repeated_under_another_token_is_the_same_page_unless_it_lists_nothing() {
        let xml =
            |members: &str, marker: &str| listed(&format!("<R><Users>{members}</Users><Marker>{marker}</Marker></R>"));
        assert_eq!(xml("<member>a</member>", "m1"), xml("<member>a</member>", "m2"));
        assert_ne!(xml("<member>a</member>", "m1"), xml("<member>b</member>", "m1"));
        assert_ne!(xml("", "m1"), xml("", "m2"));
        let json = |members: &str, token: &str| listed(&format!("{{\"Jobs\":[{members}],\"NextToken\":\"{token}\"}}"));
        assert_eq!(json("{\"a\":1}", "t1"), json("{\"a\":1}", "t2"));
        assert_ne!(json("{\"a\":1}", "t1"), json("{\"a\":2}", "t1"));
        assert_ne!(json("", "t1"), json("", "t2"));
        // the last page has no token at all, and nothing that says more follow
        assert_eq!(json("{\"a\":1}", "t1"), listed("{ \"Jobs\": [ {\"a\": 1} ] }"));
        let page = |more: &str| listed(&format!("<R><Users><member>a</member></Users>{more}</R>"));
        assert_eq!(
            page("<IsTruncated>true</IsTruncated><Marker>m1</Marker>"),
            page("<IsTruncated>false</IsTruncated>")
        );
    }
}
