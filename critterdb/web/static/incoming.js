// What a visitor pastes or drops anywhere on a page that classifies, as events of the document:
// `critterdb-photo` with a file, `critterdb-address` with a URL, and `critterdb-other` with a sentence
// about files that are not photos. classify.js and classifier/page.js listen.
(() => {
  "use strict";
  const tell = (name, detail) => document.dispatchEvent(new CustomEvent(name, { detail }));

  // Some systems have no type for a HEIC.
  const isPhoto = (file) =>
    file.type.startsWith("image/") || /\.(heic|heif|avif)$/i.test(file.name);

  const take = (files) => {
    const photo = [...files].find(isPhoto);
    if (photo) tell("critterdb-photo", photo);
    return Boolean(photo);
  };

  const takeAddress = (words) => {
    const address = (words || "").trim().split(/\s+/)[0];
    if (/^https?:\/\//i.test(address)) tell("critterdb-address", address);
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
    if (event.dataTransfer.files.length) {
      tell("critterdb-other", "That is not a photo. Drop a JPEG, PNG, WebP, GIF, HEIC or AVIF.");
    } else {
      takeAddress(event.dataTransfer.getData("text/uri-list"));
    }
  });
})();
