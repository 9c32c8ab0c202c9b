// A picture's bytes → upright pixels, or a Refusal with the endpoint's code: what
// critterdb/imaging/decode.py does. The browser unpacks the file; nothing else is left to it.

import { examine, formatOf } from "./formats.js";
import { MAX_ASPECT, MAX_BYTES, MAX_PIXELS, MIN_SIDE } from "./limits.js";
import { turned } from "./metadata.js";
import { roundHalfEven } from "./preprocessing.js";
import {
  noHeic, notAnImage, pixelsChanged, tooComplex, tooLarge, tooSmall, truncated,
} from "./refusals.js";

const TYPES = {
  jpg: "image/jpeg", png: "image/png", webp: "image/webp", gif: "image/gif",
  avif: "image/avif", heic: "image/heic",
};
// As far from black as from white: a cut-out animal of either keeps its outline.
const GROUND = "rgb(128, 128, 128)";
const TILE_SIDE = 2048; // pixels; some browsers' canvases end at 4096 by 4096
// Colours and the way up as the file has them: Pillow does not look at colour profiles.
const MAX_NOISE = 8; // of a value from 0 to 255
const AS_IT_IS = { colorSpaceConversion: "none", premultiplyAlpha: "default" };

// {image, width, height}: RGBA pixels reduced by whole numbers while they stay at least as large as
// `shorterSide`, transparency on mid-grey; and the size of the whole upright picture.
export async function readPicture(data, shorterSide, maxBytes = MAX_BYTES) {
  if (data.length > maxBytes) throw tooLarge(`${maxBytes / 1e6} MB`);
  if (!givesPixels()) throw pixelsChanged();
  const kind = formatOf(data);
  const found = examine(data, kind);
  if (found.width) checkSize(found);
  if (found.isTooMuch) throw tooComplex();
  const bitmap = await decoded(found, kind);
  try {
    const { width, height } = bitmap;
    checkSize(bitmap);
    const factors = factorsOf(width, height, shorterSide, kind);
    const image = reducedPixels(bitmap, factors[0]);
    if (kind === "jpg" && (await isCutShort(found, bitmap, image, factors[0]))) throw truncated();
    const upright = turned(reduced(image, factors[1]), found.orientation);
    const isSideways = found.orientation > 4;
    return { image: upright, width: isSideways ? height : width, height: isSideways ? width : height };
  } finally {
    bitmap.close();
  }
}

function checkSize({ width, height }) {
  if (width * height > MAX_PIXELS) throw tooLarge(`${MAX_PIXELS / 1e6} megapixels`);
  const shorter = Math.min(width, height);
  if (shorter < MIN_SIDE || Math.max(width, height) > MAX_ASPECT * shorter) throw tooSmall();
}

async function decoded(found, kind) {
  const isCutOff = await found.isCutOff();
  let bitmap;
  try {
    bitmap = await createImageBitmap(new Blob(found.parts, { type: TYPES[kind] }), AS_IT_IS);
  } catch {
    if (isCutOff) throw truncated();
    throw kind === "heic" ? noHeic() : notAnImage();
  }
  if (!isCutOff) return bitmap;
  bitmap.close();
  throw truncated();
}

// By which two whole numbers pixels are averaged before a good filter takes over: the first as
// libjpeg leaves out the finer coefficients of a JPEG, the second as Pillow reduces other formats.
function factorsOf(width, height, shorterSide, kind) {
  let draft = 1;
  if (kind === "jpg") {
    const scale = shorterSide / Math.min(width, height);
    const [across, down] = [width, height].map((side) => Math.max(1, roundHalfEven(side * scale)));
    const most = Math.min(Math.floor(width / across), Math.floor(height / down));
    draft = [8, 4, 2].find((factor) => most >= factor) ?? 1;
  }
  const shorter = Math.ceil(Math.min(width, height) / draft);
  const whole = Math.max(1, Math.floor(shorter / (2 * shorterSide)));
  return draft > 1 ? [draft, whole] : [whole, 1];
}

