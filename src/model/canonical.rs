//! Canonical JSON (RFC 8785): the bytes that are hashed and sealed.

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};
use std::cmp::Ordering;
use std::io::{self, Write};
use std::ops::Range;

/// A value that has no canonical form.
#[derive(Debug, thiserror::Error)]
#[error("value has no canonical JSON form: {0}")]
pub struct CanonicalError(#[from] serde_json::Error);

/// Serialises `value` as RFC 8785 canonical JSON.
///
/// Only typed structs go in: integers beyond 2^53 and duplicate keys, which canonicalisers
/// round or drop silently, cannot arise from the types of this crate.
pub fn canonical_json<T: Serialize>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::new();
    let canonical = Canonical { out: &mut out, objects: Vec::new(), members: Vec::new(), reordered: Vec::new() };
    value.serialize(&mut Serializer::with_formatter(io::sink(), canonical))?;
    Ok(out)
}

/// Numbers up to here are written digit for digit: a double holds each of them.
const EXACT: u64 = 1 << 53;

/// Writes members as they come, and puts those of an object in order once its last is there.
///
/// The library's formatter keeps every key and value in an allocation of its own, which is most of what writing a large table
/// or evaluation costs. It is asked for numbers that are no plain integers, and tests compare the two.
struct Canonical<'a> {
    out: &'a mut Vec<u8>,
    /// Where each open object begins: its first member in `out` and in `members`.
    objects: Vec<(usize, usize)>,
    /// The members of the open objects.
    members: Vec<Member>,
    reordered: Vec<u8>,
}

/// Where a member stands, without the comma before it.
struct Member {
    /// Its key, quotes included.
    key: Range<usize>,
    end: usize,
}

impl Canonical<'_> {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.out.write_all(bytes)
    }

    fn number(&mut self, number: impl Serialize) -> io::Result<()> {
        let written = serde_json_canonicalizer::to_vec(&number)?;
        self.put(&written)
    }

    fn signed(&mut self, number: i64) -> io::Result<()> {
        if number.unsigned_abs() > EXACT {
            return self.number(number);
        }
        CompactFormatter.write_i64(self.out, number)
    }

    fn unsigned(&mut self, number: u64) -> io::Result<()> {
        if number > EXACT {
            return self.number(number);
        }
        CompactFormatter.write_u64(self.out, number)
    }
}

/// How two keys are ordered, as they stand in `out`: by the UTF-16 code units of what they say.
fn compare(one: &[u8], other: &[u8]) -> Ordering {
    let plain = |key: &[u8]| key.iter().all(|byte| byte.is_ascii() && *byte != b'\\');
    if plain(one) && plain(other) {
        // without the quote at the end, which is not the least of all letters
        return one[..one.len() - 1].cmp(&other[..other.len() - 1]);
    }
    let units = |key: &[u8]| {
        let said: String = serde_json::from_slice(key).unwrap_or_default();
        said.encode_utf16().collect::<Vec<u16>>()
    };
    units(one).cmp(&units(other))
}

