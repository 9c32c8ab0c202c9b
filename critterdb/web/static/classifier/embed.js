// Put the classifier into any page: <script src="https://SITE/…/embed.js" async></script>
// It comes in a frame of the site that the script is from, so that neither page reaches the other.
(() => {
  "use strict";
  const script = document.currentScript ?? document.querySelector('script[src$="classifier/embed.js"]');
  const page = new URL("../../../classify/?embed", script.src);
  const frame = document.createElement("iframe");
  frame.src = page;
  frame.title = script.dataset.title ?? "Classify a photo";
  frame.allow = "camera; clipboard-read";
  frame.style.cssText = "width: 100%; height: 30rem; border: 0; color-scheme: normal;";
  addEventListener("message", (event) => {
    const { critterdb, height } = event.data ?? {};
    if (event.source === frame.contentWindow && critterdb === "height" && Number.isFinite(height)) {
      frame.style.height = `${Math.min(height, 4000)}px`;
    }
  });
  script.after(frame);
})();
