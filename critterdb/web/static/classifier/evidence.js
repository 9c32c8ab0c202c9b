// Where in a picture a model found the evidence for its answer, and against the runner-up: cells
// that add up, with a bias, to a label's logit. Only some model files have it.

import { rounded } from "./decision.js";

const DIGITS = 7;
const CELLS = "evidence";
const LABELS = "evidence_labels";
const LOGITS = "evidence_logits";
const BIASES = "evidence_biases";
export const EVIDENCE_OUTPUTS = [CELLS, LABELS, LOGITS, BIASES];

export const hasEvidence = (session) =>
  EVIDENCE_OUTPUTS.every((name) => session.outputNames.includes(name));

const round = (value) => Number(value.toFixed(DIGITS));

// The key `evidence` of an answer; `outputs` are a run's, and `area` the part of the photo that it saw.
export function readEvidence(outputs, { labels }, area) {
  const grid = outputs[CELLS].dims.at(-1);
  const [top, runnerUp] = [0, 1].map((number) => {
    const cells = outputs[CELLS].data.subarray(number * grid * grid, (number + 1) * grid * grid);
    const rows = Array.from({ length: grid }, (_, row) =>
      Array.from(cells.subarray(row * grid, (row + 1) * grid), round),
    );
    return {
      taxon_id: labels[Number(outputs[LABELS].data[number])].taxon_id,
      logit: round(outputs[LOGITS].data[number]),
      bias: round(outputs[BIASES].data[number]),
      cells: rows,
    };
  });
  return { grid, area: area.map(rounded), top, runner_up: runnerUp };
}
