//! What is stored, found by digest wherever it lies: a row, a difference from an earlier version, pieces, or a file.
//!
//! Reading verifies the SHA-256 of the content. Storing decides the form and writes the files; the rows are written by the
//! transaction that seals what they hold, so that neither is there without the other.

use crate::blob_rows::{self, BlobRow, MAX_CHAIN, Seal, Stored};
use crate::blobs::{Blobs, Form, MAX_BLOB_BYTES};
use crate::content::Content;
use crate::durable::{self, Planned};
use crate::error::StoreError;
use crate::paths::StorePaths;
use crate::pieces::{self, Piece};
use crate::{container, delta};
use model::Digest;
use rusqlite::Connection;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

/// A frame up to this size lies in the database: a file takes 4 KiB of disk whatever it holds.
const SMALL: usize = 4_000;

/// Content up to this size is compressed to see whether it is small.
const MAYBE_SMALL: usize = 64 << 10;

/// A difference up to this size lies in the database; what differs more is stored whole.
const SMALL_DELTA: usize = 64 << 10;

/// Every so many versions one is told from the version so many before, and every square of it one is stored whole: a chain
/// has at most 31 links.
const STRIDE: u64 = 16;

/// Whether a frame of this size lies in the database.
pub(crate) const fn is_small(frame: usize) -> bool {
    frame <= SMALL
}

/// Which earlier content a new one probably resembles.
pub(crate) type Hints = BTreeMap<Digest, Digest>;

/// Where things are read from and written to.
#[derive(Debug, Clone)]
pub(crate) struct Shelf {
    pub(crate) database: PathBuf,
    blobs: Blobs,
    openings: Blobs,
}

/// Looks up the rows of a digest: [`blob_rows::chain`] over whatever connection the caller has.
pub(crate) type Lookup<'a> = &'a dyn Fn(&Digest) -> Result<Vec<BlobRow>, StoreError>;

/// What sealing has to add to the table, and the files written for it.
#[derive(Debug, Default)]
pub(crate) struct Shelved {
    pub(crate) rows: Vec<BlobRow>,
}

impl Shelf {
    pub(crate) fn new(paths: &StorePaths) -> Self {
        Self {
            database: paths.database(),
            blobs: Blobs::new(paths.blobs.clone(), Form::Zstd),
            openings: Blobs::new(paths.openings(), Form::Plain),
        }
    }

    /// The files of blobs.
    pub(crate) const fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// The files of openings; newer stores keep them in the database.
    pub(crate) const fn openings(&self) -> &Blobs {
        &self.openings
    }