impl Formatter for Canonical<'_> {
    fn write_null<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.put(b"null")
    }

    fn write_bool<W: ?Sized + Write>(&mut self, _: &mut W, value: bool) -> io::Result<()> {
        self.put(if value { b"true" } else { b"false" })
    }

    fn write_i8<W: ?Sized + Write>(&mut self, _: &mut W, value: i8) -> io::Result<()> {
        self.signed(value.into())
    }

    fn write_i16<W: ?Sized + Write>(&mut self, _: &mut W, value: i16) -> io::Result<()> {
        self.signed(value.into())
    }

    fn write_i32<W: ?Sized + Write>(&mut self, _: &mut W, value: i32) -> io::Result<()> {
        self.signed(value.into())
    }

    fn write_i64<W: ?Sized + Write>(&mut self, _: &mut W, value: i64) -> io::Result<()> {
        self.signed(value)
    }

    fn write_i128<W: ?Sized + Write>(&mut self, _: &mut W, value: i128) -> io::Result<()> {
        self.number(value)
    }

    fn write_u8<W: ?Sized + Write>(&mut self, _: &mut W, value: u8) -> io::Result<()> {
        self.unsigned(value.into())
    }

    fn write_u16<W: ?Sized + Write>(&mut self, _: &mut W, value: u16) -> io::Result<()> {
        self.unsigned(value.into())
    }

    fn write_u32<W: ?Sized + Write>(&mut self, _: &mut W, value: u32) -> io::Result<()> {
        self.unsigned(value.into())
    }

    fn write_u64<W: ?Sized + Write>(&mut self, _: &mut W, value: u64) -> io::Result<()> {
        self.unsigned(value)
    }

    fn write_u128<W: ?Sized + Write>(&mut self, _: &mut W, value: u128) -> io::Result<()> {
        self.number(value)
    }

    fn write_f32<W: ?Sized + Write>(&mut self, _: &mut W, value: f32) -> io::Result<()> {
        self.number(value)
    }

    fn write_f64<W: ?Sized + Write>(&mut self, _: &mut W, value: f64) -> io::Result<()> {
        self.number(value)
    }

    fn write_number_str<W: ?Sized + Write>(&mut self, _: &mut W, value: &str) -> io::Result<()> {
        let number: f64 = value.parse().map_err(io::Error::other)?;
        self.number(number)
    }

    fn begin_string<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.put(b"\"")
    }

    fn end_string<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.put(b"\"")
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, _: &mut W, fragment: &str) -> io::Result<()> {
        self.put(fragment.as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, _: &mut W, escape: CharEscape) -> io::Result<()> {
        // the short forms and lower case digits, as RFC 8785 wants them
        CompactFormatter.write_char_escape(self.out, escape)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.put(b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.put(b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, _: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { self.put(b",") }
    }

    fn begin_object<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.put(b"{")?;
        self.objects.push((self.out.len(), self.members.len()));
        Ok(())
    }

    fn end_object<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        let (begin, first) = self.objects.pop().ok_or_else(unopened)?;
        let members = &mut self.members[first..];
        let out = &*self.out;
        let order = |one: &Member, other: &Member| compare(&out[one.key.clone()], &out[other.key.clone()]);
        if !members.is_sorted_by(|one, other| order(one, other) == Ordering::Less) {
            members.sort_by(order);
            if members.windows(2).any(|pair| order(&pair[0], &pair[1]) == Ordering::Equal) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "duplicate object key"));
            }
            self.reordered.clear();
            for member in &*members {
                if !self.reordered.is_empty() {
                    self.reordered.push(b',');
                }
                self.reordered.extend_from_slice(&out[member.key.start..member.end]);
            }
            self.out.truncate(begin);
            self.out.extend_from_slice(&self.reordered);
        }
        self.members.truncate(first);
        self.put(b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, _: &mut W, first: bool) -> io::Result<()> {
        if !first {
            self.put(b",")?;
        }
        let at = self.out.len();
        self.members.push(Member { key: at..at, end: at });
        Ok(())
    }

    fn end_object_key<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.members.last_mut().ok_or_else(unopened)?.key.end = self.out.len();
        Ok(())
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.put(b":")
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.members.last_mut().ok_or_else(unopened)?.end = self.out.len();
        Ok(())
    }

    fn write_raw_fragment<W: ?Sized + Write>(&mut self, _: &mut W, _: &str) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "text that is JSON already may not be canonical"))
    }
}

fn unopened() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "a member outside an object")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn values() -> impl Strategy<Value = Value> {
        let text = prop_oneof![
            "[a-c]{0,2}",
            "\\PC{0,4}",
            "[\"\\\\/\u{0}\u{8}\u{c}\n\r\t\u{1f}\u{7f}\u{ff}\u{d7ff}\u{e000}\u{ffff}\u{10000}\u{1f600}!#]{0,3}"
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<i16>().prop_map(Value::from),
            any::<f64>().prop_filter("JSON has none", |number| number.is_finite()).prop_map(Value::from),
            text.clone().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 48, 6, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::hash_map(text.clone(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    /// Its members in the order in which they are given, as those of a struct.
    struct Given(Vec<(String, Value)>);

    impl Serialize for Given {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
        }
    }

    proptest! {
        #[test]
        fn every_value_is_written_as_the_library_writes_it(value in values()) {
            prop_assert_eq!(canonical_json(&value).unwrap(), serde_json_canonicalizer::to_vec(&value).unwrap());
        }

        #[test]
        fn members_in_any_order_are_written_in_one(
            members in proptest::collection::vec(("[a-d\"\\\\é\u{ffff}\u{10000}]{0,2}", values()), 0..6),
        ) {
            let given = Given(members);
            match (canonical_json(&given), serde_json_canonicalizer::to_vec(&given)) {
                (Ok(ours), Ok(theirs)) => prop_assert_eq!(ours, theirs),
                (ours, theirs) => prop_assert_eq!(ours.is_err(), theirs.is_err(), "a key that comes twice"),
            }
        }
    }

    #[test]
    fn keys_are_ordered_by_their_utf16_units() {
        let value = json!({ "\u{10000}": 1, "\u{ffff}": 2, "a\"": 3, "a!": 4, "a": 5, "": 6 });
        let expected = "{\"\":6,\"a\":5,\"a!\":4,\"a\\\"\":3,\"\u{10000}\":1,\"\u{ffff}\":2}";
        assert_eq!(String::from_utf8(canonical_json(&value).unwrap()).unwrap(), expected);
    }
}
