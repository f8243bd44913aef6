//! What earlier complete snapshots of a source showed, for checks of events that lie between two of them.
//!
//! It follows from the sealed snapshots alone. What was worked out last lies beside the store, so that a check reads the snapshots
//! that are new; it is worked out anew whenever it is not of exactly the snapshots there are, and it is never evidence.

use super::inputs::{self, confirmed, damaged};
use super::{shape, worker};
use crate::failure::Failure;
use crate::settings::{Settings, Source};
use evaluate::{
    History, HistoryInput, Inputs, Observed, Observer, PastSnapshot, SourceInput, history_tables, keeps_history,
};
use jiff::Timestamp;
use model::{Digest, Manifest, SnapshotStatus};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{Reader, SnapshotFilter, SnapshotRow, StoreError};

/// Folder in the store's own.
const FOLDER: &str = "history";

/// Whoever has a snapshot loaded already, and what it shows; none where nobody has.
type Loaded<'a> = dyn FnMut(&Source, &str) -> Option<Observed> + 'a;

/// The history of every source of which any is kept, as `as_of` knows it.
pub(super) fn history(
    settings: &Settings,
    reader: &Reader,
    as_of: Timestamp,
    loaded: &mut Loaded<'_>,
) -> Result<Vec<HistoryInput>, Failure> {
    let worker = worker(settings)?;
    let mut observer = Observer::new(&worker);
    let mut tables = Vec::new();
    for source in &settings.sources {
        let Some(past) = Past::of(settings, reader, source)? else { continue };
        let history = bring_up(&past, &mut observer, loaded)?;
        let known = past.rows.iter().take_while(|row| row.finished_at <= as_of).count();
        tables.extend(history_tables(&Arc::new(history), &past.snapshots[..known].into()));
    }
    Ok(tables)
}

/// The complete snapshots of a source of which history is kept.
struct Past<'a> {
    settings: &'a Settings,
    reader: &'a Reader,
    source: &'a Source,
    /// How their rows are read.
    reading: Digest,
    /// In the order of the log.
    rows: Vec<SnapshotRow>,
    snapshots: Vec<PastSnapshot>,
    /// Where what was worked out lies.
    file: PathBuf,
}

impl<'a> Past<'a> {
    /// Of `source`; none where no history is kept of what it provides.
    fn of(settings: &'a Settings, reader: &'a Reader, source: &'a Source) -> Result<Option<Self>, Failure> {
        if !keeps_history(&shape(source)?.provides) {
            return Ok(None);
        }
        let rows = complete(reader, &damaged(reader)?, source)?;
        Ok(Some(Self {
            settings,
            reader,
            source,
            reading: reading(source)?,
            snapshots: rows.iter().map(past_snapshot).collect(),
            rows,
            file: settings.store.dir.join(FOLDER).join(format!("{}.json", source.name)),
        }))
    }

    /// A history of none of them.
    fn nothing(&self) -> History {
        History::new(&self.source.name, self.reading)
    }
}

/// Forgets what was worked out: after an erasure nothing may tell what was erased.
pub(super) fn forget(settings: &Settings) -> Result<(), Failure> {
    let folder = settings.store.dir.join(FOLDER);
    let removed = match std::fs::remove_dir_all(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        // that it is gone must not be undone by a power failure after it was said
        Ok(()) => File::open(&settings.store.dir).and_then(|store| store.sync_all()),
        Err(error) => Err(error),
    };
    removed.map_err(|error| Failure::store(format!("cannot remove {}: {error}", folder.display())))
}

fn past_snapshot(row: &SnapshotRow) -> PastSnapshot {
    PastSnapshot {
        id: row.id.clone(),
        manifest_sha256: row.manifest_sha256,
        seen_at: row.observed_at.map_or(row.finished_at, |observed| observed.min(row.finished_at)),
    }
}

/// The snapshots of `source` that prove absence too, in the order of the log.
fn complete(reader: &Reader, damaged: &BTreeMap<String, String>, source: &Source) -> Result<Vec<SnapshotRow>, Failure> {
    let filter = SnapshotFilter { source: Some(source.name.clone()), ..SnapshotFilter::default() };
    let mut rows = Vec::new();
    for row in reader.snapshots(&filter)? {
        let counts = match row.status {
            SnapshotStatus::Complete => true,
            SnapshotStatus::Suspect => confirmed(reader, &row.id)?,
            SnapshotStatus::Incomplete | SnapshotStatus::Failed => false,
        };
        // what another collector read is of another kind
        if counts && row.collector == source.collector && !damaged.contains_key(&row.id) {
            rows.push(row);
        }
    }
    rows.sort_by_key(|row| row.log_index);
    Ok(rows)
}

/// What was worked out last, with the snapshots that are new.
fn bring_up(past: &Past<'_>, observer: &mut Observer<'_>, loaded: &mut Loaded<'_>) -> Result<History, Failure> {
    let kept = match read(&past.file) {
        Ok(kept) => kept,
        Err(problem) => {
            tracing::warn!(file = %past.file.display(), problem, "the history of a source is worked out anew");
            None
        }
    };
    let kept = kept
        .filter(|kept| kept.source == past.source.name && kept.reading == past.reading && kept.is_of(&past.snapshots));
    let begun = kept.as_ref().map_or(0, |kept| kept.covered);
    let history = work_out(past, kept.unwrap_or_else(|| past.nothing()), observer, loaded)?;
    if history.covered > begun
        && let Err(error) = keep(&past.file, &history)
    {
        // a reader may not write there: it is worked out anew next time
        tracing::debug!(file = %past.file.display(), error = %error, "the history of a source is not kept");
    }
    Ok(history)
}

