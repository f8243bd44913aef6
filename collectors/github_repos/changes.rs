//! A merged pull request: who wrote it, who approved it before it was merged, and whether an approver had no part in it.
//!
//! Whom GitHub does not name - a deleted account, a commit whose address belongs to no account - is counted as unknown,
//! never taken for somebody else.

use crate::provider::github::malformed;
use crate::provider::github_json::{instant, text};
use model::{CollectError, Timestamp};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Reviews and commits of a pull request, read to their ends.
pub(super) struct Parts {
    pub(super) reviews: Vec<Value>,
    pub(super) commits: Vec<Value>,
    /// How many commits GitHub says there are.
    pub(super) declared_commits: Option<u64>,
}

/// When `node` was merged.
pub(super) fn merged_at(operation: &str, node: &Value) -> Result<Timestamp, CollectError> {
    let merged = node.get("mergedAt").and_then(Value::as_str).and_then(|text| text.parse().ok());
    merged.ok_or_else(|| malformed(operation, "a merged pull request without the time of its merge"))
}

/// When `node` was last updated.
pub(super) fn updated_at(node: &Value) -> Option<Timestamp> {
    node.get("updatedAt")?.as_str()?.parse().ok()
}

/// The row of a pull request. `parts` is none where its reviews or commits could not be read.
pub(super) fn row(
    operation: &str,
    repository: &str,
    node: &Value,
    parts: Option<&Parts>,
) -> Result<Value, CollectError> {
    let number = node.get("number").and_then(Value::as_i64);
    let number = number.ok_or_else(|| malformed(operation, "a pull request without a number"))?;
    let merged = merged_at(operation, node)?;
    let base = text(node, "baseRefName").ok_or_else(|| malformed(operation, "a pull request without a base"))?;
    let author = actor(node, "author");
    let who_merged = actor(node, "mergedBy");
    let mut cells = json!({
        "repository": repository,
        "number": number,
        "title": text(node, "title"),
        "base": base,
        "author": author.as_ref().map(|(login, _)| login),
        "author_kind": author.as_ref().map(|(_, kind)| kind),
        "merged_by": who_merged.as_ref().map(|(login, _)| login),
        "merged_by_kind": who_merged.as_ref().map(|(_, kind)| kind),
        "created_at": instant(node, "createdAt"),
        "merged_at": model::time::seconds_text(merged),
        "merge_commit": node.get("mergeCommit").and_then(|commit| text(commit, "oid")),
        "head_commit": text(node, "headRefOid"),
    });
    let Some(parts) = parts else { return Ok(cells) };
    let contributors = contributors(operation, &parts.commits)?;
    let approvals = approvals(operation, &parts.reviews, merged)?;
    let unknown = contributors.unknown + usize::from(author.is_none());
    let own: BTreeSet<&str> =
        contributors.logins.iter().map(String::as_str).chain(author.iter().map(|(login, _)| login.as_str())).collect();
    cells["contributors"] = json!(contributors.logins);
    cells["contributors_unknown"] = json!(contributors.unknown);
    cells["commits"] = json!(parts.commits.len());
    cells["approvals"] = json!(approvals);
    cells["independent_approval"] = json!(independent(&approvals, &own, unknown));
    Ok(cells)
}

/// Login and kind of an actor: `User`, `Bot`, `Mannequin`, …
fn actor(node: &Value, name: &str) -> Option<(String, String)> {
    let actor = node.get(name)?;
    Some((text(actor, "login")?, text(actor, "__typename").unwrap_or_default()))
}

struct Contributors {
    logins: BTreeSet<String>,
    unknown: usize,
}

