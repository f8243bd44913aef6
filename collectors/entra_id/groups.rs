//! Groups and their direct members of any kind, with Microsoft Graph's own counts of both.

use super::{TOP, kind};
use crate::provider::directory::Users;
use crate::provider::json::{Object, ids};
use crate::provider::run::Run;
use model::{CollectError, Count, Reason, ReasonCode};
use serde_json::json;
use std::collections::BTreeSet;

const GROUPS: &str = "GET /groups";
const MEMBERS: &str = "GET /groups/{id}/members";
const TABLES: &[&str] = &["entra_group", "entra_group_member"];

const FIELDS: &str = "id,displayName,description,groupTypes,securityEnabled,mailEnabled,isAssignableToRole,membershipRule,\
                      visibility,onPremisesSyncEnabled,createdDateTime";

/// The ids of all groups; empty where they could not be read.
pub(super) async fn read(run: &mut Run, users: &Users) -> Result<BTreeSet<String>, CollectError> {
    let url = run.url(&["groups"], &[("$select", FIELDS), ("$count", "true"), ("$top", TOP)])?;
    let listing = match run.counted(GROUPS, url).await {
        Ok(listing) => listing,
        Err(error) => return run.unseen(error, TABLES).map(|()| BTreeSet::new()),
    };
    let found = ids(GROUPS, &listing.members)?;
    let came = found.len() as u64;
    if listing.declared != Some(came) {
        let counted =
            listing.declared.map_or_else(|| "does not count them".to_owned(), |count| format!("counts {count}"));
        let message = format!("{came} groups came, but Microsoft Graph {counted}");
        let reason = Reason::new(ReasonCode::CountsDisagree, message);
        run.reasons.extend(TABLES.iter().map(|table| reason.clone().table(table)));
    }
    run.counts.push(Count {
        table: "entra_group".to_owned(),
        counted: came,
        declared: listing.declared,
        declared_by: listing.declared.map(|_| format!("@odata.count of {GROUPS}")),
    });

    let (mut asked, mut known) = (Vec::new(), BTreeSet::new());
    for group in &listing.members {
        let group = Object::of(GROUPS, group)?;
        let id = group.needed("id")?;
        run.push(
            "entra_group",
            json!({
                "id": id,
                "display_name": group.text("displayName")?,
                "description": group.text("description")?,
                "types": group.member("groupTypes"),
                "security_enabled": group.boolean("securityEnabled")?,
                "mail_enabled": group.boolean("mailEnabled")?,
                "role_assignable": group.boolean("isAssignableToRole")?,
                "membership_rule": group.text("membershipRule")?,
                "visibility": group.text("visibility")?,
                "on_premises": group.boolean("onPremisesSyncEnabled")?,
                "created_at": group.instant("createdDateTime")?,
            }),
        )?;
        // one group may come twice, on two pages
        if known.insert(id) {
            let query = [("$select", "id"), ("$count", "true"), ("$top", TOP)];
            asked.push((id.to_owned(), run.url(&["groups", id, "members"], &query)?));
        }
    }
    let mut strangers = BTreeSet::new();
    for (group, members) in run.listing_of_each(MEMBERS, "the members", &[("entra_group_member", &[])], &asked).await? {
        for member in &members {
            let member = Object::of(MEMBERS, member)?;
            let (id, told) = (member.needed("id")?, kind(&member)?);
            let kind = match told {
                _ if users.ids.contains(id) => Some("user"),
                _ if found.contains(id) => Some("group"),
                Some("user" | "group") | None => {
                    strangers.insert(id.to_owned());
                    told
                }
                told => told,
            };
            run.push("entra_group_member", json!({ "group_id": group, "member_id": id, "kind": kind }))?;
        }
    }
    if !strangers.is_empty() {
        let shown = strangers.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
        let message =
            format!("{} members of groups are neither users nor groups that are listed: {shown}", strangers.len());
        run.reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table("entra_group_member"));
    }
    Ok(found)
}
