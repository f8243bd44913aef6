//! The pack before this one: what the log's last export says of it, and the proof that the log only grew since.
//!
//! Without an earlier export there is nothing to say, and nothing is shipped. Nothing here looks into the earlier pack itself.

use model::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

/// What is sealed about a pack when it gets its name.
#[cfg(feature = "write")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportRecord {
    /// `evidenced/export/v2`; `v1` did not record the log's size and root.
    pub schema: String,
    /// SHA-256 of the pack's `MANIFEST.json`.
    pub manifest_sha256: Digest,
    /// First instant of its period.
    pub from: Timestamp,
    /// Last instant of its period.
    pub to: Timestamp,
    /// Log positions of the documents it holds.
    pub items: Vec<u64>,
    /// Entries of the log it ships.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_size: Option<u64>,
    /// The root of their tree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub log_root: Option<Digest>,
}

#[cfg(feature = "write")]
impl ExportRecord {
    /// The schema this version writes.
    pub const SCHEMA: &'static str = "evidenced/export/v2";
    /// Media type of the document.
    pub const MEDIA_TYPE: &'static str = "application/vnd.evidenced.export+json";
}

/// `log/previous/pack.json`: the pack that the log records as exported last before this one, canonical JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PreviousPack {
    /// `evidenced/previous-pack/v1`.
    pub(crate) schema: String,
    /// Position of its export in the log.
    pub(crate) export_entry: u64,
    /// When the export was sealed.
    pub(crate) exported_at: Timestamp,
    /// SHA-256 of its `MANIFEST.json`.
    pub(crate) manifest_sha256: Digest,
    /// Entries of the log it shipped.
    pub(crate) log_size: u64,
    /// The root of their tree.
    pub(crate) log_root: Digest,
    /// Where `log_size` is from: [`RECORDED`], or [`POSITION`], which is the most that pack can have shipped.
    pub(crate) log_size_from: String,
}

impl PreviousPack {
    pub(crate) const SCHEMA: &'static str = "evidenced/previous-pack/v1";
}

/// The export recorded the size of the log itself.
pub(crate) const RECORDED: &str = "its export";
/// The export recorded none, or cannot be read.
pub(crate) const POSITION: &str = "the position of its export in the log";

#[cfg(feature = "write")]
mod write {
    use super::{ExportRecord, POSITION, PreviousPack, RECORDED};
    use crate::entries;
    use crate::error::PackError;
    use crate::layout;
    use crate::write::Writer;
    use ledger::{ConsistencyFile, Sealed};
    use model::canonical_json;

    impl Writer<'_> {
        /// Writes which pack was exported last, and the growth of the log from the one it shipped.
        pub(crate) fn previous(&mut self) -> Result<(), PackError> {
            let Some((export_entry, exported_at, manifest_sha256)) = self.entries.exported else { return Ok(()) };
            let unproven = |problem: String| PackError::Unproven {
                what: format!("the earlier export at entry {export_entry}"),
                problem,
            };
            let recorded = self.export(export_entry)?.and_then(|record| record.log_size.zip(record.log_root));
            let log_size = recorded.map_or(export_entry, |(size, _)| size);
            if log_size > export_entry {
                return Err(unproven(format!("it says that its pack ships {log_size} entries")));
            }
            let log_root = self.entries.root(log_size)?;
            if recorded.is_some_and(|(_, root)| root != log_root) {
                return Err(unproven(format!("its pack ships {log_size} entries of another history")));
            }
            let growth = self.entries.growth(log_size)?;
            growth
                .verify(log_root, self.checkpoint.size(), self.checkpoint.root())
                .map_err(|error| unproven(error.to_string()))?;
            let previous = PreviousPack {
                schema: PreviousPack::SCHEMA.to_owned(),
                export_entry,
                exported_at,
                manifest_sha256,
                log_size,
                log_root,
                log_size_from: if recorded.is_some() { RECORDED } else { POSITION }.to_owned(),
            };
            self.add(layout::PREVIOUS, &canonical_json(&previous)?)?;
            let file = ConsistencyFile::new(growth, &self.checkpoint).to_string();
            self.add(layout::PREVIOUS_GROWTH, file.as_bytes())?;
            Ok(())
        }

        /// What was sealed about an export; none where its document is gone, which stops no later pack: its position bounds it.
        fn export(&self, index: u64) -> Result<Option<ExportRecord>, PackError> {
            let (Ok(opening), Ok(document)) = (self.source.opening(index), self.source.document(index)) else {
                return Ok(None);
            };
            let entry = entries::read(self.source, index)?;
            let inclusion = self.entries.inclusion(index)?;
            Sealed::prove(&entry, &inclusion, &self.checkpoint, opening, &document, |bytes| {
                serde_json::from_slice::<ExportRecord>(bytes)
            })
            .map(|sealed| Some(sealed.into_value()))
            .map_err(|error| PackError::Unproven {
                what: format!("the earlier export at entry {index}"),
                problem: error.to_string(),
            })
        }
    }
}
