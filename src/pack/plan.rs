//! What a pack is made from: a plan of plain values, and a source that hands out sealed bytes one at a time.
//!
//! The pack knows nothing of stores or of how checks run; whoever has both fills these in.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use ledger::VerifierKey;
use model::{CollectorSpec, Digest, Timestamp};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Why a source could not hand something out.
pub type SourceError = Box<dyn std::error::Error + Send + Sync>;

/// Sealed bytes, by position in the log or by digest. Each call may hold one document or body in memory, never more.
pub trait Source {
    /// The entry at `index`, as it was hashed into the log.
    fn entry(&self, index: u64) -> Result<Vec<u8>, SourceError>;
    /// The opening text that the entry at `index` commits to.
    fn opening(&self, index: u64) -> Result<String, SourceError>;
    /// The document that opening describes.
    fn document(&self, index: u64) -> Result<Vec<u8>, SourceError>;
    /// The stamped checkpoint and the authority's answer that the anchor entry at `index` names.
    fn anchor(&self, index: u64) -> Result<(Vec<u8>, Vec<u8>), SourceError>;
    /// A response body or a derived table.
    fn blob(&self, digest: &Digest) -> Result<Vec<u8>, SourceError>;
}

/// What to put into a pack.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Whose evidence it is.
    pub organisation: String,
    /// First instant of the period.
    pub from: Timestamp,
    /// Last instant of the period.
    pub to: Timestamp,
    /// Where the organisation's days begin and end: the period is told in them.
    pub zone: TimeZone,
    /// The log's public key; its name is the log's origin.
    pub log_key: VerifierKey,
    /// For each entry that changed the log's key, by its index: the first checkpoint that both keys signed.
    pub rotations: Vec<(u64, String)>,
    /// The signed checkpoint everything is proven against.
    pub checkpoint: String,
    /// Log positions of the sealed documents to ship: snapshots, evaluations, finding events, identity maps ... Any order.
    pub items: Vec<u64>,
    /// What the organisation says of the documents beside what they show, by log position.
    pub custody: BTreeMap<u64, Custody>,
    /// Log positions of the anchors whose timestamp tokens are shipped. Any order.
    pub anchors: Vec<u64>,
    /// The authorities the organisation trusts.
    pub authorities: Vec<Authority>,
    /// How long something new waits at most until they are asked.
    pub timestamp_every: SignedDuration,
    /// The checks whose evaluations are shipped.
    pub checks: Vec<CheckFile>,
    /// The framework the pack is for; none: no one in particular.
    pub framework: Option<String>,
    /// The catalogues whose controls get a page each.
    pub frameworks: Vec<Framework>,
    /// What the collectors say of themselves, for the statements about populations.
    pub collectors: Vec<CollectorSpec>,
    /// The Statement of Applicability as the configuration records it.
    pub applicability: Vec<Applicability>,
    /// The auditor's requests as the configuration records them.
    pub requests: Vec<Request>,
    /// Every due slot of the period and what became of it.
    pub slots: Vec<Slot>,
    /// What is left out on purpose, and why.
    pub exclusions: Vec<Exclusion>,
    /// What is known to be damaged where the documents come from.
    pub damage: Vec<Damage>,
    /// Columns to hide, as table and column.
    pub redact: Vec<(String, String)>,
    /// The database of all tables; none when there is none to ship.
    pub database: Option<Database>,
    /// When the pack is made.
    pub created_at: Timestamp,
    /// The program that makes it: `evidenced/0.1.0`.
    pub tool: String,
}

impl Plan {
    /// What the collector `id` says of itself.
    pub(crate) fn collector(&self, id: &str) -> Option<&CollectorSpec> {
        self.collectors.iter().find(|spec| spec.id == id)
    }
}

/// Who answers for a document, how it may be shared, and how long it is kept; none: nobody said it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Custody {
    /// Who answers for it.
    pub owner: Option<String>,
    /// Who looks through it.
    pub reviewer: Option<String>,
    /// How it may be shared.
    pub classification: Option<String>,
    /// The end of the time it is kept for; none: no end is set.
    pub retain_until: Option<Timestamp>,
    /// The legal holds on it, which keep it longer.
    pub holds: Vec<String>,
}