/// Everybody who wrote or committed one of the commits, by the trailer `Co-authored-by` too.
fn contributors(operation: &str, commits: &[Value]) -> Result<Contributors, CollectError> {
    let mut found = Contributors { logins: BTreeSet::new(), unknown: 0 };
    for commit in commits {
        let commit = commit.get("commit").filter(|commit| commit.is_object());
        let commit = commit.ok_or_else(|| malformed(operation, "a commit of a pull request is not there"))?;
        let authors = commit.get("authors");
        let Some(Value::Array(named)) = authors.and_then(|authors| authors.get("nodes")) else {
            return Err(malformed(operation, "a commit without authors"));
        };
        let declared = authors.and_then(|authors| authors.get("totalCount")).and_then(Value::as_u64);
        if declared.is_some_and(|declared| declared > named.len() as u64) || named.is_empty() {
            found.unknown += 1;
        }
        // made in the browser, a commit's committer is GitHub itself
        let is_via_web = commit.get("committedViaWeb").and_then(Value::as_bool).unwrap_or(false);
        let committer = commit.get("committer").filter(|_| !is_via_web);
        for person in named.iter().chain(committer) {
            match person.get("user").and_then(|user| text(user, "login")) {
                Some(login) => drop(found.logins.insert(login)),
                None => found.unknown += 1,
            }
        }
    }
    Ok(found)
}

/// Who approved, as it stood when the change was merged: each reviewer's last word before that.
fn approvals(operation: &str, reviews: &[Value], merged: Timestamp) -> Result<Vec<Value>, CollectError> {
    let mut last: BTreeMap<String, (Timestamp, &Value)> = BTreeMap::new();
    let mut nameless = 0;
    for review in reviews {
        let submitted = review.get("submittedAt").and_then(Value::as_str).and_then(|text| text.parse().ok());
        let submitted: Timestamp =
            submitted.ok_or_else(|| malformed(operation, "a review without the time it was submitted"))?;
        if submitted > merged {
            continue;
        }
        let login = if let Some((login, _)) = actor(review, "author") {
            login
        } else {
            // a reviewer whose account is gone
            nameless += 1;
            format!("\u{0}{nameless}")
        };
        let entry = last.entry(login).or_insert((submitted, review));
        if submitted >= entry.0 {
            *entry = (submitted, review);
        }
    }
    let approved = last.into_values().filter(|(_, review)| text(review, "state").as_deref() == Some("APPROVED"));
    Ok(approved
        .map(|(submitted, review)| {
            let author = actor(review, "author");
            json!({
                "login": author.as_ref().map(|(login, _)| login),
                "kind": author.as_ref().map(|(_, kind)| kind),
                "may_push": review.get("authorCanPushToRepository").and_then(Value::as_bool),
                "at": model::time::seconds_text(submitted),
                "commit": review.get("commit").and_then(|commit| text(commit, "oid")),
            })
        })
        .collect())
}

/// Whether a person with write access, who wrote and committed none of it, approved. None where that cannot be said:
/// somebody who had a part in it, or who approved, is not named, or the approver has no write access (any more).
fn independent(approvals: &[Value], own: &BTreeSet<&str>, unknown: usize) -> Option<bool> {
    let mut cannot_say = false;
    for approval in approvals {
        let member = |name: &str| approval.get(name).and_then(Value::as_str);
        if matches!(member("kind"), Some(kind) if kind != "User") {
            continue;
        }
        match member("login") {
            Some(login) if own.contains(login) => {}
            Some(_) if unknown == 0 && approval.get("may_push") == Some(&Value::Bool(true)) => return Some(true),
            _ => cannot_say = true,
        }
    }
    if cannot_say { None } else { Some(false) }
}

#[cfg(test)]
mod tests {
    use super::{Parts, row};
    use serde_json::{Value, json};

    fn commit(author: &str) -> Value {
        json!({ "commit": {
            "committedViaWeb": false,
            "committer": { "user": { "login": author } },
            "authors": { "totalCount": 1, "nodes": [{ "user": { "login": author } }] },
        } })
    }

    fn review(login: &str, state: &str, at: &str) -> Value {
        json!({ "state": state, "submittedAt": at, "authorCanPushToRepository": true,
                "author": { "__typename": "User", "login": login } })
    }