    /// Looks up rows over `connection`.
    pub(crate) fn rows<'a>(
        &'a self,
        connection: &'a Connection,
    ) -> impl Fn(&Digest) -> Result<Vec<BlobRow>, StoreError> + 'a {
        |digest| {
            blob_rows::chain(connection, digest)
                .map_err(|error| StoreError::database("look up a blob", &self.database, error))
        }
    }

    /// Whether something of that name is stored. It may be damaged.
    pub(crate) fn contains(&self, lookup: Lookup<'_>, digest: &Digest) -> Result<bool, StoreError> {
        Ok(lookup(digest)?.first().is_some_and(|row| row.stored != Stored::File) || self.blobs.contains(digest))
    }

    /// An opening's text; its digest has been verified.
    pub(crate) fn opening(&self, lookup: Lookup<'_>, commit: &Digest) -> Result<Vec<u8>, StoreError> {
        if lookup(commit)?.is_empty() { self.openings.get(commit) } else { self.blob(lookup, commit) }
    }

    /// A blob's content; its digest has been verified.
    pub(crate) fn blob(&self, lookup: Lookup<'_>, digest: &Digest) -> Result<Vec<u8>, StoreError> {
        let chain = lookup(digest)?;
        let Some(row) = chain.first().filter(|row| row.stored != Stored::File) else { return self.blobs.get(digest) };
        let content = if row.stored == Stored::List { self.joined(lookup, row)? } else { self.unfold(&chain)? };
        self.verified(digest, content)
    }

    /// The pieces of a list; none when `digest` is stored in one piece.
    pub(crate) fn pieces(&self, lookup: Lookup<'_>, digest: &Digest) -> Result<Option<Vec<Piece>>, StoreError> {
        match lookup(digest)?.first() {
            Some(row) if row.stored == Stored::List => self.list(row).map(Some),
            _ => Ok(None),
        }
    }

    /// The pieces that `row`, a list, names.
    pub(crate) fn list(&self, row: &BlobRow) -> Result<Vec<Piece>, StoreError> {
        row.check_seal()
            .and_then(|()| pieces::parse(row.data.as_deref().unwrap_or_default(), row.bytes))
            .map_err(|problem| self.damaged(&row.digest, &problem))
    }

    fn joined(&self, lookup: Lookup<'_>, row: &BlobRow) -> Result<Vec<u8>, StoreError> {
        let cap = usize::try_from(row.bytes.min(MAX_BLOB_BYTES)).unwrap_or_default();
        let mut content = Vec::with_capacity(cap);
        for piece in self.list(row)? {
            // a list never names a list
            let chain = lookup(&piece.digest)?;
            let part = match chain.first() {
                Some(row) if row.stored == Stored::List => {
                    return Err(self.damaged(&row.digest, "a list of pieces names another list"));
                }
                Some(row) if row.stored != Stored::File => self.verified(&piece.digest, self.unfold(&chain)?)?,
                _ => self.blobs.get(&piece.digest)?,
            };
            content.extend_from_slice(&part);
        }
        Ok(content)
    }

    /// The content at the head of a chain, from its foot on. The caller verifies it.
    fn unfold(&self, chain: &[BlobRow]) -> Result<Vec<u8>, StoreError> {
        let Some(foot) = chain.last().filter(|_| chain.len() <= MAX_CHAIN) else {
            let digest = chain.first().map_or_else(|| Digest::of(b""), |row| row.digest);
            return Err(self.damaged(&digest, "it is told by more differences than any is made of"));
        };
        let mut content = match foot.stored {
            Stored::File => self.blobs.get(&foot.digest)?,
            _ => self.standing(foot)?,
        };
        for row in chain.iter().rev().skip(1) {
            content = self.told(&content, row)?;
        }
        Ok(content)
    }

    /// The content of a row that needs no other.
    fn standing(&self, row: &BlobRow) -> Result<Vec<u8>, StoreError> {
        let data = row.data.as_deref().unwrap_or_default();
        let content = match row.stored {
            Stored::Plain => Ok(data.to_vec()),
            Stored::Zstd => container::unpack(data, row.bytes),
            Stored::Delta => Err("what it is a difference from is missing".to_owned()),
            Stored::List | Stored::File => Err("it does not stand for itself".to_owned()),
        };
        row.check_seal().and(content).map_err(|problem| self.damaged(&row.digest, &problem))
    }

    /// The same, its digest verified.
    pub(crate) fn told_whole(&self, base: &[u8], row: &BlobRow) -> Result<Vec<u8>, StoreError> {
        self.verified(&row.digest, self.told(base, row)?)
    }

    /// The content of a row that is a difference from `base`.
    fn told(&self, base: &[u8], row: &BlobRow) -> Result<Vec<u8>, StoreError> {
        let told =
            row.check_seal().and_then(|()| delta::decode(base, row.data.as_deref().unwrap_or_default(), row.bytes));
        told.map_err(|problem| self.damaged(&row.digest, &problem))
    }

    fn verified(&self, digest: &Digest, content: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        self.expect(digest, Digest::of(&content))?;
        Ok(content)
    }

    /// Whether the content named `digest` hashes to it; `found` is what it hashes to.
    pub(crate) fn expect(&self, digest: &Digest, found: Digest) -> Result<(), StoreError> {
        if found == *digest {
            Ok(())
        } else {
            Err(self.damaged(digest, &format!("its content hashes to {found}, not to its name")))
        }
    }

    fn damaged(&self, digest: &Digest, problem: &str) -> StoreError {
        StoreError::damaged(&self.database, format!("blob {digest}: {problem}"))
    }

    /// Makes every byte of `blobs` and `openings` durable, or ready to be made so by the transaction that adds the rows. What is there
    /// already is verified, not written; `relied_on` is there, and verified too.
    pub(crate) fn put(
        &self,
        connection: &Connection,
        blobs: &[(Digest, &dyn Content)],
        openings: &[(Digest, Vec<u8>)],
        relied_on: &[Digest],
        hints: &Hints,
    ) -> Result<Shelved, StoreError> {
        let mut load = Load {
            shelf: self,
            connection,
            seen: BTreeSet::new(),
            rows: Vec::new(),
            planned: Vec::new(),
            files: Vec::new(),
            settled: Vec::new(),
        };
        for digest in relied_on {
            load.rely(digest)?;
        }
        for (digest, content) in blobs {
            let bytes = content.bytes();
            if bytes > MAX_BLOB_BYTES {
                return Err(StoreError::TooLarge { digest: *digest, bytes, cap: MAX_BLOB_BYTES });
            }
            let whole = read(*content, digest, 0..bytes)?;
            load.add(digest, *content, &whole, hints.get(digest))?;
        }
        for (commit, text) in openings {
            load.rows.push(BlobRow {
                digest: *commit,
                stored: Stored::Plain,
                place: 0,
                base: None,
                bytes: text.len() as u64,
                seal: None,
                data: Some(text.clone()),
            });
        }
        let Load { mut rows, planned, files, settled, .. } = load;
        durable::write_batch(self.blobs.root(), &planned, &settled)?;
        rows.extend(files.into_iter().map(|(row, seal)| BlobRow { seal: seal.get().copied(), ..row }));
        Ok(Shelved { rows })
    }
}

