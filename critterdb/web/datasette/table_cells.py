"""Cells of Datasette's tables: photos with their credit, and links to our own pages.

A cell shows what other tables hold only to those who may view these tables too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, TypeVar

from critterdb.dataset.taxonomy import taxon_names
from critterdb.formatting import confidence, display_name_sql
from critterdb.licences import (
    HOW_TO_SHOW,
    IS_PHOTO_HERE,
    NOT_PUBLISHED,
    PhotoRights,
    may_be_shown,
)
from critterdb.platforms.base import REPLAYED
from critterdb.storage.stored_files import PHOTO_PATH
from critterdb.storage.stored_json import read_scores
from critterdb.web.queries.posts import is_picture_shown, kept_address
from critterdb.web.state import folder_of, plugin_state, site_database
from critterdb.web.urls import model_page, photo_file, photo_page, post_page, species_page

from .current_request import current_request, may_sender_view
from .own_machine import credit_of_unlicensed, may_see_local_photos
from .reading import SlowReadError, read

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from datasette.app import Datasette
    from markupsafe import Markup

    from critterdb._types import Json
    from critterdb.storage.database import SiteDatabase

# The columns by table; a query's result has no table, so there the column's name must do.
PHOTO_COLUMNS = {
    ("photos", "path"),
    ("mistakes", "photo"),
    ("photo_credits", "photo"),
    (None, "photo"),
    (None, "path"),
}
# Columns that say which photo is meant; its row says where it lies and whose it is.
PHOTO_KEYS = {("predictions", "photo_id"), ("post_predictions", "photo_id")}
# Columns that say which picture of the row's post is meant.
POST_KEYS = {("predictions", "image_sha256"), ("post_predictions", "image_sha256")}
POST_COLUMNS = {("bot_history", "image"), ("post_images", "url"), (None, "image")}

T = TypeVar("T")

# The tables that a cell of another one reads.
PHOTO_TABLES = ("photos", "observations", "taxa")
POST_TABLES = ("posts", "post_images")

# More names than that make a row of the table several lines high.
MAX_NAMED_SCORES = 3

WEB_ADDRESS = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)


# Cells that lead on to one of our pages, and the column that says to which. On a row's own page
# the key is such a cell too, while in a table it stays Datasette's link to the row.
LEADING_ON: dict[tuple[str, str], tuple[Callable[[Any], str], str]] = {
    ("taxa", "id"): (species_page, "id"),
    ("taxa", "name"): (species_page, "id"),
    ("models", "id"): (model_page, "id"),
    ("models", "path"): (model_page, "id"),
    ("photos", "id"): (photo_page, "id"),
    ("posts", "id"): (post_page, "id"),
    ("posts", "posted_at"): (post_page, "id"),
    ("bot_history", "post_id"): (post_page, "post_id"),
    ("bot_history", "model_id"): (model_page, "model_id"),
    ("mistakes", "photo_id"): (photo_page, "photo_id"),
    ("mistakes", "predicted"): (species_page, "predicted_taxon_id"),
    ("mistakes", "actual"): (species_page, "actual_taxon_id"),
    ("mistakes", "model_id"): (model_page, "model_id"),
    ("photo_credits", "photo_id"): (photo_page, "photo_id"),
    ("scoreboard", "model_id"): (model_page, "model_id"),
}


_PHOTO = f"""
SELECT photos.id AS photo_id, path, photos.license_code, attribution,
    {display_name_sql()} AS taxon
FROM photos JOIN observations ON observations.id = observation_id
LEFT JOIN taxa ON taxa.id = taxon_id
WHERE photos.id = ? AND {IS_PHOTO_HERE}
"""

_PICTURE = """
SELECT post_images.url AS image, posts.url AS post_url, posts.id AS post_id, posts.author, platform,
    image_sha256
