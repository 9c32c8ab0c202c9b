"""Decoding in processes that may die: what comes back, what ends them, and what stays standing."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from critterdb.errors import RejectedInputError
from critterdb.imaging.decode import prepare_heif, read_image
from critterdb.imaging.preprocessing import Preprocessing
from critterdb.imaging.sandbox import Decoders, shared_decoders
from tests.support.models import picture

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.slow

VIEW = Preprocessing(32)


prepare_heif()  # Pillow can then save HEIC too


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    pool = Decoders(1)
    yield pool
    pool.close()


def refused(decoders: Decoders, data: bytes) -> str:
    with pytest.raises(RejectedInputError) as caught:
        decoders.view(data, VIEW)
    return caught.value.code


@pytest.fixture(scope="module")
def heavy() -> bytes:
    """A few bytes that are 49 megapixels, and most of a second to decode."""
    file = io.BytesIO()
    Image.new("RGB", (7000, 7000)).save(file, "WEBP", lossless=True, method=0)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "HEIF", "AVIF"])
@pytest.mark.parametrize("view", [VIEW, Preprocessing(48, "squash", "bilinear", 0.9)])
def test_pixels_are_those_of_decoding_here(
    decoders: Decoders, kind: str, view: Preprocessing
) -> None:
    file = io.BytesIO()
    Image.open(io.BytesIO(picture("green", (330, 210)))).save(file, kind)
    pixels, info = decoders.view(file.getvalue(), view)
    image, expected = read_image(file.getvalue(), shorter_side=view.shorter_side)
    assert pixels.dtype == np.dtype(np.uint8)
    assert pixels.shape == (view.size, view.size, 3)
    assert (pixels == view.pixels(image)).all()
    assert info == expected == decoders.check(file.getvalue())


def test_refusals_are_those_of_decoding_here(decoders: Decoders) -> None:
    assert refused(decoders, b"hello") == "not_an_image"
    assert refused(decoders, picture("red")[:-300]) == "image_truncated"
    assert refused(decoders, picture("red", (400, 10))) == "image_too_small"
    assert refused(decoders, bytes(10_000_001)) == "too_large"
    with pytest.raises(RejectedInputError) as caught:
        decoders.check(picture("red"), max_pixels=5000)
    assert caught.value.code == "too_large"


def test_what_takes_too_long_ends_its_process_and_nothing_else(heavy: bytes) -> None:
    pool = Decoders(2, cpu_s=0.2)
    with ThreadPoolExecutor(6) as threads:
        bad = [threads.submit(refused, pool, heavy) for _ in range(3)]
        good = [threads.submit(pool.view, picture("blue", seed=n), VIEW) for n in range(30)]
        assert {future.result() for future in bad} == {"image_too_complex"}
        assert all(future.result()[1].width == 120 for future in good)
    pool.close()


def test_what_needs_more_memory_than_there_is_is_refused() -> None:
    file = io.BytesIO()
    Image.new("RGB", (7000, 7000)).save(file, "PNG", compress_level=1)
    pool = Decoders(1, memory_bytes=150_000_000)
    assert refused(pool, file.getvalue()) == "image_too_complex"
    assert pool.check(picture("red")).width == 120
    pool.close()


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_was_killed_while_idle_is_replaced(
    decoders: Decoders, number: signal.Signals
) -> None:
    first = decoders.check(picture("red"))
    [pid] = decoders.process_ids()
    os.kill(pid, number)
    assert ends(pid)
    assert decoders.check(picture("red")) == first
    assert decoders.process_ids() != [pid]


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGSEGV, "not_an_image"), (signal.SIGKILL, "image_too_complex")]
)
def test_a_process_that_dies_at_work_is_a_refusal(
    decoders: Decoders, number: signal.Signals, code: str
) -> None:
    decoders.check(picture("red"))
    [pid] = decoders.process_ids()
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(refused, decoders, picture("red"))
        time.sleep(0.1)
        os.kill(pid, number)
        os.kill(pid, signal.SIGCONT)
        assert answer.result() == code


def test_an_image_is_tried_again_where_somebody_ended_the_process(decoders: Decoders) -> None:
    decoders.check(picture("red"))
    [pid] = decoders.process_ids()
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as thread:
        answer = thread.submit(decoders.check, picture("red"))
        time.sleep(0.1)
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)
        assert answer.result().width == 120


def test_a_process_that_hangs_is_ended() -> None:
    pool = Decoders(1, wall_s=0.5)
    pool.check(picture("red"))
    [pid] = pool.process_ids()
    os.kill(pid, signal.SIGSTOP)
    assert refused(pool, picture("red")) == "image_too_complex"
    assert ends(pid)
    pool.close()


def test_closing_ends_every_process() -> None:
    pool = Decoders(3)
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(pool.check, [picture("red")] * 30))
    pids = pool.process_ids()
    assert len(pids) > 1
    pool.close()
    assert (pool.process_ids(), [pid for pid in pids if not ends(pid)]) == ([], [])


def test_the_process_has_no_secrets_opens_nothing_and_is_small(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CRITTERDB_X_ACCESS_TOKEN", "secret")
    pool = Decoders(1)
    pool.check(picture("red"))
    [pid] = pool.process_ids()
    folder = Path(f"/proc/{pid}")
    assert b"secret" not in (folder / "environ").read_bytes()
    assert sorted(file.name for file in (folder / "fd").iterdir()) == ["0", "1", "2"]
    assert "Max open files            0 " in (folder / "limits").read_text()
    resident = int((folder / "statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
    assert resident < 40_000_000
    pool.close()


FORBIDDEN = """
import os, threading
from critterdb.imaging.syscall_filter import forbid_processes

print(forbid_processes())
for start in (os.fork, lambda: os.execv("/bin/true", ["true"])):
    try:
        start()
        print("started")
    except PermissionError:
        print("refused")
