// Why a picture is not accepted: the endpoint's codes and sentences (docs/api.md, errors.py).

const STATUS = {
  missing_image: 400,
  url_invalid: 400,
  place_invalid: 400,
  parameter_invalid: 400,
  model_unknown: 404,
  too_large: 413,
  not_an_image: 415,
  image_truncated: 422,
  image_too_small: 422,
  image_too_complex: 422,
  fetch_failed: 502,
  no_model: 503,
};

export class Refusal extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }

  asJson() {
    return { ok: false, error: this.message, code: this.code, status: STATUS[this.code] };
  }
}

export const notAnImage = () =>
  new Refusal(
    "not_an_image",
    "That is not a JPEG, PNG, WebP, GIF, HEIC or AVIF picture. Try another file",
  );

export const noHeic = () =>
  new Refusal(
    "not_an_image",
    "This browser does not read HEIC pictures. Save it as a JPEG and try again",
  );

export const truncated = () =>
  new Refusal(
    "image_truncated",
    "The picture is cut off before its end. Save or download it again",
  );

export const tooSmall = () =>
  new Refusal(
    "image_too_small",
    "The picture is too small or too narrow. Use one of at least 32 pixels a side",
  );

export const tooComplex = () =>
  new Refusal(
    "image_too_complex",
    "The picture takes too long to decode. Save it again as a plain JPEG and try again",
  );

export const tooLarge = (most) =>
  new Refusal("too_large", `The picture is larger than ${most}. Make it smaller and try again`);

export const pixelsChanged = () =>
  new Refusal(
    "no_model",
    "This browser hides the pixels of pictures from pages, to protect against fingerprinting. " +
      "Allow this site to read canvas data, or use another browser",
  );

export const urlInvalid = () =>
  new Refusal(
    "url_invalid",
    "That is not a complete http or https URL. Copy it from the browser's address bar",
  );

export const fetchFailed = () =>
  new Refusal(
    "fetch_failed",
    "That URL did not return a picture to this page. Not every site lets other pages read its " +
      "pictures. Save the picture and choose the file instead",
  );

export const similarInvalid = (most, value) =>
  new Refusal(
    "parameter_invalid",
    `“similar” should be a whole number from 0 to ${most}, not ${String(value).slice(0, 20)}`,
  );
