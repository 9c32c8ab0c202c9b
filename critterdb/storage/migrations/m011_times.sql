-- Times of strangers that were written as they came: before the year 1000 with too few digits, which
-- cannot be parsed again, or in the future.
UPDATE posts SET posted_at = '2006-01-01T00:00:00Z'
WHERE posted_at < '2006-01-01T00:00:00Z'
    OR posted_at NOT GLOB
        '[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9]Z';

UPDATE posts SET posted_at = seen_at WHERE posted_at > seen_at;

UPDATE observations SET updated_at = substr('000' || updated_at, -20)
WHERE length(updated_at) BETWEEN 17 AND 19 AND updated_at GLOB '[0-9]*-[0-9][0-9]-[0-9][0-9]T*Z'
