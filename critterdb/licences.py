"""What a photo's licence permits, and how it is shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from ._types import Json

LICENCE_ADDRESS = "https://creativecommons.org/licenses/{}/4.0/"
PUBLIC_DOMAIN_ADDRESS = "https://creativecommons.org/publicdomain/zero/1.0/"

# Those that let a photo be copied and changed. The licences with -nd permit no changed copies.
DEFAULT_LICENSES = ("cc0", "cc-by", "cc-by-sa", "cc-by-nc", "cc-by-nc-sa")

# The same rule as `may_be_shown`, for queries that choose among many photos: of a photo whose file
# is here and that was not withdrawn, and of one that has a licence and a credit besides. The tables
# are called photos and observations. The plus keeps SQLite from reading all photos of a licence,
# which is nearly all there are, to find a few.
IS_PHOTO_HERE = """
    photos.path <> '' AND photos.withdrawn_at IS NULL AND observations.withdrawn_at IS NULL
"""
IS_PHOTO_LICENSED = "+photos.license_code <> '' AND photos.attribution <> ''"
MAY_PHOTO_BE_SHOWN = f"{IS_PHOTO_HERE} AND {IS_PHOTO_LICENSED}"


# What stands in place of a licence, and in place of a photo.
OWN = "yours, not published"
NO_LICENCE = "no public licence"
NOT_PUBLISHED = f"not published: {NO_LICENCE}"
HOW_TO_SHOW = (
    "critterdb serve shows such photos on the machine that it runs on. Elsewhere only the site's "
    "owner can show them, with the setting local_photos."
)


def photo_shown_sql(*, local_photos: bool) -> str:
    """Return `may_be_shown` as SQL."""
    return IS_PHOTO_HERE if local_photos else MAY_PHOTO_BE_SHOWN


@dataclass(frozen=True)
class PhotoRights:
    """What decides whether a photo is shown: its licence, its credit, and whether it is here."""

    license_code: str | None
    attribution: str | None
    is_here: bool = True

    @property
    def is_licensed(self) -> bool:
        """Whether the photo is for everybody: a licence alone is not enough, it asks for credit."""
        return bool(self.license_code and self.attribution)


def may_be_shown(rights: PhotoRights, *, local_photos: bool) -> bool:
    """Return whether a photo may be shown to somebody who may see the table of photos.

    A photo without licence and credit stays private, unless `local_photos` says that its owner is
    looking, or that the site shows such photos; a withdrawn one is never shown.
    """
    return rights.is_here and (rights.is_licensed or local_photos)


def license_of(described: Json) -> str | None:
    """The licence code of an observation or photo in lower case; null for all rights reserved."""
    return (described.get("license_code") or "").lower() or None


class LicenceCount(TypedDict):
    """How many of a model's photos have a licence; `url` is null where that is not a public one."""

    name: str
    url: str | None
    photos: int


def licences(counts: dict[str, int]) -> list[LicenceCount]:
    """Return the number of photos that a model learned from by licence, the commonest first."""
    return [
        {"name": _licence_name(code), "url": _licence_address(code), "photos": photos}
        for code, photos in sorted(counts.items(), key=lambda item: -item[1])
    ]


def _licence_name(code: str) -> str:
    return code.upper() if _licence_address(code) else "without a public licence"


def _licence_address(code: str) -> str | None:
    if code == "cc0":
        return PUBLIC_DOMAIN_ADDRESS
    return LICENCE_ADDRESS.format(code.removeprefix("cc-")) if code.startswith("cc-") else None
