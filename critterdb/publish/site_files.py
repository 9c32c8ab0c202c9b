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
# Where Datasette reads the settings of plugins: 0.65 from the first three, 1.0 from all.
PLUGIN_SETTINGS = (
    *("metadata.json", "metadata.yaml", "metadata.yml"),
    *("datasette.json", "datasette.yaml", "datasette.yml"),
)
FILES = (*PLUGIN_SETTINGS, "settings.json", "catalogue.toml")
# What is published of each folder, in words and by suffix.
FOLDERS = {
    PLUGINS: (".py files", (".py",)),
    "templates": (".html files", (".html",)),
    "static": ("style sheets, scripts, pages, pictures and fonts", PAGE_FILES),
}


def copy_site_files(home: Path, made: Path) -> list[str]:
    """Copy the site's own pages and settings, with critterdb's plugin; notes on what stays.

    Links are not followed. Raises SiteError if a file of settings is malformed.
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
    for name in PLUGIN_SETTINGS:
        _keep_local_photos_off(made / name)
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
    written = _read_settings(file)
    if not isinstance(written, dict):
        return
    # Files that set nothing for plugins stay so: Datasette 1.0 reads the plugins of the first file
    # that has any.
    plugins = written.get("plugins")
    if not isinstance(plugins, dict):
        return
    settings = plugins.get("critterdb") or ({} if file.stem == "metadata" else None)
    if isinstance(settings, dict) and settings.get("local_photos") is not False:
        # For the owner's own screen: in public it would show photos whose licence forbids it.
        settings["local_photos"] = False
        written["plugins"] = {**plugins, "critterdb": settings}
        # JSON is YAML too, so one way of writing does for all files; dates become their own words.
        text = json.dumps(written, indent=2, ensure_ascii=False, default=str)
        file.write_text(text + "\n", "utf-8")


def _read_settings(file: Path) -> object:
    """What a file of settings holds, read as Datasette does. Raises SiteError."""
    from datasette.utils import BadMetadataError, parse_metadata

    text = file.read_text("utf-8")
    try:
        return json.loads(text) if file.suffix == ".json" else parse_metadata(text)
    except (ValueError, BadMetadataError, RecursionError) as error:
        kind = "JSON" if file.suffix == ".json" else "YAML"
        raise SiteError(
            f"{file.name} of the site is not valid {kind}: {error}. Correct it"
        ) from error
