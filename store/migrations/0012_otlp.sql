-- 0012: parts of outcomes that came as telemetry and wait for others (tuner/live/join).

CREATE TABLE otlp_waiting (
    seq   INTEGER PRIMARY KEY,                 -- in the order in which they came
    id    TEXT    NOT NULL UNIQUE,             -- the same, however often it is sent
    at_ms INTEGER NOT NULL,                    -- wall clock: when it came
    body  TEXT    NOT NULL                     -- JSON: tuner/live/part
) STRICT;
