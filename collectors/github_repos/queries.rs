//! The GraphQL queries: text that can only read, judged against GitHub's published schema by a test of its own.

/// How many repositories the organisation owns.
pub(super) const COUNT_OPERATION: &str = "POST /graphql organization.repositories";
pub(super) const COUNT: &str = "query($org: String!) {
  organization(login: $org) { repositories(ownerAffiliations: [OWNER]) { totalCount } }
}";

/// Merged pull requests of one repository, the last updated first, and whether it has vulnerability alerts.
pub(super) const CHANGES_OPERATION: &str = "POST /graphql repository.pullRequests";
pub(super) const CHANGES: &str = "query($owner: String!, $name: String!, $after: String) {
  repository(owner: $owner, name: $name) {
    hasVulnerabilityAlertsEnabled
    pullRequests(states: [MERGED], orderBy: {field: UPDATED_AT, direction: DESC}, first: 50, after: $after) {
      pageInfo { hasNextPage endCursor }
      nodes {
        number title createdAt updatedAt mergedAt baseRefName headRefOid
        author { __typename login }
        mergedBy { __typename login }
        mergeCommit { oid }
        reviews(first: 100, states: [APPROVED, CHANGES_REQUESTED, DISMISSED]) {
          pageInfo { hasNextPage endCursor }
          nodes { state submittedAt authorCanPushToRepository author { __typename login } commit { oid } }
        }
        commits(first: 50) {
          pageInfo { hasNextPage endCursor }
          totalCount
          nodes { commit { committedViaWeb committer { user { login } } authors(first: 10) { totalCount nodes { user { login } } } } }
        }
      }
    }
  }
}";

/// Further reviews of one pull request.
pub(super) const REVIEWS_OPERATION: &str = "POST /graphql pullRequest.reviews";
pub(super) const REVIEWS: &str = "query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) {
    reviews(first: 100, after: $after, states: [APPROVED, CHANGES_REQUESTED, DISMISSED]) {
      pageInfo { hasNextPage endCursor }
      nodes { state submittedAt authorCanPushToRepository author { __typename login } commit { oid } }
    }
  } }
}";

/// Further commits of one pull request.
pub(super) const COMMITS_OPERATION: &str = "POST /graphql pullRequest.commits";
pub(super) const COMMITS: &str = "query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) { pullRequest(number: $number) {
    commits(first: 100, after: $after) {
      pageInfo { hasNextPage endCursor }
      totalCount
      nodes { commit { committedViaWeb committer { user { login } } authors(first: 10) { totalCount nodes { user { login } } } } }
    }
  } }
}";

/// How many pull requests were merged in the organisation within a stretch of time, as GitHub's search counts them.
pub(super) const MERGED_OPERATION: &str = "POST /graphql search";
pub(super) const MERGED: &str =
    "query($query: String!) { search(query: $query, type: ISSUE, first: 1) { issueCount } }";

#[cfg(test)]
mod tests {
    use super::{CHANGES, COMMITS, COUNT, MERGED, REVIEWS};

    #[test]
    fn graphql_only_reads() {
        for query in [COUNT, CHANGES, REVIEWS, COMMITS, MERGED] {
            assert!(query.starts_with("query(") && !query.contains("mutation"), "{query}");
        }
    }
}
