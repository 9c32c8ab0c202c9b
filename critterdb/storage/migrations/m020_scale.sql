-- Rows of iNaturalist's monthly tables have negative ids until a sync names their number; their uuid
-- is what they are found by, and no two have the same.
CREATE UNIQUE INDEX observations_without_number ON observations (uuid)
    WHERE id < 0 AND uuid IS NOT NULL;

-- Vectors that lie in files: a row says that a shard is finished, and what is in it.
CREATE TABLE shards (
    name TEXT PRIMARY KEY,
    recipe TEXT NOT NULL,
    photos INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    digest TEXT NOT NULL,
    path TEXT NOT NULL,
    worker TEXT,
    seconds REAL,
    finished_at TEXT NOT NULL
) STRICT;

CREATE INDEX shards_recipe ON shards (recipe);
