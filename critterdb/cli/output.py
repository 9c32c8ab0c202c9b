"""Terminal output: tables, answers with bars, progress, and reports."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from critterdb.formatting import (
    MIN_FOR_PERCENT,
    confidence,
    count_of,
    one_of,
    percent,
    printable_line,
    share_of,
    table_lines,
    taxon_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from critterdb._types import Progress
    from critterdb.bot.platform_state import PlatformStatus
    from critterdb.dataset.folder_import import ImportReport
    from critterdb.evaluation.figures import EvaluationResult
    from critterdb.games import GameSummary
    from critterdb.inaturalist.csv_import import ExportReport
    from critterdb.inaturalist.open_data import OpenDataPlan
    from critterdb.inaturalist.sync import SyncPlan, SyncReport
    from critterdb.model.summaries import ModelSummary
    from critterdb.publish.copy import Published
    from critterdb.publish.static_site.bake import StaticSite
    from critterdb.site.backup import Backup
    from critterdb.site.restore import Restored
    from critterdb.site.status import LastSync, SiteStatus
    from critterdb.storage.database import SiteDatabase

if TYPE_CHECKING:
    from critterdb.model.labels import Label, Thresholds
    from critterdb.model.payloads import AnswerPayload
    from critterdb.model.placed_answer import PlacedAnswer

# A line stays within 80 columns with a long name beside it.
BAR_WIDTH = 20
LABELS_SHOWN = 5
# Why an import leaves a file out, in words beside the code that other commands show.
REASONS = {
    "not readable (not_an_image)": "not readable as a photo (not_an_image)",
    "not readable (image_truncated)": "cut off before its end (image_truncated)",
    "not readable (image_too_small)": "under 32 pixels a side, or too narrow (image_too_small)",
    "not readable (image_too_complex)": "too complex to decode (image_too_complex)",
    "not readable (too_large)": "over 65 megapixels or 50 MB (too_large)",
}
NAMES_SHOWN = 3  # of files that an import leaves out, for each reason
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


def answer_lines(
    payload: AnswerPayload, labels: Sequence[Label], thresholds: Thresholds | None = None
) -> list[str]:
    """Return one image's answer (the endpoint's object with `source`) as a heading and bars.

    `labels` are all labels of the model. With `thresholds`, a line says why no label is the answer.
    """
    from critterdb.model.explanation import explain
    from critterdb.model.whereabouts import UNUSUAL_WORDS

    lines = [f"{payload.get('source')}: {_answer_words(payload, labels)}"]
    if thresholds:
        lines += [f"  {sentence}" for sentence in explain(payload, labels, thresholds)[:1]]
    if not payload["answer"]:
        # What follows would read as an answer.
        lines.append("  If it had to choose:")
    for label in payload["predictions"][:LABELS_SHOWN]:
        bar = "█" * round(label["score"] * BAR_WIDTH)
        lines.append(f"  {_bar_percent(label['score'])}  {bar:<{BAR_WIDTH}}  {taxon_name(label)}")
    placed = payload.get("with_place")
    if placed:
        lines.append(f"  With the place: {_answer_words(placed, labels)}")
    if placed and placed["unusual_because"]:
        lines.append(f"  Unusual: {UNUSUAL_WORDS[placed['unusual_because']]}")
    return lines


def _answer_words(payload: AnswerPayload | PlacedAnswer, labels: Sequence[Label]) -> str:
    """An answer in half a line; `labels` are all labels of the model."""
    from critterdb.model.decision import labels_inside

    answer = payload["answer"]
    if answer and payload["reason"] == "coarser":
        # "a Bobcat or Canada Lynx, genus Lynx, 93%; I am not sure which"
        ids = {label["taxon_id"] for label in labels_inside(answer["taxon_id"], labels)}
        inside = [taxon_name(label) for label in payload["predictions"] if label["taxon_id"] in ids]
        description = f"{one_of(inside)}, {answer['rank']} {answer['name']}, "
        description += confidence(answer["score"])
        description += "; I am not sure which"
    elif answer:
        description = f"{taxon_name(answer)}, {confidence(answer['score'])}"
    else:
        description = ABSTENTIONS[payload["reason"] or "unsure"]
    return description


def _bar_percent(score: float) -> str:
    """Six columns that say neither 100% nor 0% of what is neither."""
    if 0.9995 <= score < 1:
        return ">99.9%"
    return " <0.1%" if 0 < score < 0.0005 else f"{score:6.1%}"


# Replies that are done, waiting, or in need of attention.
OUTBOX_COLOURS = {"sent": "green", "planned": "cyan", "sending": "cyan", "draft": "cyan"}
OUTBOX_TROUBLE = {"unknown": "yellow", "refused": "red"}


def status_lines(status: SiteStatus) -> list[str]:
    """Return a site's status, one subject per line, with colours that click strips in files."""
    rows = ", ".join(
        count_of(number, name.removesuffix("s"))
        if name != "replies"
        else f"{number:,} {'reply' if number == 1 else 'replies'}"
        for name, number in status["rows"].items()
    )
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
    lines += [click.style(printable_line(line), fg="red") for line in status["catalogue"]]
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
        f"{game}: {count_of(plan.new, 'new observation')}, {plan.changed:,} changed, "
        f"{plan.to_recheck:,} to check again.",
        f"  About {count_of(plan.photos, 'photo')} ({plan.bytes / 1e6:,.0f} MB), "
        f"{count_of(plan.requests, 'request')}.",
    ]
    time = _time_words(plan.minutes)
    lines.append(f"  At the allowed rate this takes about {time}. You can stop it at any time.")
    return lines


