"""Types that several rooms share."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

Json = dict[str, Any]
"""A JSON object as it was parsed."""

Row = dict[str, Any]
"""A row of a table or of a query, by column."""

Progress = Callable[[int, int], None]
"""Called with what is done and the total, in the caller's own unit."""

Clock = Callable[[], datetime]
"""Returns the present moment, with its time zone."""
