// Sets of labels that hold the right one with a stated guarantee (critterdb/model/label_sets.py).

const isShare = (value) => typeof value === "number" && value >= 0 && value <= 1;

// `set` of a model's metadata; null if there is none.
export function parseSetRule(value) {
  if (value == null) return null;
  const scores = value.min_scores;
  const valid =
    isShare(value.coverage) && Array.isArray(scores) && scores.length && scores.every(isShare);
  if (!valid) throw new Error("its set is not a coverage and limits from 0 to 1");
  return value;
}

// The key `set` of an answer; undefined if the model has no sets, or knows nothing like the photo.
export function labelSet({ predictions, reason }, rule) {
  if (!rule || reason === "not_a_critter") return undefined;
  const taxa = predictions.filter((label) => label.score >= rule.min_scores[0]);
  return { coverage: rule.coverage, taxa: taxa.length ? taxa : predictions.slice(0, 1) };
}
