//! From what was read to the tables of `collector.toml`. Whatever a source did not say is left out of its row.

use super::grants::{Details, Grant, GrantedUser, administrators, any, is_administrator, reason};
use super::policy::document;
use super::report::{ROOT, ReportRow};
use super::{Facts, accessed, other};
use crate::provider::aws::{instant, text};
use crate::provider::rows::{push, row, table};
use aws_sdk_iam::types::{AccessKeyLastUsed, StatusType, User};
use model::time::seconds_text;
use model::{CollectError, CollectorSpec, Reason, ReasonCode, Table};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// Every table, also the empty ones. What was read of a user goes as its rows come, so that not both are held of all.
pub(super) fn tables(
    spec: &CollectorSpec,
    facts: &mut Facts,
    reasons: &mut Vec<Reason>,
) -> Result<Vec<Table>, CollectError> {
    let mut tables: BTreeMap<&str, Table> =
        spec.tables.iter().map(|declared| (declared.name.as_str(), table(spec, &declared.name))).collect();
    let mut add = |name: &str, object: Value| match tables.get_mut(name) {
        Some(table) => push(table, row(object)),
        None => Ok(()),
    };
    let service_credentials = facts.service_credentials.take();
    let active = service_credentials.as_ref().map(other::ServiceCredentials::active);
    let users = std::mem::take(&mut facts.users);
    let repeated = repeated(&users);
    for user in users {
        let name = user.user_name();
        let mut object = user_row(facts, &user);
        other::complete(facts, active.as_ref(), name, &mut object);
        accessed::complete(&facts.accessed, accessed::Kind::User, name, &mut object);
        add("aws_iam_user", object)?;
        if let Some(reported) = facts.report_row(&user) {
            key_slots(name, reported, &mut add)?;
        }
        // one that was listed again is needed again
        if !repeated.contains(name) {
            if let Some(report) = &mut facts.report {
                report.rows.remove(name);
            }
            if let Some(granted) = facts.details.as_mut().and_then(|details| details.users.remove(name)) {
                granted_user(name, &granted, &mut add)?;
            }
        }
    }
    if let Some(root) = facts.report.as_ref().and_then(|report| report.rows.get(ROOT)) {
        key_slots(ROOT, root, &mut add)?;
    }
    if let Some(details) = &facts.details {
        grants(facts, details, &mut add)?;
    }
    devices(facts, reasons, &mut add)?;
    members(facts, &mut add)?;
    service_credentials
        .iter()
        .flat_map(other::ServiceCredentials::rows)
        .try_for_each(|object| add("aws_iam_service_credential", object))?;
    other::ssh_rows(&facts.ssh_keys).try_for_each(|object| add("aws_iam_ssh_public_key", object))?;
    accessed::rows(&facts.accessed).try_for_each(|object| add("aws_iam_service_access", object))?;
    account(facts, &mut add)?;
    Ok(spec.tables.iter().filter_map(|declared| tables.remove(declared.name.as_str())).collect())
}

/// Names that were listed more than once.
fn repeated(users: &[User]) -> BTreeSet<String> {
    let mut seen = HashSet::new();
    users.iter().map(User::user_name).filter(|name| !seen.insert(*name)).map(str::to_owned).collect()
}

