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

// The key `evidence` of an answer; `outputs` are a run's, `width` and `height` the photo's.
export function readEvidence(outputs, { labels, view }, { width, height }) {
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
  return { grid, area: areaOf(view, width, height), top, runner_up: runnerUp };
}

// Which part of an upright photo the view sees: x, y, width and height as shares of it.
function areaOf({ shape, share }, width, height) {
  const shorter = Math.min(width, height);
  const across = shape === "crop" ? (share * shorter) / width : share;
  const down = shape === "crop" ? (share * shorter) / height : share;
  return [(1 - across) / 2, (1 - down) / 2, across, down].map(rounded);
}
