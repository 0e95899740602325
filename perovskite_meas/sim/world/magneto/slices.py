"""The conditions around the sample, cut into pieces of time in which nothing that matters changes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..beam import Breaks
from ..noise import Floats
from ..timeline import History, Turn
from .coil import Coil
from .thermostat import Thermostat

_LOOK = 0.25
"""s between looks at field and temperature."""
_LOOKS = 241
_TESLA, _KELVIN = 2e-3, 0.02
"""A change by more than this begins a new piece: 2 mT move a line by 0.3 ueV."""


class Slice(NamedTuple):
    """A piece of time."""

    t0: float
    t1: float
    field: float
    """At the sample, T."""
    kelvin: float
    """Of the sample."""
    analyser: float
    """Plane that passes, deg."""


class Surroundings:
    """Field, temperature and analyser.

    Args:
        coil: the field.
        cold: the temperature.
        turns: of the analyser's half-wave plate.
        zero: its mount's angle that passes the plane at 0 deg.
        offset: of the plane, deg.
    """

    def __init__(self, coil: Coil, cold: Thermostat, turns: History[Turn], zero: float, offset: float) -> None:
        self._coil, self._cold, self._turns, self._zero, self._offset = coil, cold, turns, zero, offset

    def plane(self, t: float) -> float:
        """Return the plane of polarisation that the analyser passes at `t`, deg."""
        return 2.0 * (self._turns.at(t).optical_angle(t) - self._zero) + self._offset

    def slices(self, t0: float, t1: float, others: Sequence[Breaks] = ()) -> list[Slice]:
        """Cut [t0, t1] (clock time, s) where the analyser or one of the others changes, or field or temperature drift.

        A settled field costs one look at it and makes one slice.
        """
        if t1 <= t0:
            return []
        cuts = {t0, t1}
        for history in (self._turns, *others):
            cuts.update(history.breaks(t0, t1))
        for turn in self._turns.during(t0, t1):
            cuts.update(turn.edges(t0, t1))
        times = np.linspace(t0, t1, min(_LOOKS, 3 + math.ceil((t1 - t0) / _LOOK)))
        fields, kelvins = self._coil.fields(times), self._cold.samples(times)
        cuts.update(_steps(times, fields, kelvins))
        edges = np.array(sorted(cuts))
        middles = (edges[1:] + edges[:-1]) / 2.0
        return [
            Slice(begin, end, field, kelvin, self.plane((begin + end) / 2.0))
            for (begin, end), field, kelvin in zip(
                pairwise(edges.tolist()),
                np.interp(middles, times, fields).tolist(),
                np.interp(middles, times, kelvins).tolist(),
                strict=True,
            )
        ]


def _steps(times: Floats, fields: Floats, kelvins: Floats) -> list[float]:
    """Return the times by which field or temperature have left a step behind."""
    looks = list(zip(times.tolist(), fields.tolist(), kelvins.tolist(), strict=True))
    found = []
    _, field, kelvin = looks[0]
    for t, tesla, warm in looks[1:-1]:
        if abs(tesla - field) > _TESLA or abs(warm - kelvin) > _KELVIN:
            found.append(t)
            field, kelvin = tesla, warm
    return found
