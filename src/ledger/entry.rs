//! Log entries: what happened, in canonical JSON, without personal data.
//!
//! An [`Entry`] is its bytes; the fields are a reading of them. Bytes that came from a log are kept as they came and never
//! encoded again, so an entry of a kind or with a field that only a newer version knows still hashes to its leaf.

mod json;

use crate::tree::leaf_hash;
use jiff::Timestamp;
use model::{Digest, Outcome, SnapshotStatus, canonical_json};
use serde::{Deserialize, Serialize};
use std::ops::Deref;

/// The largest entry in bytes: an entry bundle of C2SP tlog-tiles holds no larger one.
pub const MAX_ENTRY: usize = 65_535;

/// Integers in canonical JSON stay below this.
const MAX_INTEGER: u64 = 1 << 53;

/// An entry that cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    /// More than [`MAX_ENTRY`].
    #[error("log entry has {0} bytes, the format allows {MAX_ENTRY}")]
    TooLarge(usize),
    /// Not JSON, or JSON in which a key comes twice.
    #[error("log entry is not a JSON object with distinct keys: {0}")]
    Json(#[source] serde_json::Error),
    /// Fields missing or of the wrong type.
    #[error("log entry lacks what its version and kind require: {0}")]
    Fields(#[source] serde_json::Error),
    /// Fields that contradict each other or the format.
    #[error("log entry is malformed: {0}")]
    Malformed(&'static str),
    /// No canonical form.
    #[error(transparent)]
    Canonical(#[from] model::CanonicalError),
}

/// What an entry says.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct EntryFields {
    /// Version of the entry format: [`EntryFields::VERSION`].
    pub v: u8,
    /// When it was written, to the millisecond.
    pub at: Timestamp,
    /// What wrote it: `evidenced/0.1.0`.
    pub tool: String,
    /// The series it belongs to: `snapshot:aws-prod`.
    pub series: String,
    /// Position in its series, from 1.
    pub seq: u64,
    /// Leaf hash of the previous entry of the series; none for the first.
    #[serde(with = "prefixed")]
    pub prev: Option<Digest>,
    /// Digest of the last timestamp token when it was written: it did not exist before that.
    #[serde(with = "prefixed", skip_serializing_if = "Option::is_none")]
    pub anchor: Option<Digest>,
    /// SHA-256 of the text of the [`Opening`](crate::Opening) of its document; none when it has no document.
    #[serde(with = "prefixed", skip_serializing_if = "Option::is_none")]
    pub commit: Option<Digest>,
    /// What happened.
    #[serde(flatten)]
    pub body: Body,
}

impl EntryFields {
    /// The version this program writes.
    pub const VERSION: u8 = 1;
}

/// What happened, by kind. Names of people never appear; documents that hold them are behind `commit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// The log began.
    Genesis {
        /// The log's name.
        origin: String,
        /// Its verifier key.
        log_key: String,
    },
    /// A snapshot was sealed; its manifest is the document.
    Snapshot {
        /// The snapshot's id.
        snapshot: String,
        /// The configured source.
        source: String,
        /// The collector.
        collector: String,
        /// What the snapshot is worth.
        status: SnapshotStatus,
        /// The due slot it fills.
        slot: Option<Timestamp>,
    },
    /// A check was evaluated; the evaluation is the document.
    Evaluation {
        /// The check.
        check: String,
        /// Its outcome.
        outcome: Outcome,
    },
    /// The map from accounts to people changed; the map is the document.
    IdentityMap,
    /// A person said that an account is a person's, or that it is no longer; who is whose, who says so and why is the document.
    IdentityLink {
        /// The link's id.
        link: String,
        /// What was decided.
        decision: LinkDecision,
    },
    /// Something happened to a finding; the event with the finding after it is the document.
    FindingEvent {
        /// The finding's id.
        finding: String,
        /// `raised`, `item_added`, `item_resolved` …
        event: String,
    },
    /// The configuration in force changed; it is the document.
    Configuration {
        /// SHA-256 of its canonical form.
        #[serde(with = "prefixed_required")]
        digest: Digest,
    },
    /// A due slot passed without a run.
    Slot {
        /// The configured source.
        source: String,
        /// When the run was due.
        due_at: Timestamp,
        /// Why there was none.
        outcome: SlotOutcome,
    },
    /// A person confirmed that a suspect snapshot is what the source holds; the confirmation is the document.
    Confirmation {
        /// The snapshot's id.
        snapshot: String,
    },
    /// A pack was written.
    Export {
        /// SHA-256 of its `MANIFEST.json`.
        #[serde(with = "prefixed_required")]
        pack: Digest,
    },
    /// An authority stamped a checkpoint of this log: everything up to that size existed at that time.
    Anchor {
        /// Entries in the log the checkpoint covers.
        size: u64,
        /// SHA-256 of the checkpoint with the log's signature alone: what the token is over.
        #[serde(with = "prefixed_required")]
        checkpoint: Digest,
        /// SHA-256 of the authority's whole answer, as it is kept.
        #[serde(with = "prefixed_required")]
        token: Digest,
        /// The time in the token, by the authority's clock.
        gen_time: Timestamp,
        /// The authority's configured name.
        authority: String,
    },
    /// The log's key changed. Every checkpoint over this entry is signed with the new one, the first of them with both.
    KeyRotation {
        /// The verifier key it was signed with so far.
        from: String,
        /// The one that signs it from here on.
        to: String,
    },
    /// A store that others hold a newer or another checkpoint of was taken up again on a person's word, which is the document.
    Restore {
        /// Entries in the store when it was taken up.
        size: u64,
        /// The root of the tree over them.
        #[serde(with = "prefixed_required")]
        root: Digest,
        /// What is held elsewhere. A log of one of these sizes and another root is of the history given up here.
        held: Vec<HeldElsewhere>,
    },
    /// Scrubbing found that what is damaged changed; which blobs, and what rests on them, is the document.
    Damage {
        /// Stored things that are damaged now.
        damaged: u64,
        /// Those that were and are no longer.
        mended: u64,
    },
    /// What this names must not be erased until it is released; who says so and why is the document.
    Hold {
        /// The hold's id.
        hold: String,
        /// Every snapshot of this source.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<String>,
        /// This snapshot.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snapshot: Option<String>,
    },
    /// A hold ended; who says so and why is the document.
    Release {
        /// The hold's id.
        hold: String,
    },
    /// Something happened to an exception; the event with the exception after it is the document.
    Exception {
        /// The exception's id.
        exception: String,
        /// `requested`, `approved` …
        event: String,
    },
    /// Evidence that a person added: `file`, whose document is the bytes of the file, then `added`, whose document says
    /// who added it, when and for what.
    Evidence {
        /// The evidence's id.
        evidence: String,
        /// `file`, `added`, `withdrawn`.
        event: String,
    },
    /// Something happened to who may sign in, or somebody did; whom it is about, by name, and who did it is the document.
    Access {
        /// The user's id, which says nothing of who that is.
        user: String,
        /// `added`, `set_up`, `signed_in`, `role`, `disabled` …
        event: String,
    },
    /// Something happened to an access review; the event with the review and the items it changed is the document. `report`: the
    /// document is the report as a file, before the event that closes the review.
    AccessReview {
        /// The review's id.
        review: String,
        /// `drafted`, `opened`, `decided` …
        event: String,
    },
    /// The documents of these entries were erased, with what only they referred to; who and why is the document.
    Erasure {
        /// Positions in the log.
        entries: Vec<u64>,
    },
    /// A kind this version does not know: readable through [`Entry::json`], never written.
    #[serde(skip)]
    Unknown {
        /// The kind it names.
        kind: String,
    },
}

/// A checkpoint of this log that somebody else holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldElsewhere {
    /// `lock`, `published`, `mirror`, `file`, or the name of a witness.
    pub by: String,
    /// Entries in it.
    pub size: u64,
    /// Its root; none where the holder tells the size alone.
    #[serde(with = "prefixed")]
    pub root: Option<Digest>,
}

