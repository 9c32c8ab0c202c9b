-- Every table of a critterdb site. Times are UTC ISO 8601 text ending in Z, booleans 0/1.
-- Statements are separated by blank lines.

CREATE TABLE taxa (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    common_name TEXT,
    rank TEXT,
    rank_level REAL,
    parent_id INTEGER REFERENCES taxa (id),
    ancestor_ids TEXT NOT NULL DEFAULT '[]',
    is_active INTEGER NOT NULL DEFAULT 1
) STRICT;

CREATE INDEX taxa_parent_id ON taxa (parent_id);

CREATE INDEX taxa_rank ON taxa (rank);

CREATE TABLE observers (
    id INTEGER PRIMARY KEY,
    login TEXT NOT NULL,
    name TEXT
) STRICT;

CREATE TABLE observations (
    id INTEGER PRIMARY KEY,
    uuid TEXT,
    taxon_id INTEGER REFERENCES taxa (id),
    observer_id INTEGER REFERENCES observers (id),
    observed_on TEXT,
    updated_at TEXT,
    quality_grade TEXT,
    captive INTEGER,
    place_guess TEXT,
    latitude REAL,
    longitude REAL,
    positional_accuracy REAL,
    obscured INTEGER,
    license_code TEXT,
    url TEXT,
    withdrawn_at TEXT
) STRICT;

CREATE INDEX observations_taxon_id ON observations (taxon_id);

CREATE INDEX observations_observer_id ON observations (observer_id);

CREATE INDEX observations_observed_on ON observations (observed_on);

CREATE INDEX observations_quality_grade ON observations (quality_grade);

CREATE INDEX observations_license_code ON observations (license_code);

CREATE TABLE photos (
    id INTEGER PRIMARY KEY,
    observation_id INTEGER NOT NULL REFERENCES observations (id),
    position INTEGER NOT NULL DEFAULT 0,
    url TEXT,
    license_code TEXT,
    attribution TEXT,
    width INTEGER,
    height INTEGER,
    bytes INTEGER,
    sha256 TEXT,
    path TEXT,
    fetched_at TEXT,
    error TEXT,
    withdrawn_at TEXT
) STRICT;

CREATE INDEX photos_observation_id ON photos (observation_id);

CREATE INDEX photos_license_code ON photos (license_code);

CREATE INDEX photos_sha256 ON photos (sha256);

-- A photo has its row with the first observation that showed it; further ones stand here.
CREATE TABLE shared_photos (
    photo_id INTEGER NOT NULL REFERENCES photos (id),
    observation_id INTEGER NOT NULL REFERENCES observations (id),
    PRIMARY KEY (photo_id, observation_id)
) STRICT;

CREATE INDEX shared_photos_observation_id ON shared_photos (observation_id);

CREATE TABLE embeddings (
    sha256 TEXT NOT NULL,
    backbone TEXT NOT NULL,
    vector BLOB NOT NULL,
    dimensions INTEGER NOT NULL,
    PRIMARY KEY (sha256, backbone)
) STRICT;

CREATE TABLE games (
    slug TEXT PRIMARY KEY,
    hashtag TEXT,
    question TEXT,
    taxon_id INTEGER REFERENCES taxa (id),
    place_id INTEGER,
    target_taxon_id INTEGER REFERENCES taxa (id),
    rank TEXT NOT NULL DEFAULT 'species',
    hosts TEXT NOT NULL DEFAULT '[]',
    model_id TEXT REFERENCES models (id)
) STRICT;

CREATE INDEX games_taxon_id ON games (taxon_id);

CREATE INDEX games_target_taxon_id ON games (target_taxon_id);

CREATE INDEX games_model_id ON games (model_id);

CREATE TABLE game_observations (
    game TEXT NOT NULL REFERENCES games (slug),
    observation_id INTEGER NOT NULL REFERENCES observations (id),
    seen_at TEXT NOT NULL,
    left_at TEXT,
    PRIMARY KEY (game, observation_id)
) STRICT;

CREATE INDEX game_observations_observation_id ON game_observations (observation_id);

