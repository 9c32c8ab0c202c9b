"""Plan a round, cancel it, correct it: what a host does, on a page or with a command."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from critterdb.errors import GameError
from critterdb.formatting import list_of
from critterdb.games import Game, fold_handle, get_game
from critterdb.storage.database import site_folder
from critterdb.storage.photo_store import place_photo
from critterdb.storage.stored_json import each_id_sql
from critterdb.storage.timestamps import utc_text

from . import own_posts
from .picture import postable_photo
from .scores import judge_again, round_score
from .store import HostedRound, load_round
from .texts import Voice, correction_text

if TYPE_CHECKING:
    from critterdb._types import Json
    from critterdb.model.decision import Classification
    from critterdb.model.loader import Model
    from critterdb.storage.database import SiteDatabase

# X's search shows a week; what was answered before would be missing.
LONGEST = timedelta(days=6)
SHORTEST = timedelta(minutes=5)
FARTHEST = timedelta(days=366)
MAX_TEXT = 280  # characters of the host's own words
MAX_ALT_TEXT = 1000  # characters; the platform with the least room has 1,500 with the credit
MAX_CREDIT = 200
DEFAULT_ALT_TEXT = "A photo of an animal. The answer follows when the round closes."

# Posted, or possibly: what stands there can no longer be taken back without a word.
_ON_THE_WAY = ("sending", "unknown")


@dataclass(frozen=True)
class Said:
    """What a model says of a round's photo: its answer (None if it abstained) and its sureness.

    `commonest` is the taxon of which the model learned most.
    """

    taxon_id: int | None
    score: float
    model_id: str
    commonest: int | None


@dataclass(frozen=True)
class Upload:
    """A photo that a host uploaded, as a JPEG of our own: as_own_jpeg made it."""

    jpeg: bytes
    width: int
    height: int


@dataclass(frozen=True)
class NewRound:
    """A round as a host plans it: one of the site's photos, or an upload with what it shows."""

    game: str
    opens_at: datetime
    closes_at: datetime
    photo_id: int | None = None
    upload: Upload | None = None
    taxon_id: int | None = None
    platform: str | None = None
    host: str | None = None
    text: str | None = None
    alt_text: str | None = None
    credit: str | None = None


def plan_round(db: SiteDatabase, new: NewRound, said: Said | None, now: datetime) -> HostedRound:
    """Write a planned round and return it. Raises GameError if it cannot be held like that."""
    game = get_game(db, new.game)
    platform, host = choose_host(game, new.platform, new.host)
    _check_times(new.opens_at, new.closes_at, now)
    with db.atomic():
        row = _photo_columns(db, new)
        row |= {
            "game": game.slug,
            "platform": platform,
            "host": host,
            "opens_at": utc_text(new.opens_at),
            "closes_at": utc_text(new.closes_at),
            "text": _short(new.text, MAX_TEXT, "text"),
            "alt_text": _short(new.alt_text, MAX_ALT_TEXT, "alt text") or DEFAULT_ALT_TEXT,
            "planned_at": utc_text(now),
        }
        if name := gives_away(db, game, row["answer_taxon_id"], row["alt_text"]):
            raise GameError(f"The alt text says “{name}”, which gives the answer away. Change it")
        if said is not None:
            row |= {
                "said_taxon_id": said.taxon_id,
                "said_score": said.score,
                "said_by": said.model_id,
                "commonest_taxon_id": said.commonest,
            }
        round_id = db["rounds"].insert(row).last_pk
    return load_round(db, int(str(round_id)))


def choose_host(game: Game, platform: str | None, host: str | None) -> tuple[str, str]:
    """Return platform and handle of one of the game's hosts. Raises GameError."""
    wanted = fold_handle((host or "").lstrip("@"))
    matching = [
        known
        for known in game.hosts
        if (platform is None or known.platform == platform)
        and (not wanted or fold_handle(known.handle.lstrip("@")) == wanted)
    ]
    names = [f"{known.platform}:{known.handle}" for known in matching or game.hosts]
    if not matching:
        known = f"Its hosts: {list_of(names)}. " if names else "It has none yet. "
        raise GameError(
            f"{game.slug} has no such host. {known}"
            f"Add one with: critterdb games edit {game.slug} --host PLATFORM:HANDLE"
        )
    if len(matching) > 1:
        raise GameError(f"{game.slug} has several hosts: {list_of(names)}. Name one")
    return matching[0].platform, matching[0].handle.lstrip("@")


