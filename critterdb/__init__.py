"""critterdb: iNaturalist, a model, a hashtag game and its whole story in one SQLite file.

    import critterdb

    model = critterdb.load_model("mysite")
    print(model.classify("cat.jpg").answer)

`__all__` lists what is supported in Python; docs/python.md explains it with examples.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .errors import (
    CritterError,
    GameError,
    ModelError,
    RateLimitedError,
    RejectedInputError,
    SiteError,
    SourceError,
    TimelineError,
    TrainingError,
)

if TYPE_CHECKING:
    from .library.model import Model, load_model
    from .library.result import Result
    from .library.site import Site, open_site

__all__ = [
    "CritterError",
    "GameError",
    "Model",
    "ModelError",
    "RateLimitedError",
    "RejectedInputError",
    "Result",
    "Site",
    "SiteError",
    "SourceError",
    "TimelineError",
    "TrainingError",
    "__version__",
    "load_model",
    "open_site",
]

# Imported when they are first asked for: every command imports this module before it starts.
_HOMES = {
    "Model": "model",
    "Result": "result",
    "Site": "site",
    "load_model": "model",
    "open_site": "site",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.library.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
