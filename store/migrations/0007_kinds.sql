-- 0007: what kinds of events there are is not the database's business (13 is new: a trial announced its stopping rule).

DROP TRIGGER event_is_kept;
DROP TRIGGER event_is_final;
DROP INDEX event_trial;
ALTER TABLE event RENAME TO old_event;

CREATE TABLE event (
    study INTEGER NOT NULL REFERENCES study (id),
    seq   INTEGER NOT NULL,                    -- from 1 in each study; a lease's is its fencing token
    trial INTEGER,                             -- number from 0; NULL: about the study
    kind  INTEGER NOT NULL CHECK (kind > 0),   -- enum logged in store.h
    at_ms INTEGER NOT NULL,                    -- wall clock; may jump: the order is seq
    body  TEXT    NOT NULL,                    -- JSON object, or '' for none
    PRIMARY KEY (study, seq)
) STRICT, WITHOUT ROWID;

INSERT INTO event SELECT study, seq, trial, kind, at_ms, body FROM old_event ORDER BY study, seq;
DROP TABLE old_event;

CREATE INDEX event_trial ON event (study, trial);
CREATE TRIGGER event_is_kept BEFORE DELETE ON event BEGIN SELECT raise(ABORT, 'the event log is append-only'); END;
CREATE TRIGGER event_is_final BEFORE UPDATE ON event BEGIN SELECT raise(ABORT, 'the event log is append-only'); END;
