-- 0006: a worker's token may be for some studies only.

ALTER TABLE token ADD COLUMN scope TEXT NOT NULL DEFAULT ''; -- names of studies, "a,b"; '': all
