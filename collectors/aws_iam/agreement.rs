//! Whether the users listed, the credential report, the authorisation details and the account summary tell of the
//! same account. Any difference makes the snapshot incomplete and is named.

use super::grants::GrantedUser;
use super::read::Devices;
use super::report::ReportRow;
use super::{AUTHORIZATION_COLUMNS, Facts, REPORT_COLUMNS, accessed, member, other};
use crate::provider::aws::some;
use aws_sdk_iam::types::User;
use model::{Count, Reason, ReasonCode};
use std::collections::BTreeSet;

impl Facts {
    /// The report's row of `user`, unless it tells of an earlier user of the same name.
    pub(super) fn report_row(&self, user: &User) -> Option<&ReportRow> {
        let row = self.report.as_ref()?.rows.get(user.user_name())?;
        let made = row.instant("user_creation_time")?;
        // the report has whole seconds, the listing may have fractions
        (made.as_second().abs_diff(user.create_date().secs()) <= 1).then_some(row)
    }

    /// What `user` is granted, unless the details tell of another user of the same name.
    pub(super) fn granted(&self, user: &User) -> Option<&GrantedUser> {
        let granted = self.details.as_ref()?.users.get(user.user_name())?;
        (granted.user_id.as_deref() == Some(user.user_id())).then_some(granted)
    }
}

/// Compares; adds a reason for every difference and returns every count, the population's first.
pub(super) fn compare(facts: &Facts, reasons: &mut Vec<Reason>) -> Vec<Count> {
    let listed: BTreeSet<&str> = facts.users.iter().map(User::user_name).collect();
    let counted = listed.len() as u64;
    let mut counts = Vec::new();

    if let Some(summary) = &facts.summary {
        count(&mut counts, "aws_iam_user", counted, summary.get("Users").copied(), "iam:GetAccountSummary Users");
        if !summary.contains_key("AccountMFAEnabled") {
            let message = "the account summary does not say whether root has MFA";
            reasons.push(Reason::new(ReasonCode::Malformed, message).table("aws_iam_root").columns(&["mfa_active"]));
        }
    }
    if let Some(report) = &facts.report {
        let reported: BTreeSet<&str> = report.users().collect();
        let declared = i32::try_from(reported.len()).ok();
        count(&mut counts, "aws_iam_user", counted, declared, "iam:GetCredentialReport rows without <root_account>");
        compare_report(facts, &listed, &reported, reasons);
    }
    if let Some(details) = &facts.details {
        let detailed: BTreeSet<&str> = details.users.keys().map(String::as_str).collect();
        let declared = i32::try_from(detailed.len()).ok();
        count(&mut counts, "aws_iam_user", counted, declared, "iam:GetAccountAuthorizationDetails users");
        compare_details(facts, &listed, &detailed, reasons);
        let figure = |name: &str| facts.summary.as_ref().and_then(|summary| summary.get(name).copied());
        let (groups, policies) = (details.groups.len() as u64, details.policies.len() as u64);
        count(&mut counts, "aws_iam_group", groups, figure("Groups"), "iam:GetAccountSummary Groups");
        count(&mut counts, "aws_iam_policy", policies, figure("Policies"), "iam:GetAccountSummary Policies");
        if let Some(roles) = &facts.roles {
            let detailed: BTreeSet<&str> = details.roles.keys().map(String::as_str).collect();
            let listed: BTreeSet<&str> = roles.iter().map(String::as_str).collect();
            let declared = i32::try_from(listed.len()).ok();
            count(&mut counts, ROLES, detailed.len() as u64, declared, "iam:ListRoles");
            compare_roles(&listed, &detailed, reasons);
        }
    }
    if let Some(devices) = &facts.devices {
        compare_devices(devices, &mut counts, reasons);
    }
    if counts.is_empty() {
        counts.push(Count { table: "aws_iam_user".to_owned(), counted, declared: None, declared_by: None });
    }
    for count in counts.iter().filter(|count| ![DEVICES, ROLES].contains(&count.table.as_str())) {
        if let (Some(declared), Some(by)) = (count.declared, &count.declared_by)
            && declared != count.counted
        {
            let message = format!("{by}: {declared}; counted in the answers: {}", count.counted);
            reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table(&count.table));
        }
    }
    reasons.extend(member::reasons(facts));
    reasons.extend(other::reasons(&facts.ssh_keys));
    reasons.extend(accessed::reasons(&facts.accessed));
    counts
}

fn count(counts: &mut Vec<Count>, table: &str, counted: u64, declared: Option<i32>, by: &str) {
    let declared = declared.map(|declared| u64::try_from(declared).unwrap_or_default());
    let declared_by = declared.is_some().then(|| by.to_owned());
    counts.push(Count { table: table.to_owned(), counted, declared, declared_by });
}

/// Compared by serial number, which says more than the count beside it.
const DEVICES: &str = "aws_iam_mfa_device";
/// Compared by name.
const ROLES: &str = "aws_iam_role";

