-- 0010: what people are to be told (tuner/notify): what waits for it, what was told so that it is not told twice, and the lines that say so.

CREATE TABLE notice (                          -- for one channel; taken away when it was delivered, or given up
    id      INTEGER PRIMARY KEY,
    study   INTEGER NOT NULL REFERENCES study (id),
    channel TEXT    NOT NULL,                  -- as the notify file names it
    due_ms  INTEGER NOT NULL,                  -- wall clock, as all here: when it happened
    next_ms INTEGER NOT NULL,                  -- not to be sent before
    tries   INTEGER NOT NULL,                  -- that failed
    held    INTEGER NOT NULL,                  -- 1: for quiet hours: goes with others as one
    body    TEXT    NOT NULL,                  -- JSON
    trouble TEXT    NOT NULL                   -- why the last try failed; '' for none
) STRICT;
CREATE INDEX notice_study ON notice (study);

CREATE TABLE told (
    study INTEGER NOT NULL REFERENCES study (id),
    key   TEXT    NOT NULL,                    -- what was told, or, 'watch', that somebody has promised to
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (study, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE telling (                         -- for 'nocturne log'
    id    INTEGER PRIMARY KEY,
    study INTEGER NOT NULL REFERENCES study (id),
    at_ms INTEGER NOT NULL,
    line  TEXT    NOT NULL
) STRICT;
CREATE INDEX telling_study ON telling (study);
