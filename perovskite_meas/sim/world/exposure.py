"""The diary of light: what fell on the sample, what it emitted, how far it bleached."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple, Protocol

import numpy as np

from .beam import Beam, Cell
from .emitter import Emission
from .noise import Floats

KEPT = 3600.0
"""s: how far back a gate may reach; older emission is forgotten."""

_ON_EMITTER = 1e-9
"""<N> above which light counts as light on the emitter."""

_STRETCH = 600.0
"""s: taken in one go, so that long light does not fill the memory."""


class Light(NamedTuple):
    """One interval of light on the sample with all settings at rest, or one turn of the wave plate."""

    t0: float
    """s, clock time."""
    t1: float
    power: float
    """W at the sample plane, averaged over the interval."""
    x_um: float
    """Position of the spot on the sample, as the scanner sets it."""
    y_um: float


class Row(NamedTuple):
    """A cell with light: emission is (signal exp(-decay (t - t0)) + background) cps."""

    cell: Cell
    signal: float
    decay: float
    background: float
    dose: float
    """J/cm^2 on the emitter before this cell."""
    excitations: float
    brightness: float
    """Factor on the efficiency at t0: duty and what bleaching has left."""
    grey: tuple[bool, ...]
    """Which emitters are grey; empty where nothing blinks."""


class Glow(Protocol):
    """What light makes of a sample."""

    def emit(self, cells: list[Cell]) -> Emission:
        """Return what the light of each cell does."""


class Exposure:
    """Follows the light on the sample in the order of time; looking earlier or oftener changes nothing.

    The last cell stays open and is taken up again by the next look, so that its end does not depend on
    who looked.

    Args:
        beam: where the light comes from.
        emitter: what it falls on.
        bleaching_dose: J/cm^2 that leave 1/e of the brightness; None for a sample that does not bleach.
    """

    def __init__(self, beam: Beam, emitter: Glow, bleaching_dose: float | None) -> None:
        self._beam, self._emitter = beam, emitter
        self._bleaching = 0.0 if bleaching_dose is None else 1.0 / bleaching_dose
        self.horizon = beam.start
        """Clock time up to which the light is known; events come later than this."""
        self.dose = 0.0
        """J/cm^2 that fell on the emitter up to the horizon."""
        self.forgotten = -math.inf
        """Clock time until which emission is forgotten; dark times need no memory."""
        self._last: Row | None = None
        self._rows: deque[Row] = deque()
        self._lights: list[Light] = []
        self._before: Cell | None = None
        self._excitations, self._lit, self._neutral = 0.0, 0.0, 0.0

    @property
    def excitations(self) -> float:
        """<N> when light last fell on the emitter; 0 before that."""
        last = self._last
        return last.excitations if last is not None and last.excitations > _ON_EMITTER else self._excitations

    @property
    def on_fraction(self) -> float:
        """Fraction of the time with light on the emitter in which it was neutral; 1 before that."""
        return self._neutral / self._lit if self._lit else 1.0

    @property
    def brightness_left(self) -> float:
        """Fraction of the brightness that bleaching has left."""
        return math.exp(-self.dose * self._bleaching)

    def advance(self, t: float) -> None:
        """Follow the light up to `t`, in s."""
        while self.horizon < t:
            self._follow(min(t, self.horizon + _STRETCH))

    def _follow(self, t: float) -> None:
        since, dose = self.horizon, self.dose
        if self._last is not None:
            since, dose = self._last.cell.t0, self._last.dose
        self.horizon = t
        if not self._beam.lit(since, t):
            return
        cells = self._beam.cells(since, t)
        rows = self._rows_of([cell for cell in cells if cell.is_open], dose)
        self._last = rows.pop() if rows and cells[-1].is_open else None
        for row in rows:
            self._close(row)
        while self._rows and self._rows[0].cell.t1 < t - KEPT:
            self.forgotten = self._rows.popleft().cell.t1

    def _rows_of(self, lit: list[Cell], dose: float) -> list[Row]:
        """Return lit cells with their emission; adds what they leave on the emitter to `dose`."""
        if not lit:
            return []
        emission = self._emitter.emit(lit)
        rows = []
        columns = (emission.signal, emission.background, emission.irradiance, emission.excitations, emission.duty)
        numbers, grey = np.column_stack(columns).tolist(), [tuple(one) for one in emission.grey.tolist()]
        for cell, (signal, background, irradiance, excitations, duty), state in zip(lit, numbers, grey, strict=True):
            kept = math.exp(-dose * self._bleaching)
            decay = irradiance * self._bleaching
            rows.append(Row(cell, signal * kept, decay, background, dose, excitations, duty * kept, state))
            dose += irradiance * (cell.t1 - cell.t0)
        self.dose = dose
        return rows

    def _close(self, row: Row) -> None:
        self._rows.append(row)
        self._lights = _joined(self._lights, row.cell, self._before)
        self._before = row.cell
        if row.excitations > _ON_EMITTER:
            seconds = row.cell.t1 - row.cell.t0
            self._excitations = row.excitations
            self._lit += seconds
            self._neutral += seconds * (1.0 - sum(row.grey) / max(1, len(row.grey)))

    def lights(self) -> list[Light]:
        """Return every interval of light up to the horizon."""
        if self._last is None:
            return list(self._lights)
        return _joined(list(self._lights), self._last.cell, self._before)

    def pieces(self, t0: float, t1: float) -> list[tuple[float, float, Row]]:
        """Return (begin, end, row) of every lit piece within [t0, t1], oldest first; call `advance(t1)` first."""
        found = [] if self._last is None else [self._last]
        for row in reversed(self._rows):
            if row.cell.t1 <= t0:
                break
            found.append(row)
        pieces = [(max(t0, row.cell.t0), min(t1, row.cell.t1), row) for row in reversed(found)]
        return [(low, high, row) for low, high, row in pieces if high > low]

    def emission(self, t0: float, t1: float) -> tuple[Floats, Floats]:
        """Return (seconds, mean cps) of every lit piece within [t0, t1], shapes (n,).

        Call `advance(t1)` first.
        """
        inside = self.pieces(t0, t1)
        seconds = np.array([high - low for low, high, _ in inside])
        rates = np.array([_mean_rate(row, low, high) for low, high, row in inside])
        return seconds, rates


def _mean_rate(row: Row, low: float, high: float) -> float:
    start = row.signal * math.exp(-row.decay * (low - row.cell.t0))
    exponent = row.decay * (high - low)
    mean = start * -math.expm1(-exponent) / exponent if exponent > 0.0 else start
    return mean + row.background


def _joined(lights: list[Light], cell: Cell, before: Cell | None) -> list[Light]:
    """Append a cell to the lights, or lengthen the last one where only laser noise differs."""
    last = lights[-1] if lights else None
    same = before is not None and (before.setting, before.arms) == (cell.setting, cell.arms)
    here, power = (cell.x_um, cell.y_um), cell.power * cell.share
    if last is None or last.t1 != cell.t0 or not same or (last.x_um, last.y_um) != here:
        lights.append(Light(cell.t0, cell.t1, power, cell.x_um, cell.y_um))
        return lights
    energy = last.power * (last.t1 - last.t0) + power * (cell.t1 - cell.t0)
    lights[-1] = last._replace(t1=cell.t1, power=energy / (cell.t1 - last.t0))
    return lights
