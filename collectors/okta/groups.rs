//! Groups and who is in each, with Okta's own count of them.

use crate::provider::json::{Object, ids};
use crate::provider::run::Run;
use model::{CollectError, Reason, ReasonCode};
use serde_json::json;
use std::collections::BTreeMap;

const GROUPS: &str = "GET /api/v1/groups";
const MEMBERS: &str = "GET /api/v1/groups/{groupId}/users";

pub(super) async fn read(run: &mut Run) -> Result<(), CollectError> {
    let url = run.url(&["groups"], &[("expand", "stats"), ("limit", "200")])?;
    let groups = match run.listing(GROUPS, url).await {
        Ok(groups) => groups,
        Err(error) => return run.unseen(error, &["okta_group", "okta_group_member"]),
    };
    let (mut asked, mut counted) = (Vec::new(), BTreeMap::new());
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
        counted.extend(declared.map(|declared| (id, declared)));
        asked.push((id.to_owned(), run.url(&["groups", id, "users"], &[("limit", "200")])?));
    }

    for (group, users) in run.listing_of_each(MEMBERS, "the members", &[("okta_group_member", &[])], &asked).await? {
        let members = ids(MEMBERS, &users)?;
        let listed = i64::try_from(members.len()).unwrap_or(i64::MAX);
        if let Some(declared) = counted.get(group.as_str()).filter(|declared| **declared != listed) {
            let message = format!("group {group} has {listed} members, but Okta counts {declared}");
            run.reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table("okta_group_member"));
        }
        for user in &members {
            run.push("okta_group_member", json!({ "group_id": group, "user_id": user }))?;
        }
    }
    Ok(())
}
