// The worker of explore/: Python, Datasette and the published database, all in this tab.

const here = new URL(".", import.meta.url);
let pyodide;
let datasette;
let ask;

// Hosts of static files do not compress .wasm, so that it lies here packed.
const plainFetch = self.fetch.bind(self);
self.fetch = async (resource, options) => {
  const address = String(resource.url ?? resource);
  if (!address.endsWith(".wasm")) return plainFetch(resource, options);
  const response = await plainFetch(`${address}.gz`, options);
  const packed = new Uint8Array(await response.arrayBuffer());
  const isPacked = packed[0] === 0x1f && packed[1] === 0x8b;
  const stream = new Blob([packed]).stream();
  const plain = isPacked ? stream.pipeThrough(new DecompressionStream("gzip")) : stream;
  return new Response(plain, { headers: { "Content-Type": "application/wasm" } });
};

const say = (words, share) => self.postMessage({ words, share });

const fetchBytes = async (name) => {
  const response = await fetch(new URL(name, here));
  if (!response.ok) throw new Error(`${name} did not load (status ${response.status})`);
  return response.arrayBuffer();
};

const start = async (base) => {
  const contents = JSON.parse(new TextDecoder().decode(await fetchBytes("contents.json")));
  say("Loading Python", 0.05);
  const { loadPyodide } = await import(new URL(contents.script, here));
  const wheels = Promise.all(contents.wheels.map(fetchBytes));
  const files = Promise.all(contents.files.map(({ from }) => fetchBytes(from)));
  pyodide = await loadPyodide({ indexURL: new URL(".", new URL(contents.script, here)).href });
  say("Installing Datasette", 0.4);
  const packages = pyodide.runPython("import sysconfig; sysconfig.get_path('purelib')");
  for (const wheel of await wheels) pyodide.unpackArchive(wheel, "zip", { extractDir: packages });
  say("Opening the database", 0.6);
  for (const [index, data] of (await files).entries()) {
    const path = `/site/${contents.files[index].to}`;
    pyodide.FS.mkdirTree(path.slice(0, path.lastIndexOf("/")));
    pyodide.FS.writeFile(path, new Uint8Array(data));
  }
  const tab = pyodide.pyimport("critterdb.web.tab");
  ask = tab.ask;
  say("Starting Datasette", 0.8);
  datasette = await tab.open_tab("/site", base);
};

const answer = async ({ method, target, body, kind }) => {
  const result = await ask(datasette, method, target, pyodide.toPy(body ?? new Uint8Array()), kind);
  const [status, headers, data] = result.toJs();
  result.destroy();
  return { status, headers, body: data };
};

self.addEventListener("message", async ({ data }) => {
  try {
    if (data.start) {
      await start(data.start);
      self.postMessage({ ready: true });
    } else {
      self.postMessage({ id: data.id, answer: await answer(data.question) });
    }
  } catch (error) {
    self.postMessage({ id: data.id, error: String(error.message ?? error) });
  }
});