CREATE TABLE splits (
    game TEXT NOT NULL REFERENCES games (slug),
    observation_id INTEGER NOT NULL REFERENCES observations (id),
    part TEXT NOT NULL CHECK (part IN ('train', 'valid', 'test')),
    PRIMARY KEY (game, observation_id)
) STRICT;

CREATE INDEX splits_observation_id ON splits (observation_id);

CREATE INDEX splits_game_part ON splits (game, part);

CREATE TABLE models (
    id TEXT PRIMARY KEY,
    game TEXT NOT NULL REFERENCES games (slug),
    backbone TEXT NOT NULL,
    created_at TEXT NOT NULL,
    path TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    photos INTEGER NOT NULL,
    error_rate REAL,
    balanced_error_rate REAL,
    ece REAL,
    temperature REAL,
    threshold REAL,
    novelty_threshold REAL,
    seconds REAL,
    recipe TEXT NOT NULL DEFAULT '{}',
    card TEXT NOT NULL DEFAULT '{}'
) STRICT;

CREATE INDEX models_game ON models (game);

CREATE INDEX models_backbone ON models (backbone);

CREATE TABLE model_labels (
    model_id TEXT NOT NULL REFERENCES models (id),
    taxon_id INTEGER NOT NULL REFERENCES taxa (id),
    photos_train INTEGER NOT NULL DEFAULT 0,
    photos_test INTEGER NOT NULL DEFAULT 0,
    precision REAL,
    recall REAL,
    PRIMARY KEY (model_id, taxon_id)
) STRICT;

CREATE INDEX model_labels_taxon_id ON model_labels (taxon_id);

CREATE TABLE model_metrics (
    model_id TEXT NOT NULL REFERENCES models (id),
    name TEXT NOT NULL,
    x REAL NOT NULL DEFAULT 0,
    value REAL,
    photos INTEGER,
    PRIMARY KEY (model_id, name, x)
) STRICT;

CREATE TABLE confusions (
    model_id TEXT NOT NULL REFERENCES models (id),
    actual_taxon_id INTEGER NOT NULL REFERENCES taxa (id),
    predicted_taxon_id INTEGER NOT NULL REFERENCES taxa (id),
    photos INTEGER NOT NULL,
    PRIMARY KEY (model_id, actual_taxon_id, predicted_taxon_id)
) STRICT;

CREATE INDEX confusions_actual_taxon_id ON confusions (actual_taxon_id);

CREATE INDEX confusions_predicted_taxon_id ON confusions (predicted_taxon_id);

CREATE TABLE images (
    sha256 TEXT PRIMARY KEY,
    url TEXT,
    width INTEGER,
    height INTEGER,
    bytes INTEGER,
    first_seen_at TEXT NOT NULL
) STRICT;

CREATE TABLE posts (
    id TEXT PRIMARY KEY,
    platform TEXT NOT NULL,
    game TEXT NOT NULL REFERENCES games (slug),
    url TEXT,
    author TEXT NOT NULL,
    posted_at TEXT NOT NULL,
    seen_at TEXT NOT NULL,
    summoned INTEGER NOT NULL DEFAULT 0,
    deleted_at TEXT
) STRICT;

CREATE INDEX posts_platform_author ON posts (platform, author);

CREATE INDEX posts_game_posted_at ON posts (game, posted_at);

