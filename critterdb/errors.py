"""What can go wrong, in words that a person can act on.

CritterError
├── SiteError          the database or its folder
├── GameError          a game that is unknown, or cannot be told
├── SourceError        iNaturalist, or a folder, gave nothing usable
├── TrainingError      too little to learn from
├── ModelError         a model file that is missing or not to be trusted
├── TimelineError      a platform that could not be read or written
│   └── RateLimitedError    it asks to be left alone until a time
└── RejectedInputError bytes or an address of a stranger that are not accepted
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime


class CritterError(Exception):
    """Something that the user can understand and do something about, in one line.

    `public` is the same for strangers, where the message names a path of the machine.
    """

    def __init__(self, message: str = "", *, public: str | None = None) -> None:
        super().__init__(message)
        self.public = public or message


class SiteError(CritterError):
    """The database is missing, is not one, or cannot be written."""


class GameError(CritterError):
    """No such game, or more than one to choose from."""


class SourceError(CritterError):
    """Observations or photos could not be read from where they come from."""


class TrainingError(CritterError):
    """There is not enough to train a model from, or a package to do it with."""


class ModelError(CritterError):
    """A model file is missing, damaged or not what its row says."""


class TimelineError(CritterError):
    """A platform could not be read from, or written to."""


class RateLimitedError(TimelineError):
    """A platform returned a rate limit; `until` is when to retry."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class RejectedInputError(CritterError):
    """A stranger's address or bytes are refused; `code` and `status` are the endpoint's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code

    @property
    def status(self) -> int:
        return REFUSAL_STATUS[self.code]


# Uploads stay in memory, so this is also what a stranger can make a site hold for one request.
MAX_IMAGE_BYTES = 10_000_000  # of a picture, wherever it comes from
# Sensors called 64 megapixels have up to 64.5 million.
MAX_IMAGE_PIXELS = 65_000_000
MAX_IMAGE_WORDS = f"{MAX_IMAGE_BYTES / 1e6:g} MB"


def too_large(most: str = MAX_IMAGE_WORDS) -> RejectedInputError:
    """The refusal that names the limit which is in force, such as "10 MB"."""
    return RejectedInputError(
        "too_large", f"The picture is larger than {most}. Make it smaller and try again"
    )


REFUSAL_STATUS = {
    "missing_image": 400,
    "url_invalid": 400,
    "place_invalid": 400,
    "parameter_invalid": 400,
    "forbidden": 403,
    "model_unknown": 404,
    "method_not_allowed": 405,
    "too_large": 413,
    "not_an_image": 415,
    "image_truncated": 422,
    "image_too_small": 422,
    "image_too_complex": 422,
    "rate_limited": 429,
    "fetch_failed": 502,
    "no_model": 503,
    "busy": 503,
}
