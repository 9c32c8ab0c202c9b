"""What classifies photos in the browser: the models in use, and the files that run them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from critterdb.publish.runtime.classifier import OfferedModel, write_classifier
from critterdb.web import urls
from critterdb.web.queries.models import load_choices
from critterdb.web.queries.photos import newest_photos

from .addresses import CLASSIFY, page_place, relative
from .shell import STATIC
from .similar import training_photos_file
from .thumbnails import SIZES, thumbnail_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from critterdb.storage.database import SiteDatabase

    from .folder import BakedFolder

CLASSIFIER = f"{STATIC}/classifier"

# The newest first: its game is the one on the front page.
_MODELS = """
SELECT models.id, models.game, models.backbone, models.path, games.question FROM games
JOIN models ON models.id = games.model_id ORDER BY models.created_at DESC, games.slug
"""

_LABELS = "SELECT taxon_id FROM model_labels WHERE model_id = ? ORDER BY taxon_id"


def offered_models(db: SiteDatabase, copy: Path) -> list[OfferedModel]:
    """Return the models in use whose files were published."""
    titles = {choice["model_id"]: choice["title"] for choice in load_choices(db, None, None)}
    return [
        OfferedModel(
            id=row["id"],
            game=row["game"],
            title=titles.get(row["id"]) or row["game"],
            question=row["question"] or "Which critter is it?",
            path=copy / row["path"],
            references=_references(db, row["id"]),
            training_photos=training_photos_file(
                db, copy, row["game"], row["backbone"], f"{CLASSIFIER}/"
            ),
        )
        for row in db.query(_MODELS)
        if row["path"] and (copy / row["path"]).is_file()
    ]


def _references(db: SiteDatabase, model_id: str) -> dict[str, dict[str, str]]:
    """The page of each label and a photo of it, as `classify/` links to them."""
    references = {}
    for (taxon_id,) in db.execute(_LABELS, [model_id]).fetchall():
        page = relative(page_place(urls.species_page(taxon_id)), CLASSIFY)
        references[str(taxon_id)] = {"page": page}
        for photo in newest_photos(db, taxon_id, 1, local_photos=False):
            references[str(taxon_id)] |= {
                "image": relative(thumbnail_path(str(photo["sha256"]), SIZES[0]), CLASSIFY),
                "photo_page": relative(page_place(urls.photo_page(photo["photo_id"])), CLASSIFY),
                "credit": f"{photo['what']}. {photo['attribution']}",
            }
    return references


def place_classifier(folder: BakedFolder, models: Sequence[OfferedModel], runtime: Path) -> None:
    """Write modules, models and ONNX Runtime, whose files `runtime` holds. Raises OSError."""
    earlier = folder.before / CLASSIFIER
    write_classifier(folder.made / CLASSIFIER, models, runtime, earlier=earlier)
    folder.adopt(CLASSIFIER)
