//! The lists in an answer, so that a fault can take a member out, and a page can be cut: AWS's XML, JSON arrays with a
//! `link` header as GitHub and Okta give them, and JSON objects as AWS Backup, SCIM, Microsoft Graph, Google, BambooHR and
//! Personio do; and the outermost connection of a GraphQL answer.
//! Everything around the lists is kept as it came.

use super::{Request, Response};
use serde_json::Value;

/// The members of the lists of one answer.
#[derive(Debug, Clone)]
pub(crate) struct Listing {
    /// Each list's members as texts.
    pub(crate) lists: Vec<Vec<String>>,
    /// What asks for the page after this one: a marker, a token, or a URL.
    pub(crate) next: Option<String>,
    /// Whether there was a page after it when it was read.
    had_next: bool,
    shape: Shape,
}

#[derive(Debug, Clone)]
enum Shape {
    /// The text and where in it each list's content stands.
    Xml { text: String, places: Vec<(usize, usize)>, style: &'static Style },
    /// An object with one list, the list's name, and how it says that there is more.
    Object { around: serde_json::Map<String, Value>, name: String, more: More },
    /// The same, with the next page in the `link` header.
    Linked { around: serde_json::Map<String, Value>, name: String },
    /// A GraphQL answer, and where in it the connection stands.
    Connection { around: Value, pointer: String },
    /// A bare array; the next page stands in the `link` header.
    Array,
}

/// How a service writes its lists in XML.
#[derive(Debug, PartialEq, Eq)]
struct Style {
    /// What only its answers have.
    mark: &'static str,
    /// The element of each member.
    member: &'static str,
    /// How many levels below the root its lists stand.
    depth: i32,
    /// The element that names the next page.
    next: &'static str,
    /// Whether an answer also says in words that more follow.
    says_more: bool,
}

const STYLES: &[Style] = &[
    Style { mark: "<IsTruncated>", member: "member", depth: 2, next: "Marker", says_more: true },
    Style { mark: "<DBSnapshots", member: "DBSnapshot", depth: 2, next: "Marker", says_more: false },
    Style { mark: "<DBClusterSnapshots", member: "DBClusterSnapshot", depth: 2, next: "Marker", says_more: false },
    Style { mark: "<snapshotSet", member: "item", depth: 1, next: "nextToken", says_more: false },
];

/// How an object says that there is a page after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum More {
    /// A field with a token.
    Token(&'static str),
    /// A field with an address.
    Address(&'static str),
    /// A total that is larger than what was listed so far.
    Total,
    /// BambooHR's cursor, below `meta.page`.
    Cursor,
    /// Personio's total, below `metadata`, and the offset beside it.
    Elements,
}

impl More {
    fn of(around: &serde_json::Map<String, Value>, name: &str) -> Self {
        let is_google = around.get("kind").and_then(Value::as_str).is_some_and(|kind| kind.starts_with("admin#"));
        match name {
            "Resources" => Self::Total,
            "value" => Self::Address("@odata.nextLink"),
            "data" if around.get("meta").is_some_and(|meta| meta.get("page").is_some()) => Self::Cursor,
            "data" if around.contains_key("metadata") => Self::Elements,
            _ if is_google => Self::Token("nextPageToken"),
            _ => Self::Token("NextToken"),
        }
    }
}

/// The list of an object that has one beside other arrays.
const LISTS: &[&str] = &["Resources", "value", "users", "groups", "members", "items"];

fn number(around: &serde_json::Map<String, Value>, name: &str) -> Option<usize> {
    usize::try_from(around.get(name)?.as_u64()?).ok()
}

fn total_elements(around: &serde_json::Map<String, Value>) -> Option<usize> {
    usize::try_from(around.get("metadata")?.get("total_elements")?.as_u64()?).ok()
}

impl Listing {
    /// The lists of a successful answer; none where it is no listing.
    pub(crate) fn of(request: &Request, response: &Response) -> Option<Self> {
        if response.status != 200 {
            return None;
        }
        let text = response.text();
        if request.parameter("Action").is_some() {
            return Self::of_xml(text);
        }
        match serde_json::from_str(&text).ok()? {
            Value::Array(members) => {
                let next = response.header("link").and_then(|link| link_to(link, "next"));
                let members = members.iter().map(Value::to_string).collect();
                Some(Self { lists: vec![members], had_next: next.is_some(), next, shape: Shape::Array })
            }
            around @ Value::Object(_)
                if around.get("data").is_some_and(Value::is_object) && connection_in(&around, "").is_some() =>
            {
                let pointer = connection_in(&around, "")?;
                let connection = around.pointer(&pointer)?;
                let info = connection.get("pageInfo")?;
                let next = info["endCursor"].as_str().filter(|_| info["hasNextPage"] == true).map(str::to_owned);
                let members = connection["nodes"].as_array()?.iter().map(Value::to_string).collect();
                let shape = Shape::Connection { around, pointer };
                Some(Self { lists: vec![members], had_next: next.is_some(), next, shape })
            }
            Value::Object(mut around) => {
                let mut arrays = around.iter().filter(|(_, value)| value.is_array()).map(|(name, _)| name.as_str());
                let known = LISTS.iter().find(|name| around.get(**name).is_some_and(Value::is_array));
                let name = match (known, arrays.next(), arrays.next()) {
                    (Some(name), ..) => (*name).to_owned(),
                    (None, Some(name), None) => name.to_owned(),
                    _ => return None,
                };
                let members: Vec<String> = around[&name].as_array()?.iter().map(Value::to_string).collect();
                if request.target.contains("per_page=") {
                    let next = response.header("link").and_then(|link| link_to(link, "next"));
                    let shape = Shape::Linked { around, name };
                    return Some(Self { lists: vec![members], had_next: next.is_some(), next, shape });
                }
                let more = More::of(&around, &name);
                let next = match more {
                    More::Token(field) | More::Address(field) => {
                        around.remove(field).and_then(|token| token.as_str().map(str::to_owned))
                    }
                    More::Cursor => {
                        let cursor = around["meta"]["page"]["nextCursor"].take();
                        cursor.as_str().map(str::to_owned)
                    }
                    // one member is asked for to learn the total: that is no listing
                    More::Elements if request.parameter("limit").as_deref() == Some("1") => return None,
                    More::Elements => {
                        let after = number(&around, "offset").unwrap_or(0) + members.len();
                        (total_elements(&around)? > after).then(|| after.to_string())
                    }
                    // none is asked for, to learn the total
                    More::Total if request.parameter("count").as_deref() == Some("0") => return None,
                    More::Total => {
                        let after = number(&around, "startIndex").unwrap_or(1) + members.len();
                        (number(&around, "totalResults")? >= after).then(|| after.to_string())
                    }
                };
                Some(Self {
                    lists: vec![members],
                    had_next: next.is_some(),
                    next,
                    shape: Shape::Object { around, name, more },
                })
            }
            _ => None,
        }
    }

    fn of_xml(text: String) -> Option<Self> {
        let style = STYLES.iter().find(|style| text.contains(style.mark))?;
        let more = match element(&text, "IsTruncated") {
            Some((start, end)) => text[start..end].trim() == "true",
            None => !style.says_more,
        };
        let next = element(&text, style.next).filter(|_| more).map(|(start, end)| text[start..end].to_owned());
        let places = list_places(&text, style);
        let lists = places.iter().map(|(start, end)| members_of(&text[*start..*end])).collect();
        Some(Self { lists, had_next: next.is_some(), next, shape: Shape::Xml { text, places, style } })
    }

    /// The answer with the lists and the next page as they now are.
    pub(crate) fn put_into(self, response: Response) -> Response {
        match self.shape {
            Shape::Xml { text, places, style } => {
                let mut whole = String::new();
                let mut from = 0;
                for ((start, end), members) in places.iter().zip(&self.lists) {
                    whole.push_str(&text[from..*start]);
                    for member in members {
                        whole.push_str(&format!("<{0}>{member}</{0}>", style.member));
                    }
                    from = *end;
                }
                whole.push_str(&text[from..]);
                let tagged = |content: &str| format!("<{0}>{content}</{0}>", style.next);
                if let Some((start, end)) = element(&whole, style.next) {
                    let before = start - style.next.len() - "<>".len();
                    whole.replace_range(before..end + style.next.len() + "</>".len(), "");
                }
                let next = self.next.as_deref().map(tagged).unwrap_or_default();
                if let Some((start, end)) = element(&whole, "IsTruncated") {
                    whole.insert_str(end + "</IsTruncated>".len(), &next);
                    whole.replace_range(start..end, if self.next.is_some() { "true" } else { "false" });
                } else {
                    // at the end of what holds the lists
                    let mut end = whole.len();
                    for _ in 0..style.depth {
                        end = whole[..end].rfind("</Describe").expect("an answer is named after its call");
                    }
                    whole.insert_str(end, &next);
                }
                Response { body: whole.into_bytes(), ..response }
            }
            Shape::Object { mut around, name, more } => {
                let members: Vec<Value> =
                    self.lists[0].iter().map(|member| serde_json::from_str(member).unwrap()).collect();
                let listed = number(&around, "startIndex").unwrap_or(1) - 1 + members.len();
                let stepped = number(&around, "offset").unwrap_or(0) + members.len();
                around.insert(name, Value::Array(members));
                match (more, self.next) {
                    (More::Cursor, next) => around["meta"]["page"]["nextCursor"] = next.into(),
                    (More::Elements, Some(_)) => {
                        let total = total_elements(&around).unwrap_or(0).max(stepped + 1);
                        around["metadata"]["total_elements"] = total.into();
                    }
                    (More::Elements, None) if self.had_next => around["metadata"]["total_elements"] = stepped.into(),
                    (More::Token(field) | More::Address(field), Some(next)) => {
                        around.insert(field.to_owned(), Value::String(next));
                    }
                    (More::Total, Some(_)) => {
                        let total = number(&around, "totalResults").unwrap_or(0).max(listed + 1);
                        around.insert("totalResults".to_owned(), total.into());
                    }
                    (More::Total, None) => {
                        // a member that was lost is still counted; a listing that ends early counts no more
                        if self.had_next {
                            around.insert("totalResults".to_owned(), listed.into());
                        }
                    }
                    (_, None) => {}
                }
                Response { body: Value::Object(around).to_string().into_bytes(), ..response }
            }
            Shape::Connection { mut around, pointer } => {
                let members = self.lists[0].iter().map(|member| serde_json::from_str(member).unwrap()).collect();
                let connection = around.pointer_mut(&pointer).expect("found when the answer was read");
                connection["nodes"] = Value::Array(members);
                connection["pageInfo"]["hasNextPage"] = Value::Bool(self.next.is_some());
                connection["pageInfo"]["endCursor"] = self.next.map_or(Value::Null, Value::String);
                Response { body: around.to_string().into_bytes(), ..response }
            }
            Shape::Linked { mut around, name } => {
                let members = self.lists[0].iter().map(|member| serde_json::from_str(member).unwrap()).collect();
                around.insert(name, Value::Array(members));
                linked(response, Value::Object(around).to_string(), self.next)
            }
            Shape::Array => {
                let body = format!("[{}]", self.lists[0].join(","));
                linked(response, body, self.next)
            }
        }
    }

    /// Whether it says in words that more follow, so that an answer may fail to say where.
    pub(crate) const fn says_more(&self) -> bool {
        matches!(self.shape, Shape::Xml { style: Style { says_more: true, .. }, .. })
    }

    /// Whether the next page is named by its address.
    pub(crate) const fn is_followed_by_address(&self) -> bool {
        matches!(self.shape, Shape::Array | Shape::Linked { .. } | Shape::Object { more: More::Address(_), .. })
    }

    /// Whether the reader counts the pages itself, up to a total.
    pub(crate) const fn is_stepped_through(&self) -> bool {
        matches!(self.shape, Shape::Object { more: More::Elements | More::Total, .. })
    }

    /// How many members there are in all lists together.
    pub(crate) fn len(&self) -> usize {
        self.lists.iter().map(Vec::len).sum()
    }
}

/// The answer with `body`, and `next` among its links.
fn linked(response: Response, body: String, next: Option<String>) -> Response {
    let others = response.header("link").map(|link| links(link).filter(|(_, rel)| rel != "next").collect());
    let mut links: Vec<(String, String)> = others.unwrap_or_default();
    links.extend(next.map(|next| (next, "next".to_owned())));
    let link: Vec<String> = links.iter().map(|(url, rel)| format!("<{url}>; rel=\"{rel}\"")).collect();
    let mut response = Response { body: body.into_bytes(), ..response };
    response.headers.retain(|(name, _)| name != "link");
    if link.is_empty() { response } else { response.with("link", &link.join(", ")) }
}

/// Where the outermost connection of a GraphQL answer stands.
fn connection_in(value: &Value, pointer: &str) -> Option<String> {
    let members = value.as_object()?;
    if members.contains_key("nodes") && members.contains_key("pageInfo") {
        return Some(pointer.to_owned());
    }
    members.iter().find_map(|(name, member)| connection_in(member, &format!("{pointer}/{name}")))
}

/// The addresses of a `link` header with their relations.
pub(crate) fn links(header: &str) -> impl Iterator<Item = (String, String)> {
    header.split(", <").filter_map(|part| {
        let (url, rest) = part.trim_start_matches('<').split_once('>')?;
        let rel = rest.split("rel=\"").nth(1)?.split('"').next()?;
        Some((url.to_owned(), rel.to_owned()))
    })
}

fn link_to(header: &str, wanted: &str) -> Option<String> {
    links(header).find(|(_, rel)| rel == wanted).map(|(url, _)| url)
}

/// Where the content of the first element `name` stands.
pub(crate) fn element(text: &str, name: &str) -> Option<(usize, usize)> {
    let start = text.find(&format!("<{name}>"))? + name.len() + 2;
    let end = start + text[start..].find(&format!("</{name}>"))?;
    Some((start, end))
}

/// One tag of an XML text: where it starts and ends, and by how much it deepens.
fn tags(text: &str) -> impl Iterator<Item = (usize, usize, i32)> {
    text.match_indices('<').filter_map(|(start, _)| {
        let end = start + text[start..].find('>')? + 1;
        let tag = &text[start..end];
        let deeper = match tag {
            tag if tag.starts_with("<?") || tag.starts_with("<!") => return None,
            tag if tag.starts_with("</") => -1,
            tag if tag.ends_with("/>") => 0,
            _ => 1,
        };
        Some((start, end, deeper))
    })
}

/// Where the contents of the lists directly below the result stand: elements that hold members, or nothing.
fn list_places(text: &str, style: &Style) -> Vec<(usize, usize)> {
    let (full, bare) = (format!("<{}>", style.member), format!("<{}/>", style.member));
    let mut places = Vec::new();
    let mut depth = 0;
    let mut open = 0;
    for (start, end, deeper) in tags(text) {
        if deeper == 1 && depth == style.depth {
            open = end;
        }
        depth += deeper;
        if deeper == -1 && depth == style.depth {
            let content = text[open..start].trim();
            if content.is_empty() || content.starts_with(&full) || content.starts_with(&bare) {
                places.push((open, start));
            }
        }
    }
    places
}

/// The contents of the `member`s directly in a list's content.
fn members_of(content: &str) -> Vec<String> {
    let mut members = Vec::new();
    let mut depth = 0;
    let mut open = 0;
    for (start, end, deeper) in tags(content) {
        if deeper == 1 && depth == 0 {
            open = end;
        }
        depth += deeper;
        if deeper == -1 && depth == 0 {
            members.push(content[open..start].to_owned());
        }
    }
    members
}