    fn judged(commits: Vec<Value>, reviews: Vec<Value>) -> Value {
        let node = json!({
            "number": 1, "baseRefName": "main", "mergedAt": "2026-01-02T00:00:00Z",
            "author": { "__typename": "User", "login": "ada" },
        });
        let parts = Parts { reviews, commits, declared_commits: None };
        row("op", "shop", &node, Some(&parts)).unwrap()["independent_approval"].clone()
    }

    const BEFORE: &str = "2026-01-01T00:00:00Z";

    #[test]
    fn an_approver_is_independent_who_wrote_none_of_it() {
        assert_eq!(judged(vec![commit("ada")], vec![review("grace", "APPROVED", BEFORE)]), json!(true));
        assert_eq!(judged(vec![commit("ada")], vec![review("ada", "APPROVED", BEFORE)]), json!(false));
        assert_eq!(
            judged(vec![commit("ada"), commit("grace")], vec![review("grace", "APPROVED", BEFORE)]),
            json!(false),
            "who committed to it does not approve it"
        );
        assert_eq!(judged(vec![commit("ada")], vec![]), json!(false));
    }

    #[test]
    fn the_last_word_before_the_merge_counts() {
        let at = |hour: u32| format!("2026-01-01T{hour:02}:00:00Z");
        let of = |reviews| judged(vec![commit("ada")], reviews);
        let approved = review("grace", "APPROVED", &at(1));
        assert_eq!(of(vec![approved.clone(), review("grace", "CHANGES_REQUESTED", &at(2))]), json!(false));
        assert_eq!(of(vec![review("grace", "CHANGES_REQUESTED", &at(0)), approved.clone()]), json!(true));
        assert_eq!(of(vec![approved, review("grace", "CHANGES_REQUESTED", "2026-01-02T00:00:01Z")]), json!(true));
        assert_eq!(of(vec![review("grace", "APPROVED", "2026-01-02T00:00:00Z")]), json!(true), "at the same second");
        assert_eq!(of(vec![review("grace", "APPROVED", "2026-01-02T00:00:01Z")]), json!(false), "after the merge");
        assert_eq!(of(vec![review("grace", "DISMISSED", &at(1))]), json!(false));
    }

    #[test]
    fn who_is_not_named_makes_it_unknown_and_a_robot_never_approves() {
        let mut nameless = commit("ada");
        nameless["commit"]["authors"]["nodes"][0]["user"] = Value::Null;
        let approved = review("grace", "APPROVED", BEFORE);
        assert_eq!(judged(vec![nameless.clone()], vec![approved.clone()]), Value::Null);
        assert_eq!(judged(vec![nameless], vec![]), json!(false), "nobody approved, whoever wrote it");
        let mut gone = approved.clone();
        gone["author"] = Value::Null;
        assert_eq!(judged(vec![commit("ada")], vec![gone.clone()]), Value::Null);
        assert_eq!(judged(vec![commit("ada")], vec![gone, approved.clone()]), json!(true));
        let mut reader = approved.clone();
        reader["authorCanPushToRepository"] = json!(false);
        assert_eq!(judged(vec![commit("ada")], vec![reader]), Value::Null);
        let mut robot = approved;
        robot["author"]["__typename"] = json!("Bot");
        assert_eq!(judged(vec![commit("ada")], vec![robot]), json!(false));
    }

    #[test]
    fn in_the_browser_github_is_the_committer_and_not_a_stranger() {
        let mut web = commit("ada");
        web["commit"]["committedViaWeb"] = json!(true);
        web["commit"]["committer"]["user"] = Value::Null;
        assert_eq!(judged(vec![web.clone()], vec![review("grace", "APPROVED", BEFORE)]), json!(true));
        web["commit"]["authors"]["totalCount"] = json!(11);
        assert_eq!(
            judged(vec![web], vec![review("grace", "APPROVED", BEFORE)]),
            Value::Null,
            "more authors than named"
        );
    }
}
