//! Issues of a Jira project, by its REST API version 3 (developer.atlassian.com/cloud/jira/platform/rest/v3).
//!
//! A ticket is found by a label of its own. Jira's search learns of a new issue some seconds late; a message is tried again later
//! than that, but for a stop of this program within those seconds.

use super::send::{Parcel, Trouble, ask, refused, secret};
use super::tickets::{Stand, Ticket, Tracking};
use crate::settings::Jira;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use egress::{Proxy, Reply};
use http::{HeaderName, Method};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use url::Url;

/// Comments on a page.
const PAGE: usize = 100;

/// A summary has no more characters.
const LONGEST_SUMMARY: usize = 255;

pub(super) struct Tracker {
    api_url: Url,
    project: String,
    issue_type: String,
    label: String,
    authorization: SecretString,
    proxy: Option<Proxy>,
}

impl Tracker {
    pub(super) fn new(settings: &Jira, parcel: &Parcel) -> Result<Self, Trouble> {
        let token = secret(&settings.token)?;
        let authorization = match &settings.username {
            Some(user) => format!("Basic {}", STANDARD.encode(format!("{user}:{}", token.expose_secret()))),
            None => format!("Bearer {}", token.expose_secret()),
        };
        Ok(Self {
            api_url: settings.api_url.clone(),
            project: settings.project.clone(),
            issue_type: settings.issue_type.clone(),
            label: settings.label.clone(),
            authorization: SecretString::from(authorization),
            proxy: parcel.proxy.clone(),
        })
    }

    /// Whether the project is there and knows the token.
    pub(super) async fn reach(&self) -> Result<String, Trouble> {
        read(&self.ask(Method::GET, &format!("project/{}", self.project), &[], &Value::Null).await?)?;
        Ok(format!("project {} is there and knows the token", self.project))
    }

    async fn ask(&self, method: Method, path: &str, query: &[(&str, &str)], body: &Value) -> Result<Reply, Trouble> {
        let mut url = self.api_url.clone();
        url.set_path(&format!("{}/rest/api/3/{path}", url.path().trim_end_matches('/')));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let headers = vec![
            (HeaderName::from_static("authorization"), self.authorization.clone()),
            (HeaderName::from_static("accept"), SecretString::from("application/json")),
        ];
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        ask(method, url, headers, body, self.proxy.clone()).await
    }
}

fn odd() -> Trouble {
    Trouble::new("its answer is not what Jira's API gives", "look at `api_url`")
}

fn read(reply: &Reply) -> Result<Value, Trouble> {
    if !(200..300).contains(&reply.status) {
        return Err(refused(reply));
    }
    if reply.body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&reply.body).map_err(|_| odd())
}

/// Paragraphs in Atlassian's document format, which knows no markup within a text.
fn document(text: &[String]) -> Value {
    let paragraphs: Vec<Value> = text
        .iter()
        .filter(|line| !line.is_empty())
        .map(|line| json!({ "type": "paragraph", "content": [{ "type": "text", "text": line }] }))
        .collect();
    json!({ "type": "doc", "version": 1, "content": paragraphs })
}

/// Whether a text of the document holds `marker`.
fn holds(node: &Value, marker: &str) -> bool {
    node["text"].as_str().is_some_and(|text| text.contains(marker))
        || node["content"].as_array().is_some_and(|content| content.iter().any(|inner| holds(inner, marker)))
}

impl Tracking for Tracker {
    async fn find(&self, marker: &str) -> Result<Option<String>, Trouble> {
        let jql = format!("project = \"{}\" AND labels = \"{marker}\" ORDER BY created ASC", self.project);
        let query = [("jql", jql.as_str()), ("fields", "labels"), ("maxResults", "2")];
        let found = read(&self.ask(Method::GET, "search/jql", &query, &Value::Null).await?)?;
        let issues = found["issues"].as_array().ok_or_else(odd)?;
        Ok(issues.first().and_then(|issue| issue["key"].as_str()).map(str::to_owned))
    }

    async fn make(&self, ticket: &Ticket) -> Result<String, Trouble> {
        let summary: String = ticket.title.chars().take(LONGEST_SUMMARY).collect();
        let body = json!({ "fields": {
            "project": { "key": self.project },
            "issuetype": { "name": self.issue_type },
            "summary": summary,
            "description": document(&ticket.text),
            "labels": [self.label, ticket.marker],
        }});
        let made = read(&self.ask(Method::POST, "issue", &[], &body).await?)?;
        made["key"].as_str().map(str::to_owned).ok_or_else(odd)
    }

    async fn has_comment(&self, reference: &str, marker: &str) -> Result<bool, Trouble> {
        // the newest: it was said a moment ago, if it was
        let size = PAGE.to_string();
        let query = [("orderBy", "-created"), ("maxResults", size.as_str())];
        let answer = self.ask(Method::GET, &format!("issue/{reference}/comment"), &query, &Value::Null).await?;
        let comments = read(&answer)?;
        let comments = comments["comments"].as_array().ok_or_else(odd)?;
        Ok(comments.iter().any(|comment| holds(&comment["body"], marker)))
    }

    async fn comment(&self, reference: &str, text: &[String], marker: &str) -> Result<(), Trouble> {
        let text = [text, &[marker.to_owned()]].concat();
        let body = json!({ "body": document(&text) });
        read(&self.ask(Method::POST, &format!("issue/{reference}/comment"), &[], &body).await?).map(drop)
    }

    async fn stand(&self, reference: &str, stand: Stand) -> Result<(), Trouble> {
        let path = format!("issue/{reference}");
        let issue = read(&self.ask(Method::GET, &path, &[("fields", "status")], &Value::Null).await?)?;
        let is_done = issue["fields"]["status"]["statusCategory"]["key"] == json!("done");
        if is_done == (stand != Stand::Open) {
            return Ok(());
        }
        let path = format!("{path}/transitions");
        let known = read(&self.ask(Method::GET, &path, &[], &Value::Null).await?)?;
        let leads = |transition: &&Value| (transition["to"]["statusCategory"]["key"] == json!("done")) != is_done;
        let transition = known["transitions"].as_array().and_then(|all| all.iter().find(leads));
        let Some(id) = transition.and_then(|transition| transition["id"].as_str()) else {
            let to = if is_done { "back to work" } else { "to an end" };
            return Err(Trouble::new(
                format!("no transition leads {reference} {to}"),
                "let the project's workflow have one for whoever's token this is, without required fields",
            ));
        };
        let body = json!({ "transition": { "id": id } });
        read(&self.ask(Method::POST, &path, &[], &body).await?).map(drop)
    }
}
