//! Sign-on, enrolment and password policies with their rules, as Okta writes them.

use super::{Run, listing, listings};
use crate::provider::json::Object;
use crate::provider::rest::{each, reason_of_members};
use model::CollectError;
use serde_json::json;

const POLICIES: &str = "GET /api/v1/policies";
const RULES: &str = "GET /api/v1/policies/{policyId}/rules";

/// Types every organisation has, whichever engine it runs on.
/// <https://developer.okta.com/docs/api/openapi/okta-management/management/tag/Policy/>
const TYPES: &[&str] = &["OKTA_SIGN_ON", "MFA_ENROLL", "PASSWORD"];

pub(super) async fn read(run: &mut Run) -> Result<(), CollectError> {
    let (mut asked, mut urls) = (Vec::new(), Vec::new());
    for kind in TYPES {
        let policies = match listing(&run.rest, POLICIES, run.url(&["policies"], &[("type", kind)])?).await {
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
            urls.push(run.url(&["policies", &id, "rules"], &[])?);
            asked.push(id);
        }
    }

    let answers = each(listings(&run.rest, RULES, &urls)).await?;
    let failed = asked.iter().zip(&answers).filter_map(|(id, answer)| Some((id.as_str(), answer.as_ref().err()?)));
    let unread = reason_of_members("the rules", failed)?;
    run.reasons.extend(unread.map(|reason| reason.table("okta_policy_rule")));
    for (policy, answer) in asked.iter().zip(&answers) {
        for rule in answer.iter().flatten() {
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
