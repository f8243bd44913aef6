//! What only a call per user tells: enrolled factors and administrator roles.

use super::users::{Users, has_details};
use super::{Run, SEEING_ROLES, listings};
use crate::provider::json::Object;
use crate::provider::rest::{each, reason_of_members};
use model::CollectError;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const FACTORS: &str = "GET /api/v1/users/{userId}/factors";
const ROLES: &str = "GET /api/v1/users/{userId}/roles";

/// What proves no possession of anything: a question's answer, and the mailbox every user is enrolled with.
const NO_SECOND_FACTOR: &[&str] = &["question", "email"];

/// Bound to the address they sign in to. FastPass (`signed_nonce`) is only under conditions that no call tells.
const PHISHING_RESISTANT: &[&str] = &["webauthn", "u2f"];

/// What is said of one user; `None` where the call failed or was not made.
#[derive(Clone, Copy, Default)]
pub(super) struct Member {
    pub(super) second_factor: Option<bool>,
    pub(super) phishing_resistant: Option<bool>,
    pub(super) is_admin: Option<bool>,
}

#[derive(Default)]
pub(super) struct Members(BTreeMap<String, Member>);

impl Members {
    pub(super) fn of(&self, id: &str) -> Member {
        self.0.get(id).copied().unwrap_or_default()
    }
}

/// Asks about every user who is not deprovisioned, and whether the caller, one of them, sees everybody.
pub(super) async fn read(run: &mut Run, users: &Users, caller: &str) -> Result<Members, CollectError> {
    let statuses = users.statuses()?;
    let asked: Vec<&str> = statuses.iter().filter(|(_, status)| has_details(**status)).map(|(id, _)| *id).collect();
    let mut members = Members::default();

    let part = |id: &str, name: &str| run.url(&["users", id, name], &[]);
    let urls = |name: &str| asked.iter().map(|id| part(id, name)).collect::<Result<Vec<_>, _>>();
    let (factor_urls, role_urls) = (urls("factors")?, urls("roles")?);
    let factors = each(listings(&run.rest, FACTORS, &factor_urls)).await?;
    let roles = each(listings(&run.rest, ROLES, &role_urls)).await?;

    for (id, answer) in asked.iter().zip(&factors) {
        let Ok(list) = answer else { continue };
        let member = members.0.entry((*id).to_owned()).or_default();
        let mut active = Vec::new();
        for factor in list {
            let factor = factor_row(run, id, factor)?;
            active.extend(factor);
        }
        member.second_factor = Some(active.iter().any(|kind| !NO_SECOND_FACTOR.contains(&kind.as_str())));
        member.phishing_resistant = Some(active.iter().any(|kind| PHISHING_RESISTANT.contains(&kind.as_str())));
    }
    let mut sees_all = None;
    for (id, answer) in asked.iter().zip(&roles) {
        let Ok(list) = answer else { continue };
        let mut types = Vec::new();
        for role in list {
            types.extend(role_row(run, id, role)?);
        }
        members.0.entry((*id).to_owned()).or_default().is_admin = Some(!types.is_empty());
        if *id == caller {
            sees_all = Some(types.iter().any(|kind| SEEING_ROLES.contains(&kind.as_str())));
        }
    }

    let failed = |answers: &[Result<Vec<Value>, CollectError>], what: &str| {
        let failed = asked.iter().zip(answers).filter_map(|(id, answer)| Some((*id, answer.as_ref().err()?)));
        reason_of_members(what, failed)
    };
    let unread_factors = failed(&factors, "the factors")?;
    let unread_roles = failed(&roles, "the administrator roles")?;
    let roles_read = unread_roles.is_none();
    if let Some(reason) = unread_factors {
        run.reasons.push(reason.clone().table("okta_user").columns(&["second_factor", "phishing_resistant"]));
        run.reasons.push(reason.table("okta_factor"));
    }
    if let Some(reason) = unread_roles {
        run.reasons.push(reason.clone().table("okta_user").columns(&["is_admin"]));
        run.reasons.push(reason.table("okta_admin_role"));
    }
    match sees_all {
        Some(true) => {}
        Some(false) => run.not_all_seen("the token's owner holds no role that sees every user"),
        None if roles_read => run.not_all_seen("the token's owner is not among the users it sees"),
        None => run.not_all_seen("whether the token's owner sees every user is not known"),
    }
    Ok(members)
}

/// Adds a factor's row; its type where it is active.
fn factor_row(run: &mut Run, user: &str, factor: &Value) -> Result<Option<String>, CollectError> {
    let factor = Object::of(FACTORS, factor)?;
    let (kind, status) = (factor.needed("factorType")?, factor.needed("status")?);
    run.push(
        "okta_factor",
        json!({
            "user_id": user,
            "id": factor.needed("id")?,
            "type": kind,
            "provider": factor.text("provider")?,
            "status": status,
            "created_at": factor.instant("created")?,
            "last_updated_at": factor.instant("lastUpdated")?,
        }),
    )?;
    Ok((status == "ACTIVE").then(|| kind.to_owned()))
}

/// Adds a role's row; its type where it is active.
fn role_row(run: &mut Run, user: &str, role: &Value) -> Result<Option<String>, CollectError> {
    let role = Object::of(ROLES, role)?;
    let (kind, status) = (role.needed("type")?, role.text("status")?);
    run.push(
        "okta_admin_role",
        json!({
            "user_id": user,
            "id": role.needed("id")?,
            "type": kind,
            "label": role.text("label")?,
            "status": status,
            "assignment_type": role.text("assignmentType")?,
            "created_at": role.instant("created")?,
        }),
    )?;
    Ok((status != Some("INACTIVE")).then(|| kind.to_owned()))
}
