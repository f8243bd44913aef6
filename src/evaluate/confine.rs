//! What a worker gives up before it reads anything: limits that hold for the rest of its life.
//!
//! It knows nothing of messages, checks or evidence.

use rustix::process::{Resource, Rlimit, setrlimit};
use std::io;

/// Gives up everything the work does not need, for ever: no further memory, no new descriptor and therefore no file and
/// no socket, no write that makes a file longer, no core dump of evidence.
pub(crate) fn confine(memory_bytes: u64, cpu_seconds: u64) -> io::Result<()> {
    let both = |limit| Rlimit { current: Some(limit), maximum: Some(limit) };
    setrlimit(Resource::As, both(memory_bytes))?;
    setrlimit(Resource::Cpu, both(cpu_seconds))?;
    setrlimit(Resource::Fsize, both(0))?;
    setrlimit(Resource::Core, both(0))?;
    setrlimit(Resource::Nofile, both(0))?;
    // SQLite gives up in words below the limit at which an allocation would abort the process
    let heap = memory_bytes / 4 * 3;
    let connection = rusqlite::Connection::open_in_memory().map_err(io::Error::other)?;
    connection
        .query_row(&format!("PRAGMA hard_heap_limit = {heap}"), [], |row| row.get::<_, i64>(0))
        .map_err(io::Error::other)?;
    Ok(())
}
