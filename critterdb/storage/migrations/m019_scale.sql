-- Sketches of embeddings, thousands in a row: what finds similar photos without reading them all.
-- A row covers the embeddings of a backbone from rowid `first` to rowid `last`.
CREATE TABLE sketches (
    backbone TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    version INTEGER NOT NULL,
    photos INTEGER NOT NULL,
    middle BLOB NOT NULL,
    hashes BLOB NOT NULL,
    signs BLOB NOT NULL,
    PRIMARY KEY (backbone, first)
) STRICT;

-- What is deleted leaves its sketch too; the others of its row are made again.
CREATE TRIGGER embeddings_unsketched AFTER DELETE ON embeddings BEGIN
    DELETE FROM sketches
    WHERE backbone = old.backbone AND first <= old.rowid AND last >= old.rowid;
END;

CREATE TRIGGER embeddings_resketched AFTER UPDATE ON embeddings BEGIN
    DELETE FROM sketches
    WHERE backbone = old.backbone AND first <= old.rowid AND last >= old.rowid;
END;

-- What the bot made of each post whose animal is known, judged when the answer comes: to judge tens
-- of thousands of posts for one page takes a second.
CREATE INDEX model_labels_commonest ON model_labels (model_id, photos_train DESC, taxon_id);

-- As before, but found by the post, and not among all that the bot ever said: without the plus,
-- SQLite takes the index of sources.
DROP VIEW post_predictions;

CREATE VIEW post_predictions AS
SELECT predictions.*, 1 AS place
FROM predictions
WHERE +source = 'bot'
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

CREATE VIEW judgements AS
SELECT
    truths.post_id,
    post_predictions.model_id,
    truths.game,
    CASE
        WHEN post_predictions.taxon_id IS NULL THEN NULL
        WHEN truths.taxon_id IS NULL THEN
            post_predictions.taxon_id
                NOT IN (SELECT value FROM json_each(truths.target_ancestor_ids))
            AND post_predictions.taxon_id <> truths.target_taxon_id
        ELSE
            post_predictions.taxon_id = truths.taxon_id
            OR post_predictions.taxon_id IN (SELECT value FROM json_each(truths.ancestor_ids))
    END AS right,
    (
        SELECT
            CASE
                WHEN truths.taxon_id IS NULL THEN
                    commonest.taxon_id
                        NOT IN (SELECT value FROM json_each(truths.target_ancestor_ids))
                    AND commonest.taxon_id <> truths.target_taxon_id
                ELSE
                    commonest.taxon_id = truths.taxon_id
                    OR commonest.taxon_id IN (SELECT value FROM json_each(truths.ancestor_ids))
            END
        FROM (
            SELECT taxon_id FROM model_labels
            WHERE model_labels.model_id = post_predictions.model_id
            ORDER BY photos_train DESC, taxon_id
            LIMIT 1
        ) AS commonest
    ) AS baseline_right,
    -- Probabilities have four digits, so that their squares add up without rounding. Those that
    -- somebody else wrote may be anything.
    CAST(round(10000 * max(-1, min(1,
        coalesce(
            json_extract(
                iif(json_valid(post_predictions.scores), post_predictions.scores, '{}'),
                '$."' || truths.target_taxon_id || '"'
            ),
            0
        ) - truths.is_target
    ))) AS INTEGER) AS target_error
FROM truths
JOIN post_predictions ON post_predictions.post_id = truths.post_id;

CREATE TABLE judged_posts (
    post_id TEXT NOT NULL,
    model_id TEXT NOT NULL,
    game TEXT NOT NULL,
    right INTEGER,
    baseline_right INTEGER,
    target_error INTEGER,
    PRIMARY KEY (post_id, model_id)
) STRICT;

CREATE INDEX judged_posts_model_id ON judged_posts (model_id);

CREATE INDEX judged_posts_game ON judged_posts (game);

CREATE TABLE score_counts (
    game TEXT NOT NULL,
    model_id TEXT NOT NULL,
    posts INTEGER NOT NULL DEFAULT 0,
    right INTEGER NOT NULL DEFAULT 0,
    wrong INTEGER NOT NULL DEFAULT 0,
    abstained INTEGER NOT NULL DEFAULT 0,
    baseline_right INTEGER NOT NULL DEFAULT 0,
    targets INTEGER NOT NULL DEFAULT 0,
    squared_errors INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (game, model_id)
) STRICT;

INSERT INTO judged_posts (post_id, model_id, game, right, baseline_right, target_error)
SELECT post_id, model_id, game, right, baseline_right, target_error FROM judgements;

INSERT INTO score_counts
SELECT
    game,
    model_id,
    count(*),
    coalesce(sum(right), 0),
    coalesce(sum(NOT right), 0),
    sum(right IS NULL),
    coalesce(sum(baseline_right), 0),
    count(target_error),
    coalesce(sum(target_error * target_error), 0)
