// An answer in plain words with bars, as critterdb/web/pages/verdict.py and its template show it.

import { roundHalfEven } from "./preprocessing.js";

const MAX_BARS = 5;
const MAX_LABELS_NAMED = 6;
const SVG = "http://www.w3.org/2000/svg";

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

export const nameOf = (label) => label.common_name || label.name;

// A probability as text that promises neither nothing nor certainty.
function confidence(score) {
  if (score < 0.01) return "under 1%";
  return score > 0.99 ? "over 99%" : `${roundHalfEven(score * 100)}%`;
}

// {verdict, headline, explanation}; `labels` are those that the model knows, in its order.
export function describe({ answer, reason, predictions }, labels) {
  if (reason === "not_a_critter") {
    const names = labels.slice(0, MAX_LABELS_NAMED).map(nameOf).join(", ");
    const more = labels.length > MAX_LABELS_NAMED ? " and more" : "";
    return {
      verdict: "unknown",
      headline: "Not a critter that I know",
      explanation:
        `It is unlike every photo that I learned from. The ones I know: ${names}${more}.`,
    };
  }
  if (answer === null) {
    const nearest = predictions.slice(0, 2).map(nameOf).join(" or ");
    return {
      verdict: "unsure",
      headline: "I am not sure",
      explanation:
        `It may be ${nearest}, but I am not sure enough to say so. ` +
        "A sharper or closer photo may help.",
    };
  }
  const sure = `I am ${confidence(answer.score)} sure`;
  if (reason === "coarser") {
    return {
      verdict: "coarser",
      headline: `Some kind of ${nameOf(answer)}`,
      explanation: `${sure} of that, but I cannot tell which one.`,
    };
  }
  return { verdict: "sure", headline: nameOf(answer), explanation: `${sure}.` };
}

function bar(label, reference) {
  const svg = document.createElementNS(SVG, "svg");
  const rect = (name, width) => {
    const made = document.createElementNS(SVG, "rect");
    made.setAttribute("class", name);
    made.setAttribute("width", width);
    made.setAttribute("height", 4);
    return made;
  };
  const attributes = { class: "bar", viewBox: "0 0 100 4", preserveAspectRatio: "none" };
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  svg.setAttribute("aria-hidden", "true");
  svg.append(rect("track", 100), rect("fill", Math.round(1000 * label.score) / 10));
  const name = reference?.page
    ? element("a", { href: reference.page }, nameOf(label))
    : nameOf(label);
  const latin = nameOf(label) === label.name ? null : element("i", {}, label.name);
  const photo = reference?.image
    ? element(
        "a", { class: "reference", href: reference.photo_page ?? reference.page,
               title: reference.credit },
        element("img", { src: reference.image, alt: `A photo of ${nameOf(label)}`,
                         loading: "lazy", decoding: "async" }),
      )
    : null;
  return element(
    "li", photo ? { class: "with-photo" } : {}, photo,
    element("span", { class: "name" }, name, latin ? " " : null, latin),
    element("span", { class: "percent" }, confidence(label.score)),
    svg,
  );
}

const NINTHS = [
  ["in the upper left", "at the top", "in the upper right"],
  ["on the left", "in the middle", "on the right"],
  ["in the lower left", "at the bottom", "in the lower right"],
];

// Says that the model looked twice, and where; `crop` is the part of the photo that decided.
function secondLookWords([x, y, width, height]) {
  const [column, row] = [x + width / 2, y + height / 2].map((middle) =>
    Math.min(2, Math.max(0, Math.floor(3 * middle))),
  );
  return (
    `I looked twice. The second time I saw only the framed part, ${NINTHS[row][column]}, ` +
    "and that decided."
  );
}

function frame([x, y, width, height], image, label) {
  const svg = document.createElementNS(SVG, "svg");
  const attributes = {
    class: "frame", viewBox: `0 0 ${image.width} ${image.height}`, role: "img",
    preserveAspectRatio: "xMidYMid meet", "aria-label": label,
  };
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  for (const line of ["outer", "inner"]) {
    const rect = document.createElementNS(SVG, "rect");
    const sides = {
      class: line, fill: "none", "vector-effect": "non-scaling-stroke",
      x: x * image.width, y: y * image.height,
      width: width * image.width, height: height * image.height,
    };
    for (const [name, value] of Object.entries(sides)) rect.setAttribute(name, value);
    svg.append(rect);
  }
  return svg;
}

// The card of an answer; `picture` is an element, `references` are by taxon id.
export function verdictCard(payload, labels, picture, references = {}) {
  const { verdict, headline, explanation } = describe(payload, labels);
  const bars = element(
    "ol", { class: "bars", "aria-label": "How likely each critter is" },
    ...payload.predictions.slice(0, MAX_BARS).map((label) => bar(label, references[label.taxon_id])),
  );
  const shown = verdict === "unknown"
    ? element("details", {}, element("summary", {}, "The closest matches"), bars)
    : bars;
  const { width, height } = payload.image;
  const twice = payload.crop ? secondLookWords(payload.crop) : null;
  if (twice) picture.querySelector(".stage")?.append(frame(payload.crop, payload.image, twice));
  const words = element(
    "div", { class: "words" },
    element("h2", {}, headline),
    element("p", { class: "explanation" }, explanation),
    twice ? element("p", { class: "why" }, twice) : null,
    shown,
    element("p", { class: "fine" }, `${width} × ${height} pixels, ${Math.round(payload.took_ms)} ms`),
    element(
      "details", { class: "fine" }, element("summary", {}, "As JSON"),
      element("pre", { tabindex: "0" }, JSON.stringify(payload, null, 2)),
    ),
  );
  return element("div", { class: `card verdict ${verdict}` }, picture, words);
}
