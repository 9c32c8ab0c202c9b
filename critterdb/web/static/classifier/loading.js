// Fetch the files of the classifier, with the bytes so far for whoever watches.

const GZIP = [0x1f, 0x8b];

// The file at `url`, unpacked if it is packed; `note(bytes)` is told of every piece that arrives.
export async function load(url, note = () => {}) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url.pathname} did not load (status ${response.status})`);
  const counted = new TransformStream({
    transform(piece, controller) {
      note(piece.byteLength);
      controller.enqueue(piece);
    },
  });
  return unpacked(response.body.pipeThrough(counted));
}

// Some hosts name .gz as an encoding, and then the browser has unpacked it already.
async function unpacked(stream) {
  const [ahead, whole] = stream.tee();
  const reader = ahead.getReader();
  const { value: first } = await reader.read();
  reader.cancel();
  const isPacked = first && GZIP.every((byte, index) => first[index] === byte);
  const plain = isPacked ? whole.pipeThrough(new DecompressionStream("gzip")) : whole;
  return new Uint8Array(await new Response(plain).arrayBuffer());
}
