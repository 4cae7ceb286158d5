-- SPDX-License-Identifier: MIT
-- What a collector sends (POST /api/v1/rollouts/NAME/sums), from tables of a warehouse: scored units as counts. DuckDB and
-- PostgreSQL, behind duckdb.sql or postgresql.sql. The numbers of the first five tables are those of GET …/scoring.

CREATE TABLE nocturne_scoring ( -- one row
    salt TEXT NOT NULL, window_ms BIGINT NOT NULL, late_ms BIGINT NOT NULL,
    holdout_salt TEXT, holdout_share FLOAT8,            -- or NULL
    group_salt TEXT, group_from FLOAT8, group_to FLOAT8 -- or NULL
);
CREATE TABLE nocturne_periods (period BIGINT PRIMARY KEY, from_ms BIGINT NOT NULL, to_ms BIGINT NOT NULL); -- to_ms 0: now
CREATE TABLE nocturne_period_ranges (period BIGINT NOT NULL, place_from FLOAT8 NOT NULL, place_to FLOAT8 NOT NULL, variant TEXT NOT NULL);
CREATE TABLE nocturne_segments (segment TEXT PRIMARY KEY); -- that the plan names
CREATE TABLE nocturne_tracks ( -- from 0, in their order
    track BIGINT PRIMARY KEY, metric TEXT NOT NULL, kind TEXT NOT NULL, minimize BOOLEAN NOT NULL,
    low FLOAT8, high FLOAT8, missing FLOAT8, mark_low FLOAT8, mark_high FLOAT8, cap FLOAT8,
    mean FLOAT8 NOT NULL, slope FLOAT8 NOT NULL, centre FLOAT8 NOT NULL, left_low FLOAT8 NOT NULL, left_high FLOAT8 NOT NULL
);
CREATE TABLE nocturne_overridden (unit TEXT PRIMARY KEY); -- whose variant somebody has fixed: not counted

-- What happened in this experiment: exposures (id NULL) and outcomes, with what the ruleset said; and what was measured.
CREATE TABLE nocturne_items (
    unit TEXT NOT NULL, id TEXT, at_ms BIGINT NOT NULL, period BIGINT NOT NULL, variant TEXT NOT NULL, segment TEXT, expected FLOAT8
);
CREATE TABLE nocturne_values (unit TEXT NOT NULL, id TEXT NOT NULL, metric TEXT NOT NULL, value FLOAT8 NOT NULL);

-- Units whose window closed in (after_ms, until_ms], one row: each slice is sent once, as one number.
CREATE TABLE nocturne_slice (after_ms BIGINT NOT NULL, until_ms BIGINT NOT NULL);

CREATE VIEW nocturne_wrong AS -- outcomes with a value that cannot be; NaN is larger than all numbers here
SELECT DISTINCT v.unit, v.id
FROM nocturne_values v JOIN nocturne_tracks t ON t.metric = v.metric
WHERE NOT (v.value >= t.low AND v.value <= coalesce(t.high, 1.7976931348623157e308));

CREATE VIEW nocturne_counted AS -- items of units that took part, with the variant that was theirs
SELECT i.*
FROM nocturne_items i
CROSS JOIN nocturne_scoring s
JOIN nocturne_periods p ON p.period = i.period AND i.at_ms >= p.from_ms
LEFT JOIN nocturne_period_ranges r
    ON r.period = i.period AND nocturne_place(s.salt, i.unit) >= r.place_from AND nocturne_place(s.salt, i.unit) < r.place_to
LEFT JOIN nocturne_overridden o ON o.unit = i.unit
WHERE coalesce(i.expected >= 0 AND i.expected <= 1, TRUE) AND o.unit IS NULL AND i.variant = coalesce(r.variant, 'champion') AND nocturne_place(s.salt, i.unit) IS NOT NULL
  AND NOT coalesce(nocturne_place(s.holdout_salt, i.unit) < s.holdout_share, FALSE)
  AND NOT coalesce(nocturne_place(s.group_salt, i.unit) < s.group_from OR nocturne_place(s.group_salt, i.unit) >= s.group_to, FALSE);

CREATE VIEW nocturne_first AS -- each unit's first exposure
SELECT DISTINCT ON (unit) unit, at_ms, period, variant, segment, expected
FROM nocturne_counted
ORDER BY unit, at_ms, period, id NULLS FIRST;

CREATE VIEW nocturne_closed AS -- whose window closed in the slice; whole: the shares stayed as they were within it
SELECT f.unit, f.at_ms, f.period, f.variant, f.expected, g.segment,
       p.to_ms = 0 OR f.at_ms + s.window_ms < p.to_ms AS whole
