//! Calls of AWS's query protocol where the SDK is not used: RDS and EC2, whose SDKs are each larger than this program.
//!
//! An answer is read as one strict document. Whatever is missing that the API promises, or is not of its kind, makes the
//! call fail; nothing is read as its default.

use super::xml::Element;
use super::{Aws, Failure, Page, list};
use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use egress::aws::{QueryCall, refusal};
use egress::{Context, Egress};
use model::{CollectError, Digest};
use url::Url;
use url::form_urlencoded::Serializer;

/// A service of one region, and the credential to ask it with.
pub(crate) struct Query {
    egress: Egress,
    credentials: Credentials,
    region: String,
    url: Url,
    service: &'static str,
    version: &'static str,
}

/// A listing of such a service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listing {
    /// The name of the call: `rds:DescribeDBSnapshots`.
    pub operation: &'static str,
    /// Whether the list stands in an element named after the call, as everywhere but in EC2.
    pub wrapped: bool,
    /// The element that holds the list.
    pub list: &'static str,
    /// The element of each member.
    pub member: &'static str,
    /// Parameter and value by which a page is as large as it can be.
    pub page_size: (&'static str, &'static str),
    /// The parameter that asks for a further page.
    pub next_parameter: &'static str,
    /// The element that names it.
    pub next: &'static str,
}

impl Query {
    /// Prepares calls. Asks the source nothing yet.
    pub(crate) async fn connect(
        ctx: &Context,
        aws: &Aws,
        service: &'static str,
        version: &'static str,
    ) -> Result<Self, CollectError> {
        let unusable = |message: String| CollectError::Misconfigured {
            message: format!("no AWS credential: {message}"),
            help: "look at the credential of the source".to_owned(),
        };
        let provider = aws.config.credentials_provider().ok_or_else(|| unusable("none was found".to_owned()))?;
        let credentials = provider.provide_credentials().await.map_err(|error| unusable(error.to_string()))?;
        let (egress, region, url) = (ctx.egress.clone(), aws.settings.region.clone(), aws.settings.endpoint(service)?);
        Ok(Self { egress, credentials, region, url, service, version })
    }

    /// The members of a listing as `read` has them, followed to the page that names no further one.
    pub(crate) async fn list<T>(
        &self,
        listing: &Listing,
        parameters: &[(&str, &str)],
        read: impl Fn(&Element) -> Result<T, String>,
    ) -> Result<Vec<T>, CollectError> {
        let members = list(listing.operation, |token| self.page(listing, parameters, token, &read)).await;
        members.map_err(|failure| failure.error)
    }

    async fn page<T>(
        &self,
        listing: &Listing,
        parameters: &[(&str, &str)],
        token: Option<String>,
        read: impl Fn(&Element) -> Result<T, String>,
    ) -> Result<(Page<T>, Digest), Failure> {
        let mut asked = vec![listing.page_size];
        asked.extend(parameters);
        asked.extend(token.as_deref().map(|token| (listing.next_parameter, token)));
        let answer = self.call(listing.operation, &asked).await?;
        page_of(listing, &answer, read).map_err(|message| malformed(listing.operation, message))
    }

    async fn call(&self, operation: &str, parameters: &[(&str, &str)]) -> Result<Element, Failure> {
        let action = operation.split(':').next_back().unwrap_or_default();
        let call = QueryCall {
            operation,
            url: &self.url,
            service: self.service,
            region: &self.region,
            form: form(action, self.version, parameters),
            credentials: self.credentials.clone(),
        };
        let answer = self.egress.aws_query(call).await.map_err(|error| Failure { error, code: None })?;
        let text = std::str::from_utf8(&answer.body);
        if answer.status != 200 {
            let (code, said) = text.ok().and_then(error_of).unwrap_or_default();
            let error = refusal(operation, operation, &code, &said, Some(answer.status));
            return Err(Failure { error, code: Some(code).filter(|code| !code.is_empty()) });
        }
        let root = match text {
            Ok(text) => Element::read(text),
            Err(error) => Err(format!("not UTF-8: {error}")),
        };
        root.and_then(|root| {
            if root.name == format!("{action}Response") { Ok(root) } else { Err(format!("`{}` answers", root.name)) }
        })
        .map_err(|message| malformed(operation, message))
    }
}

fn form(action: &str, version: &str, parameters: &[(&str, &str)]) -> String {
    let mut form = Serializer::new(String::new());
    form.append_pair("Action", action).append_pair("Version", version).extend_pairs(parameters).finish()
}