/// What a person decided of an identity link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkDecision {
    /// The account is the person's.
    Approved,
    /// It is no longer.
    Revoked,
}

impl LinkDecision {
    /// The word used in JSON and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Revoked => "revoked",
        }
    }
}

/// Why a due slot has no snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SlotOutcome {
    /// Nobody was there to run it.
    Missed,
    /// It was passed over on purpose: a later slot was due too, or a run was under way.
    Skipped,
}

impl SlotOutcome {
    /// The word used in JSON, tables and messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Skipped => "skipped",
        }
    }
}

impl Body {
    const KNOWN: [&str; 21] = [
        "genesis",
        "snapshot",
        "evaluation",
        "identity_map",
        "identity_link",
        "finding_event",
        "configuration",
        "slot",
        "confirmation",
        "export",
        "anchor",
        "key_rotation",
        "restore",
        "damage",
        "hold",
        "release",
        "exception",
        "evidence",
        "access",
        "access_review",
        "erasure",
    ];

    /// The kind as entries write it.
    pub fn kind(&self) -> &str {
        match self {
            Self::Genesis { .. } => "genesis",
            Self::Snapshot { .. } => "snapshot",
            Self::Evaluation { .. } => "evaluation",
            Self::IdentityMap => "identity_map",
            Self::IdentityLink { .. } => "identity_link",
            Self::FindingEvent { .. } => "finding_event",
            Self::Configuration { .. } => "configuration",
            Self::Slot { .. } => "slot",
            Self::Confirmation { .. } => "confirmation",
            Self::Export { .. } => "export",
            Self::Anchor { .. } => "anchor",
            Self::KeyRotation { .. } => "key_rotation",
            Self::Restore { .. } => "restore",
            Self::Damage { .. } => "damage",
            Self::Hold { .. } => "hold",
            Self::Release { .. } => "release",
            Self::Exception { .. } => "exception",
            Self::Evidence { .. } => "evidence",
            Self::Access { .. } => "access",
            Self::AccessReview { .. } => "access_review",
            Self::Erasure { .. } => "erasure",
            Self::Unknown { kind } => kind,
        }
    }
}

