// What the bytes of a picture tell before a decoder sees them: format, size, orientation, whether
// it is whole, and how much work it is (critterdb/imaging/decode.py and complexity.py).

import { readJpeg } from "./jpeg.js";
import {
  BYTES_PER_PIXEL, MAX_PARTS, MAX_PIXELS, MAX_SCANS, SCANS_PER_PIXEL,
} from "./limits.js";
import { EXIF, PNG_XMP, beginsWith, orientationOf } from "./metadata.js";
import { notAnImage, tooComplex, truncated } from "./refusals.js";

const PNG_SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const PNG_BANDS = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
// Chunks by which browsers change colours, or the way up; Pillow does not.
const PNG_DROPPED = new Set(["eXIf", "iCCP", "gAMA", "cHRM", "sRGB", "cICP", "tEXt", "zTXt", "iTXt"]);
const WEBP_DROPPED = new Set(["ICCP", "EXIF", "XMP "]);
const WEBP_METADATA_FLAGS = 0x20 | 0x08 | 0x04; // profile, EXIF, XMP
const GIF_IMAGE = 0x2c;
const GIF_EXTENSION = 0x21;
const AVIF_BRANDS = ["avif", "avis"];
const HEIC_BRANDS = ["heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"];
const SHARED_BRANDS = ["mif1", "msf1"];
const MAX_BRANDS_BYTES = 256;

const ascii = (data, from, to) => String.fromCharCode(...data.subarray(from, to));
const view = (data) => new DataView(data.buffer, data.byteOffset, data.byteLength);

// jpg, png, webp, gif, heic or avif, by the bytes. Throws a Refusal for anything else.
export function formatOf(data) {
  if (beginsWith(data, [0xff, 0xd8, 0xff])) return "jpg";
  if (beginsWith(data, PNG_SIGNATURE)) return "png";
  if (ascii(data, 0, 4) === "RIFF" && ascii(data, 8, 12) === "WEBP") return "webp";
  if (["GIF87a", "GIF89a"].includes(ascii(data, 0, 6))) return "gif";
  const kind = heifKind(data);
  if (kind) return kind;
  throw notAnImage();
}

function heifKind(data) {
  if (ascii(data, 4, 8) !== "ftyp") return null;
  const end = Math.min(view(data).getUint32(0), data.length, MAX_BRANDS_BYTES);
  const major = ascii(data, 8, 12);
  const brands = [major];
  for (let at = 16; at + 4 <= end; at += 4) brands.push(ascii(data, at, at + 4));
  const isShared = SHARED_BRANDS.includes(major);
  if ((isShared || AVIF_BRANDS.includes(major)) && brands.some((b) => AVIF_BRANDS.includes(b))) {
    return "avif";
  }
  return isShared || HEIC_BRANDS.includes(major) ? "heic" : null;
}

// {width, height, orientation, parts, isTooMuch, isCutOff()}, before `parts` (a Blob's) are decoded.
// Sizes are 0 if only a decoder can tell. Throws a Refusal.
export function examine(data, kind) {
  return { jpg: examineJpeg, png: examinePng, webp: examineWebp, gif: examineGif }[kind]?.(data)
    ?? examineHeif(data);
}

function examineJpeg(data) {
  const jpeg = readJpeg(data);
  if (jpeg.parts > MAX_PARTS) throw tooComplex();
  if (!jpeg.width || !jpeg.height || !jpeg.scans) {
    throw jpeg.runsOut ? truncated() : notAnImage();
  }
  const { width, height, orientation, complete, scans, kept, withMoreData } = jpeg;
  const isTooMuch =
    scans > MAX_SCANS || scans * width * height > SCANS_PER_PIXEL * MAX_PIXELS;
  return {
    width, height, orientation, isTooMuch, parts: kept, withMoreData, isCutOff: () => !complete,
  };
}

function examinePng(data) {
  const numbers = view(data);
  const kept = [data.subarray(0, 8)];
  const metadata = {};
  const packed = [];
  let count = 0;
  let runsOut = false;
  let ended = false;
  for (let at = 8; at + 8 <= data.length && !ended; ) {
    if (++count > MAX_PARTS) throw tooComplex();
    const length = numbers.getUint32(at);
    const name = ascii(data, at + 4, at + 8);
    const end = at + 12 + length;
    const body = data.subarray(at + 8, at + 8 + length);
    runsOut = end > data.length;
    if (name === "eXIf") metadata.exif = beginsWith(body, EXIF) ? body.subarray(6) : body;
    if (name === "iTXt" && beginsWith(body, PNG_XMP)) metadata.xmp = body;
    if (name === "IDAT") packed.push(body);
    if (!PNG_DROPPED.has(name)) kept.push(data.subarray(at, Math.min(end, data.length)));
    ended = name === "IEND";
    at = end;
  }
  if (ascii(data, 12, 16) !== "IHDR" || data.length < 33) {
    throw runsOut || data.length < 33 ? truncated() : notAnImage();
  }
  const width = numbers.getUint32(16);
  const height = numbers.getUint32(20);
  const bits = data[24] * (PNG_BANDS[data[25]] ?? 4);
  return {
    width, height, orientation: orientationOf(metadata), parts: kept,
    isTooMuch: (width * height * bits) / 8 > BYTES_PER_PIXEL * MAX_PIXELS,
    isCutOff: async () => !ended && !(await inflates(packed)),
  };
}

