-- How often a photo could not be had, so that a run does not ask for it for ever.
ALTER TABLE photos ADD COLUMN attempts INTEGER NOT NULL DEFAULT 0;

-- The taxon that took an inactive one's place.
ALTER TABLE taxa ADD COLUMN synonym_id INTEGER REFERENCES taxa (id);

CREATE INDEX taxa_synonym_id ON taxa (synonym_id);
