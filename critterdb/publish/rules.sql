-- What goes into a published copy, a statement a table. `main` is the copy, `site` the database that
-- it is made from; what is not named here stays at home. Statements are separated by blank lines,
-- and the comment above each one says what it leaves out: docs/deployment.md shows these comments.
-- `wanted_licenses` holds the licences that count as open; the temporary tables are what the other
-- statements go by. Triggers of the copy make its search index and its counts, so the order matters.

CREATE TEMP TABLE published_photos AS
SELECT photos.id, photos.observation_id
FROM site.photos
JOIN site.observations ON observations.id = photos.observation_id
WHERE photos.license_code IN (SELECT code FROM wanted_licenses)
    AND photos.attribution IS NOT NULL
    AND photos.withdrawn_at IS NULL
    AND observations.withdrawn_at IS NULL

CREATE TEMP TABLE published_observations AS
SELECT id, observer_id, taxon_id, is_open
FROM (
    SELECT
        id, observer_id, taxon_id, withdrawn_at,
        coalesce(license_code, '') IN (SELECT code FROM wanted_licenses) AS is_open
    FROM site.observations
)
WHERE (is_open AND withdrawn_at IS NULL)
    OR id IN (SELECT observation_id FROM published_photos)

CREATE TEMP TABLE left_alone AS
SELECT
    platform, author_id, handle,
    substr(handle, 1, instr(handle || '@', '@') - 1) AS name
FROM (SELECT platform, author_id, lower(ltrim(author, '@')) AS handle FROM site.opt_outs)

CREATE TEMP TABLE published_posts AS
SELECT posts.id
FROM site.posts
JOIN site.replies ON replies.post_id = posts.id
WHERE posts.deleted_at IS NULL
    AND posts.platform <> 'jsonl'
    AND (
        replies.status IN ('sent', 'refused')
        OR replies.status = 'skipped'
        AND coalesce(replies.reason, '') NOT IN ('opted_out', 'deleted')
    )
    AND NOT EXISTS (
        SELECT 1 FROM site.opt_outs
        WHERE opt_outs.platform = posts.platform AND (
            lower(opt_outs.author) = lower(posts.author) OR opt_outs.author_id = posts.author_id
        )
    )

CREATE TEMP TABLE published_pictures AS
SELECT post_images.post_id, post_images.position, post_images.image_sha256
FROM site.post_images
JOIN site.posts ON posts.id = post_images.post_id
WHERE posts.id IN (SELECT id FROM published_posts)
    AND posts.photos_deleted_at IS NULL
    AND NOT EXISTS (
        SELECT 1 FROM site.opt_outs
        WHERE opt_outs.platform = posts.platform AND (
            lower(opt_outs.author) = lower(posts.photos_author)
            OR opt_outs.author_id = posts.photos_author_id
        )
    )

-- Those of a published observation.
INSERT INTO main.observers (id, login, name)
SELECT id, login, name FROM site.observers
WHERE id IN (SELECT observer_id FROM published_observations)

-- iNaturalist's own, all; labels of local photos where a model or a published row names them.
INSERT INTO main.taxa (
    id, name, common_name, rank, rank_level, parent_id, ancestor_ids, is_active, synonym_id
)
WITH RECURSIVE wanted (id) AS (
    SELECT id FROM site.taxa WHERE id > 0
    UNION SELECT taxon_id FROM published_observations
    UNION SELECT taxon_id FROM site.model_labels
    UNION SELECT actual_taxon_id FROM site.confusions
    UNION SELECT predicted_taxon_id FROM site.confusions
    UNION SELECT taxon_id FROM site.games
    UNION SELECT target_taxon_id FROM site.games
    UNION SELECT taxon_id FROM site.answers
    UNION SELECT taxon_id FROM site.reviews
    UNION SELECT taxa.parent_id FROM site.taxa JOIN wanted USING (id)
    UNION SELECT taxa.synonym_id FROM site.taxa JOIN wanted USING (id)
)
SELECT id, name, common_name, rank, rank_level, parent_id, ancestor_ids, is_active, synonym_id
FROM site.taxa
WHERE id IN (SELECT id FROM wanted WHERE id IS NOT NULL)