/// A log entry: bytes, and the fields read from them.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    bytes: Vec<u8>,
    fields: EntryFields,
}

impl Entry {
    /// Encodes `fields` as canonical JSON; `at` is cut to milliseconds.
    pub fn new(mut fields: EntryFields) -> Result<Self, EntryError> {
        fields.at = model::time::to_millis(fields.at);
        if fields.v != EntryFields::VERSION {
            return Err(EntryError::Malformed("this program writes version 1 only"));
        }
        if let Body::Unknown { .. } = fields.body {
            return Err(EntryError::Malformed("a kind this program does not know cannot be written"));
        }
        check(&fields)?;
        let bytes = canonical_json(&fields)?;
        if bytes.len() > MAX_ENTRY {
            return Err(EntryError::TooLarge(bytes.len()));
        }
        Ok(Self { bytes, fields })
    }

    /// Reads an entry and keeps its bytes as they are. Unknown fields are kept in them; a kind that is unknown, or a version
    /// after this one, is read as [`Body::Unknown`]. A known kind of this version without its fields is an error.
    pub fn decode(bytes: &[u8]) -> Result<Self, EntryError> {
        if bytes.len() > MAX_ENTRY {
            return Err(EntryError::TooLarge(bytes.len()));
        }
        let value = json::parse_distinct(bytes).map_err(EntryError::Json)?;
        let Header { v, at, tool, series, seq, prev, anchor, commit, kind } =
            Header::deserialize(&value).map_err(EntryError::Fields)?;
        let body = if v == EntryFields::VERSION && Body::KNOWN.contains(&kind.as_str()) {
            Body::deserialize(&value).map_err(EntryError::Fields)?
        } else {
            Body::Unknown { kind }
        };
        let fields = EntryFields { v, at, tool, series, seq, prev, anchor, commit, body };
        check(&fields)?;
        Ok(Self { bytes: bytes.to_vec(), fields })
    }

    /// The logged bytes.
    pub fn encode(&self) -> Vec<u8> {
        self.bytes.clone()
    }

    /// The logged bytes, borrowed.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What it says; the same fields are reached by `entry.seq` and so on.
    pub const fn fields(&self) -> &EntryFields {
        &self.fields
    }

    /// Every field, also those this version does not know.
    pub fn json(&self) -> serde_json::Value {
        // `decode` and `new` have both shown that the bytes are JSON.
        serde_json::from_slice(&self.bytes).unwrap_or_default()
    }

    /// Its leaf hash, over the logged bytes.
    pub fn leaf(&self) -> Digest {
        leaf_hash(&self.bytes)
    }
}

/// Entries do not change, so their fields are there to be read.
impl Deref for Entry {
    type Target = EntryFields;

    fn deref(&self) -> &EntryFields {
        &self.fields
    }
}

/// The fields every kind has.
#[derive(Deserialize)]
struct Header {
    v: u8,
    at: Timestamp,
    tool: String,
    series: String,
    seq: u64,
    #[serde(with = "prefixed")]
    prev: Option<Digest>,
    #[serde(default, with = "prefixed")]
    anchor: Option<Digest>,
    #[serde(default, with = "prefixed")]
    commit: Option<Digest>,
    kind: String,
}

fn check(fields: &EntryFields) -> Result<(), EntryError> {
    let problem = if fields.v == 0 {
        "`v` is 0"
    } else if fields.seq == 0 || fields.seq >= MAX_INTEGER {
        "`seq` is not between 1 and 2^53"
    } else if (fields.seq == 1) != fields.prev.is_none() {
        "`prev` is null for the first entry of a series and for no other"
    } else if fields.series.is_empty() {
        "`series` is empty"
    } else {
        return Ok(());
    };
    Err(EntryError::Malformed(problem))
}

/// `sha256:<64 hex>`, the form digests have in entries.
mod prefixed {
    use model::Digest;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    #[expect(clippy::ref_option, reason = "the signature serde's `with` calls")]
    pub(super) fn serialize<S: Serializer>(digest: &Option<Digest>, serializer: S) -> Result<S::Ok, S::Error> {
        match digest {
            Some(digest) => serializer.collect_str(&format_args!("sha256:{digest}")),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Digest>, D::Error> {
        let Some(text) = Option::<String>::deserialize(deserializer)? else { return Ok(None) };
        let hex = text.strip_prefix("sha256:").ok_or_else(|| D::Error::custom("digest without `sha256:`"))?;
        hex.parse().map(Some).map_err(D::Error::custom)
    }
}

/// The same for a digest that is always there.
mod prefixed_required {
    use model::Digest;
    use serde::{Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("sha256:{digest}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        super::prefixed::deserialize(deserializer)?.ok_or_else(|| D::Error::custom("digest is null"))
    }
}

#[cfg(test)]
mod tests;
