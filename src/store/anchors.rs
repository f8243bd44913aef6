//! Timestamp tokens: kept as the authority sent them, beside the text they are over, and entered into the log.
//!
//! `anchors/<size>/checkpoint` and `anchors/<size>/<authority>.tsr`: `ledger::timestamp` says what they are. No token is
//! entered that has not been verified here, and none is ever replaced once it has its entry.

use crate::blobs::read_capped;
use crate::commit::Draft;
use crate::durable::{self, Planned};
use crate::error::StoreError;
use crate::paths::StorePaths;
use crate::reader::Reader;
use jiff::Timestamp;
use ledger::timestamp::{MAX_TOKEN, Nonce, Roots, TimestampError, Timestamped, Token, is_authority_name};
use ledger::{Body, Entry, SignedCheckpoint};
use model::Digest;
use std::fs;
use std::path::PathBuf;

/// The series of anchors.
pub(crate) const SERIES: &str = "anchor";

/// An authority's answer about a checkpoint.
#[derive(Debug, Clone, Copy)]
pub struct Stamp<'a> {
    /// The authority's configured name.
    pub authority: &'a str,
    /// What it answered, whole.
    pub response: &'a [u8],
    /// The nonce of the request.
    pub nonce: Nonce,
    /// What its signer has to lead up to.
    pub roots: &'a Roots,
}

/// A stamp that is not sealed.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    /// The answer proves nothing.
    #[error(transparent)]
    Timestamp(#[from] TimestampError),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An anchor as its entry states it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor {
    /// Position of its entry in the log.
    pub index: u64,
    /// When the entry was written, by this host's clock.
    pub at: Timestamp,
    /// Entries in the log the stamped checkpoint covers.
    pub size: u64,
    /// SHA-256 of the stamped text.
    pub checkpoint: Digest,
    /// SHA-256 of the authority's answer.
    pub token: Digest,
    /// The authority's time.
    pub gen_time: Timestamp,
    /// Its configured name.
    pub authority: String,
}

impl Anchor {
    /// What an entry says, if it is an anchor.
    pub fn of(index: u64, entry: &Entry) -> Option<Self> {
        let Body::Anchor { size, checkpoint, token, gen_time, authority } = &entry.body else { return None };
        Some(Self {
            index,
            at: entry.at,
            size: *size,
            checkpoint: *checkpoint,
            token: *token,
            gen_time: *gen_time,
            authority: authority.clone(),
        })
    }
}

/// The files of an anchor, their digests verified against its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorFiles {
    /// The stamped text.
    pub checkpoint: Vec<u8>,
    /// The authority's whole answer.
    pub response: Vec<u8>,
}

/// Where the stamped text of a log of `size` entries lies.
pub(crate) fn checkpoint_path(paths: &StorePaths, size: u64) -> PathBuf {
    paths.anchors().join(size.to_string()).join("checkpoint")
}

/// Where the answer of `authority` about it lies.
pub(crate) fn response_path(paths: &StorePaths, size: u64, authority: &str) -> PathBuf {
    paths.anchors().join(size.to_string()).join(format!("{authority}.tsr"))
}

/// Verifies `stamp` over `checkpoint`, and gives the entry it deserves.
pub(crate) fn verify(checkpoint: &SignedCheckpoint, stamp: &Stamp<'_>) -> Result<(Timestamped, Draft), AnchorError> {
    if !is_authority_name(stamp.authority) {
        let problem = format!("`{}` cannot name an authority", stamp.authority.escape_default());
        return Err(StoreError::Unsealable { problem }.into());
    }
    let imprint = Digest::of(checkpoint.log_signed_text().as_bytes());
    let stamped = Token::from_response(stamp.response)?.verify(imprint, Some(stamp.nonce), stamp.roots)?;
    let body = Body::Anchor {
        size: checkpoint.size(),
        checkpoint: imprint,
        token: Digest::of(stamp.response),
        gen_time: stamped.gen_time,
        authority: stamp.authority.to_owned(),
    };
    Ok((stamped, Draft { body, series: SERIES.to_owned(), document: None }))
}

/// Puts the files in place and on disk. Only a file no entry speaks of is written over: one a kill left.
pub(crate) fn write(
    paths: &StorePaths,
    reader: &Reader,
    checkpoint: &SignedCheckpoint,
    stamp: &Stamp<'_>,
) -> Result<(), StoreError> {
    let size = checkpoint.size();
    let (text, target) = (checkpoint.log_signed_text(), checkpoint_path(paths, size));
    if reader.anchors_from(size)?.iter().any(|anchor| anchor.size == size && anchor.authority == stamp.authority) {
        let problem = format!("`{}` has stamped the log of {size} entries already", stamp.authority);
        return Err(StoreError::Unsealable { problem });
    }
    match fs::read(&target) {
        Ok(found) if found == text.as_bytes() => {}
        Ok(_) => return Err(StoreError::damaged(&target, "it is not the checkpoint of that size")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(StoreError::io("read", &target, error)),
    }
    durable::create_dirs(&paths.anchors())?;
    let planned = [
        Planned { target, content: Box::new(|| Ok(text.clone().into_bytes())) },
        Planned {
            target: response_path(paths, size, stamp.authority),
            content: Box::new(|| Ok(stamp.response.to_vec())),
        },
    ];
    durable::write_batch(&paths.anchors(), &planned, &[])
}

/// Reads the files of an anchor and compares them with its entry.
pub(crate) fn read(paths: &StorePaths, anchor: &Anchor) -> Result<AnchorFiles, StoreError> {
    let file = |path: PathBuf, expected: Digest| -> Result<Vec<u8>, StoreError> {
        let bytes = read_capped(&path, MAX_TOKEN as u64)?;
        if Digest::of(&bytes) == expected {
            Ok(bytes)
        } else {
            Err(StoreError::damaged(&path, format!("it is not what entry {} names: {expected}", anchor.index)))
        }
    };
    // an entry of a hostile store names no file outside
    if !is_authority_name(&anchor.authority) {
        let problem = format!("entry {} names an authority that none is called", anchor.index);
        return Err(StoreError::damaged(&paths.database(), problem));
    }
    Ok(AnchorFiles {
        checkpoint: file(checkpoint_path(paths, anchor.size), anchor.checkpoint)?,
        response: file(response_path(paths, anchor.size, &anchor.authority), anchor.token)?,
    })
}
