"""Copy what people add to a site's folder into a published copy, if it may be published.

The folders are known by what they are for: plugins are code, `static/` holds what a page loads,
`templates/` holds pages. Any other file there, such as a key or a backup, stays at home.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from critterdb.errors import SiteError
from critterdb.site.folder import SITE_FILES, site_source

PLUGINS = "plugins"
# Not .json, .txt and .map: no page needs them, and keys, notes and a machine's paths lie in such.
PAGE_FILES = (
    *(".css", ".html", ".js", ".mjs", ".webmanifest"),
    *(".avif", ".gif", ".ico", ".jpeg", ".jpg", ".png", ".svg", ".webp"),
    *(".otf", ".ttf", ".woff", ".woff2"),
)
FILES = ("metadata.json", "metadata.yaml", "metadata.yml", "datasette.yaml", "datasette.json",
         "settings.json")  # fmt: skip
# What is published of each folder, in words and by suffix.
FOLDERS = {
    PLUGINS: (".py files", (".py",)),
    "templates": (".html files", (".html",)),
    "static": ("style sheets, scripts, pages, pictures and fonts", PAGE_FILES),
}


def copy_site_files(home: Path, made: Path) -> list[str]:
    """Copy the site's own pages and settings, with critterdb's plugin; notes on what stays.

    Links are not followed. Raises SiteError if metadata.json is not valid JSON.
    """
    notes = []
    for name in FILES:
        if (home / name).is_file() and not (home / name).is_symlink():
            shutil.copyfile(home / name, made / name)
    for name, (words, suffixes) in FOLDERS.items():
        if left := _copy_folder(home / name, made / name, suffixes):
            names = ", ".join(sorted(str(file.relative_to(home)) for file in left))
            notes.append(f"{name}/: only {words} are published; left out: {names}")
    for name in SITE_FILES:
        told_otherwise = (made / f"metadata.{kind}" for kind in ("json", "yaml", "yml"))
        if name == "metadata.json" and any(file.exists() for file in told_otherwise):
            continue
        (made / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(site_source() / name, made / name)
    _keep_local_photos_off(made / "metadata.json")
    return notes


def _copy_folder(source: Path, target: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Copy the files with these suffixes; the others, but for those that go without saying."""
    left: list[Path] = []

    def not_for_others(folder: str, names: list[str]) -> list[str]:
        unsaid = [name for name in names if _goes_without_saying(Path(folder, name))]
        other = [
            name
            for name in set(names).difference(unsaid)
            if not Path(folder, name).is_dir() and not _has_suffix(Path(folder, name), suffixes)
        ]
        left.extend(Path(folder, name) for name in other)
        return unsaid + other

    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, ignore=not_for_others)
    return left


def _goes_without_saying(file: Path) -> bool:
    """Links, what Python made, an earlier copy's wheel, and what people hide."""
    return file.name.startswith((".", "__pycache__")) or file.suffix == ".whl" or file.is_symlink()


def _has_suffix(file: Path, suffixes: tuple[str, ...]) -> bool:
    return file.is_file() and file.suffix.lower() in suffixes


def _keep_local_photos_off(file: Path) -> None:
    """A published folder may get photos of its own one day; they should not show by an old wish."""
    if not file.is_file():
        return
    try:
        metadata = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise SiteError(
            f"metadata.json of the site is not valid JSON: {error}. Correct it"
        ) from error
    plugins = metadata["plugins"] = metadata.get("plugins") or {}
    settings = plugins["critterdb"] = plugins.get("critterdb") or {}
    if settings.get("local_photos") is not False:
        # For the owner's own screen: in public it would show photos whose licence forbids it.
        settings["local_photos"] = False
        file.write_text(json.dumps(metadata, indent=2, ensure_ascii=False) + "\n", "utf-8")
