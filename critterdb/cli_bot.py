"""The command that plays: one round, or a process that plays one every so often."""

from __future__ import annotations

import click

from .console import Interval, open_site, show_json_line
from .errors import CritterError


@click.command(short_help="Play a round: read posts, classify photos, plan replies.")
@click.argument("game", required=False)
@click.option(
    "--on",
    "platform",
    required=True,
    metavar="PLATFORM",
    help="x, mastodon, bluesky, jsonl:PATH.",
)
@click.option("--post", is_flag=True, help="Send the replies; without it they stay drafts.")
@click.option("--every", type=Interval(), help="Play a round every so often, such as 10m.")
@click.option("--label", is_flag=True, help="Mark the account as a bot's, and play no round.")
@click.option("--json", "as_json", is_flag=True, help="Report each round as a line of JSON.")
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
    """Play a round: read new posts, classify their photos, plan one reply each.

    Without --post nothing is sent: replies are drafts that you can read in bot_history. With
    --every the command goes on until it is told to stop (Ctrl-C, or SIGTERM), and ends between two
    replies.
    """
    from .timelines import open_timeline

    if label:
        click.echo(f"{open_timeline(platform).label_as_bot()}.")
        return
    db = open_site(ctx)
    from .bot import play_round
    from .fetch import Fetcher
    from .games import get_game
    from .models import current_model
    from .running import Ending, run_rounds

    chosen = get_game(db, game)
    timeline = open_timeline(platform)
    ending = Ending()

    def play() -> None:
        model = current_model(db, chosen.slug)
        report = play_round(
            db, chosen, timeline, model=model, fetcher=Fetcher(), post=post, stopping=ending
        )
        if as_json:
            show_json_line(vars(report))
        else:
            click.echo(str(report))

    def play_on() -> None:
        try:
            play()
        except (CritterError, OSError) as error:
            click.echo(f"Error: {error}", err=True)

    with ending.listening():
        if every:
            run_rounds(play_on, ending, every)
        else:
            play()
    if ending.is_wanted:
        click.echo("Stopped as asked; what is left is for the next round.", err=True)
