// What a picture may take, as on the server (critterdb/errors.py and critterdb/imaging/).

export const MAX_BYTES = 10_000_000;
export const MAX_PIXELS = 65_000_000;
export const MIN_SIDE = 32; // pixels
export const MAX_ASPECT = 20;
export const MAX_PARTS = 10_000; // chunks, segments or blocks; a photo has some hundreds
export const MAX_SCANS = 64; // of a JPEG; a progressive photo has about ten
export const SCANS_PER_PIXEL = 10; // on average, of the largest picture
export const BYTES_PER_PIXEL = 4.5; // likewise, of a PNG, unpacked
