"""Where the knee of an input-output curve is, and which fluences are worth measuring next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_STEEPER = 0.5
"""By so much the curve's logarithmic slope must rise at a knee."""
_LEAST = 4
"""Points without which no knee is told."""
_APART = 1.001


class Knee:
    """Asks for the fluences that tell where emission begins to rise faster, and is told what they gave.

    First come `points` fluences from the lowest up. Then each question halves one of the two intervals around the
    knee as it is known by then, the wider one first.

    Args:
        lowest: fluence, J/cm^2.
        highest: likewise.
        points: fluences of the first pass.

    Examples:
        >>> knee = Knee(1.0, 100.0, 5)
        >>> for _ in range(7):
        ...     fluence = knee.ask()
        ...     knee.tell(fluence, fluence + (fluence / 12) ** 6)
        >>> 5 < knee.fluence() < 20
        True
    """

    def __init__(self, lowest: float, highest: float, points: int) -> None:
        self._ends = lowest, highest
        self._first = [float(point) for point in np.geomspace(lowest, highest, points)]
        self._told: dict[float, float] = {}

    def ask(self) -> float:
        """Return the fluence to be measured next, in J/cm^2."""
        for fluence in self._first:
            if fluence not in self._told:
                return fluence
        known, at = sorted(self._told), self.fluence()
        below = max((fluence for fluence in known if fluence <= at), default=known[0])
        around = [pair for pair in pairwise(known) if below in pair]
        low, high = max(around, key=lambda pair: pair[1] / pair[0])
        return math.sqrt(low * high)

    def tell(self, fluence: float, intensity: float) -> None:
        """Take the emission of one fluence in J/cm^2, in any unit."""
        self._told[fluence] = intensity

    def known(self) -> bool:
        """Return whether what was told has a knee."""
        return self._fitted() is not None

    def fluence(self) -> float:
        """Return the fluence of the knee in J/cm^2; the middle of the range, by logarithm, where none is known."""
        found = self._fitted()
        return math.sqrt(self._ends[0] * self._ends[1]) if found is None else found

    def _fitted(self) -> float | None:
        pairs = sorted((fluence, light) for fluence, light in self._told.items() if light > 0)
        if len(pairs) < _LEAST:
            return None
        x, y = np.log(np.array(pairs)).T
        # Above the knee the emission saturates: what lies beyond the steepest part tells nothing about it.
        steepest = int(np.argmax(np.diff(y) / np.diff(x))) + 2
        x, y = x[: max(steepest, _LEAST)], y[: max(steepest, _LEAST)]
        candidates = np.linspace(x[1], x[-2], 41) if x.size > _LEAST else np.linspace(x[0], x[-1], 43)[1:-1]
        fits = [_bent(x, y, float(bend)) for bend in candidates]
        best = min(range(len(fits)), key=lambda index: fits[index][0])
        return math.exp(candidates[best]) if fits[best][1] > _STEEPER else None


def _bent(x: NDArray[np.float64], y: NDArray[np.float64], bend: float) -> tuple[float, float]:
    """Return the sum of squares about two lines that meet at `bend`, and by how much the second is steeper."""
    columns = np.column_stack([np.ones_like(x), x, np.maximum(x - bend, 0)])
    found = np.linalg.lstsq(columns, y, rcond=None)[0]
    return float(((columns @ found - y) ** 2).sum()), float(found[2])


def refined(fluences: Sequence[float], knee: float, zone: float) -> list[float]:
    """Return the fluences in ascending order, twice as dense within the factor `zone` of the knee.

    Args:
        fluences: J/cm^2.
        knee: J/cm^2.
        zone: above 1.

    Examples:
        >>> refined([1, 4, 16, 64], 5, 2)
        [1.0, 4.0, 8.0, 16.0, 64.0]
    """
    known = sorted({float(fluence) for fluence in fluences})
    between = [math.sqrt(low * high) for low, high in pairwise(known)]
    return sorted(known + [one for one in between if knee / zone <= one <= knee * zone])


def around(knee: float, zone: float, points: int, lowest: float, highest: float) -> list[float]:
    """Return `points` log-spaced fluences within the factor `zone` of the knee and within the range, ascending.

    Examples:
        >>> [round(one, 3) for one in around(4, 2, 3, 1, 100)]
        [2.0, 4.0, 8.0]
    """
    low, high = max(knee / zone, lowest), min(knee * zone, highest)
    if high <= low * _APART:
        return [min(max(knee, lowest), highest)]
    return [float(point) for point in np.geomspace(low, high, points)]
