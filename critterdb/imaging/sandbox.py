"""What strangers send is decoded by processes that may die of it.

    decoders = shared_decoders()
    pixels, info = decoders.view(data, model.view)    # uint8 size×size×3, as
    Preprocessing.pixels() gives
    info = decoders.check(data)                       # the same refusals, no pixels
    jpeg = decoders.to_jpeg(data)                     # the picture as every browser shows it

Both block the calling thread (never an event loop: use a thread) for one image; any number of
threads may call at once, and wait for a free process. What comes back is no more than the network
sees, so a large picture never enters the calling process. A process that takes more than `CPU_S`
or its memory for an image is ended by the kernel, the image refused as `image_too_complex`, and
another process started; nothing of that reaches the caller but the RejectedInputError.
"""

from __future__ import annotations

import os
import signal
import threading
from functools import cache
from queue import LifoQueue
from typing import TYPE_CHECKING

from critterdb.errors import RejectedInputError, too_large
from critterdb.system import cores

from .complexity import MAX_PARTS
from .decode import (
    MAX_IMAGE_BYTES,
    MAX_IMAGE_PIXELS,
    NOT_AN_IMAGE,
    TOO_COMPLEX,
    ImageInfo,
    image_format,
    image_info,
)
from .heif import HEIF_KINDS, read_heif
from .sandbox_process import FROM_OUTSIDE, WALL_S, DecoderDiedError, DecodingProcess

if TYPE_CHECKING:
    import numpy as np

    from .exif import ExifPlace
    from .preprocessing import Area, Preprocessing
    from .sandbox_worker import DecodeAnswer, DecodeRequest

# Processor time and not wall time, because a busy server must not refuse good pictures.
# docs/decisions.md#pictures-are-decoded-in-sandboxed-processes
CPU_S = 1.5  # an image may take; a JPEG of 65 megapixels takes 0.2 s to 0.8 s, a WebP 1.1 s
# HEIC takes 0.08 s for each megapixel, and AVIF half of that; a small picture gets no more time.
HEIF_CPU_S_PER_PIXEL = 0.12e-6
ENCODE_CPU_S = 3.0  # to make a JPEG of it, for which it may be decoded whole
# A photo of 64 megapixels as a phone writes it has 15 to 40 MB.
MAX_ORIGINAL_BYTES = 50_000_000
# A photo of 12 megapixels, as most phones take, is kept as large as it is.
JPEG_SIDE = 4096  # pixels at most, of the longer side
# Of address space; a 65-megapixel WebP takes 1.1 GB, other pictures of that size half of it.
# An interpreter with Pillow takes the 75 MB; the rest grows with the pixels that a site accepts.
WALL_PER_CPU = 3  # seconds of waiting for one of work, beyond what every image may take
MEMORY_BYTES = 75_000_000
MEMORY_BYTES_PER_PIXEL = 16.5


def memory_bytes(max_pixels: int) -> int:
    """Return the address space that decoding may take for pictures of up to `max_pixels`."""
    return int(MEMORY_BYTES + MEMORY_BYTES_PER_PIXEL * max_pixels)


