// Keys press the buttons that name them (data-key), but not while somebody writes.
(() => {
  "use strict";
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const writing = event.target.closest("input, textarea, select");
    if (writing) {
      if (event.key === "Escape") writing.blur();
      return;
    }
    const key = event.key.toLowerCase();
    const button = [...document.querySelectorAll("[data-key]")].find(
      (one) => one.dataset.key === key,
    );
    if (!button) return;
    event.preventDefault();
    if (button.matches("input")) button.focus();
    else button.click();
  });
})();
