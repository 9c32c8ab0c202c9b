"""What the tests of the whole system share: a published site as its container would hold it."""

from __future__ import annotations

import fcntl
import os
import pickle
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from critterdb.publish.copy import publish_site
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.container import Image, build_image
from tests.support.publishing import make_full_site

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """A published site and the base install beside it, as the Dockerfile makes them.

    Installing takes half a minute, so whichever worker comes first does it for all.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "image"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = folder / "built.pickle"
        if not built.exists():
            built.write_bytes(pickle.dumps(_build(folder)))
    image: Image = pickle.loads(built.read_bytes())
    return image


def _build(folder: Path) -> Image:
    with closing(open_database(make_full_site(folder / "home") / DATABASE_NAME)) as db:
        publish_site(db, folder / "public")
    return build_image(folder / "public", folder)
