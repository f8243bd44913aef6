//! Users: listed at once, and once more status by status, which both finds the deprovisioned and counts the others.

use super::members::Members;
use crate::provider::json::{Object, ids};
use crate::provider::rest::difference;
use crate::provider::run::Run;
use model::{CollectError, Count, Reason, ReasonCode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const USERS: &str = "GET /api/v1/users";
const BY_STATUS: &str = "GET /api/v1/users?filter=status";
const GONE: &str = "GET /api/v1/users?filter=deprovisioned";
const DEPROVISIONED: &str = "DEPROVISIONED";

/// <https://developer.okta.com/docs/api/openapi/okta-management/management/tag/User/#tag/User/operation/listUsers>
const STATUSES: &[&str] =
    &["STAGED", "PROVISIONED", "ACTIVE", "RECOVERY", "PASSWORD_EXPIRED", "LOCKED_OUT", "SUSPENDED", DEPROVISIONED];

/// Okta's largest page of users.
const LIMIT: &str = "200";

/// Every user. One that came twice in a listing is here twice, so that what differs shows.
pub(super) struct Users {
    seen: Vec<Value>,
}

impl Users {
    /// Ids and statuses, each user once.
    pub(super) fn statuses(&self) -> Result<BTreeMap<&str, Option<&str>>, CollectError> {
        self.seen
            .iter()
            .map(|user| {
                let user = Object::of(USERS, user)?;
                Ok((user.needed("id")?, user.text("status")?))
            })
            .collect()
    }
}

/// Whether details are asked of a user in this status: a deprovisioned one has lost factors, roles and groups.
pub(super) fn has_details(status: Option<&str>) -> bool {
    status != Some(DEPROVISIONED)
}

pub(super) async fn read(run: &mut Run) -> Result<Users, CollectError> {
    let mut seen = run.listing(USERS, run.url(&["users"], &[("limit", LIMIT)])?).await?;
    // Okta leaves deprovisioned users out; a compatible server that does not lists them under their status too
    let mut at_once = BTreeSet::new();
    let mut deprovisioned_at_once = BTreeSet::new();
    for user in &seen {
        let user = Object::of(USERS, user)?;
        let into = if has_details(Some(user.needed("status")?)) { &mut at_once } else { &mut deprovisioned_at_once };
        into.insert(user.needed("id")?.to_owned());
    }

    let mut apart = BTreeSet::new();
    let mut whole = true;
    for status in STATUSES {
        let filter = format!("status eq \"{status}\"");
        let url = run.url(&["users"], &[("filter", &filter), ("limit", LIMIT)])?;
        let operation = if has_details(Some(status)) { BY_STATUS } else { GONE };
        let members = match run.listing(operation, url).await {
            Ok(members) => members,
            Err(error) => {
                whole = false;
                run.unseen(error, &["okta_user"])?;
                continue;
            }
        };
        for user in &members {
            let user = Object::of(operation, user)?;
            if user.needed("status")? != *status {
                let message = format!(
                    "asked for {status}, Okta lists {} as {}: it ignores the filter, or the user changed meanwhile",
                    user.needed("id")?,
                    user.needed("status")?
                );
                run.reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table("okta_user"));
            }
        }
        let found = ids(operation, &members)?;
        if *status == DEPROVISIONED {
            let lost = deprovisioned_at_once.difference(&found).cloned().collect::<Vec<_>>();
            if !lost.is_empty() {
                let message = format!("deprovisioned users are listed at once, but not by status: {}", lost.join(", "));
                run.reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table("okta_user"));
            }
        } else {
            apart.extend(found);
        }
        // of who was listed at once that sighting counts: somebody may sign in between the two
        for user in members {
            let id = Object::of(operation, &user)?.needed("id")?;
            if !at_once.contains(id) && !deprovisioned_at_once.contains(id) {
                seen.push(user);
            }
        }
    }

    run.counts.push(Count {
        table: "okta_user".to_owned(),
        counted: at_once.len() as u64,
        declared: whole.then_some(apart.len() as u64),
        declared_by: whole.then(|| "users that are not deprovisioned, listed status by status".to_owned()),
    });
    if whole {
        let differing = difference(("users listed at once", &at_once), ("listed status by status", &apart));
        run.reasons.extend(differing.map(|reason| reason.table("okta_user")));
    }
    Ok(Users { seen })
}

pub(super) fn rows(run: &mut Run, users: &Users, members: &Members) -> Result<(), CollectError> {
    let mut unknown = BTreeSet::new();
    for user in &users.seen {
        let user = Object::of(USERS, user)?;
        let (id, status) = (user.needed("id")?, user.needed("status")?);
        if !STATUSES.contains(&status) {
            unknown.insert(status.to_owned());
        }
        let profile = user.object("profile")?;
        let provider = user.object("credentials")?.object("provider")?;
        let member = members.of(id);
        run.push(
            "okta_user",
            json!({
                "id": id,
                "status": status,
                "login": profile.needed("login")?,
                "email": profile.text("email")?,
                "second_email": profile.text("secondEmail")?,
                "first_name": profile.text("firstName")?,
                "last_name": profile.text("lastName")?,
                "display_name": profile.text("displayName")?,
                "employee_number": profile.text("employeeNumber")?,
                "department": profile.text("department")?,
                "user_type": profile.text("userType")?,
                "credential_provider": provider.text("type")?,
                "has_password": user.object("credentials")?.member("password").map(|_| true),
                "created_at": user.instant("created")?,
                "activated_at": user.instant("activated")?,
                "status_changed_at": user.instant("statusChanged")?,
                "last_login_at": user.instant("lastLogin")?,
                "last_updated_at": user.instant("lastUpdated")?,
                "password_changed_at": user.instant("passwordChanged")?,
                "second_factor": member.second_factor,
                "phishing_resistant": member.phishing_resistant,
                "is_admin": member.is_admin,
            }),
        )?;
    }
    if !unknown.is_empty() {
        let message =
            format!("a status this version does not know: {}", unknown.into_iter().collect::<Vec<_>>().join(", "));
        run.reasons.push(Reason::new(ReasonCode::Malformed, message).table("okta_user").columns(&["status"]));
    }
    Ok(())
}
