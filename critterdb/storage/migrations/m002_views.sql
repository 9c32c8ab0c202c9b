-- The views that people read: what the bot said, what the model got wrong, the score, the credits.

-- The one prediction that speaks for a post: the answer over all its photos, or that of its only photo.
CREATE VIEW post_predictions AS
SELECT * FROM (
    SELECT
        predictions.*,
        row_number() OVER (
            PARTITION BY post_id, model_id
            ORDER BY (photo_id IS NULL AND image_sha256 IS NULL) DESC, id DESC
        ) AS place
    FROM predictions
    WHERE source = 'bot' AND post_id IS NOT NULL
)
WHERE place = 1;

-- Each post that has an answer, with the taxa that count as right for it.
-- A taxon is right when it is the true one or an ancestor of it; where the answer is only
-- "not the target", anything but the target and its ancestors is right.
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
        truth.ancestor_ids,
        CASE answers.verdict WHEN 'target' THEN target.ancestor_ids END
    ) AS ancestor_ids,
    games.target_taxon_id,
    target.ancestor_ids AS target_ancestor_ids,
    CASE
        WHEN games.target_taxon_id IS NULL THEN NULL
        WHEN answers.verdict = 'target' THEN 1
        WHEN games.target_taxon_id IN (SELECT value FROM json_each(truth.ancestor_ids)) THEN 1
        ELSE 0
    END AS is_target
FROM answers
JOIN posts ON posts.id = answers.post_id
JOIN games ON games.slug = posts.game
LEFT JOIN taxa AS truth ON truth.id = answers.taxon_id
LEFT JOIN taxa AS target ON target.id = games.target_taxon_id
WHERE answers.verdict <> 'inconclusive';

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
        WHEN truths.taxon_id IS NULL THEN
            predictions.taxon_id NOT IN (SELECT value FROM json_each(truths.target_ancestor_ids))
            AND predictions.taxon_id <> truths.target_taxon_id
        ELSE
            predictions.taxon_id = truths.taxon_id
            OR predictions.taxon_id IN (SELECT value FROM json_each(truths.ancestor_ids))
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
FROM replies
JOIN posts ON posts.id = replies.post_id
LEFT JOIN post_images AS first_image
    ON first_image.post_id = replies.post_id
    AND first_image.position = (
        SELECT min(position) FROM post_images WHERE post_images.post_id = replies.post_id
    )
LEFT JOIN predictions ON predictions.id = replies.prediction_id
LEFT JOIN taxa AS answer ON answer.id = predictions.taxon_id
LEFT JOIN answers ON answers.post_id = replies.post_id
LEFT JOIN truths ON truths.post_id = replies.post_id
LEFT JOIN taxa AS truth ON truth.id = truths.taxon_id;

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
WHERE predictions.source = 'evaluation'
    AND photos.withdrawn_at IS NULL
    AND predictions.top_taxon_id <> observations.taxon_id
    AND predictions.top_taxon_id NOT IN (SELECT value FROM json_each(actual.ancestor_ids))
ORDER BY score DESC;

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
                post_predictions.scores, '$."' || truths.target_taxon_id || '"'
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

CREATE VIEW photo_credits AS
SELECT
    photos.id AS photo_id,
    photos.path AS photo,
    coalesce(taxa.common_name, taxa.name) AS taxon,
    photos.license_code,
    photos.attribution,
    observers.login AS observer,
    observations.url AS observation_url,
    photos.url AS photo_url,
    photos.observation_id
FROM photos
JOIN observations ON observations.id = photos.observation_id
LEFT JOIN taxa ON taxa.id = observations.taxon_id
LEFT JOIN observers ON observers.id = observations.observer_id
WHERE photos.path IS NOT NULL
    AND photos.withdrawn_at IS NULL
    AND observations.withdrawn_at IS NULL
    AND photos.license_code IS NOT NULL
    AND photos.attribution IS NOT NULL;
