"""Terminal output: tables, answers with bars, progress, and reports."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from critterdb.formatting import count_of, one_of, printable_line, table_lines, taxon_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from critterdb._types import Progress
    from critterdb.bot.platform_state import PlatformStatus
    from critterdb.dataset.folder_import import ImportReport
    from critterdb.games import GameSummary
    from critterdb.inaturalist.csv_import import ExportReport
    from critterdb.inaturalist.sync import SyncPlan, SyncReport
    from critterdb.publish.copy import Published
    from critterdb.site.status import LastSync, SiteStatus

if TYPE_CHECKING:
    from critterdb.model.labels import Label
    from critterdb.model.payloads import AnswerPayload

# A line stays within 80 columns with a long name beside it.
BAR_WIDTH = 20
LABELS_SHOWN = 5
ABSTENTIONS = {
    "unsure": "I can't tell",
    "not_a_critter": "nothing that I know (not_a_critter)",
}


@contextmanager
def progress_bar(label: str) -> Iterator[Progress | None]:
    """Show a bar on standard error if that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(length=1, label=label, file=sys.stderr) as bar:

        def advance(done: int, total: int) -> None:
            bar.length = max(total, 1)
            bar.update(done - bar.pos)

        yield advance


def answer_lines(payload: AnswerPayload, labels: Sequence[Label]) -> list[str]:
    """Return one image's answer (the endpoint's object with `source`) as a heading and bars.

    `labels` are all labels of the model.
    """
    from critterdb.model.decision import labels_inside

    answer = payload["answer"]
    if answer and payload["reason"] == "coarser":
        # "a Bobcat or Canada Lynx, genus Lynx, 93%; I am not sure which"
        ids = {label["taxon_id"] for label in labels_inside(answer["taxon_id"], labels)}
        inside = [taxon_name(label) for label in payload["predictions"] if label["taxon_id"] in ids]
        description = f"{one_of(inside)}, {answer['rank']} {answer['name']}, {answer['score']:.0%}"
        description += "; I am not sure which"
    elif answer:
        description = f"{taxon_name(answer)}, {answer['score']:.0%}"
    else:
        description = ABSTENTIONS[payload["reason"] or "unsure"]
    lines = [f"{payload.get('source')}: {description}"]
    for label in payload["predictions"][:LABELS_SHOWN]:
        bar = "█" * round(label["score"] * BAR_WIDTH)
        lines.append(f"  {label['score']:6.1%}  {bar:<{BAR_WIDTH}}  {taxon_name(label)}")
    return lines


# Replies that are done, waiting, or in need of attention.
OUTBOX_COLOURS = {"sent": "green", "planned": "cyan", "sending": "cyan", "draft": "cyan"}
OUTBOX_TROUBLE = {"unknown": "yellow", "refused": "red"}


def status_lines(status: SiteStatus) -> list[str]:
    """Return a site's status, one subject per line, with colours that click strips in files."""
    rows = ", ".join(f"{number:,} {name}" for name, number in status["rows"].items())
    games = ", ".join(
        f"{printable_line(slug)} "
        f"({printable_line(model) if model else click.style('no model yet', fg='yellow')})"
        for slug, model in status["games"].items()
    )
    colours = OUTBOX_COLOURS | OUTBOX_TROUBLE
    outbox = ", ".join(
        click.style(f"{number} {printable_line(state)}", fg=colours.get(state))
        for state, number in status["outbox"].items()
    )
    buggy = "(" in status["sqlite"]
    subjects = {
        "database": printable_line(status["database"]),
        "holds": rows,
        "games": games,
        "last sync": _sync_words(status["last_sync"]),
        "outbox": outbox,
        "sqlite": click.style(status["sqlite"], fg="red" if buggy else None),
    }
    lines = [
        f"{click.style(f'{name:<11}', bold=True)}{value or click.style('none yet', dim=True)}"
        for name, value in subjects.items()
    ]
    return lines + [
        printable_line(_standing_line(platform, row)) for platform, row in status["bot"].items()
    ]


def _sync_words(sync: LastSync | None) -> str:
    if sync is None:
        return ""
    words = printable_line(f"{sync['game']}, started {sync['started_at']}, ")
    if sync["error"]:
        return words + click.style(printable_line(f"failed: {sync['error']}"), fg="red")
    if sync["finished_at"] is None:
        return words + click.style("running, or interrupted: run it again", fg="yellow")
    return words + click.style(printable_line(f"finished {sync['finished_at']}"), fg="green")


