"""Ask the served site for every page that a folder can hold, and write each as a file.

Pages come from the code that serves them, through Datasette's in-process client. A page is asked
for if a row of the database has it or if another page links to it.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from critterdb.errors import SiteError
from critterdb.web import urls
from critterdb.web.pages.base import json_address, taking_data

from .addresses import file_of, is_page, page_place
from .links import Rewriter, dumped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from datasette.app import Datasette

    from critterdb._types import Progress

    from .folder import BakedFolder
    from .reuse import Memory

HOST = "http://localhost"
BUSY_ATTEMPTS = 20
BUSY_SECONDS = 0.05
BUSY = 503

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


class Crawl:
    """The pages of one site, on their way into a folder.

    `head` gives what is added to the head of the page at a place.
    """

    def __init__(
        self,
        datasette: Datasette,
        folder: BakedFolder,
        rewriter: Callable[[Callable[[str], bool]], Rewriter],
        head: Callable[[str], str],
        memory: Memory,
    ) -> None:
        self.datasette = datasette
        self.folder = folder
        self.rewriter = rewriter(self._is_missing)
        self.head = head
        self.memory = memory
        self.pages: list[str] = []
        self._paged_taxa: frozenset[str] = frozenset()
        self._asked: set[str] = set()
        self._missing: set[str] = set()
        self._addresses: dict[str, str] = {}
        self._waiting: deque[str] = deque()

    async def run(self, seeds: Iterable[str], progress: Progress | None = None) -> None:
        """Write the pages of `seeds` and every page that they lead to."""
        for address in seeds:
            self._ask_for(address)
        done = 0
        while self._waiting:
            await self._bake(self._waiting.popleft())
            # Nothing else here waits, and Ctrl-C comes through at a wait only.
            await asyncio.sleep(0)
            done += 1
            if progress:
                progress(done, done + len(self._waiting))
        # A link to a page that turned out not to be there becomes plain text; one to a page that
        # the earlier edition did not have becomes a link.
        for place, record in list(self.memory.records.items()):
            if self._dropped(record.links) != record.dropped:
                await self._render(self._addresses[place], place)

    def page_over(self, taxa: frozenset[str]) -> None:
        """Say which taxa have their earlier photos on pages of their own."""
        self._paged_taxa = taxa

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

    async def _bake(self, address: str) -> None:
        """Write one page, or keep the earlier edition's; and ask for what it links to."""
        place = page_place(address)
        if place in self.memory.records:
            return  # written with the page whose JSON it is
        self._addresses[place] = address
        links = self.memory.unchanged(place)
        if links is None or not self.folder.keep(file_of(place)):
            links = await self._render(address, place)
        if links is None:
            self._missing.add(place)
            return
        if place.endswith("/"):
            self.pages.append(place)
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