// Whether zlib data end where they say that they end.
async function inflates(parts) {
  try {
    const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
    for (const reader = stream.getReader(); !(await reader.read()).done; );
    return true;
  } catch {
    return false;
  }
}

function examineWebp(data) {
  const numbers = view(data);
  if (data.length < 30 || numbers.getUint32(4, true) + 8 > data.length) throw truncated();
  const kept = [];
  const metadata = {};
  let count = 0;
  for (let at = 12; at + 8 <= data.length; ) {
    if (++count > MAX_PARTS) throw tooComplex();
    const name = ascii(data, at, at + 4);
    const length = numbers.getUint32(at + 4, true);
    const end = Math.min(at + 8 + length + (length % 2), data.length);
    const body = data.subarray(at + 8, at + 8 + length);
    if (name === "EXIF") metadata.exif = beginsWith(body, EXIF) ? body.subarray(6) : body;
    if (name === "XMP ") metadata.xmp = body;
    if (!WEBP_DROPPED.has(name)) kept.push(data.slice(at, end));
    at = end;
  }
  if (!kept.length) throw notAnImage();
  if (ascii(kept[0], 0, 4) === "VP8X") kept[0][8] &= ~WEBP_METADATA_FLAGS;
  const head = data.slice(0, 12);
  const size = kept.reduce((sum, part) => sum + part.length, 4);
  view(head).setUint32(4, size, true);
  return {
    ...webpSize(data), orientation: orientationOf(metadata), parts: [head, ...kept],
    isTooMuch: false, isCutOff: () => false,
  };
}

function webpSize(data) {
  const numbers = view(data);
  const name = ascii(data, 12, 16);
  if (name === "VP8X") {
    const side = (at) => 1 + data[at] + (data[at + 1] << 8) + (data[at + 2] << 16);
    return { width: side(24), height: side(27) };
  }
  if (name === "VP8L") {
    const bits = numbers.getUint32(21, true);
    return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
  }
  if (name !== "VP8 ") throw notAnImage();
  return {
    width: numbers.getUint16(26, true) & 0x3fff, height: numbers.getUint16(28, true) & 0x3fff,
  };
}

function examineGif(data) {
  if (data.length < 13) throw truncated();
  const numbers = view(data);
  const colours = (flags) => (flags & 0x80 ? 3 << ((flags & 7) + 1) : 0);
  let at = 13 + colours(data[10]);
  let count = 0;
  const skipBlocks = () => {
    while (at < data.length && data[at]) {
      if (++count > MAX_PARTS) throw tooComplex();
      at += 1 + data[at];
    }
    at += 1;
  };
  while (at < data.length && data[at] !== GIF_IMAGE) {
    if (++count > MAX_PARTS) throw tooComplex();
    const isExtension = data[at] === GIF_EXTENSION;
    at += isExtension ? 2 : 1;
    if (isExtension) skipBlocks();
  }
  if (data[at] !== GIF_IMAGE) throw data.at(-1) === 0x3b ? notAnImage() : truncated();
  count = -Infinity; // a photo has thousands of blocks; only those before it are counted
  at += 11 + colours(data[at + 9]);
  skipBlocks();
  return {
    width: numbers.getUint16(6, true), height: numbers.getUint16(8, true), orientation: 1,
    parts: [data], isTooMuch: false, isCutOff: () => at > data.length,
  };
}

// The boxes of a HEIC or AVIF up to the end. Its size and the way up are for the decoder.
function examineHeif(data) {
  const numbers = view(data);
  let count = 0;
  for (let at = 0; at + 8 <= data.length; ) {
    if (++count > MAX_PARTS) throw tooComplex();
    let size = numbers.getUint32(at);
    if (size === 1 && at + 16 <= data.length) size = Number(numbers.getBigUint64(at + 8));
    if (size === 0) break;
    if (size < 8) throw notAnImage();
    at += size;
    if (at > data.length) throw truncated();
  }
  return {
    width: 0, height: 0, orientation: 1, parts: [data], isTooMuch: false, isCutOff: () => false,
  };
}
