// When the animal may be small, a model looks again at the part of the photo that is most like a
// known animal, by the rules of critterdb/model/second_look.py. Only some model files have them.

export const WINDOW_NOVELTY = "window_novelty";
const MAX_GRID = 64; // cells, in a model file of any maker

const isCount = (value) => Number.isInteger(value) && value > 0;
const isPositive = (value) => Number.isFinite(value) && value > 0;

// `second_look` of a model's metadata; null if there is none.
export function parseSecondLook(value) {
  if (value == null) return null;
  const { grid, sides, from_novelty, novelty_threshold, temperature } = value;
  const { window_ratio = 1 } = value; // older files have none
  const valid =
    isCount(grid) && grid >= 2 && grid <= MAX_GRID &&
    Array.isArray(sides) && sides.length && sides.every(isCount) &&
    new Set(sides).size === sides.length && Math.max(...sides) < grid &&
    [from_novelty, novelty_threshold, temperature, window_ratio].every(isPositive);
  if (!valid) throw new Error("its second look is not a grid, sides of windows and thresholds");
  return value;
}

// A part of a photo is [x, y, width, height], as shares of the upright photo.
function windowsOf({ grid, sides }) {
  const windows = [];
  for (const side of sides) {
    for (let top = 0; top <= grid - side; top++) {
      for (let left = 0; left <= grid - side; left++) {
        windows.push([left / grid, top / grid, side / grid, side / grid]);
      }
    }
  }
  return windows;
}

const inside = ([x, y, width, height], outer) => [
  outer[0] + x * outer[2], outer[1] + y * outer[3], width * outer[2], height * outer[3],
];

// The part of the photo to look at again, or null. `first` is {probabilities, novelty, windows},
// and `area` the part that it saw.
export function findArea(first, area, rule, thresholds) {
  const { novelty, windows } = first;
  const isSure = Math.max(...first.probabilities) >= Math.fround(thresholds.threshold);
  if (isSure && novelty <= rule.from_novelty) return null;
  const best = windows.indexOf(Math.min(...windows));
  const isAnswered = isSure && novelty <= thresholds.novelty_threshold;
  const ratio = isAnswered ? 1 : (rule.window_ratio ?? Infinity);
  if (windows[best] >= ratio * novelty) return null;
  return inside(windowsOf(rule)[best], area);
}

// The second look as one that the model's own thresholds hold for; null if the first one counts.
export function believe(first, second, rule, thresholds) {
  const novelty = (second.novelty * thresholds.novelty_threshold) / rule.novelty_threshold;
  if (novelty >= first.novelty) return null;
  const softened = Array.from(second.probabilities, (value) => value ** (1 / rule.temperature));
  const sum = softened.reduce((total, value) => total + value, 0);
  return { ...second, probabilities: softened.map((value) => value / sum), novelty };
}
