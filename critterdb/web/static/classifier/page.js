// The page of a static site that classifies: choose, take, paste or drop a photo, or name one on
// the web. Everything happens in this browser.

import { critterdb } from "./classifier.js";
import { fetchElsewhere } from "./elsewhere.js";
import { chooseLikenesses, likenessSection } from "./likenesses.js";
import { element, verdictCard } from "./verdict.js";

const MAX_BYTES = 50_000_000; // nothing is sent, so the endpoint's 10 MB do not hold here
const byFile = document.querySelector("form.by-file");
const byAddress = document.querySelector("form.by-address");
const input = document.getElementById("image");
const camera = document.getElementById("camera");
const chooser = document.getElementById("model");
const result = document.getElementById("result");
const loading = document.getElementById("loading");
const loadingBar = document.getElementById("loading-bar");
const loadingWords = document.getElementById("loading-words");
const loadingStatus = document.getElementById("loading-status");
let preview = null;
let questions = 0; // an answer to an earlier one comes too late

const megabytes = (bytes) => (bytes / 1e6).toFixed(1);

const show = (...children) => {
  result.replaceChildren(...children);
  result.hidden = false;
  const place = result.getBoundingClientRect();
  if (place.top < 0 || place.bottom > window.innerHeight) result.scrollIntoView({ block: "start" });
};

const problem = (words) =>
  show(
    element(
      "div", { class: "card problem", role: "alert" },
      element("h2", {}, "That did not work"),
      element("p", {}, `${words.replace(/\.$/, "")}.`),
    ),
  );

const picture = () => {
  const image = element("img", { src: preview, alt: "The photo that you chose" });
  const figure = element("figure", { class: "picture" }, element("div", { class: "stage" }, image));
  image.addEventListener("error", () => figure.replaceChildren());
  return figure;
};

async function classify(photo) {
  const asked = ++questions;
  if (preview) URL.revokeObjectURL(preview);
  preview = URL.createObjectURL(photo);
  const words = element(
    "div", { class: "words" }, element("h2", {}, "Classifying …"),
    element("p", { class: "explanation" }, "This takes a moment."),
  );
  show(element("div", { class: "card verdict busy" }, picture(), words));
  const payload = await answerTo(photo);
  if (asked !== questions) return;
  if (!payload.ok) {
    problem(payload.error);
    return;
  }
  const offered = (await critterdb.models()).find((model) => model.id === payload.model.id);
  const labels = (await critterdb.describe(chooser.value || undefined)).labels;
  show(verdictCard(payload, labels, picture(), offered?.references));
  result.focus({ preventScroll: true });
  const likenesses = await likenessesOf(payload, labels);
  if (likenesses && asked === questions) result.append(likenessSection(likenesses));
}

// Fetched after the answer is there; without them the page is whole. Visitors who asked their
// browser to spare data do not get them.
async function likenessesOf(payload, labels) {
  if (navigator.connection?.saveData) return null;
  const ranked = await critterdb.rank(payload).catch(() => null);
  return ranked && chooseLikenesses(ranked, payload, labels);
}

async function answerTo(photo) {
  try {
    return await critterdb.classify(photo, {
      model: chooser.value || undefined, maxBytes: MAX_BYTES,
    });
  } catch (error) {
    return { ok: false, error: `This browser could not classify it (${error.message})` };
  }
}

async function classifyAddress(address) {
  const asked = ++questions;
  show(element("div", { class: "card verdict busy" }, element("h2", {}, "Fetching the picture …")));
  let photo;
  try {
    photo = await fetchElsewhere(address, MAX_BYTES);
  } catch (error) {
    if (asked === questions) problem(error.message);
    return;
  }
  if (asked === questions) await classify(photo);
}

for (const field of [input, camera]) {
  field.addEventListener("change", () => {
    if (field.files.length) classify(field.files[0]);
  });
}
byFile.addEventListener("submit", (event) => event.preventDefault());
byAddress.addEventListener("submit", (event) => {
  event.preventDefault();
  classifyAddress(document.getElementById("url").value);
});

document.addEventListener("critterdb-photo", ({ detail: photo }) => classify(photo));
document.addEventListener("critterdb-address", ({ detail: address }) => {
  document.getElementById("url").value = address;
  classifyAddress(address);
});
document.addEventListener("critterdb-other", ({ detail: words }) => problem(words));

critterdb.watch(({ loaded, total }) => {
  loadingBar.max = total;
  loadingBar.value = loaded;
  loadingWords.textContent = loaded < total
    ? `Loading the model: ${megabytes(loaded)} of ${megabytes(total)} MB`
    : "Starting the model.";
  loading.hidden = false;
});

async function offerModels() {
  const models = await critterdb.models();
  if (models.length < 2) return;
  chooser.append(...models.map((model) => element("option", { value: model.id }, model.title)));
  chooser.value = new URLSearchParams(location.search).get("model") ?? models[0].id;
  chooser.parentElement.hidden = false;
}

// In somebody's own page: only what classifies, in a frame as high as it needs to be (embed.js).
function fitFrame() {
  document.documentElement.classList.add("embedded");
  new ResizeObserver(() => {
    const height = Math.ceil(document.documentElement.getBoundingClientRect().height);
    parent.postMessage({ critterdb: "height", height }, "*");
  }).observe(document.body);
}

const embed = new URL("embed.js", import.meta.url);
document.getElementById("embed").textContent = `<script src="${embed}" async></script>`;
document.documentElement.classList.add("scripted");
if (new URLSearchParams(location.search).has("embed") && parent !== window) fitFrame();
offerModels().catch(() => {});
if (navigator.connection?.saveData) loadingWords.textContent = "The model loads with your first photo.";
else {
  critterdb.ready.then(
    () => {
      loading.hidden = true;
      loadingStatus.textContent = "The model is ready.";
    },
    (error) => {
      loading.hidden = true;
      if (result.hidden) problem(error.message);
    },
  );
}
