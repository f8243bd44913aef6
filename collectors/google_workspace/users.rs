//! Users: those there are, suspended and archived ones too, and those deleted in the last twenty days.

use super::roles::Roles;
use crate::provider::directory::Users;
use crate::provider::json::{Object, ids, malformed};
use crate::provider::run::Run;
use model::{CollectError, Count, Reason, ReasonCode};
use serde_json::{Value, json};

const USERS: &str = "GET /admin/directory/v1/users";
const DELETED: &str = "GET /admin/directory/v1/users?showDeleted=true";

/// How Google writes that somebody never signed in.
const NEVER: &str = "1970-01-01T00:00:00Z";

pub(super) async fn read(run: &mut Run, customer_id: &str) -> Result<Users, CollectError> {
    let url = |run: &Run, deleted: &str| {
        let query =
            [("customer", "my_customer"), ("maxResults", "500"), ("orderBy", "email"), ("showDeleted", deleted)];
        run.url(&["users"], &query)
    };
    let present = run.listing(USERS, url(run, "false")?).await?;
    if present.is_empty() {
        return Err(malformed(USERS, "no user is listed, not even the administrator who asks"));
    }
    let deleted = match run.listing(DELETED, url(run, "true")?).await {
        Ok(deleted) => deleted,
        Err(error) => {
            run.unseen(error, &["google_user"])?;
            Vec::new()
        }
    };
    let ids = ids(USERS, &present)?;
    run.counts.push(Count {
        table: "google_user".to_owned(),
        counted: ids.len() as u64,
        declared: None,
        declared_by: None,
    });
    let is_elsewhere = |user: &&Value| user["customerId"].as_str().is_some_and(|of| of != customer_id);
    let elsewhere: Vec<&str> = present.iter().filter(is_elsewhere).filter_map(|user| user["id"].as_str()).collect();
    if !elsewhere.is_empty() {
        let message = format!(
            "{} users are of another customer: {}",
            elsewhere.len(),
            elsewhere[..elsewhere.len().min(5)].join(", ")
        );
        run.reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table("google_user"));
    }
    Ok(Users { present, deleted, ids })
}

pub(super) fn rows(run: &mut Run, users: &Users, roles: &Roles) -> Result<(), CollectError> {
    for user in &users.present {
        let user = Object::of(USERS, user)?;
        let mut row = row(&user)?;
        let (is_super, is_delegated) = (user.boolean("isAdmin")?, user.boolean("isDelegatedAdmin")?);
        row["super_admin"] = json!(is_super);
        row["delegated_admin"] = json!(is_delegated);
        // who is one by any of the three is; who is none, only where all three say so
        let said = [is_super, is_delegated, roles.is_holder(user.needed("id")?)];
        row["is_admin"] = json!(if said.contains(&Some(true)) {
            Some(true)
        } else {
            said.iter().all(Option::is_some).then_some(false)
        });
        run.push("google_user", row)?;
    }
    for user in &users.deleted {
        run.push("google_user", row(&Object::of(DELETED, user)?)?)?;
    }
    Ok(())
}

/// What the listing itself says.
fn row(user: &Object<'_>) -> Result<Value, CollectError> {
    let name = user.object("name")?;
    let mut aliases = user.list("aliases")?.to_vec();
    aliases.extend_from_slice(user.list("nonEditableAliases")?);
    let organisation = user.objects("organizations")?.into_iter().next();
    let organisation = |field: &str| organisation.as_ref().map_or(Ok(None), |organisation| organisation.text(field));
    Ok(json!({
        "id": user.needed("id")?,
        "primary_email": user.needed("primaryEmail")?,
        "aliases": Some(aliases).filter(|aliases| !aliases.is_empty()),
        "full_name": name.text("fullName")?,
        "given_name": name.text("givenName")?,
        "family_name": name.text("familyName")?,
        "employee_id": employee_id(user)?,
        "department": organisation("department")?,
        "title": organisation("title")?,
        "org_unit": user.text("orgUnitPath")?,
        "suspended": user.boolean("suspended")?,
        "suspension_reason": user.text("suspensionReason")?,
        "archived": user.boolean("archived")?,
        "terms_agreed": user.boolean("agreedToTerms")?,
        "two_step_enrolled": user.boolean("isEnrolledIn2Sv")?,
        "two_step_enforced": user.boolean("isEnforcedIn2Sv")?,
        "created_at": user.instant("creationTime")?,
        "last_login_at": user.instant("lastLoginTime")?.filter(|instant| instant != NEVER),
        "deleted_at": user.instant("deletionTime")?,
    }))
}

/// The id that the organisation itself gave.
fn employee_id<'a>(user: &Object<'a>) -> Result<Option<&'a str>, CollectError> {
    for id in user.objects("externalIds")? {
        if id.text("type")? == Some("organization") {
            return id.text("value");
        }
    }
    Ok(None)
}
