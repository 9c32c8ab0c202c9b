"""The API's JSON → plain objects: each field is checked once, here, before anything is stored.

Anything may be missing, null or of another type in a response. What cannot be read becomes null, so
that one odd field costs no more than itself; no `private_*` field is ever looked at.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from critterdb.licences import license_of
from critterdb.storage.timestamps import utc_text_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from critterdb._types import Json

# The deepest lineages have some 40 taxa. An id that is not known costs a thirtieth of a request.
MAX_LINEAGE = 64
MAX_ID = 2**53 - 1  # what JavaScript, in which the API is written, can count up to
MAX_INTEGER = 2**63 - 1  # what a column of SQLite holds
# A real observation nests 8 levels; the parsers of Python and of SQLite give up at about 1,000.
MAX_NESTING = 64
# Possessive, so that a string of a million backslashes is walked once.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)


@dataclass(frozen=True)
class ApiTaxon:
    """A taxon; `lineage` holds ids from the root down to the taxon itself."""

    id: int
    name: str
    common_name: str | None
    rank: str | None
    rank_level: float | None
    parent_id: int | None
    lineage: tuple[int, ...]
    is_active: bool
    synonym_ids: tuple[int, ...]
    ancestors: tuple[ApiTaxon, ...]

    @property
    def synonym_id(self) -> int | None:
        """The one taxon that replaced an inactive one; null if it was split into several."""
        return self.synonym_ids[0] if not self.is_active and len(self.synonym_ids) == 1 else None


@dataclass(frozen=True)
class ApiPhoto:
    """A photo of an observation; `url` leads to its smallest size."""

    id: int
    url: str | None
    license_code: str | None
    attribution: str | None


@dataclass(frozen=True)
class ApiObserver:
    """The person who observed."""

    id: int
    login: str
    name: str | None


@dataclass(frozen=True)
class ApiObservation:
    """An observation as everybody may see it; places are the public ones."""

    id: int
    uuid: str | None
    taxon: ApiTaxon | None
    observer: ApiObserver | None
    observed_on: str | None
    updated_at: str | None
    quality_grade: str | None
    captive: int | None
    place_guess: str | None
    latitude: float | None
    longitude: float | None
    positional_accuracy: float | None
    obscured: int | None
    license_code: str | None
    url: str
    photos: tuple[ApiPhoto, ...]
    unreadable_photos: int = 0


def parse_page(body: bytes) -> Json:
    """The JSON object of a response that has a list `results`. Raises ValueError.

    Numbers beyond SQLite's and values nested too deeply become null, lone surrogates are dropped.
    """
    try:
        try:
            page = _parse(body)
        except RecursionError:
            # Only then, because it takes ten times as long as the parser itself.
            page = _parse(_flattened(body))
    except ValueError as error:
        raise ValueError("it sent something that is not JSON") from error
    if not isinstance(page, dict) or not isinstance(page.get("results"), list):
        raise ValueError("it sent JSON without results")
    return page


def read_observations(results: Iterable[object]) -> list[ApiObservation]:
    """Those of the results that are observations: objects with an id."""
    return [
        _read_observation(result)
        for result in results
        if isinstance(result, dict) and id_of(result)
    ]


def read_taxa(results: Iterable[object]) -> list[ApiTaxon]:
    """Those of the results that are taxa: objects with an id, with the ancestors they carry."""
    return [_read_taxon(result) for result in results if isinstance(result, dict) and id_of(result)]


def id_of(described: object) -> int:
    """The id of one of the API's objects; 0 if it has none that can be one."""
    number = described.get("id") if isinstance(described, dict) else None
    return _id(number) or 0


def total_of(page: Json) -> int:
    """How many results there are in all, by the server's own count."""
    total = page.get("total_results")
    return total if type(total) is int and total > 0 else 0


def unreadable(observations: Iterable[ApiObservation]) -> Counter[str]:
    """What these observations held and could not be read, counted by reason."""
    number = sum(observation.unreadable_photos for observation in observations)
    return Counter({"photos that cannot be read": number} if number else {})


def _read_observation(result: Json) -> ApiObservation:
    latitude, longitude = _point(result.get("location"))
    accuracy = result.get("public_positional_accuracy")
    if accuracy is None and not result.get("obscured"):
        accuracy = result.get("positional_accuracy")
    url = _text(result.get("uri")) or ""
    if not url.startswith(("https://", "http://")):
        url = f"https://www.inaturalist.org/observations/{result['id']}"
    taxa = read_taxa([result.get("taxon")])
    photos = result.get("photos")
    photos = photos if isinstance(photos, list) else []
    readable = [_read_photo(photo) for photo in photos if id_of(photo)]
    return ApiObservation(
        id=result["id"],
        uuid=_text(result.get("uuid")),
        taxon=taxa[0] if taxa else None,
        observer=_read_observer(result.get("user")),
        observed_on=_text(result.get("observed_on")),
        updated_at=utc_text_of(result.get("updated_at")),
        quality_grade=_text(result.get("quality_grade")),
        captive=_flag(result.get("captive")),
        place_guess=_text(result.get("place_guess")),
        latitude=latitude,
        longitude=longitude,
        positional_accuracy=_number(accuracy),
        obscured=_flag(result.get("obscured")),
        license_code=_license(result),
        url=url,
        photos=tuple(readable),
        unreadable_photos=len(photos) - len(readable),
    )


