"""Decode what strangers may send: Pillow's test images, damaged pictures, and bombs; each twice.

    python -m benchmarks.images [FOLDER] [--mutations 2000] [--seed 0]

FOLDER holds test images (for instance `Tests/images` of Pillow's source package); without it the
package is downloaded by pip, of the same version as the Pillow that decodes. Everything goes
through one decoding process, as at the endpoint. For each set: how many were accepted and how many
refused with which code, the longest time by the clock and of the processor, the largest memory of
the process, and how often it died by anything but the limit of its time. It ends with status 1
where one took over a second (on a machine that has nothing else to do), the process crashed, the
two runs differ, or (Pillow's images) decoding without the process differs.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import venv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import PIL
from PIL import Image

from critterdb.errors import RejectedInputError
from critterdb.imaging.decode import MAX_IMAGE_BYTES, decode_image
from critterdb.imaging.preprocessing import Preprocessing
from critterdb.imaging.sandbox import CPU_S, Decoders
from tests.fakes.bombs import bombs
from tests.fakes.mutations import good_pictures, mutations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

VIEW = Preprocessing(288)
MAX_S = 1.0
SETTLE_S = 0.3
TIMES = 500
COLUMNS = (
    "set", "files", "accepted", "refused", "longest s", "most CPU s", "most MB", "crashes",
    "runs differ",
)  # fmt: skip
TOO_LONG = "image_too_complex"


@dataclass
class Tally:
    """What came of a set of files."""

    codes: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    cpu_s: float = 0
    memory_mb: float = 0
    crashes: list[str] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--mutations", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--bombs", action="store_true", help="a line for each bomb")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or download_images(Path(temporary))
        pillow = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*"))}
        files = {name: path.read_bytes() for name, path in pillow.items() if path.is_file()}
    sets: dict[str, Iterable[tuple[str, bytes]]] = {
        "good pictures": good_pictures(asked.seed).items(),
        f"Pillow {PIL.__version__}'s images": files.items(),
        "mutations": [
            (f"{number} {name}", data)
            for number, (name, data) in enumerate(mutations(asked.mutations, asked.seed))
        ],
        "bombs": list(bombs()),
    }
    print("| " + " | ".join(COLUMNS) + " |")
    print("| --- " * len(COLUMNS) + "|")
    bad = []
    for name, pictures in sets.items():
        first, second = decode_all(pictures), decode_all(pictures)
        differing = [file for file in first.codes if first.codes[file] != second.codes[file]]
        print(line(name, first, second, differing))
        slow = {file for tally in (first, second) for file, s in tally.seconds.items() if s > MAX_S}
        bad += [*sorted(slow), *differing, *first.crashes, *second.crashes]
        if name == "bombs" and asked.bombs:
            for file, code in first.codes.items():
                print(f"|   {file} | | {code} | | {first.seconds[file]:.2f} | | | | |")
    bad += [file for file in files if differs_here(files[file])]
    print("\n" + what_a_process_costs(asked.seed))
    print(f"\n{len(bad)} beyond a limit: {', '.join(bad) or 'none'}")
    return int(bool(bad))


def decode_all(pictures: Iterable[tuple[str, bytes]]) -> Tally:
    """Each picture through one decoding process, which is restarted if one ends it."""
    tally = Tally()
    decoders = Decoders(1)
    for name, data in pictures:
        decoders.warm_up()
        [before] = decoders.process_ids()
        used = cpu_s(before)
        started = time.perf_counter()
        try:
            decoders.view(data, VIEW)
            code = "accepted"
        except RejectedInputError as refusal:
            code = refusal.code
        tally.seconds[name] = time.perf_counter() - started
        tally.codes[name] = code
        if decoders.process_ids() == [before]:
            tally.memory_mb = max(tally.memory_mb, peak_mb(before))
            tally.cpu_s = max(tally.cpu_s, cpu_s(before) - used)
            continue
        tally.cpu_s = max(tally.cpu_s, CPU_S)
        if code != TOO_LONG:
            tally.crashes.append(name)
        time.sleep(SETTLE_S)  # the next one's start is not this one's time
    decoders.close()
    return tally


def peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024


def cpu_s(pid: int) -> float:
    """Seconds of processor time of a process so far."""
    numbers = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(numbers[11]) + int(numbers[12])) / os.sysconf("SC_CLK_TCK")


def line(name: str, first: Tally, second: Tally, differing: list[str]) -> str:
    counts = Counter(first.codes.values())
    accepted = counts.pop("accepted", 0)
    refused = ", ".join(f"{number} {code}" for code, number in counts.most_common())
    longest = max((s, file) for tally in (first, second) for file, s in tally.seconds.items())
    memory = max(first.memory_mb, second.memory_mb)
    return (
        f"| {name} | {len(first.codes):,} | {accepted:,} | {refused or '–'} "
        f"| {longest[0]:.2f} ({longest[1]}) | {max(first.cpu_s, second.cpu_s):.2f} | {memory:.0f} "
        f"| {len(first.crashes) + len(second.crashes)} | {len(differing)} |"
    )


def what_a_process_costs(seed: int) -> str:
    """What decoding elsewhere adds to a photo, 500×375 as iNaturalist's medium ones."""
    noise = Image.frombytes("RGB", (50, 38), random.Random(seed).randbytes(50 * 38 * 3))
    file = io.BytesIO()
    noise.resize((500, 375), Image.Resampling.BICUBIC).save(file, "JPEG", quality=85)
    photo = file.getvalue()
    started = time.perf_counter()
    decoders = Decoders(1)
    decoders.view(photo, VIEW)
    first_ms = (time.perf_counter() - started) * 1000
    here_ms, _ = median_ms(lambda: VIEW.pixels(decode_image(photo, shorter_side=VIEW.shorter_side)))
    there_ms, own_ms = median_ms(lambda: decoders.view(photo, VIEW))
    return (
        f"A photo of {len(photo) / 1000:.0f} kB, bytes to pixels: {here_ms:.2f} ms in this "
        "process, "
        f"{there_ms:.2f} ms in another, of which {own_ms:.2f} ms are this one's processor; "
        f"the first, with the start of the process, {first_ms:.0f} ms."
    )


