//! The AWS SDK and octocrab through the door.

use super::recorded;
use super::server::{Reply, Server};
use super::{live, policy};
use crate::{Egress, Policy};
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::{BehaviorVersion, Credentials, Region};
use model::CollectError;
use secrecy::SecretString;

const WHO: &str = "sts:GetCallerIdentity";
const SECRET: &str = "CANARYSECRETKEY0123456789";
const SESSION: &str = "CANARYSESSIONTOKEN0123456789";

fn sts(egress: &Egress, endpoint: &url::Url) -> aws_sdk_sts::Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-central-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", SECRET, Some(SESSION.to_owned()), None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(endpoint.as_str())
        .http_client(egress.aws_http_client(|_, _, _, body| {
            let action = body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or("?");
            format!("sts:{action}")
        }))
        .build();
    aws_sdk_sts::Client::from_conf(config)
}

async fn who(egress: &Egress, endpoint: &url::Url) -> Result<String, CollectError> {
    let answer = sts(egress, endpoint).get_caller_identity().send().await;
    answer.map(|who| who.account.unwrap()).map_err(|error| crate::aws::error(WHO, "sts:GetCallerIdentity", &error))
}

fn xml(status: &str, body: &str) -> Reply {
    Reply::status(status, "content-type: text/xml\r\nx-amzn-requestid: r1\r\n", body)
}

fn identity() -> Reply {
    xml(
        "200 OK",
        "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
         <Arn>arn:aws:iam::123456789012:user/a</Arn><Account>123456789012</Account></GetCallerIdentityResult>\
         </GetCallerIdentityResponse>",
    )
}

fn aws_error(status: &str, code: &str) -> Reply {
    xml(status, &format!("<ErrorResponse><Error><Code>{code}</Code><Message>said so</Message></Error></ErrorResponse>"))
}

fn sts_policy(server: &Server) -> Policy {
    Policy { operations: vec![WHO.to_owned()], ..policy(server) }
}

#[tokio::test]
async fn the_aws_sdk_is_recorded_retried_and_replayed() {
    let server = Server::start(vec![aws_error("400 Bad Request", "Throttling"), identity()]).await;
    let egress = live(sts_policy(&server));
    let endpoint = server.url("/");
    assert_eq!(who(&egress, &endpoint).await.unwrap(), "123456789012");

    let recorded = recorded(&egress);
    assert_eq!(recorded.len(), 2, "the throttled attempt and the answer");
    assert_eq!(recorded[1].record.operation, WHO);
    assert_eq!(recorded[1].record.request_body.as_deref(), Some("Action=GetCallerIdentity&Version=2011-06-15"));
    assert_eq!(recorded[1].record.headers["x-amzn-requestid"], "r1");
    let sent = server.requests().join("");
    assert!(sent.contains(SESSION) && sent.contains("AKIDEXAMPLE"), "the request was signed");
    let text = format!("{recorded:?}");
    assert!(!text.contains(SESSION) && !text.contains(SECRET) && !text.contains("AKIDEXAMPLE"), "{text}");

    assert_eq!(who(&Egress::replay(recorded), &endpoint).await.unwrap(), "123456789012");
}

