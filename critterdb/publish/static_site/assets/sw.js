// Keeps what was fetched of one edition of the site, so that it works offline. Each edition has a
// cache of its own, whose files were checked against the edition's list: a new edition takes over
// when all that was kept of the old one is there in its new version, and never half of it.
"use strict";
const VERSION = "{{ version }}";
const CORE = {{ core }};
const SCOPE = new URL(self.registration.scope);
// Sites of one host can share an origin, and so their caches.
const PREFIX = `critterdb ${SCOPE.pathname} `;
const CACHE = PREFIX + VERSION;
const LIST = "files.json";
const VERSION_DIGITS = 12;
const PARALLEL = 4;
let listing = null;

const openCache = () => caches.open(CACHE);
const inSite = (path) => new URL(path, SCOPE).href;

// The path of an address below the site's root, as the list of files has it.
const fileOf = (address) => {
  const url = new URL(address);
  const path = decodeURIComponent(url.pathname.slice(SCOPE.pathname.length));
  return path === "" || path.endsWith("/") ? `${path}index.html` : path;
};

// One key for a page however it is asked for; files keep the version in their query.
const keyOf = (address) => {
  const url = new URL(address);
  url.hash = "";
  if (url.pathname.endsWith("/index.html")) url.pathname = url.pathname.slice(0, -"index.html".length);
  if (url.pathname.endsWith("/") || url.pathname.endsWith(".json")) url.search = "";
  return url.href;
};

