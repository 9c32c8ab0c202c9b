-- When the last attempt at a reply ended, as the machine counts since it was started: the clock on
-- the wall may be set in between.
ALTER TABLE replies ADD COLUMN attempt_boot TEXT;

ALTER TABLE replies ADD COLUMN attempt_uptime REAL
