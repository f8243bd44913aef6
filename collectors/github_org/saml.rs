//! SAML identities: as whom the organisation's identity provider knows each member.
//!
//! An organisation without a provider of its own has none, and is whole without them.

use super::Run;
use crate::provider::github_json::{reason, text};
use crate::provider::rows::{push, row};
use model::CollectError;
use serde_json::{Value, json};

const OPERATION: &str = "POST /graphql organization.samlIdentityProvider";
const IDENTITIES: &str = "query($org: String!, $after: String) {
  organization(login: $org) { samlIdentityProvider {
    externalIdentities(first: 100, after: $after) {
      totalCount
      pageInfo { hasNextPage endCursor }
      nodes { guid user { login } samlIdentity { nameId username } scimIdentity { username } }
    }
  } }
}";

/// Whether the organisation has a provider at all: its own, for that of an enterprise is not told here.
const PROVIDER: &str = "query($org: String!) { organization(login: $org) { samlIdentityProvider { id } } }";

impl Run {
    /// Reads them; whether the organisation has a provider, none when that could not be read.
    pub(super) async fn saml_identities(&mut self) -> Result<Option<bool>, CollectError> {
        let variables = json!({ "org": self.access.org });
        let provider = match self.github.graphql(OPERATION, PROVIDER, &variables).await {
            Ok(data) => data.get("organization").and_then(|org| org.get("samlIdentityProvider")).cloned(),
            Err(error) => {
                self.lost_saml(error)?;
                return Ok(None);
            }
        };
        match provider {
            Some(Value::Null) => return Ok(Some(false)),
            Some(Value::Object(_)) => {}
            _ => {
                self.lost_saml(crate::provider::github::malformed(OPERATION, "the answer names no organisation"))?;
                return Ok(None);
            }
        }
        let variables = json!({ "after": null, "org": self.access.org });
        let place = ["organization", "samlIdentityProvider", "externalIdentities"];
        let read = match self.github.connection(OPERATION, IDENTITIES, variables, &place, |_| false).await {
            Ok(read) => read,
            Err(error) => {
                let reason = reason(error)?.table("github_saml_identity");
                self.reasons.push(reason);
                return Ok(Some(true));
            }
        };
        if let Some(total) = read.total {
            self.count("github_saml_identity", read.nodes.len() as u64, total, "GraphQL externalIdentities.totalCount");
        }
        for identity in &read.nodes {
            let part = |name: &str, member: &str| identity.get(name).and_then(|one| text(one, member));
            let cells = json!({
                "guid": text(identity, "guid"),
                "login": part("user", "login"),
                "name_id": part("samlIdentity", "nameId"),
                "username": part("samlIdentity", "username"),
                "scim_username": part("scimIdentity", "username"),
            });
            push(&mut self.tables.saml, row(cells))?;
        }
        Ok(Some(true))
    }

    fn lost_saml(&mut self, error: CollectError) -> Result<(), CollectError> {
        let reason = reason(error)?;
        self.reasons.push(reason.clone().table("github_org").columns(&["has_saml"]));
        self.reasons.push(reason.table("github_saml_identity"));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn graphql_only_reads() {
        for query in [super::IDENTITIES, super::PROVIDER, crate::github_org::COUNT] {
            assert!(query.starts_with("query(") && !query.contains("mutation"), "{query}");
        }
    }
}
