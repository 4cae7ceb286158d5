-- 0003: the event log. What happened is kept, in order and for good; the state of a study is a view of it.

CREATE TABLE event (
    study INTEGER NOT NULL REFERENCES study (id),
    seq   INTEGER NOT NULL,                    -- from 1 in each study; a lease's is its fencing token
    trial INTEGER,                             -- number from 0; NULL: about the study
    kind  INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 10), -- enum logged in store.h
    at_ms INTEGER NOT NULL,                    -- wall clock; may jump: the order is seq
    body  TEXT    NOT NULL,                    -- JSON object, or '' for none
    PRIMARY KEY (study, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX event_trial ON event (study, trial);

CREATE TABLE curve (                           -- the reports of a lease, packed; see curve.c
    study INTEGER NOT NULL REFERENCES study (id),
    lease INTEGER NOT NULL,                    -- seq of the lease
    seq   INTEGER NOT NULL,                    -- number of the first report in body, from 0
    body  BLOB    NOT NULL,
    PRIMARY KEY (study, lease, seq)
) STRICT, WITHOUT ROWID;

CREATE TEMP TABLE moved AS
SELECT id AS study, 0 AS stage, 0 AS a, 0 AS b, 0 AS c, NULL AS trial, 1 AS kind, created_ms AS at_ms,
       json_object('path', path, 'file', file) AS body FROM study
UNION ALL
SELECT study, 1, number, 0, 0, number, 2, created_ms,
       json_patch('{}', json_object('role', role, 'source', source, 'seed', seed, 'confirms', confirms,
                                    'params', json(params), 'known', -1)) FROM trial
UNION ALL
SELECT study, iif(finished_ms IS NULL, 3, 2), coalesce(told, number + 1000000000), 0, 0, number, 3, created_ms, ''
FROM trial WHERE state NOT IN ('queued', 'cancelled') AND id NOT IN (SELECT trial FROM attempt)
UNION ALL
SELECT t.study, iif(t.finished_ms IS NULL, 3, 2), coalesce(t.told, t.number + 1000000000), a.number, 0, t.number, 3,
       a.started_ms, json_patch('{}', json_object('attempt', a.number, 'dir', nullif(a.dir, '')))
FROM attempt AS a JOIN trial AS t ON t.id = a.trial
UNION ALL
SELECT t.study, iif(t.finished_ms IS NULL, 3, 2), coalesce(t.told, t.number + 1000000000), a.number, 1, t.number, 4,
       a.started_ms, json_object('pid', a.pid)
FROM attempt AS a JOIN trial AS t ON t.id = a.trial WHERE a.pid IS NOT NULL
UNION ALL
SELECT t.study, iif(t.finished_ms IS NULL, 3, 2), coalesce(t.told, t.number + 1000000000), a.number, 2, t.number, 7,
       coalesce(a.ended_ms, a.started_ms), json_patch('{}', json_object('outcome', coalesce(a.outcome, 'lost'), 'reason', a.reason,
                                                                        'ms', a.ended_ms - a.started_ms))
FROM attempt AS a JOIN trial AS t ON t.id = a.trial
WHERE CASE WHEN t.finished_ms IS NULL
           THEN a.outcome IS NOT NULL
           ELSE a.number < (SELECT max(number) FROM attempt WHERE trial = t.id) END
UNION ALL
SELECT study, 2, coalesce(told, number + 1000000000), 1000000000, 0, number, 8, finished_ms,
       json_patch('{}', json_object('state', state, 'metrics', json(metrics), 'reason', reason, 'outcome',
                                    (SELECT outcome FROM attempt WHERE trial = t.id ORDER BY number DESC LIMIT 1), 'ms',
                                    finished_ms - (SELECT max(started_ms) FROM attempt WHERE trial = t.id)))
FROM trial AS t WHERE finished_ms IS NOT NULL
UNION ALL
SELECT id, 9, 0, 0, 0, NULL, 9, created_ms, json_object('phase', phase) FROM study;

INSERT INTO event
SELECT study, row_number() OVER (PARTITION BY study ORDER BY stage, a, b, c), trial, kind, at_ms, body FROM moved;

INSERT INTO curve
SELECT e.study, e.seq, r.seq, nocturne_curve(r.step, r.metrics)
FROM event AS e
JOIN trial AS t ON t.study = e.study AND t.number = e.trial
JOIN attempt AS a ON a.trial = t.id AND a.number = coalesce(nullif(e.body, '') ->> 'attempt', 1)
JOIN report AS r ON r.attempt = a.id
WHERE e.kind = 3;

DROP TABLE moved;
DROP TABLE report;
DROP TABLE attempt;
DROP TABLE trial;

ALTER TABLE request RENAME TO old_request;
CREATE TABLE request (                         -- the mailbox of a running coordinator
    id      INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again: what has been read is not read twice
    study   INTEGER NOT NULL REFERENCES study (id),
    verb    TEXT    NOT NULL CHECK (verb IN ('stop', 'enqueue', 'cancel')),
    payload TEXT    NOT NULL,
    at_ms   INTEGER NOT NULL
) STRICT;
INSERT INTO request SELECT * FROM old_request;
DROP TABLE old_request;

ALTER TABLE study DROP COLUMN phase;
ALTER TABLE study ADD COLUMN state TEXT;       -- JSON: the state after event "seq" of it; NULL: not written yet

CREATE TRIGGER event_is_kept BEFORE DELETE ON event BEGIN SELECT raise(ABORT, 'the event log is append-only'); END;
CREATE TRIGGER event_is_final BEFORE UPDATE ON event BEGIN SELECT raise(ABORT, 'the event log is append-only'); END;
CREATE TRIGGER curve_is_kept BEFORE DELETE ON curve BEGIN SELECT raise(ABORT, 'reports are append-only'); END;
CREATE TRIGGER curve_is_final BEFORE UPDATE ON curve BEGIN SELECT raise(ABORT, 'reports are append-only'); END;
