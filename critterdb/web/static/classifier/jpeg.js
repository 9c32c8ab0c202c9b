// What a JPEG's structure tells (critterdb/imaging/jpeg.py): its size, how many scans, and whether
// all of the picture came. Decoders fill in whatever is missing before an end marker.

import { MAX_PARTS } from "./limits.js";
import { EXIF, XMP, beginsWith, orientationOf } from "./metadata.js";

const SOS = 0xda;
const EOI = 0xd9;
const DRI = 0xdd;
const APP1 = 0xe1;
// C4, C8 and CC are Huffman tables, a reserved marker and arithmetic conditioning: no frames.
const isFrame = (marker) =>
  marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
const PROGRESSIVE = new Set([0xc2, 0xc6, 0xca, 0xce]);
const isRestart = (marker) => marker >= 0xd0 && marker <= 0xd7;
const isWithoutLength = (marker) => marker === 0 || marker === 1 || (marker >= 0xd0 && marker <= 0xd8);
// Colour profiles, comments and what programs add: browsers differ in what they make of them.
const isDropped = (marker) => (marker >= 0xe1 && marker <= 0xed) || marker === 0xef || marker === 0xfe;
const COEFFICIENTS = 64;

// {parts, scans, width, height, orientation, complete, runsOut, kept, withMoreData()}; `kept` are
// the parts of the file without metadata, for a Blob.
export function readJpeg(data) {
  const found = {
    parts: 0, scans: 0, width: 0, height: 0, complete: false, runsOut: false, kept: [],
  };
  const wanted = new Map(); // component → its coefficients that no scan has brought in full
  const metadata = {};
  let progressive = false;
  let hasRestarts = false;
  let scan = [0, 0];
  let keptFrom = 0;
  const drop = (from, to) => {
    found.kept.push(data.subarray(keptFrom, from));
    keptFrom = to;
  };
  let at = 2;
  while (at + 1 < data.length && found.parts <= MAX_PARTS) {
    if (data[at] !== 0xff) {
      at = data.indexOf(0xff, at); // decoders skip other bytes, too
      if (at < 0) break;
      continue;
    }
    const marker = data[at + 1];
    found.parts += 1;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    if (marker === EOI) {
      found.complete = found.scans > 0 && [...wanted.values()].every((left) => left.size === 0);
      break;
    }
    if (isWithoutLength(marker)) {
      at += 2;
      continue;
    }
    const length = (data[at + 2] << 8) | data[at + 3];
    const segment = data.subarray(at + 4, at + 2 + length);
    const start = at;
    // A length counts its own two bytes; a smaller one would hold the walk in place.
    at += 2 + Math.max(length, 2);
    found.runsOut = at > data.length;
    if (isDropped(marker) && !found.scans) {
      if (marker === APP1) noteMetadata(metadata, segment);
      drop(start, Math.min(at, data.length));
    } else if (isFrame(marker)) {
      progressive = PROGRESSIVE.has(marker);
      readFrame(found, wanted, segment);
    } else if (marker === DRI) {
      hasRestarts = segment[0] > 0 || segment[1] > 0;
    } else if (marker === SOS) {
      noteScan(found, wanted, segment, progressive);
      scan = [at, scanEnd(data, at)];
      at = scan[1];
    }
  }
  found.orientation = orientationOf(metadata);
  const head = found.kept.slice();
  found.kept.push(data.subarray(keptFrom));
  found.withMoreData = () => [
    ...head, data.subarray(keptFrom, scan[1]), moreData(data.subarray(...scan), hasRestarts),
  ];
  return found;
}

function noteMetadata(metadata, segment) {
  if (beginsWith(segment, EXIF)) metadata.exif ??= segment.subarray(EXIF.length);
  else if (beginsWith(segment, XMP)) metadata.xmp ??= segment.subarray(XMP.length);
}

function readFrame(found, wanted, segment) {
  if (segment.length < 6) return;
  found.height ||= (segment[1] << 8) | segment[2];
  found.width ||= (segment[3] << 8) | segment[4];
  const end = Math.min(segment.length, 6 + 3 * segment[5]);
  for (let index = 6; index < end; index += 3) {
    if (!wanted.has(segment[index])) {
      wanted.set(segment[index], new Set(Array(COEFFICIENTS).keys()));
    }
  }
}

function noteScan(found, wanted, segment, progressive) {
  found.scans += 1;
  const count = segment[0];
  if (!segment.length || segment.length < 4 + 2 * count) return;
  let [first, last, precision] = segment.subarray(1 + 2 * count, 4 + 2 * count);
  if (!progressive) [first, last, precision] = [0, COEFFICIENTS - 1, 0];
  // A first look at these coefficients: lower bits of them are still to come.
  if (precision & 0x0f) return;
  for (let index = 1; index < 1 + 2 * count; index += 2) {
    const left = wanted.get(segment[index]);
    for (let number = first; number <= Math.min(last, COEFFICIENTS - 1); number++) {
      left?.delete(number);
    }
  }
}

// Where the next marker is; stuffed bytes and restarts do not end a scan.
function scanEnd(data, from) {
  for (let at = data.indexOf(0xff, from); at >= 0; at = data.indexOf(0xff, at + 1)) {
    const next = data[at + 1];
    if (next !== undefined && next !== 0 && next !== 0xff && !isRestart(next)) return at;
  }
  return data.length;
}

// Other bytes before the end marker: pixels that had none are made of them.
function moreData(scan, hasRestarts) {
  const more = [];
  if (hasRestarts) {
    let restarts = 0;
    for (let at = scan.indexOf(0xff); at >= 0; at = scan.indexOf(0xff, at + 1)) {
      if (isRestart(scan[at + 1])) restarts += 1;
    }
    // A decoder at the end of an interval looks for its marker and no further.
    more.push(0xff, 0xd0 + (restarts % 8));
  }
  for (let round = 0; round < 16; round++) {
    for (let byte = 1; byte <= 250; byte++) more.push(byte);
  }
  return Uint8Array.from([...more, 0xff, EOI]);
}
