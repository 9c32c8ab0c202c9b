"""From a picture or an address to an answer and its row."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from critterdb.errors import ModelError, RejectedInputError
from critterdb.imaging.decode import ImageInfo
from critterdb.model.decision import Classification
from critterdb.model.inference import classify_image, whereabouts_in
from critterdb.model.payloads import AnswerPayload, add_place, answer_payload
from critterdb.model.placed_answer import answer_with_place
from critterdb.model.predictions import find_answer, record
from critterdb.model.whereabouts import parse_whereabouts
from critterdb.storage.database import SiteDatabase, sqlite3
from critterdb.web.datasette.compat import may_view, write
from critterdb.web.datasette.reading import SlowReadError, read
from critterdb.web.http.negotiation import own_addresses
from critterdb.web.state import PluginState, is_recording, site_database

from .additions import Additions, Looked, find_additions, wants_evidence
from .call import Picture
from .models import ChosenModel, choose_model, load_chosen

if TYPE_CHECKING:
    from collections.abc import Callable

    from datasette.database import Database

    from critterdb.imaging.preprocessing import Area
    from critterdb.model.loader import Model

    from .call import Call
    from .upload import Upload

T = TypeVar("T")

NO_SITE = "This Datasette does not serve a critterdb database"
NO_PICTURE = (
    "There is no picture to classify. Send one as the form field “image” or as the body of a POST, "
    "or give its URL with ?url="
)

# With the id of its row, if there is one.
Answer = tuple[Classification, ImageInfo, int | None]


@dataclass(frozen=True)
class Answered:
    """An answer's JSON, the model that gave it, and what the page shows beside it.

    `crop` is the part of the picture that decided, if a second look did.
    """

    payload: AnswerPayload
    chosen: ChosenModel
    model: Model
    crop: Area | None
    additions: Additions


async def answer(call: Call, question: Upload) -> Answered:
    """Answer a picture or an address. Raises RejectedInputError.

    The model is resolved once, before anything is fetched for it.
    """
    if not question.image and not question.url:
        raise RejectedInputError("missing_image", NO_PICTURE)
    whereabouts = parse_whereabouts(question.said)
    database = site_database(call.datasette)
    if database is None:
        raise RejectedInputError("no_model", NO_SITE)
    # Both wait for a thread, so they wait together.
    (chosen, picture, earlier), names_model = await asyncio.gather(
        _look_up(call.state, database, question),
        _names_models(call, database),
    )
    evidence = wants_evidence(call, question.extras)
    # Before the fetch: a bad model should not cost a stranger's server a request.
    model = await load_chosen(call.state, chosen)
    if picture is None:
        picture = _picture(await _fetch(call, str(question.url)), question.url)
    if earlier is None and not (question.image and chosen.loaded):
        earlier = await _read(database, lambda db: find_answer(db.conn, model, picture.sha256))
    if earlier is None:
        # Forty visitors of one new picture cost one decoding and make one row.
        earlier = await call.state.coalesce(
            (picture.sha256, model.id, evidence),
            lambda: _look_at(database, call.state, model, picture, evidence),
        )
    classification, image, prediction_id = earlier
    payload = answer_payload(model, classification, image, prediction_id, 0.0)
    # After the row is written: what it says does not depend on where a stranger was.
    if whereabouts is None and question.use_exif and model.place_prior:
        whereabouts = await call.state.workers.run(whereabouts_in, picture.data)
    add_place(payload, answer_with_place(model, classification, whereabouts))
    looked = Looked(model, picture, payload)
    additions = await find_additions(call, database, looked, question.extras)
    if not names_model:
        payload["model"] = None
    payload["took_ms"] = round((time.perf_counter() - call.started) * 1000, 1)
    return Answered(payload, chosen, model, classification.crop, additions)


async def _names_models(call: Call, database: Database) -> bool:
    """Whether the visitor may know which model answers: its name tells of the table `models`."""
    return await may_view(call.datasette, call.request.actor, database.name, "models")


async def _look_up(
    state: PluginState, database: Database, question: Upload
) -> tuple[ChosenModel, Picture | None, Answer | None]:
    """The model and, for a picture that was sent, what the database knows of the two: one trip."""

    # A repeat is looked up before it is decoded; it costs one look and makes no row.
    def look_up(db: SiteDatabase) -> tuple[ChosenModel, Picture | None, Answer | None]:
        chosen = choose_model(db, state, question.model)
        # A picture that was sent goes before an address in the same form.
        picture = _picture(question.image, None) if question.image else None
        if picture is None or chosen.loaded is None:
            return chosen, picture, None
        return chosen, picture, find_answer(db.conn, chosen.loaded, picture.sha256)

    return await _read(database, look_up)


def _picture(data: bytes, url: str | None) -> Picture:
    return Picture(data, url, hashlib.sha256(data).hexdigest())


async def _read(database: Database, function: Callable[[SiteDatabase], T]) -> T:
    try:
        return await read(database, function)
    except SlowReadError as error:
        raise RejectedInputError("busy", f"{error}. Try again in a moment") from error


async def _fetch(call: Call, url: str) -> bytes:
    """The bytes at an address that is not our own, by whatever name. Raises RejectedInputError."""
    from critterdb.fetch.fetcher import fetch_failed, is_own_request

    # Our own fetches say "Via: critterdb": behind a proxy a site does not know all its names, and
    # one that fetches from itself would wait for itself.
    if is_own_request(call.request.headers):
        raise fetch_failed()
    return await call.state.fetcher.fetch_async(url, own_addresses=own_addresses(call.request))


async def _look_at(
    database: Database, state: PluginState, model: Model, picture: Picture, evidence: bool
) -> Answer:
    limit = state.settings.max_pixels
    try:
        classification, image = await state.workers.run(
            lambda: classify_image(model, picture.data, max_pixels=limit, evidence=evidence)
        )
    except ModelError as error:
        # A model can pass its checks and still fail on another picture.
        raise RejectedInputError("no_model", error.public) from error
    if not is_recording(state, database):
        return classification, image, None
    # Strangers could fill the disk with two rows a picture; `rate` is off by default, because
    # behind an unknown proxy it would count all visitors as one.
    if not state.record_budget.take():
        state.note_error("record_limit")
        return classification, image, None
    started = time.perf_counter()
    try:
        prediction_id = await write(
            database,
            lambda conn: record(
                conn, model, classification, image, source="endpoint", url=picture.url
            ),
        )
    except sqlite3.Error:
        # An answer goes before its row: on a full disk, or while another process holds the
        # database for 30 s, it is right all the same. The health page counts the missing rows.
        state.note_error("not_recorded")
        prediction_id = None
    state.write_seconds.append(time.perf_counter() - started)
    return classification, image, prediction_id
