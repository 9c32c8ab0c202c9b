"""The process that decodes what strangers send: bytes in, pixels out, and little else it can do.

It is started with an empty environment and no file but the socket to its parent, may open none, and
is ended by the kernel when it takes more time or memory than an image is worth. It imports Pillow
with its HEIF plugin and no more, so that it starts in a tenth of a second and is small.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import signal
import socket
import struct
import sys
import time
import warnings
from typing import TYPE_CHECKING, TypedDict, cast

from PIL import Image, ImageOps

from critterdb.errors import RejectedInputError

from .decode import (
    MIN_SIDE,
    NOT_AN_IMAGE,
    TOO_COMPLEX,
    decode_sized,
    image_format,
    open_with_pillow,
    prepare_heif,
)
from .exif import ExifPlace, read_place
from .jpeg_copy import encode_jpeg
from .preprocessing import Area, Preprocessing
from .syscall_filter import forbid_processes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from critterdb._types import Json

HEADER = struct.Struct("<I")
# Requests and answers have some 200 bytes; a length of gigabytes is not believed.
MAX_HEADER_BYTES = 4096
READY = b"+"
# With no file descriptor to be had it opens neither files nor sockets. Taken from the process for
# good, so that a decoder under somebody else's control cannot raise them again.
LIMITS = {
    "RLIMIT_NOFILE": 0,  # what is open stays so
    "RLIMIT_FSIZE": 0,
    "RLIMIT_CORE": 0,
}
# What Pillow would import on first use, when files can no longer be opened.
WARM_UP = (
    "PIL.ExifTags",
    "PIL.GifImagePlugin",
    "PIL.JpegImagePlugin",
    "PIL.MpoImagePlugin",
    "PIL.PngImagePlugin",
    "PIL.TiffImagePlugin",
    "PIL.WebPImagePlugin",
    "xml.etree.ElementTree",
)


class DecodeRequest(TypedDict):
    """What the parent asks: `bytes` of a picture follow; `view` is a Preprocessing's fields.

    With `area`, shares of an upright picture, the view is of that part only. With `jpeg_side`
    (pixels) the answer is a JPEG of the whole picture, at most so long and wide. With `reads_place`
    it is where and when the picture was taken, and the picture is not decoded.
    """

    bytes: int
    max_bytes: int
    max_pixels: int
    cpu_s: float
    memory_bytes: int
    view: Json | None
    area: Sequence[float] | None
    jpeg_side: int | None
    reads_place: bool


class DecodeAnswer(TypedDict, total=False):
    """A picture's upright size, or a refusal's code and words; `bytes` of pixels or JPEG follow."""

    width: int
    height: int
    place: ExifPlace | None
    code: str
    error: str
    bytes: int
    cpu_s: float


def main() -> None:
    """Serve the socket that is standard input until the parent closes it."""
    parent = socket.socket(fileno=sys.stdin.fileno())
    warnings.simplefilter("ignore")
    _warm_up()
    for name, most in LIMITS.items():
        _limit(name, most, for_good=True)
    if not forbid_processes():
        # Then HEIC cannot be decoded on Linux, where a thread counts as a process.
        _limit("RLIMIT_NPROC", 0, for_good=True)
    gc.freeze()  # so that collecting looks at what an image left, and no more
    # A parent that was killed leaves no reason to say anything.
    with contextlib.suppress(ConnectionError):
        parent.sendall(READY)
        while (request := receive_message(parent)) is not None:
            _serve(parent, cast("DecodeRequest", request))
    # At once: tidying up an interpreter that decoded hostile bytes is a risk without a use.
    os._exit(0)


def _warm_up() -> None:
    for name in WARM_UP:
        importlib.import_module(name)
    Image.preinit()
    prepare_heif()
    ImageOps.exif_transpose(Image.new("RGB", (8, 8))).resize((4, 4), Image.Resampling.BICUBIC)


def _limit(name: str, most: int, *, for_good: bool = False) -> None:
    # Not every system has, or grants, each of them.
    with contextlib.suppress(AttributeError, ValueError, OSError):
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (most, most if for_good else hard))


def _serve(parent: socket.socket, request: DecodeRequest) -> None:
    data = bytearray(request["bytes"])
    if not receive_into(parent, data):
        return
    # Set again for each image: the soft limit may rise, because only the others are final.
    _limit("RLIMIT_AS", request["memory_bytes"])
    # Nobody catches this timer's signal, so that at its end the kernel ends the process.
    signal.setitimer(signal.ITIMER_PROF, request["cpu_s"])
    before = _spent_s()
    answer: DecodeAnswer
    try:
        answer, pixels = _decode(bytes(data), request)
    except RejectedInputError as refusal:
        answer, pixels = {"code": refusal.code, "error": str(refusal)}, b""
    except MemoryError:
        answer, pixels = {"code": "image_too_complex", "error": TOO_COMPLEX}, b""
    # Pillow's decoders raise nearly anything on hostile bytes; none of it may end the process.
    except Exception:
        answer, pixels = {"code": "not_an_image", "error": NOT_AN_IMAGE}, b""
    if "code" in answer:
        # What failed may be held by an error that holds itself; the next image needs the room.
        gc.collect()
    signal.setitimer(signal.ITIMER_PROF, 0)
    answer["bytes"], answer["cpu_s"] = len(pixels), _spent_s() - before
    send_message(parent, answer, pixels)


def _spent_s() -> float:
    """Processor time of all threads so far; libde265 works in one of its own."""
    # Not time.process_time(): it stands still between ticks while the timer runs.
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _decode(data: bytes, request: DecodeRequest) -> tuple[DecodeAnswer, bytes]:
    view = Preprocessing(**request["view"]) if request["view"] else None
    area = Area(*request["area"]) if request["area"] else None
    side = request["jpeg_side"]
    if request["reads_place"]:
        return {"width": 0, "height": 0, "place": _read_place(data, request["max_pixels"])}, b""
    if view:
        shorter_side = view.side_for(area) if area else view.shorter_side
    else:
        shorter_side = side or MIN_SIDE
    image, width, height = decode_sized(
        data,
        max_pixels=request["max_pixels"],
        max_bytes=request["max_bytes"],
        shorter_side=shorter_side,
    )
    pixels = b""
    if view:
        pixels = (view.look_closer(image, area) if area else view.look(image)).tobytes()
    if side:
        pixels = encode_jpeg(image, side)
    return {"width": width, "height": height}, pixels


def _read_place(data: bytes, max_pixels: int) -> ExifPlace | None:
    try:
        return read_place(open_with_pillow(data, image_format(data), max_pixels).getexif())
    except MemoryError:
        raise
    # Pillow raises nearly anything on hostile metadata, which then says nothing.
    except Exception:
        return None


def send_message(to: socket.socket, header: Mapping[str, object], body: bytes = b"") -> None:
    """A JSON object with its length before it, and the bytes that it describes."""
    text = json.dumps(header).encode()
    to.sendall(b"".join((HEADER.pack(len(text)), text, body)))


def receive_message(source: socket.socket, deadline: float | None = None) -> Json | None:
    """The next JSON object, or None where the other side is gone.

    Raises ValueError for what is none, and TimeoutError at the deadline (of time.monotonic()).
    """
    size = bytearray(HEADER.size)
    if not receive_into(source, size, deadline):
        return None
    (length,) = HEADER.unpack(size)
    if length > MAX_HEADER_BYTES:
        raise ValueError("the header is too long")
    text = bytearray(length)
    return dict(json.loads(text)) if receive_into(source, text, deadline) else None


def receive_into(
    source: socket.socket, buffer: bytearray | memoryview, deadline: float | None = None
) -> bool:
    """Fill `buffer`; False where the other side is gone before. Raises TimeoutError."""
    rest = memoryview(buffer)
    while rest:
        if deadline is not None:
            source.settimeout(max(deadline - time.monotonic(), 0.001))
        received = source.recv_into(rest)
        if not received:
            return False
        rest = rest[received:]
    return True
