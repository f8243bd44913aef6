//! What users, groups and roles are granted: the account's authorisation details, in pages of a thousand.

use super::policy::{Power, aws_managed_power, document, is_aws_managed, power};
use crate::provider::aws::{Page, call, list};
use aws_sdk_iam::Client;
use aws_sdk_iam::types::{
    AttachedPolicy, EntityType, GroupDetail, ManagedPolicyDetail, PolicyDetail, RoleDetail, UserDetail,
};
use model::CollectError;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

/// Entities in a page: the most IAM gives.
const PAGE_SIZE: i32 = 1000;

const OPERATION: &str = "iam:GetAccountAuthorizationDetails";

/// A policy somebody holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grant {
    /// ARN, or `inline:<name>`.
    pub policy: String,
    pub name: String,
    /// `aws_managed`, `customer_managed` or `inline`.
    pub kind: &'static str,
    /// Whether it makes an administrator, and how; none when its document was not seen.
    pub power: Power,
}

impl Grant {
    pub(super) fn is_administrator(&self) -> Option<bool> {
        is_administrator(&self.power)
    }

    /// Why it makes an administrator, where it does.
    pub(super) fn reason(&self) -> Option<String> {
        self.power.clone().flatten().map(|words| format!("{}: {words}", self.name))
    }
}

pub(super) fn is_administrator(power: &Power) -> Option<bool> {
    power.as_ref().map(Option::is_some)
}

/// Why some of them make an administrator: the first that does.
pub(super) fn reason(grants: &[Arc<Grant>]) -> Option<String> {
    grants.iter().find_map(|grant| grant.reason())
}

/// Of each whether it makes an administrator.
pub(super) fn administrators(grants: &[Arc<Grant>]) -> impl Iterator<Item = Option<bool>> {
    grants.iter().map(|grant| grant.is_administrator())
}

/// A group or role with what it is granted directly.
#[derive(Debug)]
pub(super) struct Granted<T> {
    pub detail: T,
    pub grants: Vec<Arc<Grant>>,
}

/// A user with what it is granted directly. There may be very many, so it is no more of the answer than rows are made of, and what
/// many share is there once.
#[derive(Debug, Default)]
pub(super) struct GrantedUser {
    pub user_id: Option<Box<str>>,
    /// Keys and values.
    pub tags: Box<[(Box<str>, Box<str>)]>,
    /// Names.
    pub groups: Box<[Arc<str>]>,
    /// The ARN of its permissions boundary.
    pub boundary: Option<Arc<str>>,
    pub grants: Box<[Arc<Grant>]>,
}

/// The account's authorisation details, by name.
#[derive(Debug, Default)]
pub(super) struct Details {
    pub users: BTreeMap<String, GrantedUser>,
    pub groups: BTreeMap<String, Granted<GroupDetail>>,
    pub roles: BTreeMap<String, Granted<RoleDetail>>,
    /// The customer's managed policies by ARN, and whether each makes an administrator.
    pub policies: BTreeMap<String, (ManagedPolicyDetail, Power)>,
    /// Whoever came more than once with different content.
    pub differing: BTreeSet<String>,
}

impl Details {
    /// Whether the user may do everything: by its own policies or by a group's. None when a policy could not be read
    /// and none of the others says yes.
    pub(super) fn is_administrator(&self, user: &GrantedUser) -> Option<bool> {
        let groups = user
            .groups
            .iter()
            .map(|group| self.groups.get(&**group).map_or(vec![None], |group| administrators(&group.grants).collect()));
        any(administrators(&user.grants).chain(groups.flatten()))
    }

    /// Why the user may do everything, where it may: its own policies first, then its groups'.
    pub(super) fn administrator_reason(&self, user: &GrantedUser) -> Option<String> {
        reason(&user.grants).or_else(|| {
            let mut names: Vec<&str> = user.groups.iter().map(|name| &**name).collect();
            names.sort_unstable();
            names.into_iter().find_map(|name| {
                Some(format!("group {name}: {}", self.groups.get(name).and_then(|group| reason(&group.grants))?))
            })
        })
    }
}

/// Whether any is true; none when none is and some are unknown.
pub(super) fn any(answers: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut none_unknown = true;
    for answer in answers {
        match answer {
            Some(true) => return Some(true),
            Some(false) => {}
            None => none_unknown = false,
        }
    }
    none_unknown.then_some(false)
}

