"""A newcomer's first hour: the README and the tutorial, followed command by command and looked at.

    python -m benchmarks.first_hour PHOTOS [--browser PROGRAM]

PHOTOS holds PHOTOS/LABEL/*.jpg. Everything happens in a temporary folder and with an empty
environment; the commands are those of README.md and docs/tutorial.md, which name no others.
iNaturalist and X are fake servers on this machine. One photo is held back, and asked about at the
end. After each step the script checks what a newcomer would see, in a real browser, and it stops at
the first thing that is not so. It prints a table of the steps with the seconds that each took, and
needs `pip install '.[train,bot,dev]'`.
"""

from __future__ import annotations

import argparse
import re
import shutil
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from benchmarks.newcomer import (
    LINKS,
    ROOT,
    Newcomer,
    all_kinds,
    block_with,
    check_boldest,
    check_page,
    copy_photos,
    environment,
    first_match,
    held_back,
    look_around,
)
from critterdb.licences import NOT_PUBLISHED, OWN
from critterdb.site.serving import FRONT_PAGE
from tests.support.browser import CHROMIUM, closed_page, open_browser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

README, TUTORIAL = "README.md", "docs/tutorial.md"
DEMO_FOLDER = "demo-site"  # unless the command names another
OWN_GAME = "mycats"
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}}
# Lines of the README that need a server on the internet.
ELSEWHERE = ("https://example.org/photo.jpg", "bot --on mastodon")


@dataclass(frozen=True)
class Shortcuts:
    """What replaces commands that need PyTorch and minutes, in the small edition."""

    make_demo: Callable[[Path], None]
    train: Callable[[Path, str], None]  # gives the site in a folder a model of this game


@dataclass(frozen=True)
class Step:
    """A step of the hour: how long it took, and what was seen."""

    name: str
    seconds: float
    seen: str


@dataclass
class Hour:
    """The newcomer, their browser and their photos, and the steps so far."""

    newcomer: Newcomer
    browser: Any
    photos: Path
    shortcuts: Shortcuts | None = None
    steps: list[Step] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)

    @contextmanager
    def step(self, name: str) -> Iterator[list[str]]:
        """Time a step; what is put into the list is what was seen."""
        seen: list[str] = []
        started = time.perf_counter()
        yield seen
        self.steps.append(Step(name, time.perf_counter() - started, "; ".join(seen)))

    def train(self, command: str, game: str) -> str:
        """Run a command that trains, or what replaces it."""
        if self.shortcuts is None:
            return self.newcomer.run(command)
        self.shortcuts.train(self.newcomer.folder, game)
        return f"{game} now uses {game}-colours.\nNext: critterdb classify cat.jpg"

    def look_around(self, root: str, *more: str, sign_in: str) -> int:
        """See a page of each kind on a phone, signed in; return how many there were."""
        with closed_page(self.browser, **PHONE) as page:
            page.goto(sign_in)
            assert page.url == f"{root}{FRONT_PAGE}", f"signing in leads to {page.url}"
            seen = look_around(page, root, *more)
        self.kinds |= set(seen)
        return len(seen)


def follow(
    photos: Path, folder: Path, browser: Any, shortcuts: Shortcuts | None = None
) -> list[Step]:
    """Spend the hour in an empty folder and return its steps; AssertionError says what is amiss."""
    with ExitStack() as stack:
        variables: dict[str, str] = {}
        if shortcuts is None:
            variables = stack.enter_context(_standins())
        newcomer = Newcomer(folder, environment(folder / "home", **variables))
        hour = Hour(newcomer, browser, photos, shortcuts)
        see_the_demo(hour)
        see_the_demo_on_day_two(hour)
        newcomer.folder = folder
        make_a_site(hour)
        play_with_a_file(hour)
        if shortcuts is None:
            play_on_x(hour)
        label = import_own_photos(hour)
        see_own_photos(hour, label)
        hide_own_photos(hour)
        keep_and_publish(hour)
    assert hour.kinds == all_kinds(), f"never seen: {all_kinds() - hour.kinds}"
    if shortcuts is None:
        check_that_the_readme_was_followed(newcomer)
    return hour.steps