-- Those under an open licence, whole. One without, but with an openly licensed photo, is reduced to
-- its number, address, taxon and observer, which the photo's credit needs: no time, no place.
INSERT INTO main.observations (
    id, uuid, taxon_id, observer_id, observed_on, updated_at, quality_grade, captive,
    place_guess, latitude, longitude, positional_accuracy, obscured, license_code, url
)
SELECT
    id, uuid, taxon_id, observer_id, observed_on, updated_at, quality_grade, captive,
    place_guess, latitude, longitude, positional_accuracy, obscured, license_code, url
FROM site.observations
WHERE id IN (SELECT id FROM published_observations WHERE is_open)
UNION ALL
SELECT
    id, NULL, taxon_id, observer_id, NULL, NULL, NULL, NULL,
    NULL, NULL, NULL, NULL, NULL, license_code, url
FROM site.observations
WHERE id IN (SELECT id FROM published_observations WHERE NOT is_open)

-- Those with an open licence and a credit line, by their own licence; nothing withdrawn, nothing
-- local.
INSERT INTO main.photos (
    id, observation_id, position, url, license_code, attribution, width, height, bytes, sha256,
    path, fetched_at
)
SELECT
    id, observation_id, position, url, license_code, attribution, width, height, bytes, sha256,
    path, fetched_at
FROM site.photos
WHERE id IN (SELECT id FROM published_photos)

-- Where both photo and observation are published.
INSERT INTO main.shared_photos (photo_id, observation_id)
SELECT photo_id, observation_id FROM site.shared_photos
WHERE photo_id IN (SELECT id FROM main.photos)
    AND observation_id IN (SELECT id FROM main.observations)

-- Of published photos, so that similar ones can be found.
INSERT INTO main.embeddings (sha256, backbone, vector, dimensions)
SELECT sha256, backbone, vector, dimensions FROM site.embeddings
WHERE sha256 IN (SELECT sha256 FROM main.photos)

-- All, but for hosts who opted out, and without the ids of hosts' accounts.
INSERT INTO main.games (
    slug, hashtag, question, taxon_id, place_id, target_taxon_id, rank, hosts, model_id
)
SELECT
    slug, hashtag, question, taxon_id, place_id, target_taxon_id, rank,
    (
        SELECT coalesce(json_group_array(json_object(
            'platform', json_extract(host.value, '$.platform'),
            'handle', json_extract(host.value, '$.handle'),
            'consents', json(iif(json_extract(host.value, '$.consents'), 'true', 'false'))
        )), '[]')
        FROM json_each(iif(json_valid(hosts), hosts, '[]')) AS host
        WHERE host.type = 'object' AND NOT EXISTS (
            SELECT 1 FROM left_alone
            WHERE left_alone.platform = json_extract(host.value, '$.platform')
                AND (
                    left_alone.handle = lower(ltrim(json_extract(host.value, '$.handle'), '@'))
                    OR left_alone.author_id = json_extract(host.value, '$.account_id')
                )
        )
    ),
    model_id
FROM site.games

-- Of published observations.
INSERT INTO main.game_observations (game, observation_id, seen_at, left_at)
SELECT game, observation_id, seen_at, left_at FROM site.game_observations
WHERE observation_id IN (SELECT id FROM main.observations)

-- Of published observations.
INSERT INTO main.splits (game, observation_id, part)
SELECT game, observation_id, part FROM site.splits
WHERE observation_id IN (SELECT id FROM main.observations)

-- All, with their files: a model holds none of its photos, and its card says by licence what it
-- learnt from. Of a file with weights only that there was one.
INSERT INTO main.models (
    id, game, backbone, created_at, path, sha256, bytes, photos, error_rate, balanced_error_rate,
    ece, temperature, threshold, novelty_threshold, seconds, recipe, card
)
SELECT
    id, game, backbone, created_at, path, sha256, bytes, photos, error_rate, balanced_error_rate,
    ece, temperature, threshold, novelty_threshold, seconds,
    CASE
        WHEN NOT json_valid(recipe) THEN '{}'
        WHEN json_extract(recipe, '$.weights') IS NULL THEN recipe
        ELSE json_set(recipe, '$.weights', 'a file')
    END,
    iif(json_valid(card), card, '{}')
FROM site.models

-- All.
INSERT INTO main.model_labels (
    model_id, taxon_id, photos_train, photos_test, precision, recall, f1
)
SELECT model_id, taxon_id, photos_train, photos_test, precision, recall, f1
FROM site.model_labels

-- All: counts and curves name no photo.
INSERT INTO main.model_metrics (model_id, name, x, value, photos)
SELECT model_id, name, x, value, photos FROM site.model_metrics

