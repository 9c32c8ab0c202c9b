// Training photos as evidence, as critterdb/web/pages/likenesses.py chooses them: two of the answer
// and one of the runner-up, with words.

import { asSimilar } from "./similar.js";
import { element, nameOf } from "./verdict.js";

const OF_ANSWER = 2; // photos
const OF_RUNNER_UP = 1;
const OF_ANYTHING = 3; // if there is no answer to give evidence for
const DISTANCES = "A distance of 0 means the same picture; 1 means nothing in common.";

const isInside = (label, taxonId) =>
  [label, ...label.ancestors].some((taxon) => taxon.taxon_id === taxonId);

// The taxa of which photos are shown, and how many of each.
function groupsOf({ answer, reason, predictions }, labels) {
  if (reason === "not_a_critter" || !predictions.length) return [];
  const shown = answer ?? predictions[0];
  const inside = new Set(
    labels.filter((label) => isInside(label, shown.taxon_id)).map((label) => label.taxon_id),
  );
  const runnerUp = predictions.find((label) => !inside.has(label.taxon_id));
  const groups = [{ taxon: shown, count: OF_ANSWER }];
  return runnerUp ? [...groups, { taxon: runnerUp, count: OF_RUNNER_UP }] : groups;
}

// {words, photos}: of ranked photos those to show beside an answer; null if there are none.
export function chooseLikenesses(ranked, payload, labels) {
  const groups = groupsOf(payload, labels);
  if (!groups.length) {
    const words = "The nearest of all training photos. None of them is near enough for an answer.";
    const photos = ranked.slice(0, OF_ANYTHING);
    return photos.length ? { words: `${words} ${DISTANCES}`, photos } : null;
  }
  const near = groups.map(({ taxon, count }) =>
    ranked.filter(({ photo }) => photo.taxon.lineage.includes(taxon.taxon_id)).slice(0, count),
  );
  const named = groups.filter((_, index) => near[index].length).map(({ taxon }) => nameOf(taxon));
  if (!named.length) return null;
  return { words: `The nearest of ${named.join(" and ")}. ${DISTANCES}`, photos: near.flat() };
}

function card(ranked) {
  const photo = asSimilar(ranked);
  const what = photo.common_name || photo.name || "something unidentified";
  const image = element("img", {
    src: photo.image, alt: `Photo ${photo.photo_id}: ${what}`, loading: "lazy", decoding: "async",
  });
  return element(
    "figure", { class: "shot" },
    element("a", { href: photo.page }, image),
    element(
      "figcaption", {},
      element("strong", {}, what),
      element("span", { class: "detail" }, `distance ${photo.distance.toFixed(2)}`),
      element("small", {}, photo.attribution),
    ),
  );
}

// The part of the page below an answer; `likenesses` is {words, photos}.
export function likenessSection({ words, photos }) {
  return element(
    "section", { class: "alike", "aria-labelledby": "alike" },
    element("h2", { id: "alike", class: "section" }, "Training photos like yours"),
    element("p", { class: "why" }, words),
    element("div", { class: "gallery" }, ...photos.map(card)),
  );
}
