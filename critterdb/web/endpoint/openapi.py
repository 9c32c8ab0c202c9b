"""`/-/critterdb/openapi.json`: the endpoint as OpenAPI 3.1, for programs that make clients."""

from __future__ import annotations

from typing import TYPE_CHECKING

from critterdb.errors import REFUSAL_STATUS
from critterdb.web.http.responses import other_method, respond_json
from critterdb.web.pages.layout import absolute_url
from critterdb.web.queries.training_photos import MAX_SIMILAR
from critterdb.web.state import plugin_state
from critterdb.web.urls import CLASSIFY

if TYPE_CHECKING:
    from datasette.app import Datasette
    from datasette.utils.asgi import Request, Response

    from critterdb._types import Json

METHODS = "GET, HEAD"
# Of what the document describes. The program's own version is not for strangers.
VERSION = "1.0"
IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp", "image/gif")


async def openapi(request: Request, datasette: Datasette) -> Response:
    """The description, with this site's address and limits in it."""
    if refused := other_method(request, datasette, METHODS):
        return refused
    server = absolute_url(request, datasette, datasette.urls.path("/")).rstrip("/")
    max_bytes = plugin_state(datasette).settings.max_bytes
    return respond_json(request, datasette, describe(server, max_bytes))


def describe(server: str, max_bytes: int) -> Json:
    """Return the OpenAPI document of a site at the address `server`."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "critterdb",
            "version": VERSION,
            "summary": "Classify pictures of animals.",
            "description": "Send a picture or a URL, get an answer. The errors' `code` does not "
            "change; their `error` may.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": server}],
        "paths": {
            f"{CLASSIFY}.json": {
                "get": _operation("classifyUrl", "Classify the picture at a URL.", URL, *OPTIONS),
                "post": {
                    **_operation("classifyPicture", "Classify an uploaded picture.", *OPTIONS),
                    "requestBody": {"required": True, "content": _bodies(max_bytes)},
                },
            },
            "/-/critterdb/health": {
                "get": {
                    "operationId": "health",
                    "summary": "Whether the site works.",
                    "responses": {
                        "200": _json("It works.", "Health"),
                        "503": _json("It does not work.", "Health"),
                    },
                }
            },
        },
        "components": {"schemas": SCHEMAS},
    }


def _operation(name: str, summary: str, *parameters: Json) -> Json:
    codes: dict[int, list[str]] = {}
    for code, status in sorted(REFUSAL_STATUS.items()):
        codes.setdefault(status, []).append(code)
    refusals = {
        str(status): _json(f"Rejected: {', '.join(of_status)}.", "Refusal")
        for status, of_status in sorted(codes.items())
    }
    return {
        "operationId": name,
        "summary": summary,
        "parameters": list(parameters),
        "responses": {"200": _json("An answer.", "Answer"), **refusals},
    }


def _bodies(max_bytes: int) -> Json:
    form = {
        "url": {"type": "string", "format": "uri"},
        "model": {"type": "string"},
        **{parameter["name"]: parameter["schema"] for parameter in OPTIONS[1:]},
    }
    picture = {"image": {"type": "string", "format": "binary", "maxLength": max_bytes}}
    return {
        "multipart/form-data": {"schema": {"type": "object", "properties": {**picture, **form}}},
        "application/x-www-form-urlencoded": {
            "schema": {"type": "object", "properties": form, "required": ["url"]}
        },
        **{kind: {} for kind in IMAGE_TYPES},
    }


def _json(description: str, schema: str) -> Json:
    return {
        "description": description,
        "content": {"application/json": {"schema": _reference(schema)}},
    }


def _reference(schema: str) -> Json:
    return {"$ref": f"#/components/schemas/{schema}"}


def _object(**properties: Json) -> Json:
    """The schema of an object that has all of these keys."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _with_optional(schema: Json, **properties: Json) -> Json:
    """The schema of an object that may have these keys too."""
    return {**schema, "properties": {**schema["properties"], **properties}}


def _or_null(schema: Json) -> Json:
    return {"oneOf": [schema, {"type": "null"}]}


URL: Json = {
    "name": "url",
    "in": "query",
    "required": True,
    "schema": {"type": "string", "format": "uri"},
    "description": "The picture's public http or https URL.",
}
MODEL: Json = {
    "name": "model",
    "in": "query",
    "schema": {"type": "string"},
    "description": "The id of a model to use instead of the current one.",
}


def _optional(name: str, schema: Json, description: str) -> Json:
    return {"name": name, "in": "query", "schema": schema, "description": description}


