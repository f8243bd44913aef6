//! Reading AWS: the account and endpoint of a source, SDK clients whose every byte passes through egress, the caller.
//!
//! It never lets the SDK retry behind egress's back, never looks for a credential in a replay, and never believes an
//! answer that is cut, malformed or lacks what the API promises: see `guard.rs`.

mod failure;
mod guard;
mod parts;
mod query;
mod settings;
mod xml;

pub(crate) use failure::{Failure, reason_of};
pub(crate) use guard::Guard;
pub(crate) use parts::{Parts, some};
pub(crate) use query::{Listing, Query};
pub(crate) use settings::{AwsSettings, Service};
pub(crate) use xml::Element;

use aws_config::retry::RetryConfig;
use aws_config::stalled_stream_protection::StalledStreamProtectionConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::DateTime;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use egress::aws::OperationOf;
use egress::{Context, Pages, Policy};
use model::time::seconds_text;
use model::{Caller, CollectError, Digest, Timestamp};
use secrecy::ExposeSecret;
use serde_json::Value;
use std::future::Future;

/// A connection to one account.
pub(crate) struct Aws {
    /// Whom it reads.
    pub settings: AwsSettings,
    /// What SDK clients are made from: their HTTP client is egress.
    pub config: SdkConfig,
}

impl Aws {
    /// Finds a credential (a live run only) and prepares clients. Asks the source nothing yet.
    pub(crate) async fn connect(
        ctx: &Context,
        settings: AwsSettings,
        operation_of: OperationOf,
    ) -> Result<Self, CollectError> {
        settings.validate()?;
        let credential = if ctx.egress.is_replay() {
            // nothing leaves, so nothing needs a real signature
            Credentials::new("AKIAEXAMPLE", "replay", None, None, "replay")
        } else {
            find_credential(ctx, &settings).await?
        };
        let mut config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(settings.region.clone()))
            .http_client(ctx.egress.aws_http_client(operation_of))
            .credentials_provider(SharedCredentialsProvider::new(credential))
            // egress retries and ends attempts: what the SDK did would not be recorded
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
        if let Some(endpoint) = &settings.endpoint_url {
            config = config.endpoint_url(endpoint.trim_end_matches('/'));
        }
        Ok(Self { settings, config: config.build() })
    }

    /// Who asks, as AWS sees it. A credential of another account than the configured one is refused.
    pub(crate) async fn caller(&self) -> Result<Caller, CollectError> {
        const OPERATION: &str = "sts:GetCallerIdentity";
        let client = aws_sdk_sts::Client::new(&self.config);
        let (answer, _) = call(OPERATION, |guard| client.get_caller_identity().customize().interceptor(guard).send())
            .await
            .map_err(|failure| failure.error)?;
        let (Some(account), Some(arn)) = (answer.account(), answer.arn()) else {
            let message = "the answer names neither an account nor a caller".to_owned();
            return Err(CollectError::Malformed { operation: OPERATION.to_owned(), message });
        };
        if account != self.settings.account_id {
            return Err(CollectError::Misconfigured {
                message: format!(
                    "the credential belongs to account {account}, this source is configured for {}",
                    self.settings.account_id
                ),
                help: "correct `account_id`, or `profile` and `role_arn`, so that both name one account".to_owned(),
            });
        }
        Ok(Caller { identity: arn.to_owned(), tenant: account.to_owned() })
    }
}

