-- Whose account and whose photos: handles change hands, and a post may ask about another post's
-- photo, whose author can opt out or delete it. The photos_* columns are null where the photos are
-- the post's own.
ALTER TABLE posts ADD COLUMN author_id TEXT;

ALTER TABLE posts ADD COLUMN photos_post_id TEXT;

ALTER TABLE posts ADD COLUMN photos_author TEXT;

ALTER TABLE posts ADD COLUMN photos_author_id TEXT;

ALTER TABLE posts ADD COLUMN photos_deleted_at TEXT;

-- Back-off between attempts to fetch a post's photos.
ALTER TABLE posts ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;

ALTER TABLE posts ADD COLUMN try_from TEXT;

-- Refusals in a row, one post for each author (a JSON list of ids).
ALTER TABLE platforms ADD COLUMN refused_posts TEXT;

-- The command and the review page decide in the same way, so they share one method.
UPDATE answers SET method = 'a person' WHERE method = 'a person''s look'
