//! C2SP signed notes: a text and the signatures under it.
//!
//! Parsing says nothing about trust: a note's text means something only once [`Note::verify`] has accepted a key.

use crate::key::{KeyKind, SigningKey, VerifierKey, is_key_name};
use crate::text;
use std::fmt;

/// The largest note that is read, in bytes.
pub const MAX_NOTE: usize = 1_000_000;

/// The most signatures that are read.
pub const MAX_SIGNATURES: usize = 100;

/// A note that cannot be read or is not signed as it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Larger than [`MAX_NOTE`].
    #[error("signed note is larger than {MAX_NOTE} bytes")]
    TooLarge,
    /// Not UTF-8, or with control characters.
    #[error("signed note is not plain UTF-8 text")]
    NotText,
    /// No text, blank line and signatures.
    #[error("signed note is not a text, a blank line and signature lines")]
    Form,
    /// A signature line that is none.
    #[error("line {0} of the signatures is not `— name base64`")]
    SignatureLine(usize),
    /// More than [`MAX_SIGNATURES`].
    #[error("signed note has more than {MAX_SIGNATURES} signatures")]
    TooManySignatures,
    /// No signature by the key asked for.
    #[error("not signed by `{0}` (is this the right verifier key?)")]
    NotSigned(String),
    /// A signature that names the key and is not its own over this text.
    #[error("the signature by `{0}` does not belong to this text: one of them was altered")]
    BadSignature(String),
    /// A key that signs something other than note texts.
    #[error("`{0}` is a witness key, a log key is needed")]
    WrongKind(String),
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// The signer's name.
    pub name: String,
    /// The signer's key identifier.
    pub id: [u8; 4],
    /// What follows the identifier: for a log key the 64 bytes of the signature.
    pub bytes: Vec<u8>,
}

impl NoteSignature {
    /// Whether the line names this key. The name and the four bytes are a pointer, not a proof.
    pub fn names(&self, key: &VerifierKey) -> bool {
        self.name == key.name() && self.id == key.id()
    }
}

impl fmt::Display for NoteSignature {
    /// The line without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.to_vec();
        bytes.extend_from_slice(&self.bytes);
        write!(f, "— {} {}", self.name, text::base64(&bytes))
    }
}

/// A text that ends in a newline, and its signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// Signs `text`, which must be non-empty, end in a newline and hold no other control character.
    pub fn sign(text: String, key: &SigningKey) -> Result<Self, NoteError> {
        if !is_plain(&text) {
            return Err(NoteError::NotText);
        }
        if !text.ends_with('\n') {
            return Err(NoteError::Form);
        }
        let bytes = key.sign(text.as_bytes()).to_vec();
        let signature = NoteSignature { name: key.name().to_owned(), id: key.verifier().id(), bytes };
        Ok(Self { text, signatures: vec![signature] })
    }

    /// Reads a note without trusting it.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        if bytes.len() > MAX_NOTE {
            return Err(NoteError::TooLarge);
        }
        let note = std::str::from_utf8(bytes).map_err(|_| NoteError::NotText)?;
        if !is_plain(note) {
            return Err(NoteError::NotText);
        }
        // The last blank line separates; the text keeps its own newline.
        let blank = note.rfind("\n\n").ok_or(NoteError::Form)?;
        let (text, lines) = (&note[..=blank], &note[blank + 2..]);
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Form)?;
        let mut signatures = Vec::new();
        for (number, line) in lines.split('\n').enumerate() {
            if number == MAX_SIGNATURES {
                return Err(NoteError::TooManySignatures);
            }
            signatures.push(parse_signature(line).ok_or(NoteError::SignatureLine(number + 1))?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The signed text with its final newline.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every signature, known or not, in order.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Accepts the note when `key` signed it. Signatures by others are ignored; every one that names `key` must hold.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        if key.kind() != KeyKind::Log {
            return Err(NoteError::WrongKind(key.name().to_owned()));
        }
        let mut found = false;
        for signature in self.signatures.iter().filter(|signature| signature.names(key)) {
            if !key.verifies(self.text.as_bytes(), &signature.bytes) {
                return Err(NoteError::BadSignature(key.name().to_owned()));
            }
            found = true;
        }
        if found { Ok(()) } else { Err(NoteError::NotSigned(key.name().to_owned())) }
    }

    /// Leaves out the signature lines that `keep` does not hold on to.
    pub fn retain(&mut self, keep: impl FnMut(&NoteSignature) -> bool) {
        self.signatures.retain(keep);
    }

    /// Adds the signature of another key over the same text.
    pub fn sign_also(&mut self, key: &SigningKey) -> Result<(), NoteError> {
        let bytes = key.sign(self.text.as_bytes()).to_vec();
        self.add(NoteSignature { name: key.name().to_owned(), id: key.verifier().id(), bytes })
    }

    /// Reads signature lines alone, as a witness answers with them: each ends in a newline, and there is at least one.
    pub fn parse_signatures(lines: &[u8]) -> Result<Vec<NoteSignature>, NoteError> {
        let lines = std::str::from_utf8(lines).ok().filter(|lines| is_plain(lines)).ok_or(NoteError::NotText)?;
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Form)?;
        if lines.split('\n').count() > MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        (1..).zip(lines.split('\n')).map(|(n, line)| parse_signature(line).ok_or(NoteError::SignatureLine(n))).collect()
    }

    /// Adds a signature line.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), NoteError> {
        if self.signatures.len() >= MAX_SIGNATURES {
            return Err(NoteError::TooManySignatures);
        }
        self.signatures.push(signature);
        Ok(())
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