/// A part of what is to be sealed, if it is what `digest` says.
fn read<'a>(content: &'a dyn Content, digest: &Digest, part: Range<u64>) -> Result<Cow<'a, [u8]>, StoreError> {
    let unsealable = |problem: String| StoreError::Unsealable { problem };
    let bytes = content
        .read(part)
        .map_err(|error| unsealable(format!("the bytes given as {digest} cannot be read: {error}")))?;
    let found = Digest::of(&bytes);
    if found == *digest { Ok(bytes) } else { Err(unsealable(format!("the bytes given as {digest} hash to {found}"))) }
}

/// One sealing's worth of blobs on their way to the shelf.
struct Load<'a> {
    shelf: &'a Shelf,
    connection: &'a Connection,
    seen: BTreeSet<Digest>,
    rows: Vec<BlobRow>,
    planned: Vec<Planned<'a>>,
    /// The rows of the planned files; their seals are known when the files are written.
    files: Vec<(BlobRow, Arc<OnceLock<Seal>>)>,
    settled: Vec<PathBuf>,
}

impl<'a> Load<'a> {
    fn lookup(&self, digest: &Digest) -> Result<Vec<BlobRow>, StoreError> {
        self.shelf.rows(self.connection)(digest)
    }

    /// Sees that what is there already is sound, and that it outlives a power cut.
    fn rely(&mut self, digest: &Digest) -> Result<(), StoreError> {
        if !self.seen.insert(*digest) {
            return Ok(());
        }
        let lookup = |digest: &Digest| self.lookup(digest);
        let parts = self.shelf.pieces(&lookup, digest)?;
        let parts = parts.map_or_else(|| vec![*digest], |pieces| pieces.iter().map(|piece| piece.digest).collect());
        for part in parts {
            let content = self.shelf.blob(&|digest| self.lookup(digest), &part)?;
            let chain = self.lookup(&part)?;
            match chain.last() {
                Some(foot) if foot.stored != Stored::File => {}
                Some(foot) => self.settled.push(self.shelf.blobs.path(&foot.digest)),
                None => {
                    self.settled.push(self.shelf.blobs.path(&part));
                    let row = self.file_row(&part, content.len())?;
                    self.rows.push(row);
                }
            }
        }
        Ok(())
    }

    /// The row of a file that is there.
    fn file_row(&self, digest: &Digest, bytes: usize) -> Result<BlobRow, StoreError> {
        let seal = self.shelf.blobs.seal(digest)?;
        Ok(BlobRow {
            digest: *digest,
            stored: Stored::File,
            place: 0,
            base: None,
            bytes: bytes as u64,
            seal: Some(seal),
            data: None,
        })
    }

    /// Adds `content`, all of which is `whole`.
    fn add(
        &mut self,
        digest: &Digest,
        content: &'a dyn Content,
        whole: &[u8],
        hint: Option<&Digest>,
    ) -> Result<(), StoreError> {
        if self.seen.contains(digest) {
            return Ok(());
        }
        if self.shelf.contains(&|digest| self.lookup(digest), digest)? {
            return self.rely(digest);
        }
        self.seen.insert(*digest);
        if whole.len() <= pieces::WHOLE {
            return self.add_piece(digest, content, (0, whole), hint);
        }
        let before = match hint {
            Some(hint) => self.shelf.pieces(&|digest| self.lookup(digest), hint)?,
            None => None,
        };
        let (mut list, mut offset) = (Vec::new(), 0);
        for part in pieces::cut(whole) {
            let piece = Piece { digest: Digest::of(part), bytes: part.len() as u64 };
            let hint = match &before {
                Some(before) => at(before, offset + piece.bytes / 2),
                None => hint.copied(),
            };
            let from = offset;
            offset += piece.bytes;
            if self.shelf.contains(&|digest| self.lookup(digest), &piece.digest)? {
                self.rely(&piece.digest)?;
            } else if self.seen.insert(piece.digest) {
                self.add_piece(&piece.digest, content, (from, part), hint.as_ref())?;
            }
            list.push(piece);
        }
        let data = pieces::encode(&list);
        self.push(digest, Stored::List, None, whole.len(), data);
        Ok(())
    }

