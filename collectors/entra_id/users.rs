//! Users: those there are, with Microsoft Graph's own count of them, and those deleted in the last thirty days.

use super::TOP;
use super::policies::Required;
use super::roles::Roles;
use super::sign_in::{Registered, SignIns};
use crate::provider::directory::Users;
use crate::provider::json::{Object, ids, malformed};
use crate::provider::run::Run;
use model::{CollectError, Count, Reason, ReasonCode};
use serde_json::{Value, json};

const USERS: &str = "GET /users";
const DELETED: &str = "GET /directory/deletedItems/microsoft.graph.user";

const FIELDS: &str = "id,userPrincipalName,mail,otherMails,displayName,givenName,surname,employeeId,employeeType,department,\
                      jobTitle,companyName,userType,creationType,accountEnabled,externalUserState,onPremisesSyncEnabled,\
                      createdDateTime,lastPasswordChangeDateTime,deletedDateTime";

/// What other calls say of users.
pub(super) struct Details<'a> {
    pub(super) roles: &'a Roles,
    pub(super) sign_ins: Option<SignIns>,
    pub(super) registered: Option<Registered>,
    pub(super) required: Required,
}

pub(super) async fn read(run: &mut Run) -> Result<Users, CollectError> {
    let url = run.url(&["users"], &[("$select", FIELDS), ("$count", "true"), ("$top", TOP)])?;
    let listing = run.counted(USERS, url).await?;
    let ids = ids(USERS, &listing.members)?;
    let came = ids.len() as u64;
    let problem = match listing.declared {
        None => Some("Microsoft Graph does not say how many users there are".to_owned()),
        Some(declared) if declared != came => Some(format!("{came} users came, but Microsoft Graph counts {declared}")),
        Some(_) => None,
    };
    run.reasons.extend(problem.map(|text| Reason::new(ReasonCode::CountsDisagree, text).table("entra_user")));
    run.counts.push(Count {
        table: "entra_user".to_owned(),
        counted: came,
        declared: listing.declared,
        declared_by: listing.declared.map(|_| format!("@odata.count of {USERS}")),
    });

    let url = run.url(
        &["directory", "deletedItems", "microsoft.graph.user"],
        &[("$select", FIELDS), ("$count", "true"), ("$top", TOP)],
    )?;
    let deleted = match run.listing(DELETED, url).await {
        Ok(deleted) => deleted,
        Err(error) => {
            run.unseen(error, &["entra_user"])?;
            Vec::new()
        }
    };
    Ok(Users { present: listing.members, deleted, ids })
}

pub(super) fn rows(run: &mut Run, users: &Users, details: &Details<'_>) -> Result<(), CollectError> {
    for user in &users.present {
        let user = Object::of(USERS, user)?;
        let id = user.needed("id")?;
        // asked for, so it is there, empty or not: without it nobody knows who is a guest
        if !user.has("userType") {
            return Err(malformed(USERS, "a user has no `userType`"));
        }
        let registered = details.registered.as_ref().and_then(|registered| registered.of(id));
        let sign_ins = details.sign_ins.as_ref().and_then(|sign_ins| sign_ins.0.get(id));
        let mut row = row(&user)?;
        row["last_sign_in_at"] = json!(sign_ins.and_then(|times| times.interactive.as_ref()));
        row["last_non_interactive_sign_in_at"] = json!(sign_ins.and_then(|times| times.non_interactive.as_ref()));
        row["last_successful_sign_in_at"] = json!(sign_ins.and_then(|times| times.successful.as_ref()));
        row["mfa_registered"] = json!(registered.and_then(|registered| registered.is_registered));
        row["mfa_capable"] = json!(registered.and_then(|registered| registered.is_capable));
        row["phishing_resistant"] = json!(registered.and_then(|registered| registered.phishing_resistant));
        row["mfa_required"] = json!(details.required.of(id));
        // a report that is a day old may know of a role that we do not see; nobody is none then
        let reported = registered.and_then(|registered| registered.is_admin) == Some(true);
        row["is_admin"] = json!(details.roles.is_admin(id).filter(|is_admin| *is_admin || !reported));
        run.push("entra_user", row)?;
    }
    for user in &users.deleted {
        run.push("entra_user", row(&Object::of(DELETED, user)?)?)?;
    }
    Ok(())
}

/// What the listing itself says.
fn row(user: &Object<'_>) -> Result<Value, CollectError> {
    Ok(json!({
        "id": user.needed("id")?,
        "user_principal_name": user.needed("userPrincipalName")?,
        "mail": user.text("mail")?,
        "other_mails": Some(user.list("otherMails")?).filter(|mails| !mails.is_empty()),
        "display_name": user.text("displayName")?,
        "given_name": user.text("givenName")?,
        "surname": user.text("surname")?,
        "employee_id": user.text("employeeId")?,
        "employee_type": user.text("employeeType")?,
        "department": user.text("department")?,
        "job_title": user.text("jobTitle")?,
        "company_name": user.text("companyName")?,
        "user_type": user.text("userType")?,
        "creation_type": user.text("creationType")?,
        "enabled": user.boolean("accountEnabled")?,
        "invitation": user.text("externalUserState")?,
        "on_premises": user.boolean("onPremisesSyncEnabled")?,
        "created_at": user.instant("createdDateTime")?,
        "password_changed_at": user.instant("lastPasswordChangeDateTime")?,
        "deleted_at": user.instant("deletedDateTime")?,
    }))
}
