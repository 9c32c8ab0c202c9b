"""The command `critterdb games`: list, show, add and edit games."""

from __future__ import annotations

from typing import Any

import click

from .common import open_site, show_json, show_line, show_lines
from .output import game_lines


@click.group(invoke_without_command=True, short_help="List hashtag games; show, add or edit one.")
@click.pass_context
def games(ctx: click.Context) -> None:
    """List the hashtag games of this site, and the presets."""
    if ctx.invoked_subcommand:
        return
    from critterdb.games import list_games, unused_presets

    db = open_site(ctx)
    show_lines(game_lines(list_games(db), unused_presets(db)))


@games.command("show", short_help="Show a game as JSON.")
@click.argument("slug")
@click.pass_context
def games_show(ctx: click.Context, slug: str) -> None:
    """Show a game as JSON."""
    from dataclasses import asdict

    from critterdb.games import ensure_game

    show_json(asdict(ensure_game(open_site(ctx), slug)))


def game_options(command: Any) -> Any:
    """Add the options that `add` and `edit` share."""
    for option in reversed(
        (
            click.option(
                "--hashtag", metavar="TAG", help="The game's hashtag, such as cougarOrNot."
            ),
            click.option("--question", help="The game's question, such as “Is it a cougar?”"),
            click.option(
                "--taxon", metavar="NAME|ID", help="The group of animals that the game is about."
            ),
            click.option(
                "--place", metavar="NAME|ID", help="The place that the observations come from."
            ),
            click.option(
                "--target", metavar="NAME|ID", help="The taxon that the question is about."
            ),
            click.option("--rank", metavar="RANK", help="The rank of the labels, such as species."),
            click.option(
                "--host",
                "hosts",
                multiple=True,
                metavar="PLATFORM:HANDLE",
                help="An account whose posts are game posts; repeatable.",
            ),
            click.option(
                "--consenting-host",
                "consenting_hosts",
                multiple=True,
                metavar="PLATFORM:HANDLE",
                help="A host who agreed to get replies; repeatable.",
            ),
        )
    ):
        command = option(command)
    return command


@games.command("add", short_help="Make a game from the names of taxa and places.")
@click.argument("slug")
@game_options
@click.pass_context
def games_add(ctx: click.Context, /, slug: str, **wishes: Any) -> None:
    """Make a game: look up the names of taxa and places, and show what was found.

    \b
    critterdb games add foxornot --hashtag FoxOrNot --taxon Canidae --target "Vulpes vulpes"
    critterdb games add jayornot --hashtag JayOrNot --taxon Corvidae --place Canada
    """
    from critterdb.inaturalist.client import INaturalist
    from critterdb.inaturalist.game_lookup import GameWishes, add_game

    db = open_site(ctx)
    show_lines(add_game(db, INaturalist(db), slug, GameWishes(**wishes)))
    show_line(f"Next: critterdb sync {slug.lower()} --plan")


@games.command("edit", short_help="Change a game.")
@click.argument("slug")
@game_options
@click.pass_context
def games_edit(ctx: click.Context, /, slug: str, **wishes: Any) -> None:
    """Change the given fields of a game. Given hosts replace all earlier ones."""
    from critterdb.inaturalist.client import INaturalist
    from critterdb.inaturalist.game_lookup import GameWishes, edit_game

    db = open_site(ctx)
    show_lines(edit_game(db, INaturalist(db), slug, GameWishes(**wishes)))
