"""Pictures of every page, on a desktop, a phone and in the dark, with Debian's chromium.

    export DATASETTE_SECRET=anything
    critterdb demo demo-site --serve          # in one terminal
    python docs/screenshots.py http://127.0.0.1:8001 SHOTS [PAGE...]

Writes SHOTS/PAGE-desktop.png, -phone.png and -dark.png, and of a few pages the upper part as
docs/images/PAGE.png. The page `demo` is docs/images/demo.gif, and classify.png beside it: a drawn
photo is dropped on a page and classified, then a picture that is not an animal. The secret, which
the site has too, signs in a reviewer.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
from datasette.app import Datasette
from PIL import Image, ImageOps
from playwright.sync_api import sync_playwright

from critterdb.demo.drawing.memes import draw_meme
from critterdb.demo.drawing.pictures import draw_critter

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page, Route, ViewportSize

IMAGES = Path(__file__).parent / "images"
FOR_DOCS = {"home", "model", "species", "history", "review"}
FOR_REVIEWERS = {"review", "answers"}
COLOURS = 160  # enough for a page

LOOKS: dict[str, dict[str, Any]] = {
    "desktop": {"viewport": {"width": 1100, "height": 780}},
    "phone": {"viewport": {"width": 390, "height": 800}, "device_scale_factor": 2},
    "dark": {"viewport": {"width": 1100, "height": 780}, "color_scheme": "dark"},
}

# Those below the first screen load when they come into view.
LOAD_IMAGES = """() => Promise.all([...document.images].map(image => {
    image.loading = 'eager';
    return image.decode().catch(() => null);
}))"""

GIF = "demo"
STAGE: ViewportSize = {"width": 1000, "height": 860}
GIF_WIDTH = 760
DROP_FROM, DROP_TO = (1000, 620), (250, 330)  # the middle of the photo that is dragged
DROP_FRAMES = 7
SEED = 0


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
    # A photo that the model got wrong tells more, if there is one.
    photos = [*model["mistakes"], *httpx.get(f"{start}/species/{taxon_id}.json").json()["photos"]]
    photo_id = photos[0]["photo_id"]
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
        "calendar": f"{start}/calendar",
        "game": f"{start}/games/cougarornot",
        "play": f"{start}/play",
        "post": f"{start}/posts/{home['posts'][0]['post_id']}",
        "classify": f"{address}/-/classify",
        "review": f"{start}/review",
        "answers": f"{start}/answers",
        "datasette": f"{address}/?all",
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
            page = context.new_page()
            for name in [name for name in pages if name in (wanted or pages)]:
                context.clear_cookies()
                if name in FOR_REVIEWERS:
                    sign_in(context, address)
                page.goto(pages[name], wait_until="networkidle")
                page.evaluate(LOAD_IMAGES)
                file = folder / f"{name}-{look}.png"
                page.screenshot(path=file, full_page=True)
                print(f"{file.name}: {page.evaluate('document.documentElement.scrollWidth')} wide")
                if look == "desktop" and name in FOR_DOCS:
                    keep(shot(page), f"{name}.png")
            context.close()
        if GIF in (wanted or [GIF]):
            make_gif(browser.new_page(viewport=STAGE), pages["classify"])
        browser.close()


def sign_in(context: BrowserContext, address: str) -> None:
    cookie = Datasette(secret=os.environ["DATASETTE_SECRET"]).sign({"a": {"id": "root"}}, "actor")
    context.add_cookies([{"name": "ds_actor", "value": cookie, "url": address}])


def shot(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.screenshot())).convert("RGB")


def keep(image: Image.Image, name: str) -> None:
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(IMAGES / name, optimize=True)


def make_gif(page: Page, address: str) -> None:
    """Two pictures dropped on the page one after the other, and the answers to them."""
    rng = np.random.default_rng(SEED)
    cat, meme = draw_critter("Bobcat", rng, scene="desert", pose="portrait"), draw_meme(rng)
    # The first answer takes longer: the model is loaded for it.
    httpx.post(address, files={"image": jpeg(draw_meme(rng))}).raise_for_status()
    frames: list[tuple[Image.Image, int]] = []  # with how long each is shown, in milliseconds
    page.goto(address, wait_until="networkidle")
    frames.append((shot(page), 1200))
    frames += drop(page, cat, "cat.jpg")
    keep_answer(page)
    frames += drop(page, meme, "meme.jpg")
    height = round(STAGE["height"] * GIF_WIDTH / STAGE["width"])
    images = [frame.resize((GIF_WIDTH, height), Image.Resampling.LANCZOS) for frame, _ in frames]
    # One palette for all frames, so that what does not change takes no space.
    strip = Image.new("RGB", (GIF_WIDTH, height * len(images)))
    for number, image in enumerate(images):
        strip.paste(image, (0, number * height))
    palette = strip.quantize(COLOURS, dither=Image.Dither.NONE)
    first, *others = [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]
    file = IMAGES / f"{GIF}.gif"
    durations = [duration for _, duration in frames]
    first.save(file, save_all=True, append_images=others, duration=durations, loop=0)
    print(f"{file.name}: {file.stat().st_size / 1e6:.2f} MB")


def drop(page: Page, photo: Image.Image, name: str) -> list[tuple[Image.Image, int]]:
    """The frames in which a photo is dragged over the page, classified and answered."""
    page.evaluate("scrollTo(0, 0); document.documentElement.classList.add('dropping')")
    below = shot(page)
    frames = [(dragged(below, photo, step / DROP_FRAMES), 70) for step in range(1, DROP_FRAMES + 1)]
    page.evaluate("document.documentElement.classList.remove('dropping')")
    held: list[Route] = []

    def hold(route: Route) -> None:  # until there is a picture of the page that waits
        held.append(route)

    page.route("**/-/classify", hold)
    page.set_input_files("#image", {"name": name, "mimeType": "image/jpeg", "buffer": jpeg(photo)})
    page.wait_for_selector("#result .busy")
    page.wait_for_timeout(300)
    frames.append((shot(page), 700))
    held[0].continue_()
    page.unroute("**/-/classify", hold)
    page.wait_for_selector("#result .verdict:not(.busy)")
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(1500)  # the bars grow, and photos load late
    frames.append((shot(page), 4000))
    return frames


def keep_answer(page: Page) -> None:
    page.evaluate("scrollTo(0, 0)")
    bottom = page.evaluate("document.getElementById('result').getBoundingClientRect().bottom")
    whole = Image.open(io.BytesIO(page.screenshot(full_page=True))).convert("RGB")
    keep(whole.crop((0, 0, whole.width, round(bottom) + 20)), "classify.png")


def jpeg(photo: Image.Image) -> bytes:
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()


def dragged(below: Image.Image, photo: Image.Image, way: float) -> Image.Image:
    """The page with a small photo over it, at this share of its way."""
    small = ImageOps.expand(photo.resize((240, 180)), border=4, fill="white")
    (left, top), (right, bottom) = DROP_FROM, DROP_TO
    middle = (left + (right - left) * way, top + (bottom - top) * way)
    frame = below.copy()
    frame.paste(small, (round(middle[0]) - small.width // 2, round(middle[1]) - small.height // 2))
    return frame


if __name__ == "__main__":
    main(sys.argv[1].rstrip("/"), Path(sys.argv[2]), sys.argv[3:])
