//! Behaviour of the room as a whole: the shipped checks, the engine around them, the worker process.

mod catalogue;
mod engine;
mod format;
mod harm;
mod mappings;
mod rows;
mod shell;
mod shipped;
mod worker;
