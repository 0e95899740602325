"""The diary of light: what fell on the sample, what it emitted, how far it bleached."""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import numpy as np

from .beam import Beam, Cells
from .emitter import Emission, Emitter
from .noise import Floats

KEPT = 3600.0
"""s: how far back a gate may reach; older emission is forgotten."""

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


class _Row(NamedTuple):
    """A cell with light: emission is (signal exp(-decay (t - t0)) + background) cps."""

    t0: float
    t1: float
    power: float
    x_um: float
    y_um: float
    setting: float
    signal: float
    decay: float
    background: float
    dose: float
    """J/cm^2 on the emitter before this cell."""
    irradiance: float


class Exposure:
    """Follows the light on the sample in the order of time; looking earlier or oftener changes nothing.

    The last cell stays open and is taken up again by the next look, so that its end does not depend on
    who looked.

    Args:
        beam: where the light comes from.
        emitter: what it falls on.
        bleaching_dose: J/cm^2 that leave 1/e of the brightness; None for a sample that does not bleach.
    """

    def __init__(self, beam: Beam, emitter: Emitter, bleaching_dose: float | None) -> None:
        self._beam, self._emitter = beam, emitter
        self._bleaching = 0.0 if bleaching_dose is None else 1.0 / bleaching_dose
        self.horizon = beam.start
        """Clock time up to which the light is known; events come later than this."""
        self.dose = 0.0
        """J/cm^2 that fell on the emitter up to the horizon."""
        self._last: _Row | None = None
        self._rows: deque[_Row] = deque()
        self._lights: list[Light] = []
        self._setting = math.nan

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
            since, dose = self._last.t0, self._last.dose
        self.horizon = t
        if not self._beam.lit(since, t):
            return
        cells = self._beam.cells(since, t)
        self._last = None
        self._take(cells, self._emitter.emit(cells), dose)
        while self._rows and self._rows[0].t1 < t - KEPT:
            self._rows.popleft()

    def _take(self, cells: Cells, emission: Emission, dose: float) -> None:
        lasting = cells.t1 - cells.t0
        increments = np.where(cells.is_open, emission.irradiance * lasting, 0.0)
        doses = np.cumsum(np.concatenate([[dose], increments]))
        self.dose = float(doses[-1])
        signal = emission.signal * np.exp(-doses[:-1] * self._bleaching)
        table = np.stack(
            [
                cells.t0, cells.t1, cells.power, cells.x_um, cells.y_um, cells.setting,
                signal, emission.irradiance * self._bleaching, emission.background, doses[:-1], emission.irradiance,
            ],
            axis=1,
        )  # fmt: skip
        rows = [_Row(*numbers) for numbers in table[cells.is_open].tolist()]
        ends_lit = bool(cells.is_open[-1])
        for row in rows[: len(rows) - ends_lit]:
            self._close(row)
        if ends_lit:
            self._last = rows[-1]

    def _close(self, row: _Row) -> None:
        self._rows.append(row)
        self._lights = _joined(self._lights, row, self._setting)
        self._setting = row.setting

    def lights(self) -> list[Light]:
        """Return every interval of light up to the horizon."""
        if self._last is None:
            return list(self._lights)
        return _joined(list(self._lights), self._last, self._setting)

    def emission(self, t0: float, t1: float) -> tuple[Floats, Floats]:
        """Return (seconds, mean cps) of every lit piece within [t0, t1], shapes (n,).

        Call `advance(t1)` first.
        """
        found = [] if self._last is None else [self._last]
        for row in reversed(self._rows):
            if row.t1 <= t0:
                break
            found.append(row)
        pieces = [(max(t0, row.t0), min(t1, row.t1), row) for row in reversed(found)]
        inside = [(low, high, row) for low, high, row in pieces if high > low]
        seconds = np.array([high - low for low, high, _ in inside])
        rates = np.array([_mean_rate(row, low, high) for low, high, row in inside])
        return seconds, rates


def _mean_rate(row: _Row, low: float, high: float) -> float:
    start = row.signal * math.exp(-row.decay * (low - row.t0))
    exponent = row.decay * (high - low)
    mean = start * -math.expm1(-exponent) / exponent if exponent > 0.0 else start
    return mean + row.background


def _joined(lights: list[Light], row: _Row, setting: float) -> list[Light]:
    """Append a row to the lights, or lengthen the last one where only laser noise differs."""
    last = lights[-1] if lights else None
    here = (row.x_um, row.y_um)
    if last is None or last.t1 != row.t0 or setting != row.setting or (last.x_um, last.y_um) != here:
        lights.append(Light(row.t0, row.t1, row.power, row.x_um, row.y_um))
        return lights
    energy = last.power * (last.t1 - last.t0) + row.power * (row.t1 - row.t0)
    lights[-1] = last._replace(t1=row.t1, power=energy / (row.t1 - last.t0))
    return lights