FROM judged_posts
GROUP BY game, model_id;

-- Not INSERT OR IGNORE: inside an upsert of an answer, that would fail at a row that is there.
CREATE TRIGGER judged_posts_counted AFTER INSERT ON judged_posts BEGIN
    INSERT INTO score_counts (game, model_id)
    SELECT new.game, new.model_id
    WHERE NOT EXISTS (
        SELECT 1 FROM score_counts WHERE game = new.game AND model_id = new.model_id
    );
    UPDATE score_counts SET
        posts = posts + 1,
        right = right + coalesce(new.right, 0),
        wrong = wrong + coalesce(NOT new.right, 0),
        abstained = abstained + (new.right IS NULL),
        baseline_right = baseline_right + coalesce(new.baseline_right, 0),
        targets = targets + (new.target_error IS NOT NULL),
        squared_errors = squared_errors + coalesce(new.target_error * new.target_error, 0)
    WHERE game = new.game AND model_id = new.model_id;
END;

CREATE TRIGGER judged_posts_uncounted AFTER DELETE ON judged_posts BEGIN
    UPDATE score_counts SET
        posts = posts - 1,
        right = right - coalesce(old.right, 0),
        wrong = wrong - coalesce(NOT old.right, 0),
        abstained = abstained - (old.right IS NULL),
        baseline_right = baseline_right - coalesce(old.baseline_right, 0),
        targets = targets - (old.target_error IS NOT NULL),
        squared_errors = squared_errors - coalesce(old.target_error * old.target_error, 0)
    WHERE game = old.game AND model_id = old.model_id;
END;

-- Judged again whenever something that a judgement rests on changes. (Nothing removes a model's
-- labels without the model.)
CREATE TRIGGER answers_judged AFTER INSERT ON answers BEGIN
    DELETE FROM judged_posts WHERE post_id = new.post_id;
    INSERT INTO judged_posts (post_id, model_id, game, right, baseline_right, target_error)
    SELECT post_id, model_id, game, right, baseline_right, target_error FROM judgements
    WHERE post_id = new.post_id;
END;

CREATE TRIGGER answers_judged_again AFTER UPDATE ON answers BEGIN
    DELETE FROM judged_posts WHERE post_id IN (old.post_id, new.post_id);
    INSERT INTO judged_posts (post_id, model_id, game, right, baseline_right, target_error)
    SELECT post_id, model_id, game, right, baseline_right, target_error FROM judgements
    WHERE post_id IN (old.post_id, new.post_id);
END;

CREATE TRIGGER answers_unjudged AFTER DELETE ON answers BEGIN
    DELETE FROM judged_posts WHERE post_id = old.post_id;
END;

CREATE TRIGGER predictions_judged AFTER INSERT ON predictions
WHEN new.source = 'bot' AND new.post_id IS NOT NULL BEGIN
    DELETE FROM judged_posts WHERE post_id = new.post_id;
    INSERT INTO judged_posts (post_id, model_id, game, right, baseline_right, target_error)
    SELECT post_id, model_id, game, right, baseline_right, target_error FROM judgements
    WHERE post_id = new.post_id;
END;

CREATE TRIGGER predictions_judged_again AFTER UPDATE ON predictions
WHEN old.source = 'bot' OR new.source = 'bot' BEGIN
    DELETE FROM judged_posts WHERE post_id IN (old.post_id, new.post_id);
    INSERT INTO judged_posts (post_id, model_id, game, right, baseline_right, target_error)
    SELECT post_id, model_id, game, right, baseline_right, target_error FROM judgements
    WHERE post_id IN (old.post_id, new.post_id);
END;

CREATE TRIGGER predictions_unjudged AFTER DELETE ON predictions
WHEN old.source = 'bot' AND old.post_id IS NOT NULL BEGIN
    DELETE FROM judged_posts WHERE post_id = old.post_id;
    INSERT INTO judged_posts (post_id, model_id, game, right, baseline_right, target_error)
    SELECT post_id, model_id, game, right, baseline_right, target_error FROM judgements
    WHERE post_id = old.post_id;
END;

CREATE TRIGGER labels_judged AFTER INSERT ON model_labels
WHEN EXISTS (SELECT 1 FROM judged_posts WHERE model_id = new.model_id) BEGIN
    DELETE FROM judged_posts WHERE model_id = new.model_id;
    INSERT INTO judged_posts (post_id, model_id, game, right, baseline_right, target_error)
    SELECT post_id, model_id, game, right, baseline_right, target_error FROM judgements
    WHERE model_id = new.model_id;
END;

