"""The files of a baked site that the server has no page for: the front door, 404, sitemap."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from critterdb.web.files.static import read_static

from .addresses import INDEX
from .shell import STYLE, asset

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .crawl import Crawl
    from .folder import BakedFolder

NOT_FOUND = "404.html"
NOT_FOUND_POLICY = "default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'"
FINDING_POLICY = "; script-src 'sha256-{script}'; connect-src 'self'"
# As many as the protocol allows in one file (sitemaps.org).
MAX_ADDRESSES = 50_000
SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"


async def write_front_door(crawl: Crawl) -> None:
    """Write the home page once more, at the root. Raises OSError."""
    text = await crawl.fetch("/-/critters")
    assert text is not None
    page = crawl.rewriter.page(text, "", crawl.head(""))
    crawl.folder.write(INDEX, page.text.encode())


async def write_not_found(crawl: Crawl, base_url: str | None) -> None:
    """Write the page that a host shows for addresses that do not exist, at whatever depth.

    No relative link works there. It has its style within, and links from the host's root; where
    that is not known, a script finds the site in a folder above.
    """
    response = await crawl.datasette.client.get(
        "/-/critters/there/is/no/such/page", headers={"accept": "text/html"}
    )
    style, script = read_static(STYLE)[0].decode(), asset("not-found.js")
    policy = NOT_FOUND_POLICY + ("" if base_url else FINDING_POLICY)
    policy = policy.format(style=_digest(style), script=_digest(script))
    text = re.sub(
        r'<link rel="stylesheet"[^>]*>', lambda _: f"<style>{style}</style>", response.text
    )
    text = re.sub(r'<a href="[^"]*\.json">This page as JSON</a> · ', "", text)
    root = urlsplit(base_url).path if base_url else None
    text = re.sub(
        r'\shref="(/[^"]*)"', lambda link: _from_root(crawl, html.unescape(link[1]), root), text
    )
    tag = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy)}">'
    text = text.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n  {tag}', 1)
    if root is None:
        text = text.replace("</body>", f"<script>{script}</script>\n</body>", 1)
    crawl.folder.write(NOT_FOUND, text.encode())


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _from_root(crawl: Crawl, address: str, root: str | None) -> str:
    place = crawl.rewriter.addresses.place(address)
    if place is None:
        return ""
    return (
        f' data-place="{html.escape(place)}"'
        if root is None
        else f' href="{html.escape(root + place)}"'
    )


def write_sitemap(folder: BakedFolder, pages: Sequence[str], base_url: str) -> None:
    """Write sitemap.xml with the URLs of all pages, in several files if there are many."""
    parts = [pages[start : start + MAX_ADDRESSES] for start in range(0, len(pages), MAX_ADDRESSES)]
    names = ["sitemap.xml"] if len(parts) == 1 else [f"sitemap-{n}.xml" for n in range(len(parts))]
    for name, part in zip(names, parts, strict=True):
        folder.write(name, _sitemap("urlset", "url", [base_url + page for page in part]))
    if len(parts) > 1:
        addresses = [base_url + name for name in names]
        folder.write("sitemap.xml", _sitemap("sitemapindex", "sitemap", addresses))
    folder.write("robots.txt", f"User-agent: *\nSitemap: {base_url}sitemap.xml\n".encode())


def _sitemap(root: str, entry: str, addresses: Sequence[str]) -> bytes:
    lines = [f"<{entry}><loc>{html.escape(address)}</loc></{entry}>" for address in addresses]
    body = "\n".join(lines)
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{SITEMAP}">\n{body}\n</{root}>\n'
    ).encode()