FROM post_images
JOIN posts ON posts.id = post_images.post_id
JOIN shown_posts ON shown_posts.post_id = posts.id
WHERE post_images.post_id = ? AND {which} = ? AND shown_posts.shows_photos
"""


def our_cell(
    datasette: Datasette, database: str, table: str | None, column: str, row: Any, value: Any
) -> Markup | Coroutine[Any, Any, Markup | None] | None:
    """The cell as a picture or a link to a page of ours; None where Datasette shows it itself."""
    if value is None or plugin_state(datasette).database_name != database:
        return None
    if table and (table, column) in LEADING_ON:
        address, key_column = LEADING_ON[table, column]
        key = _column(row, key_column)
        return _link(datasette.urls.path(address(key)), value) if key else None
    if (table, column) in PHOTO_KEYS:
        return _photo_of(datasette, _column(row, column))
    if (table, column) in POST_KEYS:
        return _picture_of(datasette, _column(row, "post_id"), _column(row, column))
    if not isinstance(value, str):
        return None
    if (table, column) == ("predictions", "scores"):
        return _scores(datasette, value)
    if (table, column) in PHOTO_COLUMNS and (match := PHOTO_PATH.fullmatch(value)):
        return _own_photo(datasette, row, match[2])
    if (table, column) in POST_COLUMNS and (_web_address(value) or _column(row, "post_id")):
        return _open_picture(datasette, row, value)
    return None


async def _scores(datasette: Datasette, value: str) -> Markup | None:
    """The likeliest labels of a prediction by name; all of them in the tooltip."""
    from markupsafe import Markup

    scores = read_scores(value)
    if not scores or not await _may_view(datasette, ("taxa",)):
        return None
    names = await _taxon_names(datasette, scores)
    likeliest = sorted(scores, key=lambda taxon: -scores[taxon])
    words = [f"{names.get(taxon, taxon)} {confidence(scores[taxon])}" for taxon in likeliest]
    more = Markup(" …") if words[MAX_NAMED_SCORES:] else ""
    return Markup('<span title="{}">{}{}</span>').format(
        ", ".join(words), ", ".join(words[:MAX_NAMED_SCORES]), more
    )


async def _taxon_names(datasette: Datasette, taxa: Iterable[int]) -> dict[int, str]:
    """Names of taxa, remembered: the cells of a table ask for the same few again and again."""
    known = plugin_state(datasette).taxon_names
    missing = [taxon for taxon in taxa if taxon not in known]
    if missing:
        names = await _read(datasette, lambda db: taxon_names(db, missing)) or {}
        known.update({taxon: names.get(taxon, str(taxon)) for taxon in missing})
    return known


async def _photo_of(datasette: Datasette, photo_id: str | None) -> Markup | None:
    """The photo with its credit, if its file is there and the sender may see photos."""
    if photo_id is None or not await _may_view(datasette, PHOTO_TABLES):
        return None
    row = await _read(datasette, lambda db: _first(db, _PHOTO, photo_id))
    match = PHOTO_PATH.fullmatch((row and row["path"]) or "")
    if not match or not _may_show(datasette, row):
        return None
    return _own_photo(datasette, row, match[2])


async def _picture_of(
    datasette: Datasette, post_id: str | None, sha256: str | None
) -> Markup | None:
    """The picture of a post, shown from where it lies, if the sender may see posts."""
    if post_id is None or sha256 is None or not await _may_view(datasette, POST_TABLES):
        return None
    sql = _PICTURE.format(which="image_sha256")
    row = await _read(datasette, lambda db: _first(db, sql, post_id, sha256))
    url = row and (_kept(datasette, row) or _web_address(row["image"]))
    return _picture_of_post(row, url) if url else None


async def _open_picture(datasette: Datasette, row: Any, url: str) -> Markup | None:
    """The picture at an address that the row itself holds, unless its post was withdrawn."""
    from markupsafe import Markup

    post_id = _column(row, "post_id")
    is_shown = await _read(datasette, lambda db: is_picture_shown(db, url, post_id))
    # No time to look: the bare address, as Datasette shows it, loads nothing.
    if is_shown is None:
        return None
    if not is_shown:
        return Markup('<span class="critter-private">withdrawn by its author</span>')
    kept = await _kept_of(datasette, post_id, url) if post_id else None
    source = kept or _web_address(url)
    return _picture_of_post(row, source) if source else None


async def _kept_of(datasette: Datasette, post_id: str, url: str) -> str | None:
    """The path of the site's own copy of a post's picture, by the address that its row has."""
    if not await _may_view(datasette, POST_TABLES):
        return None
    sql = _PICTURE.format(which="post_images.url")
    picture = await _read(datasette, lambda db: _first(db, sql, post_id, url))
    return _kept(datasette, picture) if picture else None


async def _may_view(datasette: Datasette, tables: Iterable[str]) -> bool:
    database = plugin_state(datasette).database_name
    return database is not None and await may_sender_view(datasette, database, tables)


async def _read(datasette: Datasette, function: Callable[[SiteDatabase], T]) -> T | None:
    """What `function(db)` returns; None where there is no time or no database for it."""
    database = site_database(datasette)
    try:
        return await read(database, function) if database else None
    except SlowReadError:
        return None


def _first(db: SiteDatabase, sql: str, *values: str) -> Json | None:
    return next(iter(db.query(sql, values)), None)


def _own_photo(datasette: Datasette, row: Any, sha256: str) -> Markup:
    from markupsafe import Markup

    credit = _column(row, "attribution")
    if not credit and _is_unlicensed(row):
        credit = credit_of_unlicensed(datasette)
    if not _may_show(datasette, row):
        return Markup('<span class="critter-private" title="{}">{}</span>').format(
            HOW_TO_SHOW, NOT_PUBLISHED
        )
    source = datasette.urls.path(photo_file(sha256))
    taxon = _column(row, "actual") or _column(row, "taxon")
    return _figure(
        source,
        link=_photo_page(datasette, row) or source,
        alt=f"Photo of {taxon}" if taxon else "Photo of an observation",
        title=credit or "Photo",
        caption=credit,
    )


def _is_unlicensed(row: Any) -> bool:
    return _has(row, "license_code") and _column(row, "license_code") is None


def _may_show(datasette: Datasette, row: Any) -> bool:
    """Whether a photo has a licence and a credit, as far as its row tells, or is shown anyway."""
    if not _has(row, "license_code"):
        return True
    rights = PhotoRights(
        _column(row, "license_code"),
        _column(row, "attribution"),
        is_here=_column(row, "withdrawn_at") is None,
    )
    return may_be_shown(rights, local_photos=False) or may_be_shown(
        rights, local_photos=_is_owners_request(datasette)
    )


def _is_owners_request(datasette: Datasette) -> bool:
    """Whether the sender may see photos without a licence; asked once for a hundred cells."""
    current = current_request()
    if current.is_owners is None:
        current.is_owners = may_see_local_photos(datasette, current.scope)
    return current.is_owners


def _photo_page(datasette: Datasette, row: Any) -> str | None:
    """The photo's page, if the row says which photo it is."""
    photo_id = _column(row, "photo_id")
    if photo_id is None and _has(row, "observation_id") and _has(row, "sha256"):
        photo_id = _column(row, "id")
    return str(datasette.urls.path(photo_page(photo_id))) if photo_id else None