/// The source's own key where it has one, else the standard chain: environment, profile files, IAM Identity Center, web
/// identity, container, instance; then the role.
async fn find_credential(ctx: &Context, settings: &AwsSettings) -> Result<Credentials, CollectError> {
    // an answer that is a credential is not evidence: this client records nothing
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(settings.region.clone()))
        .http_client(ctx.egress.aws_credential_client())
        .retry_config(RetryConfig::standard().with_max_attempts(2));
    if let Some(profile) = &settings.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(endpoint) = &settings.endpoint_url {
        loader = loader.endpoint_url(endpoint.trim_end_matches('/'));
    }
    if let Some(own) = own_credential(ctx)? {
        loader = loader.credentials_provider(own);
    }
    let base = loader.load().await;
    let found = match (base.credentials_provider(), &settings.role_arn) {
        (Some(provider), None) => provider.provide_credentials().await,
        (Some(provider), Some(role)) => {
            let mut assume =
                aws_config::sts::AssumeRoleProvider::builder(role).configure(&base).session_name("evidenced");
            if let Some(external_id) = &settings.external_id {
                assume = assume.external_id(external_id);
            }
            assume.build_from_provider(provider).await.provide_credentials().await
        }
        (None, _) => Err(aws_credential_types::provider::error::CredentialsError::not_loaded_no_source()),
    };
    let credential = found.map_err(|error| CollectError::Misconfigured {
        message: format!("no AWS credential: {}", causes(&error)),
        help: "set `profile`, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where an instance or container role applies; with `role_arn`, let its trust policy admit that credential".to_owned(),
    })?;
    ctx.egress.protect(&credential.secret_access_key().to_owned().into());
    if let Some(token) = credential.session_token() {
        ctx.egress.protect(&token.to_owned().into());
    }
    Ok(credential)
}

/// What an error and its causes say, without the SDK's internals.
fn causes(error: &dyn std::error::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(cause) = next {
        let text = cause.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        next = cause.source();
    }
    texts.join(": ")
}

/// The static key that the source's settings refer to.
fn own_credential(ctx: &Context) -> Result<Option<Credentials>, CollectError> {
    let secret = |key: &str| ctx.secrets.get(key).map(ExposeSecret::expose_secret);
    match (secret("access_key_id"), secret("secret_access_key")) {
        (None, None) => Ok(None),
        (Some(id), Some(key)) => Ok(Some(Credentials::new(id.trim(), key.trim(), None, None, "settings"))),
        _ => Err(CollectError::Misconfigured {
            message: "only one of `access_key_id` and `secret_access_key` is set".to_owned(),
            help: "set both, or neither to use the standard credential chain".to_owned(),
        }),
    }
}

/// Makes one call under a guard: the answer, and the digest of what it says.
pub(crate) async fn call<T, E, F>(
    operation: &'static str,
    send: impl FnOnce(Guard) -> F,
) -> Result<(T, Digest), Failure>
where
    F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let guard = Guard::new(operation);
    match send(guard.clone()).await {
        Ok(answer) => Ok((answer, guard.content())),
        Err(error) => Err(Failure::of(operation, &error)),
    }
}

/// One page of a listing.
pub(crate) struct Page<T> {
    pub items: Vec<T>,
    /// Whether AWS says that this is not the last page; none where the API has only a token.
    pub truncated: Option<bool>,
    /// The token of the page after it.
    pub next: Option<String>,
}

/// Follows a listing to the page AWS marks as the last. `fetch` makes one call with the token given.
pub(crate) async fn list<T, F>(
    operation: &'static str,
    mut fetch: impl FnMut(Option<String>) -> F,
) -> Result<Vec<T>, Failure>
where
    F: Future<Output = Result<(Page<T>, Digest), Failure>>,
{
    let failed = |error| Failure { error, code: None };
    let mut pages = Pages::new(operation, Policy::default().max_pages);
    let mut items = Vec::new();
    let mut token = None;
    loop {
        let (page, content) = fetch(token).await?;
        let next = page.next.filter(|next| !next.is_empty());
        let more = page.truncated.unwrap_or(next.is_some());
        if more && next.is_none() {
            let message = "a page says that more follow but does not say where".to_owned();
            return Err(failed(CollectError::Malformed { operation: operation.to_owned(), message }));
        }
        let next = next.filter(|_| more);
        pages.page(next.as_deref(), content).map_err(failed)?;
        items.extend(page.items);
        match next {
            Some(next) => token = Some(next),
            None => return Ok(items),
        }
    }
}

