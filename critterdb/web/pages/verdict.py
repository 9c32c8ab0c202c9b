"""An answer in plain words, with its likeliest labels as bars and a photo of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NotRequired, TypedDict

from critterdb.formatting import confidence, display_name
from critterdb.web.datasette.compat import may_view
from critterdb.web.datasette.own_machine import credit_of_unlicensed, may_see_local_photos
from critterdb.web.datasette.reading import SlowReadError, read
from critterdb.web.queries.photos import newest_photos
from critterdb.web.state import site_database
from critterdb.web.urls import photo_file, photo_page, species_page

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from datasette.app import Datasette
    from datasette.utils.asgi import Request

    from critterdb.model.labels import Answer, Reason, ScoredTaxon, Taxon
    from critterdb.model.payloads import AnswerPayload
    from critterdb.storage.database import SiteDatabase
    from critterdb.web.queries.photos import Photo

# As in the report of the command line; the JSON has all labels.
MAX_BARS = 5
MAX_LABELS_NAMED = 6
# What the page of a species shows, to which a label leads.
SPECIES_TABLES = ("taxa", "observations", "photos", "games", "models", "model_labels", "confusions")


class Given(TypedDict):
    """What a model said of one photo, by which it is described."""

    answer: Answer | None
    reason: Reason | None
    predictions: list[ScoredTaxon]


class Description(TypedDict):
    """An answer in words; `verdict` says which kind it is, for the style of its card."""

    verdict: Literal["sure", "coarser", "unsure", "unknown"]
    headline: str
    explanation: str


class ReferencePhoto(TypedDict):
    """A photo of a label: the paths of its file and page, and its credit."""

    image: str
    page: str
    credit: str


class Bar(TypedDict):
    """A label with its probability in words and as a width in percent."""

    taxon_id: int
    name: str
    common_name: str | None
    percent: str
    width: float
    page: NotRequired[str]
    photo: NotRequired[ReferencePhoto]


def describe(given: Given | AnswerPayload, labels: Sequence[Taxon]) -> Description:
    """Return a headline and an explanation; `labels` are those that the model knows."""
    answer = given["answer"]
    if given["reason"] == "not_a_critter":
        return {
            "verdict": "unknown",
            "headline": "Not a critter that I know",
            "explanation": "It is unlike every photo that I learned from." + _known(labels),
        }
    if answer is None:
        nearest = " or ".join(_name(label) for label in given["predictions"][:2])
        return {
            "verdict": "unsure",
            "headline": "I am not sure",
            "explanation": f"It may be {nearest}, but I am not sure enough to say so. "
            "A sharper or closer photo may help.",
        }
    sure = f"I am {confidence(answer['score'])} sure"
    if given["reason"] == "coarser":
        return {
            "verdict": "coarser",
            "headline": f"Some kind of {_name(answer)}",
            "explanation": f"{sure} of that, but I cannot tell which one.",
        }
    return {"verdict": "sure", "headline": _name(answer), "explanation": f"{sure}."}


def bars_of(predictions: Iterable[ScoredTaxon]) -> list[Bar]:
    """Return the likeliest labels as bars; `predictions` begin with the likeliest."""
    return [
        {
            "taxon_id": label["taxon_id"],
            "name": label["name"],
            "common_name": label["common_name"],
            "percent": confidence(label["score"]),
            "width": round(100 * label["score"], 1),
        }
        for label, _ in zip(predictions, range(MAX_BARS), strict=False)
    ]


async def with_references(request: Request, datasette: Datasette, bars: list[Bar]) -> list[Bar]:
    """Return bars that lead to the pages of their species and show a photo of each.

    They stay as they are for a visitor who may not see those pages, and where there is no time.
    """
    database = site_database(datasette)
    if database is None:
        return bars
    for table in SPECIES_TABLES:
        if not await may_view(datasette, request.actor, database.name, table):
            return bars
    local = may_see_local_photos(datasette, request.scope)

    def look_up(db: SiteDatabase) -> dict[int, Photo | None]:
        ids = [bar["taxon_id"] for bar in bars]
        marks = ", ".join("?" * len(ids))
        known = [row[0] for row in db.execute(f"SELECT id FROM taxa WHERE id IN ({marks})", ids)]
        newest = {taxon: newest_photos(db, taxon, 1, local_photos=local) for taxon in known}
        return {taxon: photos[0] if photos else None for taxon, photos in newest.items()}

    try:
        photos = await read(database, look_up)
    except SlowReadError:
        return bars
    return [_with_reference(datasette, bar, photos) for bar in bars]


def _with_reference(datasette: Datasette, bar: Bar, photos: dict[int, Photo | None]) -> Bar:
    if bar["taxon_id"] not in photos:
        return bar
    path = datasette.urls.path
    linked: Bar = {**bar, "page": str(path(species_page(bar["taxon_id"])))}
    photo = photos[bar["taxon_id"]]
    if photo and photo["sha256"]:
        linked["photo"] = {
            "image": str(path(photo_file(photo["sha256"]))),
            "page": str(path(photo_page(photo["photo_id"]))),
            "credit": photo["attribution"] or credit_of_unlicensed(datasette),
        }
    return linked


def _known(labels: Sequence[Taxon]) -> str:
    names = ", ".join(_name(label) for label in labels[:MAX_LABELS_NAMED])
    more = " and more" if labels[MAX_LABELS_NAMED:] else ""
    return f" The ones I know: {names}{more}." if names else ""


def _name(label: ScoredTaxon | Taxon) -> str:
    return display_name(label["common_name"], label["name"])
