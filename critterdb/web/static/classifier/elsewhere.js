// Fetch a picture from another site without letting this page, which sees photos, connect to one:
// a sandboxed frame (elsewhere.html) may connect, and sees nothing but the address.

import { fetchFailed, tooLarge, urlInvalid } from "./refusals.js";

const FRAME = new URL("elsewhere.html", import.meta.url);
const PATIENCE_MS = 30_000;

// A promise of the picture as a Blob. Fails with a Refusal.
export async function fetchElsewhere(address, maxBytes) {
  if (!isHttp(address)) throw urlInvalid();
  const frame = document.createElement("iframe");
  frame.hidden = true;
  frame.title = "Fetches a picture";
  frame.setAttribute("sandbox", "allow-scripts");
  frame.src = FRAME;
  try {
    const { blob, isTooLarge } = await answerOf(frame, { address, maxBytes });
    if (isTooLarge) throw tooLarge(`${maxBytes / 1e6} MB`);
    if (!blob) throw fetchFailed();
    return blob;
  } finally {
    frame.remove();
  }
}

function isHttp(address) {
  try {
    const { protocol, username, password } = new URL(address);
    return /^https?:$/.test(protocol) && !username && !password;
  } catch {
    return false;
  }
}

function answerOf(frame, question) {
  return new Promise((resolve) => {
    const timer = setTimeout(() => done({}), PATIENCE_MS);
    const listen = (event) => {
      if (event.source !== frame.contentWindow) return;
      if (event.data === "ready") frame.contentWindow.postMessage(question, "*");
      else done(event.data);
    };
    const done = (answer) => {
      clearTimeout(timer);
      removeEventListener("message", listen);
      resolve(answer);
    };
    addEventListener("message", listen);
    document.body.append(frame);
  });
}
