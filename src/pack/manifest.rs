//! `MANIFEST.json`, its signature and `SHA256SUMS`: every file of a pack by digest, under the log's signature.

use base64::Engine as _;
use ledger::{Note, VerifierKey};
#[cfg(feature = "write")]
use ledger::{NoteError, SigningKey};
use model::{Digest, Timestamp};
use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt::Write as _;
use std::marker::PhantomData;

/// The manifest's path.
pub(crate) const MANIFEST: &str = "MANIFEST.json";
/// The signature's path.
pub(crate) const SIGNATURE: &str = "MANIFEST.json.sig";
/// Most files of a pack. With the longest names it is what fits the memory that verifying any pack may take.
pub(crate) const MAX_FILES: usize = 400_000;
/// Largest sealed document of a pack, in bytes; manifests of large runs list every exchange.
pub(crate) const MAX_DOCUMENT: u64 = 64 * 1024 * 1024;
/// The digest list's path.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// Everything a pack holds (`evidenced/pack/v1`), canonical JSON. It lists every file but itself, its signature and the
/// digest list, which is made from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackManifest {
    /// `evidenced/pack/v1`, or `evidenced/pack/v2` when something is redacted.
    pub schema: String,
    /// Whose evidence it is.
    pub organisation: String,
    /// First instant of the period.
    pub from: Timestamp,
    /// Last instant of the period.
    pub to: Timestamp,
    /// The framework it is for.
    pub framework: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The program that made it.
    pub tool: String,
    /// The log's public key (`name+id+key`).
    pub log_key: String,
    /// Number of entries of the log, all of which are shipped.
    pub log_size: u64,
    /// SHA-256 root of the log's tree.
    pub log_root: Digest,
    /// Every sealed document, by log position.
    #[serde(deserialize_with = "bounded")]
    pub items: Vec<ItemRecord>,
    /// Every other file, sorted by path.
    #[serde(deserialize_with = "bounded")]
    pub files: Vec<FileRecord>,
    /// What was hidden; only in a pack of [`PackManifest::REDACTED`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redaction: Option<RedactionRecord>,
}

/// What a redacted pack hides.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedactionRecord {
    /// `table.column`, sorted. In their tables each field is `{"redacted": SHA-256(salt, value)}`.
    #[serde(deserialize_with = "bounded")]
    pub columns: Vec<String>,
    /// Log positions of the snapshots that hold such a table, ascending: their answers are withheld.
    #[serde(deserialize_with = "bounded")]
    pub snapshots: Vec<u64>,
    /// Log positions of other documents that name a hidden value: they are withheld whole, with their openings.
    #[serde(deserialize_with = "bounded")]
    pub documents: Vec<u64>,
}

/// A sealed document and where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemRecord {
    /// Position in the log, from 0.
    pub log_index: u64,
    /// The kind of its entry: `snapshot`, `evaluation`, `finding_event` ...
    pub kind: String,
    /// The document's path.
    pub path: String,
}

/// A file of the pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRecord {
    /// Path with `/`.
    pub path: String,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256.
    pub sha256: Digest,
}

impl PackManifest {
    /// The schema this version writes.
    pub const SCHEMA: &'static str = "evidenced/pack/v1";
    /// The schema of a redacted pack, which a program that knows nothing of redaction must not call damaged.
    pub const REDACTED: &'static str = "evidenced/pack/v2";
}

/// A list no longer than any pack's: a short text must not become a long list in memory.
fn bounded<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    struct List<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            write!(f, "a list of at most {MAX_FILES}")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Vec<T>, A::Error> {
            let mut list = Vec::new();
            while let Some(element) = sequence.next_element()? {
                if list.len() == MAX_FILES {
                    return Err(serde::de::Error::invalid_length(list.len() + 1, &self));
                }
                list.push(element);
            }
            Ok(list)
        }
    }
    deserializer.deserialize_seq(List(PhantomData))
}

/// The text that is signed for a manifest. Its second line keeps it from ever being read as a checkpoint.
fn statement(manifest: &[u8]) -> String {
    format!("{}\nsha256 {}\nsize {}\n", PackManifest::SCHEMA, Digest::of(manifest), manifest.len())
}

/// `MANIFEST.json.sig`: a C2SP signed note over the manifest's digest.
#[cfg(feature = "write")]
pub(crate) fn sign(manifest: &[u8], key: &SigningKey) -> Result<String, NoteError> {
    Ok(Note::sign(statement(manifest), key)?.to_string())
}

/// Whether `signature` is the log's signature of `manifest`.
pub(crate) fn verify(manifest: &[u8], signature: &[u8], key: &VerifierKey) -> Result<(), String> {
    let note = Note::parse(signature).map_err(|error| format!("it is not a signed note: {error}"))?;
    note.verify(key).map_err(|error| format!("the log's key did not sign it: {error}"))?;
    // any further line would be bytes that nothing covers
    if note.signatures().len() != 1 {
        return Err("it holds signatures beside the log's".to_owned());
    }
    if note.text() == statement(manifest) {
        Ok(())
    } else {
        Err("it was signed for a different MANIFEST.json".to_owned())
    }
}

/// `SHA256SUMS`: the files of the manifest, the manifest and its signature, sorted by path, as `sha256sum` writes them.
pub(crate) fn sums(manifest: &PackManifest, manifest_sha256: Digest, signature_sha256: Digest) -> String {
    let mut lines: Vec<(&str, Digest)> = manifest.files.iter().map(|file| (file.path.as_str(), file.sha256)).collect();
    lines.push((MANIFEST, manifest_sha256));
    lines.push((SIGNATURE, signature_sha256));
    lines.sort_unstable();
    lines.into_iter().fold(String::new(), |mut text, (path, digest)| {
        // writing to a String cannot fail
        let _ = writeln!(text, "{digest}  {path}");
        text
    })
}

/// The key as `openssl` reads it: SubjectPublicKeyInfo of Ed25519 (RFC 8410, section 4).
pub(crate) fn pem(key: &VerifierKey) -> String {
    let mut der = vec![0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    der.extend_from_slice(key.public_bytes());
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}
