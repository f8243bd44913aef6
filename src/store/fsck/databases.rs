//! The two databases as files and as structures, and the checkpoints.

use super::{Checkpoints, FsckReport, Scene, open_lock, read_small};
use crate::closing::digest_of_file;
use crate::database;
use crate::error::StoreError;
use crate::open_files;
use crate::signed;
use rusqlite::Connection;
use std::path::Path;

/// Compares both databases byte for byte with what the last clean close recorded.
pub(super) fn closed_digests(scene: &Scene<'_>, report: &mut FsckReport) {
    let record = scene.paths.closed();
    let Some(text) = read_small(&record, report) else {
        report.notes.push(
            "the last writer did not close the store: bytes of the databases that hold no data were not checked (the next clean close records them)"
                .to_owned(),
        );
        return;
    };
    let files = [scene.paths.database(), scene.paths.dir.join(signed::FILE)];
    let lines: Vec<&[u8]> = text.split_inclusive(|byte| *byte == b'\n').collect();
    if lines.len() != files.len() {
        report.problem(&record, format!("it has {} lines instead of {}", lines.len(), files.len()));
        return;
    }
    let digests =
        open_files::without_readers(&[&files[0], &files[1]], || files.each_ref().map(|file| digest_of_file(file)));
    let Some(digests) = digests else {
        report
            .notes
            .push("this process has the databases open: bytes of them that hold no data were not checked".to_owned());
        return;
    };
    for ((file, line), digest) in files.iter().zip(lines).zip(digests) {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let rest = format!("  {name}\n");
        let recorded =
            line.strip_suffix(rest.as_bytes()).and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let Some(recorded) = recorded else {
            report.problem(&record, format!("it has no well-formed line for {name}"));
            continue;
        };
        match digest {
            Ok(found) if found == recorded => {}
            Ok(_) => {
                report.problem(
                    file,
                    format!(
                        "its bytes are not those that {} recorded at the last clean close",
                        scene.paths.shown(&record).display()
                    ),
                );
            }
            Err(error) => report.failure(file, &error),
        }
    }
}

/// SQLite's own check, and that tables, indexes and triggers are those this program makes.
pub(super) fn structure(connection: &Connection, path: &Path, schema: &str, report: &mut FsckReport) {
    let checked = connection.prepare("PRAGMA integrity_check(20)").and_then(|mut statement| {
        statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()
    });
    match checked {
        Ok(lines) if lines == ["ok"] => {}
        Ok(lines) => lines.iter().for_each(|line| report.problem(path, format!("SQLite finds: {line}"))),
        Err(error) => report.failure(path, &StoreError::database("check the structure", path, error)),
    }
    let definitions = |connection: &Connection| -> rusqlite::Result<Vec<[Option<String>; 4]>> {
        connection
            .prepare("SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name")?
            .query_map([], |row| Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?]))?
            .collect()
    };
    let expected = database::scratch(schema)
        .and_then(|made| definitions(&made).map_err(|error| StoreError::database("read the schema", path, error)));
    let found = definitions(connection).map_err(|error| StoreError::database("read the schema", path, error));
    match (expected, found) {
        (Ok(expected), Ok(found)) => {
            let differing = expected
                .iter()
                .filter(|item| !found.contains(item))
                .chain(found.iter().filter(|item| !expected.contains(item)));
            for [kind, name, ..] in differing {
                let (kind, name) = (kind.as_deref().unwrap_or_default(), name.as_deref().unwrap_or_default());
                report.problem(path, format!("the {kind} `{name}` is not as this program makes it"));
            }
        }
        (Err(error), _) | (_, Err(error)) => report.failure(path, &error),
    }
}

/// The last checkpoint signed and the one published: signatures, and how they stand to each other.
pub(super) fn checkpoints(scene: &Scene<'_>, report: &mut FsckReport) -> Checkpoints {
    // the published one first: beside a writer, what is read later is never older
    let shown = scene.paths.checkpoint();
    let published = read_small(&shown, report).and_then(|text| match scene.chain.open(&text) {
        Ok(checkpoint) => Some(checkpoint),
        Err(error) => {
            report.problem(&shown, error.to_string());
            None
        }
    });
    let lock = scene.paths.dir.join(signed::FILE);
    let signed = match open_lock(scene) {
        Ok(connection) => {
            structure(&connection, &lock, signed::SCHEMA, report);
            signed::load(&connection, &lock, &scene.chain).unwrap_or_else(|error| {
                report.failure(&lock, &error);
                None
            })
        }
        Err(error) => {
            report.failure(&lock, &error);
            None
        }
    };
    // a clean close comes after the last publication; whatever is behind since then was put there
    let closed = scene.still && scene.paths.closed().exists();
    match (&published, &signed) {
        (Some(published), Some(signed)) if published.size() > signed.size() && scene.still => {
            report.problem(
                &lock,
                format!(
                    "a log of {} entries was published, the last one known to be signed has {}: this is a restored or copied store",
                    published.size(),
                    signed.size()
                ),
            );
        }
        (Some(published), Some(signed))
            if published.size() == signed.size() && published.without_cosignatures() != *signed =>
        {
            report.problem(&shown, "it is not the checkpoint that was signed for this size");
        }
        (Some(published), Some(signed)) if published.size() < signed.size() && closed => {
            report.problem(
                &shown,
                format!(
                    "it is of {} entries, and one of {} was published when the store was closed: it is an older one",
                    published.size(),
                    signed.size()
                ),
            );
        }
        (Some(published), Some(signed)) if published.size() < signed.size() && scene.still => {
            report.notes.push(format!(
                "the checkpoint of {} entries is signed and not yet published ({} are): the next start publishes it",
                signed.size(),
                published.size()
            ));
        }
        (None, Some(signed)) if !shown.exists() && closed => {
            report.problem(
                &shown,
                format!(
                    "the file is missing: one of {} entries was published when the store was closed",
                    signed.size()
                ),
            );
        }
        (None, Some(_)) if !shown.exists() => {
            report.notes.push("no checkpoint is published: the next start publishes the signed one".to_owned());
        }
        _ => {}
    }
    Checkpoints { signed, published }
}
