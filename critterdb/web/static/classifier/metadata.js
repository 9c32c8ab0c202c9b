// How a picture is to be turned (critterdb/imaging/exif.py). It is read here and then kept from the
// browser, because browsers differ in which formats they turn.

const ORIENTATION = 0x0112; // tag of TIFF
const SHORT = 3; // TIFF's number for a 16-bit integer
const MAX_ENTRIES = 500;
const IN_XMP = /tiff:Orientation(?:="|>)([1-8])/;

const bytesOf = (text) => Uint8Array.from(text, (char) => char.charCodeAt(0));

export const EXIF = bytesOf("Exif\0\0");
export const XMP = bytesOf("http://ns.adobe.com/xap/1.0/\0");
export const PNG_XMP = bytesOf("XML:com.adobe.xmp\0");

export const beginsWith = (data, start) => start.every((byte, index) => data[index] === byte);

// 1 (not at all) to 8, as TIFF counts; `exif` is a TIFF structure, `xmp` is text.
export function orientationOf({ exif, xmp }) {
  let value = exif && inTiff(exif);
  if (value === undefined && xmp) value = Number(IN_XMP.exec(new TextDecoder().decode(xmp))?.[1]);
  return value >= 1 && value <= 8 ? value : 1;
}

function inTiff(tiff) {
  const order = String.fromCharCode(...tiff.subarray(0, 2));
  if ((order !== "II" && order !== "MM") || tiff.length < 8) return undefined;
  const little = order === "II";
  const data = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const directory = data.getUint32(4, little);
  if (directory + 2 > tiff.length) return undefined;
  const entries = Math.min(data.getUint16(directory, little), MAX_ENTRIES);
  for (let number = 0; number < entries; number++) {
    const entry = directory + 2 + 12 * number;
    if (entry + 12 > tiff.length) return undefined;
    if (data.getUint16(entry, little) !== ORIENTATION) continue;
    const isShort = data.getUint16(entry + 2, little) === SHORT;
    return isShort ? data.getUint16(entry + 8, little) : data.getUint32(entry + 8, little);
  }
  return undefined;
}

// The image {data: RGBA, width, height} as it was held.
export function turned(image, orientation) {
  if (orientation === 1) return image;
  const { width: w, height: h } = image;
  const sideways = orientation > 4;
  const [width, height] = sideways ? [h, w] : [w, h];
  const source = new Uint32Array(image.data.buffer, image.data.byteOffset, w * h);
  const pixels = new Uint32Array(width * height);
  const from = {
    2: (x, y) => y * w + (w - 1 - x),
    3: (x, y) => (h - 1 - y) * w + (w - 1 - x),
    4: (x, y) => (h - 1 - y) * w + x,
    5: (x, y) => x * w + y,
    6: (x, y) => (h - 1 - x) * w + y,
    7: (x, y) => (h - 1 - x) * w + (w - 1 - y),
    8: (x, y) => x * w + (w - 1 - y),
  }[orientation];
  for (let y = 0, at = 0; y < height; y++) {
    for (let x = 0; x < width; x++) pixels[at++] = source[from(x, y)];
  }
  return { data: new Uint8Array(pixels.buffer), width, height };
}