def _standing_line(platform: str, row: PlatformStatus) -> str:
    """Return the bot's state on one platform as a line."""
    parts = [
        f"last round {row['last_round'] or '–'}",
        f"last poll {row['last_poll'] or '–'}",
        f"{row['replies_today']} of {row['replies_a_day']} replies in 24 hours",
        ", ".join(f"{number} {status}" for status, number in row["outbox"].items()),
    ]
    if row["read_from"]:
        parts.append(f"reading resumes at {row['read_from']}")
    if row["send_from"]:
        parts.append(f"sending resumes at {row['send_from']} ({row['waits_because']})")
    if row["is_off"]:
        parts.append("off: nothing is sent")
    return f"bot on {platform}: " + "; ".join(part for part in parts if part)


def plan_lines(game: str, plan: SyncPlan) -> list[str]:
    """Return a SyncPlan as lines of text."""
    lines = [
        f"{game}: {plan.new:,} new observations, {plan.changed:,} changed, "
        f"{plan.to_recheck:,} to check again.",
        f"  About {plan.photos:,} photos ({plan.bytes / 1e6:,.0f} MB), {plan.requests:,} requests.",
    ]
    hours = plan.minutes / 60
    time = f"{plan.minutes:.0f} minutes" if hours < 2 else f"{hours:.1f} hours"
    lines.append(f"  At the allowed rate this takes about {time}. You can stop it at any time.")
    return lines


def sync_lines(game: str, report: SyncReport) -> list[str]:
    """Return a SyncReport as lines of text."""
    lines = [
        f"{game}: {report.observations} new observations, {report.changed} changed, and "
        f"{report.photos} photos ({report.bytes / 1e6:.1f} MB) in {report.requests} requests."
    ]
    if report.left or report.withdrawn:
        lines.append(
            f"  marked: {report.left} no longer in the game's query, "
            f"{report.withdrawn} no longer on iNaturalist"
        )
    return lines + _left_out(report.skipped, report.failed)


def export_lines(game: str, report: ExportReport) -> list[str]:
    """Return an ExportReport as lines of text."""
    return [
        f"{game}: {report.observations} observations and {report.photos} photos "
        f"({report.bytes / 1e6:.1f} MB) in {report.requests} requests.",
        *_left_out(report.skipped, report.failed),
    ]


def import_lines(game: str, report: ImportReport, *, licensed: bool) -> list[str]:
    """Return an ImportReport as lines of text."""
    lines = [
        f"{game}: {report.photos} new photos with {report.labels} labels.",
        *_left_out(report.skipped),
    ]
    if not licensed and report.photos:
        lines.append(
            "  They are yours and never published. critterdb serve shows them on this machine only."
        )
    if licensed and report.with_gps:
        lines.append(
            f"  note: {count_of(report.with_gps, 'photo')} with GPS coordinates. "
            "critterdb publish removes them; a site that you serve shows files unchanged"
        )
    return lines


def game_lines(games: list[GameSummary], unused_presets: list[str]) -> list[str]:
    """Return the games of a site as a table, and the presets that it does not use."""
    columns = ("slug", "hashtag", "question", "rank", "observations", "model")
    lines = table_lines([vars(game) for game in games], columns) if games else []
    if unused_presets:
        lines.append(f"Presets that you can sync: {', '.join(unused_presets)}")
    return lines


PUBLISHED = ("observation", "photo", "model", "post", "prediction")


def publish_lines(report: Published) -> list[str]:
    """Return the content of a published folder (a Published) as lines of text."""
    held = ", ".join(count_of(report.rows[f"{thing}s"], thing) for thing in PUBLISHED)
    lines = [
        f"{report.folder} is ready: {held}.",
        f"  files: database {report.database_bytes / 1e6:.1f} MB, "
        f"{count_of(report.photo_files, 'photo')} ({report.photo_bytes / 1e6:.1f} MB), "
        f"{count_of(report.model_files, 'model')}",
    ]
    if report.withheld:
        kept = ", ".join(f"{number:,} {table}" for table, number in report.withheld.items())
        lines.append(f"  not published: {kept} (see docs/deployment.md)")
    if report.missing:
        lines.append(
            f"  missing, or different from their rows: {len(report.missing)} files, "
            f"such as {report.missing[0]}"
        )
    lines += [f"  note: {note}" for note in report.notes]
    lines.append(f"Serve it with:   datasette {report.folder}")
    lines.append(f"Or as an image:  docker build --tag critters {report.folder}")
    return lines


def _left_out(skipped: Mapping[str, int], failed: int = 0) -> list[str]:
    lines = [f"  left out, {reason}: {n}" for reason, n in sorted(skipped.items())]
    if failed:
        lines.append(f"  photos that could not be downloaded (see photos.error): {failed}")
    return lines
