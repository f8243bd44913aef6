//! The SQL of the `blob` table: what is stored, in which form, and on which base.
//!
//! It packs and unpacks nothing.

use crate::tables::{digest, sql, unsigned};
use model::Digest;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

type Result<T> = rusqlite::Result<T>;

/// No chain of differences is followed further than this; none is made that long.
pub(crate) const MAX_CHAIN: usize = 64;

/// How a blob is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stored {
    /// As it is: an opening.
    Plain = 0,
    /// A zstd frame.
    Zstd = 1,
    /// A zstd frame against the content of another blob.
    Delta = 2,
    /// A list of pieces.
    List = 3,
    /// A file of its own.
    File = 4,
}

/// The first half of a SHA-256.
pub(crate) type Seal = [u8; 16];

/// The seal of a stored form.
pub(crate) fn seal(stored: &[u8]) -> Seal {
    let mut seal = Seal::default();
    seal.copy_from_slice(&Digest::of(stored).as_bytes()[..16]);
    seal
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BlobRow {
    pub(crate) digest: Digest,
    pub(crate) stored: Stored,
    /// Position in its chain of differences.
    pub(crate) place: u64,
    /// What it is a difference from.
    pub(crate) base: Option<Digest>,
    /// Bytes of content.
    pub(crate) bytes: u64,
    pub(crate) seal: Option<Seal>,
    /// None: it lies in a file.
    pub(crate) data: Option<Vec<u8>>,
}

impl BlobRow {
    /// Whether the stored bytes are those that were stored; in words if not. A file is compared by whoever reads it.
    pub(crate) fn check_seal(&self) -> std::result::Result<(), String> {
        let Some(data) = &self.data else { return Ok(()) };
        let sound = match self.seal {
            None => Digest::of(data) == self.digest,
            Some(expected) => seal(data) == expected,
        };
        if sound {
            Ok(())
        } else {
            Err(format!("the stored bytes of blob {} are not those that were stored", self.digest))
        }
    }
}

/// Whether the database has the table: one of version 1 has not, and all it stores are files.
pub(crate) fn is_there(connection: &Connection) -> Result<bool> {
    connection.prepare_cached("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'blob'")?.exists([])
}

const ROW: &str = "SELECT b.digest, b.form, b.place, p.digest, b.bytes, b.seal, b.data, b.id \
                   FROM blob b LEFT JOIN blob p ON p.id = b.base";

fn blob_row(row: &Row<'_>) -> Result<BlobRow> {
    let form: i64 = row.get(1)?;
    let stored = match form {
        0 => Stored::Plain,
        1 => Stored::Zstd,
        2 => Stored::Delta,
        3 => Stored::List,
        4 => Stored::File,
        other => {
            return Err(rusqlite::Error::FromSqlConversionFailure(
                1,
                Type::Integer,
                format!("a blob of the unknown form {other}").into(),
            ));
        }
    };
    Ok(BlobRow {
        digest: digest(row, 0)?,
        stored,
        place: unsigned(row, 2)?,
        base: row.get::<_, Option<[u8; 32]>>(3)?.map(Digest::from_bytes),
        bytes: unsigned(row, 4)?,
        seal: row.get(5)?,
        data: row.get(6)?,
    })
}

/// One row.
pub(crate) fn find(connection: &Connection, digest: &Digest) -> Result<Option<BlobRow>> {
    if !is_there(connection)? {
        return Ok(None);
    }
    connection
        .prepare_cached(&format!("{ROW} WHERE b.digest = ?1"))?
        .query_row([digest.as_bytes()], blob_row)
        .optional()
}

/// The row of `digest`, the row of its base, and so on; empty where there is none. Cut at [`MAX_CHAIN`] links.
pub(crate) fn chain(connection: &Connection, digest: &Digest) -> Result<Vec<BlobRow>> {
    let mut chain: Vec<BlobRow> = Vec::new();
    let mut next = Some(*digest);
    while let Some(digest) = next.filter(|_| chain.len() <= MAX_CHAIN) {
        let Some(row) = find(connection, &digest)? else { break };
        next = row.base;
        chain.push(row);
    }
    Ok(chain)
}

/// The digests, places and bases of the chain of `digest`, without what is stored.
pub(crate) fn ancestry(connection: &Connection, digest: &Digest) -> Result<Vec<(Digest, u64)>> {
    if !is_there(connection)? {
        return Ok(Vec::new());
    }
    connection
        .prepare_cached(
            "WITH RECURSIVE up (digest, place, base, n) AS (\
                SELECT digest, place, base, 0 FROM blob WHERE digest = ?1 \
                UNION ALL SELECT b.digest, b.place, b.base, n + 1 FROM up JOIN blob b ON b.id = up.base WHERE n < 64) \
             SELECT digest, place FROM up ORDER BY n",
        )?
        .query_map([digest.as_bytes()], |row| Ok((self::digest(row, 0)?, unsigned(row, 1)?)))?
        .collect()
}

/// Adds a row; one that is there stays.
pub(crate) fn insert(connection: &Connection, row: &BlobRow) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO blob (digest, form, place, base, bytes, seal, data) \
             VALUES (?1, ?2, ?3, (SELECT id FROM blob WHERE digest = ?4), ?5, ?6, ?7) ON CONFLICT (digest) DO NOTHING",
        )?
        .execute(params![
            row.digest.as_bytes(),
            row.stored as i64,
            sql(row.place)?,
            row.base.as_ref().map(Digest::as_bytes),
            sql(row.bytes)?,
            row.seal,
            row.data,
        ])?;
    Ok(())
}

