"""What surrounds the pages of a baked site: icons, manifest, our scripts, and each page's head."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from critterdb.web.files.static import read_static

from .addresses import HOME, relative
from .icons import GROUND, PAPER, SIDES, png_icon, svg_icon

if TYPE_CHECKING:
    from .folder import BakedFolder

STATIC = "critterdb/static"
SCRIPT = f"{STATIC}/site.js"
ICON = "icons/icon.svg"
MANIFEST = "site.webmanifest"
STYLE = "critterdb.css"
SERVED_SCRIPTS = ("incoming.js", "play.js")  # which pages load as they do from the server


def asset(name: str) -> str:
    """Return the text of one of our own files."""
    return files("critterdb.publish.static_site").joinpath("assets", name).read_text("utf-8")


@dataclass(frozen=True)
class Shell:
    """The files around the pages, written to the folder; `head` links a page to them."""

    script: str
    base_url: str | None

    @classmethod
    def written(cls, folder: BakedFolder, title: str, base_url: str | None) -> Shell:
        """Write style, script, icons and manifest. Raises OSError."""
        for name in (STYLE, *SERVED_SCRIPTS):
            folder.write_versioned(f"{STATIC}/{name}", read_static(name)[0])
        script = folder.write_versioned(SCRIPT, asset("site.js").encode())
        folder.write(ICON, svg_icon().encode())
        for side in SIDES:
            folder.write(_png(side), png_icon(side))
        folder.write(MANIFEST, (json.dumps(_manifest(title), indent=2) + "\n").encode())
        return cls(script, base_url)

    def head(self, place: str) -> str:
        """Return what is added to the head of the page at a place."""
        lines = [
            f'<link rel="icon" type="image/svg+xml" href="{relative(ICON, place)}">',
            f'<link rel="apple-touch-icon" href="{relative(_png(SIDES[0]), place)}">',
            f'<link rel="manifest" href="{relative(MANIFEST, place)}">',
            f'<script src="{relative(self.script, place)}" data-root="{relative("", place)}" '
            "defer></script>",
        ]
        if self.base_url:
            address = html.escape(self.base_url + (place or HOME))
            lines.append(f'<link rel="canonical" href="{address}">')
            lines.append(f'<meta property="og:url" content="{address}">')
        return "".join(f"  {line}\n" for line in lines)


def _png(side: int) -> str:
    return f"icons/icon-{side}.png"


def _manifest(title: str) -> dict[str, object]:
    icons = [
        {
            "src": _png(side),
            "sizes": f"{side}x{side}",
            "type": "image/png",
            "purpose": "any maskable",
        }
        for side in SIDES
    ]
    return {
        "name": title,
        "short_name": title[:12],
        "start_url": HOME,
        "scope": "./",
        "display": "standalone",
        "theme_color": GROUND,
        "background_color": PAPER,
        "icons": [*icons, {"src": ICON, "sizes": "any", "type": "image/svg+xml"}],
    }
