//! The AWS credential chain's own client: what it fetches is a credential, not evidence, so nothing of it is recorded.
//!
//! It reaches AWS's hosts, the instance and container metadata addresses and the run's own origins, and no others;
//! follows no redirect; and in replay sends nothing at all.

use crate::policy::is_within;
use crate::{Egress, Mode};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_runtime_api::http::StatusCode;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use std::time::Duration;
use url::{Host, Url};

const LONGEST_WAIT: Duration = Duration::from_secs(15);
const MAX_BODY_BYTES: usize = 1024 * 1024;

impl Egress {
    /// The HTTP client for looking up a credential. Only `aws-config`'s providers may be given it: it records nothing.
    pub fn aws_credential_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(Client { egress: self.clone(), limit: LONGEST_WAIT })
    }
}

#[derive(Debug, Clone)]
struct Client {
    egress: Egress,
    limit: Duration,
}

impl HttpClient for Client {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        // a machine without a metadata service must be told so in a second, not in fifteen
        let asked = settings.connect_timeout().unwrap_or_default() + settings.read_timeout().unwrap_or_default();
        let limit = if asked.is_zero() { LONGEST_WAIT } else { asked.min(LONGEST_WAIT) };
        SharedHttpConnector::new(Self { egress: self.egress.clone(), limit })
    }
}

impl HttpConnector for Client {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.clone();
        HttpConnectorFuture::new(async move {
            tokio::time::timeout(client.limit, client.answer(request))
                .await
                .map_err(|elapsed| ConnectorError::timeout(elapsed.into()))?
        })
    }
}

impl Client {
    async fn answer(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let Mode::Live(live) = &*self.egress.mode else {
            return Err(ConnectorError::user("a replay needs no credential".into()));
        };
        let (parts, body) = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?.into_parts();
        let body = body.bytes().map(Bytes::copy_from_slice).unwrap_or_default();
        let url = Url::parse(&parts.uri.to_string()).map_err(|error| ConnectorError::user(error.into()))?;
        if !is_credential_source(&url) && !live.origins().iter().any(|origin| is_within(origin, &url)) {
            let place = url.host_str().unwrap_or("?").to_owned();
            return Err(ConnectorError::user(format!("{place} is not where AWS credentials come from").into()));
        }
        let mut outgoing = reqwest::Request::new(parts.method, url);
        *outgoing.headers_mut() = parts.headers;
        *outgoing.body_mut() = (!body.is_empty()).then(|| body.into());
        let failed = |error: reqwest::Error| ConnectorError::io(error.without_url().into());
        let mut response = live.client().execute(outgoing).await.map_err(failed)?;
        let mut received = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if received.len() + chunk.len() > MAX_BODY_BYTES {
                return Err(ConnectorError::user("an answer too large for a credential".into()));
            }
            received.extend_from_slice(&chunk);
        }
        let status = StatusCode::try_from(response.status().as_u16())
            .map_err(|error| ConnectorError::other(error.into(), None))?;
        let mut answer = HttpResponse::new(status, SdkBody::from(received));
        for (name, value) in response.headers() {
            if let Ok(value) = value.to_str() {
                answer.headers_mut().append(name.as_str().to_owned(), value.to_owned());
            }
        }
        Ok(answer)
    }
}

/// AWS's own hosts over https, the metadata addresses, and this machine (a container agent, `credential_process` helpers).
fn is_credential_source(url: &Url) -> bool {
    const METADATA_V4: [[u8; 4]; 3] = [[169, 254, 169, 254], [169, 254, 170, 2], [169, 254, 170, 23]];
    const METADATA_V6: [&str; 2] = ["fd00:ec2::254", "fd00:ec2::23"];
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback() || METADATA_V4.contains(&address.octets()),
        Some(Host::Ipv6(address)) => address.is_loopback() || METADATA_V6.contains(&address.to_string().as_str()),
        Some(Host::Domain(name)) => {
            name == "localhost"
                || (url.scheme() == "https"
                    && [".amazonaws.com", ".amazonaws.com.cn", ".api.aws"].iter().any(|end| name.ends_with(end)))
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::is_credential_source;

    #[test]
    fn credentials_come_from_aws_the_metadata_addresses_or_this_machine() {
        let known = |url: &str| is_credential_source(&url::Url::parse(url).unwrap());
        for url in [
            "https://sts.eu-central-1.amazonaws.com/",
            "https://portal.sso.eu-west-1.amazonaws.com/federation/credentials",
            "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
            "http://[fd00:ec2::254]/latest/api/token",
            "http://127.0.0.1:8080/creds",
        ] {
            assert!(known(url), "{url}");
        }
        for url in [
            "http://sts.eu-central-1.amazonaws.com/",
            "https://amazonaws.com.evil.example/",
            "https://evilamazonaws.com/",
            "http://169.254.0.1/",
            "http://10.0.0.1/",
        ] {
            assert!(!known(url), "{url}");
        }
    }
}
