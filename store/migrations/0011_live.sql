-- 0011: the live side (tuner/live): configurations, what clients ask for, experiments and their log, units and outcomes; a token's role may be 'client'.

CREATE TABLE token_new (
    id         TEXT    PRIMARY KEY,            -- shown; the part of the token before the secret
    name       TEXT    NOT NULL,               -- for people
    role       TEXT    NOT NULL CHECK (role IN ('viewer', 'worker', 'operator', 'client')),
    hash       BLOB    NOT NULL CHECK (length(hash) = 32), -- SHA-256 of the secret, which has 256 random bits
    created_ms INTEGER NOT NULL,               -- wall clock
    expires_ms INTEGER NOT NULL,               -- wall clock; 0: never
    revoked_ms INTEGER NOT NULL DEFAULT 0,     -- wall clock; 0: it is valid
    scope      TEXT    NOT NULL DEFAULT ''     -- names of studies, "a,b"; '': all
) STRICT, WITHOUT ROWID;
INSERT INTO token_new SELECT id, name, role, hash, created_ms, expires_ms, revoked_ms, scope FROM token;
DROP TABLE token;
ALTER TABLE token_new RENAME TO token;

CREATE TABLE configuration (                   -- what can be served; never changed
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32), -- SHA-256 of the body
    body TEXT NOT NULL                         -- JSON: parameters, stages, where they come from
) STRICT, WITHOUT ROWID;

CREATE TABLE rollout (                         -- what clients ask for by name
    id         INTEGER PRIMARY KEY,
    name       TEXT    NOT NULL UNIQUE,
    study      TEXT    NOT NULL,
    champion   BLOB    NOT NULL REFERENCES configuration (hash),
    since_ms   INTEGER NOT NULL,               -- wall clock: served since then
    experiment INTEGER,                        -- the one that runs or is paused; NULL: none
    version    INTEGER NOT NULL,               -- seq of the last event
    state      TEXT    NOT NULL                -- JSON: what people asked of it
) STRICT;

CREATE TABLE experiment (
    id         INTEGER PRIMARY KEY,
    rollout    INTEGER NOT NULL REFERENCES rollout (id),
    number     INTEGER NOT NULL,               -- from 1 in each rollout
    salt       TEXT    NOT NULL,
    plan       TEXT    NOT NULL,               -- as it was given
    variants   TEXT    NOT NULL,               -- JSON: the configurations' hashes, the champion's first
    state      TEXT    NOT NULL,               -- JSON: phase, periods, counts
    evidence   TEXT    NOT NULL,               -- JSON: what the units that were scored say
    created_ms INTEGER NOT NULL,
    UNIQUE (rollout, number)
) STRICT;
CREATE INDEX experiment_salt ON experiment (salt);

CREATE TABLE live_event (                      -- the log of a rollout and its experiments; only appended
    rollout INTEGER NOT NULL REFERENCES rollout (id),
    seq     INTEGER NOT NULL,                  -- from 1 in each rollout
    at_ms   INTEGER NOT NULL,
    kind    TEXT    NOT NULL,
    body    TEXT    NOT NULL,                  -- JSON
    PRIMARY KEY (rollout, seq)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER live_event_update BEFORE UPDATE ON live_event BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER live_event_delete BEFORE DELETE ON live_event BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

CREATE TABLE unit (                            -- who was exposed; names are not kept
    experiment INTEGER NOT NULL,
    unit       INTEGER NOT NULL,               -- 63 bits of SHA-256 of salt and name
    arm        INTEGER NOT NULL,               -- 0: the champion
    period     INTEGER NOT NULL,               -- of its first exposure
    segment    INTEGER NOT NULL,
    expected   REAL,                           -- what was known before; NULL: nothing
    at_ms      INTEGER NOT NULL,               -- its first exposure
    outcomes   INTEGER NOT NULL,               -- how many have come
    done       INTEGER NOT NULL,               -- 0: its window is open
    PRIMARY KEY (experiment, unit)
) STRICT, WITHOUT ROWID;
CREATE INDEX unit_open ON unit (experiment, at_ms) WHERE done = 0;

CREATE TABLE outcome (                         -- of units whose window is open
    experiment INTEGER NOT NULL,
    unit       INTEGER NOT NULL,
    id         INTEGER NOT NULL,               -- 63 bits of SHA-256 of the id that the client gave
    at_ms      INTEGER NOT NULL,
    value      BLOB    NOT NULL,               -- a double a metric of the plan; NaN: not measured
    PRIMARY KEY (experiment, unit, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE collected (                       -- sums of collectors that were taken: each once
    experiment INTEGER NOT NULL,
    collector  TEXT    NOT NULL,
    number     INTEGER NOT NULL,               -- of its last sums
    PRIMARY KEY (experiment, collector)
) STRICT, WITHOUT ROWID;