/// Adds to `history` the snapshots it does not cover.
fn work_out(
    past: &Past<'_>,
    mut history: History,
    observer: &mut Observer<'_>,
    loaded: &mut Loaded<'_>,
) -> Result<History, Failure> {
    let reader = past.reader;
    let mut before: Option<Vec<(String, Digest)>> = match history.covered.checked_sub(1) {
        Some(last) => tables(reader, past.rows.get(last))?,
        None => None,
    };
    for (row, snapshot) in past.rows.iter().zip(&past.snapshots).skip(history.covered) {
        let tables = tables(reader, Some(row))?;
        if tables.is_some() && tables == before {
            history.push_unchanged(snapshot);
            continue;
        }
        let shown = match loaded(past.source, &row.id) {
            Some(shown) => Ok(shown),
            None => match inputs::past(reader, past.source, &row.id)? {
                Some(input) => observer.observe(&alone(past.settings, row.finished_at, input)),
                None => Err("its rows are gone".to_owned()),
            },
        };
        if let Err(problem) = &shown {
            tracing::warn!(
                source = past.source.name,
                snapshot = row.id,
                problem,
                "a snapshot of the past cannot be read"
            );
        }
        before = if shown.is_ok() { tables } else { None };
        history.push(snapshot, shown.ok());
    }
    Ok(history)
}

/// What is wrong with what was worked out: bytes that are not those that were written; with `derive`, also what does not follow
/// from the sealed snapshots.
pub(crate) fn problems(settings: &Settings, reader: &Reader, derive: bool) -> Result<Vec<(PathBuf, String)>, Failure> {
    let mut problems = Vec::new();
    for item in std::fs::read_dir(settings.store.dir.join(FOLDER)).into_iter().flatten().flatten() {
        if let Err(problem) = read(&item.path()) {
            problems.push((item.path(), problem));
        }
    }
    if !derive || !problems.is_empty() {
        return Ok(problems);
    }
    let worker = worker(settings)?;
    let mut observer = Observer::new(&worker);
    for source in &settings.sources {
        let Some(mut past) = Past::of(settings, reader, source)? else { continue };
        let Ok(Some(kept)) = read(&past.file) else { continue };
        if kept.reading != past.reading || !kept.is_of(&past.snapshots) {
            // of other snapshots or another mapping: it is not read
            continue;
        }
        past.rows.truncate(kept.covered);
        if work_out(&past, past.nothing(), &mut observer, &mut |_, _| None)? != kept {
            let problem = "it does not follow from the sealed snapshots: remove it, and it is worked out anew";
            problems.push((past.file, problem.to_owned()));
        }
    }
    Ok(problems)
}

fn tables(reader: &Reader, row: Option<&SnapshotRow>) -> Result<Option<Vec<(String, Digest)>>, Failure> {
    let sealed = match row.map(|row| reader.snapshot(&row.id)) {
        Some(Ok(sealed)) => sealed,
        None | Some(Err(StoreError::Damaged { .. })) => None,
        Some(Err(other)) => return Err(other.into()),
    };
    let of = |manifest: &Manifest| manifest.tables.iter().map(|table| (table.name.clone(), table.sha256)).collect();
    Ok(sealed.map(|sealed| of(sealed.value())))
}

/// Changes when another state is kept of what is read.
const KEPT: u32 = 1;

/// What tells that rows are read as they were.
fn reading(source: &Source) -> Result<Digest, Failure> {
    let shape = shape(source)?;
    let read = (KEPT, &source.collector, &shape.mapping, &shape.provides);
    Ok(Digest::of(&model::canonical_json(&read)?))
}

/// One source with a snapshot of its past, and nothing else.
fn alone(settings: &Settings, as_of: Timestamp, source: SourceInput) -> Inputs {
    Inputs {
        as_of,
        timezone: settings.organisation.timezone.clone(),
        last_day_ends: settings.organisation.last_day_ends,
        domains: Vec::new(),
        fold_local_part: false,
        sources: vec![source],
        snapshots: Vec::new(),
        slots: Vec::new(),
        links: Vec::new(),
        accounts: Vec::new(),
        history: Vec::new(),
        exceptions: Vec::new(),
        programme: evaluate::Programme::default(),
    }
}

/// What was worked out and kept: the SHA-256 of it on a line of its own, then it. None where nothing was.
fn read(file: &Path) -> Result<Option<History>, String> {
    let bytes = match std::fs::read(file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("it cannot be read: {error}")),
    };
    let damaged = || "it is not what was written: remove it, and it is worked out anew".to_owned();
    let end = bytes.iter().position(|byte| *byte == b'\n').ok_or_else(damaged)?;
    let (digest, history) = (&bytes[..end], &bytes[end + 1..]);
    if digest != Digest::of(history).to_string().as_bytes() {
        return Err(damaged());
    }
    serde_json::from_slice(history).map(Some).map_err(|_| damaged())
}

/// Writes it so that whoever reads finds the former or this.
fn keep(file: &Path, history: &History) -> io::Result<()> {
    let folder = file.parent().map_or_else(PathBuf::new, Path::to_owned);
    std::fs::create_dir_all(&folder)?;
    let text = serde_json::to_vec(history)?;
    let mut written = tempfile::NamedTempFile::new_in(&folder)?;
    written.write_all(format!("{}\n", Digest::of(&text)).as_bytes())?;
    written.write_all(&text)?;
    written.persist(file).map_err(|error| error.error)?;
    Ok(())
}