@contextmanager
def _standins() -> Iterator[dict[str, str]]:
    """Fake servers with a drawn reserve, and the variables that name them."""
    from critterdb.demo.reserve import draw_reserve
    from critterdb.fakes.inaturalist import StandInINaturalist
    from critterdb.fakes.x import StandInX

    reserve = draw_reserve(photos_per_species=16, to_play=2)
    with (
        StandInINaturalist(reserve.observations, reserve.taxa, reserve.photos) as inaturalist,
        StandInX("critterbot") as x,
    ):
        x.add_post("ada", "@critterbot and this? #cougarOrNot", [reserve.to_play[0].data])
        yield {
            "CRITTERDB_INATURALIST_API": inaturalist.url,
            "CRITTERDB_REQUESTS_PER_MINUTE": "6000",
            "CRITTERDB_FETCH_ALLOW": f"127.0.0.1/32:{urlsplit(x.url).port}",
            **x.environment(),
        }


def see_the_demo(hour: Hour) -> None:
    """The command says where to look, and there is something to see."""
    if hour.shortcuts:
        hour.shortcuts.make_demo(hour.newcomer.folder / DEMO_FOLDER)
        return
    command = block_with(TUTORIAL, "critterdb demo").strip()
    with hour.step("the demo") as seen, hour.newcomer.serving(command) as served:
        see_front_page(hour, served.front_page(), served.root)
        seen.append("the address printed is the front page; every picture is there")


def see_the_demo_on_day_two(hour: Hour) -> None:
    """The fake servers that had the pictures are gone, and nothing is missing on any page."""
    with hour.step("the demo, on its second day") as seen:
        hour.newcomer.run(f"cd {DEMO_FOLDER}")
        with hour.newcomer.serving("critterdb serve --root") as served:
            see_front_page(hour, served.front_page(), served.root)
            sign_in = served.printed(r"(http://\S+/-/auth-token\?token=\w+)")
            pages = hour.look_around(served.root, sign_in=sign_in)
            with closed_page(hour.browser) as page:
                page.goto(f"{served.root}/critters/bot_history")
                assert page.locator("img.critter-thumb").count()
                check_page(page)
        seen.append(f"no broken image, and nothing scrolls sideways on a phone: {pages} pages")


def see_front_page(hour: Hour, address: str, root: str) -> None:
    """The address that a command prints is the front page, and so is `/`."""
    assert address == f"{root}{FRONT_PAGE}", f"the command says to open {address}"
    with closed_page(hour.browser) as page:
        page.goto(root)
        assert page.url == address, f"/ leads to {page.url}"
        assert page.locator("h1").is_visible()
        assert page.locator("main img").count(), "the front page has no pictures"
        check_page(page)


def make_a_site(hour: Hour) -> None:
    """Make a site, fetch photos, train, classify: the tutorial up to the pages."""
    newcomer = hour.newcomer
    cat = held_back(hour.photos)
    with hour.step("make a site"):
        newcomer.run(block_with(TUTORIAL, "critterdb init"))
        shutil.copy(cat, newcomer.folder / "cat.jpg")
    if hour.shortcuts is None:
        with hour.step("fetch photos (a drawn reserve)") as seen:
            planned = newcomer.run(block_with(TUTORIAL, "sync cougarornot --plan"))
            assert re.search(r"About \d+ photos \(\d+ MB\), \d+ requests", planned), planned
            fetched = newcomer.run(block_with(TUTORIAL, "--limit 2000"))
            seen.append(first_match(r"(\d+ new observations.*photos)", fetched))
    with hour.step("train") as seen:
        printed = hour.train(block_with(TUTORIAL, "critterdb train\n"), "cougarornot")
        assert "cougarornot now uses cougarornot-" in printed, printed
        assert "Next: critterdb classify" in printed, printed
        assert "* cougarornot-" in newcomer.run(block_with(TUTORIAL, "critterdb models\n"))
        seen.append(first_match(r"(Wrong on \d+ of \d+)", printed) if not hour.shortcuts else "")
    with hour.step("classify a photo"):
        assert "cat.jpg: " in newcomer.run("critterdb classify cat.jpg")
    if hour.shortcuts is None:
        newcomer.run(block_with(TUTORIAL, "critterdb similar"))
        newcomer.run(readme_python(newcomer))


def readme_python(newcomer: Newcomer) -> str:
    """The README's lines of Python as a command, in the folder of the site."""
    lines = block_with(README, "import critterdb").replace('"mysite"', f'"{newcomer.folder}"')
    return f"python - <<'LINES'\n{lines}\nLINES"


