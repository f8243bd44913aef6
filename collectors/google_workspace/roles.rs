//! Administrator roles, and who holds one, directly or through a group.

use super::groups::Groups;
use crate::provider::directory::Users;
use crate::provider::json::{Object, malformed};
use crate::provider::run::Run;
use model::{CollectError, Reason, ReasonCode};
use serde_json::json;
use std::collections::BTreeSet;

const ROLES: &str = "GET /admin/directory/v1/customer/{customer}/roles";
const ASSIGNMENTS: &str = "GET /admin/directory/v1/customer/{customer}/roleassignments";

/// What a failure leaves unknown.
const FEEDS: &[(&str, &[&str])] =
    &[("google_user", &["is_admin"]), ("google_role_assignment", &[]), ("google_role_holder", &[])];

/// Who holds an administrator role.
pub(super) struct Roles {
    holders: BTreeSet<String>,
    /// Whether all of them are known.
    are_known: bool,
}

impl Roles {
    /// None where somebody may hold one who was not seen.
    pub(super) fn is_holder(&self, id: &str) -> Option<bool> {
        if self.holders.contains(id) { Some(true) } else { self.are_known.then_some(false) }
    }
}

pub(super) async fn read(
    run: &mut Run,
    customer_id: &str,
    users: &Users,
    groups: &Groups,
) -> Result<Roles, CollectError> {
    if let Err(error) = roles(run, customer_id).await {
        run.unseen(error, &["google_role"])?;
    }
    let mut roles = Roles { holders: BTreeSet::new(), are_known: true };
    let url = run.url(&["customer", customer_id, "roleassignments"], &[("maxResults", "200")])?;
    let listed = match run.listing(ASSIGNMENTS, url).await {
        // whoever may read this holds a role
        Ok(listed) if listed.is_empty() => Err(malformed(ASSIGNMENTS, "no assignment is listed")),
        other => other,
    };
    let listed = match listed {
        Ok(listed) => listed,
        Err(error) => {
            run.unfed(error, FEEDS)?;
            return Ok(Roles { are_known: false, ..roles });
        }
    };
    let mut unread = BTreeSet::new();
    for assignment in &listed {
        let assignment = Object::of(ASSIGNMENTS, assignment)?;
        let (role, assignee) = (assignment.needed("roleId")?, assignment.needed("assignedTo")?);
        let told = assignment.text("assigneeType")?.map(str::to_lowercase);
        run.push(
            "google_role_assignment",
            json!({
                "id": assignment.needed("roleAssignmentId")?,
                "role_id": role,
                "assignee_id": assignee,
                "assignee_type": told,
                "scope": assignment.text("scopeType")?,
                "org_unit_id": assignment.text("orgUnitId")?,
                "condition": assignment.text("condition")?,
            }),
        )?;
        let (holders, via) = match told.as_deref() {
            _ if users.is_known(assignee) => (BTreeSet::from([assignee.to_owned()]), "direct"),
            // a service account, which is no user
            Some("user") => continue,
            // a group, or what is not said to be none
            _ => {
                let (holders, whole) = groups.users_of(assignee, users);
                if !whole {
                    unread.insert(assignee.to_owned());
                }
                (holders, "group")
            }
        };
        for holder in holders {
            run.push("google_role_holder", json!({ "user_id": holder, "role_id": role, "via": via }))?;
            roles.holders.insert(holder);
        }
    }
    if !unread.is_empty() {
        let shown = unread.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let message = format!("who holds a role through {} groups is not known whole: {shown}", unread.len());
        let reason = Reason::new(ReasonCode::MemberFailed, message);
        run.reasons.push(reason.clone().table("google_user").columns(&["is_admin"]));
        run.reasons.push(reason.table("google_role_holder"));
        roles.are_known = false;
    }
    Ok(roles)
}

async fn roles(run: &mut Run, customer_id: &str) -> Result<(), CollectError> {
    let url = run.url(&["customer", customer_id, "roles"], &[("maxResults", "100")])?;
    let listed = run.listing(ROLES, url).await?;
    if listed.is_empty() {
        return Err(malformed(ROLES, "no role is listed, not even Google's own"));
    }
    for role in &listed {
        let role = Object::of(ROLES, role)?;
        run.push(
            "google_role",
            json!({
                "id": role.needed("roleId")?,
                "name": role.text("roleName")?,
                "description": role.text("roleDescription")?,
                "system": role.boolean("isSystemRole")?,
                "super_admin": role.boolean("isSuperAdminRole")?,
                "privileges": role.member("rolePrivileges"),
            }),
        )?;
    }
    Ok(())
}