/// Names the call of a request of the AWS query protocol (IAM, STS).
pub(crate) fn query_operation(body: &str) -> Option<String> {
    let field = |wanted: &str| {
        url::form_urlencoded::parse(body.as_bytes()).find(|(name, _)| name == wanted).map(|(_, value)| value)
    };
    let service = if field("Version")? == "2011-06-15" { "sts" } else { "iam" };
    Some(format!("{service}:{}", field("Action")?))
}

/// An instant AWS gave, as tables hold it; the epoch stands for an element that was missing.
pub(crate) fn instant(instant: Option<&DateTime>) -> Value {
    instant
        .filter(|instant| instant.secs() > 0)
        .and_then(|instant| Timestamp::from_second(instant.secs()).ok())
        .map_or(Value::Null, |instant| Value::String(seconds_text(instant)))
}

/// A text AWS gave; the empty text stands for an element that was missing.
pub(crate) fn text(text: Option<&str>) -> Value {
    text.filter(|text| !text.is_empty()).map_or(Value::Null, Value::from)
}

#[cfg(test)]
mod tests {
    use super::{Page, list, query_operation};
    use model::{CollectError, Digest, ReasonCode};

    #[test]
    fn calls_of_the_query_protocol_are_named_by_action_and_version() {
        let named = |body| query_operation(body);
        assert_eq!(named("Action=ListUsers&Version=2010-05-08").as_deref(), Some("iam:ListUsers"));
        assert_eq!(named("Action=GetCallerIdentity&Version=2011-06-15").as_deref(), Some("sts:GetCallerIdentity"));
        assert_eq!(named(""), None);
    }

    async fn follow(pages: Vec<(Option<bool>, Option<&str>, &str)>) -> Result<Vec<String>, CollectError> {
        let mut pages = pages.into_iter();
        list("iam:ListUsers", |_| {
            let (truncated, next, body) = pages.next().expect("no page after the last");
            let page = Page { items: vec![body.to_owned()], truncated, next: next.map(str::to_owned) };
            std::future::ready(Ok((page, Digest::of(body.as_bytes()))))
        })
        .await
        .map_err(|failure| failure.error)
    }

    #[tokio::test]
    async fn a_listing_ends_only_at_the_page_marked_as_the_last() {
        let listed = follow(vec![(Some(true), Some("m1"), "a"), (Some(false), None, "b")]).await;
        assert_eq!(listed.unwrap(), ["a", "b"]);
        let listed = follow(vec![(None, Some("m1"), "a"), (None, None, "b")]).await;
        assert_eq!(listed.unwrap(), ["a", "b"]);
        // what AWS marks as the last is the last, whatever marker stands beside it
        assert_eq!(follow(vec![(Some(false), Some("m1"), "a")]).await.unwrap(), ["a"]);
    }

    #[tokio::test]
    async fn a_page_that_promises_more_without_saying_where_is_malformed() {
        let error = follow(vec![(Some(true), None, "a")]).await.unwrap_err();
        assert_eq!(error.kind(), "malformed");
        let error = follow(vec![(Some(true), Some(""), "a")]).await.unwrap_err();
        assert_eq!(error.kind(), "malformed");
    }

    #[tokio::test]
    async fn a_marker_or_a_page_that_comes_back_ends_the_listing_as_incomplete() {
        let code = |error| match error {
            CollectError::Incomplete { code, .. } => code,
            other => panic!("{other}"),
        };
        let error = follow(vec![(Some(true), Some("m"), "a"), (Some(true), Some("m"), "b")]).await.unwrap_err();
        assert_eq!(code(error), ReasonCode::PageLoop);
        let error = follow(vec![(Some(true), Some("m"), "a"), (Some(false), None, "a")]).await.unwrap_err();
        assert_eq!(code(error), ReasonCode::PageRepeated);
    }
}
