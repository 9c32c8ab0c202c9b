-- What stays the same in each attempt at a reply: the platform's key for it and its record.
ALTER TABLE replies ADD COLUMN send_key TEXT;

ALTER TABLE replies ADD COLUMN send_record TEXT;

-- When the last attempt ended, and how often the reply was looked for since.
ALTER TABLE replies ADD COLUMN attempt_ended_at TEXT;

ALTER TABLE replies ADD COLUMN looks INTEGER NOT NULL DEFAULT 0;

-- These two were kept among the cursors.
UPDATE replies SET
    attempt_ended_at = strftime('%Y-%m-%dT%H:%M:%SZ', json_extract(cursors.value, '$.ended_at')),
    looks = json_extract(cursors.value, '$.looks')
FROM cursors WHERE cursors.name = 'doubt:' || replies.post_id;

DELETE FROM cursors WHERE name LIKE 'doubt:%';

-- How the bot stands with each platform.
CREATE TABLE platforms (
    platform TEXT PRIMARY KEY,
    round_at TEXT,
    read_at TEXT,
    read_from TEXT,
    send_from TEXT,
    pause_reason TEXT,
    refusals INTEGER NOT NULL DEFAULT 0
) STRICT
