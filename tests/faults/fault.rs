//! What can be wrong with an answer. Each fault is one a source, a network or somebody in between really commits.

use super::listing::element;
use super::{Listing, Reply, Request, Response};

/// One way to misbehave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An error status without more.
    Status(u16),
    /// 429 that asks for a wait.
    Throttled,
    /// 429 that asks to wait for centuries.
    ThrottledForCenturies,
    /// 403 that asks for a wait.
    ForbiddenForNow,
    /// A reset instead of an answer.
    Reset,
    /// A reset in the middle of the body.
    ResetMidBody,
    /// The connection ends in the middle of the body.
    Cut,
    /// Half of the body under a matching length.
    Truncated,
    /// A length smaller than the body.
    ShortLength,
    /// No answer.
    Silence,
    /// A login page.
    Html,
    /// An empty body.
    Empty,
    /// `null`.
    Null,
    /// `{}`.
    EmptyObject,
    /// Another kind of document than promised.
    Retyped,
    /// A byte that is not UTF-8.
    NotUtf8,
    /// A hundred thousand levels.
    Deep,
    /// A redirect to another host.
    Redirect,
    /// A body under `content-encoding: gzip`.
    Gzip,
    /// A page that points to itself.
    PageLoop,
    /// The same page for ever, with a new token each time.
    PageForEver,
    /// The page before once more, with this page's token.
    PageRepeated,
    /// More pages are promised, without saying where.
    NextMissing,
    /// The listing ends before its last page.
    EndsEarly,
    /// A page without its last member.
    MemberLost,
    /// A page without any member.
    NoMembers,
    /// A first member that comes twice, with different content.
    MemberDiffers,
    /// A count that is one too many.
    TotalDisagrees,
}

