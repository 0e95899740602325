"""The light on each detector, on a fine grid of time."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..beam import Beam, Cell
from ..noise import Floats
from ..timeline import History
from .config import MichelsonConfig
from .dot import Dot, Waves
from .geometry import Geometry, laser_frequency
from .interferometer import LaserFringes, balance_visibility
from .line_noise import SpectralDiffusion, TelegraphBlinking

FINEST = 0.25e-3
"""s: rates are worked out once per such piece; fringes that pass within it are averaged."""
_SAME, _LOOSE = 1e-12, 1e-6
"""Pieces that differ by less (s) are equally long; a rest of less than this share makes no piece of its own."""


class Grid(NamedTuple):
    """Pieces of time; those of one cell of the beam are equally long."""

    cells: list[Cell]
    counts: NDArray[np.int64]
    """Pieces in each cell."""
    edges: Floats
    """Clock time, s, shape (n + 1,)."""

    def spread(self, values: list[float] | list[bool]) -> Floats:
        """Return one number per cell as one per piece, shape (n,)."""
        return np.repeat(np.array(values, dtype=float), self.counts)

    def runs(self) -> list[tuple[int, int, float]]:
        """Return (begin, end, length in s) of runs of equally long pieces, oldest first."""
        ends = np.cumsum(self.counts)
        steps = np.diff(np.append(self.edges[0], self.edges[ends])) / self.counts
        last = np.flatnonzero(np.abs(np.diff(steps)) > _SAME)
        borders = [0, *ends[last].tolist(), int(ends[-1])]
        return [
            (begin, end, float(self.edges[end] - self.edges[begin]) / (end - begin)) for begin, end in pairwise(borders)
        ]


class Rates(NamedTuple):
    """Mean photons per second in each piece, dark counts not among them, shapes (n,)."""

    signal: Floats
    monitor: Floats


class DetectedLight:
    """What the signal detector behind the sample and the monitor at the other port would see.

    Args:
        config: the world file.
        seed: of the world.
        beam: the light until the interferometer, and its shutters.
        reference: when the reference laser is let in.
        geometry: the delay.
        dot: the sample.
    """

    def __init__(
        self,
        config: MichelsonConfig,
        seed: int,
        beam: Beam,
        reference: History[bool],
        geometry: Geometry,
        dot: Dot,
    ) -> None:
        sample, optics = config.sample, config.optics
        self._beam, self._reference, self._geometry, self._dot = beam, reference, geometry, dot
        self._shares = config.shares
        balance = balance_visibility(optics.arm_balance)
        self._inside = optics.mode_overlap * balance, optics.monitor_overlap * balance
        self._monitor_rate, self._reference_rate = optics.monitor_rate / optics.working_power, optics.reference_rate
        laser = config.laser.wavelength
        self._leak = LaserFringes(laser, dot.pulse, 1)
        self._laser = LaserFringes(laser, dot.pulse, -1)
        self._ruler = LaserFringes(optics.reference_wavelength, None, -1)
        self._omega = laser_frequency(laser)
        self._finer = laser / optics.reference_wavelength
        self._line = SpectralDiffusion(seed, config.diffusion, sample.diffusion_time, beam.start)
        self._telegraph = TelegraphBlinking(seed, sample.blinking.on_time * 1e-3, config.off_time, beam.start)

    def grid(self, t0: float, t1: float) -> Grid:
        """Cut [t0, t1] (clock time, s) at everything that switches, and finely in between."""
        cells = self._beam.cells(t0, t1)
        counts = [max(1, math.ceil((cell.t1 - cell.t0) / FINEST - _LOOSE)) for cell in cells]
        edges = [
            cell.t0 + (cell.t1 - cell.t0) / count * np.arange(count) for cell, count in zip(cells, counts, strict=True)
        ]
        return Grid(cells, np.array(counts, dtype=np.int64), np.concatenate([*edges, [cells[-1].t1]]))

    def rates(self, grid: Grid) -> Rates:
        """Return the light on both detectors in every piece of a grid."""
        delays = self._geometry.delay(grid.edges)
        tau, smear = (delays[1:] + delays[:-1]) / 2.0, self._omega * np.diff(delays)
        cells = grid.cells
        a, b = (grid.spread([cell.arms[arm] for cell in cells]) for arm in (0, 1))
        single = a * self._shares[0] + b * self._shares[1]
        # Fringes need both arms; behind one alone its share of the light is left.
        overlap, power = self._geometry.overlap(tau), grid.spread([cell.power for cell in cells])
        both = a * b * overlap
        fringes = both * np.sinc(smear / (2.0 * math.pi))
        monitor = self._monitor_rate * power * single * self._laser.factor(tau, self._inside[1] * fringes)
        shining = grid.spread([self._reference.at((cell.t0 + cell.t1) / 2.0) for cell in cells])
        if shining.any():
            steady = both * np.sinc(smear * self._finer / (2.0 * math.pi))
            monitor += shining * self._reference_rate * single * self._ruler.factor(tau, self._inside[1] * steady)
        if not any(cell.is_open for cell in cells):
            return Rates(np.zeros(len(tau)), monitor)
        leaked = self._dot.leaked(power * single) * self._leak.factor(tau, self._inside[0] * fringes)
        other = self._dot.beside(power * single) + leaked
        middles = (grid.edges[1:] + grid.edges[:-1]) / 2.0
        waves = Waves(tau, smear, overlap, self._line.detuning(middles))
        is_open = grid.spread([cell.is_open for cell in cells])
        return Rates(is_open * other + self._emission(grid, waves), monitor)

    def _emission(self, grid: Grid, waves: Waves) -> Floats:
        """Return the light of the dot."""
        cells = grid.cells
        found = np.zeros(len(waves.tau))
        on_dot = self._dot.on_dot(*(np.array([(cell.x_um, cell.y_um) for cell in cells]).T))
        nominal = np.array([cell.power for cell in cells]) * on_dot
        on_power = np.repeat(nominal, grid.counts)
        bright = self._telegraph.share(grid.edges)
        for arms in {cell.arms for cell in cells if cell.is_open}:
            here = np.flatnonzero(grid.spread([cell.is_open and cell.arms == arms for cell in cells]))
            found[here] = bright[here] * self._dot.emitted(on_power[here], (arms[0], arms[1]), waves.at(here))
        return found
