"""Import a library without the heavy packages that it takes along where they are installed."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Within the block, `import NAME` fails for packages that nobody has imported yet.

    For use while modules are first imported, before there are threads that might want them.
    """
    hidden = [name for name in names if name not in sys.modules]
    # A None there is Python's own sign for a module that must not be imported.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)
