//! How a listing goes on, and how its end is known. What only looks like an end is none: a page that does not say whether
//! there is another one leaves the listing incomplete.

use super::{RECORDS, misconfigured};
use crate::provider::declared::json_path;
use crate::provider::json::malformed;
use crate::provider::rest::Page;
use crate::provider::web_link::Links;
use egress::Answer;
use model::{CollectError, ReasonCode};
use serde::Deserialize;
use serde_json::Value;
use serde_json_path::JsonPath;
use url::Url;

/// As the configuration declares it.
#[derive(Deserialize)]
pub(super) struct Style {
    #[serde(default)]
    paging: Option<String>,
    #[serde(default)]
    parameter: Option<String>,
    #[serde(default)]
    first: Option<u64>,
    #[serde(default)]
    next: Option<String>,
    #[serde(default)]
    more: Option<String>,
    last_page_says_nothing: bool,
}

/// As it is followed.
pub(super) struct Paging {
    kind: Kind,
    more: Option<JsonPath>,
    /// Whether an absent `next` is an end.
    absent_is_end: bool,
    /// By whose word the end is one.
    pub(super) end: End,
}

/// Who says that a listing is at its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The source.
    Told,
    /// Only the configuration: there is one answer.
    OneAnswer,
    /// Only the configuration: the page that names no next one is the last.
    Silence,
}

enum Kind {
    None,
    Page { parameter: String, first: u64 },
    Offset { parameter: String, first: u64 },
    Cursor { parameter: String, next: JsonPath },
    Next(JsonPath),
    Link,
}

impl Paging {
    pub(super) fn read(table: &str, style: &Style, has_total: bool) -> Result<Self, CollectError> {
        let paging = match &style.paging {
            Some(paging) => paging.as_str(),
            // one answer, and it says how many there are
            None if has_total => "none",
            None => {
                let help = "write `paging` as the API pages, or `total`; `paging = \"none\"` says that one answer is the whole list";
                return Err(misconfigured(
                    format!("table `{table}` has neither `paging` nor `total`: nothing says how its list ends"),
                    help,
                ));
            }
        };
        let parameter = || {
            style.parameter.clone().ok_or_else(|| {
                misconfigured(format!("`paging` is `{paging}`, and there is no `parameter`"), "name it on the table")
            })
        };
        let next = || match &style.next {
            Some(next) => json_path(next),
            None => Err(misconfigured(
                format!("`paging` is `{paging}`, and there is no `next`"),
                "say by a JSONPath where it stands",
            )),
        };
        let kind = match paging {
            "none" => Kind::None,
            "page" => Kind::Page { parameter: parameter()?, first: style.first.unwrap_or(1) },
            "offset" => Kind::Offset { parameter: parameter()?, first: style.first.unwrap_or(0) },
            "cursor" => Kind::Cursor { parameter: parameter()?, next: next()? },
            "next" => Kind::Next(next()?),
            "link" => Kind::Link,
            other => {
                let help = "write `none`, `page`, `offset`, `cursor`, `next` or `link`";
                return Err(misconfigured(format!("`paging` is `{other}`, which there is not"), help));
            }
        };
        let more = style.more.as_deref().map(json_path).transpose()?;
        let is_told = has_total || more.is_some();
        let end = match &kind {
            Kind::None if !is_told => End::OneAnswer,
            Kind::Cursor { .. } | Kind::Next(_) | Kind::Link if style.last_page_says_nothing && !is_told => {
                End::Silence
            }
            _ => End::Told,
        };
        Ok(Self { kind, more, absent_is_end: style.last_page_says_nothing || is_told, end })
    }

    /// Makes `url` the first page's.
    pub(super) fn begin(&self, url: &mut Url) {
        if let Kind::Page { parameter, first } | Kind::Offset { parameter, first } = &self.kind {
            set(url, parameter, &first.to_string());
        }
    }