impl Fault {
    /// Faults any call can meet.
    pub(crate) const ANYWHERE: &'static [Self] = &[
        Self::Status(400),
        Self::Status(401),
        Self::Status(403),
        Self::Status(404),
        Self::Status(500),
        Self::Status(502),
        Self::Status(503),
        Self::Throttled,
        Self::ThrottledForCenturies,
        Self::ForbiddenForNow,
        Self::Reset,
        Self::ResetMidBody,
        Self::Cut,
        Self::Truncated,
        Self::ShortLength,
        Self::Silence,
        Self::Html,
        Self::Empty,
        Self::Null,
        Self::EmptyObject,
        Self::Retyped,
        Self::NotUtf8,
        Self::Deep,
        Self::Redirect,
        Self::Gzip,
    ];

    /// Faults of listings that any listing must survive.
    pub(crate) const LISTING: &'static [Self] =
        &[Self::PageLoop, Self::PageForEver, Self::PageRepeated, Self::NextMissing];

    /// Faults that only an independent count can show.
    pub(crate) const COUNTED: &'static [Self] =
        &[Self::EndsEarly, Self::MemberLost, Self::NoMembers, Self::TotalDisagrees];

    /// Whether it also hits further pages of the same listing.
    pub(crate) const fn is_sticky(self) -> bool {
        matches!(self, Self::PageLoop | Self::PageForEver)
    }

    /// Whether one that happens once is mended by asking again.
    pub(crate) const fn is_passing(self) -> bool {
        matches!(
            self,
            Self::Status(500 | 502 | 503)
                | Self::Throttled
                | Self::ThrottledForCenturies
                | Self::ForbiddenForNow
                | Self::Reset
                | Self::ResetMidBody
                | Self::Cut
        )
    }

    /// Whether it can happen to this answer at all; `before` is the answer to the page before it.
    pub(crate) fn fits(self, request: &Request, clean: &Response, before: Option<&Response>) -> bool {
        let listing = || Listing::of(request, clean);
        match self {
            // half of an error still names its code, and is that error
            Self::Truncated | Self::ShortLength => clean.status == 200 && clean.body.len() > 1,
            Self::ResetMidBody | Self::Cut | Self::NotUtf8 | Self::Gzip => clean.body.len() > 1,
            Self::PageLoop | Self::PageForEver | Self::NextMissing => {
                // a bare array has no sign of a further page but the address of one
                // and a reader that counts by itself is never told where to go on
                listing().is_some_and(|listing| match self {
                    Self::NextMissing => listing.says_more(),
                    _ => !listing.is_stepped_through(),
                })
            }
            Self::PageRepeated => before.is_some() && listing().is_some(),
            Self::EndsEarly => listing().is_some_and(|listing| listing.next.is_some()),
            Self::MemberLost | Self::NoMembers => listing().is_some_and(|listing| listing.len() > 0),
            Self::MemberDiffers => listing().is_some_and(|listing| differing(&listing).is_some()),
            Self::TotalDisagrees => disagreeing(&clean.text()).is_some(),
            _ => true,
        }
    }

    /// The faulty reply; `nth` counts how often the fault happened, from 1.
    pub(crate) fn apply(self, request: &Request, clean: Response, before: Option<Response>, nth: usize) -> Reply {
        let kind = clean.header("content-type").unwrap_or("text/plain").to_owned();
        let same_kind = |body: Vec<u8>| Response { body, ..clean.clone() };
        let listed = |change: &dyn Fn(&mut Listing)| {
            let mut listing = Listing::of(request, &clean).expect("the fault fits a listing");
            change(&mut listing);
            listing.put_into(clean.clone())
        };
        Reply::Whole(match self {
            Self::Status(status) => Response::new(status, "text/html", "<html><body>something is wrong</body></html>"),
            Self::Throttled => Response::new(429, "text/plain", "slow down").with("retry-after", "1"),
            Self::ThrottledForCenturies => {
                Response::new(429, "text/plain", "slow down").with("retry-after", "99999999999999999999")
            }
            Self::ForbiddenForNow => Response::new(403, "text/plain", "slow down").with("retry-after", "1"),
            Self::Reset => return Reply::Reset,
            Self::ResetMidBody => return Reply::HalfThenReset(clean),
            Self::Cut => return Reply::Half(clean),
            Self::ShortLength => return Reply::Short(clean),
            Self::Silence => return Reply::Silence,
            Self::Truncated => same_kind(clean.body[..clean.body.len() / 2].to_vec()),
            Self::Html => Response::new(200, "text/html", "<html><body>please sign in</body></html>"),
            Self::Empty => same_kind(Vec::new()),
            Self::Null => Response::new(200, &kind, "null"),
            Self::EmptyObject => Response::new(200, &kind, "{}"),
            Self::Retyped => {
                Response::new(200, &kind, if clean.body.first() == Some(&b'[') { "{\"items\":[]}" } else { "[]" })
            }
            Self::NotUtf8 => {
                let mut body = clean.body.clone();
                let middle = body.len() / 2;
                body[middle] = 0xff;
                same_kind(body)
            }
            Self::Deep => Response::new(
                200,
                &kind,
                if kind.contains("xml") { "<a>".repeat(100_000) } else { "[".repeat(100_000) },
            ),
            Self::Redirect => Response::new(302, "text/html", "moved").with("location", "https://elsewhere.invalid/"),
            Self::Gzip => clean.with("content-encoding", "gzip"),
            Self::PageLoop => listed(&|listing| listing.next = Some(own_page(request, listing, None))),
            Self::PageForEver => listed(&|listing| listing.next = Some(own_page(request, listing, Some(nth)))),
            Self::PageRepeated => {
                let before = before.expect("the fault fits a page with one before it");
                let earlier = Listing::of(request, &before).expect("the page before is a listing too");
                listed(&|listing| listing.lists.clone_from(&earlier.lists))
            }
            Self::NextMissing => {
                let mut listing = Listing::of(request, &clean).expect("the fault fits a listing");
                listing.next = Some("gone".to_owned());
                let response = listing.put_into(clean);
                let body = response.text().replace("<Marker>gone</Marker>", "");
                Response { body: body.into_bytes(), ..response }
            }
            Self::EndsEarly => listed(&|listing| listing.next = None),
            Self::MemberLost => listed(&|listing| {
                let list = listing.lists.iter_mut().find(|list| !list.is_empty()).expect("the fault fits members");
                list.pop();
            }),
            Self::NoMembers => listed(&|listing| listing.lists.iter_mut().for_each(Vec::clear)),
            Self::MemberDiffers => listed(&|listing| {
                let (list, twin) = differing(listing).expect("the fault fits a member");
                listing.lists[list].push(twin);
            }),
            Self::TotalDisagrees => same_kind(disagreeing(&clean.text()).expect("the fault fits a count").into_bytes()),
        })
    }
}

