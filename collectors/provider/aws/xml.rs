//! Reads one XML document, strictly: whole to its last byte, or not at all. It knows nothing of what a document means.

use model::Timestamp;
use model::time::seconds_text;
use serde_json::Value;
use xmlparser::{ElementEnd, Token, Tokenizer};

/// No answer of AWS is nested nearly as deeply.
const DEEPEST: usize = 64;

/// What a document holds, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event<'a> {
    /// An element begins, so many levels below the root.
    Open { name: &'a str, depth: usize },
    /// Text, as it is written.
    Text(&'a str),
    /// The element that began last, and has not ended, ends.
    Close,
}

/// Tells what `text` holds, and at its end whether it was one whole well-formed document without a document type.
pub(super) fn walk<'a>(text: &'a str, mut on: impl FnMut(Event<'a>) -> Result<(), String>) -> Result<(), String> {
    let mut open: Vec<&str> = Vec::new();
    let mut begun = false;
    let mut starting = "";
    let mut inside_tag = false;
    for token in Tokenizer::from(text) {
        match token.map_err(|error| format!("not well-formed XML: {error}"))? {
            Token::DtdStart { .. } | Token::EmptyDtd { .. } | Token::EntityDeclaration { .. } => {
                return Err("the answer declares a document type, which AWS never does".to_owned());
            }
            Token::Cdata { .. } => return Err("the answer has unparsed text, which AWS never writes".to_owned()),
            Token::ElementStart { local, .. } => {
                if begun && open.is_empty() {
                    return Err("a second document follows the first".to_owned());
                }
                begun = true;
                inside_tag = true;
                starting = local.as_str();
                on(Event::Open { name: starting, depth: open.len() })?;
            }
            Token::ElementEnd { end, .. } => {
                inside_tag = false;
                match end {
                    ElementEnd::Open => open.push(starting),
                    ElementEnd::Empty => on(Event::Close)?,
                    ElementEnd::Close(_, name) => {
                        let expected = open.pop();
                        if expected != Some(name.as_str()) {
                            let expected = expected.unwrap_or("nothing");
                            return Err(format!("not well-formed XML: `{name}` closes `{expected}`"));
                        }
                        on(Event::Close)?;
                    }
                }
            }
            Token::Text { text } if !open.is_empty() => on(Event::Text(text.as_str()))?,
            Token::Text { text } if !text.as_str().trim().is_empty() => {
                return Err("text outside the document".to_owned());
            }
            _ => {}
        }
    }
    if inside_tag {
        return Err(format!("the answer ends inside the tag `{starting}`"));
    }
    match open.last() {
        Some(name) => Err(format!("the answer ends inside `{name}`")),
        None if begun => Ok(()),
        None => Err("the answer is empty".to_owned()),
    }
}

/// An element with what is in it; attributes are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub name: String,
    pub children: Vec<Element>,
    text: String,
}

impl Element {
    /// The root of a document.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let mut open: Vec<Self> = Vec::new();
        let mut root = Self::default();
        walk(text, |event| {
            match event {
                Event::Open { depth: DEEPEST.., .. } => return Err(format!("more than {DEEPEST} levels")),
                Event::Open { name, .. } => open.push(Self { name: name.to_owned(), ..Self::default() }),
                Event::Text(text) => {
                    if let Some(element) = open.last_mut() {
                        element.text.push_str(&unescaped(text)?);
                    }
                }
                Event::Close => match (open.pop(), open.last_mut()) {
                    (Some(element), Some(parent)) => parent.children.push(element),
                    (Some(element), None) => root = element,
                    (None, _) => {}
                },
            }
            Ok(())
        })?;
        Ok(root)
    }

    /// The one child of that name; none where there is none.
    pub(crate) fn child(&self, name: &str) -> Result<Option<&Self>, String> {
        let mut named = self.children.iter().filter(|child| child.name == name);
        match (named.next(), named.next()) {
            (first, None) => Ok(first),
            _ => Err(format!("`{name}` comes twice")),
        }
    }

    /// The text of the child of that name; none where there is none, or it is empty.
    pub(crate) fn text(&self, name: &str) -> Result<Option<&str>, String> {
        match self.child(name)? {
            Some(child) if !child.children.is_empty() => Err(format!("`{name}` holds elements, and no text")),
            child => Ok(child.map(|child| child.text.as_str()).filter(|text| !text.is_empty())),
        }
    }

    /// The same, as a table holds it.
    pub(crate) fn cell(&self, name: &str) -> Result<Value, String> {
        Ok(self.text(name)?.map_or(Value::Null, Value::from))
    }

    pub(crate) fn boolean(&self, name: &str) -> Result<Value, String> {
        match self.text(name)? {
            None => Ok(Value::Null),
            Some("true") => Ok(Value::Bool(true)),
            Some("false") => Ok(Value::Bool(false)),
            Some(other) => Err(format!("`{name}` is `{other}`, neither true nor false")),
        }
    }

    pub(crate) fn integer(&self, name: &str) -> Result<Value, String> {
        let Some(text) = self.text(name)? else { return Ok(Value::Null) };
        text.parse::<i64>().map(Value::from).map_err(|_| format!("`{name}` is `{text}`, no whole number"))
    }

    pub(crate) fn instant(&self, name: &str) -> Result<Value, String> {
        let Some(text) = self.text(name)? else { return Ok(Value::Null) };
        let instant: Timestamp = text.parse().map_err(|_| format!("`{name}` is `{text}`, no instant"))?;
        Ok(Value::String(seconds_text(instant)))
    }
}