def open_data_plan_lines(game: str, plan: OpenDataPlan) -> list[str]:
    """Return an OpenDataPlan as lines of text."""
    lines = [
        f"{game}: {count_of(plan.observations, 'observation')} in the tables, {plan.new:,} new, "
        f"and {count_of(plan.photo_rows, 'new photo row')} (about "
        f"{plan.database_bytes / 1e6:,.0f} MB in the database).",
        f"  {count_of(plan.photos, 'photo file')} to download (about {plan.bytes / 1e6:,.0f} MB).",
    ]
    if plan.minutes_of_reading:
        reading = _time_words(plan.minutes_of_reading)
        lines.append(f"  The tables are converted to Parquet first, once: about {reading}.")
    lines.append(f"  At the allowed rate all of it takes about {_time_words(plan.minutes)}.")
    return lines


def _time_words(minutes: float) -> str:
    hours = minutes / 60
    if hours < 2:
        return f"{minutes:.0f} minutes"
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"


def sync_lines(game: str, report: SyncReport) -> list[str]:
    """Return a SyncReport as lines of text."""
    lines = [
        f"{game}: {count_of(report.observations, 'new observation')}, {report.changed:,} changed, "
        f"and {count_of(report.photos, 'photo')} ({report.bytes / 1e6:.1f} MB) in "
        f"{count_of(report.requests, 'request')}."
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
        f"{game}: {count_of(report.observations, 'observation')} and "
        f"{count_of(report.photos, 'photo')} ({report.bytes / 1e6:.1f} MB) in "
        f"{count_of(report.requests, 'request')}.",
        *_left_out(report.skipped, report.failed),
    ]


def import_lines(
    game: str, report: ImportReport, *, licensed: bool, every_name: bool = False
) -> list[str]:
    """Return an ImportReport as lines of text, with some or all names of files left out."""
    photos = count_of(report.photos, "new photo")
    lines = [f"{game}: {photos} with {count_of(report.labels, 'label')}."]
    if report.parts:
        lines.append(
            f"  merged: {', '.join(report.parts)}. critterdb makes its own split, in which "
            "near-duplicates stay together"
        )
    names: dict[str, list[str]] = {}
    for file in report.left_out:
        names.setdefault(file.reason, []).append(file.name)
    for reason, files in sorted(names.items()):
        words = REASONS.get(reason, reason)
        lines.append(f"  left out, {words}: {len(files)}{'' if every_name else _first(files)}")
        lines += [f"    {name}" for name in files if every_name]
    if not every_name and any(len(files) > NAMES_SHOWN for files in names.values()):
        lines.append("  To list every name, add -v")
    if not licensed and report.photos:
        lines.append(
            "  They are yours and never published. critterdb serve shows them on this machine only."
        )
    if licensed and report.with_gps:
        lines.append(
            f"  note: {count_of(report.with_gps, 'photo')} with GPS coordinates. "
            "critterdb publish removes them; a site that you serve shows files unchanged"
        )
    if len(report.game_labels) > 1:
        return [*lines, f"Next: critterdb train {game}"]
    only = report.game_labels[0] if report.game_labels else "none"
    return [*lines, f"Training needs at least two labels, and {game} has one: {only}. Import more"]


def _first(names: list[str]) -> str:
    """The first names, in brackets."""
    more = f" and {len(names) - NAMES_SHOWN:,} more" if len(names) > NAMES_SHOWN else ""
    return f" ({', '.join(names[:NAMES_SHOWN])}{more})"


def game_lines(games: list[GameSummary], unused_presets: list[str]) -> list[str]:
    """Return the games of a site as a table, and the presets that it does not use."""
    columns = ("slug", "hashtag", "question", "rank", "observations", "model")
    lines = table_lines([vars(game) for game in games], columns) if games else []
    if unused_presets:
        lines.append(f"Presets that you can sync: {', '.join(unused_presets)}")
    return lines


def after_training_lines(game: str, result: EvaluationResult) -> list[str]:
    """Return whether a new model is in use, how the one before it did, and what to do next."""
    from critterdb.evaluation.report import comparison_line

    lines, comparison = [], result.get("comparison")
    if comparison:
        lines.append(comparison_line(comparison))
    if not result.get("is_used", True):
        return [
            *lines,
            f"{game} still uses the earlier model.",
            f"To use the new one: critterdb models use {result['model']}",
        ]
    lines.append(f"{game} now uses {result['model']}.")
    if comparison:
        lines.append(f"To go back: critterdb models use {comparison['earlier']}")
    return [*lines, "Next: critterdb classify cat.jpg, or critterdb serve"]


