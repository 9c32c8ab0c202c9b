"""Which kind of picture a file is, by its first bytes: without decoding, and without Pillow."""

from __future__ import annotations

from critterdb.errors import RejectedInputError

from .heif import heif_kind

NOT_AN_IMAGE = "That is not a JPEG, PNG, WebP, GIF, HEIC or AVIF picture. Try another file"


def image_format(data: bytes) -> str:
    """`jpg`, `png`, `webp`, `gif`, `heic` or `avif`, by the bytes.

    Raises RejectedInputError for anything else.
    """
    if data[:3] == b"\xff\xd8\xff":
        return "jpg"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if kind := heif_kind(data):
        return kind
    raise RejectedInputError("not_an_image", NOT_AN_IMAGE)
