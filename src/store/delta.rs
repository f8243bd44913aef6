//! One version of something as its difference from an earlier one: a zstd frame whose prefix is the earlier content.
//!
//! `zstd -d --patch-from=EARLIER` reads it. It decides nothing: which base is used, and whether at all, is the shelf's business.

use std::io::{Read as _, Write as _};
use zstd::stream::raw::CParameter;

/// The same level as whole blobs.
const LEVEL: i32 = 3;

/// The largest content that serves as a base, or is told by one: bounds what is in memory.
pub(crate) const MAX_SIDE: usize = 8 << 20;

/// `content` as its difference from `base`.
pub(crate) fn encode(base: &[u8], content: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut encoder = zstd::stream::write::Encoder::with_ref_prefix(Vec::new(), LEVEL, base)?;
    // the window has to reach back from the end of the content to the beginning of the base
    let reach = (base.len() + content.len()).max(1 << 10).next_power_of_two();
    encoder.set_parameter(CParameter::WindowLog(reach.ilog2()))?;
    if base.len() > 1 << 17 {
        encoder.set_parameter(CParameter::EnableLongDistanceMatching(true))?;
    }
    encoder.set_parameter(CParameter::ContentSizeFlag(false))?;
    encoder.write_all(content)?;
    encoder.finish()
}

/// The content of `bytes` bytes that `delta` makes of `base`. The error says what does not fit, in words.
pub(crate) fn decode(base: &[u8], delta: &[u8], bytes: u64) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("zstd cannot read it: {error}");
    let decoder = zstd::stream::read::Decoder::with_ref_prefix(delta, base).map_err(unreadable)?.single_frame();
    let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default().min(MAX_SIDE));
    decoder.take(bytes + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 == bytes { Ok(content) } else { Err(format!("it does not unpack to {bytes} bytes")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rows: u32, changed: impl Fn(u32) -> bool) -> Vec<u8> {
        let row = |n: u32| {
            let mark = if changed(n) { "was changed" } else { "is as before" };
            format!("{{\"id\":{n},\"code\":\"{:08x}\",\"note\":\"{mark}\"}}\n", n.wrapping_mul(2_654_435_761))
        };
        (0..rows).map(row).collect::<Vec<_>>().concat().into_bytes()
    }

    #[test]
    fn a_slightly_changed_table_costs_its_changed_rows() {
        let (old, new) = (table(30_000, |_| false), table(30_000, |n| n % 200 == 7));
        let delta = encode(&old, &new).unwrap();
        assert_eq!(decode(&old, &delta, new.len() as u64).unwrap(), new);
        assert!(delta.len() < 150 * 30, "{} bytes for 150 changed rows", delta.len());
    }

    #[test]
    fn nothing_comes_of_another_base_or_length() {
        let (old, new) = (table(300, |_| false), table(300, |n| n == 7));
        let delta = encode(&old, &new).unwrap();
        for bytes in [new.len() as u64 - 1, new.len() as u64 + 1, 0] {
            decode(&old, &delta, bytes).unwrap_err();
        }
        assert!(decode(b"", &delta, new.len() as u64).map_or(true, |content| content != new));
    }

    #[test]
    fn the_empty_and_the_same_are_told_too() {
        let old = table(100, |_| false);
        for new in [vec![], b"x".to_vec(), old.clone()] {
            let delta = encode(&old, &new).unwrap();
            assert_eq!(decode(&old, &delta, new.len() as u64).unwrap(), new);
        }
    }
}