def _read_photo(photo: Json) -> ApiPhoto:
    return ApiPhoto(
        photo["id"],
        _text(photo.get("url")) or None,
        _license(photo),
        _text(photo.get("attribution")),
    )


def _read_observer(user: object) -> ApiObserver | None:
    if not isinstance(user, dict) or not id_of(user):
        return None
    login = _text(user.get("login")) or str(user["id"])
    return ApiObserver(user["id"], login, _text(user.get("name")) or None)


def _read_taxon(taxon: Json) -> ApiTaxon:
    lineage = _lineage(taxon)
    ancestors = taxon.get("ancestors")
    parent_id = _id(taxon.get("parent_id")) or (lineage[-2] if len(lineage) > 1 else None)
    common_name = taxon.get("preferred_common_name") or taxon.get("english_common_name")
    return ApiTaxon(
        id=taxon["id"],
        name=_text(taxon.get("name")) or f"taxon {taxon['id']}",
        common_name=_text(common_name),
        rank=_text(taxon.get("rank")),
        rank_level=_number(taxon.get("rank_level")),
        parent_id=parent_id,
        lineage=lineage,
        is_active=taxon.get("is_active") is not False,
        synonym_ids=tuple(_ids(taxon.get("current_synonymous_taxon_ids")))[:MAX_LINEAGE],
        ancestors=tuple(read_taxa(ancestors)) if isinstance(ancestors, list) else (),
    )


def _lineage(taxon: Json) -> tuple[int, ...]:
    """Ids from the root down to the taxon itself; some responses leave the taxon itself out."""
    ids = list(_ids(taxon.get("ancestor_ids")))
    if not ids:
        parts = str(taxon.get("ancestry") or "").split("/")
        ids = [int(part) for part in parts if part.isascii() and part.isdigit() and len(part) < 16]
    whole = ids if ids and ids[-1] == taxon["id"] else [*ids, taxon["id"]]
    return tuple(whole[-MAX_LINEAGE:])


def _point(location: object) -> tuple[float | None, float | None]:
    """The public point: `location` is "latitude,longitude" or [latitude, longitude], or missing."""
    parts = location.split(",") if isinstance(location, str) else location
    if not isinstance(parts, list) or len(parts) != 2:
        return None, None
    latitude, longitude = map(_number, parts)
    return (None, None) if latitude is None or longitude is None else (latitude, longitude)


def _id(value: object) -> int | None:
    """A number that can be one of iNaturalist's ids, which begin at 1."""
    return value if type(value) is int and 0 < value <= MAX_ID else None


def _ids(values: object) -> Iterator[int]:
    for value in values if isinstance(values, list) else ():
        if number := _id(value):
            yield number


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _license(described: Json) -> str | None:
    code = _text(described.get("license_code"))
    return license_of({"license_code": code})


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _flag(value: object) -> int | None:
    return None if value is None else int(bool(value))


def _parse(body: bytes) -> object:
    page = json.loads(body, parse_int=_bounded)
    if b"\\ud" in body.lower():
        # Half of a surrogate pair can be written in JSON and in no UTF-8, so in no column either.
        text = json.dumps(page, ensure_ascii=False).encode("utf-8", "ignore")
        page = json.loads(text, parse_int=_bounded)
    return page


def _bounded(digits: str) -> int | None:
    """An integer that a column can hold; null if it is larger."""
    # The length first: Python refuses to turn more than 4,300 digits into a number.
    if len(digits) > len(str(MAX_INTEGER)) + 1:
        return None
    number = int(digits)
    return number if abs(number) <= MAX_INTEGER else None


def _flattened(body: bytes) -> bytes:
    """JSON in which whatever is nested more deeply than MAX_NESTING is null."""
    kept, depth, copied_to = [], 0, 0
    for token in _TOKEN.finditer(body):
        if token[0] in (b"[", b"{"):
            depth += 1
            if depth == MAX_NESTING + 1:
                kept += [body[copied_to : token.start()], b"null"]
        elif token[0] in (b"]", b"}"):
            if depth == MAX_NESTING + 1:
                copied_to = token.end()
            depth -= 1
    return b"".join([*kept, body[copied_to:] if depth <= MAX_NESTING else b""])
