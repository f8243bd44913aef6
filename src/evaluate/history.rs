//! What earlier snapshots showed: for how long an account, a spell of employment and a person stood as they did.
//!
//! A snapshot bounds events: what happened lies between the last one that shows the state before and the first that shows the
//! state after. Only complete snapshots count, for absence proves something in no other. What is kept are the changes, so that a
//! thousand snapshots that agree cost what one does, and what was known at an earlier instant can be told again.

use crate::inputs::{Inputs, SourceInput, TableInput};
use crate::rows::{Rows, RowsError, Take};
use crate::run::{LoadError, MAX_ROWS, Question, Runner, TakeRows};
use crate::worker::{ProcessRunner, Worker};
use jiff::Timestamp;
use model::time::seconds_text;
use model::{Column, ColumnKind, Digest, Hasher, TableSpec};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One kind of which history is kept.
struct Kept {
    /// The engine's table.
    table: &'static str,
    description: &'static str,
    /// The vocabulary's.
    of: &'static str,
    key: &'static [(&'static str, ColumnKind)],
    state: &'static [(&'static str, ColumnKind)],
}

const KEPT: [Kept; 3] = [
    Kept {
        table: "account_history",
        description: "how an account stood, and for how long it was seen so",
        of: "account",
        key: &[("account_key", ColumnKind::Text)],
        state: &[
            ("status", ColumnKind::Text),
            ("is_admin", ColumnKind::Integer),
            ("kind", ColumnKind::Text),
            ("login", ColumnKind::Text),
            ("email", ColumnKind::Text),
            ("employee_id", ColumnKind::Text),
            ("external_id", ColumnKind::Text),
        ],
    },
    Kept {
        table: "employment_history",
        description: "how the roster gave a spell of employment, and for how long it was seen so",
        of: "employment",
        key: &[("person_key", ColumnKind::Text), ("spell", ColumnKind::Integer)],
        state: &[("start_date", ColumnKind::Text), ("end_date", ColumnKind::Text)],
    },
    Kept {
        table: "person_history",
        description: "how the roster gave a person, and for how long it was seen so",
        of: "person",
        key: &[("person_key", ColumnKind::Text)],
        state: &[("work_email", ColumnKind::Text), ("department", ColumnKind::Text), ("manager_key", ColumnKind::Text)],
    },
];

/// The tables of history.
pub(crate) const TABLES: [&str; KEPT.len()] = [KEPT[0].table, KEPT[1].table, KEPT[2].table];

/// The same, each with the table of the vocabulary that it is made from.
pub(crate) fn tables() -> impl Iterator<Item = (&'static str, &'static str)> {
    KEPT.iter().map(|kept| (kept.table, kept.of))
}

/// Whether history is kept of anything that a source with these vocabulary tables provides.
pub fn keeps_history(provides: &[String]) -> bool {
    KEPT.iter().any(|kept| provides.iter().any(|table| table == kept.of))
}

/// A complete snapshot of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastSnapshot {
    /// Its id.
    pub id: String,
    /// SHA-256 of its manifest.
    pub manifest_sha256: Digest,
    /// The instant its rows describe.
    pub seen_at: Timestamp,
}

/// What one snapshot shows: by table and key the state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed(BTreeMap<String, BTreeMap<String, State>>);

/// How something stood: its cells as a JSON array, which takes a fraction of the memory that they would one by one.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
struct State(Box<RawValue>);

impl PartialEq for State {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl Eq for State {}

/// The position of the snapshot that first showed a state, and the state; none: it was not listed.
type Change = (usize, Option<State>);

/// The changes of one source, in the order of its complete snapshots.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The source.
    pub source: String,
    /// SHA-256 of how its rows were read.
    pub reading: Digest,
    /// How many snapshots it covers.
    pub covered: usize,
    /// What names them all, each with its manifest.
    pub chain: Digest,
    /// Positions of snapshots whose rows could not be read: they prove nothing.
    unreadable: BTreeSet<usize>,
    /// By table and key.
    changes: BTreeMap<String, BTreeMap<String, Vec<Change>>>,
}

impl History {
    /// Of no snapshot yet.
    pub fn new(source: &str, reading: Digest) -> Self {
        Self {
            source: source.to_owned(),
            reading,
            covered: 0,
            chain: Digest::of(source.as_bytes()),
            unreadable: BTreeSet::new(),
            changes: BTreeMap::new(),
        }
    }

