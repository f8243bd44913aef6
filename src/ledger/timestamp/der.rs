//! A strict reader of DER over borrowed bytes, and the few lines that write it.
//!
//! It hands out every element with its bytes as they came, because signatures are over those. It reads one level at a time,
//! never recurses, allocates nothing, and knows one spelling of every length.

use super::error::TimestampError;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: u8 = 0x05;
pub(super) const OID: u8 = 0x06;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The constructed context tag `[number]`.
pub(super) const fn context(number: u8) -> u8 {
    0xa0 | number
}

/// The primitive context tag `[number]`.
pub(super) const fn context_primitive(number: u8) -> u8 {
    0x80 | number
}

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    /// Tag, length and content.
    pub(super) whole: &'a [u8],
    pub(super) content: &'a [u8],
}

impl<'a> Element<'a> {
    /// Reads what is inside.
    pub(super) const fn inside(self) -> Reader<'a> {
        Reader { rest: self.content }
    }
}

/// Elements one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_empty(self) -> bool {
        self.rest.is_empty()
    }

    /// The next element, whatever it is; `what` names it in the error.
    pub(super) fn any(&mut self, what: &'static str) -> Result<Element<'a>, TimestampError> {
        let (element, rest) = split(self.rest).ok_or(TimestampError::Malformed(what))?;
        self.rest = rest;
        Ok(element)
    }

    /// The next element, which has this tag.
    pub(super) fn expect(&mut self, tag: u8, what: &'static str) -> Result<Element<'a>, TimestampError> {
        let element = self.any(what)?;
        if element.tag == tag { Ok(element) } else { Err(TimestampError::Malformed(what)) }
    }

    /// The next element if it has this tag.
    pub(super) fn optional(&mut self, tag: u8, what: &'static str) -> Result<Option<Element<'a>>, TimestampError> {
        if self.rest.first() == Some(&tag) { self.expect(tag, what).map(Some) } else { Ok(None) }
    }

    /// Every element up to the end, at most `most`.
    pub(super) fn all(mut self, most: usize, what: &'static str) -> Result<Vec<Element<'a>>, TimestampError> {
        let mut elements = Vec::new();
        while !self.is_empty() {
            if elements.len() == most {
                return Err(TimestampError::Malformed(what));
            }
            elements.push(self.any(what)?);
        }
        Ok(elements)
    }

    /// There is nothing more.
    pub(super) const fn end(self, what: &'static str) -> Result<(), TimestampError> {
        if self.rest.is_empty() { Ok(()) } else { Err(TimestampError::Malformed(what)) }
    }
}

/// The one element `bytes` are, and nothing behind it.
pub(super) fn only<'a>(bytes: &'a [u8], tag: u8, what: &'static str) -> Result<Reader<'a>, TimestampError> {
    let mut reader = Reader::new(bytes);
    let element = reader.expect(tag, what)?;
    reader.end(what)?;
    Ok(element.inside())
}

fn split(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    // tags of several bytes occur nowhere in these formats
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .try_fold(0_u32, |length, digit| length.checked_mul(256).map(|length| length | u32::from(*digit)))?;
            // the shortest spelling only
            if digits.first() == Some(&0) || length < 0x80 {
                return None;
            }
            (usize::try_from(length).ok()?, rest)
        }
        // indefinite, or longer than anything read here
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    let whole = &bytes[..bytes.len() - rest.len()];
    Some((Element { tag, whole, content }, rest))
}

/// An element of `tag` around `content`.
pub(super) fn write(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut bytes = vec![tag];
    let length = content.len();
    if let Ok(short @ 0..=0x7f) = u8::try_from(length) {
        bytes.push(short);
    } else {
        let digits: Vec<u8> = length.to_be_bytes().into_iter().skip_while(|digit| *digit == 0).collect();
        bytes.push(0x80 | u8::try_from(digits.len()).unwrap_or(8));
        bytes.extend(digits);
    }
    bytes.extend_from_slice(content);
    bytes
}

/// The content of an INTEGER that is not negative.
pub(super) fn unsigned(number: u64) -> Vec<u8> {
    let mut bytes: Vec<u8> = number.to_be_bytes().into_iter().skip_while(|digit| *digit == 0).collect();
    if bytes.first().is_none_or(|first| first & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    bytes
}

/// A small INTEGER that is not negative.
pub(super) fn small(content: &[u8]) -> Option<u32> {
    let minimal = content.len() < 2 || content[0] != 0 || content[1] & 0x80 != 0;
    if content.is_empty() || content.len() > 4 || !minimal || content[0] & 0x80 != 0 {
        return None;
    }
    Some(content.iter().fold(0, |number, digit| number << 8 | u32::from(*digit)))
}

/// An OBJECT IDENTIFIER in dots: `1.2.840.113549`.
pub(super) fn dotted(content: &[u8]) -> Option<String> {
    if content.is_empty() || content.len() > 64 || content.last()? & 0x80 != 0 {
        return None;
    }
    let mut arcs = Vec::new();
    let mut arc: u64 = 0;
    for byte in content {
        arc = arc.checked_mul(128)? | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            arcs.push(arc);
            arc = 0;
        }
    }
    let root = (arcs[0] / 40).min(2);
    let mut text = format!("{root}.{}", arcs[0] - root * 40);
    for arc in &arcs[1..] {
        text.push_str(&format!(".{arc}"));
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_has_one_spelling() {
        for refused in [
            &[0x04, 0x81, 0x01, 0xaa][..],
            &[0x04, 0x82, 0x00, 0x80],
            &[0x04, 0x80, 0x00, 0x00],
            &[0x04, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x04, 0x85, 0x00, 0x00, 0x00, 0x00, 0x01, 0xaa],
            &[0x04, 0x02, 0xaa],
            &[0x1f, 0x01, 0xaa],
            &[0x04],
            &[],
        ] {
            assert_eq!(split(refused), None, "{refused:x?}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
            let content = vec![7; length];
            let bytes = write(OCTET_STRING, &content);
            let (element, rest) = split(&bytes).unwrap();
            assert_eq!((element.content, rest.len()), (content.as_slice(), 0), "{length}");
        }
        for number in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fff_ffff] {
            assert_eq!(small(&unsigned(number)).map(u64::from), Some(number), "{number}");
        }
    }

    #[test]
    fn object_identifiers_are_written_in_dots() {
        assert_eq!(dotted(&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d]).as_deref(), Some("1.2.840.113549"));
        assert_eq!(dotted(&[0x88, 0x37]).as_deref(), Some("2.999"));
        assert_eq!(dotted(&[0x2a, 0x86]), None);
        assert_eq!(dotted(&[]), None);
        assert_eq!(dotted(&[0xff; 12]), None);
    }
}
