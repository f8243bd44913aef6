//! What only a call per user tells: enrolled factors and administrator roles.

use super::SEEING_ROLES;
use super::users::{Users, has_details};
use crate::provider::json::Object;
use crate::provider::run::Run;
use model::{CollectError, Reason, ReasonCode};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use url::Url;

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

    let urls = |run: &Run, name: &str| -> Result<Vec<(String, Url)>, CollectError> {
        asked.iter().map(|id| Ok(((*id).to_owned(), run.url(&["users", id, name], &[])?))).collect()
    };
    let (factors_of, roles_of) = (urls(run, "factors")?, urls(run, "roles")?);
    let feeds = [("okta_user", &["second_factor", "phishing_resistant"][..]), ("okta_factor", &[][..])];
    for (id, factors) in run.listing_of_each(FACTORS, "the factors", &feeds, &factors_of).await? {
        let mut active = Vec::new();
        for factor in &factors {
            active.extend(factor_row(run, &id, factor)?);
        }
        let member = members.0.entry(id).or_default();
        member.second_factor = Some(active.iter().any(|kind| !NO_SECOND_FACTOR.contains(&kind.as_str())));
        member.phishing_resistant = Some(active.iter().any(|kind| PHISHING_RESISTANT.contains(&kind.as_str())));
    }

    let feeds = [("okta_user", &["is_admin"][..]), ("okta_admin_role", &[][..])];
    let roles = run.listing_of_each(ROLES, "the administrator roles", &feeds, &roles_of).await?;
    let all_read = roles.len() == roles_of.len();
    let mut sees_all = None;
    for (id, roles) in roles {
        let mut types = Vec::new();
        for role in &roles {
            types.extend(role_row(run, &id, role)?);
        }
        if id == caller {
            sees_all = Some(types.iter().any(|kind| SEEING_ROLES.contains(&kind.as_str())));
        }
        members.0.entry(id).or_default().is_admin = Some(!types.is_empty());
    }
    let unsure = match sees_all {
        Some(true) => return Ok(members),
        Some(false) => "the token's owner holds no role that sees every user",
        None if all_read => "the token's owner is not among the users it sees",
        None => "whether the token's owner sees every user is not known",
    };
    run.reasons.push(Reason::new(ReasonCode::NotOwner, unsure).permission("the role Read Only Administrator"));
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
