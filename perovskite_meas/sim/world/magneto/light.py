"""The light behind the analyser: on the SPAD as a rate, at the spectrograph as a spectrum."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from perovskite_meas.core.air import to_vacuum

from ..exposure import Exposure
from ..noise import Floats
from ..timeline import History
from .config import MagnetoConfig
from .glow import Glow, Lines
from .line_noise import LineNoise
from .lineshape import LineShape
from .slices import Slice, Surroundings

HC = 1239.84198
"""eV nm: photon energy times vacuum wavelength (PHYSICS 0)."""
LAMP = ((533.0777, 0.35), (534.1094, 0.5), (534.3283, 0.3), (540.0562, 1.0), (546.0750, 0.7))
"""Lines of the Ne-Hg lamp: (nm in standard air, strength over that of the strongest); NIST, strengths rough."""
_WIDE = 0.1
"""meV: moments in which the lines stood closer than this are taken together, with the same mean, spread and skew."""
_NOTHING = 1e-4
"""Electrons of a line that nobody misses."""
_BROAD = 100.0
"""meV over which the background is spread evenly."""
_SHARP = 4.0
"""K: a line without a wing does not care."""


class Lit(NamedTuple):
    """A piece of light from the sample under one condition."""

    t0: float
    t1: float
    signal: float
    """Photons of the emitter per second, as the SPAD counts them."""
    background: float
    """The same of the surroundings."""
    lines: Lines


class DetectedLight:
    """What comes through the analyser.

    Args:
        config: the world file.
        exposure: the light on the sample.
        around: field, temperature, analyser.
        glow: what the emitter makes of them.
        noise: of its lines.
        lamp: when the lamp is let in.
        reference: when the reference laser is let in.

    Attributes:
        resolution: FWHM of a sharp line on the camera, ueV.
    """

    def __init__(
        self,
        config: MagnetoConfig,
        exposure: Exposure,
        around: Surroundings,
        glow: Glow,
        noise: LineNoise,
        lamp: History[bool],
        reference: History[bool],
    ) -> None:
        sample, optics = config.sample, config.optics
        self._exposure, self._around, self._glow, self._noise = exposure, around, glow, noise
        self._lamp, self._reference, self._optics = lamp, reference, optics
        self._origin = 1e3 * sample.energy
        self.resolution = config.spectrograph.resolution
        self._sample = sample
        vacuum = to_vacuum(np.array([line for line, _ in LAMP]))
        self._lamp_lines = self.energies(vacuum), optics.lamp_rate * np.array([share for _, share in LAMP])

    @property
    def exposure(self) -> Exposure:
        """The light on the sample."""
        return self._exposure

    def energies(self, nm: Floats) -> Floats:
        """Return photon energies in meV from the sample's of wavelengths in vacuum."""
        found: Floats = 1e3 * HC / nm - self._origin
        return found

    def pieces(self, t0: float, t1: float) -> list[Lit]:
        """Return every lit piece of [t0, t1] (clock time, s), oldest first."""
        rows = self._exposure.pieces(t0, t1)
        if not rows:
            return []
        slices = self._around.slices(rows[0][0], rows[-1][1])
        lines = [self._lines(one) for one in slices]
        found, place = [], 0
        for low, high, row in rows:
            while slices[place].t1 <= low:
                place += 1
            here = place
            while here < len(slices) and slices[here].t0 < high:
                begin, end = max(low, slices[here].t0), min(high, slices[here].t1)
                found.append(Lit(begin, end, row.signal * lines[here].total, row.background, lines[here]))
                here += 1
        return found

    def spectrum(self, t0: float, t1: float, edges: Floats, coarser: float = 1.0) -> Floats:
        """Return the electrons expected in each pixel in [t0, t1] (clock time, s), shape (n,).

        Args:
            t0: begin.
            t1: end; the exposure has to have been followed until then.
            edges: of the pixels, nm in vacuum, rising, shape (n + 1,).
            coarser: FWHM of a sharp line over that of the spectrograph.
        """
        scale = self.energies(edges)
        found = np.zeros(len(edges) - 1)
        sample, width = self._sample, coarser * self.resolution
        shape = LineShape(sample.linewidth, width, sample.phonon_wing, sample.phonon_energy)
        sharp = LineShape(0.0, width)
        for one in self._around.slices(t0, t1, (self._lamp, self._reference)):
            self._add_emitter(found, one, scale, shape)
            seconds = one.t1 - one.t0
            if self._lamp.at(one.t0):
                energies, rates = self._lamp_lines
                found += sharp.spectrum(scale, energies, rates * seconds, _SHARP)
            if self._reference.at(one.t0):
                line = self.energies(np.array([self._optics.reference_wavelength]))
                found += sharp.spectrum(scale, line, np.array([self._passed(one) * seconds]), _SHARP)
        return found

    def _lines(self, one: Slice) -> Lines:
        return self._glow.lines(one.field, one.kelvin, one.analyser)

    def _passed(self, one: Slice) -> float:
        """Return the reference laser behind the analyser, electrons per second: Malus, after two passages."""
        plane = self._optics.reference_angle + 2.0 * self._optics.faraday_rotation * one.field
        return 2.0 * self._optics.reference_rate * math.cos(math.radians(one.analyser - plane)) ** 2

    def _add_emitter(self, found: Floats, one: Slice, scale: Floats, shape: LineShape) -> None:
        rows = self._exposure.pieces(one.t0, one.t1)
        if not rows:
            return
        lows, highs, signals, others = np.array([(low, high, row.signal, row.background) for low, high, row in rows]).T
        seconds, ratio = highs - lows, self._optics.camera_ratio
        lines = self._lines(one)
        found += ratio * float(others @ seconds) / _BROAD * np.abs(np.diff(scale))
        moments = _moments(1e-3 * self._noise.detuning((lows + highs) / 2.0), ratio * signals * seconds)
        for centre, total in moments:
            electrons = lines.shares * total
            seen = electrons > _NOTHING
            found += shape.spectrum(scale, lines.energies[seen] + centre, electrons[seen], one.kelvin)


