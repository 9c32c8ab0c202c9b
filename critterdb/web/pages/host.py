"""`/-/critters/host`: the desk of a host, from a photo to a planned round in two clicks.

All of it works as plain forms. What is uploaded is decoded by a sandboxed process, and only hosts
see it before it is posted.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypedDict

from critterdb.bot.rounds.picture import postable_photo
from critterdb.bot.rounds.plan import (
    DEFAULT_ALT_TEXT,
    NewRound,
    Said,
    Upload,
    cancel_round,
    correct_round,
    plan_round,
    said_by,
    said_of_photo,
)
from critterdb.bot.rounds.when import parse_when
from critterdb.errors import CritterError, GameError, RejectedInputError
from critterdb.games import Game, get_game, list_games
from critterdb.inaturalist.taxon_search import find_taxon
from critterdb.storage.stored_files import stored_file
from critterdb.web import urls
from critterdb.web.datasette.permissions import HOST, may
from critterdb.web.endpoint.models import find_chosen, load_chosen
from critterdb.web.errors import PageNotFoundError
from critterdb.web.files.static import static_path
from critterdb.web.http.csrf import is_forged
from critterdb.web.queries.photos import PHOTO_TABLES, shown
from critterdb.web.queries.rounds import (
    HARDNESS,
    load_candidate,
    load_candidates,
    load_desk_rounds,
)
from critterdb.web.state import folder_of

from .base import Page, Visit, page
from .forms import read_fields, redirect, write

if TYPE_CHECKING:
    from datasette.utils.asgi import Response

    from critterdb._types import Row
    from critterdb.storage.database import SiteDatabase
    from critterdb.web.queries.rounds import Candidate

METHODS = ("GET", "HEAD", "POST")
LASTS = {"6h": "6 hours", "12h": "12 hours", "24h": "24 hours", "48h": "2 days", "3d": "3 days",
         "5d": "5 days"}  # fmt: skip
DEFAULT_LAST = "24h"
TABLES = (*PHOTO_TABLES, "games", "game_observations", "rounds", "guesses", "own_posts")


@page(*TABLES, methods=METHODS)
async def host(visit: Visit) -> Page | Response:
    """Choose or upload a photo, plan a round, cancel or correct one."""
    await _check_rights(visit)
    if visit.request.method == "POST":
        return await _act(visit)
    if visit.number("photo") is not None:
        return await _show_plan(visit)
    return await _show_desk(visit)


class Desk(TypedDict):
    """What a host sees: the games, and of the one that was chosen its rounds and photos."""

    games: list[str]
    game: str | None
    rounds: list[Row]
    photos: list[Candidate]
    before: int | None


async def _show_desk(visit: Visit) -> Page:
    wanted, hardness = visit.argument("game"), visit.argument("hardness")
    if hardness and hardness not in HARDNESS:
        raise PageNotFoundError(f"“hardness” should be one of {', '.join(HARDNESS)}")
    before = visit.number("before")

    def load(db: SiteDatabase) -> Desk:
        games = [game.slug for game in list_games(db)]
        slug = wanted or (games[0] if games else "")
        if not slug:
            return {"games": [], "game": None, "rounds": [], "photos": [], "before": None}
        game = _game(db, slug)
        found = load_candidates(db, game.slug, game.model_id, hardness, before)
        return {"games": games, "game": game.slug, "rounds": load_desk_rounds(db), **found}

    data = await visit.read(load)
    photos = [shown(visit, photo) for photo in data["photos"]]
    following = urls.with_query(
        urls.HOST, game=data["game"], hardness=hardness, before=data["before"]
    )
    return Page(
        "critterdb_host.html",
        title="Host a round",
        description="Plan the rounds of a game: choose a photo, and when it opens and closes.",
        data={**data, "photos": photos, "hardness": hardness},
        extras={
            **_choices(visit),
            "hardnesses": list(HARDNESS),
            "done": visit.number("done"),
            "more_path": visit.path(following) if data["before"] else None,
        },
    )


async def _show_plan(visit: Visit) -> Page:
    photo_id, slug = visit.number("photo") or 0, visit.argument("game")

    def load(db: SiteDatabase) -> tuple[Game, Candidate | None]:
        game = _game(db, slug)
        return game, load_candidate(db, photo_id, game.model_id)

    game, photo = await visit.read(load)
    if photo is None:
        raise PageNotFoundError(f"Photo {photo_id} cannot be posted in a round. Choose another one")
    return Page(
        "critterdb_host_plan.html",
        title="Plan a round",
        description="When the round opens and closes, and what it says.",
        data={"game": game.slug, "photo": shown(visit, photo)},
        extras={
            **_choices(visit),
            "hosts": [f"{known.platform}:{known.handle}" for known in game.hosts],
            "alt_text": DEFAULT_ALT_TEXT,
        },
    )


def _choices(visit: Visit) -> dict[str, object]:
    """Sensible times: from the next full hour on, for a day."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
    return {
        "opens": f"{hour:%Y-%m-%d %H:%M}",
        "lasts": LASTS,
        "default_last": DEFAULT_LAST,
        "default_alt_text": DEFAULT_ALT_TEXT,
        "host_js": visit.path(static_path("host.js")),
    }


