"""What the film has taken, place by place."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..noise import Floats
from .spot import Spot

_GRID = 0.01
"""mm: places closer than this are one."""


class Taken(NamedTuple):
    """What a place had taken before each pulse."""

    dose: Floats
    """J/cm^2 in the middle of the focus, also from pulses beside it, shape (n,)."""
    shots: NDArray[np.int64]
    """Pulses on this very place, shape (n,)."""


class Places:
    """The sum of all peak fluences on each place; a place is where the stage was.

    Args:
        spot: decides how much falls beside a place.
    """

    def __init__(self, spot: Spot) -> None:
        self._spot = spot
        self._fired: dict[tuple[int, int], tuple[float, int]] = {}

    def book(self, x: Floats, y: Floats, fluences: Floats) -> Taken:
        """Add pulses in their order and return what their places had taken before each.

        Args:
            x: where the stage was, mm, shape (n,).
            y: the same.
            fluences: in the middle of the focus, J/cm^2, shape (n,).
        """
        dose, shots = np.empty(len(x)), np.empty(len(x), dtype=np.int64)
        cells = np.column_stack([np.round(x / _GRID), np.round(y / _GRID)]).astype(np.int64)
        cuts = np.flatnonzero(np.any(np.diff(cells, axis=0) != 0, axis=1)) + 1
        for run in np.split(np.arange(len(x)), cuts):
            if len(run):
                here = int(cells[run[0], 0]), int(cells[run[0], 1])
                own, before = self._fired.get(here, (0.0, 0))
                # A plain running sum: the same whether pulses are booked one by one or together.
                sums = np.cumsum(np.concatenate([[own], fluences[run]]))
                dose[run], shots[run] = self._beside(here) + sums[:-1], before + np.arange(len(run))
                self._fired[here] = float(sums[-1]), before + len(run)
        return Taken(dose, shots)

    def dose(self, x: float, y: float) -> float:
        """Return what this place has taken so far, J/cm^2."""
        here = round(x / _GRID), round(y / _GRID)
        return self._beside(here) + self._fired.get(here, (0.0, 0))[0]

    def shots(self, x: float, y: float) -> int:
        """Return the pulses on this very place so far."""
        return self._fired.get((round(x / _GRID), round(y / _GRID)), (0.0, 0))[1]

    def _beside(self, here: tuple[int, int]) -> float:
        return sum(
            fired * self._spot.overlap(_GRID * (there[0] - here[0]), _GRID * (there[1] - here[1]))
            for there, (fired, _) in self._fired.items()
            if there != here
        )
