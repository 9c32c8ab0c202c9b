"""The commands `critterdb bot`, `answers` and `accounts`."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from critterdb.errors import CritterError
from critterdb.formatting import table_lines

from .common import (
    Interval,
    SuggestingGroup,
    open_site,
    show_json,
    show_json_line,
    show_line,
    show_lines,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from critterdb.bot.loop import StopSignal
    from critterdb.bot.round_report import RoundReport
    from critterdb.storage.database import SiteDatabase

MAX_ERROR_CHARACTERS = 200

log = logging.getLogger(__name__)


@click.command(short_help="Play a round: read posts, classify photos, plan replies.")
@click.argument("game", required=False)
@click.option(
    "--on",
    "platform",
    required=True,
    metavar="PLATFORM",
    help="The platform: x, mastodon, bluesky, or jsonl:PATH.",
)
@click.option("--post", is_flag=True, help="Send the replies. By default they stay drafts.")
@click.option("--every", type=Interval(), help="Keep playing rounds at this interval, such as 10m.")
@click.option("--label", is_flag=True, help="Mark the bot's own account as a bot, and exit.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print each round's report as a line of JSON."
)
@click.pass_context
def bot(
    ctx: click.Context,
    game: str | None,
    platform: str,
    post: bool,
    every: int | None,
    label: bool,
    as_json: bool,
) -> None:
    """Play a round: read new posts, classify their photos, and plan one reply to each.

    Without --post nothing is sent: it prints the replies as drafts, and the reason for each post
    that it passed over. The view bot_history has all drafts. With --every it runs until you stop
    it (Ctrl-C or SIGTERM), and finishes the reply in progress first.

    \b
    critterdb bot --on jsonl:posts.jsonl             a dry run on a file of posts
    critterdb bot --on mastodon                      a dry run: prints what it would say
    critterdb bot cougarornot --on mastodon --post --every 10m
    """
    from critterdb.platforms.registry import open_timeline

    if label:
        show_line(f"{open_timeline(platform).label_as_bot()}.")
        return
    from critterdb.bot.loop import StopSignal, run_rounds

    db, stop_signal = open_site(ctx), StopSignal()
    play = _round_player(db, game, platform, post, stop_signal)

    def play_and_show() -> None:
        report = play()
        if as_json:
            show_json_line(report.as_json())
            return
        show_lines(str(report).splitlines())
        if not post:
            show_lines(report.post_lines())

    with stop_signal.listening():
        if every:
            run_rounds(lambda: _show_errors(play_and_show, every), stop_signal, every)
        else:
            play_and_show()
    if stop_signal.is_wanted:
        click.echo("Stopped. The next round continues from here.", err=True)


def _round_player(
    db: SiteDatabase,
    slug: str | None,
    platform: str,
    sends: bool,
    stop_signal: StopSignal,
) -> Callable[[], RoundReport]:
    """Return a function that plays one round with the current game and model."""
    from critterdb.bot.play import play_round
    from critterdb.bot.round import Round
    from critterdb.fetch.fetcher import Fetcher
    from critterdb.games import get_game
    from critterdb.model.registry import current_model
    from critterdb.platforms.registry import open_timeline

    game = get_game(db, slug, needs="model")
    timeline = open_timeline(platform)

    def play() -> RoundReport:
        return play_round(
            Round(
                db,
                get_game(db, game.slug),
                timeline,
                current_model(db, game.slug),
                Fetcher(),
                sends=sends,
                stopping=stop_signal,
            )
        )

    return play


def _show_errors(play: Callable[[], None], every_s: int) -> None:
    """Play a round. Print an error as one line, so that the next round can follow."""
    from critterdb.storage.database import sqlite3

    try:
        play()
    except (CritterError, OSError, sqlite3.Error) as error:
        show_line(f"Error: {error}", err=True)
    except Exception as error:
        log.debug("the round failed", exc_info=True)
        words = " ".join(f"{type(error).__name__}: {error}".split())[:MAX_ERROR_CHARACTERS]
        show_line(
            f"Error: the round failed ({words}). The next one starts in {every_s} seconds. "
            "For a traceback, run: critterdb --verbose bot",
            err=True,
        )


@click.group(
    cls=SuggestingGroup,
    invoke_without_command=True,
    short_help="Review host answers the bot could not parse.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def answers(ctx: click.Context, as_json: bool) -> None:
    """List messages by hosts that may contain the answer but that the bot could not parse.

    Each line has a number for `critterdb answers settle`. Open the URL to read the message.

    \b
    critterdb answers
    critterdb answers settle 12 bobcat
    """
    if ctx.invoked_subcommand:
        return
    from critterdb.bot.host_answers.settle import waiting_candidates

    rows = [asdict(candidate) for candidate in waiting_candidates(open_site(ctx))]
    if as_json:
        show_json(rows)
    elif rows:
        columns = ["id", "game", "post_id", "guess", "reason", "answer", "source_url"]
        show_lines(table_lines(rows, columns))
        click.echo("Next: critterdb answers settle ID bobcat (or inconclusive, nothing, …)")
    else:
        click.echo("There is nothing to review.")


@answers.command("settle", short_help="Record what a post shows.")
@click.argument("which", metavar="ID|POST")
@click.argument("decision")
@click.pass_context
def answers_settle(ctx: click.Context, which: str, decision: str) -> None:
    """Record what a post shows. Give the number that critterdb answers lists, or a post's id.

    DECISION is the name of one of the game's taxa, or one of: target (the animal that the game asks
    about), other (any other animal), inconclusive (nobody can tell), nothing (the message says
    nothing about the animal). Your decision replaces an earlier answer.

    \b
    critterdb answers settle 12 bobcat
    critterdb answers settle mastodon:111 inconclusive
    """
    from critterdb.bot.host_answers.settle import settle_in_words
    from critterdb.storage.timestamps import utc_now

    show_line(settle_in_words(open_site(ctx), which, decision, utc_now()))


@click.group(
    cls=SuggestingGroup,
    invoke_without_command=True,
    short_help="List opted-out accounts, and mark bots or people.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def accounts(ctx: click.Context, as_json: bool) -> None:
    """List the accounts that the bot leaves alone, and those that you marked as bots or people.

    \b
    critterdb accounts bot x:catfacts                 the bot does not reply to other bots
    critterdb accounts person x:lisatalbot            a person whose profile sounds like a bot
    critterdb accounts leave-alone mastodon:ann@a.example
    """
    if ctx.invoked_subcommand:
        return
    from critterdb.bot.accounts import list_accounts

    rows = [asdict(account) for account in list_accounts(open_site(ctx))]
    if as_json:
        show_json(rows)
    elif rows:
        show_lines(table_lines(rows, ["platform", "author", "treated_as", "why", "at"]))
    else:
        click.echo("Nobody has opted out, and you have not marked any account.")


@accounts.command("bot", short_help="Mark an account as a bot.")
@click.argument("account", metavar="PLATFORM:HANDLE")
@click.pass_context
def accounts_bot(ctx: click.Context, account: str) -> None:
    """Mark an account as a bot: its future posts do not count as game posts.

    \b
    critterdb accounts bot x:catfacts
    """
    from critterdb.bot.accounts import note_account

    show_line(f"{note_account(open_site(ctx), account, is_bot=True)} is a bot.")


@accounts.command("person", short_help="Mark an account as a person.")
@click.argument("account", metavar="PLATFORM:HANDLE")
@click.pass_context
def accounts_person(ctx: click.Context, account: str) -> None:
    """Mark an account as a person, whatever its profile says.

    \b
    critterdb accounts person x:lisatalbot
    """
    from critterdb.bot.accounts import note_account

    show_line(f"{note_account(open_site(ctx), account, is_bot=False)} is a person.")


@accounts.command("leave-alone", short_help="Opt an account out permanently.")
@click.argument("account", metavar="PLATFORM:HANDLE")
@click.pass_context
def accounts_leave_alone(ctx: click.Context, account: str) -> None:
    """Opt an account out permanently, as if it had replied stop to the bot.

    \b
    critterdb accounts leave-alone mastodon:ann@a.example
    """
    from critterdb.bot.accounts import leave_alone

    show_line(f"{leave_alone(open_site(ctx), account)} is opted out permanently.")
