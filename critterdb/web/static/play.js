// Guess photos one after another without leaving the page, and keep the score in this browser.
// Without a script, without storage, or opened as a file, the page works by its links.
(() => {
  "use strict";
  const root = document.getElementById("play");
  const source = document.getElementById("play-data");
  if (!root || !source) return;
  const part = (name) => document.getElementById(`play-${name}`);
  const game = root.dataset.game;
  const MAX_BUTTONS = 12;
  const MAX_REMEMBERED = 1000;

  const element = (name, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  // The same as day_rank in web/queries/play.py.
  const dayRank = (day, sha256) => {
    let key = 0x811c9dc5;
    for (const byte of new TextEncoder().encode(`${day}/${game}`)) {
      key = Math.imul(key ^ byte, 0x01000193) >>> 0;
    }
    let rank = (key ^ parseInt(sha256.slice(0, 8), 16)) >>> 0;
    rank = Math.imul(rank ^ (rank >>> 16), 0x85ebca6b) >>> 0;
    rank = Math.imul(rank ^ (rank >>> 13), 0xc2b2ae35) >>> 0;
    return (rank ^ (rank >>> 16)) >>> 0;
  };

  const inOrderOf = (day, photos) =>
    [...photos].sort(
      (one, other) =>
        dayRank(day, other.sha256) - dayRank(day, one.sha256) ||
        (one.sha256 < other.sha256 ? 1 : -1),
    );

  // What was guessed so far. A browser may refuse to store it, and then it lasts as long as the page.
  const KEY = `critterdb-play/${game}`;
  const EMPTY = { photos: 0, right: 0, bot: 0, beaten: 0, row: 0, best: 0, seen: [] };
  let score = { ...EMPTY };
  try {
    const stored = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    if (Array.isArray(stored.seen)) score = { ...EMPTY, ...stored };
  } catch {
    // It is not readable: start again.
  }
  const keep = () => {
    try {
      localStorage.setItem(KEY, JSON.stringify(score));
    } catch {
      // It is full or forbidden.
    }
  };

  const showScore = () => {
    if (!score.photos) return;
    const photos = score.photos === 1 ? "1 photo" : `${score.photos} photos`;
    const times = score.beaten === 1 ? "once" : `${score.beaten} times`;
    const beaten = score.beaten ? `You beat it ${times}.` : "You have not beaten it yet.";
    const streak = score.best
      ? ` Your streak: ${score.row} right in a row (best ${score.best}).`
      : "";
    part("score").textContent =
      `Of ${photos} you got ${score.right} right and the bot ${score.bot}. ${beaten}${streak}`;
  };

  const count = (photo, isRight, bot) => {
    if (score.seen.includes(photo.photo_id)) return;
    score.seen = [...score.seen, photo.photo_id].slice(-MAX_REMEMBERED);
    score.photos += 1;
    score.right += isRight ? 1 : 0;
    score.bot += bot === "right" ? 1 : 0;
    score.beaten += isRight && bot !== "right" ? 1 : 0;
    score.row = isRight ? score.row + 1 : 0;
    score.best = Math.max(score.best, score.row);
    keep();
  };

  const folded = (text) =>
    (text.normalize("NFKD").replace(/[^\x00-\x7f]/g, "").toLowerCase().match(/[a-z0-9]+/g) ?? [])
      .join(" ");

  // The same as find_choice in web/queries/play.py.
  const findChoice = (choices, words) => {
    const typed = folded(words);
    if (!typed) return null;
    const names = [
      ...choices.map((choice) => [choice, folded(choice.name)]),
      ...choices.map((choice) => [choice, folded(choice.scientific_name)]),
    ];
    for (const form of [typed, typed.replace(/s$/, "")]) {
      const same = names.find(([, name]) => name === form);
      if (same) return same[0];
      const near = new Set(
        names
          .filter(([, name]) => form.split(" ").every((word) => name.split(" ").includes(word)))
          .map(([choice]) => choice),
      );
      if (near.size === 1) return [...near][0];
    }
    return null;
  };

  // The part of the answer's page that says what it is; its links are relative to that page.
  const fetchAnswer = async (address) => {
    const response = await fetch(address, { headers: { accept: "text/html" } });
    if (!response.ok) throw new Error(`${response.status}`);
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const reveal = document.importNode(page.getElementById("reveal"), true);
    for (const name of ["href", "src"]) {
      for (const one of reveal.querySelectorAll(`[${name}]`)) {
        one.setAttribute(name, new URL(one.getAttribute(name), response.url).href);
      }
    }
    for (const one of reveal.querySelectorAll("[srcset]")) one.removeAttribute("srcset");
    return reveal;
  };

  const sentence = (choice, isRight, reveal) => {
    const bot = { right: "The bot was right too.", wrong: "The bot was wrong too.", none: "" };
    const { what, bot: how, botSaid } = reveal.dataset;
    const said = botSaid ? ` It said ${botSaid}.` : " It gave no answer.";
    const verdict = isRight ? `Right: it is ${what}.` : `No, it is ${what}; you said ${choice.name}.`;
    if (isRight && how === "right") return `${verdict} ${bot.right}`;
    if (isRight) return `${verdict} You beat the bot!${said}`;
    if (how === "right") return `${verdict} The bot was right.`;
    return how === "wrong" ? `${verdict} ${bot.wrong}${said}` : `${verdict} The bot gave no answer.`;
  };

  const start = (data, address) => {
    const today = new Date().toISOString().slice(0, 10);
    const photos = inOrderOf(today, data.photos);
    if (!photos.length) return;
    const resolved = (path) => new URL(path, address).href;
    let current = photos.find((photo) => String(photo.photo_id) === root.dataset.photo);

    const ask = () => {
      const message = element("p", { className: "notice" });
      message.setAttribute("role", "alert");
      const typed = element("input", { id: "words", autocomplete: "off" });
      const form = element("form", { className: "guess" });
      const chosen = (choice) => {
        guess(choice).catch(() => {
          message.textContent = "The answer could not be loaded. Try again";
        });
      };
      if (data.choices.length <= MAX_BUTTONS) {
        const keys = element("fieldset", { className: "keys" });
        keys.append(element("legend", { textContent: "Choose" }));
        for (const choice of data.choices) {
          const button = element("button", {
            type: "button",
            className: "plain-button",
            textContent: choice.name,
          });
          button.addEventListener("click", () => chosen(choice));
          keys.append(button);
        }
        form.append(keys);
      } else {
        const list = element("datalist", { id: "names" });
        list.append(...data.choices.map((choice) => element("option", { value: choice.name })));
        typed.setAttribute("list", "names");
        form.append(list);
      }
      form.append(
        element(
          "p",
          { className: "named" },
          element("label", { htmlFor: "words", textContent: "Or type a name" }),
          typed,
          element("button", { textContent: "Guess" }),
        ),
        message,
      );
      form.addEventListener("submit", (event) => {
        event.preventDefault();
        const choice = findChoice(data.choices, typed.value);
        if (choice) chosen(choice);
        else message.textContent = `“${typed.value}” is not one of the animals here. Guess again.`;
      });
      part("ask").replaceChildren(form);
    };

    const show = (photo, heading) => {
      current = photo;
      const image = part("photo").querySelector("img");
      for (const name of ["srcset", "sizes", "width", "height"]) image.removeAttribute(name);
      if (photo.width && photo.height) Object.assign(image, { width: photo.width, height: photo.height });
      image.src = resolved(photo.image);
      const licence = photo.license_code && photo.attribution ? ` · ${photo.license_code.toUpperCase()}` : "";
      part("photo").querySelector("figcaption").textContent =
        `${photo.attribution ?? "no public licence"}${licence}`;
      part("photo").hidden = false;
      part("heading").textContent = heading;
      part("said").textContent = score.seen.includes(photo.photo_id)
        ? "You have guessed this photo before, so it does not count again."
        : "";
      part("answer").replaceChildren();
      ask();
    };

    const guess = async (choice) => {
      const photo = current;
      const reveal = await fetchAnswer(resolved(photo.answer));
      if (photo !== current) return;
      const lineage = reveal.dataset.lineage.split(" ");
      const isRight = lineage.includes(String(choice.taxon_id));
      count(photo, isRight, reveal.dataset.bot);
      part("ask").replaceChildren();
      part("answer").replaceChildren(reveal);
      part("photo").hidden = Boolean(reveal.querySelector(".stage img"));
      part("said").textContent = sentence(choice, isRight, reveal);
      showScore();
      part("more").querySelector("button").focus();
    };

    const another = () => {
      const left = photos.filter((photo) => !score.seen.includes(photo.photo_id) && photo !== current);
      const after = photos[(photos.indexOf(current) + 1) % photos.length];
      show(left[0] ?? after, "One more photo");
      part("heading").focus();
    };

    const more = element("button", { type: "button", className: "plain-button", textContent: "Another photo" });
    more.addEventListener("click", another);
    part("more").replaceChildren(more);
    part("heading").tabIndex = -1;
    if (root.dataset.day && root.dataset.day !== today) {
      show(photos[0], "The photo of today");
    } else if (current) {
      const heading = part("heading").textContent;
      show(current, heading);
    } else {
      show(photos[0], "The photo of today");
    }
    showScore();
  };

  fetch(source.href)
    .then((response) => response.json().then((data) => start(data, response.url)))
    .catch(() => {});
})();
