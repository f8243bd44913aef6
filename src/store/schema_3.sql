
-- Version 3. Another projection: whatever people decide on (`exception`, `evidence`) as its last event left it.
CREATE TABLE record (
    kind      TEXT NOT NULL,
    id        TEXT NOT NULL,
    body      TEXT NOT NULL,
    -- of the first event and of the last one
    since     INTEGER NOT NULL,
    log_index INTEGER NOT NULL,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;