/// Calls `each` with every row, in the order they were stored.
pub(crate) fn each<E: From<rusqlite::Error>>(
    connection: &Connection,
    mut each: impl FnMut(BlobRow) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    if !is_there(connection)? {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(&format!("{ROW} ORDER BY b.id"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        each(blob_row(row)?)?;
    }
    Ok(())
}

/// Those stored as a difference from `base`, the ones furthest along the chain first.
pub(crate) fn told_by(connection: &Connection, base: &Digest) -> Result<Vec<BlobRow>> {
    if !is_there(connection)? {
        return Ok(Vec::new());
    }
    connection
        .prepare_cached(&format!("{ROW} WHERE p.digest = ?1 ORDER BY b.place DESC, b.id"))?
        .query_map([base.as_bytes()], blob_row)?
        .collect()
}

/// Some rows from the one numbered `from` on, with their numbers.
pub(crate) fn page(connection: &Connection, from: u64) -> Result<Vec<(u64, BlobRow)>> {
    if !is_there(connection)? {
        return Ok(Vec::new());
    }
    connection
        .prepare_cached(&format!("{ROW} WHERE b.id >= ?1 ORDER BY b.id LIMIT 256"))?
        .query_map([sql(from)?], |row| Ok((unsigned(row, 7)?, blob_row(row)?)))?
        .collect()
}

/// Every list of pieces.
pub(crate) fn lists(connection: &Connection) -> Result<Vec<BlobRow>> {
    if !is_there(connection)? {
        return Ok(Vec::new());
    }
    connection.prepare_cached(&format!("{ROW} WHERE b.form = 3"))?.query_map([], blob_row)?.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{self, Mode};
    use crate::paths;
    use rusqlite::StatementStatus;

    #[test]
    fn a_lookup_is_planned_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.sqlite");
        let connection = database::create(&path, paths::IDENTITY, Mode::Journal, paths::SCHEMA).unwrap();
        let digests: Vec<Digest> = (0..50_u8).map(|number| Digest::of(&[number])).collect();
        for digest in &digests {
            assert_eq!(find(&connection, digest).unwrap(), None);
        }
        let statement = connection.prepare_cached(&format!("{ROW} WHERE b.digest = ?1")).unwrap();
        assert_eq!(statement.get_status(StatementStatus::Run), 50);
        assert_eq!(statement.get_status(StatementStatus::RePrepare), 0);
    }
}
