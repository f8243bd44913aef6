//! Behaviour of the room as a whole: the shipped checks, the engine around them, the worker process.

mod catalogue;
mod confined;
mod determinism;
mod engine;
mod escapes;
mod format;
mod harm;
mod history;
mod mappings;
mod oracle;
mod resources;
mod rows;
mod shell;
mod shipped;
mod worker;
