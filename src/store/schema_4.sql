
-- Version 4. No projections: what is to be told to whom, and how far that is. It is a working table and not in the log, because
-- it proves nothing of a control, an outage of a mail server must not fill the log, and a rolled back store may tell twice, by the
-- same key. A notice names the entry it tells of and holds no word of it: those are made from the log when they are sent, so that
-- what was erased meanwhile is not told, and no name outlives its erasure here.
CREATE TABLE notice (
    id          INTEGER PRIMARY KEY,
    destination TEXT NOT NULL,
    key         TEXT NOT NULL,
    happening   TEXT NOT NULL,
    kind        TEXT NOT NULL,
    subject     TEXT NOT NULL,
    log_index   INTEGER NOT NULL CHECK (log_index >= 0),
    at          INTEGER NOT NULL,
    message     TEXT REFERENCES message (id),
    UNIQUE (destination, key)
) STRICT;
CREATE INDEX notice_to_send ON notice (destination) WHERE message IS NULL;
CREATE INDEX notice_by_message ON notice (message) WHERE message IS NOT NULL;
CREATE INDEX notice_of_subject ON notice (destination, kind, subject);

-- Its id is the key under which it is sent, however often. `recipient` is forgotten once it is sent.
CREATE TABLE message (
    id            TEXT PRIMARY KEY,
    destination   TEXT NOT NULL,
    recipient     TEXT,
    state         TEXT NOT NULL CHECK (state IN ('waiting', 'sent', 'given_up')),
    made_at       INTEGER NOT NULL,
    attempts      INTEGER NOT NULL CHECK (attempts >= 0),
    next_at       INTEGER NOT NULL,
    claimed_until INTEGER,
    done_at       INTEGER,
    problem       TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX message_waiting ON message (next_at) WHERE state = 'waiting';

-- How far the log was read for a destination, and when its last digest was due.
CREATE TABLE told (
    destination TEXT PRIMARY KEY,
    next        INTEGER NOT NULL CHECK (next >= 0),
    digest_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The ticket of a finding.
CREATE TABLE ticket (
    destination TEXT NOT NULL,
    finding     TEXT NOT NULL,
    reference   TEXT NOT NULL,
    PRIMARY KEY (destination, finding)
) STRICT, WITHOUT ROWID;