fn user_row(facts: &Facts, user: &User) -> Value {
    let report = facts.report_row(user);
    let granted = facts.granted(user);
    let flag = |column| report.and_then(|row| row.flag(column));
    let time = |column| report.map_or(Value::Null, |row| row.instant_text(column));
    // ListUsers knows of a sign-in before the report does
    let listed = instant(user.password_last_used());
    let password_last_used = match (listed.as_str(), time("password_last_used").as_str()) {
        (Some(listed), Some(reported)) => json!(listed.max(reported)),
        (Some(one), None) | (None, Some(one)) => json!(one),
        (None, None) => Value::Null,
    };
    let reset_required =
        facts.members.get(user.user_name()).and_then(|member| member.reset_required.as_ref().ok().copied().flatten());
    let generated_at = facts.report.as_ref().and_then(|report| report.generated_at).filter(|_| report.is_some());
    json!({
        "user_name": user.user_name(),
        "user_id": user.user_id(),
        "arn": user.arn(),
        "path": text(Some(user.path())),
        "created_at": instant(Some(user.create_date())),
        "tags": granted.map(|granted| {
            let tags = granted.tags.iter();
            tags.map(|(key, value)| (key.to_string(), Value::from(&**value))).collect::<Map<_, _>>()
        }),
        "password_enabled": flag("password_enabled"),
        "password_last_used_at": password_last_used,
        "password_last_changed_at": time("password_last_changed"),
        "password_next_rotation_at": time("password_next_rotation"),
        "password_reset_required": reset_required,
        "mfa_active": flag("mfa_active"),
        "access_key_1_active": flag("access_key_1_active"),
        "access_key_2_active": flag("access_key_2_active"),
        "cert_1_active": flag("cert_1_active"),
        "cert_2_active": flag("cert_2_active"),
        "groups": granted.map(|granted| granted.groups.iter().map(|group| &**group).collect::<BTreeSet<&str>>()),
        "attached_policies": granted.map(|granted| attached(&granted.grants)),
        "inline_policies": granted.map(|granted| inline(&granted.grants)),
        "permissions_boundary": granted.and_then(|granted| granted.boundary.as_deref()),
        "is_administrator": granted
            .and_then(|granted| facts.details.as_ref().and_then(|details| details.is_administrator(granted))),
        "administrator_reason": granted
            .and_then(|granted| facts.details.as_ref().and_then(|details| details.administrator_reason(granted))),
        "report_generated_at": generated_at.map(seconds_text),
    })
}

fn attached(grants: &[Arc<Grant>]) -> BTreeSet<&str> {
    grants.iter().filter(|grant| grant.kind != "inline").map(|grant| grant.policy.as_str()).collect()
}

fn inline(grants: &[Arc<Grant>]) -> BTreeSet<&str> {
    grants.iter().filter(|grant| grant.kind == "inline").map(|grant| grant.name.as_str()).collect()
}

type Add<'a> = dyn FnMut(&str, Value) -> Result<(), CollectError> + 'a;

/// The slots of the report that hold a key, active or not.
fn key_slots(user_name: &str, reported: &ReportRow, add: &mut Add<'_>) -> Result<(), CollectError> {
    for slot in ["1", "2"] {
        let column = |part: &str| format!("access_key_{slot}_{part}");
        let active = reported.flag(&column("active"));
        let rotated = reported.instant_text(&column("last_rotated"));
        let used = reported.instant_text(&column("last_used_date"));
        if active == Some(true) || !rotated.is_null() || !used.is_null() {
            let key = json!({
                "user_name": user_name,
                "slot": slot,
                "active": active,
                "last_rotated_at": rotated,
                "last_used_at": used,
                "last_used_region": reported.text(&column("last_used_region")),
                "last_used_service": reported.text(&column("last_used_service")),
            });
            add("aws_iam_access_key", key)?;
        }
    }
    Ok(())
}

fn grants(facts: &Facts, details: &Details, add: &mut Add<'_>) -> Result<(), CollectError> {
    for (name, user) in &details.users {
        granted_user(name, user, add)?;
    }
    for (name, group) in &details.groups {
        attach("group", name, &group.grants, add)?;
        let object = json!({
            "group_name": name,
            "group_id": text(group.detail.group_id()),
            "arn": text(group.detail.arn()),
            "path": text(group.detail.path()),
            "created_at": instant(group.detail.create_date()),
            "attached_policies": attached(&group.grants),
            "inline_policies": inline(&group.grants),
            "is_administrator": any(administrators(&group.grants)),
            "administrator_reason": reason(&group.grants),
        });
        add("aws_iam_group", object)?;
    }
    for (name, role) in &details.roles {
        attach("role", name, &role.grants, add)?;
        let last_used = role.detail.role_last_used();
        let mut object = json!({
            "role_name": name,
            "role_id": text(role.detail.role_id()),
            "arn": text(role.detail.arn()),
            "path": text(role.detail.path()),
            "created_at": instant(role.detail.create_date()),
            "trust_policy": role.detail.assume_role_policy_document().and_then(document).filter(Value::is_object),
            "attached_policies": attached(&role.grants),
            "inline_policies": inline(&role.grants),
            "permissions_boundary": role
                .detail
                .permissions_boundary()
                .and_then(|boundary| boundary.permissions_boundary_arn()),
            "last_used_at": instant(last_used.and_then(|used| used.last_used_date())),
            "last_used_region": text(last_used.and_then(|used| used.region())),
            "is_administrator": any(administrators(&role.grants)),
            "administrator_reason": reason(&role.grants),
        });
        accessed::complete(&facts.accessed, accessed::Kind::Role, name, &mut object);
        add("aws_iam_role", object)?;
    }
    for (arn, (policy, power)) in &details.policies {
        let object = json!({
            "arn": arn,
            "policy_name": text(policy.policy_name()),
            "created_at": instant(policy.create_date()),
            "updated_at": instant(policy.update_date()),
            "default_version": text(policy.default_version_id()),
            "attachment_count": policy.attachment_count(),
            "is_administrator": is_administrator(power),
            "administrator_reason": power.clone().flatten(),
        });
        add("aws_iam_policy", object)?;
    }
    Ok(())
}

