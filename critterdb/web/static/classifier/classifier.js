// Classify photos in the browser: `window.critterdb.classify(blobOrUrl)` gives the JSON that the
// endpoint gives (docs/api.md), and nothing leaves this device. Loaded as a module from a published
// site, by its pages or by anybody's.

import { decide, rounded } from "./decision.js";
import { EVIDENCE_OUTPUTS, hasEvidence, readEvidence } from "./evidence.js";
import { labelSet } from "./label-set.js";
import { load } from "./loading.js";
import { MAX_BYTES } from "./limits.js";
import { readModelFile } from "./model-file.js";
import { readPicture } from "./picture.js";
import { parseWhereabouts, placedAnswer, readPrior } from "./place.js";
import { areaOf, look, lookCloser, sideFor } from "./preprocessing.js";
import { Refusal, fetchFailed, tooLarge, urlInvalid } from "./refusals.js";
import { WINDOW_NOVELTY, believe, findArea } from "./second-look.js";
import { sha256 } from "./sha256.js";
import { asSimilar, parseSimilar, rankTrainingPhotos, readTrainingPhotos } from "./similar.js";

const here = new URL(".", import.meta.url);
const OUTPUTS = ["probabilities", "novelty", "embedding"];
const watchers = new Set();
const progress = { loaded: 0, total: 0 };
let contents; // of models.json, a promise
let runtime; // ONNX Runtime, a promise
const models = new Map(); // id → a promise of {description, session}
const trainingPhotos = new Map(); // of models, by their id: promises
const embeddings = new WeakMap(); // of pictures, by the answer that `classify` gave
let busy = Promise.resolve();

const noteBytes = (bytes) => {
  progress.loaded = Math.min(progress.total, progress.loaded + bytes);
  for (const watcher of watchers) watcher({ ...progress });
};

// What the site offers: {runtime, models: [{id, game, title, file, bytes, …}]}.
const list = () =>
  (contents ??= load(new URL("models.json", here)).then((bytes) =>
    JSON.parse(new TextDecoder().decode(bytes)),
  ));

async function startRuntime(files) {
  progress.total += files.bytes;
  const at = (name) => new URL(files[name], here);
  const [ort, wasmBinary] = await Promise.all([import(at("script")), load(at("wasm"), noteBytes)]);
  ort.env.wasm.wasmBinary = wasmBinary.buffer;
  ort.env.wasm.wasmPaths = { mjs: at("glue").href };
  // More threads need headers that most hosts of static files cannot send.
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  return ort;
}

async function open(id) {
  const { runtime: files, models: offered } = await list();
  const chosen = offered.find((model) => model.id === id) ?? (id ? null : offered[0]);
  if (!chosen) {
    throw id
      ? new Refusal("model_unknown", "This site does not have that model. Leave `model` out")
      : new Refusal("no_model", "This site has no model to classify with");
  }
  if (!models.has(chosen.id)) models.set(chosen.id, start(files, chosen));
  try {
    return await models.get(chosen.id);
  } catch (error) {
    models.delete(chosen.id); // the next photo tries again
    throw error;
  }
}

async function start(files, chosen) {
  progress.total += chosen.bytes;
  runtime ??= startRuntime(files);
  try {
    const [ort, bytes] = await Promise.all([runtime, load(new URL(chosen.file, here), noteBytes)]);
    const description = await readModelFile(bytes);
    const prior = await readPrior(description.metadata.place_prior, description.labels.length);
    const options = { executionProviders: ["wasm"], logSeverityLevel: 3 }; // errors only
    const session = await ort.InferenceSession.create(bytes, options);
    return { ort, description, prior, session };
  } catch (error) {
    runtime = undefined;
    Object.assign(progress, { loaded: 0, total: 0 });
    throw new Refusal("no_model", `The model did not load: ${error.message}. Reload the page`);
  }
}

// What the model makes of one view: {probabilities, novelty, embedding, windows, evidence}.
async function lookAt({ ort, description, session }, pixels, area, withEvidence) {
  const { size } = description.view;
  const isExplained = withEvidence && hasEvidence(session);
  const wanted = [...OUTPUTS];
  if (description.secondLook) wanted.push(WINDOW_NOVELTY);
  if (isExplained) wanted.push(...EVIDENCE_OUTPUTS);
  const input = new ort.Tensor("uint8", pixels, [1, size, size, 3]);
  // A session takes one run at a time.
  busy = busy.catch(() => {}).then(() => session.run({ pixels: input }, wanted));
  const outputs = await busy;
  const [probabilities, novelty, embedding] = OUTPUTS.map((name) => outputs[name].data);
  const isUsable =
    probabilities.length === description.labels.length && novelty.length === 1 &&
    [...probabilities, ...novelty].every(Number.isFinite);
  if (!isUsable) throw new Refusal("no_model", `The model ${description.id} fails on this picture`);
  return {
    probabilities,
    novelty: novelty[0],
    embedding,
    windows: outputs[WINDOW_NOVELTY]?.data,
    evidence: isExplained ? readEvidence(outputs, description, area) : undefined,
  };
}

