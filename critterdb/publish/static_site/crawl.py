"""Ask the served site for every page that a folder can hold, and write each as a file.

Pages come from the code that serves them, through Datasette's in-process client. A page is asked
for if a row of the database has it or if another page links to it.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from critterdb.errors import SiteError
from critterdb.system import cores
from critterdb.web import urls
from critterdb.web.pages.base import json_address, taking_data

from .addresses import file_of, is_page, page_place
from .links import Rewriter, dumped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from datasette.app import Datasette

    from critterdb._types import Progress
    from critterdb.storage.database import SiteDatabase

    from .addresses import Addresses
    from .folder import BakedFolder, Taken
    from .reuse import Memory, Record
    from .shell import Shell

HOST = "http://localhost"
BUSY_ATTEMPTS = 20
BUSY_SECONDS = 0.05
BUSY = 503
# A second process starts in the time of 150 pages.
PAGES_FOR_TWO = 300

# Pages by the kind of row that they show. Ranks up to species (10) have all their photos on pages
# of their own; the pages of what is above them would repeat all of these.
_SEEDS: Mapping[Callable[[str], str], str] = {
    urls.model_page: "SELECT id FROM models ORDER BY id",
    urls.species_page: "SELECT id FROM taxa WHERE id IN (SELECT taxon_id FROM model_labels) "
    "OR id IN (SELECT taxon_id FROM observations) ORDER BY id",
    urls.post_page: "SELECT id FROM posts ORDER BY id",
    urls.photo_page: "SELECT id FROM photos ORDER BY id",
}
_PAGED_TAXA = (
    "SELECT id FROM taxa WHERE rank_level <= 10 OR id IN (SELECT taxon_id FROM model_labels)"
)


@dataclass(frozen=True)
class PageJob:
    """What the pages of a site are made from, for any process that makes some."""

    copy: Path
    made: Path
    before: Path
    addresses: Addresses
    shell: Shell
    classifies: bool


class MadePage(NamedTuple):
    """A page, or none if `links` is None; its files, and what they were made from by place."""

    address: str
    links: list[str] | None
    records: dict[str, Record]
    files: Taken


class OtherProcess(Protocol):
    """A process that makes pages too (second_process.py)."""

    @property
    def is_busy(self) -> bool: ...

    @property
    def has_room(self) -> bool: ...

    def ask(self, address: str) -> None:
        """Let it make a page."""

    def pages(self, *, wait: bool) -> list[MadePage]:
        """Return the pages that it has made since; `wait` a moment if there are none."""

    def end(self) -> None: ...


class Crawl:
    """The pages of one site, on their way into a folder."""

    def __init__(
        self,
        datasette: Datasette,
        folder: BakedFolder,
        memory: Memory,
        db: SiteDatabase,
        job: PageJob,
    ) -> None:
        self.datasette = datasette
        self.folder = folder
        self.rewriter = Rewriter(job.addresses, self._is_missing, job.shell.base_url)
        self.head = job.shell.head
        self.memory = memory
        self._paged_taxa = paged_taxa(db)
        self._places: set[str] = set()
        self._asked: set[str] = set()
        self._missing: set[str] = set()
        self._addresses: dict[str, str] = {}
        self._waiting: deque[str] = deque()
        self._changed: deque[str] = deque()
        self._data: list[str] = []
        self._second: OtherProcess | None = None

    @property
    def pages(self) -> list[str]:
        """The places of all pages, in the same order whoever made them."""
        return sorted(self._places)

    async def run(
        self,
        seeds: Iterable[str],
        start_second: Callable[[], OtherProcess],
        progress: Progress | None = None,
    ) -> None:
        """Write the pages of `seeds` and every page that they lead to, many in two processes."""
        for address in seeds:
            self._ask_for(address)
        done = 0
        try:
            while self._is_unfinished():
                if self._waiting:
                    new = self._keep(self._waiting.popleft())
                else:
                    new = await self._make_some(start_second)
                # Nothing else here waits, and Ctrl-C comes through at a wait only.
                await asyncio.sleep(0)
                done += new
                if progress and new:
                    progress(done, done + len(self._waiting) + len(self._changed))
        finally:
            if self._second:
                self._second.end()
        # A link to a page that turned out not to be there becomes plain text; one to a page that
        # the earlier edition did not have becomes a link.
        for place, record in list(self.memory.records.items()):
            if self._dropped(record.links) != record.dropped:
                await self._render(self._addresses[place], place)

    def add_page(self, place: str) -> None:
        """Count a page that was written without a visit."""
        self._places.add(place)

    def _is_unfinished(self) -> bool:
        if self._waiting or self._changed or (self._second and self._second.is_busy):
            return True
        # Most of these were written with the page whose JSON they are.
        self._changed.extend(
            address for address in self._data if page_place(address) not in self.memory.records
        )
        self._data.clear()
        return bool(self._changed)

    async def _make_some(self, start_second: Callable[[], OtherProcess]) -> int:
        """Make a page here, or take those that the second process made; return how many."""
        if self._second is None and len(self._changed) >= PAGES_FOR_TWO and cores() > 1:
            self._second = start_second()
        if self._second:
            while self._changed and self._second.has_room:
                self._second.ask(self._changed.popleft())
            made = self._second.pages(wait=not self._changed)
            for page in made:
                self._accept(page)
            if made or not self._changed:
                return len(made)
        address = self._changed.popleft()
        self._follow(address, await self._render(address, page_place(address)))
        return 1

    async def make(self, address: str) -> MadePage:
        """Write one page for the process that has all the others."""
        self.memory.records.clear()
        links = await self._render(address, page_place(address))
        return MadePage(address, links, dict(self.memory.records), self.folder.take())

    def _accept(self, page: MadePage) -> None:
        self.folder.add(page.files)
        self.memory.records |= page.records
        self._asked.update(page.records)
        self._follow(page.address, page.links)

    def _is_missing(self, address: str) -> bool:
        if page_place(address) in self._missing:
            return True
        if "?before=" not in address or not address.startswith(f"{urls.SPECIES}/"):
            return False
        taxon = urlsplit(address).path.rpartition("/")[2].removesuffix(".json")
        return taxon not in self._paged_taxa

    def _ask_for(self, address: str) -> None:
        address = address.partition("#")[0]
        if not is_page(address) or self._is_missing(address):
            return
        place = page_place(address)
        if place not in self._asked:
            self._asked.add(place)
            self._waiting.append(address)

    def _dropped(self, links: Iterable[str]) -> list[str]:
        """The places that these links lead to and that are not there."""
        return sorted({page_place(link) for link in links if self._is_missing(link)})

    def _keep(self, address: str) -> int:
        """Keep the earlier edition's page, or note that it has to be made; return how many."""
        place = page_place(address)
        if place in self.memory.records:
            return 0  # written with the page whose JSON it is
        self._addresses[place] = address
        links = self.memory.unchanged(place)
        if links is None or not self.folder.keep(file_of(place)):
            (self._data if place.endswith(".json") else self._changed).append(address)
            return 0
        self._follow(address, links)
        return 1

    def _follow(self, address: str, links: list[str] | None) -> None:
        """Ask for what a page links to; without links there is no such page."""
        place = page_place(address)
        if links is None:
            self._missing.add(place)
            return
        if place.endswith("/"):
            self._places.add(place)
        for link in links:
            self._ask_for(link)

    async def _render(self, address: str, place: str) -> list[str] | None:
        """Write one page, and its JSON if it links to that; the addresses that it links to, or None
        if there is no such page.
        """
        with self.memory.recording(place) as record, taking_data() as taken:
            text = await self.fetch(address)
            if text is None:
                self.memory.forget(place)
                return None
            links: list[str] = []
            if place.endswith(".json"):
                self._write_data(json.loads(text), place)
            elif place.endswith(".atom"):
                self._write(place, self.rewriter.feed(text, HOST, place))
            elif place.endswith(".ics"):
                self._write(place, self.rewriter.calendar(text, HOST))
            else:
                page = self.rewriter.page(text, place, self.head(place))
                self._write(place, page.text)
                links = page.links
            record.links, record.dropped = links, self._dropped(links)
        same = json_address(address)
        if taken and same in links:
            # Of the last attempt. To ask for it would take as long as the page took.
            self._asked.add(page_place(same))
            self._write_data(json.loads(json.dumps(taken[-1])), page_place(same))
            self.memory.share(page_place(same), record)
        return links

    def _write(self, place: str, text: str) -> None:
        self.folder.write(file_of(place), text.encode())

    def _write_data(self, payload: Any, place: str) -> None:
        self._write(place, dumped(self.rewriter.data(payload, place)))

    async def fetch(self, address: str) -> str | None:
        """Return what the site serves at an address, or None if it has no such page."""
        for _ in range(BUSY_ATTEMPTS):
            response = await self.datasette.client.get(address, headers={"accept": "text/html"})
            if response.status_code != BUSY:
                break
            await asyncio.sleep(BUSY_SECONDS)
        else:
            raise SiteError(f"The page {address} could not be made: the database is too slow")
        return response.text if response.status_code == 200 else None


def seeds(db: Any) -> list[str]:
    """Return the addresses of the pages that a database has, lists first."""
    addresses = [urls.HOME, urls.HISTORY, urls.SPECIES, urls.MODELS, urls.COMPARE]
    addresses += [urls.CALENDAR, urls.PLAY]
    for address_of, sql in _SEEDS.items():
        addresses += [address_of(row[0]) for row in db.execute(sql)]
    return addresses


def paged_taxa(db: Any) -> frozenset[str]:
    """Return the ids of the taxa whose earlier photos have pages of their own."""
    return frozenset(str(row[0]) for row in db.execute(_PAGED_TAXA))