    /// Adds the part of `content` that stands at `from`.
    fn add_piece(
        &mut self,
        digest: &Digest,
        content: &'a dyn Content,
        (from, part): (u64, &[u8]),
        hint: Option<&Digest>,
    ) -> Result<(), StoreError> {
        let failed = |error| StoreError::io("compress for", &self.shelf.database, error);
        if let Some(hint) = hint
            && let Some((base, place)) = self.base(hint)?
            && let Some(earlier) = self.content_of(&base)?
        {
            let told = delta::encode(&earlier, part).map_err(failed)?;
            if told.len() <= SMALL_DELTA && told.len() <= part.len() / 3 {
                self.push(digest, Stored::Delta, Some((base, place)), part.len(), told);
                return Ok(());
            }
        }
        if part.len() <= MAYBE_SMALL {
            let frame = container::pack(part).map_err(failed)?;
            if frame.len() <= SMALL {
                self.push(digest, Stored::Zstd, None, part.len(), frame);
                return Ok(());
            }
        }
        let target = self.shelf.blobs.path(digest);
        let seal = Arc::new(OnceLock::new());
        let row = BlobRow {
            digest: *digest,
            stored: Stored::File,
            place: 0,
            base: None,
            bytes: part.len() as u64,
            seal: None,
            data: None,
        };
        self.files.push((row, Arc::clone(&seal)));
        let (path, digest, range) = (target.clone(), *digest, from..from + part.len() as u64);
        let encode = move || {
            // read when it is written, so that not all of a sealing is in memory at once
            let part = read(content, &digest, range.clone())?;
            let file = container::encode(&part).map_err(|error| StoreError::io("compress", &path, error))?;
            let _ = seal.set(container::seal(&file));
            Ok(file)
        };
        self.planned.push(Planned { target, content: Box::new(encode) });
        Ok(())
    }

    /// What the next version after `hint` is told from, and its place in that chain; none when it is to be stored whole.
    fn base(&mut self, hint: &Digest) -> Result<Option<(Digest, u64)>, StoreError> {
        let failed = |error| StoreError::database("look up a blob", &self.shelf.database, error);
        let chain = blob_rows::ancestry(self.connection, hint).map_err(failed)?;
        let Some((_, newest)) = chain.first() else {
            // of a store of version 1: all of it are files, without rows
            let known = self.shelf.blobs.contains(hint) && self.rely(hint).is_ok();
            return Ok(known.then_some((*hint, 1)));
        };
        let place = newest + 1;
        if place >= STRIDE * STRIDE || chain.len() > MAX_CHAIN / 2 {
            return Ok(None);
        }
        let reach = if place.is_multiple_of(STRIDE) { place - STRIDE } else { *newest };
        let base = chain.iter().find(|(_, place)| *place <= reach).or(chain.last());
        Ok(base.map(|(digest, _)| (*digest, place)))
    }

    /// The content of a base; none where it is damaged, a list, or not there: then the new content is stored whole.
    fn content_of(&self, base: &Digest) -> Result<Option<Vec<u8>>, StoreError> {
        match self.lookup(base)?.first().map(|row| (row.stored, row.bytes)) {
            Some((Stored::List | Stored::Plain, _)) | None => return Ok(None),
            Some((_, bytes)) if bytes > delta::MAX_SIDE as u64 => return Ok(None),
            Some(_) => {}
        }
        match self.shelf.blob(&|digest| self.lookup(digest), base) {
            Ok(content) => Ok(Some(content)),
            Err(StoreError::Damaged { .. }) => Ok(None),
            Err(other) => Err(other),
        }
    }

    fn push(&mut self, digest: &Digest, stored: Stored, at: Option<(Digest, u64)>, bytes: usize, data: Vec<u8>) {
        self.rows.push(BlobRow {
            digest: *digest,
            stored,
            place: at.map_or(0, |(_, place)| place),
            base: at.map(|(base, _)| base),
            bytes: bytes as u64,
            seal: Some(blob_rows::seal(&data)),
            data: Some(data),
        });
    }
}

/// The piece of an earlier list that covers `offset`, or its last.
fn at(pieces: &[Piece], offset: u64) -> Option<Digest> {
    let mut end = 0;
    let found = pieces.iter().find(|piece| {
        end += piece.bytes;
        end > offset
    });
    found.or(pieces.last()).map(|piece| piece.digest)
}
