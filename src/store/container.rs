//! How a blob lies on disk: one zstd skippable frame that holds the SHA-256 of everything after it, then one zstd frame.
//!
//! `zstdcat` reads it, since every zstd tool skips the first frame. The inner digest is there because zstd has bits no decoder looks at
//! (reserved bits, padding, the window hint): with it, no bit of the file can change unseen.

use crate::blob_rows::Seal;
use model::{Digest, Hasher};
use std::io::Read as _;

/// The skippable frame's magic number and its length field (32), little endian.
const HEAD: [u8; 8] = [0x5e, 0x2a, 0x4d, 0x18, 32, 0, 0, 0];
const BODY: usize = HEAD.len() + 32;
const LEVEL: i32 = 3;

/// A zstd frame by itself, for what lies in the database.
pub(crate) fn pack(content: &[u8]) -> std::io::Result<Vec<u8>> {
    zstd::bulk::compress(content, LEVEL)
}

/// The content of `bytes` bytes of a frame that [`pack`] made.
pub(crate) fn unpack(frame: &[u8], bytes: u64) -> Result<Vec<u8>, String> {
    let content = unframe(frame, bytes)?;
    if content.len() as u64 == bytes { Ok(content) } else { Err(format!("it does not unpack to {bytes} bytes")) }
}

/// What the head of an encoded file says of the rest: the first half of its digest.
pub(crate) fn seal(file: &[u8]) -> Seal {
    let mut seal = Seal::default();
    if let Some(inner) = file.get(HEAD.len()..HEAD.len() + seal.len()) {
        seal.copy_from_slice(inner);
    }
    seal
}

/// Encodes `content`.
pub(crate) fn encode(content: &[u8]) -> std::io::Result<Vec<u8>> {
    let frame = pack(content)?;
    let mut file = Vec::with_capacity(BODY + frame.len());
    file.extend_from_slice(&HEAD);
    file.extend_from_slice(Digest::of(&frame).as_bytes());
    file.extend_from_slice(&frame);
    Ok(file)
}

/// Compares a file, piece by piece as it is read, with the digest in its head, without unpacking it.
pub(crate) struct Check {
    head: Vec<u8>,
    rest: Hasher,
}

impl Check {
    pub(crate) fn new() -> Self {
        Self { head: Vec::with_capacity(BODY), rest: Hasher::new() }
    }

    /// Takes the next piece.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(BODY - self.head.len()));
        self.head.extend_from_slice(head);
        self.rest.update(rest);
    }

    /// The file's seal, or in words what does not fit.
    pub(crate) fn finish(self) -> Result<Seal, String> {
        if self.head.len() < BODY {
            return Err(format!("it has only {} bytes", self.head.len()));
        }
        if self.head[..HEAD.len()] != HEAD {
            return Err("it does not begin as a blob does".to_owned());
        }
        if self.rest.finish().as_bytes() != &self.head[HEAD.len()..] {
            return Err("its compressed bytes do not match the digest in its head".to_owned());
        }
        Ok(seal(&self.head))
    }
}

/// Decodes a file to at most `cap` bytes. The error says what does not fit, in words.
pub(crate) fn decode(file: &[u8], cap: u64) -> Result<Vec<u8>, String> {
    let (head, frame) = file.split_at_checked(BODY).ok_or_else(|| format!("it has only {} bytes", file.len()))?;
    let (magic, inner) = head.split_at(HEAD.len());
    if magic != HEAD {
        return Err("it does not begin as a blob does".to_owned());
    }
    if Digest::of(frame).as_bytes() != inner {
        return Err("its compressed bytes do not match the digest in its head".to_owned());
    }
    unframe(frame, cap)
}

fn unframe(frame: &[u8], cap: u64) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("zstd cannot read it: {error}");
    let mut content = Vec::new();
    let decoder = zstd::stream::read::Decoder::with_buffer(frame).map_err(unreadable)?.single_frame();
    decoder.take(cap + 1).read_to_end(&mut content).map_err(unreadable)?;
    if content.len() as u64 > cap {
        return Err(format!("it unpacks to more than {cap} bytes"));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for content in [vec![], vec![b'x'], vec![0; 100_000], b"{\"Users\":[]}".to_vec()] {
            assert_eq!(decode(&encode(&content).unwrap(), 1 << 20).unwrap(), content);
        }
    }

    #[test]
    fn every_flipped_bit_of_the_file_is_found() {
        let file = encode(b"some text some text some text some other text").unwrap();
        for bit in 0..file.len() * 8 {
            let mut bent = file.clone();
            bent[bit / 8] ^= 1 << (bit % 8);
            decode(&bent, 1 << 20).unwrap_err();
            let mut check = Check::new();
            bent.chunks(7).for_each(|piece| check.update(piece));
            check.finish().unwrap_err();
        }
        let mut check = Check::new();
        file.chunks(7).for_each(|piece| check.update(piece));
        assert_eq!(check.finish().unwrap(), seal(&file));
    }

    #[test]
    fn a_bomb_is_cut_at_the_cap() {
        let file = encode(&vec![0; 5_000_000]).unwrap();
        assert!(file.len() < 2_000);
        assert!(decode(&file, 1_000_000).unwrap_err().contains("more than 1000000 bytes"));
    }

    #[test]
    fn a_truncated_or_lengthened_file_is_refused() {
        let file = encode(b"some text").unwrap();
        for length in 0..file.len() {
            decode(&file[..length], 1 << 20).unwrap_err();
        }
        decode(&[&file[..], b"\0"].concat(), 1 << 20).unwrap_err();
    }

    #[test]
    fn any_zstd_reader_skips_the_head() {
        let file = encode(b"plain").unwrap();
        assert_eq!(zstd::stream::decode_all(&file[..]).unwrap(), b"plain");
    }
}
