"""The commands that manage a site: `init`, `status`, `serve`, `publish`, `backup` and others."""

from __future__ import annotations

from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import click

from critterdb.formatting import count_of
from critterdb.storage.light_import import claim_process, has_other_plugins

from .common import license_option, open_site, show_json, show_line, show_lines, show_styled_lines
from .output import (
    backup_lines,
    progress_bar,
    publish_lines,
    restore_lines,
    site_backup_lines,
    static_lines,
    status_lines,
)

DEFAULT_PORT = 8001
SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Show a summary of the site.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show a summary of the site: data, last sync, bot, replies (outbox), and SQLite version.

    \b
    critterdb status
    critterdb --db mysite/critters.db status --json
    """
    from critterdb.site.status import site_status

    summary = site_status(open_site(ctx))
    if as_json:
        show_json(summary)
        return
    show_styled_lines(status_lines(summary))


class ServeCommand(click.Command):
    """`serve`, whose -h was short for --host before it meant help, as everywhere."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        # An old unit file with `-h 0.0.0.0` goes on to serve, instead of printing help and ending.
        spelt = [
            "--host" if word == "-h" and not following.startswith("-") else word
            for word, following in pairwise([*args, "-"])
        ]
        return super().parse_args(ctx, spelt)


@click.command(cls=ServeCommand, short_help="Serve the site with Datasette.")
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="HOST",
    help="The address to listen on; 0.0.0.0 accepts connections from the network.",
)
@click.option(
    "-p",
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    metavar="PORT",
    help="The port to listen on.",
)
@click.option(
    "--read-only",
    is_flag=True,
    help="Open the database read-only: requests are not recorded.",
)
@click.option(
    "--root",
    is_flag=True,
    help="Print a URL that signs you in as root, who may review.",
)
@click.option(
    "--cors",
    is_flag=True,
    help="Let pages on other sites read the data and use the endpoint.",
)
@click.pass_context
def serve(
    ctx: click.Context, host: str, port: int, read_only: bool, root: bool, cors: bool
) -> None:
    """Serve the site and the classification endpoint with Datasette.

    A folder made by critterdb publish is served read-only, unless it was made with --writable.

    \b
    critterdb serve                                  on this machine only
    critterdb serve --root                           and print a URL to sign in and review
    critterdb serve --host 0.0.0.0 --port 8080       for the network
    """
    # Before anything imports sqlite-utils: numpy takes a tenth of a second.
    if not has_other_plugins(ctx.obj.resolve().parent):
        claim_process("critterdb serve")
    from critterdb.site.folder import is_published
    from critterdb.site.serving import (
        check_port,
        front_page_address,
        run_datasette,
        settle_for_reading,
    )

    if read_only or is_published(ctx.obj):
        settle_for_reading(ctx.obj)
    else:
        open_site(ctx).close()
    check_port(host, port)
    show_line(f"Open {front_page_address(ctx.obj, host, port)}; press Ctrl-C to stop.", err=True)
    run_datasette(ctx.obj, host, port, read_only=read_only, root=root, cors=cors)