print("started" if os.system("true") == 0 else "refused")
thread = threading.Thread(target=print, args=("in a thread",))
thread.start()
thread.join()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
def test_the_process_starts_threads_and_no_processes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FORBIDDEN], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "True\nrefused\nrefused\nrefused\nin a thread\n", done.stderr
    pool = Decoders(1)
    pool.check(picture("red"))
    [pid] = pool.process_ids()
    status = Path(f"/proc/{pid}/status").read_text().split("\n")
    assert "Seccomp:\t2" in status
    pool.close()


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_a_large_heif_gets_more_time_than_others(kind: str, heavy: bytes) -> None:
    file = io.BytesIO()
    Image.linear_gradient("L").resize((2400, 1600)).convert("RGB").save(file, kind)
    pool = Decoders(1, cpu_s=0.01)  # and 0.46 s for 3.8 megapixels
    assert pool.check(file.getvalue()).width == 2400
    assert refused(pool, heavy) == "image_too_complex"
    pool.close()


@pytest.mark.parametrize("kind", ["HEIF", "AVIF", "PNG", "JPEG"])
def test_a_jpeg_has_the_picture_its_colours_and_nothing_else(decoders: Decoders, kind: str) -> None:
    profile = bytes(16) + b"RGB " + bytes(108)
    exif = Image.Exif()
    exif[0x0112], exif[0x013B] = 6, "behind-the-barn"
    image = Image.open(io.BytesIO(picture("green", (330, 210))))
    file = io.BytesIO()
    image.save(file, kind, exif=exif.tobytes(), icc_profile=profile)
    copy = decoders.to_jpeg(file.getvalue())
    assert copy == decoders.to_jpeg(file.getvalue())
    kept = Image.open(io.BytesIO(copy))
    assert (kept.format, kept.size) == ("JPEG", (210, 330))
    assert kept.info["icc_profile"] == profile
    assert not kept.getexif()
    assert b"barn" not in copy
    upright = np.asarray(image.rotate(-90, expand=True), int)
    # The picture has noise in it, and was saved twice.
    assert np.abs(np.asarray(kept, int) - upright).mean() < 10


def test_a_jpeg_of_a_large_picture_is_smaller(decoders: Decoders) -> None:
    file = io.BytesIO()
    Image.new("L", (5000, 1200), 90).save(file, "PNG")
    data = file.getvalue()
    # A PNG of any length: what follows its end does not count as the picture.
    assert refused(decoders, data + bytes(10_000_000)) == "too_large"
    kept = Image.open(io.BytesIO(decoders.to_jpeg(data)))
    assert kept.size == (4096, 983)
    with pytest.raises(RejectedInputError, match="larger than 50 MB"):
        decoders.to_jpeg(data + bytes(50_000_000))


def test_processes_end_with_their_parent() -> None:
    code = (
        "import sys, time; from critterdb.imaging.sandbox import shared_decoders as s;"
        "s().check(sys.stdin.buffer.read()); print(*s().process_ids(), flush=True); time.sleep(60)"
    )
    root = str(Path(__file__).parents[2])
    parent = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=root
    )
    assert parent.stdin
    assert parent.stdout
    parent.stdin.write(picture("red"))
    parent.stdin.close()
    pid = int(parent.stdout.readline())
    assert Path(f"/proc/{pid}").exists()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert ends(pid)


def ends(pid: int) -> bool:
    for _ in range(100):
        try:
            if Path(f"/proc/{pid}/stat").read_text().split()[2] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.05)
    return False


def test_a_forked_process_gets_decoders_of_its_own() -> None:
    mine = shared_decoders()
    mine.check(picture("red"))
    pid = os.fork()
    if not pid:
        os._exit(int(shared_decoders() is mine))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert mine.check(picture("red")).width == 120


NO_ROOM = """
import io, resource, socket, numpy
from PIL import Image
from critterdb.imaging.sandbox import Decoders
from critterdb.errors import RejectedInputError
from critterdb.imaging.preprocessing import Preprocessing

decoders = Decoders(1)
file = io.BytesIO()
Image.new("RGB", (64, 64), "peru").save(file, "PNG")
_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
held = [socket.socket() for _ in range(3)]  # room that is given back below
resource.setrlimit(resource.RLIMIT_NOFILE, (held[-1].fileno() + 1, most))
decoders.warm_up()
for _ in range(3):
    try:
        decoders.view(file.getvalue(), Preprocessing(32))
    except RejectedInputError as refusal:
        print(refusal.code, refusal.status)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
print(decoders.view(file.getvalue(), Preprocessing(32))[0].shape)
decoders.close()
"""


def test_without_room_for_a_process_it_is_busy_until_there_is_room() -> None:
    done = subprocess.run(
        [sys.executable, "-c", NO_ROOM], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stderr == ""
    assert done.stdout == "busy 503\n" * 3 + "(32, 32, 3)\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_process_that_is_ended_while_it_starts_is_busy(
    decoders: Decoders, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    # Its socket is closed well before its end, as that of a process with much to give back is.
    ended = f"import os, time; os.close(0); time.sleep(0.1); os.kill(os.getpid(), {number:d})"
    command = (sys.executable, "-I", "-S", "-c", ended)
    with monkeypatch.context() as patch:
        patch.setattr("critterdb.imaging.sandbox_process.COMMAND", command)
        assert refused(decoders, picture("red")) == "busy"
    assert decoders.check(picture("red")).width == 120


def test_the_limit_that_is_named_is_the_one_in_force(decoders: Decoders) -> None:
    with pytest.raises(RejectedInputError, match=r"larger than 0\.05 megapixels"):
        decoders.view(picture("red", (300, 200)), VIEW, max_pixels=50_000)
