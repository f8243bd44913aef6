//! octocrab through the door: a tower service over egress, and octocrab's errors in our words.

use crate::policy::EgressError;
use crate::{Answer, Egress};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION};
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use model::CollectError;
use octocrab::{AuthState, OctoBody, Octocrab, OctocrabBuilder};
use secrecy::{ExposeSecret as _, SecretString};
use std::pin::Pin;
use std::task::{Context, Poll};
use url::Url;

/// Names the operation of a request by its method and its path with query, below the base path.
pub type OperationOf = fn(method: &str, path_and_query: &str) -> String;

impl Egress {
    /// An octocrab that talks to `base` through this door. Call it inside a tokio runtime.
    pub fn octocrab(
        &self,
        base: &Url,
        token: Option<&SecretString>,
        operation_of: OperationOf,
    ) -> Result<Octocrab, EgressError> {
        let authorization = token.map(|token| self.bearer(token)).transpose()?;
        let service = Service { egress: self.clone(), base: base.clone(), authorization, operation_of };
        match OctocrabBuilder::new_empty().with_service(service).with_auth(AuthState::None).build() {
            Ok(octocrab) => Ok(octocrab),
            Err(never) => match never {},
        }
    }

    /// The header that authorises a request with `token`, which is kept out of everything recorded.
    pub fn bearer(&self, token: &SecretString) -> Result<HeaderValue, EgressError> {
        self.protect(token);
        let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret().trim()))
            .map_err(|_| EgressError::Client("the token holds characters no header can".to_owned()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

#[derive(Clone)]
struct Service {
    egress: Egress,
    base: Url,
    authorization: Option<HeaderValue>,
    operation_of: OperationOf,
}

impl tower::Service<Request<OctoBody>> for Service {
    type Response = Response<Full<Bytes>>;
    type Error = CollectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<OctoBody>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move { service.answer(request).await })
    }
}

impl Service {
    async fn answer(self, request: Request<OctoBody>) -> Result<Response<Full<Bytes>>, CollectError> {
        let (mut parts, body) = request.into_parts();
        let base_path = self.base.path().trim_end_matches('/');
        let path_and_query = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        let relative = path_and_query.strip_prefix(base_path).filter(|rest| rest.starts_with('/'));
        let operation = (self.operation_of)(parts.method.as_str(), relative.unwrap_or(&path_and_query));
        let unreadable = |message: String| CollectError::Malformed { operation: operation.clone(), message };

        if parts.uri.authority().is_none() {
            let origin = self.base.origin().ascii_serialization();
            let path = relative.unwrap_or(&path_and_query);
            parts.uri = format!("{origin}{base_path}{path}").parse().map_err(|error| unreadable(format!("{error}")))?;
        }
        // the token goes with the request only after egress has agreed to where it goes
        if let Some(authorization) = self.authorization {
            parts.headers.insert(AUTHORIZATION, authorization);
        }
        parts.headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/vnd.github+json"));
        let body = body.collect().await.map_err(|error| unreadable(error.to_string()))?.to_bytes();

        let answer = self.egress.send(&operation, Request::from_parts(parts, body)).await?;
        respond(answer).map_err(|error| unreadable(error.to_string()))
    }
}

fn respond(answer: Answer) -> Result<Response<Full<Bytes>>, http::Error> {
    let mut response = Response::builder().status(answer.status).body(Full::new(answer.body))?;
    *response.headers_mut() = answer.headers;
    Ok(response)
}

/// An octocrab error as the error of a collector: `permission` is what `operation` needs.
///
/// GitHub answers 404 for what a token may not see, so 404 is [`CollectError::Denied`] too; a collector that knows
/// better looks at the status first.
pub fn error(operation: &str, permission: &str, error: &octocrab::Error) -> CollectError {
    let operation = operation.to_owned();
    match error {
        octocrab::Error::GitHub { source, .. } => {
            let status = source.status_code.as_u16();
            let said: String = source.message.chars().take(300).collect();
            match status {
                401 => CollectError::Misconfigured {
                    message: format!("{operation}: the token was not accepted: {said}"),
                    help: "give the source a valid token; it may have expired or been revoked".to_owned(),
                },
                403 | 404 => CollectError::Denied {
                    operation,
                    permission: permission.to_owned(),
                    message: format!("{status}: {said}"),
                },
                _ => CollectError::Malformed { operation, message: format!("{status}: {said}") },
            }
        }
        octocrab::Error::Service { source, .. } => {
            source.downcast_ref::<CollectError>().cloned().unwrap_or_else(|| CollectError::Transient {
                operation,
                message: source.to_string().chars().take(300).collect(),
            })
        }
        other => CollectError::Malformed { operation, message: other.to_string().chars().take(300).collect() },
    }
}