@click.command(short_help="Make an openly licensed copy for a web host.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--no-photos", is_flag=True, help="Leave out the photo files, but keep their rows.")
@license_option("Publish data")
@click.option(
    "--keep-exif",
    is_flag=True,
    help="Keep the photo files' metadata (place, camera, people). By default it is removed.",
)
@click.option(
    "--writable",
    is_flag=True,
    help="Let the copy record requests instead of serving it read-only.",
)
@click.option(
    "--static",
    is_flag=True,
    help="Write pages as files for a static host, such as GitHub Pages or a USB stick.",
)
@click.option(
    "--base-url",
    metavar="URL",
    help="With --static: the URL of the site, for its sitemap, feed and link previews.",
)
@click.option(
    "--runtime",
    metavar="FOLDER",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="With --static: take ONNX Runtime and Pyodide from FOLDER instead of fetching them.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def publish(
    ctx: click.Context,
    /,
    folder: Path,
    as_json: bool,
    **choices: Any,
) -> None:
    """Write a copy of the site to FOLDER for a web host, with openly licensed data only.

    The copy holds the database, models, photos, the plugin, a Dockerfile, and a wheel of this
    version of critterdb. Serve it with: datasette FOLDER. A new copy replaces an earlier one.

    \b
    critterdb publish public
    critterdb publish public --license cc0 --license cc-by
    critterdb publish public --no-photos             rows and models only
    critterdb publish public --static                pages as files, without a server
    """
    from critterdb.licences import DEFAULT_LICENSES
    from critterdb.publish.copy import PublishOptions, publish_site

    options = PublishOptions(
        photos=not choices["no_photos"],
        licenses=choices["licenses"] or DEFAULT_LICENSES,
        keep_exif=choices["keep_exif"],
        read_only=not choices["writable"],
    )
    given = [name for name in ("base_url", "runtime") if choices[name]]
    if choices["static"]:
        _publish_static(ctx, folder, options, choices, as_json=as_json)
        return
    if given:
        raise click.UsageError(f"--{given[0].replace('_', '-')} needs --static")
    db = open_site(ctx)
    with progress_bar("Copying photos") as progress:
        report = publish_site(db, folder, options, progress=progress)
    if as_json:
        show_json(vars(report))
    else:
        show_lines(publish_lines(report))


def _publish_static(
    ctx: click.Context, folder: Path, publish: Any, choices: dict[str, Any], *, as_json: bool
) -> None:
    from critterdb.publish.runtime.fetching import ready_runtime
    from critterdb.publish.static_site.bake import StaticOptions, publish_static

    base_url = choices["base_url"]
    if choices["writable"]:
        raise click.UsageError("Static files record nothing: leave out --writable")
    if base_url is not None and not base_url.startswith(("https://", "http://")):
        raise click.UsageError("--base-url should be a URL such as https://example.org/critters/")
    db = open_site(ctx)
    with progress_bar("Fetching runtime files") as progress:
        runtime = ready_runtime("classify", choices["runtime"], progress=progress)
        tab = ready_runtime("explore", choices["runtime"], progress=progress)
    options = StaticOptions(publish, base_url and f"{base_url.rstrip('/')}/", runtime, tab)
    with progress_bar("Writing pages") as progress:
        report = publish_static(db, folder, options, progress=progress)
    if as_json:
        show_json({**vars(report), "published": vars(report.published)})
    else:
        show_lines(static_lines(report))


@click.command(short_help="Fetch what a static site needs in the browser.")
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--only",
    type=click.Choice(["classify", "explore"]),
    help="Fetch only what classifies photos, or only what runs Datasette in the browser.",
)
def runtime(folder: Path | None, only: str | None) -> None:
    """Fetch ONNX Runtime and Pyodide for static sites, into FOLDER or critterdb's cache.

    In the visitor's browser, ONNX Runtime classifies photos and Pyodide runs Datasette. They come
    from the registry that npm uses (or npm_config_registry, if that is set) and from pip's package
    index, by pinned version and hash. Files that are already there are checked, not fetched again.
    For a machine without a network, fetch into FOLDER on another machine and copy it.

    \b
    critterdb runtime                    into ~/.cache/critterdb
    critterdb runtime stick/runtime      into a folder, for a machine without a network
    """
    from critterdb.publish.runtime.fetching import cache_folder, fetch_runtime
    from critterdb.publish.runtime.pins import GROUPS

    folder = folder or cache_folder()
    groups = [group for group in GROUPS if only in (None, group)]
    with progress_bar("Fetching") as progress:
        fetched = fetch_runtime(folder, groups, progress=progress)
    show_line(f"{count_of(len(fetched), 'file')} fetched; {folder} is complete.")


