"""A site with something on every page: photos, an evaluated model, posts with answers."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from critterdb.evaluation.evaluate import evaluate_model
from critterdb.model.inference import classify_image
from critterdb.storage.database import DATABASE_NAME, SiteDatabase, open_database
from tests.support.datasette_site import make_site
from tests.support.models import BOBCAT, COUGAR, DOMESTIC_CAT, make_tiny_model, picture
from tests.support.site_templates import copy_of

if TYPE_CHECKING:
    from pathlib import Path

GAME = "cougarornot"
MODEL_ID = "cougarornot-colours"
OBSERVER, OTHER_OBSERVER = 7, 8


@dataclass(frozen=True)
class Shot:
    """A test photo: its colour, what it is said to be, and how it may be shown."""

    photo_id: int
    colour: str
    taxon_id: int
    licensed: bool = True
    obscured: int = 0


# Photo 3 is blue, and said to be a cougar: the model calls it a cat, surely.
SHOTS = (
    Shot(1, "red", COUGAR),
    Shot(2, "red", COUGAR, obscured=1),
    Shot(3, "blue", COUGAR),
    Shot(4, "green", BOBCAT),
    Shot(5, "green", BOBCAT, licensed=False),
    Shot(6, "blue", DOMESTIC_CAT),
)
MISTAKE = 3

# Posts: what their picture shows, and what the host said it was.
POSTS = (
    ("x:101", "red", ("target", COUGAR)),  # right
    ("x:102", "green", ("other", DOMESTIC_CAT)),  # wrong
    ("x:103", "grey", ("inconclusive", None)),  # no critter
    ("x:104", "blue", None),  # not told yet
)


def make_furnished_site(
    folder: Path, *, pictures: str = "https://pictures.example", **settings: Any
) -> Path:
    """A site whose posts' pictures lie at `pictures`/ID.jpg."""
    key = ("furnished", pictures, json.dumps(settings))
    return copy_of(key, partial(_furnish, pictures, settings), folder)


def _furnish(pictures: str, settings: dict[str, Any], folder: Path) -> None:
    make_site(folder, **settings)
    db = open_database(folder / DATABASE_NAME)
    model = make_tiny_model(db, GAME, hashtag="CougarOrNot")
    for shot in SHOTS:
        _add_shot(db, folder, shot)
    evaluate_model(db, model.id)
    for number, (post_id, colour, answer) in enumerate(POSTS):
        _add_post(db, model, post_id, colour, answer, number, pictures)
    db.close()


def _add_shot(db: SiteDatabase, folder: Path, shot: Shot) -> None:
    data = picture(shot.colour, seed=shot.photo_id)
    sha256 = hashlib.sha256(data).hexdigest()
    path = f"photos/{sha256[:2]}/{sha256}.jpg"
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_bytes(data)
    channel = ("red", "green", "blue").index(shot.colour)
    vector = np.full(3, 0.1, "<f2")
    vector[channel] = 0.8 + shot.photo_id / 100
    observer = OBSERVER if shot.photo_id % 2 else OTHER_OBSERVER
    with db.atomic():
        db["observers"].insert({"id": observer, "login": f"person{observer}"}, ignore=True)
        db["observations"].insert(
            {
                "id": 1000 + shot.photo_id,
                "taxon_id": shot.taxon_id,
                "observer_id": observer,
                "observed_on": f"2026-0{shot.photo_id}-15",
                "place_guess": "Yosemite Valley, California",
                "latitude": 37.5 + shot.photo_id / 10,
                "longitude": -119.5,
                "obscured": shot.obscured,
                "url": f"https://www.inaturalist.org/observations/{1000 + shot.photo_id}",
            }
        )
        db["photos"].insert(
            {
                "id": shot.photo_id,
                "observation_id": 1000 + shot.photo_id,
                "license_code": "cc-by" if shot.licensed else None,
                "attribution": "(c) Ann <b>Onymous</b> (CC BY)" if shot.licensed else None,
                "sha256": sha256,
                "path": path,
                "width": 120,
                "height": 90,
            }
        )
        db["embeddings"].insert(
            {
                "sha256": sha256,
                "backbone": "colours@32",
                "vector": vector.tobytes(),
                "dimensions": 3,
            }
        )
        keys = {"game": GAME, "observation_id": 1000 + shot.photo_id}
        db["game_observations"].insert({**keys, "seen_at": "2026-10-01T00:00:00Z"})
        db["splits"].insert({**keys, "part": "test"})