def play_with_a_file(hour: Hour) -> None:
    """A dry run prints its drafts: author, answer, confidence and words; --post sends once."""
    with hour.step("the bot, on a file") as seen:
        drafts = hour.newcomer.run(block_with(TUTORIAL, "cat > posts.jsonl"))
        check_drafts(drafts, "ann")
        sent = hour.newcomer.run(block_with(TUTORIAL, "jsonl:posts.jsonl --post"))
        assert "1 sent" in sent, sent
        again = hour.newcomer.run("critterdb bot --on jsonl:posts.jsonl --post")
        assert "sent" not in again, again
        seen.append("the draft is printed; sent once")


def play_on_x(hour: Hour) -> None:
    with hour.step("the bot, on X (a fake server)") as seen:
        printed = hour.newcomer.run(block_with(TUTORIAL, "critterdb bot --on x"))
        check_drafts(printed, "ada")
        assert "1 sent" in printed, printed
        hour.newcomer.run("critterdb status")
        hour.newcomer.run(block_with(TUTORIAL, "critterdb games add"))
        seen.append("the draft is printed; sent once")


def check_drafts(printed: str, author: str) -> None:
    said = rf"^  draft: @{author} \(\S+\): (.+, (over )?\d+%|no answer \(\w+\))\n    \S.+$"
    assert re.search(said, printed, re.MULTILINE), printed


def import_own_photos(hour: Hour) -> str:
    """Import the newcomer's photos without the one that is held back; return its label."""
    newcomer, cat = hour.newcomer, held_back(hour.photos)
    copy_photos(hour.photos, newcomer.folder / OWN_GAME, but=cat)
    with hour.step("import one's own photos") as seen:
        printed = newcomer.run(block_with(TUTORIAL, f"critterdb import {OWN_GAME}"))
        assert "They are yours and never published" in printed, printed
        assert "on this machine only" in printed, printed
        assert f"Next: critterdb train {OWN_GAME}" in printed, printed
        seen.append(first_match(r"(\d[\d,]* new photos with .*labels)", printed))
    with hour.step("train on them") as seen:
        train = f"critterdb train {OWN_GAME}"
        assert f"`{train}`" in (ROOT / TUTORIAL).read_text("utf-8")
        printed = hour.train(train, OWN_GAME)
        assert f"{OWN_GAME} now uses {OWN_GAME}-" in printed, printed
        seen.append(first_match(r"(Wrong on \d+ of \d+)", printed) if not hour.shortcuts else "")
    with hour.step("classify the one that was held back") as seen:
        answer = newcomer.run(f"critterdb classify cat.jpg --game {OWN_GAME}")
        seen.append(f"“{first_match(r'cat.jpg: (.+)', answer)}”, labelled {cat.parent.name}")
    return cat.parent.name


def see_own_photos(hour: Hour, label: str) -> None:
    """On the newcomer's machine their photos are everywhere, and the answer is bold."""
    with hour.step("one's own photos and an answer, in the browser") as seen:
        command = block_with(TUTORIAL, "critterdb serve\n").strip()
        with hour.newcomer.serving(f"{command} --root") as served:
            see_front_page(hour, served.front_page(), served.root)
            with closed_page(hour.browser) as page:
                page.goto(f"{served.root}{FRONT_PAGE}")
                assert OWN in (page.locator(".wall img").first.get_attribute("title") or "")
                see_species(page, served.root, own=True)
                stored, headline = ask(page, served.root, hour.newcomer.folder / "cat.jpg")
            sign_in = served.printed(r"(http://\S+/-/auth-token\?token=\w+)")
            pages = hour.look_around(served.root, stored, sign_in=sign_in)
            address = block_with(TUTORIAL, "curl ").replace(":8001", f":{served.port}")
            assert '"ok": true' in hour.newcomer.run(address)
            stranger = {"Host": "critters.example"}
            refused = httpx.get(f"{served.root}{FRONT_PAGE}", headers=stranger)
            assert refused.status_code == 421, "anybody's page may read this site"
        seen.append(f"they are there, “{OWN}”; the page says “{headline}”, labelled {label}")
        seen.append(f"nothing scrolls sideways on a phone: {pages} pages")
        seen.append("under another host's name the site refuses to answer")