@click.command(short_help="Back up the database, or the whole site.")
@click.argument("file", metavar="FILE|FOLDER", type=click.Path(path_type=Path))
@click.option(
    "--files",
    "with_files",
    is_flag=True,
    help="Make FOLDER a copy of the whole site: photos, models and settings too.",
)
@click.pass_context
def backup(ctx: click.Context, file: Path, with_files: bool) -> None:
    """Write a consistent copy of the database to FILE, or of the site to FOLDER, and check it.

    Other processes may keep writing. Without --files, photos and models are not in the backup.
    Keys and login sessions are never in a backup.

    \b
    critterdb backup ../critters-2026-11-27.db       the database alone
    critterdb backup --files ../mysite-2026-11-27    the whole site, as a folder
    critterdb restore ../mysite-2026-11-27 newsite   restore it in another folder
    """
    from critterdb.site.backup import backup_database, backup_site
    from critterdb.storage.database import site_folder

    db = open_site(ctx)
    if not with_files:
        show_lines(backup_lines(db, file, backup_database(db, file), site_folder(db)))
        return
    with progress_bar("Copying files") as progress:
        report = backup_site(db, file, progress=progress)
    show_lines(site_backup_lines(report))


@click.command(short_help="Restore a site from a backup.")
@click.argument(
    "backup", metavar="FILE|FOLDER", type=click.Path(exists=True, readable=True, path_type=Path)
)
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace an existing database.")
@click.pass_context
def restore(ctx: click.Context, backup: Path, folder: Path | None, force: bool) -> None:
    """Restore a backup as the site in FOLDER, by default the current folder.

    The backup is checked first. The database is replaced last and in one step, so an interrupted
    restore leaves the old one in use. Only backups made with --files contain photos and
    models; those that the site already has are kept.

    \b
    critterdb restore ../mysite-2026-11-27 newsite
    critterdb restore ../critters-2026-11-27.db --force
    """
    from critterdb.site.restore import restore_site
    from critterdb.storage.database import DATABASE_NAME

    database = folder / DATABASE_NAME if folder else ctx.obj
    with progress_bar("Restoring files") as progress:
        report = restore_site(backup, database, force=force, progress=progress)
    show_lines(restore_lines(report))


@click.command(short_help="Print a shell completion script.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print a script that completes critterdb's commands and options in SHELL.

    \b
    bash: eval "$(critterdb completion bash)"       in ~/.bashrc
    zsh:  eval "$(critterdb completion zsh)"        in ~/.zshrc
    fish: critterdb completion fish | source        in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    completion_class = get_completion_class(shell)
    assert completion_class
    root = ctx.find_root().command
    click.echo(completion_class(root, {}, "critterdb", "_CRITTERDB_COMPLETE").source())


@click.command(short_help="Make a site: a folder with a database, settings and a plugin.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default=".")
def init(folder: Path) -> None:
    """Make a site: a folder with a database, metadata.json and plugins/.

    In an existing site, it updates the plugin and keeps everything else.

    \b
    critterdb init mysite
    critterdb init                                   in the current folder
    """
    from critterdb.site.folder import init_site
    from critterdb.site.status import next_command
    from critterdb.storage.database import open_database

    path = init_site(folder)
    with closing(open_database(path)) as db:
        command = next_command(db)
    show_line(f"{path} is ready.")
    step = f"cd {folder} && " if folder != Path() else ""
    show_line(f"Next: {step}{command}")


@click.command(short_help="Run the whole system on computer-drawn animals, without a network.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="demo-site")
@click.option("--serve", "keep_serving", is_flag=True, help="Serve the finished site.")
@click.option(
    "-p",
    "--port",
    type=click.IntRange(0, 65535),
    default=DEFAULT_PORT,
    show_default=True,
    metavar="PORT",
    help="The port to serve on.",
)
def demo(folder: Path, keep_serving: bool, port: int) -> None:
    """Run the whole system on computer-drawn animals, without a network.

    \b
    critterdb demo --serve                           then open the address that it prints
    critterdb demo mydemo --serve --port 8123
    """
    from critterdb.demo.run import run_demo
    from critterdb.site.serving import LOOPBACK, check_port

    if keep_serving:
        check_port(LOOPBACK, port)
    run_demo(folder, report=click.echo, serve_port=port if keep_serving else None)