FROM nocturne_first f
CROSS JOIN nocturne_scoring s
CROSS JOIN nocturne_slice c
JOIN nocturne_periods p ON p.period = f.period
LEFT JOIN nocturne_segments g ON g.segment = f.segment
WHERE f.at_ms + s.window_ms + s.late_ms > c.after_ms AND f.at_ms + s.window_ms + s.late_ms <= c.until_ms;

CREATE VIEW nocturne_once AS -- outcomes, those that were said twice once; of one that cannot be its unit was served, and no more
SELECT DISTINCT c.unit, c.id, min(c.at_ms) AS at_ms, c.variant
FROM nocturne_counted c LEFT JOIN nocturne_wrong w ON w.unit = c.unit AND w.id = c.id
WHERE c.id IS NOT NULL AND w.unit IS NULL
GROUP BY c.unit, c.id, c.variant;

CREATE VIEW nocturne_said AS
SELECT DISTINCT unit, id, metric, min(value) AS value FROM nocturne_values GROUP BY unit, id, metric;

CREATE VIEW nocturne_means AS -- of what a unit did within its window, with the variant that was its first
SELECT c.unit, v.metric, sum(v.value) / count(*) AS value
FROM nocturne_closed c
CROSS JOIN nocturne_scoring s
JOIN nocturne_once o ON o.unit = c.unit AND o.variant = c.variant AND o.at_ms <= c.at_ms + s.window_ms
JOIN nocturne_said v ON v.unit = o.unit AND v.id = o.id
WHERE c.whole
GROUP BY c.unit, v.metric;

CREATE VIEW nocturne_scored AS -- each track of each unit, as an outcome in [0, 1]
SELECT c.unit, c.period, c.variant, c.segment, c.expected, t.track, t.mean, t.slope, t.centre, t.left_low, t.left_high,
       CASE t.kind
           WHEN 'scale' THEN least(greatest(CASE WHEN t.minimize THEN t.high - coalesce(m.value, t.missing)
                                                 ELSE coalesce(m.value, t.missing) - t.low END / (t.high - t.low), 0), 1)
           WHEN 'typical' THEN 1 - ln(least(greatest(coalesce(m.value, t.missing, t.cap), t.mark_low), t.mark_high) / t.mark_low)
                                   / ln(t.mark_high / t.mark_low)
           ELSE least(coalesce(m.value, t.missing, t.cap) / t.cap, 1)
       END AS outcome
FROM nocturne_closed c
CROSS JOIN nocturne_tracks t
LEFT JOIN nocturne_means m ON m.unit = c.unit AND m.metric = t.metric
WHERE c.whole;

CREATE VIEW nocturne_left AS -- less what was expected of it, on 64 steps
SELECT unit, period, variant, segment, track,
       (least(greatest(outcome - least(greatest(mean + slope * (coalesce(expected, centre) - centre), 0), 1), left_low), left_high)
        - left_low) / (left_high - left_low) * 64 AS step
FROM nocturne_scored;

CREATE VIEW nocturne_levels AS -- what lies between two is rounded at random, by the unit
SELECT l.period, l.segment, l.variant, l.track,
       CAST(floor(l.step) AS BIGINT) + CASE WHEN l.step - floor(l.step) > nocturne_chance(s.salt, l.unit) THEN 1 ELSE 0 END AS level,
       count(*) AS units
FROM nocturne_left l CROSS JOIN nocturne_scoring s
GROUP BY 1, 2, 3, 4, 5;

CREATE VIEW nocturne_metrics AS -- of the plan, in its order
SELECT metric, min(track) AS track FROM nocturne_tracks GROUP BY metric;

CREATE VIEW nocturne_heard AS -- of which metrics a unit was heard
SELECT n.unit, n.metric FROM nocturne_means n JOIN nocturne_metrics m ON m.metric = n.metric;

CREATE VIEW nocturne_cells AS
SELECT c.period, c.segment, c.variant, count(*) AS units, count(*) - count(h.unit) AS missing
FROM nocturne_closed c LEFT JOIN (SELECT DISTINCT unit FROM nocturne_heard) h ON h.unit = c.unit
WHERE c.whole
GROUP BY 1, 2, 3;

CREATE VIEW nocturne_unheard AS -- of each metric, of how many it was not
SELECT c.period, c.segment, c.variant, m.metric, m.track, count(*) - count(h.unit) AS units
FROM nocturne_closed c CROSS JOIN nocturne_metrics m LEFT JOIN nocturne_heard h ON h.unit = c.unit AND h.metric = m.metric
WHERE c.whole
GROUP BY 1, 2, 3, 4, 5;

CREATE VIEW nocturne_arrived AS SELECT period, variant, count(*) AS units FROM nocturne_closed GROUP BY 1, 2;