-- All: counts of every test photo, published or not.
INSERT INTO main.confusions (model_id, actual_taxon_id, predicted_taxon_id, photos)
SELECT model_id, actual_taxon_id, predicted_taxon_id, photos FROM site.confusions

-- What the bot has made public: posts that it answered, or passed over for a reason other than an
-- opt-out or a deletion. No post of an author who opted out, none with a draft or a reply under
-- way, no replays of a JSONL file.
INSERT INTO main.posts (id, platform, game, url, author, posted_at, seen_at, summoned)
SELECT id, platform, game, url, author, posted_at, seen_at, summoned
FROM site.posts
WHERE id IN (SELECT id FROM published_posts)

-- Pictures of published posts, without an address: somebody else may have named it first.
INSERT INTO main.images (sha256, width, height, bytes, first_seen_at)
SELECT sha256, width, height, bytes, first_seen_at FROM site.images
WHERE sha256 IN (
    SELECT image_sha256 FROM published_pictures
    UNION
    SELECT image_sha256 FROM site.predictions
    WHERE source = 'bot' AND post_id IN (SELECT id FROM main.posts)
)

-- Of published posts; none of another person's post that is deleted or whose author opted out.
INSERT INTO main.post_images (post_id, position, url, image_sha256, error)
SELECT post_id, position, url, image_sha256, error FROM site.post_images
WHERE (post_id, position) IN (SELECT post_id, position FROM published_pictures)

-- The evaluation of published photos, and the bot's of published posts; nothing that was asked on
-- the command line or at the endpoint.
INSERT INTO main.predictions (
    id, model_id, source, photo_id, image_sha256, post_id, taxon_id, score, top_taxon_id,
    label_taxon_id, abstained, reason, novelty, scores, thresholds, created_at
)
SELECT
    id, model_id, source, photo_id, image_sha256, post_id, taxon_id, score, top_taxon_id,
    label_taxon_id, abstained, reason, novelty, scores, thresholds, created_at
FROM site.predictions
WHERE (source = 'evaluation' AND photo_id IN (SELECT id FROM main.photos))
    OR (source = 'bot' AND post_id IN (SELECT id FROM main.posts))

-- Of published posts; words only of those that were sent.
INSERT INTO main.replies (
    post_id, game, status, reason, text, reply_id, reply_url, prediction_id, planned_at, sent_at,
    attempts
)
SELECT
    post_id, game, status, reason, CASE status WHEN 'sent' THEN text END, reply_id, reply_url,
    CASE WHEN prediction_id IN (SELECT id FROM main.predictions) THEN prediction_id END,
    planned_at, sent_at, attempts
FROM site.replies
WHERE post_id IN (SELECT id FROM main.posts)

-- To published posts, without the address where somebody said it who opted out.
INSERT INTO main.answers (post_id, taxon_id, verdict, source_url, found_at, method)
SELECT
    post_id, taxon_id, verdict,
    CASE
        WHEN NOT EXISTS (
            SELECT 1 FROM left_alone
            JOIN site.posts ON posts.id = answers.post_id AND posts.platform = left_alone.platform
            WHERE instr(lower(source_url) || '/', '/' || left_alone.name || '/')
                OR instr(lower(source_url) || '/', '/@' || left_alone.name || '/')
                OR instr(lower(source_url) || '/', '/' || left_alone.handle || '/')
                OR instr(lower(source_url) || '/', '/@' || left_alone.handle || '/')
                OR instr(source_url || '/', '/' || left_alone.author_id || '/')
        ) THEN source_url
    END,
    found_at, method
FROM site.answers
WHERE post_id IN (SELECT id FROM main.posts)

-- Of published predictions, without who reviewed.
INSERT INTO main.reviews (id, prediction_id, verdict, taxon_id, created_at)
SELECT id, prediction_id, verdict, taxon_id, created_at FROM site.reviews
WHERE prediction_id IN (SELECT id FROM main.predictions)

-- When the data came; files and servers of one's own are called "local".
INSERT INTO main.syncs (
    id, game, source, started_at, finished_at, requests, observations, photos, bytes
)
SELECT
    id, game,
    CASE
        WHEN source NOT LIKE 'https://api.inaturalist.org/%' THEN 'local'
        ELSE substr(source, 1, instr(replace(source, '#', '?') || '?', '?') - 1)
    END,
    started_at, finished_at, requests, observations, photos, bytes
FROM site.syncs
