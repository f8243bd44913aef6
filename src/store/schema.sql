-- Version 1. `entry` and `node` are the log; everything below them is a projection of it,
-- written in the same transaction and rebuilt by `evidenced fsck` for comparison.
-- Instants are integers: milliseconds since 1970 in UTC. Digests are 32-byte blobs.
-- `entry` leads to its document through the opening only, so that erasing the opening erases the link.

CREATE TABLE entry (
    idx      INTEGER PRIMARY KEY CHECK (idx >= 0),
    bytes    BLOB NOT NULL,
    leaf     BLOB NOT NULL CHECK (length(leaf) = 32),
    series   TEXT NOT NULL,
    seq      INTEGER NOT NULL CHECK (seq >= 1),
    kind     TEXT NOT NULL,
    at       INTEGER NOT NULL,
    opening  BLOB CHECK (length(opening) = 32),
    UNIQUE (series, seq)
) STRICT;

-- Roots of complete subtrees: level 0 is the leaves.
CREATE TABLE node (
    level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 63),
    idx   INTEGER NOT NULL CHECK (idx >= 0),
    hash  BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER entry_is_never_changed BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'a log entry is never changed'); END;
CREATE TRIGGER entry_is_never_removed BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'a log entry is never removed'); END;
CREATE TRIGGER node_is_never_changed BEFORE UPDATE ON node
BEGIN SELECT RAISE(ABORT, 'a tree node is never changed'); END;
CREATE TRIGGER node_is_never_removed BEFORE DELETE ON node
BEGIN SELECT RAISE(ABORT, 'a tree node is never removed'); END;

CREATE TABLE snapshot (
    id                TEXT PRIMARY KEY,
    log_index         INTEGER NOT NULL UNIQUE,
    source            TEXT NOT NULL,
    collector         TEXT NOT NULL,
    collector_version TEXT NOT NULL,
    status            TEXT NOT NULL,
    started_at        INTEGER NOT NULL,
    finished_at       INTEGER NOT NULL,
    observed_at       INTEGER,
    slot              INTEGER,
    counted           INTEGER NOT NULL,
    declared          INTEGER,
    sample            INTEGER NOT NULL,
    manifest          BLOB NOT NULL
) STRICT;
CREATE INDEX snapshot_by_source ON snapshot (source, finished_at, log_index);
CREATE INDEX snapshot_by_time ON snapshot (finished_at, log_index);

CREATE TABLE slot (
    source    TEXT NOT NULL,
    due_at    INTEGER NOT NULL,
    outcome   TEXT NOT NULL,
    reason    TEXT,
    snapshot  TEXT,
    log_index INTEGER NOT NULL,
    PRIMARY KEY (source, due_at)
) STRICT, WITHOUT ROWID;

CREATE TABLE evaluation (
    log_index      INTEGER PRIMARY KEY,
    check_name     TEXT NOT NULL,
    as_of          INTEGER NOT NULL,
    outcome        TEXT NOT NULL,
    pass           INTEGER NOT NULL,
    fail           INTEGER NOT NULL,
    unknown        INTEGER NOT NULL,
    not_applicable INTEGER NOT NULL,
    excepted       INTEGER NOT NULL,
    document       BLOB NOT NULL
) STRICT;
CREATE INDEX evaluation_by_check ON evaluation (check_name, log_index);

CREATE TABLE finding (
    id         TEXT PRIMARY KEY,
    check_name TEXT NOT NULL,
    state      TEXT NOT NULL,
    body       TEXT NOT NULL,
    log_index  INTEGER NOT NULL
) STRICT;

CREATE TABLE confirmation (
    snapshot  TEXT PRIMARY KEY,
    at        INTEGER NOT NULL,
    log_index INTEGER NOT NULL
) STRICT;
