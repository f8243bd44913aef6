//! Applications and who is assigned to each, directly or through a group.

use crate::provider::json::Object;
use crate::provider::run::Run;
use model::CollectError;
use serde_json::json;

const APPS: &str = "GET /api/v1/apps";
const USERS: &str = "GET /api/v1/apps/{appId}/users";

pub(super) async fn read(run: &mut Run) -> Result<(), CollectError> {
    let apps = match run.listing(APPS, run.url(&["apps"], &[("limit", "200")])?).await {
        Ok(apps) => apps,
        Err(error) => return run.unseen(error, &["okta_app", "okta_app_user"]),
    };
    let mut asked = Vec::new();
    for app in &apps {
        let app = Object::of(APPS, app)?;
        let id = app.needed("id")?;
        run.push(
            "okta_app",
            json!({
                "id": id,
                "name": app.text("name")?,
                "label": app.text("label")?,
                "status": app.text("status")?,
                "sign_on_mode": app.text("signOnMode")?,
                "created_at": app.instant("created")?,
                "last_updated_at": app.instant("lastUpdated")?,
            }),
        )?;
        asked.push((id.to_owned(), run.url(&["apps", id, "users"], &[("limit", "500")])?));
    }

    for (app, users) in run.listing_of_each(USERS, "the assignments", &[("okta_app_user", &[])], &asked).await? {
        for user in &users {
            let user = Object::of(USERS, user)?;
            run.push(
                "okta_app_user",
                json!({
                    "app_id": app,
                    "user_id": user.needed("id")?,
                    "scope": user.text("scope")?,
                    "status": user.text("status")?,
                    "user_name": user.object("credentials")?.text("userName")?,
                    "created_at": user.instant("created")?,
                }),
            )?;
        }
    }
    Ok(())
}
