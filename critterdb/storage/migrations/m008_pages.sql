-- What the pages need to stay quick when the database is large: the label that a test photo stood
-- for, counts that are kept instead of made, indexes for each list that a page begins, and search.

-- Beside evaluations: the label that the photo counted as, which the confusion matrix counts.
ALTER TABLE predictions ADD COLUMN label_taxon_id INTEGER REFERENCES taxa (id);

UPDATE predictions SET label_taxon_id = (
    SELECT label.id
    FROM photos
    JOIN observations ON observations.id = photos.observation_id
    JOIN taxa AS actual ON actual.id = observations.taxon_id
    JOIN model_labels ON model_labels.model_id = predictions.model_id
    JOIN taxa AS label ON label.id = model_labels.taxon_id
    WHERE photos.id = predictions.photo_id
        AND (
            label.id = actual.id
            OR label.id IN (SELECT value FROM json_each(actual.ancestor_ids))
        )
    ORDER BY label.rank_level
    LIMIT 1
)
WHERE source = 'evaluation';

-- The photos behind a cell of the confusion matrix, the surest first; also its foreign key's index.
CREATE INDEX predictions_cell
    ON predictions (label_taxon_id, top_taxon_id, model_id, score DESC)
    WHERE label_taxon_id IS NOT NULL;

-- The surest mistakes, of a model and of all.
CREATE INDEX predictions_mistakes
    ON predictions (model_id, json_extract(scores, '$."' || top_taxon_id || '"') DESC)
    WHERE label_taxon_id <> top_taxon_id;

CREATE INDEX predictions_surest_mistakes
    ON predictions (json_extract(scores, '$."' || top_taxon_id || '"') DESC)
    WHERE label_taxon_id <> top_taxon_id;

-- What was answered where, newest first: what waits for a review.
CREATE INDEX predictions_source ON predictions (source);

CREATE INDEX predictions_model_id ON predictions (model_id);

CREATE INDEX posts_posted_at ON posts (posted_at, id);

CREATE INDEX posts_author ON posts (author, posted_at, id);

CREATE INDEX replies_reason ON replies (reason);

CREATE INDEX models_created_at ON models (created_at);

CREATE INDEX answer_candidates_waiting ON answer_candidates (found_at) WHERE settled_at IS NULL;

CREATE INDEX observers_login ON observers (login);

CREATE INDEX taxa_name ON taxa (name);

CREATE INDEX taxa_common_name ON taxa (common_name);

CREATE INDEX syncs_game_finished_at ON syncs (game, finished_at);

-- Where and when a kind of animal was seen, without a look at the rows themselves.
CREATE INDEX observations_where ON observations
    (taxon_id, observed_on, latitude, longitude, obscured, withdrawn_at);

-- How many predictions there are, by model, place and outcome, and how many a person looked at.
-- Kept by triggers: to count a million rows takes longer than a page may.
CREATE TABLE prediction_counts (
    model_id TEXT NOT NULL REFERENCES models (id),
    source TEXT NOT NULL,
    outcome TEXT NOT NULL,
    predictions INTEGER NOT NULL DEFAULT 0,
    reviewed INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (model_id, source, outcome)
) STRICT;

INSERT INTO prediction_counts (model_id, source, outcome, predictions, reviewed)
SELECT
    model_id,
    source,
    coalesce(reason, 'answered'),
    count(*),
    sum(EXISTS (SELECT 1 FROM reviews WHERE reviews.prediction_id = predictions.id))
FROM predictions
GROUP BY 1, 2, 3;

CREATE TRIGGER predictions_counted AFTER INSERT ON predictions BEGIN
    INSERT OR IGNORE INTO prediction_counts (model_id, source, outcome)
    VALUES (new.model_id, new.source, coalesce(new.reason, 'answered'));
    UPDATE prediction_counts SET predictions = predictions + 1
    WHERE model_id = new.model_id AND source = new.source
        AND outcome = coalesce(new.reason, 'answered');
END;

CREATE TRIGGER predictions_uncounted AFTER DELETE ON predictions BEGIN
    UPDATE prediction_counts SET predictions = predictions - 1
    WHERE model_id = old.model_id AND source = old.source
        AND outcome = coalesce(old.reason, 'answered');
END;

