"""The badges of the README, drawn from what the project's own files say.

    python docs/badges.py [FOLDER]

Drawn here, they load nothing from elsewhere, and a test compares them with the files.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
SYSTEMS = {"ubuntu": "Linux", "macos": "macOS", "windows": "Windows"}
CHARACTER_WIDTH, PADDING, HEIGHT = 6.6, 8, 20  # pixels, for 11-pixel letters
BADGE = """<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" role="img" \
aria-label="{left}: {right}">
<title>{left}: {right}</title>
<clipPath id="round"><rect width="{width}" height="{height}" rx="4"/></clipPath>
<g clip-path="url(#round)"><rect width="{split}" height="{height}" fill="#4a4f4b"/>
<rect x="{split}" width="{rest}" height="{height}" fill="#2c6e4f"/></g>
<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">
<text x="{left_middle}" y="14">{left}</text>
<text x="{right_middle}" y="14">{right}</text></g>
</svg>
"""


def badge(left: str, right: str) -> str:
    split, rest = (round(len(words) * CHARACTER_WIDTH) + 2 * PADDING for words in (left, right))
    return BADGE.format(
        left=left,
        right=right,
        width=split + rest,
        height=HEIGHT,
        split=split,
        rest=rest,
        left_middle=split / 2,
        right_middle=split + rest / 2,
    )


def badges() -> dict[str, str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    kinds = "\n".join(project["classifiers"])
    minors = [int(minor) for minor in re.findall(r"Python :: 3\.(\d+)$", kinds, re.MULTILINE)]
    workflow = (ROOT / ".github/workflows/test.yml").read_text("utf-8")
    systems = [name for image, name in SYSTEMS.items() if f"{image}-latest" in workflow]
    return {
        "badge-ci.svg": badge("CI tests on", ", ".join(systems)),
        "badge-python.svg": badge("Python", f"3.{min(minors)} – 3.{max(minors)}"),
        "badge-licence.svg": badge("licence", project["license"]),
    }


def main(folder: Path) -> None:
    for name, text in badges().items():
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "images")
