-- Rounds that a host plans and the bot plays on the host's own account. What belongs to the photo of
-- a planned round stays out of published copies until the round is revealed.
CREATE TABLE rounds (
    id INTEGER PRIMARY KEY,
    game TEXT NOT NULL REFERENCES games (slug),
    platform TEXT NOT NULL,
    host TEXT NOT NULL,
    photo_id INTEGER REFERENCES photos (id),
    image_sha256 TEXT REFERENCES images (sha256),
    opens_at TEXT NOT NULL,
    closes_at TEXT NOT NULL,
    answer_taxon_id INTEGER REFERENCES taxa (id),
    post_id TEXT UNIQUE,
    reveal_post_id TEXT,
    state TEXT NOT NULL DEFAULT 'planned' CHECK (state IN
        ('planned', 'open', 'closed', 'revealed', 'cancelled')),
    note TEXT,
    text TEXT,
    alt_text TEXT,
    credit TEXT,
    picture TEXT,
    said_taxon_id INTEGER REFERENCES taxa (id),
    said_score REAL,
    said_by TEXT,
    commonest_taxon_id INTEGER REFERENCES taxa (id),
    planned_at TEXT NOT NULL,
    collected_at TEXT,
    messages INTEGER NOT NULL DEFAULT 0,
    CHECK (opens_at < closes_at)
) STRICT;

CREATE INDEX rounds_game_opens_at ON rounds (game, opens_at);

CREATE INDEX rounds_platform_state ON rounds (platform, state);

CREATE INDEX rounds_photo_id ON rounds (photo_id);

CREATE INDEX rounds_image_sha256 ON rounds (image_sha256);

CREATE INDEX rounds_answer_taxon_id ON rounds (answer_taxon_id);

CREATE INDEX rounds_said_taxon_id ON rounds (said_taxon_id);

CREATE INDEX rounds_commonest_taxon_id ON rounds (commonest_taxon_id);

-- One row for each account that guessed, with its last guess. `player` and `message_id` are null
-- unless the player opted in; the time of a guess without a name is its hour.
CREATE TABLE guesses (
    id INTEGER PRIMARY KEY,
    round_id INTEGER REFERENCES rounds (id),
    post_id TEXT REFERENCES posts (id),
    player TEXT COLLATE NOCASE,
    taxon_id INTEGER REFERENCES taxa (id),
    verdict TEXT CHECK (verdict IN ('target', 'other', 'taxon')),
    made_at TEXT NOT NULL,
    right INTEGER CHECK (right IN (0, 1)),
    message_id TEXT,
    CHECK ((round_id IS NULL) <> (post_id IS NULL)),
    CHECK (player IS NOT NULL OR message_id IS NULL)
) STRICT;

CREATE INDEX guesses_round_id ON guesses (round_id);

CREATE INDEX guesses_post_id ON guesses (post_id);

CREATE INDEX guesses_player ON guesses (player);

CREATE INDEX guesses_taxon_id ON guesses (taxon_id);

-- Who asked to be counted by name. Saying stop removes the row, and the name from all guesses.
CREATE TABLE players (
    platform TEXT NOT NULL,
    player TEXT NOT NULL COLLATE NOCASE,
    author_id TEXT,
    opted_in_at TEXT NOT NULL,
    PRIMARY KEY (platform, player)
) STRICT;

-- What the bot posts unasked: the posts of rounds, and announcements. The outbox of these, as
-- `replies` is that of replies. `key` says what a post is for, so that none is planned twice.
CREATE TABLE own_posts (
    key TEXT PRIMARY KEY,
    platform TEXT NOT NULL,
    game TEXT REFERENCES games (slug),
    round_id INTEGER REFERENCES rounds (id),
    kind TEXT NOT NULL CHECK (kind IN
        ('opening', 'reveal', 'correction', 'cancellation', 'announcement')),
    in_reply_to TEXT,
    text TEXT NOT NULL,
    names TEXT NOT NULL DEFAULT '[]',
    status TEXT NOT NULL CHECK (status IN
        ('draft', 'planned', 'sending', 'sent', 'unknown', 'refused', 'skipped')),
    reason TEXT,
    post_id TEXT,
    post_url TEXT,
    planned_at TEXT NOT NULL,
    sent_at TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    send_key TEXT,
    send_record TEXT,
    attempt_ended_at TEXT,
    attempt_boot TEXT,
    attempt_uptime REAL,
    looks INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX own_posts_platform_status ON own_posts (platform, status);

CREATE INDEX own_posts_game ON own_posts (game);

CREATE INDEX own_posts_round_id ON own_posts (round_id)