CREATE TRIGGER reviews_counted AFTER INSERT ON reviews
WHEN (SELECT count(*) FROM reviews WHERE prediction_id = new.prediction_id) = 1 BEGIN
    UPDATE prediction_counts SET reviewed = reviewed + 1
    WHERE (model_id, source, outcome) = (
        SELECT model_id, source, coalesce(reason, 'answered')
        FROM predictions WHERE id = new.prediction_id
    );
END;

CREATE TRIGGER reviews_uncounted AFTER DELETE ON reviews
WHEN NOT EXISTS (SELECT 1 FROM reviews WHERE prediction_id = old.prediction_id) BEGIN
    UPDATE prediction_counts SET reviewed = reviewed - 1
    WHERE (model_id, source, outcome) = (
        SELECT model_id, source, coalesce(reason, 'answered')
        FROM predictions WHERE id = old.prediction_id
    );
END;

-- Full-text search over taxa, and over observations by place, kind and observer.
CREATE VIRTUAL TABLE taxa_fts USING fts5 (
    name, common_name, content="taxa", content_rowid="id",
    tokenize="unicode61 remove_diacritics 2"
);

INSERT INTO taxa_fts (rowid, name, common_name) SELECT id, name, common_name FROM taxa;

CREATE TRIGGER taxa_found AFTER INSERT ON taxa BEGIN
    INSERT INTO taxa_fts (rowid, name, common_name) VALUES (new.id, new.name, new.common_name);
END;

CREATE TRIGGER taxa_lost AFTER DELETE ON taxa BEGIN
    INSERT INTO taxa_fts (taxa_fts, rowid, name, common_name)
    VALUES ('delete', old.id, old.name, old.common_name);
END;

CREATE TRIGGER taxa_renamed AFTER UPDATE OF name, common_name ON taxa
WHEN old.name IS NOT new.name OR old.common_name IS NOT new.common_name BEGIN
    INSERT INTO taxa_fts (taxa_fts, rowid, name, common_name)
    VALUES ('delete', old.id, old.name, old.common_name);
    INSERT INTO taxa_fts (rowid, name, common_name) VALUES (new.id, new.name, new.common_name);
    DELETE FROM observations_fts WHERE rowid IN (
        SELECT id FROM observations WHERE taxon_id = new.id
    );
    INSERT INTO observations_fts (rowid, place_guess, taxon, common_name, observer)
    SELECT observations.id, place_guess, new.name, new.common_name, observers.login
    FROM observations LEFT JOIN observers ON observers.id = observations.observer_id
    WHERE taxon_id = new.id;
END;

CREATE VIRTUAL TABLE observations_fts USING fts5 (
    place_guess, taxon, common_name, observer, tokenize="unicode61 remove_diacritics 2"
);

INSERT INTO observations_fts (rowid, place_guess, taxon, common_name, observer)
SELECT observations.id, place_guess, taxa.name, taxa.common_name, observers.login
FROM observations
LEFT JOIN taxa ON taxa.id = observations.taxon_id
LEFT JOIN observers ON observers.id = observations.observer_id;

CREATE TRIGGER observations_found AFTER INSERT ON observations BEGIN
    INSERT INTO observations_fts (rowid, place_guess, taxon, common_name, observer)
    SELECT new.id, new.place_guess, taxa.name, taxa.common_name, observers.login
    FROM (SELECT 1)
    LEFT JOIN taxa ON taxa.id = new.taxon_id
    LEFT JOIN observers ON observers.id = new.observer_id;
END;

CREATE TRIGGER observations_lost AFTER DELETE ON observations BEGIN
    DELETE FROM observations_fts WHERE rowid = old.id;
END;

CREATE TRIGGER observations_changed
AFTER UPDATE OF place_guess, taxon_id, observer_id ON observations
WHEN old.place_guess IS NOT new.place_guess OR old.taxon_id IS NOT new.taxon_id
    OR old.observer_id IS NOT new.observer_id BEGIN
    DELETE FROM observations_fts WHERE rowid = old.id;
    INSERT INTO observations_fts (rowid, place_guess, taxon, common_name, observer)
    SELECT new.id, new.place_guess, taxa.name, taxa.common_name, observers.login
    FROM (SELECT 1)
    LEFT JOIN taxa ON taxa.id = new.taxon_id
    LEFT JOIN observers ON observers.id = new.observer_id;
