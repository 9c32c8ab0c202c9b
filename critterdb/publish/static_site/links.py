"""Rewrite what the server wrote, so that it works as a file: links, policy, and what is added.

Our templates escape every value, so that a `>` or a `"` in the source is markup.
"""

from __future__ import annotations

import html
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from critterdb.web.pages.ics import fold, unfold

from .addresses import CLASSIFY, EXPLORE, HOME, Addresses, is_page, relative
from .thumbnails import SIZES, thumbnail_path

if TYPE_CHECKING:
    from collections.abc import Callable

_TAG = re.compile(r"<(a|img|link|script|form|meta|use)\b[^>]*>", re.IGNORECASE)
_LINK = re.compile(r'\s(href|src|content|xlink:href)="([^"]*)"')
_SERVER_PATH = re.compile(r"^/-/(critters|critterdb|classify)\b\S*$")
# Ids of a feed have to be absolute, also where nobody knows yet where the site will be.
URN = "urn:critterdb:"
# The policy of the served pages (web/http/headers.py), without what a meta tag cannot say.
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "worker-src 'self'; manifest-src 'self'; form-action 'none'; base-uri 'none'; "
)
SCRIPTS = "script-src 'self'"
# Pyodide in its worker, and the frame that shows its pages.
EXPLORE_SCRIPTS = "script-src 'self' 'wasm-unsafe-eval'; frame-src 'self'"
# WebAssembly, and the frame that fetches a picture from a URL that the visitor gave.
CLASSIFIER_SCRIPTS = "script-src 'self' 'wasm-unsafe-eval'; frame-src 'self'"


_SCRIPTS = {CLASSIFY: CLASSIFIER_SCRIPTS, EXPLORE: EXPLORE_SCRIPTS}


@dataclass
class Rewritten:
    """A page as a file, and the addresses of our pages that it links to."""

    text: str
    links: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Rewriter:
    """Rewrites pages for a folder; `is_missing` says of which addresses there is no page."""

    addresses: Addresses
    is_missing: Callable[[str], bool]
    base_url: str | None = None

    def page(self, text: str, place: str, head: str) -> Rewritten:
        """Return a page with relative links and its policy; `head` is added to its head."""
        result = Rewritten("")
        policy = POLICY + _SCRIPTS.get(place, SCRIPTS)
        tag = f'<meta http-equiv="Content-Security-Policy" content="{html.escape(policy, False)}">'
        text = _TAG.sub(lambda match: self._tag(match, place, result), text)
        text = text.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n  {tag}', 1)
        result.text = text.replace("</head>", f"{head}</head>", 1)
        return result

    def data(self, payload: Any, place: str) -> Any:
        """Return the value of a page's JSON with relative links."""
        if isinstance(payload, dict):
            return {key: self.data(value, place) for key, value in payload.items()}
        if isinstance(payload, list):
            return [self.data(value, place) for value in payload]
        if isinstance(payload, str) and _SERVER_PATH.match(payload):
            target = self._target(payload)
            return relative(target, place) if target else None
        return payload

    def feed(self, text: str, own_host: str, place: str) -> str:
        """Return a feed with URLs below the site's own; without one, links are relative."""

        def rewritten(match: re.Match[str]) -> str:
            before, address = match[1], html.unescape(match[2])
            target = self._target(address) or self.addresses.place(address) or HOME
            if self.base_url:
                link = self.base_url + target
            elif before == "<id>":
                link = URN + target
            else:
                link = relative(target, place)
            return f"{before}{html.escape(link)}"

        return re.sub(rf'(<id>|href="){re.escape(own_host)}(/-/[^"<]*)', rewritten, text)

    def calendar(self, text: str, own_host: str) -> str:
        """Return a calendar file with URLs below the site's own; without one, events have none."""
        lines = []
        for line in unfold(text):
            name, _, url = line.partition(":")
            if name == "URL" and url.startswith(own_host):
                target = self._target(url.removeprefix(own_host))
                if not (self.base_url and target):
                    continue
                line = f"URL:{self.base_url}{target}"
            lines.append(line)
        return "".join(map(fold, lines))

    def _tag(self, match: re.Match[str], place: str, result: Rewritten) -> str:
        tag = match[0]
        changed = _LINK.sub(lambda link: self._link(link, place, result), tag)
        if match[1].lower() == "img":
            return self._with_thumbnails(tag, changed, place)
        return changed

    def _link(self, link: re.Match[str], place: str, result: Rewritten) -> str:
        name, address = link[1], html.unescape(link[2])
        if name == "content":
            return self._preview(link, address)
        if not address.startswith("/"):
            return link[0]
        target = self._target(address)
        if is_page(address):
            result.links.append(address)
        if target is None:
            return ""
        return f' {name}="{html.escape(relative(target, place))}"'

    def _preview(self, link: re.Match[str], address: str) -> str:
        """The picture for links that people share, whose URL has to be absolute."""
        path = re.sub(r"^https?://[^/]+", "", address)
        if not _SERVER_PATH.match(path):
            return link[0]
        target = self._target(path)
        return (
            f' content="{html.escape(self.base_url + target)}"' if self.base_url and target else ""
        )

    def _target(self, address: str) -> str | None:
        if is_page(address) and self.is_missing(address):
            return None
        return self.addresses.place(address)

    def _with_thumbnails(self, served: str, tag: str, place: str) -> str:
        """An image of a list as a thumbnail; a photo's own page shows the whole file."""
        source = re.search(r'\ssrc="/-/critterdb/photos/([0-9a-f]{64})"', served)
        if not source or ' width="' in served:
            return tag
        files = {side: relative(thumbnail_path(source[1], side), place) for side in SIZES}
        srcset = ", ".join(f"{file} {side}w" for side, file in files.items())
        return re.sub(
            r'\ssrc="[^"]*"',
            f' src="{files[SIZES[0]]}" srcset="{srcset}" sizes="{SIZES[0]}px"',
            tag,
            count=1,
        )


def dumped(payload: Any) -> str:
    """Return JSON as the endpoint writes it."""
    return json.dumps(payload, ensure_ascii=False)
