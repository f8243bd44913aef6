//! Bytes to text: by byte order mark or by declaration, never by guess. Pure.

use model::CollectError;
use std::borrow::Cow;

/// The setting `encoding`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Encoding {
    /// By byte order mark; without one, UTF-8.
    Auto,
    #[serde(rename = "utf-8")]
    Utf8,
    #[serde(rename = "utf-16le")]
    Utf16Le,
    #[serde(rename = "utf-16be")]
    Utf16Be,
    #[serde(rename = "windows-1252")]
    Windows1252,
}

impl Encoding {
    const fn name(self) -> &'static str {
        match self {
            Self::Auto | Self::Utf8 => "UTF-8",
            Self::Utf16Le => "UTF-16LE",
            Self::Utf16Be => "UTF-16BE",
            Self::Windows1252 => "Windows-1252",
        }
    }
}

/// A file as text, and how it was read: `UTF-16LE with byte order mark`.
#[derive(Debug)]
pub(super) struct Text<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) how: String,
}

const MARKS: &[(&[u8], Encoding)] =
    &[(b"\xef\xbb\xbf", Encoding::Utf8), (b"\xff\xfe", Encoding::Utf16Le), (b"\xfe\xff", Encoding::Utf16Be)];

/// `0x80` to `0x9f` of Windows-1252; everything else is the code point of its byte. Zero: no character.
const WINDOWS_1252: [u16; 32] = [
    0x20ac, 0, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0, 0x017d, 0, 0,
    0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0, 0x017e, 0x0178,
];

/// The text of `content`.
pub(super) fn decode(content: &[u8], declared: Encoding) -> Result<Text<'_>, CollectError> {
    let mark = MARKS.iter().find(|(mark, _)| content.starts_with(mark));
    let body = mark.map_or(content, |(mark, _)| &content[mark.len()..]);
    let marked = mark.map(|(_, encoding)| *encoding);
    if let Some(marked) = marked
        && declared != Encoding::Auto
        && declared != marked
    {
        return Err(misconfigured(
            format!(
                "the roster begins with the byte order mark of {}, `encoding` says {}",
                marked.name(),
                declared.name()
            ),
            "remove `encoding`: the mark says what the file is",
        ));
    }
    if content.starts_with(b"\xff\xfe\0\0") {
        return Err(misconfigured("the roster is UTF-32".to_owned(), "export it as UTF-8"));
    }
    let encoding = marked.unwrap_or(declared);
    let text = match encoding {
        Encoding::Auto | Encoding::Utf8 => Cow::Borrowed(utf8(body, encoding == Encoding::Auto)?),
        Encoding::Utf16Le => Cow::Owned(utf16(body, u16::from_le_bytes)?),
        Encoding::Utf16Be => Cow::Owned(utf16(body, u16::from_be_bytes)?),
        Encoding::Windows1252 => Cow::Owned(windows_1252(body)?),
    };
    let how = if marked.is_some() {
        format!("{} with byte order mark", encoding.name())
    } else if matches!(encoding, Encoding::Utf16Le | Encoding::Utf16Be | Encoding::Windows1252) {
        format!("{} as declared", encoding.name())
    } else {
        encoding.name().to_owned()
    };
    Ok(Text { text, how })
}

fn misconfigured(message: String, help: &str) -> CollectError {
    CollectError::Misconfigured { message, help: help.to_owned() }
}

fn utf8(body: &[u8], undeclared: bool) -> Result<&str, CollectError> {
    // a header line has no NUL in any encoding but those of two bytes
    if undeclared && body.iter().take(64).any(|byte| *byte == 0) {
        return Err(misconfigured(
            "the roster has NUL bytes in its first line: it may be UTF-16 without byte order mark".to_owned(),
            "say which: `encoding = \"utf-16le\"` or `\"utf-16be\"`; or export it as UTF-8",
        ));
    }
    std::str::from_utf8(body).map_err(|error| {
        misconfigured(
            format!("the roster is not UTF-8: byte {} cannot be read", error.valid_up_to() + 1),
            "export it as UTF-8 (in a spreadsheet: `CSV UTF-8`); where that is impossible, `encoding = \"windows-1252\"` \
             declares what older spreadsheets write in Western Europe",
        )
    })
}

fn utf16(body: &[u8], unit: fn([u8; 2]) -> u16) -> Result<String, CollectError> {
    let pairs = body.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(misconfigured(
            "the roster is UTF-16 with half a character at its end: it is cut".to_owned(),
            "export it again",
        ));
    }
    let mut text = String::with_capacity(body.len());
    let mut units = 0;
    for character in char::decode_utf16(pairs.map(|pair| unit([pair[0], pair[1]]))) {
        let character = character.map_err(|_| {
            misconfigured(
                format!("the roster is not UTF-16: character unit {} has no other half", units + 1),
                "export it as UTF-8 (in a spreadsheet: `CSV UTF-8`)",
            )
        })?;
        units += character.len_utf16();
        text.push(character);
    }
    Ok(text)
}

fn windows_1252(body: &[u8]) -> Result<String, CollectError> {
    let mut text = String::with_capacity(body.len());
    for (at, byte) in body.iter().enumerate() {
        let point = match byte {
            0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
            _ => u16::from(*byte),
        };
        let character = char::from_u32(u32::from(point)).filter(|_| point != 0);
        text.push(character.ok_or_else(|| {
            misconfigured(
                format!("the roster is not Windows-1252: byte {} has no meaning there", at + 1),
                "export it as UTF-8 (in a spreadsheet: `CSV UTF-8`)",
            )
        })?);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::{Encoding, decode};

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn a_byte_order_mark_says_what_a_file_is() {
        let text = "ID\u{1f600}é\n";
        for (mark, body, how) in [
            (&b"\xef\xbb\xbf"[..], text.as_bytes().to_vec(), "UTF-8 with byte order mark"),
            (b"\xff\xfe", utf16(text, u16::to_le_bytes), "UTF-16LE with byte order mark"),
            (b"\xfe\xff", utf16(text, u16::to_be_bytes), "UTF-16BE with byte order mark"),
        ] {
            let content = [mark, &body].concat();
            let read = decode(&content, Encoding::Auto).unwrap();
            assert_eq!((read.text.as_ref(), read.how.as_str()), (text, how));
        }
        assert_eq!(decode(text.as_bytes(), Encoding::Auto).unwrap().how, "UTF-8");
    }

    #[test]
    fn without_a_mark_nothing_but_utf_8_is_read_undeclared() {
        let le = utf16("ID;Name\n", u16::to_le_bytes);
        assert!(decode(&le, Encoding::Auto).unwrap_err().to_string().contains("UTF-16 without byte order mark"));
        assert_eq!(decode(&le, Encoding::Utf16Le).unwrap().text, "ID;Name\n");
        let western = b"ID;Stra\xdfe \x80\n";
        assert!(decode(western, Encoding::Auto).unwrap_err().help().unwrap().contains("windows-1252"));
        assert_eq!(decode(western, Encoding::Windows1252).unwrap().text, "ID;Straße €\n");
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_never_replaced() {
        for (content, encoding) in [
            (&b"\xff\xfeI\0D"[..], Encoding::Auto),
            (b"\xff\xfe\x00\xd8A\0", Encoding::Auto),
            (b"\xff\xfe\0\0I\0\0\0", Encoding::Auto),
            (b"\xff\xfeI\0", Encoding::Utf8),
            (b"ID\x81", Encoding::Windows1252),
            (b"ID\xff", Encoding::Utf8),
        ] {
            assert_eq!(decode(content, encoding).unwrap_err().kind(), "misconfigured", "{content:?}");
        }
    }
}
