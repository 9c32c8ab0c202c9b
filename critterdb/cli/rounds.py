"""The command `critterdb rounds`: list, plan, cancel and correct the rounds of a host."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

import click

from critterdb.errors import GameError
from critterdb.formatting import table_lines

from .common import SuggestingGroup, open_site, show_json, show_line, show_lines

if TYPE_CHECKING:
    from critterdb._types import Row
    from critterdb.bot.rounds.plan import NewRound, Said
    from critterdb.bot.rounds.store import HostedRound
    from critterdb.games import Game
    from critterdb.storage.database import SiteDatabase

COLUMNS = ("id", "game", "platform", "host", "opens_at", "closes_at", "state", "guesses")


class AddOptions(TypedDict):
    """What `rounds add` is given beside the game."""

    photo: str
    opens: str
    closes: str
    zone: str | None
    platform: str | None
    host: str | None
    text: str | None
    alt: str | None
    taxon: str | None
    credit: str | None
    as_json: bool


@click.group(
    cls=SuggestingGroup,
    invoke_without_command=True,
    short_help="List and plan rounds that the bot posts for a host.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def rounds(ctx: click.Context, as_json: bool) -> None:
    """List the rounds of the site, the latest first. Times are UTC.

    The bot posts a round, collects the guesses and reveals the answer when it plays with --post and
    is signed in as the round's host.

    \b
    critterdb rounds add cougarornot --photo 1234 --opens now --closes 24h
    critterdb rounds cancel 7
    """
    if ctx.invoked_subcommand:
        return
    from critterdb.bot.rounds.store import list_rounds

    db = open_site(ctx)
    rows = [_row(db, hosted) for hosted in list_rounds(db)]
    if as_json:
        show_json(rows)
    elif rows:
        show_lines(table_lines(rows, COLUMNS))
    else:
        click.echo("There is no round yet. Plan one with: critterdb rounds add GAME --photo ID")


@rounds.command("add", short_help="Plan a round.")
@click.argument("game", required=False)
@click.option("--photo", required=True, metavar="ID|FILE", help="A photo of the site, or a file.")
@click.option(
    "--opens", required=True, metavar="TIME", help="2026-11-28T18:00+01:00, a duration, or now."
)
@click.option(
    "--closes", required=True, metavar="TIME", help="A time, or a duration after opening: 24h, 2d."
)
@click.option("--zone", metavar="NAME", help="Zone of times without one, such as Europe/Berlin.")
@click.option("--platform", metavar="NAME", help="x, mastodon, bluesky or jsonl.")
@click.option("--host", metavar="HANDLE", help="Which of the game's hosts, if there are several.")
@click.option("--text", metavar="TEXT", help="A sentence of your own for the opening post.")
@click.option("--alt", metavar="TEXT", help="Alt text; it must not give the answer away.")
@click.option("--taxon", metavar="NAME", help="What the photo shows. Required for a file.")
@click.option("--credit", metavar="TEXT", help="Whose photo a file is, and its licence.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def rounds_add(ctx: click.Context, game: str | None, **given: Unpack[AddOptions]) -> None:
    """Plan a round with a photo of the site, or with a file of your own.

    A photo of the site must have a licence that permits copies. A file is decoded in a sandbox and
    kept without its metadata in the site's folder rounds/, which is not published.

    \b
    critterdb rounds add cougarornot --photo 1234 --opens now --closes 24h
    critterdb rounds add --photo cat.jpg --taxon bobcat --credit "Ann Lee, CC BY" \\
        --opens 2026-11-28T18:00 --closes 2d --zone America/Denver
    """
    from critterdb.bot.rounds.plan import plan_round
    from critterdb.bot.rounds.when import parse_when
    from critterdb.games import get_game

    db, now = open_site(ctx), datetime.now(UTC)
    chosen = get_game(db, game)
    opens_at = parse_when(given["opens"], given["zone"], now)
    closes_at = parse_when(given["closes"], given["zone"], opens_at)
    new, said = _new_round(db, chosen, given, opens_at, closes_at)
    hosted = plan_round(db, new, said, now)
    if given["as_json"]:
        show_json(_row(db, hosted))
        return
    show_line(
        f"Round {hosted.id} opens at {hosted.opens_at} and closes at {hosted.closes_at}, "
        f"as @{hosted.host} on {hosted.platform}."
    )
    click.echo(f"Next: critterdb bot {hosted.game} --on {hosted.platform} --post --every 10m")


@rounds.command("cancel", short_help="Cancel a round.")
@click.argument("round_id", type=int, metavar="ID")
@click.option("--note", metavar="TEXT", help="Why; kept with the round, not posted.")
@click.pass_context
def rounds_cancel(ctx: click.Context, round_id: int, note: str | None) -> None:
    """Cancel a round. If it is open already, the bot says so below its post, once.

    \b
    critterdb rounds cancel 7
    """
    from critterdb.bot.rounds.plan import cancel_round

    cancel_round(open_site(ctx), round_id, note, datetime.now(UTC))
    show_line(f"Round {round_id} is cancelled.")


@rounds.command("correct", short_help="Correct the answer of a round.")
@click.argument("round_id", type=int, metavar="ID")
@click.option("--taxon", required=True, metavar="NAME", help="What the photo shows.")
@click.option("--note", metavar="TEXT", help="Why; kept with the round, not posted.")
@click.pass_context
def rounds_correct(ctx: click.Context, round_id: int, taxon: str, note: str | None) -> None:
    """Correct what the photo of a round shows.

    If it was revealed already, the bot posts a correction below its answer, once.

    \b
    critterdb rounds correct 7 --taxon bobcat
    """
    from critterdb.bot.rounds.plan import correct_round

    db = open_site(ctx)
    hosted = correct_round(db, round_id, _taxon(db, taxon), note, datetime.now(UTC))
    ends = ". The bot posts the correction in its next round" * (hosted.state == "revealed")
    show_line(f"Round {round_id} is corrected{ends}.")


def _new_round(
    db: SiteDatabase, game: Game, given: AddOptions, opens_at: datetime, closes_at: datetime
) -> tuple[NewRound, Said | None]:
    """The round that is wanted, and what the model says of its photo."""
    from critterdb.bot.rounds.plan import NewRound, said_of_photo
    from critterdb.bot.rounds.upload import look_at, read_upload

    words: dict[str, Any] = {
        "platform": given["platform"],
        "host": given["host"],
        "text": given["text"],
        "alt_text": given["alt"],
        "taxon_id": _taxon(db, given["taxon"]) if given["taxon"] else None,
        "credit": given["credit"],
    }
    if given["photo"].isdecimal():
        photo_id = int(given["photo"])
        new = NewRound(game.slug, opens_at, closes_at, photo_id=photo_id, **words)
        return new, said_of_photo(db, game, photo_id) or look_at(db, game, photo_id)
    upload = read_upload(Path(given["photo"]))
    new = NewRound(game.slug, opens_at, closes_at, upload=upload, **words)
    return new, look_at(db, game, upload)


def _taxon(db: SiteDatabase, name: str) -> int:
    from critterdb.inaturalist.taxon_search import find_taxon

    taxon_id = find_taxon(db, name)
    if taxon_id is None:
        raise GameError(f"There is no critter called {name} here. Write another name")
    return taxon_id


def _row(db: SiteDatabase, hosted: HostedRound) -> Row:
    guesses = db["guesses"].count_where("round_id = ?", [hosted.id])
    return {**asdict(hosted), "guesses": guesses}
