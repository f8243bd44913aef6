//! Directory roles: who holds one, directly or through a group, and who may take one when needed.

use super::{TOP, kind};
use crate::provider::directory::Users;
use crate::provider::json::Object;
use crate::provider::run::Run;
use model::{CollectError, Reason, ReasonCode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const DEFINITIONS: &str = "GET /roleManagement/directory/roleDefinitions";
const ASSIGNMENTS: &str = "GET /roleManagement/directory/roleAssignments";
const ELIGIBLE: &str = "GET /roleManagement/directory/roleEligibilityScheduleInstances";
const MEMBERS: &str = "GET /groups/{id}/transitiveMembers";
const ELIGIBLE_MEMBERS: &str = "GET /identityGovernance/privilegedAccess/group/eligibilityScheduleInstances";

/// Built-in roles that read what any member may read, or figures without names. Everything else makes an administrator.
/// <https://learn.microsoft.com/en-us/entra/identity/role-based-access-control/permissions-reference>
const READERS: &[&str] = &[
    "88d8e3e3-8f55-4a1e-953a-9b9898b8876b", // Directory Readers
    "790c1fb9-7f7d-4f88-86a1-ef1f95c05c1b", // Message Center Reader
    "4a5d8f65-41da-4de4-8968-e035b65339cf", // Reports Reader
    "75934031-6c7e-415a-99d7-48dbd49e875e", // Usage Summary Reports Reader
];

/// What a failure leaves unknown.
const FEEDS: &[(&str, &[&str])] = &[
    ("entra_user", &["is_admin"]),
    ("entra_service_principal", &["is_admin"]),
    ("entra_role_assignment", &[]),
    ("entra_role_holder", &[]),
];

/// Who is an administrator.
pub(super) struct Roles {
    admins: BTreeSet<String>,
    /// Whether every holder of every role is known.
    are_known: bool,
}

impl Roles {
    /// None where somebody else may be one who was not seen.
    pub(super) fn is_admin(&self, id: &str) -> Option<bool> {
        if self.admins.contains(id) { Some(true) } else { self.are_known.then_some(false) }
    }
}

/// One assignment of a role to a user, a group or a service.
struct Assignment {
    state: &'static str,
    principal: String,
    kind: Option<String>,
    role: String,
    scope: String,
}

pub(super) async fn read(
    run: &mut Run,
    with_eligible: bool,
    users: &Users,
    groups: &BTreeSet<String>,
) -> Result<Roles, CollectError> {
    definitions(run).await?;
    let mut listings = vec![("active", ASSIGNMENTS, "roleAssignments")];
    if with_eligible {
        listings.push(("eligible", ELIGIBLE, "roleEligibilityScheduleInstances"));
    }
    let mut assignments = Vec::new();
    let mut are_known = true;
    for (state, operation, name) in listings {
        let url = run.url(&["roleManagement", "directory", name], &[("$expand", "principal")])?;
        match run.listing(operation, url).await {
            Ok(members) => {
                for member in &members {
                    assignments.push(assignment(run, operation, state, member)?);
                }
            }
            Err(error) => {
                are_known = false;
                run.unfed(error, FEEDS)?;
            }
        }
    }

    // what is a group, the listing of groups says, or the assignment itself
    let of_group = |assignment: &&Assignment| {
        groups.contains(&assignment.principal) || assignment.kind.as_deref() == Some("group")
    };
    let through: BTreeSet<String> = assignments.iter().filter(of_group).map(|one| one.principal.clone()).collect();
    let mut asked = Vec::new();
    for group in &through {
        let query = [("$select", "id"), ("$count", "true"), ("$top", TOP)];
        asked.push((group.clone(), run.url(&["groups", group, "transitiveMembers"], &query)?));
    }
    let read = run.listing_of_each(MEMBERS, "the members of groups with a role", FEEDS, &asked).await?;
    are_known &= read.len() == asked.len();
    let mut members: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (group, listed) in read {
        let ids = crate::provider::json::ids(MEMBERS, &listed)?;
        members.insert(group, ids);
    }

    let mut strangers = BTreeSet::new();
    let mut may_join: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    if with_eligible {
        let read = eligible_members(run, &through).await?;
        are_known &= read.len() == through.len();
        for (group, principals) in read {
            // what is no user may be a group, whose members are not asked for
            strangers.extend(principals.iter().filter(|id| !users.is_known(id)).cloned());
            may_join.insert(group, principals);
        }
    }

    let mut admins = BTreeSet::new();
    for assignment in &assignments {
        let is_group = through.contains(&assignment.principal);
        let direct = BTreeSet::from([assignment.principal.clone()]);
        let holders = if is_group { members.get(&assignment.principal) } else { Some(&direct) };
        if !is_group
            && !users.is_known(&assignment.principal)
            && matches!(assignment.kind.as_deref(), None | Some("user"))
        {
            strangers.insert(assignment.principal.clone());
        }
        let joining = may_join.get(&assignment.principal).into_iter().flatten().map(|holder| (holder, "eligible"));
        for (holder, state) in holders.into_iter().flatten().map(|holder| (holder, assignment.state)).chain(joining) {
            run.push(
                "entra_role_holder",
                json!({
                    "principal_id": holder, "role_id": assignment.role, "scope": assignment.scope,
                    "state": state, "via": if is_group { "group" } else { "direct" },
                }),
            )?;
            if !READERS.contains(&assignment.role.as_str()) {
                admins.insert(holder.clone());
            }
        }
    }
    if !strangers.is_empty() {
        let shown = strangers.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let message = format!("{} holders of roles are nobody who is listed: {shown}", strangers.len());
        let reason = Reason::new(ReasonCode::CountsDisagree, message);
        for (table, columns) in &FEEDS[..2] {
            run.reasons.push(reason.clone().table(table).columns(columns));
        }
        are_known = false;
    }
    Ok(Roles { admins, are_known })
}

/// Who may become a member or an owner of each group when needed; an owner can make anybody a member.
async fn eligible_members(
    run: &mut Run,
    groups: &BTreeSet<String>,
) -> Result<Vec<(String, BTreeSet<String>)>, CollectError> {
    let mut asked = Vec::new();
    for group in groups {
        let filter = format!("groupId eq '{group}'");
        let path = ["identityGovernance", "privilegedAccess", "group", "eligibilityScheduleInstances"];
        asked.push((group.clone(), run.url(&path, &[("$filter", &filter)])?));
    }
    let read = run.listing_of_each(ELIGIBLE_MEMBERS, "who may join groups with a role", FEEDS, &asked).await?;
    let principals = |listed: &[Value]| {
        let principal = |one| Ok(Object::of(ELIGIBLE_MEMBERS, one)?.needed("principalId")?.to_owned());
        listed.iter().map(principal).collect::<Result<_, CollectError>>()
    };
    read.into_iter().map(|(group, listed)| Ok((group, principals(&listed)?))).collect()
}

async fn definitions(run: &mut Run) -> Result<(), CollectError> {
    let fields = "id,displayName,isBuiltIn,isEnabled";
    let url = run.url(&["roleManagement", "directory", "roleDefinitions"], &[("$select", fields)])?;
    let definitions = match run.listing(DEFINITIONS, url).await {
        Ok(definitions) => definitions,
        Err(error) => return run.unseen(error, &["entra_role"]),
    };
    for role in &definitions {
        let role = Object::of(DEFINITIONS, role)?;
        let id = role.needed("id")?;
        run.push(
            "entra_role",
            json!({
                "id": id,
                "display_name": role.text("displayName")?,
                "built_in": role.boolean("isBuiltIn")?,
                "enabled": role.boolean("isEnabled")?,
                "is_admin": !READERS.contains(&id),
            }),
        )?;
    }
    Ok(())
}

fn assignment(run: &mut Run, operation: &str, state: &'static str, member: &Value) -> Result<Assignment, CollectError> {
    let member = Object::of(operation, member)?;
    let (principal, role) = (member.needed("principalId")?, member.needed("roleDefinitionId")?);
    let scope = match member.text("appScopeId")? {
        Some(scope) => scope,
        None => member.needed("directoryScopeId")?,
    };
    let kind = kind(&member.object("principal")?)?;
    run.push(
        "entra_role_assignment",
        json!({
            "id": member.needed("id")?,
            "state": state,
            "principal_id": principal,
            "principal_kind": kind,
            "role_id": role,
            "scope": scope,
            "starts_at": member.instant("startDateTime")?,
            "ends_at": member.instant("endDateTime")?,
        }),
    )?;
    Ok(Assignment {
        state,
        principal: principal.to_owned(),
        kind: kind.map(str::to_owned),
        role: role.to_owned(),
        scope: scope.to_owned(),
    })
}