fn malformed(operation: &str, message: String) -> Failure {
    Failure { error: CollectError::Malformed { operation: operation.to_owned(), message }, code: None }
}

/// A page, and the digest of what it lists, so that a page repeated under a new token is recognised. Of a page that lists
/// nothing the token counts: AWS may give several such pages in a row.
fn page_of<T>(
    listing: &Listing,
    answer: &Element,
    read: impl Fn(&Element) -> Result<T, String>,
) -> Result<(Page<T>, Digest), String> {
    let action = listing.operation.split(':').next_back().unwrap_or_default();
    let missing = |name: &str| format!("the answer has no `{name}`");
    let result = if listing.wrapped {
        let name = format!("{action}Result");
        answer.child(&name)?.ok_or_else(|| missing(&name))?
    } else {
        answer
    };
    let next = result.text(listing.next)?.map(str::to_owned);
    let members = &result.child(listing.list)?.ok_or_else(|| missing(listing.list))?.children;
    if let Some(other) = members.iter().find(|member| member.name != listing.member) {
        return Err(format!("`{}` in a list of `{}`", other.name, listing.member));
    }
    let content = if members.is_empty() { format!("{next:?}") } else { format!("{members:?}") };
    let items = members.iter().map(read).collect::<Result<_, _>>()?;
    Ok((Page { items, truncated: None, next }, Digest::of(content.as_bytes())))
}

/// The code and the message of a refusal: `ErrorResponse/Error`, in EC2 `Response/Errors/Error`.
fn error_of(text: &str) -> Option<(String, String)> {
    let root = Element::read(text).ok()?;
    let around = root.child("Errors").ok()?.unwrap_or(&root);
    let error = around.child("Error").ok()??;
    let said = |name: &str| Some(error.text(name).ok()?.unwrap_or_default().to_owned());
    Some((said("Code")?, said("Message")?))
}

#[cfg(test)]
mod tests {
    use super::{Listing, error_of, page_of};
    use crate::provider::aws::xml::Element;

    const RDS: Listing = Listing {
        operation: "rds:DescribeDBSnapshots",
        wrapped: true,
        list: "DBSnapshots",
        member: "DBSnapshot",
        page_size: ("MaxRecords", "100"),
        next_parameter: "Marker",
        next: "Marker",
    };

    fn page(result: &str) -> Result<(usize, Option<String>, model::Digest), String> {
        let answer = Element::read(&format!("<R>{result}</R>")).unwrap();
        let (page, digest) = page_of(&RDS, &answer, |_| Ok(()))?;
        Ok((page.items.len(), page.next, digest))
    }

    #[test]
    fn a_page_without_its_list_is_none_and_one_with_an_empty_list_is_one() {
        let whole = |list: &str| page(&format!("<DescribeDBSnapshotsResult>{list}</DescribeDBSnapshotsResult>"));
        assert_eq!(whole("<DBSnapshots/>").unwrap().0, 0);
        assert_eq!(whole("<Marker>m</Marker><DBSnapshots><DBSnapshot/></DBSnapshots>").unwrap().1.unwrap(), "m");
        for broken in ["", "<DBSnapshots/><DBSnapshots/>", "<DBSnapshots><Other/></DBSnapshots>"] {
            assert!(whole(broken).is_err(), "{broken}");
        }
        assert!(page("<Other/>").is_err());
    }

    #[test]
    fn a_page_repeated_under_another_marker_is_the_same_unless_it_lists_nothing() {
        let content = |list: &str, marker: &str| {
            let lists = format!("<Marker>{marker}</Marker><DBSnapshots>{list}</DBSnapshots>");
            page(&format!("<DescribeDBSnapshotsResult>{lists}</DescribeDBSnapshotsResult>")).unwrap().2
        };
        let member = "<DBSnapshot><Status>available</Status></DBSnapshot>";
        assert_eq!(content(member, "1"), content(member, "2"));
        assert_ne!(content(member, "1"), content("<DBSnapshot/>", "1"));
        assert_ne!(content("", "1"), content("", "2"));
    }

    #[test]
    fn refusals_are_read_in_both_forms() {
        let error = "<Error><Code>UnauthorizedOperation</Code><Message>You are not</Message></Error>";
        let expected = Some(("UnauthorizedOperation".to_owned(), "You are not".to_owned()));
        assert_eq!(
            error_of(&format!("<Response><Errors>{error}</Errors><RequestID>1</RequestID></Response>")),
            expected
        );
        assert_eq!(error_of(&format!("<ErrorResponse>{error}</ErrorResponse>")), expected);
        assert_eq!(error_of("<html><body/></html>"), None);
    }
}
