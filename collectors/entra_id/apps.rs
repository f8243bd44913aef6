//! Applications with their credentials and owners, and the service principals they act as.

use super::roles::Roles;
use super::{TOP, kind};
use crate::provider::json::{Object, malformed};
use crate::provider::run::Run;
use model::CollectError;
use serde_json::{Value, json};

const APPLICATIONS: &str = "GET /applications";
const OWNERS: &str = "GET /applications/{id}/owners";
const SERVICES: &str = "GET /servicePrincipals";

/// The service principals, of which the roles are not known yet.
#[derive(Default)]
pub(super) struct Services(Vec<Value>);

pub(super) async fn read(run: &mut Run) -> Result<Services, CollectError> {
    applications(run).await?;
    let fields = "id,appId,displayName,accountEnabled,servicePrincipalType,appOwnerOrganizationId,keyCredentials,passwordCredentials";
    let url = run.url(&["servicePrincipals"], &[("$select", fields), ("$count", "true"), ("$top", TOP)])?;
    let services = match run.listing(SERVICES, url).await {
        Ok(services) => services,
        Err(error) => {
            run.unseen(error, &["entra_service_principal", "entra_app_credential"])?;
            return Ok(Services::default());
        }
    };
    for service in &services {
        credentials(run, &Object::of(SERVICES, service)?, "service_principal")?;
    }
    Ok(Services(services))
}

async fn applications(run: &mut Run) -> Result<(), CollectError> {
    let fields = "id,appId,displayName,signInAudience,createdDateTime,keyCredentials,passwordCredentials";
    let url = run.url(&["applications"], &[("$select", fields), ("$count", "true"), ("$top", TOP)])?;
    let tables = ["entra_application", "entra_app_owner", "entra_app_credential"];
    let applications = match run.listing(APPLICATIONS, url).await {
        Ok(applications) => applications,
        Err(error) => return run.unseen(error, &tables),
    };
    let mut asked = Vec::new();
    for application in &applications {
        let application = Object::of(APPLICATIONS, application)?;
        let id = application.needed("id")?;
        run.push(
            "entra_application",
            json!({
                "id": id,
                "app_id": application.needed("appId")?,
                "display_name": application.text("displayName")?,
                "audience": application.text("signInAudience")?,
                "created_at": application.instant("createdDateTime")?,
            }),
        )?;
        credentials(run, &application, "application")?;
        asked.push((id.to_owned(), run.url(&["applications", id, "owners"], &[("$select", "id")])?));
    }
    for (id, owners) in run.listing_of_each(OWNERS, "the owners", &[("entra_app_owner", &[])], &asked).await? {
        for owner in &owners {
            let owner = Object::of(OWNERS, owner)?;
            let row = json!({ "application_id": id, "owner_id": owner.needed("id")?, "kind": kind(&owner)? });
            run.push("entra_app_owner", row)?;
        }
    }
    Ok(())
}

/// The secrets and certificates of one object; never what they are.
fn credentials(run: &mut Run, object: &Object<'_>, of: &str) -> Result<(), CollectError> {
    for (name, kind) in [("passwordCredentials", "secret"), ("keyCredentials", "certificate")] {
        // asked for by name, so it is there
        object.needed_list(name)?;
        for credential in object.objects(name)? {
            run.push(
                "entra_app_credential",
                json!({
                    "object_id": object.needed("id")?,
                    "app_id": object.needed("appId")?,
                    "object": of,
                    "key_id": credential.needed("keyId")?,
                    "kind": kind,
                    "display_name": credential.text("displayName")?,
                    "created_at": credential.instant("startDateTime")?,
                    "expires_at": credential.instant("endDateTime")?,
                }),
            )?;
        }
    }
    Ok(())
}

pub(super) fn rows(run: &mut Run, services: &Services, roles: &Roles) -> Result<(), CollectError> {
    for service in &services.0 {
        let service = Object::of(SERVICES, service)?;
        let id = service.needed("id")?;
        // asked for, so it is there, empty or not: without it nobody knows whose programs these are
        if !service.has("appOwnerOrganizationId") {
            return Err(malformed(SERVICES, "a service principal has no `appOwnerOrganizationId`"));
        }
        run.push(
            "entra_service_principal",
            json!({
                "id": id,
                "app_id": service.needed("appId")?,
                "display_name": service.text("displayName")?,
                "enabled": service.boolean("accountEnabled")?,
                "type": service.text("servicePrincipalType")?,
                "owner_tenant": service.text("appOwnerOrganizationId")?,
                "is_admin": roles.is_admin(id),
            }),
        )?;
    }
    Ok(())
}
