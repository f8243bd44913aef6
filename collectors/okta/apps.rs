//! Applications and who is assigned to each, directly or through a group.

use super::{Run, listing, listings};
use crate::provider::json::Object;
use crate::provider::rest::{each, reason_of_members};
use model::CollectError;
use serde_json::json;

const APPS: &str = "GET /api/v1/apps";
const USERS: &str = "GET /api/v1/apps/{appId}/users";

pub(super) async fn read(run: &mut Run) -> Result<(), CollectError> {
    let apps = match listing(&run.rest, APPS, run.url(&["apps"], &[("limit", "200")])?).await {
        Ok(apps) => apps,
        Err(error) => return run.unseen(error, &["okta_app", "okta_app_user"]),
    };
    let (mut asked, mut urls) = (Vec::new(), Vec::new());
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
        asked.push(id);
        urls.push(run.url(&["apps", id, "users"], &[("limit", "500")])?);
    }

    let answers = each(listings(&run.rest, USERS, &urls)).await?;
    let failed = asked.iter().zip(&answers).filter_map(|(id, answer)| Some((*id, answer.as_ref().err()?)));
    let unread = reason_of_members("the assignments", failed)?;
    run.reasons.extend(unread.map(|reason| reason.table("okta_app_user")));
    for (app, answer) in asked.iter().zip(&answers) {
        for user in answer.iter().flatten() {
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
