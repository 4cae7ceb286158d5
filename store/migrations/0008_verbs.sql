-- 0008: what a coordinator can be asked is not the database's business (new: 'retry'; event 14: a trial is queued again).

ALTER TABLE request RENAME TO old_request;
CREATE TABLE request (                         -- the mailbox of a running coordinator
    id      INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: what has been read is not read twice
    study   INTEGER NOT NULL REFERENCES study (id),
    verb    TEXT    NOT NULL,
    payload TEXT    NOT NULL,
    at_ms   INTEGER NOT NULL
) STRICT;
INSERT INTO request SELECT * FROM old_request;
DELETE FROM sqlite_sequence WHERE name = 'request';
INSERT INTO sqlite_sequence SELECT 'request', seq FROM sqlite_sequence WHERE name = 'old_request';
DROP TABLE old_request;
