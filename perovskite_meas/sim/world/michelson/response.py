"""What a pair of pulses makes of the dot: photons against the delay, the pulse areas and the line's detuning.

Interface for the table: ``TwoPulse(Line(...), Pulse(...), response)``; ``pair`` for one delay, ``curve`` for arrays (a
table of `pair` with smooth interpolation: what rates on a time grid should use). The carrier is not in the amplitudes:

    p(phi) = mean + Re(first e^{i phi}) + Re(second e^{2 i phi}),   phi = E tau / hbar,

with E the nominal energy of the (first) line. An imperfect mode overlap v is to be put in by the caller: v first,
v^2 second. A power that fluctuates by a few per cent is p times its factor; other areas are other tables.
A blocked arm has area 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perovskite_meas.core.errors import UsageError

from ..noise import Floats
from .bloch import Complexes, photons
from .pulse import Pulse

HBAR = 658.2119569
"""ueV ps."""

_PHASES = 8
_KEPT = 20000


@dataclass(frozen=True)
class Line:
    """The absorption line: one transition, or two that share the ground state.

    Attributes:
        t2: dephasing time, ps.
        t1: lifetime, ps.
        splitting: energy of the second line above the first, meV; 0 for a single line.
        splitting_ratio: strength of the second over that of the first.
    """

    t2: float
    t1: float
    splitting: float = 0.0
    splitting_ratio: float = 0.0

    def __post_init__(self) -> None:
        if not 0.0 < self.t2 <= 2.0 * self.t1 or self.splitting_ratio < 0.0:
            raise UsageError(
                f"a line with T2 = {self.t2} ps, T1 = {self.t1} ps, doublet ratio {self.splitting_ratio} cannot be: "
                " T2 lies above 0 and never above 2 T1, the ratio is not negative"
            )

    @property
    def strengths(self) -> tuple[float, float]:
        """Oscillator strengths of both lines; their sum is 1."""
        if self.splitting == 0.0:
            return 1.0, 0.0
        return 1.0 / (1.0 + self.splitting_ratio), self.splitting_ratio / (1.0 + self.splitting_ratio)


@dataclass(frozen=True)
class Pair:
    """Photons per pulse pair against the optical phase: mean + Re(first e^{i phi}) + Re(second e^{2 i phi})."""

    mean: float
    first: complex
    second: complex


class TwoPulse:
    """Photons that the dot emits (before any loss) after each pair of pulses; up to 2.

    Args:
        line: the absorption line.
        pulse: the laser pulse; both arms have the same.
        response: `bloch` (optical Bloch equations) or `linear` (weak pulses: a spectral integral).
        laser_offset: photon energy of the laser minus that of the (first) line, ueV.
    """

    def __init__(self, line: Line, pulse: Pulse, response: str = "bloch", laser_offset: float = 0.0) -> None:
        if response not in ("bloch", "linear"):
            raise UsageError(f"response {response!r} is not known: bloch or linear")
        self._line, self._pulse, self._is_linear = line, pulse, response == "linear"
        self._offset = laser_offset / HBAR
        self._split = 1e3 * line.splitting / HBAR
        self._pairs: dict[tuple[float, float, float, float], Pair] = {}
        fastest = max(1.0 / line.t2, abs(self._offset), abs(self._split) if line.strengths[1] > 0.0 else 0.0)
        self._step = min(pulse.duration / 10.0, 0.15 / fastest)
        self._detuning_step = 0.1 * HBAR / pulse.duration

    def pair(self, tau_ps: float, area_a: float, area_b: float, detuning_uev: float = 0.0) -> Pair:
        """Return the response to pulses of these areas (rad), the second tau later (ps; negative: earlier).

        Args:
            tau_ps: delay, ps.
            area_a: of the pulse of arm a, rad.
            area_b: of the pulse of arm b, rad.
            detuning_uev: how far the line lies above its nominal energy just now, ueV.
        """
        key = (float(tau_ps), float(area_a), float(area_b), float(detuning_uev))
        found = self._pairs.get(key)
        if found is None:
            if len(self._pairs) >= _KEPT:
                self._pairs.clear()
            found = self._pairs[key] = (self._linear if self._is_linear else self._bloch)(*key)
        return found

    def single(self, area: float, detuning_uev: float = 0.0) -> float:
        """Return the photons per pulse of this area (rad) alone."""
        return self.pair(0.0, area, 0.0, detuning_uev).mean

    def curve(
        self, tau_ps: Floats, area_a: float, area_b: float, detuning_uev: Floats | float = 0.0
    ) -> tuple[Floats, Complexes, Complexes]:
        """Return (mean, first, second) at many delays and detunings, each of shape (n,).

        Interpolated between exact pairs (4 delays, 3 detunings around each point), after the turning of the phase with
        the detuning, e^{i delta tau/hbar}, has been taken out.
        """
        tau = np.asarray(tau_ps, dtype=float)
        delta = np.broadcast_to(np.asarray(detuning_uev, dtype=float), tau.shape)
        column, along = _lagrange(tau / self._step, np.arange(-1.0, 3.0), np.floor)
        row, across = _lagrange(delta / self._detuning_step, np.arange(-1.0, 2.0), np.rint)
        if not np.any(delta):
            row, across = np.zeros((1, *tau.shape), dtype=np.int64), np.ones((1, *tau.shape))
        columns, rows = column.min(initial=0), row.min(initial=0)
        size = int(row.max(initial=0) - rows) + 1, int(column.max(initial=0) - columns) + 1
        needed = np.zeros(size, dtype=np.bool_)
        for r in row - rows:
            needed[r, column - columns] = True
        table = np.zeros((3, *size), dtype=complex)
        for r, c in np.argwhere(needed).tolist():
            table[:, r, c] = self._node(c + columns, r + rows, area_a, area_b)
        mean = np.zeros(tau.shape)
        first, second = np.zeros(tau.shape, dtype=complex), np.zeros(tau.shape, dtype=complex)
        for r, across_part in zip(row - rows, across, strict=True):
            for c, along_part in zip(column - columns, along, strict=True):
                weight = across_part * along_part
                mean += weight * table[0, r, c].real
                first += weight * table[1, r, c]
                second += weight * table[2, r, c]
        turn = np.exp(1j * delta * tau / HBAR)
        return mean, first * turn, second * turn**2

    def _node(self, column: int, row: int, area_a: float, area_b: float) -> tuple[complex, complex, complex]:
        tau, delta = float(column * self._step), float(row * self._detuning_step)
        found = self.pair(tau, area_a, area_b, delta)
        turn = np.exp(-1j * delta * tau / HBAR)
        return complex(found.mean), complex(found.first * turn), complex(found.second * turn**2)

    def _lines(self, detuning: float) -> tuple[tuple[float, float], ...]:
        """Return (strength, line minus laser in rad/ps) of both lines."""
        shift = detuning / HBAR - self._offset
        strong, weak = self._line.strengths
        return (strong, shift), (weak, shift + self._split)

    def _linear(self, tau: float, area_a: float, area_b: float, detuning: float) -> Pair:
        """Integrate the pair's power spectrum over the Lorentzian lines; exact for weak pulses.

        The trapezoidal rule converges exponentially here: it repeats the answer in time after 2 pi/step, which is many
        T2 beyond the delay.
        """
        width = 1.0 / self._line.t2
        step = min(width / 4.0, math.pi / (abs(tau) + 2.0 * self._pulse.half_width))
        places = math.ceil(self._pulse.bandwidth / step)
        omega: Floats = step * np.arange(-float(places), places + 1.0)
        absorbed = np.zeros_like(omega)
        for strength, shift in self._lines(detuning):
            absorbed += strength * 2.0 * width / (width**2 + (omega - shift) ** 2)
        absorbed = absorbed * self._pulse.spectrum(omega) ** 2 * (step / (8.0 * math.pi))
        both = 2.0 * area_a * area_b * np.sum(absorbed * np.exp(1j * (omega + self._offset) * tau))
        return Pair(float((area_a**2 + area_b**2) * np.sum(absorbed)), complex(both), 0j)

    def _bloch(self, tau: float, area_a: float, area_b: float, detuning: float) -> Pair:
        """Integrate the optical Bloch equations for several phases and take the harmonics of the phase."""
        (strong, e1), (weak, e2) = self._lines(detuning)
        half, pulse, line = self._pulse.half_width, self._pulse, self._line
        edges = np.sort(np.array([-half, half, tau - half, tau + half]))
        middles = (edges[1:] + edges[:-1]) / 2.0
        on_a, on_b = (np.abs(middles) < half) & (area_a != 0.0), (np.abs(middles - tau) < half) & (area_b != 0.0)
        phases: Floats = 2.0 * math.pi / _PHASES * np.arange(float(_PHASES if area_a and area_b else 1))
        fastest = max(1.0 / line.t2, abs(e1), abs(e2) if weak else 0.0)
        step = min(0.04 * pulse.duration, 0.1 / fastest)
        emitted = photons(
            phases,
            edges,
            on_a,
            on_b,
            tau,
            area_a / pulse.unit_area,
            area_b / pulse.unit_area,
            pulse.code,
            pulse.scale,
            step,
            (math.sqrt(strong), math.sqrt(weak), e1, e2, 1.0 / line.t1, 1.0 / line.t2),
        )
        mean = float(np.mean(emitted))
        if len(phases) == 1:
            return Pair(mean, 0j, 0j)
        turn = np.exp(1j * self._offset * tau)
        first, second = (2.0 * complex(np.mean(emitted * np.exp(-1j * k * phases))) for k in (1, 2))
        return Pair(mean, first * complex(turn), second * complex(turn**2))


def _lagrange(x: Floats, around: Floats, rounding: np.ufunc) -> tuple[np.ndarray, Floats]:
    """Return the lattice points around each x and their weights in Lagrange's interpolation, shapes (k, n)."""
    base = rounding(x)
    rest = x - base
    weights = np.ones((len(around), *x.shape))
    for place, node in enumerate(around):
        for other in around:
            if other != node:
                weights[place] *= (rest - other) / (node - other)
    return (base + around.reshape(-1, *[1] * x.ndim)).astype(np.int64), weights
