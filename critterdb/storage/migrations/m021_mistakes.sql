-- As before, with all that a count of mistakes needs of a prediction: the rows themselves are wide,
-- and were half of the time.
DROP INDEX predictions_mistakes;

CREATE INDEX predictions_mistakes ON predictions (
    model_id,
    json_extract(scores, '$."' || top_taxon_id || '"') DESC,
    photo_id,
    label_taxon_id,
    top_taxon_id
) WHERE label_taxon_id <> top_taxon_id;

DROP INDEX predictions_surest_mistakes;

CREATE INDEX predictions_surest_mistakes ON predictions (
    json_extract(scores, '$."' || top_taxon_id || '"') DESC,
    model_id,
    photo_id,
    label_taxon_id,
    top_taxon_id
) WHERE label_taxon_id <> top_taxon_id;

-- As before, but a lineage is taken apart only if it has the digits of the predicted taxon.
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
        instr(actual.ancestor_ids, predictions.top_taxon_id)
        AND json_valid(actual.ancestor_ids)
        AND instr(
            replace(replace(replace(actual.ancestor_ids, ' ', ''), '[', ','), ']', ','),
            ',' || predictions.top_taxon_id || ','
        )
    )
ORDER BY score DESC;