    /// Whether it covers the first of `snapshots` and nothing else.
    pub fn is_of(&self, snapshots: &[PastSnapshot]) -> bool {
        let chain = |chain, snapshot| link(&chain, snapshot);
        snapshots
            .get(..self.covered)
            .is_some_and(|covered| covered.iter().fold(Digest::of(self.source.as_bytes()), chain) == self.chain)
    }

    /// Adds the next snapshot and what it shows; none when its rows cannot be read.
    pub fn push(&mut self, snapshot: &PastSnapshot, observed: Option<Observed>) {
        let at = self.covered;
        self.push_unchanged(snapshot);
        let Some(Observed(tables)) = observed else {
            self.unreadable.insert(at);
            return;
        };
        for (table, states) in tables {
            let changes = self.changes.entry(table).or_default();
            for (key, changes) in &mut *changes {
                if !states.contains_key(key) && changes.last().is_some_and(|(_, state)| state.is_some()) {
                    changes.push((at, None));
                }
            }
            for (key, state) in states {
                let changes = changes.entry(key).or_default();
                if changes.last().is_none_or(|(_, last)| last.as_ref() != Some(&state)) {
                    // most things never change
                    changes.reserve_exact(1);
                    changes.push((at, Some(state)));
                }
            }
        }
    }

    /// Adds the next snapshot, whose tables are those of the one before.
    pub fn push_unchanged(&mut self, snapshot: &PastSnapshot) {
        self.chain = link(&self.chain, snapshot);
        self.covered += 1;
    }
}

fn link(chain: &Digest, snapshot: &PastSnapshot) -> Digest {
    Digest::of(format!("{chain} {} {}", snapshot.id, snapshot.manifest_sha256).as_bytes())
}

/// The history as the first of `snapshots` leave it, as many as there are, in the engine's tables.
pub fn history_tables(history: &Arc<History>, snapshots: &Arc<[PastSnapshot]>) -> Vec<HistoryInput> {
    let Some(newest) = snapshots.last() else { return Vec::new() };
    let tables = KEPT.iter().enumerate().filter(|(_, kept)| history.changes.contains_key(kept.table));
    tables
        .map(|(kept, what)| {
            let runs = Runs { history: Arc::clone(history), snapshots: Arc::clone(snapshots), kept, all: true };
            HistoryInput {
                source: history.source.clone(),
                newest_snapshot: newest.id.clone(),
                table: TableInput { spec: spec(what), rows: Arc::new(runs.clone()) },
                left_out: None,
                runs: Some(runs),
            }
        })
        .collect()
}

/// One table of the history of one source.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct HistoryInput {
    /// The source.
    pub source: String,
    /// The newest complete snapshot of it.
    pub newest_snapshot: String,
    /// Its rows.
    pub table: TableInput,
    /// What they lack; none: they are all there.
    pub left_out: Option<LeftOut>,
    /// What they are made of, where they are made of changes.
    #[serde(skip)]
    runs: Option<Runs>,
}

/// Rows that say of what is listed now that it stood so from the first snapshot on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// How many there are.
    pub count: u64,
    /// The instant that the first snapshot describes.
    pub since_at: String,
}

/// `inputs` with no more of history than links rest on: of a million accounts most stood as they do from the first snapshot on, and
/// their rows would say so one by one.
pub(crate) fn for_links(inputs: &Inputs) -> Inputs {
    let is_present = |one: &HistoryInput| {
        let of = |source: &&SourceInput| source.name == one.source;
        let snapshot = inputs.sources.iter().find(of).and_then(|source| source.snapshot.as_ref());
        snapshot.is_some_and(|snapshot| snapshot.id == one.newest_snapshot)
    };
    let needed = inputs.history.iter().filter(|one| one.table.spec.name != "employment_history");
    let history = needed
        .map(|one| match &one.runs {
            Some(runs) if one.table.spec.name == "account_history" && is_present(one) => {
                let sparse = Runs { all: false, ..runs.clone() };
                let left_out = sparse.left_out();
                let table = TableInput { rows: Arc::new(sparse), ..one.table.clone() };
                HistoryInput { table, left_out, runs: None, ..one.clone() }
            }
            _ => one.clone(),
        })
        .collect();
    Inputs { history, ..inputs.clone() }
}

