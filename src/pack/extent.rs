//! Whether a pack stays within what its verification takes. It is asked before the first byte is written, and again at the end.

use crate::error::PackError;
use crate::manifest::{MAX_DOCUMENT, MAX_FILES};
use crate::plan::{Plan, Source};
use crate::{entries, layout};
use ledger::{Body, Entry};
use model::Manifest;

/// What a verifier takes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Files, with the manifest, its signature and the digest list.
    pub(crate) files: usize,
    /// Bytes of a sealed document.
    pub(crate) document: u64,
}

impl Limits {
    /// Those of [`crate::verify`].
    pub(crate) const OF_VERIFY: Self = Self { files: MAX_FILES, document: MAX_DOCUMENT };

    /// Refuses a number of files that verification would refuse.
    pub(crate) fn files(self, files: usize) -> Result<(), PackError> {
        if files <= self.files {
            return Ok(());
        }
        Err(PackError::TooLarge(format!("it would hold {files} files or more, and verification takes {}", self.files)))
    }

    /// Refuses a document that verification would refuse.
    pub(crate) fn document(self, index: u64, bytes: usize) -> Result<(), PackError> {
        if bytes as u64 <= self.document {
            return Ok(());
        }
        Err(PackError::TooLarge(format!(
            "the document of entry {index} has {bytes} bytes, and verification takes {}",
            self.document
        )))
    }
}

/// Counts the files of `items` from their sealed manifests, before anything is written.
pub(crate) fn foresee(plan: &Plan, source: &dyn Source, items: &[u64], limits: Limits) -> Result<(), PackError> {
    let controls: usize = plan.frameworks.iter().map(|framework| framework.controls.len() + 1).sum();
    // a document, its opening and its proof
    let mut files = items.len() * 3 + controls + plan.anchors.len();
    for index in items {
        // what cannot be read is told where it is written
        let entry = Entry::decode(&entries::read(source, *index)?);
        if !entry.is_ok_and(|entry| matches!(entry.body, Body::Snapshot { .. })) {
            continue;
        }
        let failed = |source| PackError::Source { what: format!("the document of entry {index}"), source };
        let document = source.document(*index).map_err(failed)?;
        limits.document(*index, document.len())?;
        let Ok(manifest) = serde_json::from_slice::<Manifest>(&document) else { continue };
        let hidden = |name: &str| plan.redact.iter().any(|(table, _)| table == name);
        if !manifest.tables.iter().any(|table| hidden(&table.name)) {
            files += manifest.exchanges.len();
        }
        files += manifest.tables.len() * layout::FILES_OF_TABLE;
    }
    limits.files(files)
}
