"""The light of the sample, photon by photon, as both detectors together would see it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..noise import Floats
from .cw import cw_photons, silent_motion
from .pulsed import pulsed_photons
from .streams import poisson_photons

if TYPE_CHECKING:
    from ..config import WorldConfig
    from ..emitter import Emitter
    from ..exposure import Row
    from .dot import Dot

    Lit = list[tuple[float, float, float, Row]]
    """(begin ps, end ps, begin on the clock, what the light does) of every lit piece of a recording."""

_PS = 1e12


class SampleLight:
    """Nanocrystals (or the laser in their place) and the background around them.

    Args:
        config: the world file.
        emitter: the sample.
        period: of the laser, ps.
        offset: time of pulse 0, ps.
    """

    def __init__(self, config: WorldConfig, emitter: Emitter, period: float, offset: float) -> None:
        self._config, self._emitter, self._is_cw = config, emitter, config.is_cw
        self._period, self._offset = (0.0 if self._is_cw else period), offset

    def streams(self, rng: np.random.Generator, lit: Lit) -> list[Floats]:
        """Return independent streams of detected photons: their times in ps, in the order of their pulses."""
        if not lit:
            return []
        background = [row.background for _, _, _, row in lit]
        lasting = self._config.sample.background_lifetime * 1e3
        found = [self._poisson(rng, lit, background, 0.0, lasting, 0.0)]
        if self._emitter.is_laser:
            found.append(self._poisson(rng, lit, [row.signal for _, _, _, row in lit], 0.0, 0.0, self._width))
        else:
            dots = range(self._emitter.emitters)
            found += [(self._cw if self._is_cw else self._pulsed)(rng, lit, number) for number in dots]
        return found

    @property
    def _width(self) -> float:
        return self._config.optics.reference_width

    def _poisson(
        self, rng: np.random.Generator, lit: Lit, rates: list[float], bleaching: float, lifetime: float, width: float
    ) -> Floats:
        pieces = np.array([(t0, t1, rate / _PS, bleaching) for (t0, t1, _, _), rate in zip(lit, rates, strict=True)])
        room = _room(float(np.sum((pieces[:, 1] - pieces[:, 0]) * pieces[:, 2])))
        return poisson_photons(rng, pieces, self._period, self._offset, lifetime, width, room)

    def _states(self, lit: Lit, number: int) -> tuple[Floats, Floats]:
        """Return for one of the emitters in each piece: (begin, end, <N>, efficiency, decay 1/s) and whether grey."""
        rows, grey = [], []
        for begin, end, since, row in lit:
            efficiency = self._emitter.dot.efficiency * row.brightness * math.exp(-row.decay * (since - row.cell.t0))
            rows.append((begin, end, row.excitations, efficiency, row.decay))
            grey.append(bool(row.grey) and row.grey[number])
        return np.array(rows), np.array(grey)

    def _expected(self, lit: Lit) -> int:
        seconds = np.array([(end - begin) / _PS for begin, end, _, _ in lit])
        signal = np.array([row.signal for _, _, _, row in lit])
        return _room(float(np.sum(seconds * signal)) / self._emitter.emitters)

    def _pulsed(self, rng: np.random.Generator, lit: Lit, number: int) -> Floats:
        states, grey = self._states(lit, number)
        pieces = np.empty((len(lit), 7))
        pieces[:, :3], pieces[:, 6] = states[:, :3], states[:, 4] / _PS
        for is_grey, dot in self._dots():
            here = grey == is_grey
            bright = dot.efficiency / self._emitter.dot.efficiency
            pieces[here, 3] = np.minimum(1.0, states[here, 3] * bright)
            pieces[here, 4:6] = dot.lifetime * _PS, dot.biexciton_lifetime * _PS
        e = self._emitter
        room = self._expected(lit)
        return pulsed_photons(rng, pieces, e.dot.ratios, e.nodes, e.weights, self._period, self._offset, room)

    def _cw(self, rng: np.random.Generator, lit: Lit, number: int) -> Floats:
        states, grey = self._states(lit, number)
        pieces = np.column_stack([states[:, :2], states[:, 4] / _PS])
        pump = states[:, 2] / self._emitter.dot.lifetime
        motion: list[Floats] = []
        for is_grey, dot in self._dots():
            here = grey == is_grey
            bright = dot.efficiency / self._emitter.dot.efficiency
            efficiency = np.minimum(1.0, states[here, 3] * bright)
            parts = silent_motion(dot, pump[here], efficiency)
            motion = motion or [np.empty((len(lit), *part.shape[1:])) for part in parts]
            for whole, part in zip(motion, parts, strict=True):
                whole[here] = part
        rates, residues, seen = motion
        return cw_photons(rng, pieces, rates / _PS, residues, seen / _PS, self._expected(lit))

    def _dots(self) -> list[tuple[bool, Dot]]:
        dot, grey = self._emitter.dot, self._emitter.grey_yield
        return [(False, dot)] + ([] if grey is None else [(True, dot.charged(grey))])


def _room(expected: float) -> int:
    return int(expected + 6.0 * math.sqrt(expected) + 64.0)