def median_ms(work: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds of a call by the clock (median), and of this process's processor (mean)."""
    times = []
    used = time.process_time()
    for _ in range(TIMES):
        started = time.perf_counter()
        work()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times), (time.process_time() - used) / TIMES * 1000


def differs_here(data: bytes) -> bool:
    """Whether the process says another thing than the same code does here.

    It would where the process lacked a file or a module that it may no longer open.
    """
    if len(data) > MAX_IMAGE_BYTES:
        return False
    decoders = _shared()
    ending, here = "accepted", "accepted"
    try:
        decoders.check(data)
    except RejectedInputError as refusal:
        ending = refusal.code
    if ending == TOO_LONG:
        return False
    try:
        decode_image(data)
    except RejectedInputError as refusal:
        here = refusal.code
    return ending != here


_pool: list[Decoders] = []


def _shared() -> Decoders:
    if not _pool:
        _pool.append(Decoders(1))
    return _pool[0]


def download_images(folder: Path) -> Path:
    """The test images of Pillow's source package, fetched by pip."""
    print(f"Downloading the source of Pillow {PIL.__version__} …", file=sys.stderr)
    # pip wants to know a source package's metadata, for which Pillow needs these two.
    venv.create(folder / "venv", with_pip=True)
    pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "--quiet"]
    subprocess.run([*pip, "install", "setuptools>=77", "pybind11"], check=True)
    wanted = ["--no-deps", "--no-binary", ":all:", "--no-build-isolation"]
    subprocess.run(
        [*pip, "download", *wanted, "--dest", str(folder), f"pillow=={PIL.__version__}"],
        check=True,
    )
    [package] = folder.glob("pillow-*.tar.gz")
    with tarfile.open(package) as archive:
        archive.extractall(folder, filter="data")
    [images] = folder.glob("pillow-*/Tests/images")
    return images


if __name__ == "__main__":
    sys.exit(main())