END;

-- As before, but without the view truths inside: joined from the left it would be made whole, for
-- every post there is, whenever one post is asked for.
DROP VIEW bot_history;

CREATE VIEW bot_history AS
SELECT
    replies.post_id,
    posts.author,
    first_image.url AS image,
    coalesce(answer.common_name, answer.name) AS answer,
    round(predictions.score, 3) AS score,
    replies.text AS reply,
    coalesce(truth.common_name, truth.name, answers.verdict) AS truth,
    CASE
        WHEN answers.verdict IS NULL OR answers.verdict = 'inconclusive' THEN NULL
        WHEN predictions.taxon_id IS NULL THEN NULL
        WHEN truth.id IS NULL THEN
            predictions.taxon_id NOT IN (SELECT value FROM json_each(target.ancestor_ids))
            AND predictions.taxon_id <> target.id
        ELSE
            predictions.taxon_id = truth.id
            OR predictions.taxon_id IN (SELECT value FROM json_each(truth.ancestor_ids))
    END AS right,
    replies.status,
    coalesce(replies.reason, predictions.reason) AS reason,
    predictions.abstained,
    posts.posted_at,
    posts.url AS post_url,
    replies.reply_url,
    posts.platform,
    replies.game,
    replies.planned_at,
    replies.sent_at,
    replies.prediction_id,
    predictions.model_id,
    first_image.image_sha256
FROM posts
JOIN replies ON replies.post_id = posts.id
JOIN games ON games.slug = posts.game
LEFT JOIN post_images AS first_image
    ON first_image.post_id = posts.id
    AND first_image.position = (
        SELECT min(position) FROM post_images WHERE post_images.post_id = posts.id
    )
LEFT JOIN predictions ON predictions.id = replies.prediction_id
LEFT JOIN taxa AS answer ON answer.id = predictions.taxon_id
LEFT JOIN answers ON answers.post_id = posts.id
LEFT JOIN taxa AS target ON target.id = games.target_taxon_id
LEFT JOIN taxa AS truth ON truth.id = CASE
    WHEN answers.verdict = 'inconclusive' THEN NULL
    WHEN answers.taxon_id IS NOT NULL THEN answers.taxon_id
    WHEN answers.verdict = 'target' THEN games.target_taxon_id
END;

-- As before, without a window over all of them: it is asked post by post.
DROP VIEW post_predictions;

CREATE VIEW post_predictions AS
SELECT predictions.*, 1 AS place
FROM predictions
WHERE source = 'bot'
    AND post_id IS NOT NULL
    AND NOT EXISTS (
        SELECT 1 FROM predictions AS other
        WHERE other.post_id = predictions.post_id
            AND +other.model_id = predictions.model_id
            AND +other.source = 'bot'
            AND (other.photo_id IS NULL AND other.image_sha256 IS NULL, other.id)
                > (predictions.photo_id IS NULL AND predictions.image_sha256 IS NULL,
                    predictions.id)
    );

DROP VIEW mistakes;

CREATE VIEW mistakes AS
SELECT
    predictions.id AS prediction_id,
    predictions.model_id,
    photos.path AS photo,
    coalesce(predicted.common_name, predicted.name) AS predicted,
    coalesce(actual.common_name, actual.name) AS actual,
    json_extract(predictions.scores, '$."' || predictions.top_taxon_id || '"') AS score,
    predictions.abstained,
    predictions.reason,
    predictions.novelty,
    predictions.photo_id,
    predictions.top_taxon_id AS predicted_taxon_id,
    observations.taxon_id AS actual_taxon_id,
    observations.url AS observation_url,
    photos.license_code,
    photos.attribution
FROM predictions
JOIN photos ON photos.id = predictions.photo_id
JOIN observations ON observations.id = photos.observation_id
JOIN taxa AS actual ON actual.id = observations.taxon_id
JOIN taxa AS predicted ON predicted.id = predictions.top_taxon_id
WHERE predictions.label_taxon_id <> predictions.top_taxon_id
    AND photos.withdrawn_at IS NULL
    AND predictions.top_taxon_id <> observations.taxon_id
    AND predictions.top_taxon_id NOT IN (SELECT value FROM json_each(actual.ancestor_ids))
ORDER BY score DESC;
