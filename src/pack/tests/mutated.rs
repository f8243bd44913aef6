//! A seeded mutation fuzzer over a corpus: whatever the bytes, every reader ends, and what it accepts it accepts as it is.
//!
//! The corpus is `tests/corrupt/corpus/<format>/`: one file per shape that matters. A failure prints the seed and the bytes.

use crate::archive::{Archive, looks_like_archive};
use crate::{Policy, VerifyOptions, verify};
use ledger::timestamp::{Roots, Token};
use ledger::{Checkpoint, ConsistencyFile, Entry, Note, Opening, Proof, Tile, VerifierKey};
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

const SEED: u64 = 0x6576_6964_656e_6365;

/// xorshift64*: the same mutations on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap() % end.max(1)
    }
}

/// One to six changes: turned bits, other bytes, pieces left out, repeated, moved in from elsewhere, absurd numbers.
fn mutate(random: &mut Random, corpus: &[Vec<u8>], bytes: &mut Vec<u8>) {
    const TOKENS: [&[u8]; 14] = [
        b"\n\n",
        b"\xe2\x80\x94 ",
        b"18446744073709551615",
        b"-1",
        b"00",
        b"\xff\xff\xff\xff",
        b"\0\0\0\0",
        b"{",
        b"[[[[[[[[",
        b"\"\\ud800\"",
        b"\x30\x84\xff\xff\xff\xff",
        b"\x30\x80",
        b"PK\x05\x06",
        b"tile/0/x001/",
    ];
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() + 1);
        let length = random.below(40).min(bytes.len() - at);
        match random.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = u8::try_from(random.below(256)).unwrap(),
            2 => drop(bytes.drain(at..at + length)),
            3 => {
                let piece = bytes[at..at + length].to_vec();
                bytes.splice(at..at, piece);
            }
            4 => {
                let other = &corpus[random.below(corpus.len())];
                let from = random.below(other.len() + 1);
                let to = (from + random.below(200)).min(other.len());
                bytes.splice(at..at + length, other[from..to].iter().copied());
            }
            5 => drop(bytes.splice(at..at, TOKENS[random.below(TOKENS.len())].iter().copied())),
            _ if random.below(20) == 0 => bytes.truncate(at),
            _ => {}
        }
    }
}

/// The files of one format, in the order of their names.
fn corpus(format: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corrupt/corpus").join(format);
    let mut paths: Vec<PathBuf> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let files: Vec<Vec<u8>> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(files.len() >= 3, "{format}: a corpus of {} files", files.len());
    files
}

/// Feeds the corpus and `rounds` mutations of it to `target`, which says whether it accepted them.
fn fuzz(format: &str, rounds: usize, mut target: impl FnMut(&[u8]) -> bool) {
    let rounds = if std::env::var_os("EVIDENCED_TEST_LONG").is_some() { rounds * 50 } else { rounds };
    let corpus = corpus(format);
    let mut accepted = corpus.iter().filter(|bytes| target(bytes)).count();
    assert!(accepted > 0, "{format}: the corpus holds nothing that is well-formed");
    let mut random = Random(SEED);
    for _ in 0..rounds {
        let mut bytes = corpus[random.below(corpus.len())].clone();
        mutate(&mut random, &corpus, &mut bytes);
        accepted += usize::from(target(&bytes));
    }
    println!("{format}: {} inputs, {accepted} accepted, seed {SEED:#x}", rounds + corpus.len());
}

#[test]
fn notes_keys_and_checkpoints() {
    fuzz("note", 20_000, |bytes| {
        let Ok(note) = Note::parse(bytes) else { return false };
        assert_eq!(note.to_string().as_bytes(), bytes, "one spelling");
        if let Ok(checkpoint) = Checkpoint::parse(note.text()) {
            assert_eq!(checkpoint.body(), note.text());
        }
        true
    });
    fuzz("key", 20_000, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else { return false };
        text.parse::<VerifierKey>().is_ok_and(|key| key.to_string() == text)
    });
}

#[test]
fn proofs_openings_tiles_and_entries() {
    fuzz("proof", 20_000, |bytes| {
        if let Ok(growth) = ConsistencyFile::parse(bytes) {
            assert_eq!(growth.to_string().as_bytes(), bytes, "one spelling");
        }
        Proof::parse(bytes).is_ok_and(|proof| proof.to_string().as_bytes() == bytes)
    });
    fuzz("opening", 20_000, |bytes| Opening::parse(bytes).is_ok_and(|opening| opening.to_string().as_bytes() == bytes));
    fuzz("tile", 20_000, |bytes| {
        let bundle: Tile = "tile/entries/000.p/3".parse().unwrap();
        let _ = std::str::from_utf8(bytes).map(str::parse::<Tile>);
        bundle.parse_bundle(bytes).is_ok_and(|entries| bundle.bundle(entries).unwrap() == bytes)
    });
    fuzz("entry", 20_000, |bytes| Entry::decode(bytes).is_ok_and(|entry| entry.bytes() == bytes));
}

#[test]
fn tokens_roots_and_policies() {
    let imprint = model::Digest::of(b"x");
    fuzz("token", 20_000, |bytes| {
        let Ok(token) = Token::from_response(bytes).or_else(|_| Token::from_der(bytes)) else { return false };
        assert!(token.examine(imprint, None).is_err(), "it is over something else");
        true
    });
    fuzz("roots", 2_000, |bytes| std::str::from_utf8(bytes).is_ok_and(|pem| Roots::from_pem(pem).is_ok()));
    fuzz("policy", 5_000, |bytes| {
        std::str::from_utf8(bytes).is_ok_and(|text| Policy::parse(text, Path::new("/nonexistent")).is_ok())
    });
}

#[test]
fn manifests_and_archives() {
    fuzz("manifest", 5_000, |bytes| serde_json::from_slice::<crate::PackManifest>(bytes).is_ok());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q1.zip");
    fuzz("archive", 1_500, |bytes| {
        let mut file = fs::File::create(&path).unwrap();
        file.write_all(bytes).unwrap();
        let mut file = fs::File::open(&path).unwrap();
        let meant = looks_like_archive(&mut file).unwrap();
        let opened = Archive::open(file).is_ok_and(|archive| {
            (0..archive.members().len()).all(|index| archive.stream(index, &mut |_| ()).is_ok())
                && archive.bytes_match().unwrap()
        });
        assert!(meant || !opened);
        // the whole verification of the same bytes ends too
        drop(verify(&path, &VerifyOptions::default()));
        opened
    });
}
