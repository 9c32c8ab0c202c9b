"""A newcomer: a shell in a clean folder, what its commands print, and the pages in a browser."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from benchmarks.servers import free_port
from critterdb.site.serving import FRONT_PAGE
from critterdb.web.routes import ROUTES

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[1]
SYSTEM_PATH = "/usr/bin:/bin:/usr/local/bin"
PROGRAMS = {"critterdb": "-m critterdb", "datasette": "-m datasette", "python": ""}
START_S = 600  # the demo trains before it serves
PAGE_KINDS = {
    pattern: view.__name__
    for pattern, view in ROUTES
    if pattern.startswith((r"^/-/critters", r"^/-/classify"))
}

# Photos load when they come into view: ask for all of them, and wait.
BROKEN_IMAGES = """async () => {
    for (const one of document.querySelectorAll('details')) one.open = true;
    const images = [...document.images];
    for (const image of images) image.loading = 'eager';
    await Promise.all(images.map(image => image.complete ? 0 : new Promise(
        done => { image.onload = image.onerror = done; })));
    return images.filter(image => !image.naturalWidth).map(image => image.getAttribute('src'));
}"""
SIDEWAYS = "() => { scrollTo(9999, 0); const x = scrollX; scrollTo(0, 0); return x; }"
# In the page as it was served: scripts may have replaced some of it.
LINKS = """html => [...new DOMParser().parseFromString(html, 'text/html')
    .querySelectorAll('a[href], form[method="get"][action]')]
    .map(one => one.getAttribute('href') ?? one.getAttribute('action'))"""


@dataclass
class Newcomer:
    """Somebody who types commands in bash, with nothing in the environment but what is given."""

    folder: Path  # where the shell is; `cd` in a command changes it
    environment: dict[str, str]
    typed: list[str] = field(default_factory=list)

    def run(self, commands: str) -> str:
        """Run lines of the documentation and return what they print; fail where one fails."""
        lines = [line for line in commands.splitlines() if line.strip()]
        self.typed += [line for line in lines if not line.lstrip().startswith("#")]
        state = Path(self.environment["HOME"], "shell-state")
        script = (
            f"if [ -e {state} ]; then . {state}; fi\ncd '{self.folder}'\nset -e\n{commands}\n"
            f'declare -px > {state}\necho "@@ $PWD"\n'
        )
        done = subprocess.run(
            ["bash", "-c", script],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output, _, folder = done.stdout.rpartition("@@ ")
        assert done.returncode == 0, f"failed:\n{commands}\n{done.stdout}"
        self.folder = Path(folder.strip())
        return output

    @contextmanager
    def serving(self, command: str) -> Iterator[Served]:
        """Run a command that serves until it is stopped, on a free port."""
        self.typed.append(command)
        port = free_port()
        log = Path(self.environment["HOME"], f"served-{port}.log")
        with log.open("w") as file:
            process = subprocess.Popen(
                ["bash", "-c", f"exec {command} --port {port}"],
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            _wait_for(f"http://127.0.0.1:{port}/-/versions.json", process, log)
            yield Served(port, log)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()


@dataclass(frozen=True)
class Served:
    """A server that a command started, and the file that its output goes to."""

    port: int
    log: Path

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def printed(self, pattern: str) -> str:
        """Return the first match of a pattern in the output, waiting for it a while."""
        for _ in range(100):
            if found := re.search(pattern, self.log.read_text("utf-8")):
                return found[1]
            time.sleep(0.05)
        raise AssertionError(f"nothing like {pattern} in:\n{self.log.read_text('utf-8')}")

    def front_page(self) -> str:
        """Return the address that the command says to open."""
        return self.printed(r"Open (http\S+);")


def environment(home: Path, **variables: str) -> dict[str, str]:
    """Return a clean environment in which `critterdb` is the one of this checkout."""
    programs = home / "bin"
    programs.mkdir(parents=True)
    for name, module in (
        ("critterdb", "-m critterdb"),
        ("datasette", "-m datasette"),
        ("python", ""),
    ):
        program = programs / name
        program.write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
        program.chmod(0o755)
    return {
        "PATH": f"{programs}:{SYSTEM_PATH}",
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        **variables,
    }


def blocks(file: str) -> list[str]:
    """Return the commands of a page of the documentation, block by block.

    These are blocks marked `sh`, and elsewhere what is indented by four spaces.
    """
    text = (ROOT / file).read_text("utf-8")
    fence = re.compile(r"^```(\w*)\n(.+?)^```$", re.MULTILINE | re.DOTALL)
    indented = re.findall(r"(?:^(?: {4}\S.*)?\n)+", fence.sub("", text), re.MULTILINE)
    return [
        *(block for kind, block in fence.findall(text) if kind == "sh"),
        *(re.sub(r"^ {4}", "", one, flags=re.MULTILINE) for one in indented if one.strip()),
    ]


def block_with(file: str, words: str) -> str:
    """Return the one block of a page that has these words."""
    [block] = [block for block in blocks(file) if words in block]
    return block


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text("utf-8")
        with suppress(OSError):
            urllib.request.urlopen(address).close()
            return
        time.sleep(0.05)
    raise AssertionError(f"nothing answers at {address}")


def kind_of(link: str) -> str | None:
    """Return which of critterdb's pages a link leads to; None for data, files and other sites."""
    parts = urlsplit(link)
    if parts.netloc or parts.path.endswith((".json", ".atom")):
        return None
    for pattern, name in PAGE_KINDS.items():
        if re.match(pattern, unquote(parts.path)):
            return f"{name} {pattern}" if name != "nowhere" else None
    return None


