-- 0013: how the differences of an experiment went (tuner/live/course): a row now and then.

CREATE TABLE course (
    experiment INTEGER NOT NULL,
    units      INTEGER NOT NULL,               -- that were scored by then
    period     INTEGER NOT NULL,               -- of equal shares
    at_ms      INTEGER NOT NULL,               -- wall clock
    body       TEXT    NOT NULL,               -- JSON: of each challenger, of each track [by, low, high]
    PRIMARY KEY (experiment, units)
) STRICT, WITHOUT ROWID;