    /// A page of `members`, `seen` with those before it of the declared total, and the address of the one after it.
    /// `is_first`: no page came before.
    pub(super) fn page(
        &self,
        url: &Url,
        body: &Value,
        answer: &Answer,
        members: Vec<Value>,
        (seen, total): (u64, Option<u64>),
        is_first: bool,
    ) -> Result<Page, CollectError> {
        let more = self.more(body)?;
        let is_empty = members.is_empty();
        let next = match &self.kind {
            Kind::None => {
                if more == Some(true) {
                    return Err(incomplete(
                        "the answer says that there is another page, and `paging` is `none`".to_owned(),
                    ));
                }
                None
            }
            Kind::Page { parameter, first } => {
                let now = number(url, parameter).unwrap_or(*first);
                counted(more, is_empty, seen, total)?.then(|| with(url, parameter, &(now + 1).to_string()))
            }
            Kind::Offset { parameter, first } => {
                counted(more, is_empty, seen, total)?.then(|| with(url, parameter, &(first + seen).to_string()))
            }
            Kind::Cursor { parameter, next } => {
                self.told(next, body, more)?.map(|cursor| with(url, parameter, &cursor))
            }
            // relative to where it stands
            Kind::Next(next) => match self.told(next, body, more)? {
                Some(next) => Some(join(url, &next)?),
                None => None,
            },
            Kind::Link => match link(answer) {
                Some(next) => Some(join(url, &next)?),
                None if more == Some(true) => {
                    return Err(incomplete("the answer says that there is another page, and not where".to_owned()));
                }
                // an API that tells of pages elsewhere, or a gateway that drops the header, looks like this too
                None if is_first && !self.absent_is_end && !tells_of_pages(answer) => {
                    return Err(incomplete(
                        "the first answer has no header `Link` that tells of pages, so it does not say that it is the last; \
                         declare `total`, or `last_page_says_nothing = true` where a single page comes without the header"
                            .to_owned(),
                    ));
                }
                None => None,
            },
        };
        if next.is_none() && link(answer).is_some() {
            return Err(incomplete(
                "the header `Link` names another page, where the listing ends as it is declared".to_owned(),
            ));
        }
        Ok(Page { members, next: next.map(String::from), declared: None })
    }

    fn more(&self, body: &Value) -> Result<Option<bool>, CollectError> {
        let Some(path) = &self.more else { return Ok(None) };
        let found = path.query(body).exactly_one().ok().and_then(Value::as_bool);
        found.map(Some).ok_or_else(|| malformed(RECORDS, &format!("`{path}` leads to neither true nor false")))
    }

    /// The cursor or address at `path`; none at the end.
    fn told(&self, path: &JsonPath, body: &Value, more: Option<bool>) -> Result<Option<String>, CollectError> {
        let found = path
            .query(body)
            .at_most_one()
            .map_err(|_| malformed(RECORDS, &format!("`{path}` leads to several things")))?;
        let next = match found {
            Some(Value::String(text)) if !text.is_empty() => Some(text.clone()),
            Some(Value::Number(number)) => Some(number.to_string()),
            // some say `false` instead of nothing
            Some(Value::Null | Value::String(_) | Value::Bool(false)) => None,
            Some(_) => return Err(malformed(RECORDS, &format!("`{path}` leads to no cursor or address"))),
            None if self.absent_is_end => None,
            None => {
                return Err(incomplete(format!(
                    "an answer has no `{path}`, so it does not say that it is the last; where the last page leaves it out, \
                     declare `last_page_says_nothing = true`, better still `total` or `more`"
                )));
            }
        };
        match (next, more) {
            (None, Some(true)) => {
                Err(incomplete(format!("the answer says that there is another page, and nothing stands at `{path}`")))
            }
            // a cursor to come back to later, not a page
            (Some(_), Some(false)) => Ok(None),
            (next, _) => Ok(next),
        }
    }
}

/// Whether another page is asked for where pages or records are counted.
fn counted(more: Option<bool>, is_empty: bool, seen: u64, total: Option<u64>) -> Result<bool, CollectError> {
    match (more, total) {
        (Some(more), _) => Ok(more),
        (None, Some(total)) if seen >= total => Ok(false),
        (None, Some(total)) if is_empty => Err(CollectError::Incomplete {
            operation: RECORDS.to_owned(),
            message: format!("an empty page after {seen} of {total} records"),
            code: ReasonCode::CountsDisagree,
        }),
        (None, Some(_)) => Ok(true),
        // a short page may be short because the source holds pages shorter than asked for
        (None, None) => Ok(!is_empty),
    }
}

fn incomplete(message: String) -> CollectError {
    CollectError::Incomplete { operation: RECORDS.to_owned(), message, code: ReasonCode::PageCap }
}

fn link(answer: &Answer) -> Option<String> {
    // a list of links may come in several headers
    answer.headers.get_all(http::header::LINK).iter().find_map(|value| Links::parse(value.to_str().ok()?).next)
}

/// Whether the header `Link` says where the page stands among others.
fn tells_of_pages(answer: &Answer) -> bool {
    let mut headers = answer.headers.get_all(http::header::LINK).iter();
    headers.any(|value| value.to_str().is_ok_and(|value| Links::parse(value).tells_of_pages))
}

fn join(url: &Url, next: &str) -> Result<Url, CollectError> {
    url.join(next).map_err(|error| malformed(RECORDS, &format!("the address of the next page cannot be read: {error}")))
}

fn number(url: &Url, parameter: &str) -> Option<u64> {
    url.query_pairs().find(|(name, _)| name == parameter).and_then(|(_, value)| value.parse().ok())
}

fn with(url: &Url, parameter: &str, value: &str) -> Url {
    let mut url = url.clone();
    set(&mut url, parameter, value);
    url
}

fn set(url: &mut Url, parameter: &str, value: &str) {
    let others: Vec<(String, String)> = url.query_pairs().into_owned().filter(|(name, _)| name != parameter).collect();
    url.query_pairs_mut().clear().extend_pairs(others).append_pair(parameter, value);
}
