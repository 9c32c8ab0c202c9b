// What to say: from probabilities and novelty to a label, a coarser taxon, or none, by the rules of
// critterdb/model/decision.py. Labels and thresholds come from the model file.

// Four digits, as Python rounds: the exact half of a float32 goes to the even neighbour.
export function rounded(value) {
  const scaled = value * 1e4;
  const isHalf = Math.fround(value) === value && scaled - Math.floor(scaled) === 0.5;
  if (!isHalf) return Number(value.toFixed(4));
  const below = Math.floor(scaled);
  return (below % 2 === 0 ? below : below + 1) / 1e4;
}

const scored = (taxon, score) => ({
  taxon_id: taxon.taxon_id,
  name: taxon.name,
  common_name: taxon.common_name,
  score: rounded(score),
});

const asAnswer = (taxon, score) => {
  const { taxon_id, name, common_name, score: shown } = scored(taxon, score);
  return { taxon_id, name, common_name, rank: taxon.rank, score: shown };
};

// `answer`, `abstained`, `reason`, `predictions` and `novelty` of the endpoint's JSON.
export function decide(probabilities, novelty, { labels, thresholds }) {
  const order = [...labels.keys()].sort((a, b) => probabilities[b] - probabilities[a]);
  const predictions = order.map((index) => scored(labels[index], probabilities[index]));
  let answer = null;
  let reason = null;
  // Novelty first: for a photo unlike anything seen in training, probabilities mean nothing.
  if (novelty > thresholds.novelty_threshold) {
    reason = "not_a_critter";
  } else if (predictions[0].score >= thresholds.threshold) {
    answer = asAnswer(labels[order[0]], probabilities[order[0]]);
  } else {
    answer = coarser(probabilities, labels, order[0], thresholds.threshold);
    reason = answer ? "coarser" : "unsure";
  }
  return { answer, abstained: answer === null, reason, predictions, novelty: rounded(novelty) };
}

// The nearest ancestor of the top label that is sure enough and says less than everything.
function coarser(probabilities, labels, top, threshold) {
  const lineages = labels.map((label) => lineage(label));
  const isSingle = probabilities instanceof Float32Array;
  const add = (sum, value) => (isSingle ? Math.fround(sum + value) : sum + value);
  for (const ancestor of labels[top].ancestors.toReversed()) {
    const inside = [...labels.keys()].filter((index) => lineages[index].has(ancestor.taxon_id));
    if (inside.length === labels.length) return null;
    const score = inside.reduce((sum, index) => add(sum, probabilities[index]), 0);
    if (score >= threshold) return asAnswer(ancestor, score);
  }
  return null;
}

const lineage = (label) =>
  new Set([label.taxon_id, ...label.ancestors.map((ancestor) => ancestor.taxon_id)]);