async def _act(visit: Visit) -> Response:
    form = await read_fields(visit)
    try:
        match form.text("action"):
            case "plan":
                done = await _plan(visit, form)
            case "cancel":
                number = form.number("round")
                now = datetime.now(UTC)
                done = (await write(visit, lambda db: cancel_round(db, number, None, now))).id
            case "correct":
                done = await _correct(visit, form.number("round"), form.text("taxon"))
            case _:
                raise PageNotFoundError("Press one of the buttons of the form")
    except RejectedInputError as error:
        raise PageNotFoundError(str(error), status=error.status, code=error.code) from error
    except CritterError as error:
        raise PageNotFoundError(f"{error.public}", status=400, code="parameter_invalid") from error
    return redirect(visit, urls.with_query(urls.HOST, done=done) + "#rounds")


async def _plan(visit: Visit, form: Any) -> int:
    now = datetime.now(UTC)
    slug, zone = form.text("game"), form.text("zone") or "UTC"
    opens_at = parse_when(form.text("opens"), zone, now)
    closes_at = parse_when(form.text("lasts") or DEFAULT_LAST, zone, opens_at)
    platform, _, handle = form.text("host").partition(":")
    game = await visit.read(lambda db: _game(db, slug))
    upload, said = await _look(visit, game, form)

    def save(db: SiteDatabase) -> int:
        new = NewRound(
            game.slug,
            opens_at,
            closes_at,
            photo_id=None if upload else form.number("photo"),
            upload=upload,
            taxon_id=_taxon(db, form.text("taxon")),
            platform=platform or None,
            host=handle or None,
            text=form.text("text"),
            alt_text=form.text("alt_text"),
            credit=form.text("credit"),
        )
        return plan_round(db, new, said, now).id

    return await write(visit, save)


async def _look(visit: Visit, game: Game, form: Any) -> tuple[Upload | None, Said | None]:
    """What was uploaded, if anything, and what the model says of the photo."""
    from critterdb.bot.rounds.upload import make_upload
    from critterdb.model.inference import classify_image

    upload = None
    if form.image:
        upload = await visit.state.workers.run(make_upload, form.image)
        data = upload.jpeg
    else:
        photo_id = form.number("photo")
        said, path = await visit.read(
            lambda db: (said_of_photo(db, game, photo_id), postable_photo(db, photo_id)["path"])
        )
        if said is not None or game.model_id is None:
            return None, said
        data = stored_file(folder_of(visit.database), "photos", path).read_bytes()
    if game.model_id is None:
        return upload, None
    model = await load_chosen(
        visit.state, await find_chosen(visit.database, visit.state, game.model_id)
    )
    classification, _ = await visit.state.workers.run(classify_image, model, data)
    return upload, await visit.read(lambda db: said_by(db, model, classification))


async def _correct(visit: Visit, round_id: int, name: str) -> int:
    def save(db: SiteDatabase) -> int:
        taxon_id = _taxon(db, name)
        if taxon_id is None:
            raise GameError("Write the name of what the photo shows")
        return correct_round(db, round_id, taxon_id, None, datetime.now(UTC)).id

    return await write(visit, save)


def _game(db: SiteDatabase, slug: str) -> Game:
    try:
        return get_game(db, slug or None)
    except GameError as error:
        raise PageNotFoundError(str(error)) from error


def _taxon(db: SiteDatabase, name: str) -> int | None:
    """The taxon with a name, or None without one. Raises GameError if there is none here."""
    if not name:
        return None
    taxon_id = find_taxon(db, name)
    if taxon_id is None:
        raise GameError(f"There is no critter called “{name}” here. Go back and try another name")
    return taxon_id


async def _check_rights(visit: Visit) -> None:
    if not await may(visit.datasette, visit.request.actor, HOST):
        raise PageNotFoundError(
            "Only hosts may plan rounds. Sign in, or ask the site's owner. "
            "On your own machine, critterdb serve --root signs you in",
            status=403,
        )
    if visit.request.method == "POST" and is_forged(visit.request):
        raise PageNotFoundError(
            "Another site sent this form. Open the form on this site instead", status=403
        )
    if not visit.database.is_mutable:
        raise PageNotFoundError("This copy of the site is read-only, so no round can be planned")
