//! Groups and who is in each, with Okta's own count of them.

use super::{Run, listing, listings};
use crate::provider::json::{Object, ids};
use crate::provider::rest::{each, reason_of_members};
use model::{CollectError, Reason, ReasonCode};
use serde_json::json;

const GROUPS: &str = "GET /api/v1/groups";
const MEMBERS: &str = "GET /api/v1/groups/{groupId}/users";

pub(super) async fn read(run: &mut Run) -> Result<(), CollectError> {
    let url = run.url(&["groups"], &[("expand", "stats"), ("limit", "200")])?;
    let groups = match listing(&run.rest, GROUPS, url).await {
        Ok(groups) => groups,
        Err(error) => return run.unseen(error, &["okta_group", "okta_group_member"]),
    };
    let (mut asked, mut urls) = (Vec::new(), Vec::new());
    for group in &groups {
        let group = Object::of(GROUPS, group)?;
        let (id, profile) = (group.needed("id")?, group.object("profile")?);
        let declared = group.object("_embedded")?.object("stats")?.integer("usersCount")?;
        run.push(
            "okta_group",
            json!({
                "id": id,
                "name": profile.needed("name")?,
                "description": profile.text("description")?,
                "type": group.text("type")?,
                "members": declared,
                "created_at": group.instant("created")?,
                "last_updated_at": group.instant("lastUpdated")?,
                "last_membership_updated_at": group.instant("lastMembershipUpdated")?,
            }),
        )?;
        asked.push((id, declared));
        urls.push(run.url(&["groups", id, "users"], &[("limit", "200")])?);
    }

    let answers = each(listings(&run.rest, MEMBERS, &urls)).await?;
    let failed = asked.iter().zip(&answers).filter_map(|((id, _), answer)| Some((*id, answer.as_ref().err()?)));
    let unread = reason_of_members("the members", failed)?;
    run.reasons.extend(unread.map(|reason| reason.table("okta_group_member")));
    for ((group, declared), answer) in asked.iter().zip(&answers) {
        let Ok(users) = answer else { continue };
        let members = ids(MEMBERS, users)?;
        let listed = i64::try_from(members.len()).unwrap_or(i64::MAX);
        if let Some(declared) = declared.filter(|declared| *declared != listed) {
            let message = format!("group {group} has {listed} members, but Okta counts {declared}");
            run.reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table("okta_group_member"));
        }
        for user in &members {
            run.push("okta_group_member", json!({ "group_id": group, "user_id": user }))?;
        }
    }
    Ok(())
}
