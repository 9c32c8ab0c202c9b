// Shows the chosen, pasted or dropped photo at once, and the answer beside it without leaving the
// page. Without this file the forms do the same with a page load.
(() => {
  "use strict";
  const form = document.querySelector("form.by-file");
  const input = document.getElementById("image");
  const result = document.getElementById("result");
  let preview = null;
  // Larger than any model looks at; the largest canvas that every browser has.
  const SHRUNK_SIDE = 4096;
  // An iPhone sends a JPEG to a form that does not ask for HEIC, which spares the server work.
  if (form.dataset.heic && !/iPhone|iPad|iPod/.test(navigator.userAgent)) {
    input.accept += ",image/heic,image/heif,.heic,.heif";
  }
  let questions = 0; // an answer to an earlier one comes too late
  document.documentElement.classList.add("scripted");

  const card = (className, ...children) => {
    const element = document.createElement("div");
    element.className = className;
    element.append(...children);
    return element;
  };

  const text = (tag, words, className) => {
    const element = document.createElement(tag);
    element.textContent = words;
    if (className) element.className = className;
    return element;
  };

  const photo = () => {
    const image = document.createElement("img");
    image.alt = "The photo that you chose";
    image.src = preview;
    image.addEventListener("error", () => image.remove());
    return image;
  };

  const picture = () => {
    const figure = document.createElement("figure");
    figure.className = "picture";
    figure.append(photo());
    return figure;
  };

  // Below the maps of the evidence, in place of what stands there for a photo that was not stored.
  const showPhotoIn = (figure) => {
    const stage = figure.querySelector(".stage") || figure;
    const image = photo();
    image.addEventListener("load", () => stage.querySelector(".blank")?.remove());
    stage.prepend(image);
  };

  // On a phone the result lies below both forms, where nobody would see that anything happened.
  const show = (...children) => {
    result.replaceChildren(...children);
    result.hidden = false;
    const place = result.getBoundingClientRect();
    if (place.top < 0 || place.bottom > window.innerHeight) result.scrollIntoView({ block: "start" });
  };

  const problem = (words) => {
    const box = card("card problem", text("h2", "That did not work"), text("p", words));
    box.setAttribute("role", "alert");
    show(box);
  };

  const showWaiting = () => {
    const column = card("words", text("h2", "Classifying …"), text("p", "This takes a moment.", "explanation"));
    show(card("card verdict busy", picture(), column));
  };

  // Chosen, pasted or dropped, a photo is classified at once.
  input.addEventListener("change", () => {
    if (preview) URL.revokeObjectURL(preview);
    preview = input.files.length ? URL.createObjectURL(input.files[0]) : null;
    if (preview) form.requestSubmit();
    else result.hidden = true;
  });

  // Ticked after the photo was chosen, the box asks again.
  document.getElementById("use-exif")?.addEventListener("change", () => {
    if (input.files.length) form.requestSubmit();
  });

  // What is pasted or dropped goes into the form. A dropped link or a pasted address goes into the
  // other form.
  document.addEventListener("critterdb-photo", ({ detail: photo }) => {
    const carrier = new DataTransfer();
    carrier.items.add(photo);
    input.files = carrier.files;
    input.dispatchEvent(new Event("change"));
  });
  document.addEventListener("critterdb-address", ({ detail: address }) => {
    document.getElementById("url").value = address;
    document.querySelector("form.by-address").requestSubmit();
  });
  document.addEventListener("critterdb-other", ({ detail: words }) => problem(words));

  // A photo as a smaller JPEG; null where this browser cannot decode it, or it stays too large.
  const shrunk = async (file, limit) => {
    const image = new Image();
    image.src = URL.createObjectURL(file);
    try {
      await image.decode();
      const scale = Math.min(1, SHRUNK_SIDE / Math.max(image.naturalWidth, image.naturalHeight));
      const canvas = document.createElement("canvas");
      canvas.width = Math.max(1, Math.round(image.naturalWidth * scale));
      canvas.height = Math.max(1, Math.round(image.naturalHeight * scale));
      const context = canvas.getContext("2d");
      context.fillStyle = "rgb(128, 128, 128)"; // as the server does beneath transparent pixels
      context.fillRect(0, 0, canvas.width, canvas.height);
      context.drawImage(image, 0, 0, canvas.width, canvas.height);
      for (const quality of [0.9, 0.7]) {
        const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", quality));
        if (blob && blob.size <= limit) return blob;
      }
    } catch {
      return null;
    } finally {
      URL.revokeObjectURL(image.src);
    }
    return null;
  };

  form.addEventListener("submit", async (event) => {
    if (!input.files.length) return;
    event.preventDefault();
    const limit = Number(form.dataset.maxBytes);
    const button = form.querySelector("button");
    button.disabled = true;
    showWaiting();
    const asked = ++questions;
    const sent = new FormData(form);
    if (input.files[0].size > limit) {
      const smaller = await shrunk(input.files[0], limit);
      if (asked !== questions) return;
      if (!smaller) {
        problem(
          `That photo is larger than ${limit / 1e6} MB, and this browser cannot make it smaller. ` +
            "Choose a smaller version of it.",
        );
        button.disabled = false;
        return;
      }
      sent.set("image", smaller, "photo.jpg");
    }
    try {
      const response = await fetch(form.action, {
        method: "POST",
        body: sent,
        headers: { Accept: "text/html" },
      });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const answer = page.getElementById("result");
      if (asked !== questions) return;
      if (!answer || answer.hidden) throw new Error("no answer");
      show(...answer.children);
      const figure = result.querySelector(".picture");
      if (figure && preview) showPhotoIn(figure);
      result.focus({ preventScroll: true });
    } catch {
      if (asked === questions) problem("No answer arrived. Check your connection and try again.");
    } finally {
      button.disabled = false;
    }
  });
})();
