"""A site with something to publish and something of every kind that must stay at home."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from PIL import Image

from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database
from tests.support.datasette_site import SEEN_AT, add_model, add_photo, jpeg, make_site
from tests.support.models import COUGAR

if TYPE_CHECKING:
    from pathlib import Path

SECRETS = (
    "eve-opted-out",
    "a-draft",
    "carol-reviewer",
    "private-question",
    "session-token",
    "key-of-my-server",
)


def gps_photo(orientation: int = 6) -> bytes:
    """A photo whose metadata say where it was taken and by whom."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x013B] = "artist-of-home"
    exif.get_ifd(0x8825).update({1: "N", 2: (44.0, 7.0, 24.0), 3: "W", 4: (110.0, 39.0, 1.0)})
    file = io.BytesIO()
    Image.new("RGB", (80, 60), "teal").save(file, "JPEG", exif=exif)
    return file.getvalue()


def make_full_site(folder: Path) -> Path:
    """Photos 1 and 6 are open, 2 to 5 are not; posts x:1 and x:2 are public, the rest is not."""
    make_site(folder, local_photos=True)
    model_id = add_model(folder)
    add_photo(folder, 1, jpeg("red"))
    add_photo(folder, 2, jpeg("orange"), license_code=None)
    add_photo(folder, 3, jpeg("pink"), withdrawn_at=SEEN_AT)
    add_photo(folder, 4, jpeg("plum"), license_code="cc-by-nc-nd")
    add_photo(folder, 5, jpeg("gold"), attribution=None)
    add_photo(folder, 6, jpeg("navy"), license_code="cc0")
    db = open_database(folder / DATABASE_NAME)
    with db.atomic():
        _observations(db)
        _posts(db)
        _predictions(db, model_id)
        _private_things(db)
    db.close()
    return folder


def _observations(db: SiteDatabase) -> None:
    location = {"place_guess": "Boulder", "latitude": 40.0, "longitude": -105.2}
    for number in range(1, 7):
        db["observations"].update(number, {**location, "observed_on": "2026-05-01"})
        row = {"game": "cougarornot", "observation_id": number, "seen_at": SEEN_AT}
        db["game_observations"].insert(row)
        db["splits"].insert({"game": "cougarornot", "observation_id": number, "part": "test"})
    db["observations"].update(1, {"license_code": "cc-by"})
    photos = db.execute("SELECT sha256 FROM photos").fetchall()
    for (sha256,) in photos:
        row = {"sha256": sha256, "backbone": "b", "vector": b"\0\0", "dimensions": 1}
        db["embeddings"].insert(row)


def _posts(db: SiteDatabase) -> None:
    statuses = (
        ("x:1", "ann", "sent", None),
        ("x:2", "ben", "skipped", "not_summoned"),
        ("x:3", "cat", "draft", None),
        ("x:4", "Eve-Opted-Out", "sent", None),
        ("x:5", "dan", "sent", None),
        ("x:6", "fay", "planned", None),
        ("jsonl:7", "gus", "sent", None),
        ("x:8", "hal", "skipped", "opted_out"),
    )
    for post_id, author, status, reason in statuses:
        platform = post_id.partition(":")[0]
        post = {"id": post_id, "platform": platform, "game": "cougarornot", "author": author}
        db["posts"].insert({**post, "posted_at": SEEN_AT, "seen_at": SEEN_AT})
        sha256 = post_id.encode().hex().ljust(64, "0")
        url = f"https://pictures.example/{post_id}?private-question"
        db["images"].insert({"sha256": sha256, "url": url, "first_seen_at": SEEN_AT})
        shown = {"post_id": post_id, "position": 0, "image_sha256": sha256}
        db["post_images"].insert({**shown, "url": f"https://pictures.example/{post_id}"})
        text = "a-draft" if status in ("draft", "planned") else f"I say cougar to {post_id}."
        reply = {"post_id": post_id, "game": "cougarornot", "status": status, "reason": reason}
        db["replies"].insert({**reply, "text": text, "planned_at": SEEN_AT, "error": "a-draft"})
        answer = {"post_id": post_id, "taxon_id": COUGAR, "verdict": "target"}
        db["answers"].insert({**answer, "found_at": SEEN_AT, "method": "host"})
    db["posts"].update("x:5", {"deleted_at": SEEN_AT})
    db["opt_outs"].insert({"platform": "x", "author": "eve-opted-out", "at": SEEN_AT})


def _predictions(db: SiteDatabase, model_id: str) -> None:
    def predict(source: str, **keys: Any) -> Any:
        row = {"model_id": model_id, "source": source, "taxon_id": COUGAR, "score": 0.9}
        row |= {"top_taxon_id": COUGAR, "abstained": 0, "scores": "{}", "thresholds": "{}"}
        return db["predictions"].insert({**row, "created_at": SEEN_AT, **keys}).last_pk

    reviewed = predict("evaluation", photo_id=1)
    predict("evaluation", photo_id=2)
    for row in list(db.query("SELECT post_id, image_sha256 FROM post_images")):
        prediction = predict("bot", **row)
        db["replies"].update(row["post_id"], {"prediction_id": prediction})
    for source in ("cli", "endpoint"):
        sha256 = source.encode().hex().ljust(64, "0")
        row = {"sha256": sha256, "url": "https://x.example/private-question"}
        db["images"].insert({**row, "first_seen_at": SEEN_AT})
        predict(source, image_sha256=sha256)
    review = {"prediction_id": reviewed, "verdict": "right", "actor": "carol-reviewer"}
    db["reviews"].insert({**review, "created_at": SEEN_AT})


def _private_things(db: SiteDatabase) -> None:
    db["cursors"].insert({"name": "session", "value": "session-token", "updated_at": SEEN_AT})
    db["ledger"].insert({"host": "api.example", "at": SEEN_AT})
    candidate = {"post_id": "x:1", "guess": "private-question", "found_at": SEEN_AT}
    db["answer_candidates"].insert(candidate)
    source = "private-question.csv"
    db["syncs"].insert(
        {"source": "https://ann:key-of-my-server@192.0.2.1/v1", "started_at": SEEN_AT}
    )
    weights = '{"weights": "/home/key-of-my-server/w.pth", "seed": 1}'
    db.execute("UPDATE models SET recipe = ?", [weights])
    db["syncs"].insert({"source": source, "started_at": SEEN_AT, "error": "private-question"})