def see_species(page: Any, root: str, *, own: bool) -> None:
    """The pages of critters show one's own photos, or a box that says why not and what to do."""
    page.goto(f"{root}/-/critters/species")
    links = [
        link for link in page.evaluate(LINKS, page.content()) if re.search(r"/species/-?\d+$", link)
    ]
    taken = next(link for link in reversed(links) if photos_on(page, f"{root}{link}"))
    page.goto(f"{root}{taken}")
    text = page.locator("main").inner_text()
    images = page.locator(".shot img").count()
    assert (images > 0, OWN in text) == (own, own), text
    if not own:
        assert NOT_PUBLISHED in text, text
        assert page.locator(".no-picture[title*='local_photos']").count(), (
            "no word on how to change it"
        )
    check_page(page)


def photos_on(page: Any, address: str) -> bool:
    """Whether a page of a critter lists photos, shown or not, that belong to nobody else."""
    page.goto(address)
    text = page.locator("main").inner_text()
    return page.locator(".shot").count() > 0 and (OWN in text or NOT_PUBLISHED in text)


def ask(page: Any, root: str, photo: Path) -> tuple[str, str]:
    """Choose a photo on the page; return the link to the stored answer, and its headline."""
    page.goto(f"{root}/-/classify")
    page.set_input_files("#image", photo)
    page.wait_for_selector("#result .bars", state="attached")
    check_boldest(page, "#result h2")
    check_page(page)
    link = page.locator("#result a:has-text('Link to this answer')")
    return str(link.get_attribute("href")), page.locator("#result h2").inner_text()


def hide_own_photos(hour: Hour) -> None:
    """Whoever comes from elsewhere does not see them."""
    with hour.step("one's own photos, for others") as seen:
        command = "critterdb serve --host 0.0.0.0"
        with hour.newcomer.serving(command) as served, closed_page(hour.browser) as page:
            see_species(page, served.root, own=False)
        seen.append(f"with --host 0.0.0.0: “{NOT_PUBLISHED}”")


def keep_and_publish(hour: Hour) -> None:
    """The backup holds what it says, a restored site has it all, and the copy nothing private."""
    newcomer = hour.newcomer
    with hour.step("back up and restore") as seen:
        photos = newcomer.run("critterdb status").partition("holds")[2].splitlines()[0]
        printed = newcomer.run(block_with(TUTORIAL, "critterdb backup").splitlines()[0])
        assert "It contains only the database" in printed, printed
        assert "Not in it: " in printed, printed
        examples = re.findall(
            r"^  (critterdb (?:backup --files|restore) \S+(?: \w+)?)",
            newcomer.run("critterdb backup --help"),
            re.MULTILINE,
        )
        assert len(examples) == 2, examples
        restored = newcomer.run("\n".join([*examples, "critterdb --db newsite/critters.db status"]))
        assert photos in restored, restored
        kept, again = (
            sorted(file.name for file in (site / "photos").rglob("*.jpg"))
            for site in (newcomer.folder, newcomer.folder / "newsite")
        )
        assert kept == again
        seen.append(f"the restored site has all {len(kept):,} photo files")
    with hour.step("publish") as seen:
        printed = newcomer.run(block_with(TUTORIAL, "critterdb publish").splitlines()[1])
        command = first_match(r"Serve it with:\s+(.+)", printed)
        with newcomer.serving(command) as served, closed_page(hour.browser) as page:
            page.goto(f"{served.root}{FRONT_PAGE}")
            check_page(page)
            url = f"{served.root}/critters/photos.json?_shape=array&id__lt=0"
            assert httpx.get(url).json() == [], "own photos are published"
        seen.append("the copy is served, without one's own photos")


def check_that_the_readme_was_followed(newcomer: Newcomer) -> None:
    typed = {line.split("#")[0].strip() for block in newcomer.typed for line in block.splitlines()}
    for line in block_with(README, "critterdb init").splitlines():
        command = line.split("#")[0].strip()
        if any(words in command for words in ELSEWHERE):
            continue
        for part in command.split(" && "):
            part = part.replace("publish public", "publish ../public")
            assert any(one.startswith(part) for one in typed), f"never typed: {part}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--browser", default=CHROMIUM, help="A chromium; default: the one in PATH.")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_browser(options.browser) as browser:
        steps = follow(options.photos.resolve(), Path(folder), browser)
    print("| step | seconds | what was seen |\n| --- | --- | --- |")
    for step in steps:
        print(f"| {step.name} | {step.seconds:.1f} | {step.seen} |")
    print(f"| together | {sum(step.seconds for step in steps):.0f} | |")


if __name__ == "__main__":
    main()
