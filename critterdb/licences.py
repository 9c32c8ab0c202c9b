"""What a photo's licence permits, and how it is shown."""

from __future__ import annotations

from typing import Any

from ._types import Json

LICENCE_ADDRESS = "https://creativecommons.org/licenses/{}/4.0/"
PUBLIC_DOMAIN_ADDRESS = "https://creativecommons.org/publicdomain/zero/1.0/"

DEFAULT_LICENSES = ("cc0", "cc-by", "cc-by-sa", "cc-by-nc", "cc-by-nc-sa")


def license_of(described: Json) -> str | None:
    """The licence code of an observation or photo in lower case; null for all rights reserved."""
    return (described.get("license_code") or "").lower() or None


def licences(counts: dict[str, int]) -> list[dict[str, Any]]:
    """The photos that a model learnt from, counted by licence, the commonest first."""
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
