//! The log: its entries, what each says, and the proof that each is in it.

use super::{Frame, answer, render, when, words};
use crate::cli::entry_words;
use crate::failure::Failure;
use crate::web::guard::Visit;
use askama::Template;
use axum::Extension;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use ledger::{Body, Proof};
use model::Timestamp;
use store::{LogEntry, Reader, StoreError};

/// Entries on one page.
const A_PAGE: u64 = 50;
/// Of a document, so many bytes are shown.
const SHOWN: usize = 64 * 1024;

#[derive(Template)]
#[template(path = "log.html")]
struct List {
    frame: Frame,
    size: u64,
    origin: String,
    rows: Vec<EntryRow>,
    newer: Option<u64>,
    older: Option<u64>,
}

struct EntryRow {
    index: u64,
    at: Timestamp,
    kind: String,
    words: String,
    /// The page of what it is about.
    about: Option<String>,
}

impl EntryRow {
    fn of(entry: &LogEntry) -> Self {
        let LogEntry { index, entry } = entry;
        Self {
            index: *index,
            at: entry.at,
            kind: entry.body.kind().to_owned(),
            words: entry_words(&entry.body),
            about: match &entry.body {
                Body::Snapshot { snapshot, .. } | Body::Confirmation { snapshot } => {
                    Some(format!("/snapshots/{snapshot}"))
                }
                Body::Evaluation { check, .. } => Some(format!("/checks/{check}")),
                Body::FindingEvent { finding, .. } => Some(format!("/findings/{finding}")),
                Body::Exception { exception, .. } => Some(format!("/exceptions/{exception}")),
                Body::Slot { source, .. } => Some(format!("/sources/{source}")),
                _ => None,
            },
        }
    }
}

#[derive(Template)]
#[template(path = "entry.html")]
struct EntryPage {
    frame: Frame,
    row: EntryRow,
    json: String,
    document: Document,
    proof: String,
    verified: Option<Verified>,
    size: u64,
}

/// What the entry commits to.
enum Document {
    None,
    /// It was erased on purpose, or is damaged: why it cannot be shown.
    Away(String),
    There {
        media_type: String,
        sha256: String,
        bytes: u64,
        text: Option<String>,
    },
}

/// What checking the proof just now said.
struct Verified {
    /// Each thing that was shown, in order.
    shown: Vec<String>,
    /// What was not.
    problem: Option<String>,
}

/// Entries, newest first.
pub(in crate::web) async fn log(Extension(visit): Extension<Visit>) -> Response {
    answer(visit, StatusCode::OK, |visit, settings, reader| {
        let size = reader.checkpoint()?.size();
        let end = visit.query.text("before").parse().unwrap_or(size).min(size);
        let start = end.saturating_sub(A_PAGE);
        let mut rows: Vec<EntryRow> = reader.entries(start..end)?.iter().map(EntryRow::of).collect();
        rows.reverse();
        render(&List {
            frame: Frame::here(visit),
            size,
            origin: settings.log.origin.clone(),
            rows,
            newer: (end < size).then(|| (end + A_PAGE).min(size)),
            older: Some(start).filter(|start| *start > 0),
        })
        .map(Some)
    })
    .await
}

/// One, whole; with `verify`, its proof is checked now.
pub(in crate::web) async fn entry(Extension(visit): Extension<Visit>, Path(index): Path<String>) -> Response {
    answer(visit, StatusCode::OK, move |visit, _, reader| {
        let size = reader.checkpoint()?.size();
        let Some(index) = index.parse().ok().filter(|index| *index < size) else { return Ok(None) };
        let entry = reader.entry(index)?;
        let verified = visit.query.said("verify").map(|_| verify(reader, &entry)).transpose()?;
        render(&EntryPage {
            frame: Frame::here(visit),
            row: EntryRow::of(&entry),
            json: serde_json::to_string_pretty(&entry.entry.json()).map_err(Failure::store)?,
            document: document(reader, index)?,
            proof: reader.proof_file(index)?,
            verified,
            size,
        })
        .map(Some)
    })
    .await
}

fn document(reader: &Reader, index: u64) -> Result<Document, Failure> {
    let read = || -> Result<Document, StoreError> {
        let Some(opening) = reader.opening(index)? else { return Ok(Document::None) };
        let is_json = opening.media_type().ends_with("json");
        let shown = is_json && usize::try_from(opening.size()).is_ok_and(|bytes| bytes <= SHOWN);
        let bytes = if shown { reader.document(index)? } else { None };
        let text = bytes.and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
        Ok(Document::There {
            media_type: opening.media_type().to_owned(),
            sha256: opening.sha256().to_string(),
            bytes: opening.size(),
            text: text.and_then(|value| serde_json::to_string_pretty(&value).ok()),
        })
    };
    match read() {
        Err(error @ (StoreError::Absent { .. } | StoreError::Damaged { .. })) => Ok(Document::Away(error.to_string())),
        read => Ok(read?),
    }
}

/// Checks the proof as anybody else would, from its text.
fn verify(reader: &Reader, entry: &LogEntry) -> Result<Verified, Failure> {
    let LogEntry { index, entry } = entry;
    let mut shown = Vec::new();
    let problem = match Proof::parse(reader.proof_file(*index)?.as_bytes())
        .and_then(|proof| proof.verify(entry.bytes(), reader.key()))
    {
        Ok(checkpoint) => {
            shown.push(format!("the entry's bytes hash to leaf {}", entry.leaf()));
            shown.push(format!(
                "the proof leads from that leaf, at {index}, to the root {} of a log of {} entries",
                checkpoint.root(),
                checkpoint.size()
            ));
            shown.push(format!("the checkpoint that says so is signed by {}", reader.key()));
            match entry.commit {
                None => None,
                Some(_) => match reader.sealed(*index, |_| Ok::<_, std::convert::Infallible>(())) {
                    Ok(sealed) => {
                        shown.push(format!(
                            "the document hashes to {}, which the entry commits to",
                            sealed.document_sha256()
                        ));
                        None
                    }
                    Err(StoreError::Absent { what, .. }) => {
                        shown.push(format!("{what} is not here any more; the entry is proven without it"));
                        None
                    }
                    Err(error) => Some(error.to_string()),
                },
            }
        }
        Err(error) => Some(error.to_string()),
    };
    Ok(Verified { shown, problem })
}
