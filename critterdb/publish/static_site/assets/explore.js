// explore/: starts Datasette in a worker when it is asked to, and passes it what the frame below
// asks for, which arrives by the service worker.

const here = new URL(".", document.baseURI);
const tab = new URL("tab/", here);
const button = document.getElementById("start");
const bar = document.getElementById("start-bar");
const status = document.getElementById("start-status");
const frame = document.getElementById("tab");
const waiting = new Map();
let worker;
let questions = 0;

// The page of Datasette that the address of this one names: explore/#/critters/photos.
const wanted = () => new URL((location.hash || frame.dataset.first).slice(2), tab).href;

const show = () => {
  frame.src = wanted();
  frame.hidden = false;
};

const fail = (words) => {
  status.textContent = `That did not work: ${words}. Reload the page to try again.`;
  bar.hidden = true;
};

const start = () => {
  worker = new Worker(new URL("tab.js", here), { type: "module" });
  worker.addEventListener("error", (event) => fail(event.message || "the worker did not load"));
  worker.addEventListener("message", ({ data }) => {
    if (data.words) {
      status.textContent = `${data.words} …`;
      bar.value = data.share;
    } else if (data.ready) {
      status.textContent = "";
      bar.hidden = true;
      document.getElementById("starter").hidden = true;
      show();
    } else if (waiting.has(data.id)) {
      waiting.get(data.id).postMessage(data.error ? { error: data.error } : data.answer);
      waiting.delete(data.id);
    } else {
      fail(data.error);
    }
  });
  worker.postMessage({ start: tab.pathname });
};

navigator.serviceWorker?.addEventListener("message", ({ data, ports }) => {
  if (!data.question) return;
  if (!worker) {
    ports[0].postMessage({ error: "not started" });
    return;
  }
  questions += 1;
  waiting.set(questions, ports[0]);
  worker.postMessage({ id: questions, question: data.question });
});

button.addEventListener("click", async () => {
  button.disabled = true;
  bar.hidden = false;
  status.textContent = "Loading …";
  if (!navigator.serviceWorker) {
    fail("this browser has no service worker here. Open the site by https or on localhost");
    return;
  }
  await navigator.serviceWorker.ready;
  if (!navigator.serviceWorker.controller) {
    await new Promise((done) => {
      navigator.serviceWorker.addEventListener("controllerchange", done, { once: true });
    });
  }
  start();
});

// What people see is in the address, so that it can be copied.
frame.addEventListener("load", () => {
  const { pathname, search, href } = frame.contentWindow.location;
  if (!href.startsWith(tab.href)) return;
  history.replaceState(null, "", `#/${pathname.slice(tab.pathname.length)}${search}`);
});

addEventListener("hashchange", () => {
  if (worker && frame.contentWindow.location.href !== wanted()) show();
});
