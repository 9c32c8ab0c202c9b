// On every baked page: registers the service worker, offers to keep the site for offline use, and
// makes links work where the pages are opened as files.
(() => {
  "use strict";
  const root = new URL(document.currentScript.dataset.root, location.href);

  // Without a server nobody turns a folder's address into that of its page.
  if (location.protocol === "file:") {
    for (const link of document.querySelectorAll("a[href]")) {
      const address = new URL(link.href);
      if (address.protocol !== "file:" || !address.pathname.endsWith("/")) continue;
      address.pathname += "index.html";
      link.href = address.href;
    }
  }

  if (!("serviceWorker" in navigator) || !window.isSecureContext) return;
  const workers = navigator.serviceWorker;

  const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

  const ask = (message) =>
    workers.ready.then((registration) => registration.active.postMessage(message));

  // What this page loaded before there was a worker to keep it.
  const keepThisPage = () => {
    const loaded = performance.getEntriesByType("resource").map((entry) => entry.name);
    ask({ keep: [location.href, ...loaded.filter((address) => address.startsWith(root.href))] });
  };

  const offerToKeepAll = () => {
    const line = document.createElement("p");
    const button = document.createElement("button");
    const status = document.createElement("span");
    line.className = "keep-offline";
    button.type = "button";
    button.className = "plain-button";
    button.textContent = "Keep for offline use";
    status.setAttribute("role", "status");
    line.append(button, " ", status);
    document.querySelector("footer")?.prepend(line);

    let asked = false;
    button.addEventListener("click", () => {
      button.disabled = true;
      ask(asked ? { keepAll: true } : { size: true });
      asked = true;
    });
    workers.addEventListener("message", ({ data }) => {
      if (data.size !== undefined) {
        status.textContent = `This fetches ${data.files} files, ${megabytes(data.size)}.`;
        button.textContent = `Fetch ${megabytes(data.size)}`;
        button.disabled = false;
      } else if (data.kept !== undefined) {
        const done = data.kept === data.files;
        status.textContent = done
          ? "The whole site works offline now."
          : `${data.kept} of ${data.files} files`;
        button.hidden = done;
      } else if (data.failed) {
        status.textContent = "Not everything could be fetched. Check your connection and try again.";
        button.disabled = false;
      }
    });
  };

  window.addEventListener("load", async () => {
    try {
      const registration = await workers.register(new URL("sw.js", root), { scope: root.pathname });
      // Browsers put their own check for a new edition off while pages follow each other.
      registration.update().catch(() => null);
    } catch {
      return; // private windows and some settings allow none; the pages work without
    }
    offerToKeepAll();
    keepThisPage();
  });
})();