# What a request may ask beside the picture.
OPTIONS: tuple[Json, ...] = (
    MODEL,
    _optional(
        "similar",
        {"type": "integer", "minimum": 0, "maximum": MAX_SIMILAR},
        "How many similar training photos to return with the answer.",
    ),
    _optional(
        "evidence",
        {"enum": ["0", "1"]},
        "1 returns which parts of the picture led to the answer, if the model can say.",
    ),
    _optional(
        "latitude",
        {"type": "number", "minimum": -90, "maximum": 90},
        "Where the picture was taken, in degrees north; with longitude.",
    ),
    _optional(
        "longitude",
        {"type": "number", "minimum": -180, "maximum": 180},
        "Where the picture was taken, in degrees east; with latitude.",
    ),
    _optional(
        "on",
        {"type": "string", "format": "date"},
        "The day on which the picture was taken; with latitude and longitude.",
    ),
    _optional(
        "use_exif",
        {"type": "boolean"},
        "Whether to read from the picture's EXIF block where and when it was taken.",
    ),
)
_TEXT: Json = {"type": "string"}
_TEXT_OR_NULL: Json = {"type": ["string", "null"]}
_SHARE: Json = {"type": "number", "minimum": 0, "maximum": 1}
_TAXON: dict[str, Json] = {
    "taxon_id": {
        "type": "integer",
        "description": "iNaturalist's id; negative for labels of the site's own.",
    },
    "name": _TEXT,
    "common_name": _TEXT_OR_NULL,
    "score": _SHARE,
}
_ANSWER: dict[str, Json] = {
    "answer": _or_null(_object(**_TAXON, rank=_TEXT_OR_NULL)),
    "abstained": {"type": "boolean"},
    "reason": {"enum": [None, "unsure", "not_a_critter", "coarser"]},
    "predictions": {"type": "array", "items": _object(**_TAXON), "minItems": 1},
}
_WITH_PLACE: Json = {
    **_object(
        **_ANSWER,
        unusual={"type": "boolean"},
        unusual_because={"enum": [None, "place", "season"]},
    ),
    "description": "The answer with where and when the picture was taken. There if that was said "
    "and the model knows of places.",
}
_SIMILAR_PHOTO: Json = _object(
    photo_id={"type": "integer"},
    distance={"type": "number", "minimum": 0, "maximum": 2},
    taxon_id={"type": ["integer", "null"]},
    name=_TEXT_OR_NULL,
    common_name=_TEXT_OR_NULL,
    license_code=_TEXT_OR_NULL,
    attribution=_TEXT_OR_NULL,
    image=_TEXT,
    page=_TEXT,
)
_CELLS: Json = {"type": "array", "items": {"type": "array", "items": {"type": "number"}}}
_NUMBER: Json = {"type": "number"}
_LABEL_EVIDENCE: Json = _object(
    taxon_id={"type": "integer"}, logit=_NUMBER, bias=_NUMBER, cells=_CELLS
)
_AREA: Json = {"type": "array", "items": _SHARE, "minItems": 4, "maxItems": 4}
_OPTIONAL: Json = {
    "evidence": _object(
        grid={"type": "integer", "minimum": 1},
        area=_AREA,
        top=_LABEL_EVIDENCE,
        runner_up=_LABEL_EVIDENCE,
    ),
    "similar": {"type": "array", "items": _SIMILAR_PHOTO, "maxItems": MAX_SIMILAR},
    "with_place": _WITH_PLACE,
}
SCHEMAS: Json = {
    "Answer": _with_optional(
        _object(
            ok={"const": True},
            **_ANSWER,
            novelty={"type": "number", "minimum": 0},
            novelty_threshold={"type": "number"},
            model=_or_null(_object(id=_TEXT, game=_TEXT, backbone=_TEXT)),
            image=_object(
                sha256={"type": "string", "pattern": "^[0-9a-f]{64}$"},
                width={"type": "integer", "minimum": 1},
                height={"type": "integer", "minimum": 1},
            ),
            prediction_id={"type": ["integer", "null"]},
            took_ms={"type": "number", "minimum": 0},
        ),
        **_OPTIONAL,
        set=_object(coverage=_SHARE, taxa={"type": "array", "items": _object(**_TAXON)}),
        looks={"enum": [1, 2]},
        crop=_AREA,
    ),
    "Refusal": _object(
        ok={"const": False},
        error=_TEXT,
        code={"enum": sorted(REFUSAL_STATUS)},
        status={"enum": sorted(set(REFUSAL_STATUS.values()))},
    ),
    "Health": {
        **_object(ok={"type": "boolean"}),
        "description": "Actors with the permission critterdb-health see more keys.",
    },
}
