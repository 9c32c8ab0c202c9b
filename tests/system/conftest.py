"""What the tests of the whole system share: a published site as its container would hold it."""

from __future__ import annotations

import pytest

from critterdb.publish.copy import publish_site
from critterdb.storage.database import DATABASE_NAME, open_database
from tests.support.container import Image, build_image
from tests.support.publishing import make_full_site


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """A published site and the base install beside it, as the Dockerfile makes them."""
    folder = tmp_path_factory.mktemp("image")
    db = open_database(make_full_site(folder / "home") / DATABASE_NAME)
    publish_site(db, folder / "public")
    db.close()
    return build_image(folder / "public", folder)