// Read tile by tile: a picture of 50 megapixels at once would take 200 MB more.
function reducedPixels(bitmap, factor) {
  const { width, height } = bitmap;
  const side = Math.floor(TILE_SIDE / factor) * factor;
  const canvas = newCanvas(Math.min(side, width), Math.min(side, height));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw tooComplex();
  context.fillStyle = GROUND;
  const whole = {
    width: Math.ceil(width / factor), height: Math.ceil(height / factor), data: null,
  };
  if (width <= side && height <= side) return reduced(tileOf(context, bitmap, 0, 0, side), factor);
  whole.data = new Uint8Array(whole.width * whole.height * 4);
  for (let y = 0; y < height; y += side) {
    for (let x = 0; x < width; x += side) {
      const tile = reduced(tileOf(context, bitmap, x, y, side), factor);
      for (let row = 0; row < tile.height; row++) {
        const line = tile.data.subarray(row * tile.width * 4, (row + 1) * tile.width * 4);
        whole.data.set(line, ((y / factor + row) * whole.width + x / factor) * 4);
      }
    }
  }
  return whole;
}

// Some browsers give pages noise for the pixels of a canvas. It would get answers, all wrong.
function givesPixels() {
  const context = newCanvas(4, 4).getContext("2d", { willReadFrequently: true });
  context.fillStyle = GROUND;
  context.fillRect(0, 0, 4, 4);
  const { data } = context.getImageData(0, 0, 4, 4);
  return data.every((value, index) => index % 4 === 3 || Math.abs(value - 128) <= MAX_NOISE);
}

const newCanvas = (width, height) => {
  if (globalThis.OffscreenCanvas) return new OffscreenCanvas(width, height);
  return Object.assign(document.createElement("canvas"), { width, height });
};

function tileOf(context, bitmap, x, y, side) {
  const width = Math.min(side, bitmap.width - x);
  const height = Math.min(side, bitmap.height - y);
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, x, y, width, height, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

// Averages of squares of pixels; those at the right and the lower edge may be smaller.
function reduced(image, factor) {
  if (factor === 1) return image;
  const width = Math.ceil(image.width / factor);
  const height = Math.ceil(image.height / factor);
  const data = new Uint8Array(width * height * 4);
  const sums = new Uint32Array(width * 3);
  for (let y = 0; y < height; y++) {
    const top = y * factor;
    const rows = Math.min(factor, image.height - top);
    sums.fill(0);
    for (let row = top; row < top + rows; row++) addRow(sums, image, row, factor);
    for (let x = 0; x < width; x++) {
      const count = rows * Math.min(factor, image.width - x * factor);
      const at = (y * width + x) * 4;
      for (let band = 0; band < 3; band++) {
        data[at + band] = Math.floor((sums[x * 3 + band] + count / 2) / count);
      }
      data[at + 3] = 255;
    }
  }
  return { data, width, height };
}

function addRow(sums, image, row, factor) {
  let at = row * image.width * 4;
  let sum = 0;
  for (let x = 0, left = factor; x < image.width; x++, at += 4) {
    sums[sum] += image.data[at];
    sums[sum + 1] += image.data[at + 1];
    sums[sum + 2] += image.data[at + 2];
    if (--left === 0) {
      left = factor;
      sum += 3;
    }
  }
}

// Decoders paint what they lack as mid-grey. So where the last pixel is mid-grey, the picture is
// decoded again with other bytes before the end marker: only an unfinished one changes by them.
async function isCutShort(found, bitmap, image, factor) {
  const corner = image.data.subarray(image.data.length - 4, image.data.length - 1);
  if (corner.some((value) => value < 126 || value > 129)) return false;
  const blob = new Blob(found.withMoreData(), { type: TYPES.jpg });
  const again = await createImageBitmap(blob, AS_IT_IS);
  try {
    const other = reducedPixels(again, factor).data;
    return image.data.some((value, index) => value !== other[index]);
  } finally {
    again.close();
  }
}
