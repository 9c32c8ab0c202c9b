"""The headers that critterdb's own responses carry, and which kind of answer a client wants."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from datasette.app import Datasette

COMMON_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
# `sandbox` because a JSON or a photo may hold markup that somebody else wrote.
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
# No script but our own files: what a stranger wrote stays text, even where a template forgets to
# escape.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:{images}; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)


def data_headers() -> dict[str, str]:
    """Return headers for responses other than pages: JSON, pictures, text."""
    return {**COMMON_HEADERS, "Content-Security-Policy": DATA_POLICY}


def page_headers(*image_urls: str | None) -> dict[str, str]:
    """Headers for a page that runs only our own files, and shows these pictures from elsewhere."""
    origins = sorted({origin for url in image_urls if url and (origin := image_origin(url))})
    policy = PAGE_POLICY.format(images="".join(f" {origin}" for origin in origins))
    return {**COMMON_HEADERS, "Content-Security-Policy": policy}


def image_origin(url: str) -> str | None:
    """Where a picture lies, in the form that a policy can name; None where none can."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return None
    host = parts.hostname or ""
    # A host such as "a.example; script-src *" would otherwise write its own policy.
    plain = all(c.isascii() and (c.isalnum() or c in "-.") for c in host)
    if parts.scheme not in ("http", "https") or not host or not plain:
        return None
    return f"{parts.scheme}://{host}{port}"


def cors_headers(datasette: Datasette) -> dict[str, str]:
    """What `datasette --cors` promises; it does not add it to a plugin's responses itself."""
    if not datasette.cors:
        return {}
    return {
        "Access-Control-Allow-Origin": "*",
        "Access-Control-Allow-Headers": "Authorization, Content-Type",
        "Access-Control-Allow-Methods": "GET, HEAD, POST, OPTIONS",
        "Access-Control-Expose-Headers": "Retry-After",
        "Access-Control-Max-Age": "3600",
    }
