//! The AWS SDK through the door: an HTTP client for the SDK, and its errors in our words.
//!
//! The SDK's own retries must be off (`RetryConfig::disabled()`): egress retries, and records every attempt.

use crate::Egress;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use bytes::Bytes;
use model::CollectError;

/// Names the operation of a request by its method, path (no query), `x-amz-target` header (empty: none) and body.
pub type OperationOf = fn(method: &str, path: &str, target: &str, body: &str) -> String;

impl Egress {
    /// The HTTP client to give to an SDK's configuration.
    pub fn aws_http_client(&self, operation_of: OperationOf) -> SharedHttpClient {
        SharedHttpClient::new(Client { egress: self.clone(), operation_of })
    }
}

#[derive(Debug, Clone)]
struct Client {
    egress: Egress,
    operation_of: OperationOf,
}

impl HttpClient for Client {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Client {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.clone();
        HttpConnectorFuture::new(async move { client.answer(request).await })
    }
}

impl Client {
    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let (parts, body) = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?.into_parts();
        let body = body.bytes().map(Bytes::copy_from_slice).ok_or_else(|| {
            ConnectorError::user("a streamed request body cannot be recorded, so it is not sent".into())
        })?;
        let text = String::from_utf8_lossy(&body);
        let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let operation = (self.operation_of)(parts.method.as_str(), parts.uri.path(), target, &text);
        let answer = self
            .egress
            .send(&operation, http::Request::from_parts(parts, body.clone()))
            .await
            .map_err(|error| ConnectorError::other(error.into(), None))?;

        let status = StatusCode::try_from(answer.status).map_err(|error| ConnectorError::other(error.into(), None))?;
        let mut response = HttpResponse::new(status, SdkBody::from(answer.body));
        for (name, value) in &answer.headers {
            if let Ok(value) = value.to_str() {
                response.headers_mut().append(name.as_str().to_owned(), value.to_owned());
            }
        }
        Ok(response)
    }
}

/// Codes by which AWS services say that the caller may not do this.
const DENIED: &[&str] =
    &["AccessDenied", "AccessDeniedException", "AuthorizationError", "NotAuthorized", "UnauthorizedOperation"];

/// Codes by which AWS services say that the credential itself is no good.
const BAD_CREDENTIAL: &[&str] = &[
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "MissingAuthenticationToken",
    "OptInRequired",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// An SDK error as the error of a collector: `permission` is what `operation` needs.
///
/// A failure of egress comes back as it was. A service's refusal is [`CollectError::Denied`]; whether that is the end
/// of the run or a column that is not reported is the collector's to say.
pub fn error<E>(operation: &str, permission: &str, error: &SdkError<E, HttpResponse>) -> CollectError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let operation = operation.to_owned();
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(link) = cause {
        if let Some(ours) = link.downcast_ref::<CollectError>() {
            return ours.clone();
        }
        cause = link.source();
    }
    let status = error.raw_response().map(|response| response.status().as_u16());
    match error {
        SdkError::ServiceError(service) => {
            let code = service.err().code().unwrap_or_default();
            let said = service.err().message().unwrap_or("no message");
            let message = match (code, status) {
                ("", Some(status)) => format!("{status}: {said}"),
                ("", None) => said.to_owned(),
                (code, _) => format!("{code}: {said}"),
            };
            if BAD_CREDENTIAL.contains(&code) || status == Some(401) {
                return CollectError::Misconfigured {
                    message: format!("{operation}: the credential was not accepted: {message}"),
                    help: "give the source a valid credential for this account".to_owned(),
                };
            }
            if DENIED.contains(&code) || status == Some(403) {
                return CollectError::Denied { operation, permission: permission.to_owned(), message };
            }
            CollectError::Malformed { operation, message }
        }
        SdkError::ResponseError(response) => {
            let status = status.map(|status| format!("{status}, ")).unwrap_or_default();
            CollectError::Malformed { operation, message: format!("{status}{}", detail(response)) }
        }
        SdkError::ConstructionFailure(failure) => CollectError::Misconfigured {
            message: format!("{operation} could not be asked: {}", detail(failure)),
            help: "look at the credential and the region of the source".to_owned(),
        },
        other => CollectError::Transient { operation, message: detail(other) },
    }
}

/// The SDK keeps what went wrong in its `Debug` form only.
fn detail(error: &impl std::fmt::Debug) -> String {
    format!("{error:?}").chars().take(300).collect()
}