fn compare_roles(listed: &BTreeSet<&str>, detailed: &BTreeSet<&str>, reasons: &mut Vec<Reason>) {
    let one: Vec<&str> = listed.symmetric_difference(detailed).copied().collect();
    if !one.is_empty() {
        let message = format!(
            "{} roles are in iam:ListRoles or in the authorisation details, not in both: {}",
            one.len(),
            some(&one)
        );
        reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table(ROLES));
    }
}

fn compare_devices(devices: &Devices, counts: &mut Vec<Count>, reasons: &mut Vec<Reason>) {
    let in_use = devices.in_use();
    let declared = i32::try_from(devices.assigned.len()).ok();
    count(counts, DEVICES, in_use.len() as u64, declared, "iam:ListVirtualMFADevices AssignmentStatus=Assigned");
    let one: Vec<&str> = in_use.symmetric_difference(&devices.assigned).map(String::as_str).collect();
    if !one.is_empty() {
        let message = format!("{} MFA devices in use are in one of two listings only: {}", one.len(), some(&one));
        reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table(DEVICES));
    }
}

fn compare_report(facts: &Facts, listed: &BTreeSet<&str>, reported: &BTreeSet<&str>, reasons: &mut Vec<Reason>) {
    const REFRESHED: &str = "AWS refreshes the report at most every 4 hours; collect again after that";
    let unreported: Vec<&str> = listed.difference(reported).copied().collect();
    if !unreported.is_empty() {
        let message = format!(
            "{} users listed are not in the credential report, as if made since: {}. {REFRESHED}",
            unreported.len(),
            some(&unreported)
        );
        reasons.push(of_columns(message, REPORT_COLUMNS));
    }
    let unlisted: Vec<&str> = reported.difference(listed).copied().collect();
    if !unlisted.is_empty() {
        let message = format!(
            "{} users of the credential report are not listed: deleted since, or the list is short: {}. {REFRESHED}",
            unlisted.len(),
            some(&unlisted)
        );
        reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table("aws_iam_user"));
    }
    let other: Vec<&str> = facts
        .users
        .iter()
        .filter(|user| reported.contains(user.user_name()) && facts.report_row(user).is_none())
        .map(User::user_name)
        .collect();
    if !other.is_empty() {
        let message = format!(
            "the credential report tells of {} earlier users of the same name, made at another time: {}. {REFRESHED}",
            other.len(),
            some(&other)
        );
        reasons.push(of_columns(message, REPORT_COLUMNS));
    }
    let strange = facts.report.iter().flat_map(|report| &report.strange);
    for (column, value) in strange {
        let message = format!("the credential report's `{column}` holds `{value}`, which AWS does not document");
        let mut reason = Reason::new(ReasonCode::Malformed, message).columns(&[derived_column(column)]);
        let slots = column.starts_with("access_key_") && !column.ends_with("_active");
        reason.tables = vec![if slots { "aws_iam_access_key" } else { "aws_iam_user" }.to_owned()];
        reasons.push(reason);
    }
}

/// The column of ours that a column of the report feeds.
fn derived_column(column: &str) -> &str {
    match column {
        "user_creation_time" => "created_at",
        "password_last_used" => "password_last_used_at",
        "password_last_changed" => "password_last_changed_at",
        "password_next_rotation" => "password_next_rotation_at",
        column if column.ends_with("_last_rotated") => "last_rotated_at",
        column if column.ends_with("_last_used_date") => "last_used_at",
        other => other,
    }
}

fn compare_details(facts: &Facts, listed: &BTreeSet<&str>, detailed: &BTreeSet<&str>, reasons: &mut Vec<Reason>) {
    let unknown: Vec<&str> =
        facts.users.iter().filter(|user| facts.granted(user).is_none()).map(User::user_name).collect();
    if !unknown.is_empty() {
        let message = format!(
            "{} users listed are not in the authorisation details, or under another id: {}",
            unknown.len(),
            some(&unknown)
        );
        reasons.push(of_columns(message, AUTHORIZATION_COLUMNS));
    }
    let unlisted: Vec<&str> = detailed.difference(listed).copied().collect();
    if !unlisted.is_empty() {
        let message =
            format!("{} users of the authorisation details are not listed: {}", unlisted.len(), some(&unlisted));
        reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table("aws_iam_user"));
    }
    let differing: Vec<&str> =
        facts.details.iter().flat_map(|details| &details.differing).map(String::as_str).collect();
    if !differing.is_empty() {
        let message = format!(
            "{} members of the authorisation details came more than once with different content: {}",
            differing.len(),
            some(&differing)
        );
        let mut reason = Reason::new(ReasonCode::DuplicateDiffers, message);
        reason.tables = [
            "aws_iam_user",
            "aws_iam_group",
            "aws_iam_group_member",
            "aws_iam_attached_policy",
            "aws_iam_policy",
            "aws_iam_role",
        ]
        .map(str::to_owned)
        .to_vec();
        reasons.push(reason);
    }
}

fn of_columns(message: String, columns: &[&str]) -> Reason {
    Reason::new(ReasonCode::CountsDisagree, message).table("aws_iam_user").columns(columns)
}
