//! Evidence that people add: the file and who added it are sealed together.

use super::decide::{known_controls, read, refused, sealed};
use super::{Line, now};
use crate::failure::Failure;
use ledger::Body;
use model::{Digest, Timestamp};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use store::{Document, Draft, Reader};
use workflow::{Addition, Evidence, EvidenceEvent};

/// The largest file that is taken; it is held in memory while it is sealed.
const MOST_BYTES: u64 = 64 << 20;

/// What a person says of a file.
pub(crate) struct Adding {
    pub(crate) title: String,
    pub(crate) controls: Vec<String>,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) note: String,
}

impl Line {
    /// Seals a file, and who says what of it. Returns the entry of the word about it.
    pub(crate) fn add_evidence(&self, path: &Path, adding: Adding, by: &str) -> Result<(u64, EvidenceEvent), Failure> {
        known_controls(&adding.controls)?;
        let bytes = whole(path)?;
        let addition = Addition {
            title: adding.title.trim().to_owned(),
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            bytes: bytes.len() as u64,
            sha256: Digest::of(&bytes),
            media_type: media_type(path).to_owned(),
            controls: adding.controls,
            from: adding.from,
            to: adding.to,
            expires: adding.expires,
        };
        let mut store = self.store()?;
        let number = self.reader()?.records("evidence")?.len() + 1;
        let event = Evidence::add(number, addition, by, &adding.note, now()).map_err(refused)?;
        let Evidence { id, addition, .. } = &event.evidence;
        let file = Draft {
            body: Body::Evidence { evidence: id.clone(), event: "file".to_owned() },
            series: format!("evidence/{id}"),
            document: Some(Document::new(bytes, addition.media_type.clone())),
        };
        // one transaction: no file without a word about it, and no word without its file
        let appended = store.append(now(), vec![file, draft(&event)?])?;
        Ok((appended.last().map(|entry| entry.index).unwrap_or_default(), event))
    }

    /// Seals that evidence may not be relied on after all.
    pub(crate) fn withdraw_evidence(&self, id: &str, reason: &str, by: &str) -> Result<(u64, EvidenceEvent), Failure> {
        let store = self.store()?;
        let (_, _, evidence) = one(&self.reader()?, id)?;
        let event = evidence.withdraw(reason, by, now()).map_err(refused)?;
        sealed(store, draft(&event)?, event)
    }
}

fn draft(event: &EvidenceEvent) -> Result<Draft, Failure> {
    Ok(Draft {
        body: Body::Evidence { evidence: event.evidence.id.clone(), event: event.event.clone() },
        series: format!("evidence/{}", event.evidence.id),
        document: Some(Document::new(model::canonical_json(event)?, EvidenceEvent::MEDIA_TYPE)),
    })
}

/// All evidence that people added, each with the entries of its file and of its last event.
pub(crate) fn manual(reader: &Reader) -> Result<Vec<(u64, u64, Evidence)>, Failure> {
    let rows = reader.records("evidence")?.into_iter().map(|row| {
        // the file is the entry just before the first word about it
        let file = row.since.saturating_sub(1);
        let (last, evidence) = read(row)?;
        Ok((file, last, evidence))
    });
    rows.collect()
}

/// One of them.
pub(crate) fn one(reader: &Reader, id: &str) -> Result<(u64, u64, Evidence), Failure> {
    manual(reader)?.into_iter().find(|(.., evidence)| evidence.id == id).ok_or_else(|| {
        Failure::usage(format!("nobody added evidence `{id}`"), "`evidenced evidence list` shows what there is")
    })
}

/// The sealed bytes of its file, which are what was said of them.
pub(crate) fn file(reader: &Reader, id: &str) -> Result<(Vec<u8>, Evidence), Failure> {
    let (file, _, evidence) = one(reader, id)?;
    let bytes = reader.document(file)?.unwrap_or_default();
    if Digest::of(&bytes) != evidence.addition.sha256 {
        return Err(Failure::store(format!("the document of entry {file} is not the file of {id}")));
    }
    Ok((bytes, evidence))
}

/// A file's bytes; nothing else that has a path is taken.
fn whole(path: &Path) -> Result<Vec<u8>, Failure> {
    let unread = |problem: String, help: &str| Failure::usage(format!("{}: {problem}", path.display()), help);
    let file = File::open(path).map_err(|error| unread(error.to_string(), "name a file that can be read"))?;
    let metadata = file.metadata().map_err(|error| unread(error.to_string(), "name a file that can be read"))?;
    if !metadata.is_file() {
        return Err(unread("is no file".to_owned(), "pack a folder into one archive first"));
    }
    let mut bytes = Vec::new();
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unread(error.to_string(), "try again"))?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(unread(
            format!("has more than {} MiB", MOST_BYTES >> 20),
            "keep it where it is and add a document that names it and its SHA-256",
        ));
    }
    Ok(bytes)
}

/// By the name's ending; it only says how to open the file.
fn media_type(path: &Path) -> &'static str {
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
    match ending.as_deref() {
        Some("pdf") => "application/pdf",
        Some("png") => "image/png",
        Some("jpg" | "jpeg") => "image/jpeg",
        Some("csv") => "text/csv",
        Some("txt" | "log") => "text/plain",
        Some("md") => "text/markdown",
        Some("json") => "application/json",
        Some("eml") => "message/rfc822",
        Some("zip") => "application/zip",
        Some("docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        Some("xlsx") => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        Some("odt") => "application/vnd.oasis.opendocument.text",
        _ => "application/octet-stream",
    }
}
