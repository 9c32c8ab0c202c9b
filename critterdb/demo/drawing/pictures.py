"""One drawn photo of a cat, put together from a coat, a pose, a scene and a camera."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .bodies import Body
from .camera import Rng, Size, photograph, rgb
from .coats import KINDS, Coat, Kind, choose_coat, mixed
from .fur import SUPERSAMPLING, Frame, Layer, ellipse
from .poses import POSES
from .scenes import SCENES, Scene, draw_scene, grow

PICTURE_SIZE = (400, 300)  # pixels
POSE_SHARES = {"walk": 0.42, "sit": 0.22, "lie": 0.18, "portrait": 0.18}
OUTDOORS = [name for name in SCENES if name != "room"]
ELSEWHERE = 0.15  # how often a kind is met in each scene that is not its own
NIGHT_SHARE = 0.14
GRASS_SHARE = 0.55
TRUNK_SHARE = 0.15  # of outdoor pictures, where a trunk or post hides a part of the animal


def draw_critter(
    name: str,
    rng: Rng,
    size: Size = PICTURE_SIZE,
    *,
    scene: str | None = None,
    coat: Coat | None = None,
    pose: str | None = None,
) -> Image.Image:
    """An RGB picture of one cat, of the kind with this common name; `rng` chooses the rest."""
    kind = KINDS[name]
    scene_name = scene or _choose(dict.fromkeys(OUTDOORS, ELSEWHERE) | kind.scenes, rng)
    view = draw_scene(scene_name, rng, size)
    pose = pose or _choose(POSE_SHARES, rng)
    layer = Layer(size, rng)
    frame = _stand(kind, pose, rng, size)
    if pose != "portrait":
        _cast_shadow(view.image, frame)
    draw_pose, _, _ = POSES[pose]
    draw_pose(Body(layer, frame, kind.build, coat or choose_coat(kind, rng)))
    _cover(layer, view, frame, pose, scene_name)
    over = layer.image.reduce(SUPERSAMPLING)
    lit = Image.merge(
        "RGB",
        [
            band.point([int(min(255, level * light)) for level in range(256)])
            for band, light in zip(over.split()[:3], view.light, strict=True)
        ],
    )
    picture = view.image
    picture.paste(lit, (0, 0), over.getchannel("A"))
    if scene_name == "snow" and rng.random() < 0.5:
        _snowfall(picture, rng)
    return photograph(picture, rng, at_night=scene_name != "room" and rng.random() < NIGHT_SHARE)


def _stand(kind: Kind, pose: str, rng: Rng, size: Size) -> Frame:
    """Where the animal stands, how large, and which way it looks."""
    width, height = size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING
    _, tall, wide = POSES[pose]
    if pose == "portrait":
        scale = height * rng.uniform(0.17, 0.3) / kind.build.head
        x, y = width * rng.uniform(0.32, 0.68), height * rng.uniform(0.46, 0.6)
        return Frame(x, y, scale, rng.normal(0, 0.04), False)
    largest = min(height * 0.86 / tall, width * 0.92 / wide)
    scale = largest * rng.uniform(0.42, 1.0) * kind.build.scale / 1.12
    spare = max(0.0, width - wide * scale) / 2
    x = width / 2 + rng.uniform(-1.15, 1.15) * spare
    lowest = height * 0.97
    y = rng.uniform(max(height * 0.7, tall * scale + 0.03 * height), lowest)
    return Frame(x, min(y, lowest), scale, rng.normal(0, 0.03), bool(rng.random() < 0.5))


def _cast_shadow(image: Image.Image, frame: Frame) -> None:
    x, y, scale = (part / SUPERSAMPLING for part in (frame.x, frame.y, frame.scale))
    mask = Image.new("L", image.size)
    outline = ellipse(x, y, scale * 0.72, scale * 0.07)
    ImageDraw.Draw(mask).polygon([tuple(point) for point in outline.tolist()], fill=130)
    image.paste((24, 24, 30), (0, 0), mask.filter(ImageFilter.BoxBlur(6)))


def _cover(layer: Layer, view: Scene, frame: Frame, pose: str, scene_name: str) -> None:
    """What stands before the animal: grass, and now and then a trunk."""
    rng = layer.rng
    width, height = layer.image.size
    if view.growth and rng.random() < GRASS_SHARE:
        root = height if pose == "portrait" else frame.y + 0.03 * frame.scale
        grow(layer.draw, layer.image.size, root, view.growth, rng)
    if scene_name in ("forest", "scrub", "snow") and rng.random() < TRUNK_SHARE:
        x = frame.x + rng.choice((-1, 1)) * rng.uniform(0.25, 0.6) * frame.scale
        half, lean = rng.uniform(0.02, 0.05) * width, rng.normal(0, 0.03) * width
        bark = mixed((84, 66, 52), (46, 40, 36), rng.random())
        trunk = [
            (x - half, height),
            (x - half * 0.8 + lean, 0),
            (x + half * 0.8 + lean, 0),
            (x + half, height),
        ]
        layer.fur(np.array(trunk), bark, bark, hair=0, relief=0.1)


def _snowfall(image: Image.Image, rng: Rng) -> None:
    draw = ImageDraw.Draw(image)
    for x, y, r in rng.uniform(
        (0, 0, 0.8), (*image.size, 2.6), (rng.integers(40, 160), 3)
    ).tolist():
        draw.ellipse((x - r, y - r, x + r, y + r), fill=rgb((248, 250, 255)))


def _choose(shares: dict[str, float], rng: Rng) -> str:
    names, weights = list(shares), np.array(list(shares.values()))
    return names[rng.choice(len(names), p=weights / weights.sum())]