#[tokio::test]
async fn aws_errors_come_back_in_our_words() {
    let cases = [
        (aws_error("403 Forbidden", "AccessDenied"), "denied"),
        (aws_error("403 Forbidden", "ExpiredToken"), "misconfigured"),
        (aws_error("403 Forbidden", "SignatureDoesNotMatch"), "misconfigured"),
        (aws_error("400 Bad Request", "ValidationError"), "malformed"),
        (aws_error("400 Bad Request", "Throttling"), "throttled"),
        (aws_error("500 Internal Server Error", "InternalFailure"), "transient"),
        (xml("200 OK", "<html><body>Sign in</body></html>"), "malformed"),
        (xml("200 OK", "<GetCallerIdentityResponse><GetCallerIdentityRes"), "malformed"),
        (xml("302 Found", ""), "malformed"),
        (Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n<Get".to_vec()), "transient"),
    ];
    for (reply, kind) in cases {
        let server = Server::start(vec![reply]).await;
        let egress = live(sts_policy(&server));
        let error = who(&egress, &server.url("/")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        let again = who(&Egress::replay(recorded(&egress)), &server.url("/")).await.unwrap_err();
        assert_eq!(again, error, "the same error in replay");
    }
}

#[tokio::test]
async fn an_sdk_call_outside_the_collectors_list_does_not_leave() {
    let server = Server::start(vec![identity()]).await;
    let egress = live(Policy { operations: vec!["iam:ListUsers".to_owned()], ..policy(&server) });
    let error = who(&egress, &server.url("/")).await.unwrap_err();
    assert_eq!(error.kind(), "misconfigured", "{error}");
    assert!(server.requests().is_empty());
}

const MEMBERS: &str = "GET /orgs/{org}/members";

fn github_operation(method: &str, path: &str) -> String {
    if path.starts_with("/orgs/") { format!("{method} /orgs/{{org}}/members") } else { format!("{method} {path}") }
}

async fn members(egress: &Egress, base: &url::Url, token: Option<&SecretString>) -> Result<Vec<i64>, CollectError> {
    let octocrab = egress.octocrab(base, token, github_operation).unwrap();
    let told = |error: octocrab::Error| crate::github::error(MEMBERS, "read:org", &error);
    let mut page: octocrab::Page<serde_json::Value> =
        octocrab.get("/orgs/acme/members", Some(&[("per_page", "2")])).await.map_err(told)?;
    let mut ids: Vec<i64> = page.items.iter().map(|item| item["id"].as_i64().unwrap()).collect();
    while let Some(next) = octocrab.get_page::<serde_json::Value>(&page.next).await.map_err(told)? {
        ids.extend(next.items.iter().map(|item| item["id"].as_i64().unwrap()));
        page = next;
    }
    Ok(ids)
}

#[tokio::test]
async fn octocrab_is_recorded_and_replayed_below_a_base_path() {
    let server = Server::start(vec![Reply::ok("[{\"id\":1},{\"id\":2}]")]).await;
    let base = server.url("/api/v3/");
    let egress = live(Policy { origins: vec![base.clone()], operations: vec![MEMBERS.to_owned()], ..policy(&server) });
    let token = SecretString::from("ghp_CANARYTOKEN0123456789".to_owned());
    assert_eq!(members(&egress, &base, Some(&token)).await.unwrap(), [1, 2]);

    let request = &server.requests()[0];
    assert!(request.starts_with("GET /api/v3/orgs/acme/members?per_page=2 HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("authorization: Bearer ghp_CANARYTOKEN0123456789"));
    assert!(request.contains("accept: application/vnd.github+json"));
    assert!(request.to_ascii_lowercase().contains("user-agent: evidenced/"));
    let recorded = recorded(&egress);
    assert_eq!(recorded[0].record.operation, MEMBERS);
    assert!(!format!("{recorded:?}").contains("CANARY"));
    assert_eq!(members(&Egress::replay(recorded), &base, None).await.unwrap(), [1, 2]);
}

#[tokio::test]
async fn a_next_link_to_another_host_does_not_get_the_token() {
    let thief = Server::start(vec![Reply::ok("[{\"id\":3}]")]).await;
    let link = format!("link: <{}>; rel=\"next\"\r\n", thief.url("/orgs/acme/members?page=2"));
    let server = Server::start(vec![Reply::status("200 OK", &link, "[{\"id\":1}]")]).await;
    let egress = live(Policy { operations: vec![MEMBERS.to_owned()], ..policy(&server) });
    let token = SecretString::from("ghp_CANARYTOKEN0123456789".to_owned());
    let base = server.url("/");
    let error = members(&egress, &base, Some(&token)).await.unwrap_err();
    assert_eq!(error.kind(), "misconfigured", "{error}");
    assert!(thief.requests().is_empty());
    assert_eq!(members(&Egress::replay(recorded(&egress)), &base, None).await.unwrap_err(), error);
}

#[tokio::test]
async fn github_errors_come_back_in_our_words() {
    let cases = [
        (Reply::status("401 Unauthorized", "", "{\"message\":\"Bad credentials\"}"), "misconfigured"),
        (Reply::status("403 Forbidden", "", "{\"message\":\"Must have admin rights\"}"), "denied"),
        (Reply::status("404 Not Found", "", "{\"message\":\"Not Found\"}"), "denied"),
        (Reply::status("403 Forbidden", "retry-after: 1\r\n", "{\"message\":\"slow down\"}"), "throttled"),
        (Reply::status("422 Unprocessable Entity", "", "{\"message\":\"no\"}"), "malformed"),
        (Reply::status("502 Bad Gateway", "", "<html>"), "transient"),
        (Reply::ok("<html>"), "malformed"),
        (Reply::ok("null"), "malformed"),
        (Reply::ok("[{\"id\":1}"), "malformed"),
        (Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n[".to_vec()), "transient"),
    ];
    for (reply, kind) in cases {
        let server = Server::start(vec![reply.clone()]).await;
        let egress = live(Policy { operations: vec![MEMBERS.to_owned()], ..policy(&server) });
        let base = server.url("/");
        let error = members(&egress, &base, None).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert_eq!(members(&Egress::replay(recorded(&egress)), &base, None).await.unwrap_err(), error);
    }
}
