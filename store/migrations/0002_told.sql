-- 0002: the order in which results were told. Suggestions depend on it; finished_ms has ties and may jump.

ALTER TABLE trial ADD COLUMN told INTEGER;     -- from 0 in each study; NULL while the trial is not final

UPDATE trial SET told = (SELECT count(*) FROM trial AS t
                         WHERE t.study = trial.study AND t.finished_ms IS NOT NULL
                           AND (t.finished_ms, t.number) < (trial.finished_ms, trial.number))
WHERE finished_ms IS NOT NULL;
