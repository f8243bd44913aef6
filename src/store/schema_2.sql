
-- Version 2. What is small lies in the database: openings, documents, and differences from an earlier version.
-- `blob` knows everything that is stored, wherever it lies, so that what went missing is missed.
-- Forms: 0 as it is (openings); 1 zstd; 2 zstd against the content of `base`; 3 a list of pieces; 4 the file `blobs/<..>/<digest>.zst`.

CREATE TABLE blob (
    id     INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    form   INTEGER NOT NULL CHECK (form BETWEEN 0 AND 4),
    -- position in the chain of differences it belongs to
    place  INTEGER NOT NULL CHECK (place >= 0),
    base   INTEGER REFERENCES blob (id) CHECK ((base IS NULL) = (form <> 2)),
    bytes  INTEGER NOT NULL CHECK (bytes >= 0),
    -- the first half of the SHA-256 of the stored form; an opening is checked by its name
    seal   BLOB CHECK ((seal IS NULL) = (form = 0)),
    data   BLOB CHECK ((data IS NULL) = (form = 4))
) STRICT;
CREATE INDEX blob_by_base ON blob (base) WHERE base IS NOT NULL;
CREATE INDEX blob_lists ON blob (id) WHERE form = 3;

-- Projections, as those above: what scrubbing last found, legal holds, and what was erased on purpose.
CREATE TABLE damage (
    digest    TEXT NOT NULL,
    snapshot  TEXT NOT NULL,
    source    TEXT NOT NULL,
    path      TEXT NOT NULL,
    problem   TEXT NOT NULL,
    log_index INTEGER NOT NULL,
    PRIMARY KEY (digest, snapshot)
) STRICT, WITHOUT ROWID;

CREATE TABLE hold (
    id        TEXT PRIMARY KEY,
    log_index INTEGER NOT NULL,
    at        INTEGER NOT NULL,
    source    TEXT,
    snapshot  TEXT,
    released  INTEGER
) STRICT;

CREATE TABLE erased (
    log_index INTEGER PRIMARY KEY,
    by_index  INTEGER NOT NULL,
    at        INTEGER NOT NULL
) STRICT;

-- No projections: what an erasure in the log has still to remove, and how far scrubbing is.
CREATE TABLE erasing (
    digest BLOB PRIMARY KEY CHECK (length(digest) = 32)
) STRICT, WITHOUT ROWID;

CREATE TABLE scrub (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    next        INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
