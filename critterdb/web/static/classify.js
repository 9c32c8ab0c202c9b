// Shows the chosen, pasted or dropped photo at once, and the answer beside it without leaving the
// page. Without this file the forms do the same with a page load.
(() => {
  "use strict";
  const form = document.querySelector("form.by-file");
  const input = document.getElementById("image");
  const result = document.getElementById("result");
  let preview = null;
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

  const picture = () => {
    const figure = document.createElement("figure");
    figure.className = "picture";
    const image = document.createElement("img");
    image.alt = "The photo that you chose";
    image.src = preview;
    image.addEventListener("error", () => figure.replaceChildren());
    figure.append(image);
    return figure;
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

  // What is pasted or dropped goes into the form. A dropped link or a pasted address goes into the
  // other form.
  const take = (files) => {
    const photo = [...files].find((file) => file.type.startsWith("image/"));
    if (!photo) return false;
    const carrier = new DataTransfer();
    carrier.items.add(photo);
    input.files = carrier.files;
    input.dispatchEvent(new Event("change"));
    return true;
  };

  const takeAddress = (words) => {
    const address = (words || "").trim().split(/\s+/)[0];
    if (!/^https?:\/\//i.test(address)) return false;
    document.getElementById("url").value = address;
    document.querySelector("form.by-address").requestSubmit();
    return true;
  };

  document.addEventListener("paste", (event) => {
    if (take(event.clipboardData.files)) event.preventDefault();
    else if (!event.target.closest("input, textarea")) {
      takeAddress(event.clipboardData.getData("text/plain"));
    }
  });

  const carriesSomething = (event) =>
    [...event.dataTransfer.types].some((type) => type === "Files" || type === "text/uri-list");

  document.addEventListener("dragover", (event) => {
    if (!carriesSomething(event)) return;
    event.preventDefault();
    document.documentElement.classList.add("dropping");
  });

  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.documentElement.classList.remove("dropping");
  });

  document.addEventListener("drop", (event) => {
    document.documentElement.classList.remove("dropping");
    if (!carriesSomething(event)) return;
    event.preventDefault();
    if (take(event.dataTransfer.files)) return;
    if (event.dataTransfer.files.length) problem("That is not a photo. Drop a JPEG, PNG, WebP or GIF.");
    else takeAddress(event.dataTransfer.getData("text/uri-list"));
  });

  form.addEventListener("submit", async (event) => {
    if (!input.files.length) return;
    event.preventDefault();
    const limit = Number(form.dataset.maxBytes);
    if (input.files[0].size > limit) {
      problem(`That photo is larger than ${limit / 1e6} MB. Choose a smaller version of it.`);
      return;
    }
    const button = form.querySelector("button");
    button.disabled = true;
    showWaiting();
    const asked = ++questions;
    try {
      const response = await fetch(form.action, {
        method: "POST",
        body: new FormData(form),
        headers: { Accept: "text/html" },
      });
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const answer = page.getElementById("result");
      if (asked !== questions) return;
      if (!answer || answer.hidden) throw new Error("no answer");
      show(...answer.children);
      const figure = result.querySelector(".picture");
      if (figure && preview) figure.replaceWith(picture());
      result.focus({ preventScroll: true });
    } catch {
      if (asked === questions) problem("No answer arrived. Check your connection and try again.");
    } finally {
      button.disabled = false;
    }
  });
})();