class Decoders:
    """At most `processes` decoding processes, each started when it is first needed.

    An image may take `cpu_s` of processor time, `wall_s` in all, and `memory_bytes` of address
    space (by default what pictures of the accepted size need).
    """

    def __init__(
        self,
        processes: int | None = None,
        *,
        cpu_s: float = CPU_S,
        wall_s: float = WALL_S,
        memory_bytes: int | None = None,
    ) -> None:
        self.cpu_s = cpu_s
        self.wall_s = wall_s
        self.memory_bytes = memory_bytes
        self.spent_s = 0.0  # of processor time, on all images so far
        self._spending = threading.Lock()
        # The one that was last in use is the next: others may never be needed.
        self._free: LifoQueue[DecodingProcess | None] = LifoQueue()
        for _ in range(processes or cores()):
            self._free.put(None)

    def view(
        self,
        data: bytes,
        view: Preprocessing,
        *,
        max_pixels: int = MAX_IMAGE_PIXELS,
        area: Area | None = None,
    ) -> tuple[np.ndarray, ImageInfo]:
        """An image, or an area of it, as a network sees it: uint8 size×size×3.

        Raises RejectedInputError, as decode_image().
        """
        import numpy as np

        pixels, info = self._decode(data, view, max_pixels, area=area)
        return np.frombuffer(pixels, np.uint8).reshape(view.size, view.size, 3), info

    def check(self, data: bytes, *, max_pixels: int = MAX_IMAGE_PIXELS) -> ImageInfo:
        """What is recorded of an image that decodes from first to last byte. Raises
        RejectedInputError.
        """
        return self._decode(data, None, max_pixels)[1]

    def to_jpeg(self, data: bytes) -> bytes:
        """The whole picture as a JPEG of at most JPEG_SIDE pixels and MAX_IMAGE_BYTES, upright,
        without metadata but with its colour profile; from at most MAX_ORIGINAL_BYTES.

        The same bytes give the same JPEG. Raises RejectedInputError, as decode_image().
        """
        return bytes(self._decode(data, None, MAX_IMAGE_PIXELS, jpeg_side=JPEG_SIDE)[0])

    def place_of(self, data: bytes) -> ExifPlace | None:
        """Where and when a picture was taken, by its EXIF block; None if it does not say where.

        The picture itself is not decoded. Raises RejectedInputError.
        """
        if len(data) > MAX_IMAGE_BYTES:
            raise too_large(f"{MAX_IMAGE_BYTES / 1e6:g} MB")
        image_format(data)
        request: DecodeRequest = {
            "bytes": len(data),
            "max_bytes": MAX_IMAGE_BYTES,
            "max_pixels": MAX_IMAGE_PIXELS,
            "cpu_s": self.cpu_s,
            "memory_bytes": self.memory_bytes or memory_bytes(MAX_IMAGE_PIXELS),
            "view": None,
            "area": None,
            "jpeg_side": None,
            "reads_place": True,
        }
        return self._ask_sound(request, data, bytearray(), self.wall_s).get("place")

    def warm_up(self) -> None:
        """Start a process now, without waiting for it, so that the first image need not."""
        process = self._free.get()
        try:
            process = process or DecodingProcess()
        except RejectedInputError:
            pass  # the first image says so, or finds that there is room again
        finally:
            self._free.put(process)

    def process_ids(self) -> list[int]:
        """The processes that are there and free."""
        return [process.pid for process in list(self._free.queue) if process]

    def close(self) -> None:
        """End the processes that are free; others end with what they do."""
        # All before any goes back: what went back last would be the next to come.
        for process in [self._free.get() for _ in range(self._free.qsize())]:
            if process:
                process.end()
            self._free.put(None)

    def _decode(
        self,
        data: bytes,
        view: Preprocessing | None,
        max_pixels: int,
        *,
        area: Area | None = None,
        jpeg_side: int | None = None,
    ) -> tuple[bytearray, ImageInfo]:
        max_bytes = MAX_ORIGINAL_BYTES if jpeg_side else MAX_IMAGE_BYTES
        if len(data) > max_bytes:
            raise too_large(f"{max_bytes / 1e6:g} MB")
        # The cheapest refusal comes first: text and video never reach a process.
        extra_s = ENCODE_CPU_S if jpeg_side else 0.0
        if image_format(data) in HEIF_KINDS:
            pixels_said = read_heif(data, max_parts=MAX_PARTS).decoded_pixels
            extra_s += HEIF_CPU_S_PER_PIXEL * min(pixels_said, max_pixels)
        request: DecodeRequest = {
            "bytes": len(data),
            "max_bytes": max_bytes,
            "max_pixels": max_pixels,
            "cpu_s": self.cpu_s + extra_s,
            "memory_bytes": self.memory_bytes or memory_bytes(max_pixels),
            "view": vars(view) if view else None,
            "area": area,
            "jpeg_side": jpeg_side,
            "reads_place": False,
        }
        size = view.size * view.size * 3 if view else 0
        pixels = bytearray(MAX_IMAGE_BYTES if jpeg_side else size)
        wall_s = self.wall_s + WALL_PER_CPU * extra_s
        answer = self._ask_sound(request, data, pixels, wall_s)
        del pixels[answer["bytes"] :]
        return pixels, image_info(data, answer["width"], answer["height"])

    def _ask_sound(
        self, request: DecodeRequest, data: bytes, pixels: bytearray, wall_s: float
    ) -> DecodeAnswer:
        """Ask a process, and another one if that dies. Raises RejectedInputError."""
        # A process that somebody else ended says nothing about the image, so that is tried once
        # more.
        for _ in range(2):
            try:
                answer = self._ask(request, data, pixels, wall_s)
                break
            except DecoderDiedError as death:
                if death.signal not in FROM_OUTSIDE:
                    raise _refusal_for(death) from death
        else:
            raise RejectedInputError(
                "busy", "The decoder was stopped. Please try again in a moment"
            )
        with self._spending:
            self.spent_s += answer["cpu_s"]
        if "code" in answer:
            raise RejectedInputError(answer["code"], answer["error"])
        return answer

    def _ask(
        self, request: DecodeRequest, data: bytes, pixels: bytearray, wall_s: float
    ) -> DecodeAnswer:
        process = self._free.get()
        try:
            if process is None or not process.lives():
                process = DecodingProcess()
            return process.ask(request, data, pixels, wall_s)
        except BaseException:
            # After a death or an interruption, there is no telling what the process would say next.
            if process:
                process.end()
                process = None
            raise
        finally:
            self._free.put(process)


def _refusal_for(death: DecoderDiedError) -> RejectedInputError:
    # The kernel ended it for time or memory. Any other signal is a crash of a decoder on bytes that
    # no encoder wrote.
    if death.signal in (signal.SIGPROF, signal.SIGXCPU, signal.SIGKILL):
        return RejectedInputError("image_too_complex", TOO_COMPLEX)
    return RejectedInputError("not_an_image", NOT_AN_IMAGE)


@cache
def shared_decoders() -> Decoders:
    """The decoders of this process."""
    return Decoders()


def as_kept(data: bytes) -> bytes:
    """A photo as a site keeps it: what some browsers do not show, or is too large, as a JPEG.

    Raises RejectedInputError.
    """
    if image_format(data) in HEIF_KINDS or len(data) > MAX_IMAGE_BYTES:
        return shared_decoders().to_jpeg(data)
    return data


# A forked process must not talk on its parent's sockets.
os.register_at_fork(after_in_child=shared_decoders.cache_clear)
