-- As before, but a row whose JSON somebody else broke costs its own words only: json_each fails for
-- the whole statement if it meets what is not JSON.
DROP VIEW truths;

CREATE VIEW truths AS
SELECT
    answers.post_id,
    posts.game,
    answers.verdict,
    coalesce(
        answers.taxon_id,
        CASE answers.verdict WHEN 'target' THEN games.target_taxon_id END
    ) AS taxon_id,
    coalesce(
        iif(json_valid(truth.ancestor_ids), truth.ancestor_ids, NULL),
        CASE
            WHEN answers.verdict = 'target' AND json_valid(target.ancestor_ids)
                THEN target.ancestor_ids
        END
    ) AS ancestor_ids,
    games.target_taxon_id,
    iif(json_valid(target.ancestor_ids), target.ancestor_ids, NULL) AS target_ancestor_ids,
    CASE
        WHEN games.target_taxon_id IS NULL THEN NULL
        WHEN answers.verdict = 'target' THEN 1
        WHEN games.target_taxon_id IN (
            SELECT value FROM json_each(iif(json_valid(truth.ancestor_ids), truth.ancestor_ids, '[]'))
        ) THEN 1
        ELSE 0
    END AS is_target
FROM answers
JOIN posts ON posts.id = answers.post_id
JOIN games ON games.slug = posts.game
LEFT JOIN taxa AS truth ON truth.id = answers.taxon_id
LEFT JOIN taxa AS target ON target.id = games.target_taxon_id
WHERE answers.verdict <> 'inconclusive';

DROP VIEW scoreboard;

CREATE VIEW scoreboard AS
WITH commonest AS (
    SELECT model_id, taxon_id FROM (
        SELECT
            model_id,
            taxon_id,
            row_number() OVER (
                PARTITION BY model_id ORDER BY photos_train DESC, taxon_id
            ) AS place
        FROM model_labels
    )
    WHERE place = 1
),
judged AS (
    SELECT
        truths.game,
        post_predictions.model_id,
        CASE
            WHEN post_predictions.taxon_id IS NULL THEN NULL
            WHEN truths.taxon_id IS NULL THEN
                post_predictions.taxon_id
                    NOT IN (SELECT value FROM json_each(truths.target_ancestor_ids))
                AND post_predictions.taxon_id <> truths.target_taxon_id
            ELSE
                post_predictions.taxon_id = truths.taxon_id
                OR post_predictions.taxon_id
                    IN (SELECT value FROM json_each(truths.ancestor_ids))
        END AS right,
        CASE
            WHEN truths.taxon_id IS NULL THEN
                commonest.taxon_id
                    NOT IN (SELECT value FROM json_each(truths.target_ancestor_ids))
                AND commonest.taxon_id <> truths.target_taxon_id
            ELSE
                commonest.taxon_id = truths.taxon_id
                OR commonest.taxon_id IN (SELECT value FROM json_each(truths.ancestor_ids))
        END AS baseline_right,
        coalesce(
            json_extract(
                iif(json_valid(post_predictions.scores), post_predictions.scores, '{}'),
                '$."' || truths.target_taxon_id || '"'
            ),
            0
        ) - truths.is_target AS target_error
    FROM truths
    JOIN post_predictions ON post_predictions.post_id = truths.post_id
    LEFT JOIN commonest ON commonest.model_id = post_predictions.model_id
)
SELECT
    game,
    model_id,
    count(*) AS posts,
    coalesce(sum(right), 0) AS right,
    coalesce(sum(NOT right), 0) AS wrong,
    sum(right IS NULL) AS abstained,
    round(avg(target_error * target_error), 4) AS brier,
    coalesce(sum(baseline_right), 0) AS baseline_right
FROM judged
GROUP BY game, model_id;

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
    AND predictions.top_taxon_id NOT IN (
        SELECT value FROM json_each(iif(json_valid(actual.ancestor_ids), actual.ancestor_ids, '[]'))
    )
ORDER BY score DESC;

-- What was bot_history: one row per post, for critterdb's own pages, which find posts by their ids.
CREATE VIEW stories AS
SELECT
    replies.post_id,
    shown.author,
    first_image.url AS image,
    coalesce(nullif(answer.common_name, ''), answer.name) AS answer,
    round(predictions.score, 3) AS score,
    replies.text AS reply,
    coalesce(nullif(truth.common_name, ''), truth.name, answers.verdict) AS truth,
    CASE
        WHEN answers.verdict IS NULL OR answers.verdict = 'inconclusive' THEN NULL
        WHEN predictions.taxon_id IS NULL THEN NULL
        WHEN truth.id IS NULL THEN
            predictions.taxon_id NOT IN (
                SELECT value
                FROM json_each(iif(json_valid(target.ancestor_ids), target.ancestor_ids, '[]'))
            )
            AND predictions.taxon_id <> target.id
        ELSE
            predictions.taxon_id = truth.id
            OR predictions.taxon_id IN (
                SELECT value
                FROM json_each(iif(json_valid(truth.ancestor_ids), truth.ancestor_ids, '[]'))
            )
    END AS right,
    replies.status,
    CASE
        WHEN replies.reason IN ('opted_out', 'deleted') THEN 'gone'
        ELSE coalesce(replies.reason, predictions.reason)
    END AS reason,
    predictions.abstained,
    posts.posted_at,
    shown.post_url,
    CASE WHEN shown.post_id IS NOT NULL THEN replies.reply_url END AS reply_url,
    posts.platform,
    replies.game,
    replies.planned_at,
    replies.sent_at,
    replies.prediction_id,
    predictions.model_id,
    first_image.image_sha256,
    shown.post_id IS NULL AS is_gone
FROM posts
JOIN replies ON replies.post_id = posts.id
JOIN games ON games.slug = posts.game
LEFT JOIN shown_posts AS shown ON shown.post_id = posts.id
LEFT JOIN post_images AS first_image
    ON first_image.post_id = shown.post_id
    AND shown.shows_photos
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

-- As before, without the id of a post that is gone: on Bluesky it names the account, and elsewhere
-- it leads there.
DROP VIEW bot_history;

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
