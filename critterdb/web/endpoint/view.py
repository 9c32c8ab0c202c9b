"""`/-/classify`: an address or a picture in, an answer out, as JSON or as a page."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from critterdb.errors import RejectedInputError
from critterdb.imaging.decode import ImageInfo
from critterdb.model.decision import Classification
from critterdb.model.inference import classify_image
from critterdb.model.loader import Model
from critterdb.model.payloads import answer_payload, refusal_payload
from critterdb.model.predictions import find_answer, record
from critterdb.storage.database import sqlite3
from critterdb.web.datasette.compat import write
from critterdb.web.datasette.permissions import CLASSIFY, may
from critterdb.web.http.body import Body, ClientDisconnectedError, Upload, read_upload
from critterdb.web.http.csrf import is_forged
from critterdb.web.http.headers import cors_headers, data_headers, page_headers
from critterdb.web.http.negotiation import own_addresses, prefers_page
from critterdb.web.state import PluginState, is_recording, plugin_state, site_database

from .limits import BUSY_SECONDS, client_address
from .models import _choose_model, load_model
from .page import page_context

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.database import Database
    from datasette.utils.asgi import Request, Response

METHODS = "GET, HEAD, POST, OPTIONS"

# With the id of its row, where there is one.
Answer = tuple[Classification, ImageInfo, int | None]


async def classify(request: Request, datasette: Datasette) -> Response:
    """Answer one request for `/-/classify` or `/-/classify.json`."""
    from datasette.utils.asgi import Response

    desk = plugin_state(datasette)
    started = time.perf_counter()
    as_page = not request.url_vars.get("format") and prefers_page(request.headers.get("accept", ""))
    if request.method == "OPTIONS":
        headers = {**data_headers(), **cors_headers(datasette), "Allow": METHODS}
        return Response("", status=204, headers=headers)
    question = Upload(url=request.args.get("url"), model=request.args.get("model"))
    body = Body(request.receive, request.headers, desk.uploads)
    try:
        await _admit(request, datasette, desk)
        if request.method == "POST":
            sent = await read_upload(body, desk.settings.max_bytes)
            question = replace(
                sent, url=sent.url or question.url, model=sent.model or question.model
            )
        if request.method == "HEAD" or (as_page and request.method == "GET" and not question.url):
            return await _respond(request, datasette, question, {}, as_page)
        payload = await answer(request, datasette, desk, question, started)
    except ClientDisconnectedError:
        return Response("", status=400, headers=data_headers())
    except RejectedInputError as refusal:
        desk.note_error(refusal.code)
        response = await _refuse(request, datasette, question, refusal, as_page)
        if request.method not in ("GET", "HEAD") and await body.discard():
            response.headers["Connection"] = "close"
        return response
    except Exception:
        desk.note_error("unexpected")
        raise
    finally:
        body.close()
    return await _respond(request, datasette, question, payload, as_page)


async def answer(
    request: Request, datasette: Datasette, desk: PluginState, question: Upload, started: float
) -> dict[str, Any]:
    """The endpoint's answer to a picture or an address. Raises RejectedInputError."""
    if not question.image and not question.url:
        raise RejectedInputError(
            "missing_image",
            "There is no picture to look at. Send one as the form field “image” or as the body of "
            "a POST, or name its address with ?url=",
        )
    database = site_database(datasette)
    if database is None:
        raise RejectedInputError("no_model", "This Datasette serves no database of critterdb")
    # The picture that was sent goes before the address that may stand in the same form.
    url = None if question.image else str(question.url)
    data = question.image
    if data is None:
        # A model that is not there is told of before anything is fetched.
        await load_model(database, desk, question.model)
        data = await _fetch(request, desk, str(url))
    model, sha256, earlier = await _look_up(database, desk, question.model, data)
    if earlier is None:
        earlier = await desk.together(
            (sha256, model.id), lambda: _look_at(database, desk, model, data, url)
        )
    classification, image, prediction_id = earlier
    took_ms = (time.perf_counter() - started) * 1000
    return dict(answer_payload(model, classification, image, prediction_id, took_ms))


