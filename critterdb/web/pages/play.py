"""`/-/critters/play`: guess what a photo shows, then see what the bot said, why, and the truth.

There is one photo for each day, the same for everybody, and as many more as somebody likes. The
pages of a photo to guess say nothing of what it shows; its answer has an address of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from critterdb.dataset.taxonomy import is_right, taxon_names
from critterdb.errors import RejectedInputError
from critterdb.formatting import one_of
from critterdb.storage.stored_json import read_scores
from critterdb.web import urls
from critterdb.web.datasette.permissions import CLASSIFY, may
from critterdb.web.files.static import static_path
from critterdb.web.photo_evidence import find_look
from critterdb.web.queries.photos import PHOTO_TABLES, shown
from critterdb.web.queries.play import (
    Choice,
    Playable,
    Table,
    find_choice,
    load_games,
    load_photos,
    load_said,
    load_table,
)
from critterdb.web.queries.reasons import load_reasons
from critterdb.web.queries.taxa import ScoreBar, names_in, score_bars

from .base import Page, Visit, busy, page
from .evidence import show_evidence, show_second_look

if TYPE_CHECKING:
    from collections.abc import Mapping

    from critterdb.storage.database import SiteDatabase
    from critterdb.web.photo_evidence import PhotoLook
    from critterdb.web.queries.photos import Photo, ShownPhoto

    from .evidence import EvidenceView, SecondLookView

TABLES = (*PHOTO_TABLES, "games", "models", "model_labels", "game_observations", "splits", "rounds")
NOTHING_TO_PLAY = "There is nothing to guess here yet"
# More choices than these are a list to choose from, and no row of buttons.
MAX_BUTTONS = 12


class PhotoToGuess(TypedDict):
    """A photo without what it shows; `answer` is the path of the page that says it."""

    photo_id: int
    sha256: str
    image: str
    width: int | None
    height: int | None
    attribution: str | None
    license_code: str | None
    answer: str


class BotGuess(TypedDict):
    """What the model in use says of the photo; `is_right` is None if it gave no answer."""

    taxon_id: int | None
    answer: str | None
    score: float
    reason: str | None
    is_right: bool | None
    why: list[str]
    bars: list[ScoreBar]


class Evidence(TypedDict):
    """Maps of the evidence, and where a second look decided, as the page shows them."""

    view: EvidenceView
    second_look: SecondLookView | None


@page(*TABLES)
async def today(visit: Visit) -> Page:
    """The photo of the day of one game."""
    table, games, day, photos = await visit.read(lambda db: _load_all(db, visit))
    playable = table.of_the_day(day) if table else None
    if table is None or playable is None or playable.photo_id not in photos:
        return _nothing(table, games)
    data = _question(table, photos[playable.photo_id], games)
    data |= {"day": day, "photos": list(photos.values())}
    return _question_page(visit, table, playable, data)


@page(*TABLES)
async def question(visit: Visit) -> Page:
    """Another photo to guess."""
    photo_id = int(visit.request.url_vars["photo_id"])
    table, games, _, photos = await visit.read(lambda db: _load_all(db, visit, photo_id))
    assert table, "a game that is named has a model"
    playable = table.find(photo_id)
    return _question_page(visit, table, playable, _question(table, photos[photo_id], games))


@page(*TABLES)
async def answer(visit: Visit) -> Page:
    """What a photo shows, what the bot said and why, and whether a guess is right."""
    photo_id, game = int(visit.request.url_vars["photo_id"]), visit.named("game")
    local = visit.sees_local_photos
    table, photo = await visit.read(
        lambda db: (
            load_table(db, game, local_photos=local),
            load_photos(db, [photo_id]).get(photo_id),
        )
    )
    assert table, "a game that is named has a model"
    playable = table.find(photo_id)
    assert photo, "a photo that can be played has a row"
    guess = _guessed(visit, table)
    if guess is None and (visit.argument("guess") or visit.argument("words")):
        return await _not_understood(visit, table, playable)
    look = await _look(visit, table, photo)
    bot = await visit.read(lambda db: _bot_guess(db, table, playable, look))
    names = await visit.read(lambda db: taxon_names(db, _taxa_of(look)))
    evidence = _evidence(look, names)
    it = one_of([photo["common_name"]]) if photo["common_name"] else photo["what"]
    return Page(
        "critterdb_play_answer.html",
        title=f"It is {it}",
        description="What the photo shows, what the bot said, and where it looked.",
        data={
            "game": table.game,
            "photo": shown(visit, photo),
            "lineage": sorted(playable.truth.lineage),
            "learned_from": playable.part == "train",
            "bot": bot,
            "guess": guess and {**guess, "is_right": is_right(guess["taxon_id"], playable.truth)},
            "evidence": evidence["view"]["words"] if evidence else None,
        },
        extras={
            "it": it,
            "maps": evidence and evidence["view"],
            "second_look": evidence and evidence["second_look"],
            "next_path": visit.path(urls.play_page(game, table.after(playable).photo_id)),
            "play_path": visit.path(urls.play_page(game)),
        },
    )


def _load_all(
    db: SiteDatabase, visit: Visit, photo_id: int | None = None
) -> tuple[Table | None, list[dict[str, str]], str, dict[int, PhotoToGuess]]:
    """What a question needs: the table, the other games, today (UTC), and photos by their ids."""
    named = visit.named("game") if "game" in visit.request.url_vars else None
    table = load_table(db, named, local_photos=visit.sees_local_photos)
    games = [
        {
            "slug": game["slug"],
            "hashtag": game["hashtag"] or "",
            "page": visit.path(urls.play_page(game["slug"])),
        }
        for game in load_games(db)
    ]
    if table is None:
        return None, games, "", {}
    # Only for the page of the day: a static site makes pages anew if what they read has changed.
    day = db.execute("SELECT date('now')").fetchone()[0] if photo_id is None else ""
    wanted = [photo.photo_id for photo in table.photos] if photo_id is None else [photo_id]
    slug = table.game["slug"]
    photos = {
        number: _to_guess(visit, slug, shown(visit, photo))
        for number, photo in load_photos(db, wanted).items()
    }
    return table, games, day, photos


def _to_guess(visit: Visit, game: str, photo: ShownPhoto) -> PhotoToGuess:
    return {
        "photo_id": photo["photo_id"],
        "sha256": photo["sha256"] or "",
        "image": photo["image"] or "",
        "width": photo["width"],
        "height": photo["height"],
        "attribution": photo["attribution"],
        "license_code": photo["license_code"],
        "answer": visit.path(urls.play_answer(game, photo["photo_id"])),
    }


def _question(table: Table, photo: PhotoToGuess, games: list[dict[str, str]]) -> dict[str, object]:
    return {
        "game": table.game,
        "games": games,
        "photo": photo,
        "choices": table.choices,
        "held_out": table.is_held_out,
    }


def _question_page(
    visit: Visit,
    table: Table,
    playable: Playable,
    data: Mapping[str, object],
    notice: str | None = None,
) -> Page:
    game = table.game["slug"]
    return Page(
        "critterdb_play.html",
        title=f"Play: {table.game['question'] or 'Which critter is it?'}",
        description="Guess what the photo shows, and see whether you beat the bot. There is a new "
        "photo every day.",
        data=data,
        extras={
            "notice": notice,
            "has_buttons": len(table.choices) <= MAX_BUTTONS,
            "next_path": visit.path(urls.play_page(game, table.after(playable).photo_id)),
            "data_file": visit.path(f"{urls.play_page(game)}.json"),
            "play_js": visit.path(static_path("play.js")),
        },
    )


def _nothing(table: Table | None, games: list[dict[str, str]]) -> Page:
    why = (
        "Its photos need a licence, a credit, and an identification that others confirmed."
        if table
        else "A game needs a model first."
    )
    words = f"{NOTHING_TO_PLAY}. {why}"
    data = {"game": table.game if table else None, "games": games, "photos": [], "notice": words}
    return Page("critterdb_play_nothing.html", NOTHING_TO_PLAY, words, data)


async def _not_understood(visit: Visit, table: Table, playable: Playable) -> Page:
    """The question again, for a guess that names none of the animals."""
    _, games, _, photos = await visit.read(lambda db: _load_all(db, visit, playable.photo_id))
    words = visit.argument("words") or visit.argument("guess")
    notice = f"“{words}” is not one of the animals to choose from here. Guess again."
    data = _question(table, photos[playable.photo_id], games)
    return _question_page(visit, table, playable, data, notice)


def _guessed(visit: Visit, table: Table) -> Choice | None:
    """The animal that somebody chose, or typed."""
    chosen = visit.argument("guess")
    for choice in table.choices:
        if chosen and str(choice["taxon_id"]) == chosen:
            return choice
    return find_choice(table.choices, visit.argument("words"))


async def _look(visit: Visit, table: Table, photo: Photo) -> PhotoLook | None:
    """What the model sees in the photo now, for who may classify; static sites are made once."""
    may_ask = visit.state.in_browser or await may(visit.datasette, visit.request.actor, CLASSIFY)
    if not photo["path"] or not may_ask:
        return None
    try:
        return await find_look(visit.state, visit.database, table.game["model_id"], photo["path"])
    except RejectedInputError as error:
        raise busy(str(error)) from error


def _bot_guess(
    db: SiteDatabase, table: Table, playable: Playable, look: PhotoLook | None
) -> BotGuess | None:
    """What the bot said of the photo when the model was tested, or says now."""
    model_id = table.game["model_id"]
    row = load_said(db, playable.photo_id, model_id)
    if row is None and look:
        row = {**look["said"], "model_id": model_id}
    if row is None:
        return None
    scores = read_scores(row["scores"])
    names = names_in(db, [scores]) | taxon_names(db, [row["taxon_id"]] if row["taxon_id"] else [])
    return {
        "taxon_id": row["taxon_id"],
        "answer": names.get(row["taxon_id"]) if row["taxon_id"] else None,
        "score": row["score"],
        "reason": row["reason"],
        "is_right": is_right(row["taxon_id"], playable.truth),
        "why": load_reasons(db, [row])[0],
        "bars": score_bars(scores, names),
    }


def _taxa_of(look: PhotoLook | None) -> list[int]:
    if look is None or look["evidence"] is None:
        return []
    return [look["evidence"][part]["taxon_id"] for part in ("top", "runner_up")]


def _evidence(look: PhotoLook | None, names: Mapping[int, str]) -> Evidence | None:
    if look is None or look["evidence"] is None:
        return None
    crop = look["crop"]
    return {
        "view": show_evidence(look["evidence"], names, look["size"]),
        "second_look": show_second_look(crop, look["size"]) if crop else None,
    }
