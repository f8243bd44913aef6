//! Large content in pieces that its own bytes delimit, so that a change moves no boundary but those next to it.
//!
//! A piece is a blob like any other. The list of them is stored under the SHA-256 of the whole. It reads and writes nothing.

use fastcdc::v2020::FastCDC;
use model::Digest;

/// Content up to this many bytes stays in one piece.
pub(crate) const WHOLE: usize = 4 << 20;

const SMALLEST: u32 = 1 << 20;
const AVERAGE: u32 = 2 << 20;
const LARGEST: u32 = 4 << 20;

/// One piece of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) digest: Digest,
    pub(crate) bytes: u64,
}

/// Cuts `content`; the pieces joined are the content.
pub(crate) fn cut(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    FastCDC::new(content, SMALLEST, AVERAGE, LARGEST).map(|chunk| &content[chunk.offset..chunk.offset + chunk.length])
}

const WIDTH: usize = 32 + 4;

/// The list as it is stored: digest and length of each piece, 36 bytes.
pub(crate) fn encode(pieces: &[Piece]) -> Vec<u8> {
    pieces
        .iter()
        .flat_map(|piece| {
            let bytes = u32::try_from(piece.bytes).unwrap_or(u32::MAX);
            piece.digest.as_bytes().iter().copied().chain(bytes.to_be_bytes()).collect::<Vec<u8>>()
        })
        .collect()
}

/// Reads a stored list of a content of `bytes` bytes.
pub(crate) fn parse(list: &[u8], bytes: u64) -> Result<Vec<Piece>, String> {
    if !list.len().is_multiple_of(WIDTH) {
        return Err(format!("a list of pieces has {} bytes", list.len()));
    }
    let pieces: Vec<Piece> = list
        .chunks_exact(WIDTH)
        .map(|item| {
            let (digest, length) = item.split_at(32);
            Piece {
                digest: Digest::from_bytes(digest.try_into().unwrap_or_default()),
                bytes: u64::from(u32::from_be_bytes(length.try_into().unwrap_or_default())),
            }
        })
        .collect();
    let sum: u64 = pieces.iter().map(|piece| piece.bytes).sum();
    if sum == bytes { Ok(pieces) } else { Err(format!("its pieces have {sum} bytes together instead of {bytes}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn content(rows: u64) -> Vec<u8> {
        (0..rows).flat_map(|n| format!("{n},{:016x}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).into_bytes()).collect()
    }

    #[test]
    fn an_insertion_moves_no_boundary_but_those_next_to_it() {
        let old = content(800_000);
        let mut new = old.clone();
        new.splice(9_000_000..9_000_000, *b"one more row\n");
        let digests = |content: &[u8]| cut(content).map(Digest::of).collect::<BTreeSet<_>>();
        assert_eq!(cut(&new).flatten().copied().collect::<Vec<u8>>(), new);
        let (old, new) = (digests(&old), digests(&new));
        assert!(old.len() > 5);
        assert!(new.difference(&old).count() <= 2, "{} of {} pieces changed", new.difference(&old).count(), new.len());
    }

    #[test]
    fn a_list_is_read_back_and_a_cut_one_is_refused() {
        let pieces: Vec<Piece> = (1..4_u8).map(|n| Piece { digest: Digest::of(&[n]), bytes: n.into() }).collect();
        let list = encode(&pieces);
        assert_eq!(parse(&list, 6).unwrap(), pieces);
        parse(&list, 7).unwrap_err();
        parse(&list[..WIDTH], 6).unwrap_err();
        parse(&list[1..], 6).unwrap_err();
    }
}