/// What asks for the page that `request` asked for; with `fresh`, for a page nobody asked for yet.
fn own_page(request: &Request, listing: &Listing, fresh: Option<usize>) -> String {
    if !listing.is_followed_by_address() {
        return fresh.map_or_else(|| "again".to_owned(), |nth| format!("fresh-{nth}"));
    }
    let host = request.headers.iter().find(|(name, _)| name == "host").map_or("", |(_, value)| value);
    let own = format!("http://{host}{}", request.target);
    let Some(nth) = fresh else { return own };
    let mark = if own.contains('?') { '&' } else { '?' };
    if !own.contains("per_page=") {
        // Okta's cursor and Microsoft's; each reads its own
        return format!("{own}{mark}after=fresh-{nth}&$skiptoken=fresh-{nth}");
    }
    match request.parameter("page") {
        None => format!("{own}&page={}", nth + 1000),
        Some(page) => own.replace(&format!("&page={page}"), &format!("&page={}", nth + 1000)),
    }
}

/// A second version of some list's first member: the same key, another date, state or flag.
fn differing(listing: &Listing) -> Option<(usize, String)> {
    // what identifies a member stays, one thing said of it changes
    let changes = [
        ("<EnableDate>2", "<EnableDate>1"),
        ("<Path>/", "<Path>/other/"),
        ("<encrypted>true", "<encrypted>false"),
        ("<Encrypted>true", "<Encrypted>false"),
        ("\"site_admin\":false", "\"site_admin\":true"),
        ("\"fork\":false", "\"fork\":true"),
        ("\"type\":\"User\"", "\"type\":\"Bot\""),
        ("\"State\":\"COMPLETED\"", "\"State\":\"FAILED\""),
        ("\"State\":\"ABORTED\"", "\"State\":\"COMPLETED\""),
        ("\"status\":\"ACTIVE\"", "\"status\":\"SUSPENDED\""),
        ("\"active\":true", "\"active\":false"),
        ("\"accountEnabled\":true", "\"accountEnabled\":false"),
        ("\"suspended\":false", "\"suspended\":true"),
        ("\"status\":\"Active\"", "\"status\":\"Inactive\""),
        ("\"value\":\"active\"", "\"value\":\"inactive\""),
    ];
    listing.lists.iter().enumerate().find_map(|(at, list)| {
        let member = list.first()?;
        let (from, to) = changes.iter().find(|(from, _)| member.contains(from))?;
        Some((at, member.replacen(from, to, 1)))
    })
}

/// Counts that a source declares of its own members.
const COUNTS: &[&str] = &["\"usersCount\"", "\"totalResults\"", "\"@odata.count\"", "\"total\"", "\"total_elements\""];

/// The answer with one member more than there is: in IAM's account summary, or in a count beside a JSON list.
fn disagreeing(text: &str) -> Option<String> {
    let (start, end) = match text.find("<key>Users</key>") {
        Some(at) => element(&text[at..], "value").map(|(start, end)| (at + start, at + end))?,
        None => COUNTS.iter().find_map(|name| {
            let at = text.find(name)? + name.len();
            let start = at + text[at..].find(|c: char| c.is_ascii_digit())?;
            let between = text[at..start].trim();
            let end = start + text[start..].find(|c: char| !c.is_ascii_digit())?;
            (between == ":").then_some((start, end))
        })?,
    };
    let count: u64 = text[start..end].trim().parse().ok()?;
    Some(format!("{}{}{}", &text[..start], count + 1, &text[end..]))
}