/// The columns that every table of history has beside key and state.
const SPAN: [(&str, ColumnKind); 6] = [
    ("listed", ColumnKind::Integer),
    ("before_at", ColumnKind::Text),
    ("since_at", ColumnKind::Text),
    ("since_snapshot", ColumnKind::Text),
    ("until_at", ColumnKind::Text),
    ("until_snapshot", ColumnKind::Text),
];

fn spec(kept: &Kept) -> TableSpec {
    let column = |(name, kind): &(&str, ColumnKind)| Column {
        name: (*name).to_owned(),
        kind: *kind,
        description: String::new(),
    };
    TableSpec {
        name: kept.table.to_owned(),
        description: kept.description.to_owned(),
        key: kept.key.iter().map(|(name, _)| (*name).to_owned()).chain(["since_at".to_owned()]).collect(),
        columns: kept.key.iter().chain(kept.state).chain(&SPAN).map(column).collect(),
    }
}

/// Rows made of changes while they are asked for.
#[derive(Debug, Clone)]
struct Runs {
    history: Arc<History>,
    snapshots: Arc<[PastSnapshot]>,
    kept: usize,
    /// Whether what never changed is told too.
    all: bool,
}

impl Runs {
    fn changes(&self) -> impl Iterator<Item = (&String, &Vec<Change>)> {
        self.history.changes.get(KEPT[self.kept].table).into_iter().flatten()
    }

    /// The first snapshot that could be read.
    fn first(&self) -> Option<usize> {
        (0..self.snapshots.len()).find(|at| !self.history.unreadable.contains(at))
    }

    /// Whether all that `changes` say is that it stood from `first` on as it does at the end.
    fn never_changed(&self, changes: &[Change], first: usize) -> bool {
        let is_known = |change: &&Change| change.0 < self.snapshots.len();
        matches!(changes, [(at, Some(_)), rest @ ..] if *at == first && !rest.iter().any(|change| is_known(&change)))
    }

    /// What is not told; none: all is.
    fn left_out(&self) -> Option<LeftOut> {
        let first = self.first().filter(|_| !self.all)?;
        let count = self.changes().filter(|(_, changes)| self.never_changed(changes, first)).count() as u64;
        Some(LeftOut { count, since_at: seconds_text(self.snapshots[first].seen_at) })
    }
}

/// Rows are handed on when there is so much of them.
const PIECE_BYTES: usize = 64 << 10;

impl Rows for Runs {
    fn pour(&self, take: &mut Take<'_>) -> Result<(), RowsError> {
        let kept = &KEPT[self.kept];
        let unreadable = |error: serde_json::Error| RowsError::Unreadable(error.to_string());
        let end = self.snapshots.len();
        let readable = |at: &usize| !self.history.unreadable.contains(at);
        let instants: Vec<String> =
            self.snapshots.iter().map(|snapshot| quoted(seconds_text(snapshot.seen_at))).collect();
        let ids: Vec<String> = self.snapshots.iter().map(|snapshot| quoted(snapshot.id.as_str())).collect();
        let mut piece = Vec::new();
        let left_out = self.first().filter(|_| !self.all);
        for (key, changes) in self.changes() {
            if left_out.is_some_and(|first| self.never_changed(changes, first)) {
                continue;
            }
            let key: Vec<&RawValue> = serde_json::from_str(key).map_err(unreadable)?;
            let known = changes.iter().take_while(|(at, _)| *at < end);
            for (place, (at, state)) in known.enumerate() {
                let next = changes.get(place + 1).map_or(end, |(next, _)| *next).min(end);
                let until = (*at..next).rev().find(readable).unwrap_or(*at);
                let before = (0..*at).rev().find(readable);
                let cells: Vec<&RawValue> = match state {
                    Some(State(state)) => serde_json::from_str(state.get()).map_err(unreadable)?,
                    None => Vec::new(),
                };
                let names = kept.key.iter().chain(kept.state).map(|(name, _)| *name);
                let mut row: Vec<(&str, &str)> = names
                    .zip(key.iter().chain(&cells).map(|cell| cell.get()))
                    .filter(|(_, cell)| *cell != "null")
                    .collect();
                row.push(("listed", if state.is_some() { "1" } else { "0" }));
                row.extend(before.map(|before| ("before_at", instants[before].as_str())));
                row.push(("since_at", &instants[*at]));
                row.push(("since_snapshot", &ids[*at]));
                row.push(("until_at", &instants[until]));
                row.push(("until_snapshot", &ids[until]));
                row.sort_unstable();
                add_row(&mut piece, &row);
            }
            if piece.len() >= PIECE_BYTES {
                take(&piece)?;
                piece.clear();
            }
        }
        Ok(take(&piece)?)
    }
}