impl Custody {
    /// Until when it is kept, in one cell.
    pub(crate) fn kept(&self) -> String {
        let until = self.retain_until.map(crate::summary::instant).unwrap_or_default();
        match (self.holds.join(", "), until.as_str()) {
            (holds, "") if holds.is_empty() => String::new(),
            (holds, until) if holds.is_empty() => until.to_owned(),
            (holds, "") => format!("hold ({holds})"),
            (holds, until) => format!("hold ({holds}), and not before {until}"),
        }
    }
}

/// A timestamping authority.
#[derive(Debug, Clone)]
pub struct Authority {
    /// Its name in anchor entries.
    pub name: String,
    /// Its roots, as PEM.
    pub roots: String,
}

/// A check as its author wrote it.
#[derive(Debug, Clone)]
pub struct CheckFile {
    /// File name without `.sql`.
    pub name: String,
    /// One line.
    pub title: String,
    /// The file, unchanged.
    pub file: Vec<u8>,
}

/// A control catalogue.
#[derive(Debug, Clone)]
pub struct Framework {
    /// `iso27001:2022`.
    pub id: String,
    /// What it is called.
    pub title: String,
    /// Every control, in the catalogue's order.
    pub controls: Vec<Control>,
}

/// One control of a catalogue.
#[derive(Debug, Clone)]
pub struct Control {
    /// `A.5.18`.
    pub id: String,
    /// Our own short title.
    pub title: String,
    /// `check`, `manual` or `review`.
    pub coverage: String,
}

/// Whether a control applies, in the organisation's word.
#[derive(Debug, Clone)]
pub struct Applicability {
    /// `iso27001:2022/A.5.18`.
    pub control: String,
    /// Whether it applies.
    pub applicable: bool,
    /// Why it does or does not.
    pub justification: String,
}

/// Something the auditor asked for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The auditor's number for it.
    pub id: String,
    /// What was asked.
    pub text: String,
    /// Controls whose evidence answers it.
    pub controls: Vec<String>,
    /// Sources whose evidence answers it.
    pub sources: Vec<String>,
    /// When it is due, as written.
    pub due: Option<String>,
    /// Where it stands, in the organisation's word.
    pub our_status: Option<String>,
    /// What the organisation says of it.
    pub our_note: Option<String>,
    /// Where it stands, in the auditor's word.
    pub auditor_status: Option<String>,
    /// What the auditor says of it.
    pub auditor_note: Option<String>,
}

/// A due slot of a source.
#[derive(Debug, Clone)]
pub struct Slot {
    /// The source.
    pub source: String,
    /// When a run was due.
    pub due_at: Timestamp,
    /// `complete`, `incomplete`, `suspect`, `failed`, `missed` or `skipped`.
    pub outcome: String,
    /// Why, where it is not `complete`.
    pub reason: Option<String>,
    /// The snapshot that fills it.
    pub snapshot: Option<String>,
}

/// Something left out on purpose.
#[derive(Debug, Clone)]
pub struct Exclusion {
    /// A source, a system, a table.
    pub what: String,
    /// The reason.
    pub reason: String,
}

/// Something that is no longer what was sealed.
#[derive(Debug, Clone)]
pub struct Damage {
    /// The file.
    pub what: String,
    /// What is wrong with it.
    pub problem: String,
    /// The snapshot that rests on it, where one does.
    pub snapshot: Option<String>,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.what, self.problem)?;
        match &self.snapshot {
            Some(snapshot) => write!(f, " (snapshot {snapshot} rests on it)"),
            None => Ok(()),
        }
    }
}

/// The database that checks are performed on again.
#[derive(Debug, Clone)]
pub struct Database {
    /// Where the file is now. It must not change while the pack is written.
    pub path: PathBuf,
    /// The instant whose state it holds.
    pub as_of: Timestamp,
}

/// The form of a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One ZIP file.
    Archive,
    /// A folder of plain files.
    Folder,
}

/// How far an export is.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    /// Sealed documents written.
    pub done: u64,
    /// Sealed documents to write.
    pub total: u64,
    /// The file written last.
    pub path: &'a str,
}
