-- SPDX-License-Identifier: MIT
-- Which variant each unit gets, in the order of the service; DuckDB and PostgreSQL, behind duckdb.sql or postgresql.sql.
-- What a client does by itself is not here: a stale ruleset, a kill switch.

-- A ruleset of the service, as tables.
CREATE TABLE nocturne_rules ( -- one row; without an experiment the salt is NULL
    salt TEXT,
    holdout_salt TEXT, holdout_share FLOAT8,          -- or NULL
    group_salt TEXT, group_from FLOAT8, group_to FLOAT8 -- or NULL
);
CREATE TABLE nocturne_ranges (place_from FLOAT8 NOT NULL, place_to FLOAT8 NOT NULL, variant TEXT NOT NULL);
CREATE TABLE nocturne_overrides (unit TEXT PRIMARY KEY, variant TEXT NOT NULL);

-- The units that are asked for.
CREATE TABLE nocturne_units (unit TEXT NOT NULL);

CREATE VIEW nocturne_places AS
SELECT u.unit,
       nocturne_place(s.salt, u.unit) AS place, -- NULL: no experiment, no unit
       o.variant AS override,
       coalesce(nocturne_place(s.holdout_salt, u.unit) < s.holdout_share, FALSE) AS held_out,
       coalesce(nocturne_place(s.group_salt, u.unit) < s.group_from
                OR nocturne_place(s.group_salt, u.unit) >= s.group_to, FALSE) AS elsewhere
FROM nocturne_units u CROSS JOIN nocturne_rules s LEFT JOIN nocturne_overrides o ON o.unit = u.unit;

CREATE VIEW nocturne_assigned AS
SELECT p.unit,
       CASE WHEN p.override IS NOT NULL THEN p.override
            WHEN p.held_out OR p.elsewhere THEN 'champion'
            ELSE coalesce(r.variant, 'champion') END AS variant,
       p.override IS NULL AND p.place IS NOT NULL AND NOT p.held_out AND NOT p.elsewhere AS counted
FROM nocturne_places p LEFT JOIN nocturne_ranges r ON p.place >= r.place_from AND p.place < r.place_to;
