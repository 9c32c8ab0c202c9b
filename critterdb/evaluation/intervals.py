"""How far a share of few can be trusted: Wilson's interval for a binomial proportion (1927)."""

from __future__ import annotations

from math import sqrt

Z_95 = 1.959964  # standard deviations that hold 95% of a normal distribution


def wilson_interval(part: int, whole: int) -> tuple[float, float]:
    """Return the 95% interval of a share of `whole` things; all of 0 to 1 if there are none."""
    if whole <= 0:
        return 0.0, 1.0
    share, spread = part / whole, Z_95**2 / whole
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 / (1 + spread) * sqrt(share * (1 - share) / whole + spread / (4 * whole))
    return max(0.0, middle - half), min(1.0, middle + half)
