
-- Version 5. No projections: who may sign in, and who is. Working tables, because a password's hash or a session has no place in a
-- log that is published; every change of them is made in the transaction of the entry that says so, and never without it.
-- Nothing here opens a door by itself: passwords are argon2id, second factors are sealed under the password, and of sessions and
-- links only the SHA-256 is kept.
CREATE TABLE user (
    id        TEXT PRIMARY KEY,
    name      TEXT NOT NULL,
    -- the name as two of them are compared
    plain     TEXT NOT NULL UNIQUE,
    role      TEXT NOT NULL,
    source    TEXT NOT NULL CHECK (source IN ('local', 'oidc')),
    password  TEXT,
    second    BLOB,
    -- the last 30 seconds whose code was used: it is good for once
    last_step INTEGER NOT NULL CHECK (last_step >= 0),
    disabled  INTEGER NOT NULL CHECK (disabled IN (0, 1)),
    made_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    digest   BLOB PRIMARY KEY CHECK (length(digest) = 32),
    user     TEXT NOT NULL REFERENCES user (id),
    made_at  INTEGER NOT NULL,
    ends_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_of_user ON session (user);

-- One a user: a new one takes the place of the former.
CREATE TABLE set_up_link (
    user    TEXT PRIMARY KEY REFERENCES user (id),
    digest  BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    ends_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
