//! Which account a source reads, and where its services are. Asks nothing and knows no credential.

use egress::Policy;
use model::CollectError;
use serde::Deserialize;
use url::Url;

/// Which account, and where it is reached.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AwsSettings {
    pub account_id: String,
    pub region: String,
    pub profile: Option<String>,
    pub role_arn: Option<String>,
    pub external_id: Option<String>,
    pub endpoint_url: Option<String>,
}

/// What a collector reads, beside STS, which every one needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Iam,
    Backup,
    Organizations,
}

impl AwsSettings {
    /// Refuses what cannot work before anything is sent.
    pub(crate) fn validate(&self) -> Result<(), CollectError> {
        let wrong = |message: String, help: &str| Err(CollectError::Misconfigured { message, help: help.to_owned() });
        if self.account_id.len() != 12 || !self.account_id.bytes().all(|byte| byte.is_ascii_digit()) {
            return wrong(
                format!("`account_id` is not an AWS account number: `{}`", self.account_id),
                "write its twelve digits as text: `account_id = \"123456789012\"`",
            );
        }
        // the region becomes part of a host name
        let part_of_a_host = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if self.region.is_empty() || !self.region.bytes().all(part_of_a_host) {
            return wrong(
                format!("`region` is not an AWS region: `{}`", self.region),
                "write it as AWS does: `region = \"eu-central-1\"`",
            );
        }
        if let Some(endpoint) = &self.endpoint_url
            && !Url::parse(endpoint).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        {
            return wrong(
                format!("`endpoint_url` is not an http or https URL: `{endpoint}`"),
                "leave it out to talk to AWS itself",
            );
        }
        Ok(())
    }

    /// The partition that ARNs of this region begin with.
    pub(crate) fn partition(&self) -> &'static str {
        match &self.region {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }

    /// Where a service of the region is.
    pub(crate) fn endpoint(&self, service: &str) -> Result<Url, CollectError> {
        let own = || format!("https://{service}.{}.{}", self.region, self.domain());
        parsed(&self.endpoint_url.clone().unwrap_or_else(own))
    }

    fn domain(&self) -> &'static str {
        if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
    }

    /// What a run may talk to: the service and STS.
    pub(crate) fn origins(&self, service: Service) -> Result<Vec<Url>, CollectError> {
        self.validate()?;
        let region = &self.region;
        let domain = self.domain();
        let texts = match (&self.endpoint_url, service) {
            (Some(endpoint), _) => vec![endpoint.clone()],
            (None, Service::Iam) => {
                // IAM is global within a partition and lives in one region of it
                let place = match region {
                    region if region.starts_with("cn-") => "iam.cn-north-1",
                    region if region.starts_with("us-gov-") => "iam.us-gov",
                    _ => "iam",
                };
                vec![format!("https://{place}.{domain}"), format!("https://sts.{region}.{domain}")]
            }
            (None, Service::Organizations) => {
                // global within a partition too
                let place = match region {
                    region if region.starts_with("cn-") => "cn-northwest-1",
                    region if region.starts_with("us-gov-") => "us-gov-west-1",
                    _ => "us-east-1",
                };
                vec![format!("https://organizations.{place}.{domain}"), format!("https://sts.{region}.{domain}")]
            }
            (None, Service::Backup) => {
                vec![format!("https://backup.{region}.{domain}"), format!("https://sts.{region}.{domain}")]
            }
        };
        texts.iter().map(|text| parsed(text)).collect()
    }

    /// The bounds of a run with these settings.
    pub(crate) fn policy(&self, service: Service, spec: &model::CollectorSpec) -> Result<Policy, CollectError> {
        Ok(Policy {
            origins: self.origins(service)?,
            operations: spec.operations.iter().map(|operation| operation.name.clone()).collect(),
            ..Policy::default()
        })
    }
}

fn parsed(text: &str) -> Result<Url, CollectError> {
    Url::parse(text).map_err(|error| CollectError::Misconfigured {
        message: format!("`{text}` is not a URL: {error}"),
        help: "correct `endpoint_url` or `region`".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::{AwsSettings, Service};
    use model::CollectError;

    fn settings(region: &str, endpoint_url: Option<&str>) -> AwsSettings {
        AwsSettings {
            account_id: "123456789012".to_owned(),
            region: region.to_owned(),
            profile: None,
            role_arn: None,
            external_id: None,
            endpoint_url: endpoint_url.map(str::to_owned),
        }
    }

    fn hosts(settings: &AwsSettings, service: Service) -> Vec<String> {
        settings.origins(service).unwrap().iter().map(|url| url.host_str().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn a_run_talks_to_its_service_and_sts_in_its_partition_only() {
        assert_eq!(
            hosts(&settings("eu-central-1", None), Service::Iam),
            ["iam.amazonaws.com", "sts.eu-central-1.amazonaws.com"]
        );
        assert_eq!(
            hosts(&settings("cn-northwest-1", None), Service::Iam),
            ["iam.cn-north-1.amazonaws.com.cn", "sts.cn-northwest-1.amazonaws.com.cn"]
        );
        assert_eq!(
            hosts(&settings("us-gov-west-1", None), Service::Iam),
            ["iam.us-gov.amazonaws.com", "sts.us-gov-west-1.amazonaws.com"]
        );
        assert_eq!(
            hosts(&settings("eu-west-1", None), Service::Organizations),
            ["organizations.us-east-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"]
        );
        assert_eq!(
            hosts(&settings("cn-north-1", None), Service::Organizations),
            ["organizations.cn-northwest-1.amazonaws.com.cn", "sts.cn-north-1.amazonaws.com.cn"]
        );
        assert_eq!(
            hosts(&settings("eu-west-1", None), Service::Backup),
            ["backup.eu-west-1.amazonaws.com", "sts.eu-west-1.amazonaws.com"]
        );
        assert_eq!(hosts(&settings("eu-west-1", Some("http://127.0.0.1:5000")), Service::Backup), ["127.0.0.1"]);
    }

    #[test]
    fn settings_that_cannot_work_are_refused_before_anything_is_sent() {
        let refused = |settings: &AwsSettings| matches!(settings.validate(), Err(CollectError::Misconfigured { .. }));
        assert!(!refused(&settings("eu-central-1", None)));
        assert!(refused(&AwsSettings { account_id: "1234".to_owned(), ..settings("eu-central-1", None) }));
        assert!(refused(&settings("evil.example/", None)));
        assert!(refused(&settings("eu-central-1", Some("ftp://127.0.0.1"))));
    }
}
