-- 0014: what trial programs say of single items ({"item": …}), beside their reports.

CREATE TABLE item (                            -- of a lease, packed; see item.c
    study INTEGER NOT NULL REFERENCES study (id),
    lease INTEGER NOT NULL,                    -- seq of the lease
    seq   INTEGER NOT NULL,                    -- of the row in its lease, from 0
    body  BLOB    NOT NULL,
    PRIMARY KEY (study, lease, seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER item_is_kept BEFORE DELETE ON item BEGIN SELECT raise(ABORT, 'items are append-only'); END;
CREATE TRIGGER item_is_final BEFORE UPDATE ON item BEGIN SELECT raise(ABORT, 'items are append-only'); END;