fn granted_user(name: &str, user: &GrantedUser, add: &mut Add<'_>) -> Result<(), CollectError> {
    attach("user", name, &user.grants, add)?;
    for group in &user.groups {
        add("aws_iam_group_member", json!({ "group_name": &**group, "user_name": name }))?;
    }
    Ok(())
}

fn attach(kind: &str, principal: &str, grants: &[Arc<Grant>], add: &mut Add<'_>) -> Result<(), CollectError> {
    for grant in grants {
        let object = json!({
            "principal_kind": kind,
            "principal": principal,
            "policy": grant.policy,
            "policy_name": grant.name,
            "policy_kind": grant.kind,
            "is_administrator": grant.is_administrator(),
            "administrator_reason": grant.reason(),
        });
        add("aws_iam_attached_policy", object)?;
    }
    Ok(())
}

/// Virtual devices of the bulk listing, then what only the calls per user know, each serial number once.
fn devices(facts: &Facts, reasons: &mut Vec<Reason>, add: &mut Add<'_>) -> Result<(), CollectError> {
    let mut devices: BTreeMap<String, Value> = BTreeMap::new();
    for device in facts.devices.iter().flat_map(|devices| &devices.all) {
        let serial = device.serial_number();
        let owner = device.user().and_then(|user| {
            if user.arn().ends_with(":root") {
                Some(ROOT)
            } else {
                Some(user.user_name()).filter(|name| !name.is_empty())
            }
        });
        let object = json!({
            "serial_number": text(Some(serial)),
            "kind": "virtual",
            "user_name": owner,
            "enabled_at": instant(device.enable_date()),
        });
        if devices.insert(serial.to_owned(), object.clone()).is_some_and(|earlier| earlier != object) {
            let message = format!("MFA device {serial} came more than once with different content");
            reasons.push(Reason::new(ReasonCode::DuplicateDiffers, message).table("aws_iam_mfa_device"));
        }
    }
    for device in facts.members.values().filter_map(|member| member.devices.as_ref().ok()).flatten() {
        devices.entry(device.serial_number().to_owned()).or_insert_with(|| {
            json!({
                "serial_number": text(Some(device.serial_number())),
                "kind": device_kind(device.serial_number()),
                "user_name": text(Some(device.user_name())),
                "enabled_at": instant(Some(device.enable_date())),
            })
        });
    }
    devices.into_values().try_for_each(|object| add("aws_iam_mfa_device", object))
}

/// What a serial number tells: virtual and FIDO devices have ARNs, hardware tokens a maker's number.
fn device_kind(serial: &str) -> &'static str {
    if serial.contains(":mfa/") {
        "virtual"
    } else if serial.contains(":u2f/") {
        "security_key"
    } else {
        "hardware"
    }
}

fn members(facts: &Facts, add: &mut Add<'_>) -> Result<(), CollectError> {
    for (user_name, member) in &facts.members {
        for key in member.keys.iter().flatten() {
            let used = key.last_used.as_ref().ok().and_then(Option::as_ref);
            let place = |text: Option<&str>| text.filter(|text| !matches!(*text, "" | "N/A")).map(str::to_owned);
            let object = json!({
                "access_key_id": key.metadata.access_key_id(),
                "user_name": user_name,
                "status": key.metadata.status().map(StatusType::as_str),
                "created_at": instant(key.metadata.create_date()),
                "last_used_at": instant(used.and_then(|used| used.last_used_date())),
                "last_used_region": place(used.map(AccessKeyLastUsed::region)),
                "last_used_service": place(used.map(AccessKeyLastUsed::service_name)),
            });
            add("aws_iam_access_key_detail", object)?;
        }
    }
    Ok(())
}

