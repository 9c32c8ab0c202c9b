-- When the host said it, and how often readings of this kind are right (0 to 1).
ALTER TABLE answers ADD COLUMN said_at TEXT;

ALTER TABLE answers ADD COLUMN confidence REAL;

-- Why a message waits for a person, and what the configured language model takes it for.
ALTER TABLE answer_candidates ADD COLUMN reason TEXT;

ALTER TABLE answer_candidates ADD COLUMN confidence REAL;

ALTER TABLE answer_candidates ADD COLUMN suggested_verdict TEXT
    CHECK (suggested_verdict IN ('target', 'other', 'taxon', 'inconclusive'));

ALTER TABLE answer_candidates ADD COLUMN suggested_taxon_id INTEGER REFERENCES taxa (id);

ALTER TABLE answer_candidates ADD COLUMN suggested_by TEXT;

CREATE INDEX answer_candidates_suggested_taxon_id ON answer_candidates (suggested_taxon_id);

-- Answers that a host corrected or took back, or that a person replaced: as they stood before.
CREATE TABLE superseded_answers (
    id INTEGER PRIMARY KEY,
    post_id TEXT NOT NULL REFERENCES posts (id),
    taxon_id INTEGER REFERENCES taxa (id),
    verdict TEXT NOT NULL CHECK (verdict IN ('target', 'other', 'taxon', 'inconclusive')),
    source_url TEXT,
    found_at TEXT NOT NULL,
    method TEXT NOT NULL,
    said_at TEXT,
    confidence REAL,
    superseded_at TEXT NOT NULL,
    corrected_at TEXT,
    corrected_url TEXT
) STRICT;

CREATE INDEX superseded_answers_post_id ON superseded_answers (post_id);

CREATE INDEX superseded_answers_taxon_id ON superseded_answers (taxon_id)