CREATE TRIGGER labels_judged_again AFTER UPDATE OF photos_train ON model_labels
WHEN old.photos_train <> new.photos_train
    AND EXISTS (SELECT 1 FROM judged_posts WHERE model_id = new.model_id) BEGIN
    DELETE FROM judged_posts WHERE model_id = new.model_id;
    INSERT INTO judged_posts (post_id, model_id, game, right, baseline_right, target_error)
    SELECT post_id, model_id, game, right, baseline_right, target_error FROM judgements
    WHERE model_id = new.model_id;
END;

CREATE TRIGGER games_judged_again AFTER UPDATE OF target_taxon_id ON games
WHEN old.target_taxon_id IS NOT new.target_taxon_id BEGIN
    DELETE FROM judged_posts WHERE game = new.slug;
    INSERT INTO judged_posts (post_id, model_id, game, right, baseline_right, target_error)
    SELECT post_id, model_id, game, right, baseline_right, target_error FROM judgements
    WHERE game = new.slug;
END;

CREATE TRIGGER taxa_judged_again AFTER UPDATE OF ancestor_ids ON taxa
WHEN old.ancestor_ids IS NOT new.ancestor_ids BEGIN
    DELETE FROM judged_posts WHERE post_id IN (
        SELECT post_id FROM answers WHERE taxon_id = new.id
        UNION ALL
        SELECT answers.post_id
        FROM games
        JOIN posts ON posts.game = games.slug
        JOIN answers ON answers.post_id = posts.id
        WHERE games.target_taxon_id = new.id
    );
    INSERT INTO judged_posts (post_id, model_id, game, right, baseline_right, target_error)
    SELECT post_id, model_id, game, right, baseline_right, target_error FROM judgements
    WHERE post_id IN (
        SELECT post_id FROM answers WHERE taxon_id = new.id
        UNION ALL
        SELECT answers.post_id
        FROM games
        JOIN posts ON posts.game = games.slug
        JOIN answers ON answers.post_id = posts.id
        WHERE games.target_taxon_id = new.id
    );
END;

DROP VIEW scoreboard;

CREATE VIEW scoreboard AS
SELECT
    game,
    model_id,
    posts,
    right,
    wrong,
    abstained,
    round(1e-8 * squared_errors / nullif(targets, 0), 4) AS brier,
    baseline_right
FROM score_counts
WHERE posts > 0;

-- As before, but each column finds what it needs by itself: posts are then counted, and faceted by
-- their status, without a look at pictures, predictions and taxa.
DROP VIEW bot_history;

DROP VIEW stories;

CREATE VIEW stories AS
SELECT
    replies.post_id,
    (SELECT author FROM shown_posts WHERE shown_posts.post_id = posts.id) AS author,
    (
        SELECT post_images.url
        FROM post_images
        JOIN shown_posts ON shown_posts.post_id = post_images.post_id
        WHERE post_images.post_id = posts.id AND shown_posts.shows_photos
        ORDER BY post_images.position
        LIMIT 1
    ) AS image,
    (
        SELECT coalesce(nullif(taxa.common_name, ''), taxa.name)
        FROM predictions
        JOIN taxa ON taxa.id = predictions.taxon_id
        WHERE predictions.id = replies.prediction_id
    ) AS answer,
    (SELECT round(score, 3) FROM predictions WHERE predictions.id = replies.prediction_id) AS score,
    replies.text AS reply,
    (
        SELECT coalesce(nullif(truth.common_name, ''), truth.name, answers.verdict)
        FROM answers
        LEFT JOIN games ON games.slug = posts.game
        LEFT JOIN taxa AS truth ON truth.id = CASE
            WHEN answers.verdict = 'inconclusive' THEN NULL
            WHEN answers.taxon_id IS NOT NULL THEN answers.taxon_id
            WHEN answers.verdict = 'target' THEN games.target_taxon_id
        END
        WHERE answers.post_id = posts.id
    ) AS truth,
    (
        SELECT
            CASE
                WHEN answers.verdict = 'inconclusive' THEN NULL
                WHEN predictions.taxon_id IS NULL THEN NULL
                WHEN truth.id IS NULL THEN
                    predictions.taxon_id NOT IN (
                        SELECT value FROM json_each(
                            iif(json_valid(target.ancestor_ids), target.ancestor_ids, '[]')
                        )
                    )
                    AND predictions.taxon_id <> target.id
                ELSE
                    predictions.taxon_id = truth.id
                    OR predictions.taxon_id IN (
                        SELECT value FROM json_each(
                            iif(json_valid(truth.ancestor_ids), truth.ancestor_ids, '[]')
                        )
                    )
            END
        FROM answers
        LEFT JOIN games ON games.slug = posts.game
        LEFT JOIN predictions ON predictions.id = replies.prediction_id
        LEFT JOIN taxa AS target ON target.id = games.target_taxon_id
        LEFT JOIN taxa AS truth ON truth.id = CASE
            WHEN answers.verdict = 'inconclusive' THEN NULL
            WHEN answers.taxon_id IS NOT NULL THEN answers.taxon_id
            WHEN answers.verdict = 'target' THEN games.target_taxon_id
        END
        WHERE answers.post_id = posts.id
    ) AS right,
    replies.status,
    CASE
        WHEN replies.reason IN ('opted_out', 'deleted') THEN 'gone'
        ELSE coalesce(
            replies.reason,
            (SELECT reason FROM predictions WHERE predictions.id = replies.prediction_id)
        )
    END AS reason,
    (SELECT abstained FROM predictions WHERE predictions.id = replies.prediction_id) AS abstained,
    posts.posted_at,
    (SELECT post_url FROM shown_posts WHERE shown_posts.post_id = posts.id) AS post_url,
    CASE
        WHEN EXISTS (SELECT 1 FROM shown_posts WHERE shown_posts.post_id = posts.id)
            THEN replies.reply_url
    END AS reply_url,
    posts.platform,
    replies.game,
    replies.planned_at,
    replies.sent_at,
    replies.prediction_id,
    (SELECT model_id FROM predictions WHERE predictions.id = replies.prediction_id) AS model_id,
    (
        SELECT post_images.image_sha256
        FROM post_images
        JOIN shown_posts ON shown_posts.post_id = post_images.post_id
        WHERE post_images.post_id = posts.id AND shown_posts.shows_photos
        ORDER BY post_images.position
        LIMIT 1
    ) AS image_sha256,
    NOT EXISTS (SELECT 1 FROM shown_posts WHERE shown_posts.post_id = posts.id) AS is_gone