def all_kinds() -> set[str]:
    return {f"{name} {pattern}" for pattern, name in PAGE_KINDS.items() if name != "nowhere"}


def look_around(page: Any, root: str, *more: str) -> dict[str, str]:
    """Follow links to one page of each kind; fail if one has a broken image or scrolls sideways.

    Returns the path of a page by its kind.
    """
    seen: dict[str, str] = {}
    waiting = [FRONT_PAGE, *more]
    while waiting:
        path = waiting.pop(0)
        kind = kind_of(path)
        if kind is None or kind in seen:
            continue
        seen[kind] = path
        response = page.goto(f"{root}{path}")
        assert response.status == 200, path
        check_page(page)
        waiting += page.evaluate(LINKS, response.text())
    return seen


def check_page(page: Any) -> None:
    """Fail if the page has a broken image or scrolls sideways."""
    assert page.evaluate(BROKEN_IMAGES) == [], f"broken images on {page.url}"
    assert page.evaluate(SIDEWAYS) == 0, f"{page.url} scrolls sideways"


def check_boldest(page: Any, selector: str) -> None:
    """Fail unless an element has the largest letters below the page's title, bold and not soft."""
    size, weight, colour = page.locator(selector).evaluate(
        "one => { const s = getComputedStyle(one);"
        " return [parseFloat(s.fontSize), parseInt(s.fontWeight), s.color] }"
    )
    largest = page.evaluate(
        "Math.max(...[...document.querySelectorAll('main *:not(h1)')]"
        ".map(one => parseFloat(getComputedStyle(one).fontSize)))"
    )
    soft = page.locator("main .hint").first.evaluate("one => getComputedStyle(one).color")
    assert size == largest, f"{selector} has {size} pixels, something else {largest}"
    assert weight >= 700, f"{selector} is not bold: {weight}"
    assert colour != soft, f"{selector} is as pale as a hint"


def held_back(photos: Path) -> Path:
    """Return the photo that the newcomer asks about: the first of the first label."""
    return min(photos.glob("*/*.jpg"))


def copy_photos(photos: Path, to: Path, *, but: Path) -> None:
    def left_out(folder: str, names: list[str]) -> list[str]:
        return [but.name] if Path(folder) == but.parent else []

    shutil.copytree(photos, to, ignore=left_out)


def first_match(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    assert found, f"nothing like {pattern} in:\n{text}"
    return found[1].strip()
