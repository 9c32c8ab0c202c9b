-- What is published, one statement per table. `main` is the copy, `site` the database that it is
-- made from. Anything not named here is not published. Statements are separated by blank lines, and
-- the comment above each one says what it leaves out: docs/deployment.md shows these comments.
-- `wanted_licenses` holds the licences that count as open; the other statements use the temporary
-- tables. Triggers of the copy fill its search index and its counts, so the order matters.

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
WHERE posts.id IN (SELECT post_id FROM site.shown_posts)
    AND posts.platform <> 'jsonl'
    AND (
        replies.status IN ('sent', 'refused')
        OR replies.status = 'skipped'
        AND coalesce(replies.reason, '') NOT IN ('opted_out', 'deleted')
    )

CREATE TEMP TABLE published_pictures AS
SELECT post_images.post_id, post_images.position, post_images.image_sha256
FROM site.post_images
JOIN site.shown_posts ON shown_posts.post_id = post_images.post_id
WHERE post_images.post_id IN (SELECT id FROM published_posts)
    AND shown_posts.shows_photos

-- The observers of published observations.
INSERT INTO main.observers (id, login, name)
SELECT id, login, name FROM site.observers
WHERE id IN (SELECT observer_id FROM published_observations)

-- All of iNaturalist's. Labels of local photos, if a model or a published row names them.
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
    UNION SELECT answer_taxon_id FROM site.rounds WHERE state = 'revealed'
    UNION SELECT said_taxon_id FROM site.rounds WHERE state = 'revealed'
    UNION SELECT commonest_taxon_id FROM site.rounds WHERE state = 'revealed'
    UNION SELECT taxon_id FROM site.guesses
    UNION SELECT taxon_id FROM site.answers
    UNION SELECT taxon_id FROM site.reviews
    UNION SELECT taxa.parent_id FROM site.taxa JOIN wanted USING (id)
    UNION SELECT taxa.synonym_id FROM site.taxa JOIN wanted USING (id)
)
SELECT
    id, name, common_name, rank, rank_level, parent_id,
    iif(json_valid(ancestor_ids), ancestor_ids, '[]'), is_active, synonym_id
FROM site.taxa
WHERE id IN (SELECT id FROM wanted WHERE id IS NOT NULL)

-- Openly licensed ones, in full. One without an open licence but with an openly licensed photo is
-- reduced to what the photo's credit needs: its id, URL, taxon and observer, without time and place.
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

-- Those with an open licence of their own and a credit line. Withdrawn and local photos are left
-- out.
INSERT INTO main.photos (
    id, observation_id, position, url, license_code, attribution, width, height, bytes, sha256,
    path, fetched_at
)
SELECT
    id, observation_id, position, url, license_code, attribution, width, height, bytes, sha256,
    path, fetched_at
FROM site.photos
WHERE id IN (SELECT id FROM published_photos)

-- If both photo and observation are published.
INSERT INTO main.shared_photos (photo_id, observation_id)
SELECT photo_id, observation_id FROM site.shared_photos
WHERE photo_id IN (SELECT id FROM main.photos)
    AND observation_id IN (SELECT id FROM main.observations)

-- Those of published photos, so that similar ones can be found.
INSERT INTO main.embeddings (sha256, backbone, vector, dimensions)
SELECT sha256, backbone, vector, dimensions FROM site.embeddings
WHERE sha256 IN (SELECT sha256 FROM main.photos)

-- All, without hosts who opted out and without the ids of hosts' accounts.
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

-- Those of published observations.
INSERT INTO main.game_observations (game, observation_id, seen_at, left_at)
SELECT game, observation_id, seen_at, left_at FROM site.game_observations
WHERE observation_id IN (SELECT id FROM main.observations)

-- Those of published observations.
INSERT INTO main.splits (game, observation_id, part)
SELECT game, observation_id, part FROM site.splits
WHERE observation_id IN (SELECT id FROM main.observations)

-- All, with their files: a model does not contain its photos, and its card counts its training
-- photos by licence. If it was trained from a local weights file, that file's name is left out.
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

-- All: counts and curves do not name photos.
INSERT INTO main.model_metrics (model_id, name, x, value, photos)
SELECT model_id, name, x, value, photos FROM site.model_metrics

-- All: they count every test photo, published or not.
INSERT INTO main.confusions (model_id, actual_taxon_id, predicted_taxon_id, photos)
SELECT model_id, actual_taxon_id, predicted_taxon_id, photos FROM site.confusions

