"""Upload a picture to Mastodon or its kin, and wait until the server has processed it."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from critterdb.errors import RateLimitedError, TimelineError
from critterdb.platforms.untrusted_json import as_text

from .parse import bare_id_of

if TYPE_CHECKING:
    from critterdb.platforms.base import ReplyPicture

    from .client import MastodonClient

# A status with a picture that is still being processed is refused. A small PNG takes a second.
PROCESSED = 200
POLLS, POLL_S = 10, 1.0
MAX_ALT_CHARACTERS = 1500

log = logging.getLogger(__name__)
TOO_LARGE = 413


def upload_picture(client: MastodonClient, picture: ReplyPicture) -> str | None:
    """Return the id of an uploaded picture, or None if the server does not take it.

    Raises RateLimitedError. Any other failure costs the reply its picture only.
    """
    name = f"evidence.{picture.media_type.rpartition('/')[2]}"
    try:
        status, media = client.media(
            "/api/v2/media",
            files={"file": (name, picture.data, picture.media_type)},
            data={"description": picture.alt[:MAX_ALT_CHARACTERS]},
        )
        media_id = bare_id_of(media)
        if media_id is None:
            return None
        for _ in range(POLLS):
            # Kin of Mastodon say 200 at once, and have the address by then.
            if status == PROCESSED and as_text(media.get("url")):
                return media_id
            time.sleep(POLL_S)
            status, media = client.media(f"/api/v1/media/{media_id}")
    except RateLimitedError:
        raise
    except TimelineError:
        log.debug("a picture could not be uploaded to Mastodon", exc_info=True)
    return None