CREATE TABLE predictions (
    id INTEGER PRIMARY KEY,
    model_id TEXT NOT NULL REFERENCES models (id),
    source TEXT NOT NULL CHECK (source IN ('evaluation', 'cli', 'endpoint', 'bot')),
    photo_id INTEGER REFERENCES photos (id),
    image_sha256 TEXT REFERENCES images (sha256),
    post_id TEXT REFERENCES posts (id),
    taxon_id INTEGER REFERENCES taxa (id),
    score REAL,
    top_taxon_id INTEGER REFERENCES taxa (id),
    abstained INTEGER NOT NULL,
    reason TEXT,
    novelty REAL,
    scores TEXT NOT NULL,
    thresholds TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;

CREATE INDEX predictions_model_source ON predictions (model_id, source);

CREATE INDEX predictions_photo_id ON predictions (photo_id);

CREATE INDEX predictions_image_model ON predictions (image_sha256, model_id);

CREATE INDEX predictions_post_id ON predictions (post_id);

CREATE INDEX predictions_taxon_id ON predictions (taxon_id);

CREATE INDEX predictions_top_taxon_id ON predictions (top_taxon_id);

CREATE INDEX predictions_reason ON predictions (reason);

CREATE TABLE post_images (
    post_id TEXT NOT NULL REFERENCES posts (id),
    position INTEGER NOT NULL,
    url TEXT NOT NULL,
    image_sha256 TEXT REFERENCES images (sha256),
    error TEXT,
    PRIMARY KEY (post_id, position)
) STRICT;

CREATE INDEX post_images_image_sha256 ON post_images (image_sha256);

CREATE TABLE replies (
    post_id TEXT PRIMARY KEY REFERENCES posts (id),
    game TEXT NOT NULL REFERENCES games (slug),
    status TEXT NOT NULL CHECK (status IN
        ('draft', 'planned', 'sending', 'sent', 'unknown', 'refused', 'skipped')),
    reason TEXT,
    text TEXT,
    reply_id TEXT,
    reply_url TEXT,
    prediction_id INTEGER REFERENCES predictions (id),
    planned_at TEXT NOT NULL,
    sent_at TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT
) STRICT;

CREATE INDEX replies_status ON replies (status);

CREATE INDEX replies_game ON replies (game);

CREATE INDEX replies_prediction_id ON replies (prediction_id);

CREATE TABLE answers (
    post_id TEXT PRIMARY KEY REFERENCES posts (id),
    taxon_id INTEGER REFERENCES taxa (id),
    verdict TEXT NOT NULL CHECK (verdict IN ('target', 'other', 'taxon', 'inconclusive')),
    source_url TEXT,
    found_at TEXT NOT NULL,
    method TEXT NOT NULL
) STRICT;

CREATE INDEX answers_taxon_id ON answers (taxon_id);

CREATE TABLE answer_candidates (
    id INTEGER PRIMARY KEY,
    post_id TEXT NOT NULL REFERENCES posts (id),
    source_url TEXT,
    guess TEXT,
    found_at TEXT NOT NULL,
    settled_at TEXT,
    UNIQUE (post_id, source_url)
) STRICT;

CREATE TABLE reviews (
    id INTEGER PRIMARY KEY,
    prediction_id INTEGER NOT NULL REFERENCES predictions (id),
    verdict TEXT NOT NULL CHECK (verdict IN ('right', 'wrong')),
    taxon_id INTEGER REFERENCES taxa (id),
    actor TEXT,
    created_at TEXT NOT NULL
) STRICT;

CREATE INDEX reviews_prediction_id ON reviews (prediction_id);

CREATE INDEX reviews_taxon_id ON reviews (taxon_id);

CREATE TABLE syncs (
    id INTEGER PRIMARY KEY,
    game TEXT REFERENCES games (slug),
    source TEXT NOT NULL,
    started_at TEXT NOT NULL,
    finished_at TEXT,
    requests INTEGER NOT NULL DEFAULT 0,
    observations INTEGER NOT NULL DEFAULT 0,
    photos INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    error TEXT
) STRICT;

CREATE INDEX syncs_game ON syncs (game);

CREATE TABLE cursors (
    name TEXT PRIMARY KEY,
    value TEXT,
    updated_at TEXT NOT NULL,
    gap_from TEXT
) STRICT;

CREATE TABLE ledger (
    id INTEGER PRIMARY KEY,
    host TEXT NOT NULL,
    at TEXT NOT NULL,
    requests INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX ledger_host_at ON ledger (host, at);

CREATE TABLE opt_outs (
    platform TEXT NOT NULL,
    author TEXT NOT NULL,
    at TEXT NOT NULL,
    why TEXT,
    PRIMARY KEY (platform, author)
) STRICT;
