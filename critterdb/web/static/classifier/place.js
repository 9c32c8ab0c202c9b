// The answer with where and when a photo was taken, beside that of the photo alone, from the
// observations that a model file counts by cell, month and label (its `place_prior`). Coordinates
// stay in this browser, as the photo does.

import { decide } from "./decision.js";
import { Refusal } from "./refusals.js";

const CELL_DEGREES = 1;
const MONTHS = 12;
const PARTS_PER_OBSERVATION = 25;
const NEAR_DEGREES = 1.5; // standard deviation of the weight by distance
const REACH_DEGREES = 3 * NEAR_DEGREES;
const MONTH_WEIGHTS = [1, 0.5]; // of the month itself, and of the one before and after
// Observations that are imagined to be as frequent as expected: with few, little is concluded.
const PLACE_STRENGTH = 0.5;
const MONTH_STRENGTH = 2;
const WRONG_PLACE_SHARE = 0.05; // of coordinates: no label becomes impossible
const MIN_EXPECTED = 3; // observations, below which nothing is unusual
const MAX_UNUSUAL_SHARE = 0.1; // of those expected
const MIN_SCORE = 0.00005; // what rounds to 0 is still possible
const BIN_BYTES = 8;
const MAX_BINS = 30_000;
const EARLIEST = "1900-01-01";
const DAY_MS = 86_400_000;
const radians = (degrees) => (degrees * Math.PI) / 180;

const invalid = (message) => new Refusal("place_invalid", message);

// {latitude, longitude, month} of what was said, or null if nothing was. Throws a Refusal.
export function parseWhereabouts({ latitude, longitude, on }) {
  const isEmpty = (value) => value == null || String(value).trim() === "";
  if ([latitude, longitude, on].every(isEmpty)) return null;
  if (isEmpty(latitude) || isEmpty(longitude)) {
    throw invalid(
      "A place needs both latitude and longitude. Add the missing one, or omit both",
    );
  }
  return {
    latitude: degrees("latitude", latitude, 90),
    longitude: degrees("longitude", longitude, 180),
    month: isEmpty(on) ? null : monthOf(String(on).trim()),
  };
}

function degrees(name, value, most) {
  const number = Number(value);
  if (Number.isFinite(number) && Math.abs(number) <= most) return number;
  throw invalid(`The ${name} is not a number from -${most} to ${most}. Use decimal degrees`);
}

function monthOf(day) {
  const time = /^\d{4}-\d{2}-\d{2}$/.test(day) ? Date.parse(`${day}T00:00:00Z`) : NaN;
  // The 31st of a short month would otherwise be a day of the next.
  const isDay = Number.isFinite(time) && new Date(time).toISOString().startsWith(day);
  if (!isDay || day < EARLIEST || time > Date.now() + DAY_MS) {
    throw invalid(`The date is not a day from ${EARLIEST} to today. Write it as YYYY-MM-DD`);
  }
  return Number(day.slice(5, 7));
}

