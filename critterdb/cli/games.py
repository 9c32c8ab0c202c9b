"""The command `critterdb games`: list, show, add and edit games."""

from __future__ import annotations

from typing import Any

import click

from .common import (
    SuggestingGroup,
    ask_to,
    open_site,
    show_json,
    show_line,
    show_lines,
    yes_option,
)
from .output import game_lines
from .removal_output import game_removal_lines


@click.group(
    cls=SuggestingGroup,
    invoke_without_command=True,
    short_help="List hashtag games; show, add, edit or remove one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the games as JSON.")
@click.pass_context
def games(ctx: click.Context, as_json: bool) -> None:
    """List the hashtag games of this site, and the presets that come with critterdb.

    \b
    critterdb games
    critterdb games show cougarornot
    critterdb games remove mistake
    """
    if ctx.invoked_subcommand:
        return
    from critterdb.games import list_games, unused_presets

    db = open_site(ctx)
    if as_json:
        show_json([vars(game) for game in list_games(db)])
        return
    show_lines(game_lines(list_games(db), unused_presets(db)))


@games.command("show", short_help="Show a game as JSON.")
@click.argument("slug")
@click.pass_context
def games_show(ctx: click.Context, slug: str) -> None:
    """Show a game, or a preset, as JSON.

    \b
    critterdb games show cougarornot
    """
    from dataclasses import asdict

    from critterdb.games import find_game

    show_json(asdict(find_game(open_site(ctx), slug)))


@games.command("remove", short_help="Remove a game.")
@click.argument("slug")
@yes_option
@click.pass_context
def games_remove(ctx: click.Context, slug: str, yes: bool) -> None:
    """Remove a game, its models, and the photos that no other game has, after confirmation.

    You cannot remove a game with posts in the bot's history.

    \b
    critterdb games remove mistake
    """
    from critterdb.site.removal import plan_game_removal, remove_game

    db = open_site(ctx)
    removal = plan_game_removal(db, slug)
    show_lines(game_removal_lines(removal))
    ask_to("Remove it?", yes=yes or removal.is_empty)
    remove_game(db, removal)
    show_line(f"Removed {removal.slug}.")


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
    """Change the given fields of a game. Hosts that you give replace all earlier ones.

    \b
    critterdb games edit cougarornot --question "Puma or not?"
    critterdb games edit cougarornot --consenting-host mastodon:ann@a.example
    """
    from critterdb.inaturalist.client import INaturalist
    from critterdb.inaturalist.game_lookup import GameWishes, edit_game

    db = open_site(ctx)
    show_lines(edit_game(db, INaturalist(db), slug, GameWishes(**wishes)))