/// `text` as JSON.
fn quoted(text: impl Into<Value>) -> String {
    text.into().to_string()
}

/// Adds a line of cells that are JSON each.
fn add_row(piece: &mut Vec<u8>, row: &[(&str, &str)]) {
    for (place, (name, cell)) in row.iter().enumerate() {
        piece.extend_from_slice(if place == 0 { b"{\"" } else { b",\"" });
        piece.extend_from_slice(name.as_bytes());
        piece.extend_from_slice(b"\":");
        piece.extend_from_slice(cell.as_bytes());
    }
    piece.extend_from_slice(b"}\n");
}

/// SHA-256 of every row of `history`, the sources in their order; none where there is no history.
pub(crate) fn digest(history: &[HistoryInput]) -> Result<Option<Digest>, RowsError> {
    let mut hasher = Hasher::new();
    for one in history {
        hasher.update(format!("{} {} {}\n", one.source, one.newest_snapshot, one.table.spec.name).as_bytes());
        one.table.rows.pour(&mut |piece| {
            hasher.update(piece);
            Ok(())
        })?;
    }
    Ok((!history.is_empty()).then(|| hasher.finish()))
}

/// Reads snapshots of the past one after another in one worker process.
pub struct Observer<'a>(ProcessRunner<'a>);

impl<'a> Observer<'a> {
    /// Starts none yet.
    pub fn new(worker: &'a Worker) -> Self {
        Self(ProcessRunner::new(worker, usize::from(u16::MAX)))
    }

    /// What the one source of `inputs`, with the snapshot it has, shows; an error is a sentence.
    pub fn observe(&mut self, inputs: &Inputs) -> Result<Observed, String> {
        observe(&mut self.0, inputs)
    }
}

/// The same with whatever holds the scratch database.
pub(crate) fn observe(runner: &mut dyn Runner, inputs: &Inputs) -> Result<Observed, String> {
    let unmapped = runner.begin(inputs).map_err(|error| match error {
        LoadError::Unbuilt(problem) => problem,
        error @ LoadError::LeftOut => error.to_string(),
        LoadError::Rows { error, .. } => error.to_string(),
    })?;
    if let Some(problem) = unmapped.into_values().next() {
        return Err(problem);
    }
    let provides: Vec<String> = inputs.sources.iter().flat_map(|source| source.provides.iter().cloned()).collect();
    shown(runner, &provides, None)
}

/// What is shown by a source that provides these tables of the vocabulary, which are begun and not finished: the engine changes
/// some of them. None: of the only source there is.
pub(crate) fn shown(runner: &mut dyn Runner, provides: &[String], source: Option<&str>) -> Result<Observed, String> {
    let mut observed = Observed::default();
    for kept in KEPT.iter().filter(|kept| provides.iter().any(|own| own == kept.of)) {
        let names: Vec<&str> = kept.key.iter().chain(kept.state).map(|(name, _)| *name).collect();
        let (names, of) = (names.join(", "), kept.of);
        let of_it = if source.is_some() { " WHERE source = :source" } else { "" };
        let sql = format!("SELECT {names} FROM {of}{of_it} ORDER BY {names}");
        let parameters = source.map(|source| ("source".to_owned(), Value::from(source))).into_iter().collect();
        let question = Question { sql, parameters, most: MAX_ROWS, whole: true, schema: false };
        let mut states = States { width: kept.key.len(), found: BTreeMap::new(), problem: None };
        runner.rows(&question, &mut states)?;
        if let Some(problem) = states.problem {
            return Err(problem);
        }
        observed.0.insert(kept.table.to_owned(), states.found);
    }
    Ok(observed)
}

/// Gathers states by key.
struct States {
    /// Columns of the key, which come first.
    width: usize,
    found: BTreeMap<String, State>,
    problem: Option<String>,
}

impl TakeRows for States {
    fn columns(&mut self, _: &[String]) {}

    fn row(&mut self, mut cells: Vec<Value>) {
        let state = cells.split_off(self.width.min(cells.len()));
        match RawValue::from_string(Value::Array(state).to_string()) {
            Ok(state) => _ = self.found.insert(Value::Array(cells).to_string(), State(state)),
            Err(error) => self.problem = Some(error.to_string()),
        }
    }
}