// {bins, weight, totals} of what a model file says of places, or null if it says nothing.
export async function readPrior(stored, labels) {
  if (!stored) return null;
  const packed = Uint8Array.from(atob(stored.bins), (char) => char.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const data = new DataView(await bounded(stream, MAX_BINS * BIN_BYTES));
  const bins = [];
  const totals = new Float64Array(labels);
  for (let at = 0; at + BIN_BYTES <= data.byteLength; at += BIN_BYTES) {
    const bin = {
      point: unitVector(
        (data.getUint8(at) + 0.5) * CELL_DEGREES - 90,
        (data.getUint16(at + 1, true) + 0.5) * CELL_DEGREES - 180,
      ),
      month: data.getUint8(at + 3),
      label: data.getUint16(at + 4, true),
      count: data.getUint16(at + 6, true) / PARTS_PER_OBSERVATION,
    };
    if (bin.label >= labels) throw new Error("its place prior has cells that do not exist");
    totals[bin.label] += bin.count;
    bins.push(bin);
  }
  return { bins, totals, weight: stored.weight };
}

async function bounded(stream, most) {
  const whole = new Uint8Array(most);
  let size = 0;
  for (const reader = stream.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return whole.buffer.slice(0, size);
    if (size + value.length > most) throw new Error("its place prior has too many cells");
    whole.set(value, size);
    size += value.length;
  }
}

function unitVector(latitude, longitude) {
  const north = radians(latitude);
  const east = radians(longitude);
  return [Math.cos(north) * Math.cos(east), Math.cos(north) * Math.sin(east), Math.sin(north)];
}

const sum = (values) => values.reduce((total, value) => total + value, 0);

// Weighted counts by label of what was observed near a place, or null if nothing was.
function nearby({ bins, totals }, { latitude, longitude, month }) {
  const here = unitVector(latitude, longitude);
  const reach = Math.cos(radians(REACH_DEGREES));
  const seen = new Float64Array(totals.length);
  const monthSeen = new Float64Array(totals.length);
  for (const bin of bins) {
    const cosine = bin.point.reduce((total, part, axis) => total + part * here[axis], 0);
    if (cosine <= reach) continue;
    const apart = (Math.acos(Math.min(cosine, 1)) * 180) / Math.PI;
    const weight = bin.count * Math.exp(-0.5 * (apart / NEAR_DEGREES) ** 2);
    seen[bin.label] += weight;
    monthSeen[bin.label] += weight * monthWeight(bin.month, month);
  }
  const all = sum(seen);
  if (!all) return null;
  const expected = totals.map((total) => (total / sum(totals)) * all);
  if (month === null) return { seen, expected };
  const monthExpected = seen.map((count) => (count / all) * sum(monthSeen));
  return { seen, expected, monthSeen, monthExpected };
}

function monthWeight(observed, month) {
  if (!observed || month === null) return 0;
  const apart = Math.abs(observed - month);
  return MONTH_WEIGHTS[Math.min(apart, MONTHS - apart)] ?? 0;
}

function factorsOf({ seen, expected, monthSeen, monthExpected }) {
  return seen.map((count, label) => {
    const here = (count + PLACE_STRENGTH) / (expected[label] + PLACE_STRENGTH);
    if (!monthSeen) return here;
    return (here * (monthSeen[label] + MONTH_STRENGTH)) / (monthExpected[label] + MONTH_STRENGTH);
  });
}

// The key `with_place` of an answer; `decided` is what the photo alone gave.
export function placedAnswer(decided, description, prior, whereabouts) {
  const near = nearby(prior, whereabouts);
  const isKnown = near && decided.reason !== "not_a_critter";
  const placed = isKnown && prior.weight ? decidedAgain(decided, description, prior, near) : decided;
  const because = near && placed.answer
    ? unusualBecause(placed.answer.taxon_id, description.labels, near)
    : null;
  const { answer, abstained, reason, predictions } = placed;
  return {
    answer, abstained, reason, predictions, unusual: because !== null, unusual_because: because,
  };
}

function decidedAgain(decided, description, prior, near) {
  const factors = factorsOf(near);
  if (factors.every((factor) => factor === 1)) return decided;
  const scores = new Map(decided.predictions.map(({ taxon_id, score }) => [taxon_id, score]));
  const products = description.labels.map(({ taxon_id }, label) => {
    const factor = (1 - WRONG_PLACE_SHARE) * factors[label] ** prior.weight + WRONG_PLACE_SHARE;
    return Math.max(scores.get(taxon_id), MIN_SCORE) * factor;
  });
  const total = sum(products);
  // A critter it is already; its novelty is not judged twice.
  const novelty = Math.min(decided.novelty, description.thresholds.novelty_threshold);
  return decide(products.map((product) => product / total), novelty, description);
}

// "place", "season", or null if the taxon is not known to be unusual there and then.
function unusualBecause(taxonId, labels, { seen, expected, monthSeen, monthExpected }) {
  const inside = labels.map(
    (label) => label.taxon_id === taxonId || label.ancestors.some((a) => a.taxon_id === taxonId),
  );
  const within = (counts) => sum(counts.filter((_, label) => inside[label]));
  const isRare = (here, usual) =>
    within(usual) >= MIN_EXPECTED && within(here) <= MAX_UNUSUAL_SHARE * within(usual);
  if (isRare(seen, expected)) return "place";
  return monthSeen && isRare(monthSeen, monthExpected) ? "season" : null;
}
