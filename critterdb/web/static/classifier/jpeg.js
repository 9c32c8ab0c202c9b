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
  const walk = new Walk(data);
  walk.run();
  return walk.result();
}

class Walk {
  constructor(data) {
    this.data = data;
    this.parts = 0;
    this.scans = 0;
    this.width = 0;
    this.height = 0;
    this.complete = false;
    this.runsOut = false;
    this.kept = [];
    this.keptFrom = 0;
    this.metadata = {};
    this.wanted = new Map(); // component → its coefficients that no scan has brought in full
    this.progressive = false;
    this.hasRestarts = false;
    this.scan = [0, 0]; // where the data of the last one lie
  }

  run() {
    const { data } = this;
    let at = 2;
    while (at >= 0 && at + 1 < data.length && this.parts <= MAX_PARTS) {
      if (data[at] !== 0xff) {
        at = data.indexOf(0xff, at); // decoders skip other bytes, too
        continue;
      }
      const marker = data[at + 1];
      this.parts += 1;
      if (marker === EOI) {
        this.complete = this.scans > 0 && [...this.wanted.values()].every((left) => !left.size);
        return;
      }
      if (marker === 0xff) at += 1;
      else if (isWithoutLength(marker)) at += 2;
      else at = this.segment(marker, at);
    }
  }

  // Takes one segment, and a scan's data with it; gives where the next marker may be.
  segment(marker, start) {
    const { data } = this;
    const length = (data[start + 2] << 8) | data[start + 3];
    const body = data.subarray(start + 4, start + 2 + length);
    // A length counts its own two bytes; a smaller one would hold the walk in place.
    const end = start + 2 + Math.max(length, 2);
    this.runsOut = end > data.length;
    if (isDropped(marker) && !this.scans) {
      if (marker === APP1) noteMetadata(this.metadata, body);
      this.kept.push(data.subarray(this.keptFrom, start));
      this.keptFrom = Math.min(end, data.length);
    } else if (isFrame(marker)) {
      this.progressive = PROGRESSIVE.has(marker);
      readFrame(this, body);
    } else if (marker === DRI) {
      this.hasRestarts = body[0] > 0 || body[1] > 0;
    } else if (marker === SOS) {
      noteScan(this, body);
      this.scan = [end, scanEnd(data, end)];
      return this.scan[1];
    }
    return end;
  }

  result() {
    const { data, kept, keptFrom, scan, hasRestarts } = this;
    const { parts, scans, width, height, complete, runsOut } = this;
    return {
      parts, scans, width, height, complete, runsOut,
      orientation: orientationOf(this.metadata),
      kept: [...kept, data.subarray(keptFrom)],
      withMoreData: () => [
        ...kept, data.subarray(keptFrom, scan[1]), moreData(data.subarray(...scan), hasRestarts),
      ],
    };
  }
}

function noteMetadata(metadata, segment) {
  if (beginsWith(segment, EXIF)) metadata.exif ??= segment.subarray(EXIF.length);
  else if (beginsWith(segment, XMP)) metadata.xmp ??= segment.subarray(XMP.length);
}

function readFrame(found, segment) {
  if (segment.length < 6) return;
  found.height ||= (segment[1] << 8) | segment[2];
  found.width ||= (segment[3] << 8) | segment[4];
  const end = Math.min(segment.length, 6 + 3 * segment[5]);
  for (let index = 6; index < end; index += 3) {
    if (!found.wanted.has(segment[index])) {
      found.wanted.set(segment[index], new Set(Array(COEFFICIENTS).keys()));
    }
  }
}

function noteScan(found, segment) {
  found.scans += 1;
  const count = segment[0];
  if (!segment.length || segment.length < 4 + 2 * count) return;
  let [first, last, precision] = segment.subarray(1 + 2 * count, 4 + 2 * count);
  if (!found.progressive) [first, last, precision] = [0, COEFFICIENTS - 1, 0];
  // A first look at these coefficients: lower bits of them are still to come.
  if (precision & 0x0f) return;
  for (let index = 1; index < 1 + 2 * count; index += 2) {
    const left = found.wanted.get(segment[index]);
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