fn account(facts: &Facts, add: &mut Add<'_>) -> Result<(), CollectError> {
    for (name, value) in facts.summary.iter().flatten() {
        add("aws_iam_account_summary", json!({ "name": name, "value": value }))?;
    }
    if let Some(policy) = &facts.password_policy {
        let policy = policy.0.as_ref();
        let object = json!({
            "account_id": facts.account_id,
            "is_set": policy.is_some(),
            "minimum_length": policy.and_then(|policy| policy.minimum_password_length),
            "require_symbols": policy.map(|policy| policy.require_symbols),
            "require_numbers": policy.map(|policy| policy.require_numbers),
            "require_uppercase": policy.map(|policy| policy.require_uppercase_characters),
            "require_lowercase": policy.map(|policy| policy.require_lowercase_characters),
            "users_may_change": policy.map(|policy| policy.allow_users_to_change_password),
            "passwords_expire": policy.map(|policy| policy.expire_passwords),
            "max_age_days": policy.and_then(|policy| policy.max_password_age),
            "reuse_prevention": policy.and_then(|policy| policy.password_reuse_prevention),
            "hard_expiry": policy.and_then(|policy| policy.hard_expiry),
        });
        add("aws_iam_password_policy", object)?;
    }
    add("aws_iam_root", root_row(facts))
}

fn root_row(facts: &Facts) -> Value {
    let report = facts.report.as_ref().and_then(|report| report.rows.get(ROOT));
    let figure = |name: &str| facts.summary.as_ref().and_then(|summary| summary.get(name)).map(|value| *value > 0);
    let flag = |column| report.and_then(|row| row.flag(column));
    let time = |column| report.map_or(Value::Null, |row| row.instant_text(column));
    // an inactive key of root is present too, so only an active one says anything
    let active_key = [flag("access_key_1_active"), flag("access_key_2_active")].contains(&Some(true)).then_some(true);
    let key_used = [time("access_key_1_last_used_date"), time("access_key_2_last_used_date")];
    json!({
        "account_id": facts.account_id,
        "arn": report.and_then(|row| row.text("arn")),
        "created_at": time("user_creation_time"),
        "mfa_active": figure("AccountMFAEnabled").or_else(|| flag("mfa_active")),
        "access_keys_present": figure("AccountAccessKeysPresent").or(active_key),
        "password_present": figure("AccountPasswordPresent").or_else(|| flag("password_enabled")),
        "password_last_used_at": time("password_last_used"),
        "access_key_last_used_at": key_used.iter().filter_map(Value::as_str).max(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_types::DateTime;

    #[test]
    fn what_was_read_of_a_user_that_is_listed_twice_is_in_both_rows() {
        let user = User::builder().path("/").user_name("ada").user_id("AIDAEXAMPLE").arn("arn:aws:iam::1:user/ada");
        let user = user.create_date(DateTime::from_secs(1_700_000_000)).build().unwrap();
        let granted = GrantedUser {
            user_id: Some("AIDAEXAMPLE".into()),
            groups: [Arc::from("staff")].into(),
            ..GrantedUser::default()
        };
        let mut facts = Facts {
            account_id: "123456789012".to_owned(),
            users: vec![user.clone(), user],
            summary: None,
            report: None,
            details: Some(Details { users: BTreeMap::from([("ada".to_owned(), granted)]), ..Details::default() }),
            roles: None,
            devices: None,
            password_policy: None,
            members: BTreeMap::new(),
            service_credentials: None,
            ssh_keys: other::SshKeys::new(),
            accessed: accessed::Accessed::new(),
        };
        let mut tables = tables(&super::super::SPEC, &mut facts, &mut Vec::new()).unwrap();
        for (name, groups) in [("aws_iam_user", Some(json!(["staff"]))), ("aws_iam_group_member", None)] {
            let table = tables.iter_mut().find(|table| table.spec().name == name).unwrap();
            assert!(table.settle().is_empty(), "{name}: both rows say the same");
            assert_eq!(table.len(), 1, "{name}");
            assert_eq!(table.rows().next().unwrap().get("groups").cloned(), groups, "{name}");
        }
    }
}
