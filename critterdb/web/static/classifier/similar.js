// Training photos like a picture, ranked as critterdb/web/queries/training_photos.py ranks them.
// They come from a file of the site, written by critterdb/publish/static_site/similar.py.

import { rounded } from "./decision.js";
import { similarInvalid } from "./refusals.js";

const MAX_SIMILAR = 10;
const here = new URL(".", import.meta.url);
const LENGTH_BYTES = 4;
// Python's `normalized` (critterdb/model/novelty.py) has the same.
const SMALLEST_LENGTH = 1e-12;

const lengthOf = (vector) => {
  let squares = 0;
  for (const value of vector) squares += value * value;
  return Math.max(Math.sqrt(squares), SMALLEST_LENGTH);
};

// The photos of a file {taxon, …}, each with its vector. The file has the length of its JSON, the
// JSON, and a row of signed bytes for each photo.
export function readTrainingPhotos(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const start = LENGTH_BYTES + view.getUint32(0, true);
  const { dimensions, taxa, photos } = JSON.parse(
    new TextDecoder().decode(bytes.subarray(LENGTH_BYTES, start)),
  );
  if (bytes.length !== start + photos.length * dimensions) throw new Error("the file is not whole");
  const vectors = new Int8Array(bytes.buffer, bytes.byteOffset + start);
  return photos.map((photo, index) => {
    const vector = vectors.subarray(index * dimensions, (index + 1) * dimensions);
    return { ...photo, taxon: taxa[photo.taxon], vector, length: lengthOf(vector) };
  });
}

// All of them, the nearest to an embedding first, each with its distance: 1 − cosine.
export function rankTrainingPhotos(photos, embedding) {
  const length = lengthOf(embedding);
  const distanceTo = (photo) => {
    let product = 0;
    for (let at = 0; at < embedding.length; at++) product += embedding[at] * photo.vector[at];
    return Math.max(0, 1 - product / (length * photo.length));
  };
  return photos
    .map((photo) => ({ photo, distance: distanceTo(photo) }))
    .sort((a, b) => a.distance - b.distance);
}

// A ranked photo as the key `similar` of an answer has it.
export function asSimilar({ photo, distance }) {
  const { taxon_id, name, common_name } = photo.taxon;
  return {
    photo_id: photo.photo_id,
    distance: rounded(distance),
    taxon_id,
    name,
    common_name,
    license_code: photo.license_code,
    attribution: photo.attribution,
    image: new URL(photo.image, here).href,
    page: new URL(photo.page, here).href,
  };
}

// `similar` of the options of `classify`: how many photos are asked for.
export function parseSimilar(value = 0) {
  const count = Number(value);
  if (Number.isInteger(count) && count >= 0 && count <= MAX_SIMILAR) return count;
  throw similarInvalid(MAX_SIMILAR, value);
}