FROM posts
JOIN replies ON replies.post_id = posts.id;

CREATE VIEW bot_history AS
SELECT
    CASE WHEN NOT is_gone THEN post_id END AS post_id,
    author,
    image,
    answer,
    score,
    reply,
    truth,
    right,
    status,
    reason,
    abstained,
    posted_at,
    post_url,
    reply_url,
    platform,
    game,
    planned_at,
    sent_at,
    prediction_id,
    model_id,
    image_sha256
FROM stories;

-- As before, but photos are counted by an index alone: of observations, only the few that were
-- withdrawn are looked up.
CREATE INDEX photos_credited ON photos (
    (path <> '' AND withdrawn_at IS NULL AND license_code <> '' AND attribution <> ''),
    id,
    observation_id,
    license_code
);

CREATE INDEX observations_withdrawn ON observations (withdrawn_at) WHERE withdrawn_at IS NOT NULL;

DROP VIEW photo_credits;

CREATE VIEW photo_credits AS
SELECT
    photos.id AS photo_id,
    photos.path AS photo,
    (
        SELECT coalesce(nullif(taxa.common_name, ''), taxa.name)
        FROM observations
        JOIN taxa ON taxa.id = observations.taxon_id
        WHERE observations.id = photos.observation_id
    ) AS taxon,
    photos.license_code,
    photos.attribution,
    (
        SELECT observers.login
        FROM observations
        JOIN observers ON observers.id = observations.observer_id
        WHERE observations.id = photos.observation_id
    ) AS observer,
    (SELECT url FROM observations WHERE observations.id = photos.observation_id)
        AS observation_url,
    photos.url AS photo_url,
    photos.observation_id
FROM photos
WHERE (
    photos.path <> '' AND photos.withdrawn_at IS NULL
    AND photos.license_code <> '' AND photos.attribution <> ''
) = 1
    AND photos.observation_id NOT IN (
        SELECT id FROM observations WHERE withdrawn_at IS NOT NULL
    );

-- As before, in half the time: a lineage is searched as text, and the predicted taxon is looked up
-- for the rows that are shown.
DROP VIEW mistakes;

CREATE VIEW mistakes AS
SELECT
    predictions.id AS prediction_id,
    predictions.model_id,
    photos.path AS photo,
    (
        SELECT coalesce(taxa.common_name, taxa.name)
        FROM taxa WHERE taxa.id = predictions.top_taxon_id
    ) AS predicted,
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
WHERE predictions.label_taxon_id <> predictions.top_taxon_id
    AND photos.withdrawn_at IS NULL
    AND predictions.top_taxon_id <> observations.taxon_id
    AND NOT (
        json_valid(actual.ancestor_ids)
        AND instr(
            replace(replace(replace(actual.ancestor_ids, ' ', ''), '[', ','), ']', ','),
            ',' || predictions.top_taxon_id || ','
        )
    )
ORDER BY score DESC;
