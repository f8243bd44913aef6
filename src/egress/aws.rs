//! AWS through the door: an HTTP client for its SDK, signed calls of services without one, and errors in our words.
//!
//! The SDK's own retries must be off (`RetryConfig::disabled()`): egress retries, and records every attempt.

use crate::{Answer, Egress};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
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
use http::header::CONTENT_TYPE;
use model::CollectError;
use std::time::SystemTime;
use url::Url;

/// Names the operation of a request by its method, path (no query), `x-amz-target` header (empty: none) and body.
pub type OperationOf = fn(method: &str, path: &str, target: &str, body: &str) -> String;

impl Egress {
    /// The HTTP client to give to an SDK's configuration.
    pub fn aws_http_client(&self, operation_of: OperationOf) -> SharedHttpClient {
        SharedHttpClient::new(Client { egress: self.clone(), operation_of })
    }

    /// Makes one call of AWS's query protocol. A recording is asked without a signature, which none holds.
    pub async fn aws_query(&self, call: QueryCall<'_>) -> Result<Answer, CollectError> {
        let operation = call.operation;
        let request = call.request(!self.is_replay()).map_err(|message| CollectError::Misconfigured {
            message: format!("{operation} could not be asked: {message}"),
            help: "look at the credential and the region of the source".to_owned(),
        })?;
        self.send(operation, request).await
    }
}

/// A call of AWS's query protocol, for services whose SDK would be larger than all the rest.
#[derive(Debug)]
pub struct QueryCall<'a> {
    /// The name of the call, as the policy allows it.
    pub operation: &'a str,
    /// Where the service is.
    pub url: &'a Url,
    /// The service as signatures name it: `rds`.
    pub service: &'a str,
    /// The region it is signed for.
    pub region: &'a str,
    /// The form to send.
    pub form: String,
    /// Whose signature it bears.
    pub credentials: Credentials,
}

impl QueryCall<'_> {
    fn request(self, signed: bool) -> Result<http::Request<Bytes>, String> {
        const FORM: &str = "application/x-www-form-urlencoded";
        let body = Bytes::from(self.form);
        let builder = http::Request::post(self.url.as_str()).header(CONTENT_TYPE, FORM);
        let mut request = builder.body(body.clone()).map_err(|error| error.to_string())?;
        if !signed {
            return Ok(request);
        }
        let identity = self.credentials.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| error.to_string())?
            .into();
        let headers = std::iter::once((CONTENT_TYPE.as_str(), FORM));
        let signable = SignableRequest::new("POST", self.url.as_str(), headers, SignableBody::Bytes(&body));
        let signed = signable.and_then(|signable| sign(signable, &parameters)).map_err(|error| error.to_string())?;
        signed.into_parts().0.apply_to_request_http1x(&mut request);
        Ok(request)
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
    "AuthFailure",
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
            refusal(&operation, permission, code, said, status)
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

/// What it means that a service answered with an error `code` (empty: none) and `said` why.
pub fn refusal(operation: &str, permission: &str, code: &str, said: &str, status: Option<u16>) -> CollectError {
    let operation = operation.to_owned();
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

/// The SDK keeps what went wrong in its `Debug` form only.
fn detail(error: &impl std::fmt::Debug) -> String {
    format!("{error:?}").chars().take(300).collect()
}
