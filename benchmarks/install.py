"""How much a base install takes, and how soon it serves a site: `python -m benchmarks.install`.

Makes a clean virtual environment in a temporary folder, installs this critterdb into it as a wheel
(from the package index that pip is configured for), counts the files, publishes a site, and times
from the start of `critterdb serve` to the first page. `--site FOLDER` serves a site of your own.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
import urllib.request
import venv
from collections import Counter
from pathlib import Path

from critterdb.publish.wheel import write_wheel

RUNS = 7
SHOWN = 8  # of the heaviest packages
PORT = 18_931
PAGES = ("/", "/critters")
DEADLINE_S = 30
AS_BROWSERS_ASK = {"Accept": "text/html"}  # who asks so is led from `/` to the front page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--site", type=Path, help="A site to serve; without it, an empty one.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        program = install(folder)
        site = options.site
        if site is None:
            site = folder / "site"
            subprocess.run([program, "init", str(site)], check=True, stdout=subprocess.DEVNULL)
        measure_start(program, site)


def install(folder: Path) -> Path:
    """A clean environment with the base install; prints what it takes."""
    started = time.perf_counter()
    venv.create(folder / "venv", with_pip=True)
    packages = next((folder / "venv" / "lib").glob("python*")) / "site-packages"
    before = sizes(packages)
    wheel = write_wheel(folder)
    python = folder / "venv" / "bin" / "python"
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*command, str(wheel)], check=True)
    seconds = time.perf_counter() - started
    after = sizes(packages)
    added = after - before
    print(f"| base install, without pip and setuptools | {megabytes(added.total())} |")
    print(f"| the whole environment, with them | {megabytes(after.total())} |")
    print(f"| made and installed in | {seconds:.0f} s |")
    for name, size in added.most_common(SHOWN):
        print(f"| – {name} | {megabytes(size)} |")
    return folder / "venv" / "bin" / "critterdb"


def sizes(packages: Path) -> Counter[str]:
    """Bytes of the files of each package; NAME.libs and NAME-1.0.dist-info count for NAME."""
    bytes_of: Counter[str] = Counter()
    for file in packages.rglob("*"):
        if file.is_file() and not file.is_symlink():
            top = file.relative_to(packages).parts[0]
            bytes_of[top.partition(".")[0].partition("-")[0].lower()] += file.stat().st_size
    return bytes_of


def megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e6:.1f} MB"


def measure_start(program: Path, site: Path) -> None:
    """Time from the start of the command to the answer of each page."""
    times: dict[str, list[float]] = {page: [] for page in PAGES}
    for _ in range(RUNS):
        for page in PAGES:
            times[page].append(start_once(program, site, page))
    for page, seconds in times.items():
        print(
            f"| from start to `{page}`, median of {RUNS} | {statistics.median(seconds):.2f} s "
            f"(slowest {max(seconds):.2f} s) |"
        )


def start_once(program: Path, site: Path, page: str) -> float:
    asked = urllib.request.Request(f"http://127.0.0.1:{PORT}{page}", headers=AS_BROWSERS_ASK)
    started = time.perf_counter()
    process = subprocess.Popen(
        [program, "serve", "--port", str(PORT)],
        cwd=site,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while time.perf_counter() - started < DEADLINE_S:
            try:
                with urllib.request.urlopen(asked) as answer:
                    answer.read()
                return time.perf_counter() - started
            except OSError:
                time.sleep(0.01)
        raise SystemExit("nothing was served")
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
