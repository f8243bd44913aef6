//! Users: every one that is listed, and who of them is an administrator where the settings say by what.

use super::groups::Groups;
use super::{Settings, read_step, step, total_alone};
use crate::provider::json::Object;
use crate::provider::run::Run;
use crate::provider::stepped::miscounted;
use model::{CollectError, Count, Reason, ReasonCode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const TOTAL: &str = "GET /Users?count=0";
const USERS: &str = "GET /Users";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Every user, by id; one that came twice is here twice.
pub(super) struct Users(Vec<Value>);

impl Users {
    pub(super) fn ids(&self) -> Result<BTreeSet<&str>, CollectError> {
        self.0.iter().map(|user| Object::of(USERS, user)?.needed("id")).collect()
    }

    /// The groups of each user that names any (RFC 7643, section 4.1.2): those it is in directly, and others.
    pub(super) fn named_groups(&self) -> Result<BTreeMap<&str, BTreeSet<&str>>, CollectError> {
        let mut named = BTreeMap::new();
        for user in &self.0 {
            let user = Object::of(USERS, user)?;
            if user.member("groups").is_some() {
                let groups = user.objects("groups")?;
                let groups = groups.iter().map(|group| group.needed("value")).collect::<Result<_, _>>()?;
                named.insert(user.needed("id")?, groups);
            }
        }
        Ok(named)
    }
}

pub(super) async fn read(run: &mut Run, settings: &Settings) -> Result<Users, CollectError> {
    let alone = total_alone(&run.rest, settings, TOTAL, "Users").await?;
    let url = |offset| step(&run.rest, "Users", offset, settings.page_size);
    let listed = run.rest.stepped(USERS, url, |value| read_step(USERS, value)).await?;
    let users = Users(listed.members);
    let mut totals = listed.totals;
    totals.extend(alone);
    let different = users.ids()?.len();
    let miscounted = miscounted(("users", "the provider"), users.0.len(), different, &totals);
    run.counts.push(Count {
        table: "scim_user".to_owned(),
        counted: different as u64,
        declared: alone,
        declared_by: alone.map(|_| format!("totalResults of {TOTAL}")),
    });
    run.reasons.extend(miscounted.map(|reason| reason.table("scim_user")));
    Ok(users)
}

pub(super) fn rows(
    run: &mut Run,
    settings: &Settings,
    users: &Users,
    groups: Option<&Groups>,
) -> Result<(), CollectError> {
    let mut held = BTreeSet::new();
    let roles = users.0.iter().map(|user| roles(&Object::of(USERS, user)?)).collect::<Result<Vec<_>, _>>()?;
    held.extend(roles.iter().flatten().filter(|role| settings.admin_roles.contains(**role)));
    let admins = Admins { settings, groups };
    let unsure = admins.unsure(&held);
    if let Some(message) = &unsure {
        let reason = Reason::new(ReasonCode::CountsDisagree, message).table("scim_user").columns(&["is_admin"]);
        run.reasons.push(reason);
    }
    for (user, roles) in users.0.iter().zip(&roles) {
        let user = Object::of(USERS, user)?;
        let (name, meta, enterprise) = (user.object("name")?, user.object("meta")?, user.object(ENTERPRISE)?);
        let (email, other_emails) = emails(&user)?;
        let id = user.needed("id")?;
        // who is one is so whatever else could not be seen; who is none, only where all was
        let is_admin = admins.is_one(id, roles).filter(|is_admin| *is_admin || unsure.is_none());
        run.push(
            "scim_user",
            json!({
                "id": id,
                "user_name": user.needed("userName")?,
                "external_id": user.text("externalId")?,
                "active": user.boolean("active")?,
                "display_name": user.text("displayName")?,
                "given_name": name.text("givenName")?,
                "family_name": name.text("familyName")?,
                "email": email,
                "other_emails": other_emails,
                "user_type": user.text("userType")?,
                "title": user.text("title")?,
                "employee_number": enterprise.text("employeeNumber")?,
                "department": enterprise.text("department")?,
                "roles": user.member("roles"),
                "entitlements": user.member("entitlements"),
                "is_admin": is_admin,
                "created_at": meta.instant("created")?,
                "last_modified_at": meta.instant("lastModified")?,
            }),
        )?;
    }
    Ok(())
}

/// The primary address and the others. Where none is primary, the only one is.
fn emails<'a>(user: &Object<'a>) -> Result<(Option<&'a str>, Option<Vec<&'a str>>), CollectError> {
    let (mut primary, mut others) = (None, Vec::new());
    for email in user.objects("emails")? {
        let Some(address) = email.text("value")? else { continue };
        if email.boolean("primary")? == Some(true) && primary.is_none() {
            primary = Some(address);
        } else {
            others.push(address);
        }
    }
    if let ([only], None) = (others.as_slice(), primary) {
        return Ok((Some(*only), None));
    }
    Ok((primary, Some(others).filter(|others| !others.is_empty())))
}

/// The values of a user's roles and entitlements.
fn roles<'a>(user: &Object<'a>) -> Result<BTreeSet<&'a str>, CollectError> {
    let mut values = BTreeSet::new();
    for name in ["roles", "entitlements"] {
        for role in user.list(name)? {
            // providers older than RFC 7643 write texts
            values.extend(match role {
                Value::String(value) => Some(value.as_str()),
                role => Object::of(USERS, role)?.text("value")?,
            });
        }
    }
    Ok(values)
}

/// Who is an administrator, by the roles and groups that the settings name.
struct Admins<'a> {
    settings: &'a Settings,
    groups: Option<&'a Groups>,
}

impl Admins<'_> {
    /// Unknown where the settings name nothing.
    fn is_one(&self, id: &str, roles: &BTreeSet<&str>) -> Option<bool> {
        let Settings { admin_roles, admin_groups, .. } = self.settings;
        if admin_roles.is_empty() && admin_groups.is_empty() {
            return None;
        }
        let by_group = self.groups.is_some_and(|groups| groups.has_any(id, admin_groups));
        Some(by_group || roles.iter().any(|role| admin_roles.contains(*role)))
    }

    /// Why nobody is known to be none: members of groups are in doubt; a group that does not exist and a role that nobody
    /// holds are misspelt, or hidden.
    fn unsure(&self, held: &BTreeSet<&&str>) -> Option<String> {
        let Settings { admin_roles, admin_groups, .. } = self.settings;
        let roles =
            admin_roles.iter().filter(|role| !held.contains(&role.as_str())).map(|role| format!("role `{role}`"));
        let known = |name: &String| self.groups.is_some_and(|groups| groups.is_known(name));
        let groups = admin_groups.iter().filter(|name| !known(name)).map(|name| format!("group `{name}`"));
        let missing: Vec<String> = roles.chain(groups).collect();
        if !missing.is_empty() {
            let missing = missing.join(", ");
            return Some(format!(
                "who is no administrator is not known: the settings name what is not there: {missing}"
            ));
        }
        let in_doubt = !admin_groups.is_empty() && self.groups.is_some_and(|groups| groups.in_doubt);
        in_doubt.then(|| "who is no administrator is not known: not all members of groups are certain".to_owned())
    }
}