/// Text without its escapes: the five of XML, and characters by number.
fn unescaped(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        let (name, behind) = after.split_once(';').ok_or("an escape without an end")?;
        let number = |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
        let character = match (name, name.strip_prefix("#x"), name.strip_prefix('#')) {
            ("amp", ..) => Some('&'),
            ("lt", ..) => Some('<'),
            ("gt", ..) => Some('>'),
            ("quot", ..) => Some('"'),
            ("apos", ..) => Some('\''),
            (_, Some(digits), _) => number(digits, 16),
            (_, None, Some(digits)) => number(digits, 10),
            _ => None,
        };
        plain.push_str(before);
        plain.push(character.ok_or_else(|| format!("an escape nobody knows: `&{name};`"))?);
        rest = behind;
    }
    plain.push_str(rest);
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::Element;
    use serde_json::json;

    const PAGE: &str = "<?xml version=\"1.0\"?><R xmlns=\"urn:x\"><set><item><id>a&amp;b &#233;&#x2713;</id><on>true</on>\
                        <n>7</n><at>2026-01-01T00:00:00.250Z</at><none/></item><item/></set></R>";

    #[test]
    fn a_document_is_read_with_its_values() {
        let root = Element::read(PAGE).unwrap();
        let item = &root.child("set").unwrap().unwrap().children[0];
        assert_eq!(item.text("id").unwrap(), Some("a&b é✓"));
        assert_eq!(item.boolean("on").unwrap(), json!(true));
        assert_eq!(item.integer("n").unwrap(), json!(7));
        assert_eq!(item.instant("at").unwrap(), json!("2026-01-01T00:00:00Z"));
        assert_eq!((item.cell("none").unwrap(), item.cell("gone").unwrap()), (json!(null), json!(null)));
        assert_eq!(root.child("set").unwrap().unwrap().children.len(), 2);
    }

    #[test]
    fn a_document_cut_anywhere_is_refused() {
        for end in (0..PAGE.len()).filter(|end| PAGE.is_char_boundary(*end)) {
            assert!(Element::read(&PAGE[..end]).is_err(), "{}", &PAGE[..end]);
        }
    }

    #[test]
    fn a_value_of_another_kind_is_refused_and_not_read_as_none() {
        let read = |inside: &str| Element::read(&format!("<R>{inside}</R>")).unwrap();
        assert!(read("<a>yes</a>").boolean("a").is_err());
        assert!(read("<a>1.5</a>").integer("a").is_err());
        assert!(read("<a>yesterday</a>").instant("a").is_err());
        assert!(read("<a><b>x</b></a>").text("a").is_err());
        assert!(read("<a>1</a><a>2</a>").text("a").is_err());
    }

    #[test]
    fn what_aws_never_writes_is_refused() {
        for text in
            ["<R>&undeclared;</R>", "<R>&amp</R>", "<R><![CDATA[x]]></R>", "<!DOCTYPE html><R/>", "<R/><R/>", ""]
        {
            assert!(Element::read(text).is_err(), "{text}");
        }
        assert!(Element::read(&"<a>".repeat(100_000)).is_err());
    }
}
