// The view of a picture that a model gets, to the pixel what Pillow makes of the same pixels
// (critterdb/imaging/preprocessing.py). The canvas's own scaler gives other pixels, and with them
// other answers.

const PRECISION_BITS = 22; // of a weight, as Pillow has for 8 bits a channel
const ONE = 2 ** PRECISION_BITS;
const HALF = 2 ** (PRECISION_BITS - 1);
const CUBIC = -0.5; // the bicubic kernel's parameter

const FILTERS = {
  bilinear: { support: 1, weight: (x) => (Math.abs(x) < 1 ? 1 - Math.abs(x) : 0) },
  bicubic: { support: 2, weight: cubic },
};

function cubic(signed) {
  const x = Math.abs(signed);
  if (x < 1) return ((CUBIC + 2) * x - (CUBIC + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * CUBIC : 0;
}

// Python's round(): a half goes to the even neighbour.
export function roundHalfEven(value) {
  const below = Math.floor(value);
  const rest = value - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

// `size` in pixels and `resize`, such as "crop-bilinear-0.875", as a model file spells them.
export function parseView(size, resize) {
  const view = { size, shape: "crop", filter: "bicubic", share: 1 };
  const [shape, ...words] = String(resize).split("-");
  view.shape = shape;
  for (const word of words) {
    if (Object.hasOwn(FILTERS, word)) view.filter = word;
    else view.share = Number(word);
  }
  const valid =
    Number.isInteger(size) && size >= 1 && size <= 4096 &&
    (shape === "crop" || shape === "squash") && view.share >= 0.1 && view.share <= 1;
  if (!valid) throw new Error("its size or resize is not valid");
  view.shorterSide = Math.floor(size / view.share);
  return view;
}

// RGB size×size×3 of an upright image {data: RGBA, width, height}.
export function look(image, view) {
  const { size, shorterSide: side } = view;
  const shorter = Math.min(image.width, image.height);
  const lengthOf = (length) =>
    view.shape === "squash" ? side : Math.floor((side * length) / shorter);
  const width = lengthOf(image.width);
  const height = lengthOf(image.height);
  const left = roundHalfEven((width - size) / 2);
  const top = roundHalfEven((height - size) / 2);
  const filter = FILTERS[view.filter];
  const columns = taps(image.width, { scale: image.width / width, from: left }, size, filter);
  const rows = taps(image.height, { scale: image.height / height, from: top }, size, filter);
  return scaled(image, columns, rows, size);
}

// RGB size×size×3 of all of an area, which is [x, y, width, height] as shares of the image.
export function lookCloser(image, area, { size, filter }) {
  const across = stretch(image.width, area[0], area[2], size);
  const down = stretch(image.height, area[1], area[3], size);
  const columns = taps(image.width, across, size, FILTERS[filter]);
  const rows = taps(image.height, down, size, FILTERS[filter]);
  return scaled(image, columns, rows, size);
}

// Pillow keeps the edges of a box as 32-bit numbers.
function stretch(side, share, length, size) {
  const start = Math.fround(share * side);
  const end = Math.fround((share + length) * side);
  return { start, scale: Math.fround(end - start) / size };
}

// Which part of an upright photo the view sees: x, y, width and height as shares of it.
export function areaOf({ shape, share }, width, height) {
  const shorter = Math.min(width, height);
  const across = shape === "crop" ? (share * shorter) / width : share;
  const down = shape === "crop" ? (share * shorter) / height : share;
  return [(1 - across) / 2, (1 - down) / 2, across, down];
}

// The pixels that a photo's shorter side needs, so that an area has as many as the view.
export function sideFor({ size, shape }, [, , across, down]) {
  return Math.ceil(size / (shape === "crop" ? Math.max(across, down) : Math.min(across, down)));
}

function scaled(image, columns, rows, size) {
  // Only the rows that the second pass reads.
  const first = rows.starts[0];
  const last = rows.starts[size - 1] + rows.counts[size - 1];
  const across = scaleRows(image, columns, size, first, last);
  return scaleColumns(across, rows, size, first);
}

// For `count` output pixels from `from` on, which are `scale` inputs apart from `start` on: where
// their inputs start, how many, and their weights.
function taps(inputs, { start: origin = 0, scale, from = 0 }, count, filter) {
  const spread = Math.max(scale, 1);
  const support = filter.support * spread;
  const most = Math.ceil(support) * 2 + 1;
  const starts = new Int32Array(count);
  const counts = new Int32Array(count);
  const weights = new Int32Array(count * most);
  const exact = new Float64Array(most);
  for (let index = 0; index < count; index++) {
    const centre = origin + (index + from + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(inputs, Math.trunc(centre + support + 0.5));
    let sum = 0;
    for (let tap = 0; tap < end - start; tap++) {
      exact[tap] = filter.weight((tap + start - centre + 0.5) * (1 / spread));
      sum += exact[tap];
    }
    for (let tap = 0; tap < end - start; tap++) {
      const weight = (sum === 0 ? exact[tap] : exact[tap] / sum) * ONE;
      weights[index * most + tap] = Math.trunc(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    starts[index] = start;
    counts[index] = end - start;
  }
  return { starts, counts, weights, most };
}

const clip = (sum) => {
  const value = sum >> PRECISION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
};

function scaleRows(image, columns, size, first, last) {
  const { starts, counts, weights, most } = columns;
  const across = new Uint8Array((last - first) * size * 3);
  let out = 0;
  for (let y = first; y < last; y++) {
    for (let x = 0; x < size; x++) {
      let at = (y * image.width + starts[x]) * 4;
      let red = HALF;
      let green = HALF;
      let blue = HALF;
      for (let tap = x * most, end = tap + counts[x]; tap < end; tap++, at += 4) {
        const weight = weights[tap];
        red += image.data[at] * weight;
        green += image.data[at + 1] * weight;
        blue += image.data[at + 2] * weight;
      }
      across[out++] = clip(red);
      across[out++] = clip(green);
      across[out++] = clip(blue);
    }
  }
  return across;
}

function scaleColumns(across, rows, size, first) {
  const { starts, counts, weights, most } = rows;
  const line = size * 3;
  const view = new Uint8Array(size * line);
  for (let y = 0; y < size; y++) {
    const from = (starts[y] - first) * line;
    for (let x = 0; x < line; x++) {
      let sum = HALF;
      for (let tap = 0; tap < counts[y]; tap++) {
        sum += across[from + tap * line + x] * weights[y * most + tap];
      }
      view[y * line + x] = clip(sum);
    }
  }
  return view;
}
