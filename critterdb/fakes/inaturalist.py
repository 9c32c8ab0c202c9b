"""A stand-in iNaturalist: pages by id, limits its callers, and fails when told to."""

from __future__ import annotations

import time
from collections import deque
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

from .server import Request, StandIn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from critterdb._types import Json

MAX_PER_PAGE = 200
# As the real one: deeper pages are refused, which is why walks go by id and not by page.
MAX_RESULTS = 10_000
# What the real one and its proxies do on a bad day; a sync must survive each.
FAULTS = ("429", "429 date", "500", "502", "html", "truncated", "too short", "silence", "reset")


class StandInINaturalist(StandIn):
    """Serves observations, taxa and photos given as the API's own objects.

    Photo URLs are rewritten to point here. `per_minute` answers 429 beyond it, and
    each word in `faults` (one of FAULTS) spoils one request to the API; `odd_pages` are empty ones
    to come, or with `repeats_pages` the page before once more.
    """

    def __init__(
        self,
        observations: Sequence[Json],
        taxa: Sequence[Json],
        photos: Mapping[int, bytes],
        *,
        per_minute: int | None = None,
    ) -> None:
        super().__init__()
        self.observations = {observation["id"]: observation for observation in observations}
        self.taxa = {taxon["id"]: taxon for taxon in taxa}
        self.photos = dict(photos)
        self.places: list[Json] = []
        self.per_minute = per_minute
        self.faults: deque[str] = deque()
        self.odd_pages = 0
        self.repeats_pages = False
        self.silence_s = 30.0
        self._last_page: list[Json] = []
        self.asked_at: deque[float] = deque()

    @property
    def url(self) -> str:
        """What CRITTERDB_INATURALIST_API is to be."""
        return f"{self.base}/v1"

    def handle(self, request: Request) -> None:
        parts = request.path.strip("/").split("/")
        if parts[0] == "photos" and len(parts) == 3:
            self._serve_photo(request, parts[1])
            return
        if self._spoil(request):
            return
        if parts[:2] == ["v1", "observations"]:
            chosen = self._observations(parts[2:], request.query)
        elif parts[:2] == ["v1", "taxa"]:
            chosen = self._taxa(parts[2:], request.query)
        elif parts[:2] == ["v1", "places"]:
            chosen = self._places(parts[2:], request.query)
        else:
            request.answer_json({"error": "Not Found", "status": 404}, status=404)
            return
        self._serve_page(request, chosen)

    def _serve_page(self, request: Request, chosen: list[Json]) -> None:
        per_page = min(int(request.query.get("per_page", 30)), MAX_PER_PAGE)
        page = int(request.query.get("page", 1))
        if page * per_page > MAX_RESULTS:
            error = f"Result window is too large, page * per_page must be at most {MAX_RESULTS}"
            request.answer_json({"error": error, "status": 403}, status=403)
            return
        results = self._distort(chosen[(page - 1) * per_page : page * per_page])
        request.answer_json(
            {"total_results": len(chosen), "page": page, "per_page": per_page, "results": results}
        )

    def _spoil(self, request: Request) -> bool:
        """Refuse a caller that is too fast, or serve the next fault that was asked for."""
        with self.lock:
            now = time.monotonic()
            self.asked_at.append(now)
            while self.asked_at[0] < now - 60:
                self.asked_at.popleft()
            too_fast = self.per_minute is not None and len(self.asked_at) > self.per_minute
            fault = "429" if too_fast else self.faults.popleft() if self.faults else ""
        if fault:
            self._serve_fault(request, fault)
        return bool(fault)

    def _serve_fault(self, request: Request, fault: str) -> None:
        page = b'{"total_results": 3, "results": [{"id"'
        if fault == "429":
            request.answer_json({"error": "Too many"}, status=429, headers={"Retry-After": "1"})
        elif fault == "429 date":
            moment = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)
            request.answer_json({"error": "Too many"}, status=429, headers={"Retry-After": moment})
        elif fault == "500":
            request.answer(b"", status=500)
        elif fault == "502":
            request.answer(b"<html>Bad Gateway</html>", kind="text/html", status=502)
        elif fault == "html":
            request.answer(b"<html><body>Be right back</body></html>", kind="text/html")
        elif fault == "truncated":
            request.answer(page, length=4000)
            request.hang_up()
        elif fault == "too short":
            request.answer(page, length=len(page) - 10)
            request.hang_up()
        elif fault == "silence":
            time.sleep(self.silence_s)
            request.hang_up()
        elif fault == "reset":
            request.hang_up()

    def edit(self, observation_id: int, **changes: object) -> None:
        """Change an observation as somebody on the site would; the site notes when."""
        moment = datetime.now(UTC).isoformat(timespec="seconds")
        with self.lock:
            old = self.observations[observation_id]
            self.observations[observation_id] = {**old, **changes, "updated_at": moment}

    def delete(self, observation_id: int) -> None:
        with self.lock:
            del self.observations[observation_id]

    def _observations(self, ids: list[str], query: Mapping[str, str]) -> list[Json]:
        with self.lock:
            chosen = [
                self._with_photos_here(observation) for observation in self.observations.values()
            ]
        if ids or "id" in query:
            wanted = {int(i) for i in (ids[0] if ids else query["id"]).split(",")}
            chosen = [observation for observation in chosen if observation["id"] in wanted]
        above = int(query.get("id_above", 0))
        chosen = [
            observation
            for observation in chosen
            if observation["id"] > above and self._matches(observation, query)
        ]
        newest_first = query.get("order", "desc") == "desc"
        return sorted(chosen, key=lambda observation: observation["id"], reverse=newest_first)

    def _matches(self, observation: Json, query: Mapping[str, str]) -> bool:
        ancestors = (observation.get("taxon") or {}).get("ancestor_ids", [])
        if "taxon_id" in query and int(query["taxon_id"]) not in ancestors:
            return False
        if "quality_grade" in query and observation["quality_grade"] != query["quality_grade"]:
            return False
        if query.get("photos") == "true" and not observation.get("photos"):
            return False
        if "updated_since" in query:
            since = datetime.fromisoformat(query["updated_since"])
            changed = observation.get("updated_at")
            return bool(changed and datetime.fromisoformat(changed) >= since)
        return True

    def _distort(self, results: list[Json]) -> list[Json]:
        """Serve an empty page or an old one where that was asked for, as a cache sometimes does."""
        with self.lock:
            if self.odd_pages and results:
                self.odd_pages -= 1
                return self._last_page if self.repeats_pages else []
            self._last_page = results
            return results

    def _with_photos_here(self, observation: Json) -> Json:
        photos = [
            {**photo, "url": f"{self.base}/photos/{photo['id']}/square.jpg"}
            for photo in observation.get("photos") or []
        ]
        return {**observation, "photos": photos}

    def _taxa(self, ids: list[str], query: Mapping[str, str]) -> list[Json]:
        if ids:
            wanted = [int(i) for i in ids[0].split(",")]
            return [self._with_ancestors(self.taxa[i]) for i in wanted if i in self.taxa]
        words = query.get("q", "").casefold()
        return [
            taxon
            for taxon in self.taxa.values()
            if words in taxon["name"].casefold()
            or words in (taxon.get("preferred_common_name") or "").casefold()
        ]

    def _places(self, names: list[str], query: Mapping[str, str]) -> list[Json]:
        if names != ["autocomplete"]:
            return [item for item in self.places if str(item["id"]) in names]
        words = query.get("q", "").casefold()
        return [item for item in self.places if words in item["display_name"].casefold()]

    def _with_ancestors(self, taxon: Json) -> Json:
        ancestors = [self.taxa[i] for i in taxon["ancestor_ids"][:-1] if i in self.taxa]
        return {**taxon, "ancestors": ancestors}

    def _serve_photo(self, request: Request, name: str) -> None:
        data = self.photos.get(int(name)) if name.isdigit() else None
        if data is None:
            request.answer(b"<Error>AccessDenied</Error>", kind="application/xml", status=403)
        else:
            request.answer(data, kind="image/jpeg")
