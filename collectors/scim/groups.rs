//! Groups and their members, users and groups alike, held against the groups that users name.

use super::users::Users;
use super::{Settings, read_step, step, total_alone};
use crate::provider::json::Object;
use crate::provider::run::Run;
use crate::provider::stepped::miscounted;
use model::{CollectError, Count, Reason, ReasonCode};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const TOTAL: &str = "GET /Groups?count=0";
const GROUPS: &str = "GET /Groups";
const TABLES: &[&str] = &["scim_group", "scim_group_member"];

/// How many members a message names.
const SHOWN: usize = 5;

/// Who is in which group.
#[derive(Default)]
pub(super) struct Groups {
    /// Ids by display name, which need not be unique.
    by_name: BTreeMap<String, BTreeSet<String>>,
    ids: BTreeSet<String>,
    /// The groups each member, a user or a group, is in directly.
    direct: BTreeMap<String, BTreeSet<String>>,
    /// Whether something about them did not agree, so that somebody may be in a group and not be seen there.
    pub(super) in_doubt: bool,
}

impl Groups {
    /// Whether a group has this name or id.
    pub(super) fn is_known(&self, name: &str) -> bool {
        self.by_name.contains_key(name) || self.ids.contains(name)
    }

    /// Whether `member` is in one of the groups named, directly or through other groups.
    pub(super) fn has_any(&self, member: &str, names: &BTreeSet<String>) -> bool {
        let of_member = self.all_of(member);
        names.iter().any(|name| {
            let ids = self.by_name.get(name);
            of_member.contains(name.as_str())
                || ids.is_some_and(|ids| ids.iter().any(|id| of_member.contains(id.as_str())))
        })
    }

    /// Every group `member` is in, directly or through other groups.
    fn all_of<'a>(&'a self, member: &'a str) -> BTreeSet<&'a str> {
        let mut found = BTreeSet::new();
        let mut open = vec![member];
        while let Some(next) = open.pop() {
            let groups = self.direct.get(next).into_iter().flatten();
            open.extend(groups.map(String::as_str).filter(|group| found.insert(*group)));
        }
        found
    }

    /// The users whose own word about their groups differs.
    fn differing<'a>(&self, named: &BTreeMap<&'a str, BTreeSet<&str>>) -> Vec<&'a str> {
        let agrees = |user: &str, named: &BTreeSet<&str>| {
            let direct = self.direct.get(user).into_iter().flatten();
            named.is_subset(&self.all_of(user)) && direct.into_iter().all(|group| named.contains(group.as_str()))
        };
        named.iter().filter(|(user, named)| !agrees(user, named)).map(|(user, _)| *user).collect()
    }
}

/// None where they could not be read.
pub(super) async fn read(run: &mut Run, settings: &Settings, users: &Users) -> Result<Option<Groups>, CollectError> {
    let before = run.reasons.len();
    match listed(run, settings).await {
        Ok(members) => {
            let mut groups = rows(run, users, &members)?;
            groups.in_doubt = run.reasons.len() > before;
            Ok(Some(groups))
        }
        Err(error) => run.unseen(error, TABLES).map(|()| None),
    }
}

async fn listed(run: &mut Run, settings: &Settings) -> Result<Vec<Value>, CollectError> {
    let alone = total_alone(&run.rest, settings, TOTAL, "Groups").await?;
    let url = |offset| step(&run.rest, "Groups", offset, settings.page_size);
    let listed = run.rest.stepped(GROUPS, url, |value| read_step(GROUPS, value)).await?;
    let ids = crate::provider::json::ids(GROUPS, &listed.members)?;
    let mut totals = listed.totals;
    totals.extend(alone);
    let miscounted = miscounted(("groups", "the provider"), listed.members.len(), ids.len(), &totals);
    for table in TABLES {
        run.reasons.extend(miscounted.clone().map(|reason| reason.table(table)));
    }
    run.counts.push(Count {
        table: "scim_group".to_owned(),
        counted: ids.len() as u64,
        declared: alone,
        declared_by: alone.map(|_| format!("totalResults of {TOTAL}")),
    });
    Ok(listed.members)
}

fn rows(run: &mut Run, users: &Users, listed: &[Value]) -> Result<Groups, CollectError> {
    let user_ids = users.ids()?;
    let mut groups = Groups { ids: crate::provider::json::ids(GROUPS, listed)?, ..Groups::default() };
    let mut strangers = BTreeSet::new();
    for group in listed {
        let group = Object::of(GROUPS, group)?;
        let (id, name, meta) = (group.needed("id")?, group.needed("displayName")?, group.object("meta")?);
        run.push(
            "scim_group",
            json!({
                "id": id,
                "display_name": name,
                "external_id": group.text("externalId")?,
                "created_at": meta.instant("created")?,
                "last_modified_at": meta.instant("lastModified")?,
            }),
        )?;
        groups.by_name.entry(name.to_owned()).or_default().insert(id.to_owned());
        for member in group.objects("members")? {
            let member = member.needed("value")?;
            let kind = if groups.ids.contains(member) {
                Some("group")
            } else if user_ids.contains(member) {
                Some("user")
            } else {
                strangers.insert(member.to_owned());
                None
            };
            groups.direct.entry(member.to_owned()).or_default().insert(id.to_owned());
            run.push("scim_group_member", json!({ "group_id": id, "member_id": member, "kind": kind }))?;
        }
    }
    let strangers: Vec<&str> = strangers.iter().map(String::as_str).collect();
    run.reasons.extend(disagreement("members of groups are neither users nor groups that are listed", &strangers));
    let differing = groups.differing(&users.named_groups()?);
    run.reasons.extend(disagreement("users name other groups than have them as members", &differing));
    Ok(groups)
}

fn disagreement(what: &str, ids: &[&str]) -> Option<Reason> {
    let shown = ids.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    let reason = || Reason::new(ReasonCode::CountsDisagree, format!("{} {what}: {shown}", ids.len()));
    (!ids.is_empty()).then(|| reason().table("scim_group_member"))
}
