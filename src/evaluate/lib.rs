//! Checks: SQL over the tables of sealed snapshots, one verdict per population member.
//!
//! A check's query never decides alone: the engine says how every input stands and applies the verdict table. Queries
//! run in a worker process with limits and a deadline. This room reads no store, no network and no clock: everything
//! an evaluation depends on is in [`Inputs`], and the same inputs give the same bytes.

mod answer;
#[cfg(test)]
mod behaviour;
mod cases;
mod catalogue;
mod check;
mod confine;
mod database;
mod diagnostic;
mod evaluation;
mod exceptions;
mod guard;
mod history;
mod inputs;
mod mapping;
mod people;
mod programme;
mod reference;
mod rows;
mod run;
mod scaffold;
mod scratch;
mod set;
mod shipped;
mod sql;
#[cfg(test)]
mod testing;
mod verdict;
mod worker;

pub use cases::{Case, CaseResult, run_cases};
pub use catalogue::{Catalogues, Control, Coverage, Framework};
pub use check::{Check, CheckInput, FindingText, Parameter, ParameterError, ParameterKind, Severity};
pub use confine::Confinement;
pub use database::write_database;
pub use diagnostic::Diagnostic;
pub use evaluation::{Each, EvaluateError, Evaluated};
pub use exceptions::names;
pub use history::{History, HistoryInput, LeftOut, Observed, Observer, PastSnapshot, history_tables, keeps_history};
pub use inputs::{
    ApprovedLink, ExceptionInput, Inputs, RegisteredAccount, SlotRow, SnapshotInput, SnapshotRow, SourceInput,
    TableInput,
};
pub use mapping::{VocabularyColumn, VocabularyTable, compile_expression, compile_mapping, vocabulary};
pub use people::{Orphan, identity_link_spec};
pub use programme::{CountRow, ExceptionRow, FindingRow, LogRow, Programme, ReviewItemRow, ReviewRow};
pub use rows::{Rows, RowsError, Take};
pub use run::Grid;
pub use scaffold::{Scaffold, scaffold};
pub use scratch::{ENGINE_TABLES, VOCABULARY};
pub use set::{CheckSet, CollectorTables};
pub use worker::{Look, ROWS_A_SECOND, Sandbox, Session, Worker, confinement, evaluate, worker_main};
