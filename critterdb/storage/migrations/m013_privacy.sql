-- Handles differ in case only: the same account. Without this index each post that is shown would
-- be compared with every opt-out of its platform.
CREATE INDEX opt_outs_platform_handle ON opt_outs (platform, lower(author));

-- Posts whose author may be named: neither deleted nor by somebody who opted out. `shows_photos` is 0
-- where the photos are another person's, who opted out or deleted them.
-- Everything that names an author or shows a picture joins this view, so that the rule is here only.
CREATE VIEW shown_posts AS
SELECT
    posts.id AS post_id,
    posts.author,
    posts.url AS post_url,
    posts.photos_deleted_at IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM opt_outs
        WHERE opt_outs.platform = posts.platform
            AND lower(opt_outs.author) = lower(posts.photos_author)
    )
    AND NOT EXISTS (
        SELECT 1 FROM opt_outs
        WHERE opt_outs.platform = posts.platform AND opt_outs.author_id = posts.photos_author_id
    ) AS shows_photos
FROM posts
WHERE posts.deleted_at IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM opt_outs
        WHERE opt_outs.platform = posts.platform AND lower(opt_outs.author) = lower(posts.author)
    )
    AND NOT EXISTS (
        SELECT 1 FROM opt_outs
        WHERE opt_outs.platform = posts.platform AND opt_outs.author_id = posts.author_id
    );

-- As before, but nobody who deleted a post or opted out is named or shown in it; whether it was the
-- one or the other cannot be told.
DROP VIEW bot_history;

CREATE VIEW bot_history AS
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
            predictions.taxon_id NOT IN (SELECT value FROM json_each(target.ancestor_ids))
            AND predictions.taxon_id <> target.id
        ELSE
            predictions.taxon_id = truth.id
            OR predictions.taxon_id IN (SELECT value FROM json_each(truth.ancestor_ids))
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
    first_image.image_sha256
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

-- As before; an empty licence or credit line is none.
DROP VIEW photo_credits;

CREATE VIEW photo_credits AS
SELECT
    photos.id AS photo_id,
    photos.path AS photo,
    coalesce(nullif(taxa.common_name, ''), taxa.name) AS taxon,
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
WHERE photos.path <> ''
    AND photos.withdrawn_at IS NULL
    AND observations.withdrawn_at IS NULL
    AND photos.license_code <> ''
    AND photos.attribution <> ''