fn is_plain(text: &str) -> bool {
    !text.bytes().any(|byte| byte < 0x20 && byte != b'\n')
}

fn parse_signature(line: &str) -> Option<NoteSignature> {
    let (name, base64) = line.strip_prefix("— ")?.split_once(' ')?;
    let bytes = text::from_base64(base64)?;
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    if !is_key_name(name) || bytes.is_empty() {
        return None;
    }
    Some(NoteSignature { name: name.to_owned(), id: *id, bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(name: &str) -> SigningKey {
        SigningKey::from_seed(name, &[3; 32]).unwrap()
    }

    /// The example of the package documentation of golang.org/x/mod/sumdb/note.
    const GO: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n\
        — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    const GO_KEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

    #[test]
    fn a_note_of_the_go_tools_verifies_and_is_written_back_byte_for_byte() {
        let note = Note::parse(GO.as_bytes()).unwrap();
        note.verify(&GO_KEY.parse().unwrap()).unwrap();
        assert_eq!(note.to_string(), GO);
        let again = Note::sign(
            note.text().to_owned(),
            &SigningKey::from_text("PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")
                .unwrap(),
        );
        assert_eq!(again.unwrap().to_string(), GO);
    }

    #[test]
    fn the_text_may_hold_blank_lines() {
        let note = Note::sign("a\n\nb\n\n".into(), &key("k")).unwrap();
        let read = Note::parse(note.to_string().as_bytes()).unwrap();
        assert_eq!(read.text(), "a\n\nb\n\n");
        read.verify(key("k").verifier()).unwrap();
    }

    #[test]
    fn signatures_by_others_are_ignored_and_do_not_count() {
        let mut note = Note::sign("text\n".into(), &key("k")).unwrap();
        // Same name, another identifier; same identifier, another name: neither is a known key.
        let own = note.signatures()[0].clone();
        note.add(NoteSignature { id: [0; 4], ..own.clone() }).unwrap();
        note.add(NoteSignature { name: "other".into(), ..own }).unwrap();
        note.verify(key("k").verifier()).unwrap();
        assert_eq!(note.verify(key("l").verifier()), Err(NoteError::NotSigned("l".into())));
    }

    #[test]
    fn one_bad_signature_by_the_known_key_refuses_the_note() {
        let mut note = Note::sign("text\n".into(), &key("k")).unwrap();
        let mut bad = note.signatures()[0].clone();
        bad.bytes[10] ^= 1;
        note.add(bad).unwrap();
        assert_eq!(note.verify(key("k").verifier()), Err(NoteError::BadSignature("k".into())));
    }

    #[test]
    fn what_is_not_a_note_is_refused() {
        let line = Note::sign("t\n".into(), &key("k")).unwrap().signatures()[0].to_string();
        for (refused, why) in [
            (String::new(), NoteError::Form),
            ("t\n".into(), NoteError::Form),
            ("t\n\n".into(), NoteError::Form),
            (format!("t\n\n{line}"), NoteError::Form),
            (format!("t\n{line}\n"), NoteError::Form),
            (format!("t\r\n\n{line}\n"), NoteError::NotText),
            (format!("t\n\n-{}\n", line.trim_start_matches('—')), NoteError::SignatureLine(1)),
            (format!("t\n\n{line} \n"), NoteError::SignatureLine(1)),
            (format!("t\n\n{line}\n— k AAAA\n"), NoteError::SignatureLine(2)),
            (format!("t\n\n{}", format!("{line}\n").repeat(MAX_SIGNATURES + 1)), NoteError::TooManySignatures),
            ("t".repeat(MAX_NOTE + 1), NoteError::TooLarge),
        ] {
            assert_eq!(Note::parse(refused.as_bytes()), Err(why), "{:?}", &refused[..refused.len().min(80)]);
        }
        assert_eq!(Note::sign("no newline".into(), &key("k")), Err(NoteError::Form));
        assert_eq!(Note::sign("tab\t\n".into(), &key("k")), Err(NoteError::NotText));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            if let Ok(note) = Note::parse(&bytes) {
                prop_assert_eq!(note.to_string().into_bytes(), bytes);
            }
        }

        #[test]
        fn text_shaped_like_a_note_is_read_or_refused(text in "[a\n ]{0,6}\n\n(— [a+ ]{0,3} [A-Za-z/+=]{0,12}\n){0,3}") {
            if let Ok(note) = Note::parse(text.as_bytes()) {
                prop_assert_eq!(note.to_string(), text);
            }
        }

        #[test]
        fn any_altered_byte_is_noticed(at in 0_usize..60, bit in 0_u8..8) {
            let key = key("k");
            let mut bytes = Note::sign("a text of some length\n".into(), &key).unwrap().to_string().into_bytes();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            prop_assert!(Note::parse(&bytes).and_then(|note| note.verify(key.verifier())).is_err());
        }
    }
}