async def _fetch(request: Request, desk: PluginState, url: str) -> bytes:
    """The bytes at an address that is not our own, by whatever name. Raises RejectedInputError."""
    from critterdb.fetch.fetcher import fetch_failed, is_own_request

    if is_own_request(request.headers):
        raise fetch_failed()
    return await desk.fetcher.fetch_async(url, own_addresses=own_addresses(request))


async def _look_up(
    database: Database, desk: PluginState, model_id: str | None, data: bytes
) -> tuple[Model, str, Answer | None]:
    """The model, the SHA-256 of the picture, and what the database knows of the two."""

    def look_up(conn: Any) -> tuple[Model, str, Answer | None]:
        sha256 = hashlib.sha256(data).hexdigest()
        model = _choose_model(conn, desk, model_id)
        return model, sha256, find_answer(conn, model, sha256)

    found: tuple[Model, str, Answer | None] = await database.execute_fn(look_up)
    return found


async def _look_at(
    database: Database, desk: PluginState, model: Model, data: bytes, url: str | None
) -> Answer:
    classification, image = await desk.workers.run(
        lambda: classify_image(model, data, max_pixels=desk.settings.max_pixels)
    )
    if not is_recording(desk, database):
        return classification, image, None
    started = time.perf_counter()
    try:
        prediction_id = await write(
            database,
            lambda conn: record(conn, model, classification, image, source="endpoint", url=url),
        )
    except sqlite3.Error:
        # The answer is right all the same; the health page tells that rows are missing.
        desk.note_error("not_recorded")
        prediction_id = None
    desk.write_seconds.append(time.perf_counter() - started)
    return classification, image, prediction_id


async def _admit(request: Request, datasette: Datasette, desk: PluginState) -> None:
    if request.method not in ("GET", "HEAD", "POST"):
        raise RejectedInputError(
            "method_not_allowed", f"Use one of {METHODS} here, not {request.method}"
        )
    if not await may(datasette, request.actor, CLASSIFY):
        raise RejectedInputError(
            "forbidden", "You may not classify photos here. Sign in, or ask who runs this site"
        )
    if request.method == "POST" and is_forged(request):
        raise RejectedInputError(
            "forbidden", "Another site sent this form. Open this page itself to use it"
        )
    if request.method == "POST" or request.args.get("url"):
        trusted = desk.settings.trusted_proxies
        desk.rate_limit.count(client_address(request.scope, request.headers, trusted))


async def _refuse(
    request: Request,
    datasette: Datasette,
    question: Upload,
    refusal: RejectedInputError,
    as_page: bool,
) -> Response:
    response = await _respond(request, datasette, question, dict(refusal_payload(refusal)), as_page)
    response.status = refusal.status
    if refusal.code == "busy":
        response.headers["Retry-After"] = str(BUSY_SECONDS)
    if refusal.code == "rate_limited":
        seconds = plugin_state(datasette).rate_limit.retry_seconds()
        response.headers["Retry-After"] = str(seconds)
    if refusal.code == "method_not_allowed":
        response.headers["Allow"] = METHODS
    return response


async def _respond(
    request: Request, datasette: Datasette, question: Upload, payload: dict[str, Any], as_page: bool
) -> Response:
    """`payload` (empty where nothing was asked) as JSON, or as the page with its form."""
    from datasette.utils.asgi import Response

    answered = payload.get("ok", False)
    if as_page:
        image_url = question.url if answered and not question.image else None
        headers = page_headers(image_url)
        context = await page_context(request, datasette, question, payload)
        body = await datasette.render_template("critterdb_classify.html", context, request=request)
        kind = "text/html; charset=utf-8"
    else:
        headers = data_headers()
        if answered and request.args.get("_shape") == "arrays":
            payload = {
                "predictions": [
                    [label["common_name"] or label["name"], label["score"]]
                    for label in payload["predictions"]
                ]
            }
        body = json.dumps(payload, ensure_ascii=False)
        kind = "application/json; charset=utf-8"
    headers.update(cors_headers(datasette))
    headers["Vary"] = "Accept"
    headers["Cache-Control"] = "no-store"
    return Response("" if request.method == "HEAD" else body, headers=headers, content_type=kind)