def said_of_photo(db: SiteDatabase, game: Game, photo_id: int) -> Said | None:
    """Return what the game's model said of a test photo when it was measured, if it was."""
    row = next(
        db.query(
            """
            SELECT taxon_id, score, model_id FROM predictions
            WHERE photo_id = ? AND model_id = ? AND source = 'evaluation'
            ORDER BY id DESC LIMIT 1
            """,
            [photo_id, game.model_id],
        ),
        None,
    )
    if row is None:
        return None
    commonest = commonest_label(db, row["model_id"])
    return Said(row["taxon_id"], row["score"] or 0.0, row["model_id"], commonest)


def said_by(db: SiteDatabase, model: Model, classification: Classification) -> Said:
    """Return what a model says of a photo now."""
    answer = classification.answer
    score = answer["score"] if answer else classification.predictions[0]["score"]
    taxon_id = answer["taxon_id"] if answer else None
    return Said(taxon_id, score, model.id, commonest_label(db, model.id))


def commonest_label(db: SiteDatabase, model_id: str) -> int | None:
    """Return the taxon of which a model learned most photos."""
    row = db.execute(
        "SELECT taxon_id FROM model_labels WHERE model_id = ? "
        "ORDER BY photos_train DESC, taxon_id LIMIT 1",
        [model_id],
    ).fetchone()
    return row[0] if row else None


def gives_away(db: SiteDatabase, game: Game, taxon_id: int | None, text: str) -> str | None:
    """Return the name in a text that tells what a photo shows, if there is one."""
    rows = db.query(
        f"""
        SELECT taxa.name, taxa.common_name FROM taxa AS truth
        JOIN taxa ON taxa.id = truth.id OR taxa.id IN (
            SELECT value FROM {each_id_sql("truth.ancestor_ids")}
        )
        LEFT JOIN taxa AS top ON top.id = :top
        WHERE truth.id = :taxon AND taxa.id IS NOT :top
            AND coalesce(taxa.rank_level < top.rank_level, taxa.id = truth.id)
        """,
        {"taxon": taxon_id, "top": game.taxon_id},
    )
    names = [name for row in rows for name in (row["common_name"], row["name"]) if name]
    found = (name for name in names if re.search(rf"\b{re.escape(name)}s?\b", text, re.IGNORECASE))
    return next(found, None)


def cancel_round(db: SiteDatabase, round_id: int, note: str | None, now: datetime) -> HostedRound:
    """Cancel a round; if its post stands, the bot says so below it, once. Raises GameError."""
    with db.atomic():
        hosted = load_round(db, round_id)
        if hosted.state == "cancelled":
            raise GameError(f"Round {round_id} is cancelled already")
        if hosted.state == "revealed":
            raise GameError(
                f"Round {round_id} was revealed already. To correct its answer: "
                f"critterdb rounds correct {round_id} --taxon NAME"
            )
        _check_not_being_revealed(db, hosted)
        db["rounds"].update(round_id, {"state": "cancelled", "note": note})
        db["guesses"].delete_where("round_id = ?", [round_id])
        for kind in ("opening", "reveal"):
            own_posts.skip(db, own_posts.key_of(round_id, kind), "cancelled")
        opening = own_posts.find(db, own_posts.key_of(round_id, "opening"))
        if opening and opening["status"] in ("sent", *_ON_THE_WAY):
            voice = _voice(db, hosted)
            text = voice.say("cancellation", number=round_id)
            row = _row(hosted, "cancellation", text, in_reply_to=hosted.post_id)
            own_posts.plan(db, row, now)
    return load_round(db, round_id)


def correct_round(
    db: SiteDatabase, round_id: int, taxon_id: int, note: str | None, now: datetime
) -> HostedRound:
    """Change what the photo of a round shows; if that was told, the bot corrects it, once.

    Raises GameError if the round was cancelled, or corrected in public before.
    """
    with db.atomic():
        hosted = load_round(db, round_id)
        if hosted.state == "cancelled":
            raise GameError(f"Round {round_id} is cancelled, so nothing is to be corrected")
        if hosted.answer_taxon_id == taxon_id:
            raise GameError(f"Round {round_id} has that answer already")
        _check_not_being_revealed(db, hosted)
        db["rounds"].update(round_id, {"answer_taxon_id": taxon_id, "note": note or hosted.note})
        judge_again(db, get_game(db, hosted.game), round_id, taxon_id)
        # Not posted yet: the text is written again.
        db["own_posts"].delete_where(
            "key = ? AND status IN ('draft', 'planned')", [own_posts.key_of(round_id, "reveal")]
        )
        if hosted.state == "revealed":
            _plan_correction(db, load_round(db, round_id), now)
    return load_round(db, round_id)


