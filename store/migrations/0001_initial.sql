-- 0001: studies, their trials, attempts and reports; requests from other processes.
-- JSON columns hold {"name": value} objects with numbers of 17 digits.

CREATE TABLE study (
    id         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    path       TEXT    NOT NULL,               -- of the study file when last run
    file       TEXT    NOT NULL,               -- its text
    identity   TEXT    NOT NULL,               -- JSON: space and metrics; trials with another do not belong here
    seed       INTEGER NOT NULL,
    phase      TEXT    NOT NULL CHECK (phase IN ('open', 'stopped', 'complete')),
    created_ms INTEGER NOT NULL                -- wall clock
) STRICT;

CREATE TABLE trial (
    id          INTEGER PRIMARY KEY,
    study       INTEGER NOT NULL REFERENCES study (id),
    number      INTEGER NOT NULL,              -- from 0 in each study
    role        TEXT    NOT NULL CHECK (role IN ('baseline', 'reference', 'search', 'enqueued', 'confirm')),
    state       TEXT    NOT NULL CHECK (state IN ('queued', 'leased', 'running', 'complete', 'pruned', 'failed',
                                                  'infeasible', 'cancelled')),
    params      TEXT    NOT NULL,              -- JSON
    seed        INTEGER NOT NULL,              -- NOCTURNE_SEED
    source      TEXT    NOT NULL,              -- why this configuration: 'baseline', 'sobol', 'gp …', …
    confirms    INTEGER,                       -- role confirm: number of the trial it repeats
    metrics     TEXT,                          -- JSON, once complete
    reason      TEXT,                          -- failed, infeasible, cancelled: why
    created_ms  INTEGER NOT NULL,
    finished_ms INTEGER,
    UNIQUE (study, number)
) STRICT;

CREATE TABLE attempt (
    id         INTEGER PRIMARY KEY,
    trial      INTEGER NOT NULL REFERENCES trial (id),
    number     INTEGER NOT NULL,               -- from 1 in each trial
    pid        INTEGER,
    dir        TEXT    NOT NULL,               -- logs and NOCTURNE_DIR
    outcome    TEXT,                           -- NULL while it runs
    reason     TEXT,
    started_ms INTEGER NOT NULL,
    ended_ms   INTEGER,
    UNIQUE (trial, number)
) STRICT;

CREATE TABLE report (
    attempt INTEGER NOT NULL REFERENCES attempt (id),
    seq     INTEGER NOT NULL,
    step    INTEGER NOT NULL,
    metrics TEXT    NOT NULL,
    PRIMARY KEY (attempt, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE request (                         -- the mailbox of a running coordinator
    id      INTEGER PRIMARY KEY,
    study   INTEGER NOT NULL REFERENCES study (id),
    verb    TEXT    NOT NULL CHECK (verb IN ('stop', 'enqueue')),
    payload TEXT    NOT NULL,
    at_ms   INTEGER NOT NULL
) STRICT;
