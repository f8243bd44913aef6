//! The `Link` header (RFC 8288), as far as paging needs it.

use url::Url;

/// The relations that paging uses, as written.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Links {
    pub(crate) next: Option<String>,
    pub(crate) last: Option<String>,
    /// Whether any of them says where the page stands among others.
    pub(crate) tells_of_pages: bool,
}

impl Links {
    pub(crate) fn parse(header: &str) -> Self {
        let mut links = Self::default();
        let mut rest = header;
        while let Some((target, after)) = rest.split_once('<').and_then(|(_, after)| after.split_once('>')) {
            let end = after.find('<').unwrap_or(after.len());
            let parameters = &after[..end];
            rest = &after[end..];
            let relation = |name: &str| {
                parameters.split([';', ',']).any(|parameter| {
                    let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
                    key.trim() == "rel" && value.trim().trim_matches('"').split_whitespace().any(|word| word == name)
                })
            };
            links.tells_of_pages |= ["self", "first", "prev", "previous", "next", "last"].into_iter().any(relation);
            if relation("next") {
                links.next = Some(target.to_owned());
            } else if relation("last") {
                links.last = Some(target.to_owned());
            }
        }
        links
    }

    /// The number of the last page, where the server announces one.
    pub(crate) fn last_page(&self) -> Option<u32> {
        let url = Url::parse(self.last.as_deref()?).ok()?;
        url.query_pairs().find(|(name, _)| name == "page").and_then(|(_, value)| value.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use super::Links;

    #[test]
    fn next_and_last_are_found_in_any_order() {
        let links = Links::parse(
            "<https://api.github.com/a?page=1>; rel=\"prev\", <https://api.github.com/a?per_page=100&page=7>; rel=\"last\", \
             <https://api.github.com/a?page=3,4>; rel=next",
        );
        assert_eq!(links.next.as_deref(), Some("https://api.github.com/a?page=3,4"));
        assert_eq!(links.last_page(), Some(7));
        assert!(links.tells_of_pages && Links::parse("<https://api.example/a>; rel=self").tells_of_pages);
        assert!(!Links::parse("<https://api.example/>; rel=\"https://api.example/rel/home\"").tells_of_pages);
        assert_eq!(Links::parse(""), Links::default());
        assert_eq!(Links::parse("<broken"), Links::default());
    }
}
