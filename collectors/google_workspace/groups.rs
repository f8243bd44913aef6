//! Groups and their direct members: users, groups, whoever is outside, and the whole customer at once.

use crate::provider::directory::Users;
use crate::provider::json::{Object, malformed};
use crate::provider::run::Run;
use model::{CollectError, Reason, ReasonCode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const GROUPS: &str = "GET /admin/directory/v1/groups";
const MEMBERS: &str = "GET /admin/directory/v1/groups/{groupKey}/members";

/// Who is in which group, as far as it was read.
#[derive(Default)]
pub(super) struct Groups {
    /// The members of each group whose members were read.
    members: BTreeMap<String, Vec<Member>>,
}

struct Member {
    id: String,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    User,
    Group,
    /// Everybody of the customer.
    Customer,
}

impl Groups {
    /// Every user in a group, through other groups too, and whether every group on the way was read.
    pub(super) fn users_of(&self, group: &str, users: &Users) -> (BTreeSet<String>, bool) {
        let (mut found, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![group]);
        let mut whole = true;
        while let Some(next) = open.pop() {
            if !seen.insert(next) {
                continue;
            }
            let Some(members) = self.members.get(next) else {
                whole = false;
                continue;
            };
            for member in members {
                match member.kind {
                    Kind::User => drop(found.insert(member.id.clone())),
                    Kind::Group => open.push(&member.id),
                    Kind::Customer => found.extend(users.ids.iter().cloned()),
                }
            }
        }
        (found, whole)
    }
}

pub(super) async fn read(run: &mut Run, wanted: bool, users: &Users) -> Result<Groups, CollectError> {
    let mut groups = Groups::default();
    if !wanted {
        return Ok(groups);
    }
    let url = run.url(&["groups"], &[("customer", "my_customer"), ("maxResults", "200")])?;
    let listed = match run.listing(GROUPS, url).await {
        Ok(listed) => listed,
        Err(error) => return run.unseen(error, &["google_group", "google_group_member"]).map(|()| groups),
    };
    if listed.is_empty() {
        let message = "no group is listed: where there is none, say `groups = false`";
        let reason = Reason::new(ReasonCode::Empty, message);
        run.reasons.extend(["google_group", "google_group_member"].map(|table| reason.clone().table(table)));
    }
    let (mut asked, mut counted) = (Vec::new(), BTreeMap::new());
    for group in &listed {
        let group = Object::of(GROUPS, group)?;
        let (id, declared) = (group.needed("id")?, count(&group)?);
        run.push(
            "google_group",
            json!({
                "id": id,
                "email": group.needed("email")?,
                "name": group.text("name")?,
                "description": group.text("description")?,
                "members": declared,
                "admin_created": group.boolean("adminCreated")?,
            }),
        )?;
        // one group may come twice, on two pages
        if counted.insert(id, declared).is_none() {
            asked.push((id.to_owned(), run.url(&["groups", id, "members"], &[("maxResults", "200")])?));
        }
    }
    for (group, listed) in run.listing_of_each(MEMBERS, "the members", &[("google_group_member", &[])], &asked).await? {
        let mut members = Vec::new();
        for member in &listed {
            members.extend(member_row(run, &group, member, users, &counted)?);
        }
        // whether a group in a group counts, and everybody at once, Google does not say
        let number = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let of_users = number(listed.iter().filter(|member| member["type"] == "USER").count());
        let all = number(listed.len());
        let declared = counted.get(group.as_str()).copied().flatten();
        let everybody = members.iter().any(|member| member.kind == Kind::Customer);
        if let Some(declared) = declared.filter(|declared| !everybody && !(of_users..=all).contains(declared)) {
            let message = format!("group {group} has {all} members, but Google counts {declared}");
            run.reasons.push(Reason::new(ReasonCode::CountsDisagree, message).table("google_group_member"));
            // who is missing may be anybody
            continue;
        }
        groups.members.insert(group, members);
    }
    Ok(groups)
}

/// Adds a member's row; the member where it can stand for users of the customer.
fn member_row(
    run: &mut Run,
    group: &str,
    member: &Value,
    users: &Users,
    groups: &BTreeMap<&str, Option<i64>>,
) -> Result<Option<Member>, CollectError> {
    let member = Object::of(MEMBERS, member)?;
    let (id, told) = (member.needed("id")?, member.needed("type")?);
    let kind = match told {
        _ if users.ids.contains(id) => Some(Kind::User),
        _ if groups.contains_key(id) => Some(Kind::Group),
        "GROUP" => Some(Kind::Group),
        "CUSTOMER" => Some(Kind::Customer),
        // outside the customer
        "USER" | "EXTERNAL" => None,
        other => return Err(malformed(MEMBERS, &format!("a member is a `{other}`"))),
    };
    run.push(
        "google_group_member",
        json!({
            "group_id": group,
            "member_id": id,
            "email": member.text("email")?,
            "type": told,
            "role": member.text("role")?,
            "status": member.text("status")?,
        }),
    )?;
    Ok(kind.map(|kind| Member { id: id.to_owned(), kind }))
}

/// Google writes counts as texts.
fn count(group: &Object<'_>) -> Result<Option<i64>, CollectError> {
    let Some(text) = group.text("directMembersCount")? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| malformed(GROUPS, "`directMembersCount` of an element is not a number"))
}
