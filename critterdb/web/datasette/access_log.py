"""Keep where a photo was taken out of the server's access log."""

from __future__ import annotations

import logging
import re

from critterdb.model.whereabouts import NAMES

ACCESS_LOG = "uvicorn.access"
_NAMES = "|".join(name for names in NAMES.values() for name in names)
_PLACES = re.compile(rf"([?&](?:{_NAMES})=)[^&\s]*")


class WithoutPlaces(logging.Filter):
    """Cut the values of latitude, longitude and date out of the addresses of requests."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                _PLACES.sub(r"\1", argument) if isinstance(argument, str) else argument
                for argument in record.args
            )
        return True


_WITHOUT_PLACES = WithoutPlaces()


def keep_places_out() -> None:
    """Filter the access log of this process from now on; a second call changes nothing."""
    logging.getLogger(ACCESS_LOG).addFilter(_WITHOUT_PLACES)
