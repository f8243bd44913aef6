//! Sign-on, enrolment and password policies with their rules, as Okta writes them.

use crate::provider::json::Object;
use crate::provider::run::Run;
use model::CollectError;
use serde_json::json;

const POLICIES: &str = "GET /api/v1/policies";
const RULES: &str = "GET /api/v1/policies/{policyId}/rules";

/// Types every organisation has, whichever engine it runs on.
/// <https://developer.okta.com/docs/api/openapi/okta-management/management/tag/Policy/>
const TYPES: &[&str] = &["OKTA_SIGN_ON", "MFA_ENROLL", "PASSWORD"];

pub(super) async fn read(run: &mut Run) -> Result<(), CollectError> {
    let mut asked = Vec::new();
    for kind in TYPES {
        let policies = match run.listing(POLICIES, run.url(&["policies"], &[("type", kind)])?).await {
            Ok(policies) => policies,
            Err(error) => {
                run.unseen(error, &["okta_policy", "okta_policy_rule"])?;
                continue;
            }
        };
        for policy in &policies {
            let policy = Object::of(POLICIES, policy)?;
            let id = policy.needed("id")?.to_owned();
            run.push(
                "okta_policy",
                json!({
                    "id": id,
                    "type": policy.needed("type")?,
                    "name": policy.needed("name")?,
                    "status": policy.text("status")?,
                    "priority": policy.integer("priority")?,
                    "system": policy.boolean("system")?,
                    "conditions": policy.member("conditions"),
                    "settings": policy.member("settings"),
                    "created_at": policy.instant("created")?,
                    "last_updated_at": policy.instant("lastUpdated")?,
                }),
            )?;
            let rules = run.url(&["policies", &id, "rules"], &[])?;
            asked.push((id, rules));
        }
    }

    for (policy, rules) in run.listing_of_each(RULES, "the rules", &[("okta_policy_rule", &[])], &asked).await? {
        for rule in &rules {
            let rule = Object::of(RULES, rule)?;
            run.push(
                "okta_policy_rule",
                json!({
                    "policy_id": policy,
                    "id": rule.needed("id")?,
                    "name": rule.text("name")?,
                    "status": rule.text("status")?,
                    "priority": rule.integer("priority")?,
                    "system": rule.boolean("system")?,
                    "conditions": rule.member("conditions"),
                    "actions": rule.member("actions"),
                    "created_at": rule.instant("created")?,
                    "last_updated_at": rule.instant("lastUpdated")?,
                }),
            )?;
        }
    }
    Ok(())
}