/// Reads the details of every user, group, role and customer policy.
pub(super) async fn read(iam: &Client) -> Result<Details, CollectError> {
    let pages = list(OPERATION, |marker| async move {
        let (mut answer, content) = call(OPERATION, |guard| {
            iam.get_account_authorization_details()
                .filter(EntityType::User)
                .filter(EntityType::Group)
                .filter(EntityType::Role)
                .filter(EntityType::LocalManagedPolicy)
                .max_items(PAGE_SIZE)
                .set_marker(marker)
                .customize()
                .interceptor(guard)
                .send()
        })
        .await?;
        let page = Page { truncated: Some(answer.is_truncated), next: answer.marker.take(), items: vec![answer] };
        Ok((page, content))
    })
    .await
    .map_err(|failure| failure.error)?;

    let mut details = Details::default();
    let (mut users, mut groups, mut roles) = (Vec::new(), Vec::new(), Vec::new());
    for page in pages {
        // page by page: one list of all would be most of what is held
        users.push(page.user_detail_list.unwrap_or_default());
        groups.extend(page.group_detail_list.unwrap_or_default());
        roles.extend(page.role_detail_list.unwrap_or_default());
        for policy in page.policies.unwrap_or_default() {
            let arn = named(OPERATION, policy.arn())?;
            let administrator = default_document(&policy).and_then(|document| power(&document));
            keep(&mut details.policies, &mut details.differing, arn, (policy, administrator));
        }
    }
    let mut shared = Shared::default();
    let repeated = repeated(&users);
    // of those that come more than once, as the first of them is
    let mut first: BTreeMap<String, UserDetail> = BTreeMap::new();
    for user in users.into_iter().flatten() {
        let name = named(OPERATION, user.user_name())?;
        let grants = details.grants(user.attached_managed_policies(), user.user_policy_list(), &mut shared)?;
        match first.get(&name) {
            Some(earlier) if *earlier != user => _ = details.differing.insert(name),
            Some(_) => {}
            None => {
                let granted = GrantedUser::of(&user, grants, &mut shared);
                if repeated.contains(&name) {
                    first.insert(name.clone(), user);
                }
                details.users.insert(name, granted);
            }
        }
    }
    for group in groups {
        let name = named(OPERATION, group.group_name())?;
        let grants = details.grants(group.attached_managed_policies(), group.group_policy_list(), &mut shared)?;
        keep(&mut details.groups, &mut details.differing, name, Granted { detail: group, grants });
    }
    for role in roles {
        let name = named(OPERATION, role.role_name())?;
        let grants = details.grants(role.attached_managed_policies(), role.role_policy_list(), &mut shared)?;
        keep(&mut details.roles, &mut details.differing, name, Granted { detail: role, grants });
    }
    Ok(details)
}

/// Names that come more than once.
fn repeated(users: &[Vec<UserDetail>]) -> BTreeSet<String> {
    let mut seen = HashSet::new();
    users
        .iter()
        .flatten()
        .filter_map(UserDetail::user_name)
        .filter(|name| !seen.insert(*name))
        .map(str::to_owned)
        .collect()
}

/// What many are granted, each once.
#[derive(Default)]
struct Shared {
    /// By ARN and name.
    attached: BTreeMap<(String, String), Arc<Grant>>,
    texts: BTreeSet<Arc<str>>,
}

impl Shared {
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let text: Arc<str> = text.into();
        self.texts.insert(Arc::clone(&text));
        text
    }
}

impl GrantedUser {
    fn of(user: &UserDetail, grants: Vec<Arc<Grant>>, shared: &mut Shared) -> Self {
        let boundary = user.permissions_boundary().and_then(|boundary| boundary.permissions_boundary_arn());
        Self {
            user_id: user.user_id().map(Into::into),
            tags: user.tags().iter().map(|tag| (tag.key().into(), tag.value().into())).collect(),
            groups: user.group_list().iter().map(|group| shared.text(group)).collect(),
            boundary: boundary.map(|arn| shared.text(arn)),
            grants: grants.into(),
        }
    }
}

impl<T: PartialEq> PartialEq for Granted<T> {
    fn eq(&self, other: &Self) -> bool {
        self.detail == other.detail && self.grants == other.grants
    }
}

impl Details {
    fn grants(
        &self,
        attached: &[AttachedPolicy],
        inline: &[PolicyDetail],
        shared: &mut Shared,
    ) -> Result<Vec<Arc<Grant>>, CollectError> {
        let attached = attached.iter().map(|policy| {
            let arn = named(OPERATION, policy.policy_arn())?;
            let name = policy.policy_name().unwrap_or(&arn).to_owned();
            let key = (arn, name);
            if let Some(known) = shared.attached.get(&key) {
                return Ok(Arc::clone(known));
            }
            let (arn, name) = key.clone();
            let (kind, power) = if is_aws_managed(&arn) {
                ("aws_managed", Some(aws_managed_power(&arn)))
            } else {
                ("customer_managed", self.policies.get(&arn).and_then(|(_, power)| power.clone()))
            };
            let grant = Arc::new(Grant { policy: arn, name, kind, power });
            shared.attached.insert(key, Arc::clone(&grant));
            Ok(grant)
        });
        let inline = inline.iter().map(|policy| {
            let name = named(OPERATION, policy.policy_name())?;
            let power = policy.policy_document().and_then(document).and_then(|document| power(&document));
            Ok(Arc::new(Grant { policy: format!("inline:{name}"), name, kind: "inline", power }))
        });
        attached.chain(inline).collect()
    }
}

/// The document of the version in force.
fn default_document(policy: &ManagedPolicyDetail) -> Option<Value> {
    let default = policy.policy_version_list().iter().find(|version| version.is_default_version())?;
    document(default.document()?)
}

fn named(operation: &str, name: Option<&str>) -> Result<String, CollectError> {
    name.filter(|name| !name.is_empty()).map(str::to_owned).ok_or_else(|| CollectError::Malformed {
        operation: operation.to_owned(),
        message: "a user, group, role or policy without a name".to_owned(),
    })
}

fn keep<T: PartialEq>(kept: &mut BTreeMap<String, T>, differing: &mut BTreeSet<String>, name: String, value: T) {
    match kept.get(&name) {
        Some(earlier) if *earlier != value => {
            differing.insert(name);
        }
        Some(_) => {}
        None => {
            kept.insert(name, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::any;

    #[test]
    fn one_yes_decides_and_one_unknown_forbids_a_no() {
        assert_eq!(any([Some(false), None, Some(true)]), Some(true));
        assert_eq!(any([Some(false), None]), None);
        assert_eq!(any([Some(false), Some(false)]), Some(false));
        assert_eq!(any([]), Some(false));
    }
}
