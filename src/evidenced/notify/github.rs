//! Issues of a GitHub repository, by its REST API (docs.github.com/rest/issues).
//!
//! A ticket is looked for in the listing, which knows an issue as soon as it is made; GitHub's search does not.

use super::send::{Parcel, Trouble, ask, refused, secret};
use super::tickets::{Stand, Ticket, Tracking};
use crate::settings::GithubIssues;
use egress::{Proxy, Reply};
use http::{HeaderName, Method};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::Url;

/// Issues or comments on a page.
const PAGE: usize = 100;

/// Pages of one listing.
const MOST_PAGES: usize = 100;

pub(super) struct Tracker {
    api_url: Url,
    repository: String,
    label: String,
    token: SecretString,
    proxy: Option<Proxy>,
}

impl Tracker {
    pub(super) fn new(settings: &GithubIssues, parcel: &Parcel) -> Result<Self, Trouble> {
        Ok(Self {
            api_url: settings.api_url.clone(),
            repository: settings.repository.clone(),
            label: settings.label.clone(),
            token: secret(&settings.token)?,
            proxy: parcel.proxy.clone(),
        })
    }

    /// Whether the repository is there, has issues, and knows the token.
    pub(super) async fn reach(&self) -> Result<String, Trouble> {
        let reply = self.ask(Method::GET, "", &[], &Value::Null).await?;
        let repository = read(&reply)?;
        if repository["has_issues"] == json!(false) {
            let help = "switch issues on in the repository's settings";
            return Err(Trouble::new(format!("{} has no issues", self.repository), help));
        }
        Ok(format!("{} is there and knows the token", self.repository))
    }

    async fn ask(&self, method: Method, path: &str, query: &[(&str, &str)], body: &Value) -> Result<Reply, Trouble> {
        let mut url = self.api_url.clone();
        url.set_path(&format!("{}/repos/{}{path}", url.path().trim_end_matches('/'), self.repository));
        url.query_pairs_mut().extend_pairs(query);
        if query.is_empty() {
            url.set_query(None);
        }
        let header = |name, value: String| (HeaderName::from_static(name), SecretString::from(value));
        let headers = vec![
            header("authorization", format!("Bearer {}", self.token.expose_secret())),
            header("accept", "application/vnd.github+json".to_owned()),
            header("x-github-api-version", "2022-11-28".to_owned()),
        ];
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        ask(method, url, headers, body, self.proxy.clone()).await
    }

    /// The first of a listing that `is_meant`.
    async fn first(
        &self,
        path: &str,
        query: &[(&str, &str)],
        is_meant: impl Fn(&Value) -> bool,
    ) -> Result<Option<Value>, Trouble> {
        for page in 1..=MOST_PAGES {
            let (size, page) = (PAGE.to_string(), page.to_string());
            let query = [query, &[("per_page", size.as_str()), ("page", page.as_str())]].concat();
            let answer = read(&self.ask(Method::GET, path, &query, &Value::Null).await?)?;
            let Value::Array(items) = answer else { return Err(odd()) };
            let count = items.len();
            if let Some(found) = items.into_iter().find(&is_meant) {
                return Ok(Some(found));
            }
            if count < PAGE {
                return Ok(None);
            }
        }
        // a ticket that was not seen may be there: none is made
        let help = "give evidenced's tickets a `label` of their own";
        Err(Trouble::new(format!("there are more than {} issues to look through", PAGE * MOST_PAGES), help))
    }
}

fn odd() -> Trouble {
    Trouble::new("its answer is not what GitHub's API gives", "look at `api_url`")
}

fn read(reply: &Reply) -> Result<Value, Trouble> {
    if !(200..300).contains(&reply.status) {
        return Err(refused(reply));
    }
    serde_json::from_slice(&reply.body).map_err(|_| odd())
}

/// A marker that nobody reads.
fn hidden(marker: &str) -> String {
    format!("<!-- {marker} -->")
}

/// Paragraphs, and nothing that Markdown or HTML would make of what is in them: no mention, no link, no picture.
fn markdown(text: &[String], marker: &str) -> String {
    let mut body = text.iter().map(|line| plain(line)).collect::<Vec<_>>().join("\n\n");
    body.push_str("\n\n");
    body.push_str(&hidden(marker));
    body
}

fn plain(line: &str) -> String {
    let mut plain = String::with_capacity(line.len());
    for c in line.chars() {
        match c {
            '@' | '#' => {
                plain.push(c);
                // it calls nobody and links nowhere
                plain.push('\u{200b}');
            }
            '<' => plain.push_str("&lt;"),
            '\\' | '*' | '[' | ']' | '!' | '|' => {
                plain.push('\\');
                plain.push(c);
            }
            c if c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}

fn is_issue(item: &Value, marker: &str) -> bool {
    item["pull_request"].is_null() && item["body"].as_str().is_some_and(|body| body.contains(&hidden(marker)))
}

impl Tracking for Tracker {
    async fn find(&self, marker: &str) -> Result<Option<String>, Trouble> {
        let query = [("labels", self.label.as_str()), ("state", "all")];
        let found = self.first("/issues", &query, |item| is_issue(item, marker)).await?;
        Ok(found.and_then(|issue| issue["number"].as_u64()).map(|number| number.to_string()))
    }

    async fn make(&self, ticket: &Ticket) -> Result<String, Trouble> {
        let body = markdown(&ticket.text, &ticket.marker);
        let body = json!({ "title": ticket.title, "body": body, "labels": [self.label] });
        let made = read(&self.ask(Method::POST, "/issues", &[], &body).await?)?;
        made["number"].as_u64().map(|number| number.to_string()).ok_or_else(odd)
    }

    async fn has_comment(&self, reference: &str, marker: &str) -> Result<bool, Trouble> {
        let is_meant = |item: &Value| item["body"].as_str().is_some_and(|body| body.contains(&hidden(marker)));
        Ok(self.first(&format!("/issues/{reference}/comments"), &[], is_meant).await?.is_some())
    }

    async fn comment(&self, reference: &str, text: &[String], marker: &str) -> Result<(), Trouble> {
        let body = json!({ "body": markdown(text, marker) });
        read(&self.ask(Method::POST, &format!("/issues/{reference}/comments"), &[], &body).await?).map(drop)
    }

    async fn stand(&self, reference: &str, stand: Stand) -> Result<(), Trouble> {
        let path = format!("/issues/{reference}");
        let issue = read(&self.ask(Method::GET, &path, &[], &Value::Null).await?)?;
        let (state, reason) = match stand {
            Stand::Open => ("open", "reopened"),
            Stand::Done => ("closed", "completed"),
            Stand::Dropped => ("closed", "not_planned"),
        };
        if issue["state"] == json!(state) {
            return Ok(());
        }
        let body = json!({ "state": state, "state_reason": reason });
        read(&self.ask(Method::PATCH, &path, &[], &body).await?).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_sent_calls_nobody_and_hides_nothing() {
        let text = markdown(&["@everyone see #1 <!-- evidenced-other --> ![x](http://x)".to_owned()], "m-1");
        assert!(!text.contains("@everyone") && !text.contains("#1") && !text.contains("![x]"), "{text}");
        assert_eq!(text.matches("<!--").count(), 1);
        assert!(text.ends_with("<!-- m-1 -->"));
    }
}
