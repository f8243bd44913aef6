//! Which operation of collector.toml a request is. GraphQL queries are named where they are asked.

/// The operation's name; a request nobody declared gets a name that no allowlist has.
pub(super) fn operation_of(method: &str, path_and_query: &str) -> String {
    let path = path_and_query.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let place = match segments.as_slice() {
        ["user"] => "/user",
        ["app", "installations", _] => "/app/installations/{installation_id}",
        ["orgs", _] => "/orgs/{org}",
        ["orgs", _, "memberships", _] => "/orgs/{org}/memberships/{username}",
        ["orgs", _, "repos"] => "/orgs/{org}/repos",
        ["orgs", _, "rulesets"] => "/orgs/{org}/rulesets",
        ["orgs", _, "rulesets", _] => "/orgs/{org}/rulesets/{ruleset_id}",
        ["repos", _, _, "activity"] => "/repos/{owner}/{repo}/activity",
        ["repos", _, _, "keys"] => "/repos/{owner}/{repo}/keys",
        ["repos", _, _, "branches", _] => "/repos/{owner}/{repo}/branches/{branch}",
        ["repos", _, _, "branches", _, "protection"] => "/repos/{owner}/{repo}/branches/{branch}/protection",
        ["repos", _, _, "rules", "branches", _] => "/repos/{owner}/{repo}/rules/branches/{branch}",
        _ => path,
    };
    format!("{method} {place}")
}

#[cfg(test)]
mod tests {
    use super::operation_of;
    use crate::github_repos::SPEC;

    #[test]
    fn every_path_that_is_asked_names_an_operation_that_is_declared() {
        for path in [
            "/user",
            "/app/installations/7",
            "/orgs/acme",
            "/orgs/acme/memberships/ada",
            "/orgs/acme/repos?type=all&per_page=100&page=2",
            "/orgs/acme/rulesets?per_page=100",
            "/orgs/acme/rulesets/9",
            "/repos/acme/shop/activity?ref=refs%2Fheads%2Fmain",
            "/repos/acme/shop/keys",
            "/repos/acme/shop/branches/release%2F1",
            "/repos/acme/shop/branches/release%2F1/protection",
            "/repos/acme/shop/rules/branches/main?per_page=100",
        ] {
            let operation = operation_of("GET", path);
            assert!(SPEC.operation(&operation).is_some(), "{path}: {operation}");
        }
        assert!(SPEC.operation(&operation_of("DELETE", "/repos/acme/shop/keys")).is_none());
        assert!(SPEC.operation(&operation_of("GET", "/repos/acme/shop/actions/secrets")).is_none());
    }
}