-- Posts that the bot answered, or skipped for a reason other than an opt-out or a deletion. Posts
-- by authors who opted out, posts with a draft or a reply in progress, and replays of a JSONL file
-- are left out.
INSERT INTO main.posts (id, platform, game, url, author, posted_at, seen_at, summoned)
SELECT id, platform, game, url, author, posted_at, seen_at, summoned
FROM site.posts
WHERE id IN (SELECT id FROM published_posts)

-- Pictures of published posts, without the URL, because somebody else may have submitted it first.
INSERT INTO main.images (sha256, width, height, bytes, first_seen_at)
SELECT sha256, width, height, bytes, first_seen_at FROM site.images
WHERE sha256 IN (
    SELECT image_sha256 FROM published_pictures
    UNION
    SELECT image_sha256 FROM site.predictions
    WHERE source = 'bot' AND post_id IN (SELECT id FROM main.posts)
)

-- Those of published posts, except pictures of another person who deleted the post or opted out.
INSERT INTO main.post_images (post_id, position, url, image_sha256, error)
SELECT post_id, position, url, image_sha256, error FROM site.post_images
WHERE (post_id, position) IN (SELECT post_id, position FROM published_pictures)

-- Evaluations of published photos, and the bot's predictions for published posts. Requests on the
-- command line and at the endpoint are left out.
INSERT INTO main.predictions (
    id, model_id, source, photo_id, image_sha256, post_id, taxon_id, score, top_taxon_id,
    label_taxon_id, abstained, reason, novelty, scores, thresholds, looks, crop, created_at,
    evidence
)
SELECT
    id, model_id, source, photo_id, image_sha256, post_id, taxon_id, score, top_taxon_id,
    label_taxon_id, abstained, reason, novelty, scores, thresholds, looks, crop, created_at,
    evidence
FROM site.predictions
WHERE (source = 'evaluation' AND photo_id IN (SELECT id FROM main.photos))
    OR (source = 'bot' AND post_id IN (SELECT id FROM main.posts))

-- Replies to published posts; the text only if the reply was sent.
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

-- Answers to published posts, without the URL if the person who gave the answer opted out.
INSERT INTO main.answers (post_id, taxon_id, verdict, source_url, found_at, method, confidence)
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
    found_at, method, confidence
FROM site.answers
WHERE post_id IN (SELECT id FROM main.posts)

-- Reviews of published predictions, without the reviewer.
INSERT INTO main.reviews (id, prediction_id, verdict, taxon_id, created_at)
SELECT id, prediction_id, verdict, taxon_id, created_at FROM site.reviews
WHERE prediction_id IN (SELECT id FROM main.predictions)

-- When rounds open and close. Photo, answer and what the bot said only once a round is revealed.
-- Cancelled rounds, replays of a JSONL file and the host's own words are left out.
INSERT INTO main.rounds (
    id, game, platform, host, photo_id, opens_at, closes_at, answer_taxon_id, post_id,
    reveal_post_id, state, said_taxon_id, said_score, said_by, commonest_taxon_id, planned_at
)
SELECT
    id, game, platform, host,
    CASE
        WHEN state = 'revealed' AND photo_id IN (SELECT id FROM main.photos) THEN photo_id
    END,
    opens_at, closes_at,
    CASE state WHEN 'revealed' THEN answer_taxon_id END,
    post_id, reveal_post_id, state,
    CASE state WHEN 'revealed' THEN said_taxon_id END,
    CASE state WHEN 'revealed' THEN said_score END,
    CASE state WHEN 'revealed' THEN said_by END,
    CASE state WHEN 'revealed' THEN commonest_taxon_id END,
    planned_at
FROM site.rounds
WHERE state <> 'cancelled' AND platform <> 'jsonl'

-- Guesses of revealed rounds and of published posts, with the names of players who opted in only.
INSERT INTO main.guesses (id, round_id, post_id, player, taxon_id, verdict, made_at, right)
SELECT
    guesses.id, guesses.round_id, guesses.post_id, players.player, guesses.taxon_id,
    guesses.verdict, guesses.made_at, guesses.right
FROM site.guesses
LEFT JOIN site.rounds ON rounds.id = guesses.round_id
LEFT JOIN site.posts ON posts.id = guesses.post_id
LEFT JOIN site.players
    ON players.player = guesses.player
    AND players.platform = coalesce(rounds.platform, posts.platform)
    AND NOT EXISTS (
        SELECT 1 FROM left_alone
        WHERE left_alone.platform = players.platform
            AND left_alone.handle = lower(players.player)
    )
WHERE guesses.round_id IN (SELECT id FROM main.rounds WHERE state = 'revealed')
    OR guesses.post_id IN (SELECT id FROM main.posts)

-- When the data was fetched. Your own files and servers are called "local".
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
