"""Pictures of every page, on a desktop, a phone and in the dark, with Debian's chromium.

    critterdb demo demo-site --serve          # in one terminal
    python docs/screenshots.py http://127.0.0.1:8001 SHOTS [PAGE...]

Writes SHOTS/PAGE-desktop.png, -phone.png and -dark.png, and of a few pages PAGE.png, the upper part
in a size for docs/images. Pages that only reviewers see want a cookie of theirs, `ds_actor`, in
CRITTERDB_COOKIE.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import httpx
from PIL import Image
from playwright.sync_api import sync_playwright

COOKIE_VARIABLE = "CRITTERDB_COOKIE"
FOR_DOCS = {"home", "model", "species", "history", "review", "photo"}

LOOKS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1100, "height": 780}},
    "phone": {"viewport": {"width": 390, "height": 800}, "device_scale_factor": 2},
    "dark": {"viewport": {"width": 1100, "height": 780}, "color_scheme": "dark"},
}


def page_addresses(address: str) -> dict[str, str]:
    """A page of each kind, with something to see on it."""
    start = f"{address}/-/critters"
    home = httpx.get(f"{start}.json").json()
    model_id = next(game["model_id"] for game in home["games"] if game["model_id"])
    model = httpx.get(f"{start}/models/{model_id}.json").json()
    taxon_id = model["labels"][0]["taxon_id"]
    mistake = next(
        cell
        for cell in model["confusions"]
        if cell["actual_taxon_id"] != cell["predicted_taxon_id"] or cell == model["confusions"][-1]
    )
    cell = f"actual={mistake['actual_taxon_id']}&predicted={mistake['predicted_taxon_id']}"
    photo_id = model["mistakes"][0]["photo_id"]
    return {
        "home": start,
        "model": f"{start}/models/{model_id}",
        "cell": f"{start}/models/{model_id}/confusion?{cell}",
        "models": f"{start}/models",
        "compare": f"{start}/compare?a={model_id}",
        "critters": f"{start}/species",
        "species": f"{start}/species/{taxon_id}",
        "photo": f"{start}/photos/{photo_id}",
        "history": f"{start}/history",
        "post": f"{start}/posts/{home['posts'][0]['post_id']}",
        "classify": f"{address}/-/classify",
        "review": f"{start}/review",
        "answers": f"{start}/answers",
        "datasette": address,
        "table": f"{address}/critters/bot_history",
    }


def main(address: str, folder: Path, wanted: list[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pages = page_addresses(address)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for look, options in LOOKS.items():
            context = browser.new_context(**options)
            if cookie := os.environ.get(COOKIE_VARIABLE):
                context.add_cookies([{"name": "ds_actor", "value": cookie, "url": address}])
            page = context.new_page()
            for name in wanted or pages:
                page.goto(pages[name], wait_until="networkidle")
                file = folder / f"{name}-{look}.png"
                page.screenshot(path=file, full_page=True)
                print(f"{file.name}: {page.evaluate('document.documentElement.scrollWidth')} wide")
                if look == "desktop" and name in FOR_DOCS:
                    page.screenshot(path=folder / f"{name}.png")
                    make_small(folder / f"{name}.png")
            context.close()
        browser.close()


def make_small(file: Path) -> None:
    """A picture that is kept in the repository: few colours are enough for a page."""
    image = Image.open(file).convert("RGB").quantize(160, dither=Image.Dither.NONE)
    image.save(file, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), Path(sys.argv[2]), sys.argv[3:])