def _add_post(
    db: SiteDatabase,
    model: Any,
    post_id: str,
    colour: str,
    answer: tuple[str, int | None] | None,
    number: int,
    pictures: str,
) -> None:
    data = picture(colour, seed=50 + number)
    classification, image = classify_image(model, data, evidence=True)
    assert classification.evidence
    time = f"2026-11-0{number + 1}T10:00:00Z"
    url = f"{pictures}/{post_id[2:]}.jpg"
    with db.atomic():
        db["posts"].insert(
            {
                "id": post_id,
                "platform": "x",
                "game": GAME,
                "url": f"https://x.example/host/{post_id[2:]}",
                "author": "host",
                "posted_at": time,
                "seen_at": time,
                "summoned": 1,
            }
        )
        sides = {"width": image.width, "height": image.height}
        db["images"].insert({"sha256": image.sha256, "url": url, "first_seen_at": time, **sides})
        db["post_images"].insert(
            {"post_id": post_id, "position": 0, "url": url, "image_sha256": image.sha256}
        )
        prediction = db["predictions"].insert(
            {
                "model_id": model.id,
                "source": "bot",
                "image_sha256": image.sha256,
                "post_id": post_id,
                **classification.as_row(),
                "evidence": json.dumps(classification.evidence.as_dict()),
                "created_at": time,
            }
        )
        db["replies"].insert(
            {
                "post_id": post_id,
                "game": GAME,
                "status": "sent",
                "text": f"The words of reply {number} <i>",
                "reply_id": f"x:9{number}",
                "reply_url": f"https://x.example/bot/9{number}",
                "prediction_id": prediction.last_pk,
                "planned_at": time,
                "sent_at": time,
            }
        )
        if answer:
            db["answers"].insert(
                {
                    "post_id": post_id,
                    "verdict": answer[0],
                    "taxon_id": answer[1],
                    "source_url": f"https://x.example/host/5{number}",
                    "found_at": time,
                    "method": "host's words",
                }
            )


def add_candidate(folder: Path, post_id: str) -> None:
    """A message of the host that may hold an answer and waits for a person."""
    db = open_database(folder / DATABASE_NAME)
    db["answer_candidates"].insert(
        {
            "post_id": post_id,
            "source_url": f"https://x.example/host/7{post_id[2:]}",
            "guess": "Cougar, Bobcat",
            "found_at": "2026-11-08T00:00:00Z",
        }
    )
    db.close()


def add_rounds(folder: Path) -> None:
    """A host, and three rounds that were revealed: ann was right in two, somebody else in one."""
    db = open_database(folder / DATABASE_NAME)
    hosts = [{"platform": "mastodon", "handle": "ida@a.example", "consents": False}]
    db["games"].update(GAME, {"hosts": json.dumps(hosts)})
    truths = ((COUGAR, COUGAR), (BOBCAT, COUGAR), (BOBCAT, None))
    for number, (truth, said) in enumerate(truths, start=1):
        month = 10 + number % 2
        db["rounds"].insert(
            {
                "id": number,
                "game": GAME,
                "platform": "mastodon",
                "host": "ida@a.example",
                "opens_at": f"2026-{month}-01T10:00:00Z",
                "closes_at": f"2026-{month}-02T10:00:00Z",
                "answer_taxon_id": truth,
                "state": "revealed",
                "said_taxon_id": said,
                "said_score": 0.9,
                "said_by": MODEL_ID,
                "commonest_taxon_id": COUGAR,
                "planned_at": "2026-10-01T00:00:00Z",
            }
        )
        for player, taxon in (("ann@a.example", BOBCAT), (None, COUGAR)):
            guess = {"round_id": number, "made_at": f"2026-{month}-01T12:00:00Z"}
            guess |= {"player": player, "taxon_id": taxon, "right": truth == taxon}
            db["guesses"].insert(guess)
    db.close()