// The look that decides, how many there were, and the part of the photo that decided if not all.
// `read` reads the picture with as many pixels on its shorter side as it is told.
async function lookOnceOrTwice(opened, read, withEvidence) {
  const { view, thresholds, secondLook } = opened.description;
  const picture = await read(view.shorterSide);
  const whole = areaOf(view, picture.width, picture.height);
  const first = await lookAt(opened, look(picture.image, view), whole, withEvidence);
  const area = secondLook && findArea(first, whole, secondLook, thresholds);
  if (!area) return { picture, first, believed: first, looks: 1 };
  let closer;
  try {
    closer = await read(sideFor(view, area));
  } catch {
    // It was decoded a moment ago; what one look said is better than a refusal.
    return { picture, first, believed: first, looks: 1 };
  }
  const second = await lookAt(opened, lookCloser(closer.image, area, view), area, withEvidence);
  const believed = believe(first, second, secondLook, thresholds);
  if (!believed) return { picture, first, believed: first, looks: 2 };
  return { picture, first, believed, looks: 2, crop: area.map(rounded) };
}

const withoutUndefined = (payload) =>
  Object.fromEntries(Object.entries(payload).filter(([, value]) => value !== undefined));

async function bytesOf(source, maxBytes) {
  let blob = source;
  if (!(source instanceof Blob)) {
    let url;
    try {
      url = new URL(source);
    } catch {
      throw urlInvalid();
    }
    if (!/^https?:$/.test(url.protocol) || url.username || url.password) throw urlInvalid();
    blob = await fetched(url, maxBytes);
  }
  if (blob.size > maxBytes) throw tooLarge(`${maxBytes / 1e6} MB`);
  return new Uint8Array(await blob.arrayBuffer());
}

async function fetched(url, maxBytes) {
  try {
    const response = await fetch(url, { credentials: "omit", referrerPolicy: "no-referrer" });
    if (!response.ok) throw fetchFailed();
    if (Number(response.headers.get("Content-Length")) > maxBytes) {
      throw tooLarge(`${maxBytes / 1e6} MB`);
    }
    return await response.blob();
  } catch (error) {
    throw error instanceof Refusal ? error : fetchFailed();
  }
}

async function loadTrainingPhotos(id) {
  const similar = (await list()).models.find((model) => model.id === id)?.similar;
  return similar ? readTrainingPhotos(await load(new URL(similar.file, here))) : null;
}

// A model's training photos, the nearest first to the picture of an answer that `classify` gave;
// null if the site has none of them. They are fetched when they are first asked for.
async function rank(payload) {
  const { id } = payload.model;
  const embedding = embeddings.get(payload);
  if (!embedding) return null;
  if (!trainingPhotos.has(id)) trainingPhotos.set(id, loadTrainingPhotos(id));
  let photos;
  try {
    photos = await trainingPhotos.get(id);
  } catch (error) {
    trainingPhotos.delete(id); // the next answer tries again
    throw error;
  }
  return photos && rankTrainingPhotos(photos, embedding);
}

// The key `similar` of an answer; nothing without the photos.
async function addSimilar(payload, count) {
  const ranked = count && (await rank(payload).catch(() => null));
  if (ranked) payload.similar = ranked.slice(0, count).map(asSimilar);
  return payload;
}

// `source` is a Blob, a File or an address that lets other pages read it. Options: `model` (an id),
// `maxBytes`; `evidence: true`, and `latitude`, `longitude` and `on` (a day), which add `evidence`
// and `with_place` if the model file has these parts; `similar` (at most 10), which adds so many
// training photos if the site has them. The promise is kept with an answer or with a refusal
// ({ok: false, code, …}).
async function classify(source, options = {}) {
  const { model, maxBytes = MAX_BYTES, evidence: withEvidence = false } = options;
  const started = performance.now();
  try {
    const whereabouts = parseWhereabouts({
      latitude: options.latitude ?? options.lat,
      longitude: options.longitude ?? options.lng,
      on: options.on ?? options.observed_on,
    });
    const similar = parseSimilar(options.similar);
    const data = await bytesOf(source, maxBytes);
    const opened = await open(model);
    const { description, prior } = opened;
    const read = (side) => readPicture(data, side, maxBytes);
    const { picture, first, believed, looks, crop } =
      await lookOnceOrTwice(opened, read, withEvidence);
    const decided = decide(believed.probabilities, believed.novelty, description);
    const { id, game, backbone, thresholds, secondLook, setRule } = description;
    const payload = withoutUndefined({
      ok: true,
      ...decided,
      novelty_threshold: rounded(thresholds.novelty_threshold),
      model: { id, game, backbone },
      image: { sha256: await sha256(data), width: picture.width, height: picture.height },
      prediction_id: null,
      took_ms: Number((performance.now() - started).toFixed(1)),
      looks: secondLook ? looks : undefined,
      crop,
      evidence: believed.evidence,
      set: labelSet(decided, setRule),
      with_place:
        prior && whereabouts ? placedAnswer(decided, description, prior, whereabouts) : undefined,
    });
    embeddings.set(payload, first.embedding);
    return await addSimilar(payload, similar);
  } catch (error) {
    if (error instanceof Refusal) return error.asJson();
    throw error;
  }
}

let ready;

export const critterdb = {
  classify,
  // Kept when the model is loaded; asking for it starts that.
  get ready() {
    ready ??= open().then(
      ({ description }) => ({ id: description.id, game: description.game }),
      (error) => {
        ready = undefined;
        throw error;
      },
    );
    return ready;
  },
  models: () => list().then((found) => found.models),
  rank,
  // What the file of a model, or of the one in use, says of itself.
  describe: (id) => open(id).then(({ description }) => description),
  // `watcher({loaded, total})`, in bytes, whenever some arrive; gives a function that ends it.
  watch(watcher) {
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  },
};

globalThis.critterdb = critterdb;
// Visitors who asked their browser to spare data wait for their first photo instead.
if (!navigator.connection?.saveData) critterdb.ready.catch(() => {});
