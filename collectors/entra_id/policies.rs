//! Security defaults and conditional access, and of whom a policy requires a second factor whatever they do.

use crate::provider::json::{Object, malformed};
use crate::provider::run::Run;
use model::CollectError;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const DEFAULTS: &str = "GET /policies/identitySecurityDefaultsEnforcementPolicy";
const POLICIES: &str = "GET /identity/conditionalAccess/policies";

/// Of whom a second factor is required at every sign-in: for each policy that does so, whom it leaves out.
#[derive(Default)]
pub(super) struct Required(Vec<BTreeSet<String>>);

impl Required {
    /// True, or nothing: that no policy requires it of somebody does not follow from what is read here.
    pub(super) fn of(&self, user: &str) -> Option<bool> {
        self.0.iter().any(|left_out| !left_out.contains(user)).then_some(true)
    }
}

pub(super) async fn read(run: &mut Run) -> Result<Required, CollectError> {
    if let Err(error) = defaults(run).await {
        run.unseen(error, &["entra_setting"])?;
    }
    let policies = match run.listing(POLICIES, run.url(&["identity", "conditionalAccess", "policies"], &[])?).await {
        Ok(policies) => policies,
        Err(error) => {
            run.unfed(error, &[("entra_policy", &[]), ("entra_user", &["mfa_required"])])?;
            return Ok(Required::default());
        }
    };
    let mut required = Required::default();
    for policy in &policies {
        required.0.extend(left_out(policy));
        let policy = Object::of(POLICIES, policy)?;
        run.push(
            "entra_policy",
            json!({
                "id": policy.needed("id")?,
                "display_name": policy.text("displayName")?,
                "state": policy.needed("state")?,
                "conditions": policy.member("conditions"),
                "grant_controls": policy.member("grantControls"),
                "session_controls": policy.member("sessionControls"),
                "created_at": policy.instant("createdDateTime")?,
                "modified_at": policy.instant("modifiedDateTime")?,
            }),
        )?;
    }
    Ok(required)
}

/// Security defaults ask for a second factor when Microsoft thinks it necessary: that is no enforcement, and it is told.
async fn defaults(run: &mut Run) -> Result<(), CollectError> {
    let url = run.url(&["policies", "identitySecurityDefaultsEnforcementPolicy"], &[])?;
    let policy = run.rest.object(DEFAULTS, &url).await?;
    let enabled = Object::of(DEFAULTS, &policy)?.boolean("isEnabled")?;
    let enabled = enabled.ok_or_else(|| malformed(DEFAULTS, "the answer has no `isEnabled`"))?;
    run.push("entra_setting", json!({ "name": "security_defaults_enabled", "value": enabled.to_string() }))
}

/// The users, by id, whom a policy that requires a second factor of everybody else leaves out. None where it may be got
/// around: another state, application, client, place, device or risk, or another control beside it.
/// <https://learn.microsoft.com/en-us/graph/api/resources/conditionalaccessconditionset>
fn left_out(policy: &Value) -> Option<BTreeSet<String>> {
    let is = |value: &Value, only: &str| value.as_array().is_some_and(|list| list.as_slice() == [json!(only)]);
    let says_nothing = |value: &Value| match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    // what is not known by name must not say anything
    let only = |object: &Value, known: &[&str]| {
        object.as_object().is_some_and(|members| {
            members
                .iter()
                .all(|(name, value)| known.contains(&name.as_str()) || name.starts_with('@') || says_nothing(value))
        })
    };
    let (conditions, grant) = (&policy["conditions"], &policy["grantControls"]);
    let (users, applications) = (&conditions["users"], &conditions["applications"]);
    let controls = grant["builtInControls"].as_array().map_or(&[][..], Vec::as_slice);
    let all_needed = grant["operator"] == "AND" || controls.len() == 1;
    let holds = policy["state"] == "enabled"
        && only(conditions, &["users", "applications", "clientAppTypes"])
        && is(&conditions["clientAppTypes"], "all")
        && only(applications, &["includeApplications"])
        && is(&applications["includeApplications"], "All")
        && only(users, &["includeUsers", "excludeUsers"])
        && is(&users["includeUsers"], "All")
        && only(grant, &["operator", "builtInControls"])
        && controls.contains(&json!("mfa"))
        && all_needed;
    if !holds {
        return None;
    }
    let excluded = users["excludeUsers"].as_array().map_or(&[][..], Vec::as_slice);
    let ids: Vec<&str> = excluded.iter().filter_map(Value::as_str).collect();
    // `GuestsOrExternalUsers` stands for many
    let all_ids = ids.len() == excluded.len() && ids.iter().all(|id| id.contains('-'));
    all_ids.then(|| ids.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everybody() -> Value {
        json!({
            "state": "enabled",
            "conditions": {
                "clientAppTypes": ["all"], "signInRiskLevels": [], "locations": null, "platforms": null,
                "applications": { "includeApplications": ["All"], "excludeApplications": [], "applicationFilter": null },
                "users": { "includeUsers": ["All"], "excludeUsers": ["0-1"], "excludeGroups": [], "excludeRoles": [] },
            },
            "grantControls": { "operator": "OR", "builtInControls": ["mfa"], "termsOfUse": [], "authenticationStrength": null },
        })
    }

    #[test]
    fn a_policy_for_everybody_and_everything_requires_a_second_factor_of_all_but_those_it_names() {
        assert_eq!(left_out(&everybody()), Some(BTreeSet::from(["0-1".to_owned()])));
        let required = Required(vec![left_out(&everybody()).unwrap()]);
        assert_eq!((required.of("0-2"), required.of("0-1")), (Some(true), None));
    }

    #[test]
    fn a_policy_that_can_be_got_around_requires_nothing() {
        let ways = [
            ("/state", json!("enabledForReportingButNotEnforced")),
            ("/conditions/clientAppTypes", json!(["browser"])),
            ("/conditions/signInRiskLevels", json!(["high"])),
            ("/conditions/locations", json!({ "includeLocations": ["All"], "excludeLocations": ["AllTrusted"] })),
            ("/conditions/platforms", json!({ "includePlatforms": ["android"] })),
            ("/conditions/applications/excludeApplications", json!(["00000002-0000-0ff1-ce00-000000000000"])),
            ("/conditions/applications/includeApplications", json!(["Office365"])),
            ("/conditions/users/includeUsers", json!(["GuestsOrExternalUsers"])),
            ("/conditions/users/excludeUsers", json!(["GuestsOrExternalUsers"])),
            ("/conditions/users/excludeGroups", json!(["0-9"])),
            ("/conditions/users/excludeRoles", json!(["0-9"])),
            ("/grantControls/builtInControls", json!(["mfa", "compliantDevice"])),
            ("/grantControls/builtInControls", json!(["compliantDevice"])),
            ("/grantControls/termsOfUse", json!(["0-9"])),
            ("/grantControls", Value::Null),
        ];
        for (place, value) in ways {
            let mut policy = everybody();
            *policy.pointer_mut(place).unwrap() = value;
            assert_eq!(left_out(&policy), None, "{place}");
        }
        let mut policy = everybody();
        policy["conditions"]["brandNew"] = json!({ "include": ["x"] });
        assert_eq!(left_out(&policy), None);
    }
}