def model_columns(summary: ModelSummary) -> dict[str, object]:
    """Return a model as a line of a table; few test photos are counted and make no percentages."""
    tested = summary["photos_tested"] or 0
    answers = round((summary["answered"] or 0) * tested)

    def part(share: float | None, whole: int) -> str:
        if share is None or whole >= MIN_FOR_PERCENT:
            return percent(share)
        return share_of(round(share * whole), whole)

    def mean(share: float | None) -> str:
        return percent(share if tested >= MIN_FOR_PERCENT else None)

    return {
        "model": f"{'*' if summary['is_used'] else ' '} {summary['id']}",
        "photos": summary["photos"],
        "tested": summary["photos_tested"],
        "error": part(summary["error_rate"], tested),
        "balanced": mean(summary["balanced_error_rate"]),
        "answered": part(summary["answered"], tested),
        "wrong then": part(summary["wrong_among_answered"], answers),
        "calibration": mean(summary["ece"]),
        "size": f"{summary['bytes'] / 1e6:.1f} MB",
        "backbone": summary["backbone"],
    }


def backup_lines(db: SiteDatabase, file: Path, size: int, site: Path) -> list[str]:
    """Return what a backup of the database holds, and what it does not."""
    lines = [f"Backed up and checked: {file} ({size / 1e6:.1f} MB). It contains only the database."]
    photos = db["photos"].count_where("path IS NOT NULL")
    models = db["models"].count
    if photos or models:
        lines.append(
            f"  Not in it: {count_of(photos, 'photo')} in {site / 'photos'} and "
            f"{count_of(models, 'model')} in {site / 'models'}. "
            "To back up the whole site: critterdb backup --files FOLDER"
        )
    return lines


def site_backup_lines(report: Backup) -> list[str]:
    """Return what a backup of a whole site holds."""
    return [
        f"Backed up and checked: {report.path}. It contains the whole site: the database "
        f"({report.database_bytes / 1e6:.1f} MB), {count_of(report.photos, 'photo')} and "
        f"{count_of(report.models, 'model')} ({report.file_bytes / 1e6:.1f} MB), and the settings.",
        *_missing_files(report.missing),
        f"Restore it with: critterdb restore {report.path} FOLDER",
    ]


def restore_lines(report: Restored) -> list[str]:
    """Return what a restore brought back."""
    return [
        f"Restored {report.database}, with {count_of(report.photos, 'photo')} and "
        f"{count_of(report.models, 'model')}.",
        *_missing_files(report.missing),
        f"Next: critterdb --db {report.database} status",
    ]


def _missing_files(missing: Sequence[str]) -> list[str]:
    if not missing:
        return []
    return [
        f"  Missing or not matching their rows: {count_of(len(missing), 'file')}, "
        f"such as {missing[0]}. Fetch photos again with critterdb sync, or train again"
    ]


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
        kept = ", ".join(f"{table} {number:,}" for table, number in report.withheld.items())
        lines.append(f"  not published: {kept} (rows by table)")
        lines.append(
            "    Only openly licensed rows are published, without those that only a live site needs"
        )
    if not report.rows["photos"]:
        lines.append(
            "  The copy has no photos, because no photo of this site has an open licence. "
            "Import photos with --license, or sync a game"
        )
    if report.missing:
        lines.append(
            "  missing or not matching their rows: "
            f"{count_of(len(report.missing), 'file')}, such as {report.missing[0]}"
        )
    lines += [f"  note: {note}" for note in report.notes]
    lines.append(f"Serve it with:   datasette {report.folder}")
    lines.append(f"Or build an image: docker build --tag critters {report.folder}")
    return lines


def static_lines(report: StaticSite) -> list[str]:
    """Return the content of a baked folder (a StaticSite) as lines of text."""
    rows = report.published.rows
    held = ", ".join(count_of(rows[f"{thing}s"], thing) for thing in PUBLISHED)
    lines = [
        f"{report.folder} is ready: {count_of(report.pages, 'page')}, {held}.",
        f"  files: {report.files:,}, of which {report.written:,} are new or changed",
    ]
    if report.undecodable:
        lines.append(f"  photos that could not be decoded: {len(report.undecodable)}")
    lines += [f"  note: {note}" for note in report.published.notes]
    lines.append(f"Look at it with: python3 -m http.server --directory {report.folder}")
    return lines


def _left_out(skipped: Mapping[str, int], failed: int = 0) -> list[str]:
    lines = [f"  left out, {reason}: {n}" for reason, n in sorted(skipped.items())]
    if failed:
        lines.append(f"  photos that could not be downloaded (see photos.error): {failed}")
    return lines
