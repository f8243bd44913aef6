
-- Version 6. Another projection: the items of access reviews as their last events left them. The reviews themselves are records.
CREATE TABLE review_item (
    review    TEXT NOT NULL,
    account   TEXT NOT NULL,
    source    TEXT NOT NULL,
    reviewer  TEXT,
    state     TEXT NOT NULL,
    body      TEXT NOT NULL,
    log_index INTEGER NOT NULL,
    PRIMARY KEY (review, account)
) STRICT;
CREATE INDEX review_item_by_reviewer ON review_item (review, reviewer);
