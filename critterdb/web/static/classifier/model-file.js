// What a model file says of itself (critterdb/model/description.py): the JSON of the metadata
// property `critterdb` of an ONNX file, which is a protocol buffer.

import { parseSetRule } from "./label-set.js";
import { parseView } from "./preprocessing.js";
import { parseSecondLook } from "./second-look.js";
import { sha256 } from "./sha256.js";

const FORMAT = 1;
const METADATA_PROPS = 14; // field of ModelProto
const KEY = 1;
const VALUE = 2;
const LENGTH_DELIMITED = 2; // wire type
const FIXED_BYTES = { 1: 8, 5: 4 };

// Raises an Error with the reason to refuse the file. Its own digest speaks for its bytes.
export async function readModelFile(bytes) {
  const description = parseDescription(metadataOf(bytes).get("critterdb"));
  if (description.digest && (await digestWithoutItself(bytes, description.digest)) === false) {
    throw new Error("it has changed since it was written");
  }
  return description;
}

function metadataOf(bytes) {
  const properties = new Map();
  for (const [field, value] of fields(bytes)) {
    if (field !== METADATA_PROPS) continue;
    const entry = new Map(fields(value));
    properties.set(text(entry.get(KEY)), text(entry.get(VALUE)));
  }
  return properties;
}

const text = (bytes) => new TextDecoder("utf-8", { fatal: true }).decode(bytes ?? new Uint8Array());

// The length-delimited fields of a message. Each byte is passed once, those of the graph unread.
function* fields(bytes) {
  let at = 0;
  const number = () => {
    let value = 0;
    for (let shift = 0; shift < 63; shift += 7) {
      if (at >= bytes.length) throw new Error("it is not a complete ONNX model");
      const byte = bytes[at++];
      value += (byte & 127) * 2 ** shift;
      if (byte < 128) return value;
    }
    // A negative number takes ten bytes; no length and no field is one.
    at += 1;
    return value;
  };
  while (at < bytes.length) {
    const tag = number();
    const kind = tag % 8;
    if (kind === LENGTH_DELIMITED) {
      const length = number();
      if (at + length > bytes.length) throw new Error("it is not a complete ONNX model");
      yield [Math.floor(tag / 8), bytes.subarray(at, at + length)];
      at += length;
    } else if (kind === 0) {
      number();
    } else if (FIXED_BYTES[kind]) {
      at += FIXED_BYTES[kind];
    } else {
      throw new Error("it is not a complete ONNX model");
    }
  }
}

function parseDescription(words) {
  let metadata;
  try {
    metadata = JSON.parse(words);
  } catch {
    throw new Error("it has no valid critterdb metadata");
  }
  if (metadata?.format !== FORMAT) throw new Error(`its format is not ${FORMAT}`);
  for (const name of ["id", "game", "backbone"]) {
    if (typeof metadata[name] !== "string") throw new Error(`its ${name} is not a name`);
  }
  const thresholds = {};
  for (const name of ["threshold", "novelty_threshold", "temperature"]) {
    thresholds[name] = metadata[name];
    if (!Number.isFinite(metadata[name])) throw new Error(`its ${name} is not a usable number`);
  }
  const { id, game, backbone, digest } = metadata;
  const view = parseView(metadata.size, metadata.resize);
  const labels = parseLabels(metadata.labels);
  const secondLook = parseSecondLook(metadata.second_look);
  const setRule = parseSetRule(metadata.set);
  return { id, game, backbone, digest, view, labels, thresholds, secondLook, setRule, metadata };
}

function parseLabels(labels) {
  if (!Array.isArray(labels) || !labels.length) throw new Error("its labels are not a list of taxa");
  return labels.map((label) => ({
    ...parseTaxon(label),
    ancestors: (label.ancestors ?? []).map(parseTaxon),
  }));
}

function parseTaxon(taxon) {
  const { taxon_id, name, common_name = null, rank = null } = taxon ?? {};
  if (!Number.isInteger(taxon_id) || typeof name !== "string") {
    throw new Error("its labels are not a list of taxa, each with an id and names");
  }
  return { taxon_id, name, common_name, rank };
}

// The digest is that of the file with zeros in the digest's own place.
async function digestWithoutItself(bytes, digest) {
  const own = new TextEncoder().encode(digest);
  const start = find(bytes, own);
  if (start < 0) return false;
  const blank = bytes.slice();
  blank.fill(48, start, start + own.length); // the character 0
  return (await sha256(blank)) === digest;
}

function find(bytes, wanted) {
  for (let at = bytes.indexOf(wanted[0]); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
    let same = 1;
    while (same < wanted.length && bytes[at + same] === wanted[same]) same++;
    if (same === wanted.length) return at;
  }
  return -1;
}