def _link(address: str, value: Any) -> Markup:
    from markupsafe import Markup

    return Markup('<a href="{}">{}</a>').format(address, value)


def _picture_of_post(row: Any, url: str) -> Markup:
    author, platform = _column(row, "author"), _column(row, "platform")
    post = _column(row, "post_id")
    caption = f"@{author}" + (f" on {platform}" if platform else "") if author else None
    return _figure(
        url,
        link=_web_address(_column(row, "post_url")) or url,
        alt=f"Picture of post {post}" if post else "Picture of a post",
        title=f"Picture posted by {caption}" if caption else "Picture of a post",
        caption=caption,
    )


def _figure(source: str, *, link: str, alt: str, title: str, caption: str | None) -> Markup:
    from markupsafe import Markup

    picture = Markup(
        '<a href="{link}" rel="noreferrer" title="{title}"><img src="{source}" alt="{alt}" '
        'class="critter-thumb" loading="lazy" decoding="async" referrerpolicy="no-referrer"></a>'
    ).format(link=link, title=title, source=source, alt=alt)
    if caption:
        picture += Markup('<small class="critter-credit">{}</small>').format(caption)
    return Markup('<span class="critter-photo">{}</span>').format(picture)


def _kept(datasette: Datasette, picture: Json) -> str | None:
    """The path of the site's own copy of a picture, if there is one for the sender to see."""
    database = site_database(datasette)
    local = picture["platform"] == REPLAYED and _is_owners_request(datasette)
    path = database and kept_address(folder_of(database), picture, local_photos=local)
    return str(datasette.urls.path(path)) if path else None


def _has(row: Any, name: str) -> bool:
    return name in row.keys()  # noqa: SIM118 - `in` of an sqlite3.Row looks at its values


def _column(row: Any, name: str) -> str | None:
    value = row[name] if _has(row, name) else None
    # Datasette replaces foreign keys by their value and label.
    if isinstance(value, dict):
        value = value.get("value")
    return str(value) if value not in (None, "") else None


def _web_address(value: str | None) -> str | None:
    return value if value and WEB_ADDRESS.fullmatch(value) else None