def _plan_correction(db: SiteDatabase, hosted: HostedRound, now: datetime) -> None:
    key = own_posts.key_of(hosted.id, "correction")
    earlier = own_posts.find(db, key)
    if earlier and earlier["status"] not in ("draft", "planned"):
        raise GameError(
            f"Round {hosted.id} was corrected in public already. Correct it again by hand, "
            "in a post of your own"
        )
    db["own_posts"].delete_where("key = ?", [key])
    text = correction_text(db, _voice(db, hosted), hosted, round_score(db, hosted.id))
    row = _row(hosted, "correction", text, in_reply_to=hosted.reveal_post_id)
    own_posts.plan(db, row, now)


def _check_not_being_revealed(db: SiteDatabase, hosted: HostedRound) -> None:
    reveal = own_posts.find(db, own_posts.key_of(hosted.id, "reveal"))
    if reveal and reveal["status"] in _ON_THE_WAY:
        raise GameError(
            f"The answer of round {hosted.id} is being posted right now. "
            "Try again after the bot's next round"
        )


def _voice(db: SiteDatabase, hosted: HostedRound) -> Voice:
    from critterdb.bot.phrases import load_words
    from critterdb.bot.reply_text import fits_anywhere

    return Voice(load_words(hosted.game, site_folder(db)), fits_anywhere)


def _row(hosted: HostedRound, kind: own_posts.Kind, text: str, *, in_reply_to: str | None) -> Json:
    return {
        "key": own_posts.key_of(hosted.id, kind),
        "platform": hosted.platform,
        "game": hosted.game,
        "round_id": hosted.id,
        "kind": kind,
        "in_reply_to": in_reply_to,
        "text": text,
    }


def _photo_columns(db: SiteDatabase, new: NewRound) -> Json:
    credit = _short(new.credit, MAX_CREDIT, "credit")
    if new.photo_id is not None:
        photo = postable_photo(db, new.photo_id)
        _check_unused(db, "photo_id", new.photo_id)
        taxon_id = new.taxon_id or photo["taxon_id"]
        # Without the name of the photographer it may not be posted.
        row = {"photo_id": new.photo_id, "credit": str(photo["attribution"])}
    elif new.upload is not None:
        sha256, path = place_photo(site_folder(db), new.upload.jpeg, "jpg", "rounds")
        _check_unused(db, "image_sha256", sha256)
        taxon_id = new.taxon_id
        db.execute(
            "INSERT OR IGNORE INTO images (sha256, width, height, bytes, first_seen_at) "
            "VALUES (?, ?, ?, ?, ?)",
            [
                sha256,
                new.upload.width,
                new.upload.height,
                len(new.upload.jpeg),
                utc_text(new.opens_at),
            ],
        )
        row = {"image_sha256": sha256, "picture": path, "credit": credit}
    else:
        raise GameError("A round needs a photo. Name one of the site's, or upload one")
    if taxon_id is None:
        raise GameError("What the photo shows is not known. Say it with a name, as --taxon NAME")
    return {**row, "answer_taxon_id": taxon_id}


def _check_unused(db: SiteDatabase, column: str, value: object) -> None:
    for row in db["rounds"].rows_where(f"{column} = ? AND state <> 'cancelled'", [value]):
        raise GameError(f"Round {row['id']} has this photo already. Choose another one")


def _check_times(opens_at: datetime, closes_at: datetime, now: datetime) -> None:
    if closes_at - opens_at < SHORTEST:
        raise GameError("The round closes before anybody can guess. Close it later")
    if closes_at - opens_at > LONGEST:
        raise GameError(f"A round is open for {LONGEST.days} days at most. Close it earlier")
    if closes_at <= now + SHORTEST:
        raise GameError("The round would be over already. Close it later")
    if opens_at > now + FARTHEST:
        raise GameError("The round opens in more than a year. Write an earlier time")


def _short(text: str | None, most: int, what: str) -> str | None:
    words = " ".join((text or "").split())
    if len(words) > most:
        raise GameError(f"The {what} is longer than {most} characters. Shorten it")
    return words or None