def _moments(places: Floats, weights: Floats) -> list[tuple[float, float]]:
    """Return a few (place, weight) instead of many, with the same first three moments within each `_WIDE`."""
    found = []
    cell = ((places - np.min(places)) / _WIDE).astype(np.int64)
    for number in range(int(np.max(cell)) + 1):
        inside = cell == number
        total = float(np.sum(weights[inside]))
        if total <= 0.0:
            continue
        share, at = weights[inside] / total, places[inside]
        mean = float(share @ at)
        away = at - mean
        spread = math.sqrt(float(share @ away**2))
        skew = float(share @ away**3) / spread**3 / 2.0 if spread > 0.0 else 0.0
        root = math.sqrt(1.0 + skew * skew)
        found += [(mean + spread * (skew + side * root), total * (0.5 - 0.5 * side * skew / root)) for side in (1, -1)]
    return found


class SpadLight:
    """The light on the SPAD, as a counting detector wants it.

    Args:
        light: behind the analyser.
    """

    def __init__(self, light: DetectedLight) -> None:
        self._light = light

    @property
    def forgotten(self) -> float:
        """Clock time (s) until which nothing is remembered."""
        return self._light.exposure.forgotten

    def advance(self, t: float) -> None:
        """Follow the light up to `t`, in s."""
        self._light.exposure.advance(t)

    def emission(self, t0: float, t1: float) -> tuple[Floats, Floats]:
        """Return (seconds, mean cps) of every lit piece of [t0, t1], shapes (n,)."""
        pieces = self._light.pieces(t0, t1)
        seconds = np.array([one.t1 - one.t0 for one in pieces])
        return seconds, np.array([one.signal + one.background for one in pieces])