const digestOf = async (response) => {
  const hash = await crypto.subtle.digest("SHA-256", await response.arrayBuffer());
  return [...new Uint8Array(hash)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
};

// The list of this edition's files with their digests; an error while the host has another edition.
const loadList = async () => {
  const address = inSite(`${LIST}?v=${VERSION}`);
  const cache = await openCache();
  let response = await cache.match(address);
  if (!response) {
    response = await fetch(address, { cache: "no-cache" });
    if (!response.ok) throw new Error(`${LIST}: ${response.status}`);
    await cache.put(address, response.clone());
  }
  const list = await response.json();
  if (list.version !== VERSION) {
    await cache.delete(address);
    throw new Error("the host has another edition");
  }
  return list;
};

const files = () => {
  listing ??= loadList().catch((error) => {
    listing = null;
    throw error;
  });
  return listing;
};

const isOfThisEdition = async (address, response) => {
  const expected = (await files()).files[fileOf(address)];
  return Boolean(expected) && (await digestOf(response)).startsWith(expected);
};

const store = async (address, response) => {
  if (!(await isOfThisEdition(address, response.clone()))) return false;
  await (await openCache()).put(keyOf(address), response);
  return true;
};

const fetchAndStore = async (address) => {
  if (await (await openCache()).match(keyOf(address))) return;
  const response = await fetch(address, { cache: "no-cache" });
  if (!response.ok || !(await store(address, response))) throw new Error(`not kept: ${address}`);
};

const inTurns = async (items, work) => {
  const waiting = [...items];
  const worker = async () => {
    while (waiting.length) await work(waiting.shift());
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
};

const otherCaches = async () =>
  (await caches.keys()).filter((name) => name.startsWith(PREFIX) && name !== CACHE);

// The address of a file in this edition: its query names its version.
const renewed = (address, list) => {
  const url = new URL(address);
  if (url.searchParams.has("v")) {
    url.search = `?v=${list.files[fileOf(address)].slice(0, VERSION_DIGITS)}`;
  }
  return url.href;
};

const takeOver = async () => {
  const cache = await openCache();
  const list = await files();
  for (const name of await otherCaches()) {
    const earlier = await caches.open(name);
    await inTurns(await earlier.keys(), async ({ url }) => {
      if (!(fileOf(url) in list.files)) return;
      const kept = await earlier.match(url);
      const address = renewed(url, list);
      if (await isOfThisEdition(url, kept.clone())) await cache.put(keyOf(address), kept);
      else await fetchAndStore(address);
    });
  }
  await inTurns(CORE.map(inSite), fetchAndStore);
};

self.addEventListener("install", (event) => event.waitUntil(takeOver()));

self.addEventListener("activate", (event) => {
  const clean = async () => {
    await Promise.all((await otherCaches()).map((name) => caches.delete(name)));
    await self.clients.claim();
  };
  event.waitUntil(clean());
});

// With one window open its next page can be of the new edition, whose cache is there when its
// worker waits: nothing of the old one is shown then.
const nextEdition = async (request) => {
  if (request.mode !== "navigate" || !self.registration.waiting) return null;
  if ((await self.clients.matchAll()).length > 1) return null;
  const [name] = await otherCaches();
  const kept = name && (await (await caches.open(name)).match(keyOf(request.url)));
  self.registration.waiting.postMessage({ activate: true });
  return kept || fetch(request);
};

const respond = async (event) => {
  const { request } = event;
  const next = await nextEdition(request);
  if (next) return next;
  const cached = await (await openCache()).match(keyOf(request.url));
  if (cached) return cached;
  const response = await fetch(request);
  if (response.ok && response.type === "basic") {
    const copy = response.clone();
    event.waitUntil(store(request.url, copy).catch(() => false));
  }
  return response;
};

const sorry = () =>
  new Response(
    "<!DOCTYPE html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>" +
      "<title>Offline</title><h1>This page is not kept here</h1>" +
      "<p>You are offline. Pages that you opened before still work. Go back, or try again later.",
    { status: 503, headers: { "Content-Type": "text/html; charset=utf-8" } },
  );

// Pages of the Datasette that runs in a tab: its window passes the questions on.
const TAB = inSite("explore/tab/");
const EXPLORE = inSite("explore/");
const PATIENCE_MS = 60_000;
// Datasette's own pages have inline scripts. They can only reach this site, which has no server code.
const TAB_POLICY =
  "default-src 'self' 'unsafe-inline' data:; img-src 'self' data:; form-action 'self'; base-uri 'none'";

const askTab = async (request) => {
  const url = new URL(request.url);
  const windows = await self.clients.matchAll({ type: "window" });
  const host = windows.find((client) => client.url.split(/[?#]/)[0] === EXPLORE);
  const start = `${EXPLORE}#/${url.href.slice(TAB.length)}`;
  if (!host) return Response.redirect(start);
  const body = request.method === "POST" ? new Uint8Array(await request.arrayBuffer()) : null;
  const question = {
    method: request.method,
    target: url.pathname + url.search,
    body,
    kind: request.headers.get("content-type") ?? "",
  };
  const { port1, port2 } = new MessageChannel();
  const answer = await new Promise((resolve) => {
    setTimeout(() => resolve({ error: "it took too long" }), PATIENCE_MS);
    port1.onmessage = ({ data }) => resolve(data);
    host.postMessage({ question }, [port2]);
  });
  if (answer.error === "not started") return Response.redirect(start);
  if (answer.error) return new Response(answer.error, { status: 500 });
  const headers = new Headers(answer.headers);
  const place = headers.get("location");
  if (place && answer.status >= 300 && answer.status < 400) {
    return Response.redirect(new URL(place, request.url).href, answer.status);
  }
  if (!headers.has("content-security-policy")) headers.set("Content-Security-Policy", TAB_POLICY);
  return new Response(answer.status === 204 || answer.status === 304 ? null : answer.body, {
    status: answer.status,
    headers,
  });
};

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.url.startsWith(TAB)) {
    event.respondWith(askTab(request));
    return;
  }
  if (request.method !== "GET" || !request.url.startsWith(SCOPE.href)) return;
  if (request.headers.has("range")) return;
  const answer = respond(event);
  event.respondWith(request.mode === "navigate" ? answer.catch(sorry) : answer);
});

const keepAll = async (client) => {
  const list = await files();
  const paths = Object.keys(list.files);
  let kept = 0;
  await inTurns(paths, async (path) => {
    const folder = path.replace(/(^|\/)index\.html$/, "$1");
    const version = list.files[path].slice(0, VERSION_DIGITS);
    const query = list.versioned.includes(path) ? `?v=${version}` : "";
    await fetchAndStore(inSite(encodeURI(folder) + query));
    kept += 1;
    if (kept % 10 === 0 || kept === paths.length) client.postMessage({ kept, files: paths.length });
  });
};

self.addEventListener("message", (event) => {
  const { data, source } = event;
  const sayFailed = () => source.postMessage({ failed: true });
  if (data.activate) self.skipWaiting();
  if (data.keep) event.waitUntil(inTurns(data.keep, (url) => fetchAndStore(url).catch(() => null)));
  if (data.size) {
    const tell = ({ bytes, files: all }) =>
      source.postMessage({ size: bytes, files: Object.keys(all).length });
    event.waitUntil(files().then(tell, sayFailed));
  }
  if (data.keepAll) event.waitUntil(keepAll(source).catch(sayFailed));
});
