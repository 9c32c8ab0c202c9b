"""The commands that manage a site: `init`, `status`, `serve`, `publish`, `backup` and others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .common import license_option, open_site, show_json, show_line, show_lines, show_styled_lines
from .output import (
    progress_bar,
    publish_lines,
    status_lines,
)

DEFAULT_PORT = 8001
SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Show a summary of the site.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Show a summary of the site: data, last sync, bot, outbox, and SQLite version."""
    from critterdb.site.status import site_status

    summary = site_status(open_site(ctx))
    if as_json:
        show_json(summary)
        return
    show_styled_lines(status_lines(summary))


@click.command(short_help="Serve the site with Datasette.")
@click.option(
    "-h",
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="HOST",
    help="The address to listen on; 0.0.0.0 accepts connections from the network.",
)
@click.option(
    "-p",
    "--port",
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
@click.pass_context
def serve(ctx: click.Context, host: str, port: int, read_only: bool, root: bool) -> None:
    """Serve the site and the classification endpoint with Datasette.

    A folder made by critterdb publish is always read-only.
    """
    from critterdb.site.folder import is_published
    from critterdb.site.serving import run_datasette, settle_for_reading

    if read_only or is_published(ctx.obj):
        settle_for_reading(ctx.obj)
    else:
        open_site(ctx).close()
    run_datasette(ctx.obj, host, port, read_only=read_only, root=root)


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
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def publish(
    ctx: click.Context,
    /,
    folder: Path,
    as_json: bool,
    **choices: Any,
) -> None:
    """Make a copy of the site in FOLDER for a web host, with openly licensed data only.

    It holds the database, models, photos, the plugin, a Dockerfile and this critterdb as a wheel.
    Serve it with: datasette FOLDER. It replaces an earlier copy in FOLDER.
    """
    from critterdb.licences import DEFAULT_LICENSES
    from critterdb.publish.copy import PublishOptions, publish_site

    db = open_site(ctx)
    with progress_bar("Copying photos") as progress:
        options = PublishOptions(
            photos=not choices["no_photos"],
            licenses=choices["licenses"] or DEFAULT_LICENSES,
            keep_exif=choices["keep_exif"],
            read_only=not choices["writable"],
        )
        report = publish_site(db, folder, options, progress=progress)
    if as_json:
        show_json(vars(report))
    else:
        show_lines(publish_lines(report))


@click.command(short_help="Back up the database, even while it is in use.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.pass_context
def backup(ctx: click.Context, file: Path) -> None:
    """Write a consistent copy of the database to FILE, and check it.

    Other processes may keep writing. Copy photos/ and models/, beside the database, as well.
    """
    from critterdb.site.backup import backup_database

    size = backup_database(open_site(ctx), file)
    click.echo(
        f"Backed up and checked: {file} ({size / 1e6:.1f} MB). Copy photos/ and models/ as well."
    )


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
    """Make a site: a folder with a database, metadata.json and plugins/."""
    from critterdb.site.folder import init_site

    path = init_site(folder)
    show_line(f"{path} is ready.")
    step = f"cd {folder} && " if folder != Path() else ""
    click.echo(f"Next: {step}critterdb sync cougarornot")


@click.command(short_help="Run the whole system on drawn animals, without a network.")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path), default="demo-site")
@click.option("--serve", "keep_serving", is_flag=True, help="Serve the finished site.")
@click.option(
    "-p",
    "--port",
    default=DEFAULT_PORT,
    show_default=True,
    metavar="PORT",
    help="The port to serve on.",
)
def demo(folder: Path, keep_serving: bool, port: int) -> None:
    """Run the whole system on drawn animals, without a network."""
    from critterdb.demo.run import run_demo

    run_demo(folder, report=click.echo, serve_port=port if keep_serving else None)
