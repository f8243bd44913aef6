//! Which operation of collector.toml a request is, by its path and query.

/// The operation's name; a request nobody declared gets a name that no allowlist has.
pub(super) fn operation_of(method: &str, path_and_query: &str) -> String {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let place = match segments.as_slice() {
        ["user"] => "/user",
        ["app", "installations", _] => "/app/installations/{installation_id}",
        ["users", _] => "/users/{username}",
        ["orgs", _] => "/orgs/{org}",
        ["orgs", _, "memberships", _] => "/orgs/{org}/memberships/{username}",
        ["orgs", _, "members"] => "/orgs/{org}/members",
        ["orgs", _, "outside_collaborators"] => "/orgs/{org}/outside_collaborators",
        ["orgs", _, "installations"] => "/orgs/{org}/installations",
        ["orgs", _, "credential-authorizations"] => "/orgs/{org}/credential-authorizations",
        ["orgs", _, "personal-access-tokens"] => "/orgs/{org}/personal-access-tokens",
        ["orgs", _, "invitations"] => "/orgs/{org}/invitations",
        ["orgs", _, "teams"] => "/orgs/{org}/teams",
        ["orgs", _, "teams", _, "members"] => "/orgs/{org}/teams/{team_slug}/members",
        _ => path,
    };
    // a listing of part of the members is an operation of its own; paging is not
    let part: Vec<&str> = query
        .split('&')
        .filter(|pair| (pair.starts_with("role=") && *pair != "role=all") || pair.starts_with("filter="))
        .collect();
    let mark = if part.is_empty() { "" } else { "?" };
    format!("{method} {place}{mark}{}", part.join("&"))
}

#[cfg(test)]
mod tests {
    use super::operation_of;

    #[test]
    fn a_request_has_the_name_collector_toml_gives_it() {
        let name = |path| operation_of("GET", path);
        assert_eq!(name("/user"), "GET /user");
        assert_eq!(name("/orgs/acme/members?role=all&per_page=100&page=2"), "GET /orgs/{org}/members");
        assert_eq!(name("/orgs/acme/members?per_page=100&role=admin"), "GET /orgs/{org}/members?role=admin");
        assert_eq!(
            name("/orgs/acme/members?filter=2fa_disabled&page=3"),
            "GET /orgs/{org}/members?filter=2fa_disabled"
        );
        assert_eq!(
            name("/orgs/acme/teams/ops/members?role=maintainer"),
            "GET /orgs/{org}/teams/{team_slug}/members?role=maintainer"
        );
        assert_eq!(operation_of("DELETE", "/orgs/acme/members/ada"), "DELETE /orgs/acme/members/ada");
    }
}
