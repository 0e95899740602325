"""What takes spectra: the camera behind the spectrograph, and a small spectrometer on the same light."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.air import to_vacuum
from perovskite_meas.core.clock import Clock

from ..cooler import ROOM, Cooled
from ..detector import reach
from ..noise import Floats
from .ccd import Sensor
from .cosmics import Cosmics
from .drive import Drive
from .grating import Grating
from .light import HC, DetectedLight

_SHORTEST = 100.0
"""nm: light of less does not come; an axis through zero ends there."""
_MOVED, _MOVES = 0.002, 64
"""nm by which the window may move in one look, and how often it is looked at most."""
_OCEAN = 499.975
"""nm in air where the small spectrometer's first pixel begins."""
_OCEAN_STEP, _OCEAN_PIXELS = 0.05, 2048
_OCEAN_FWHM = 0.15
"""nm: of a sharp line."""
_OCEAN_SHARE = 0.3
"""Of the electrons that the camera would have."""


class Sight:
    """Which wavelength falls on which pixel of the camera at a time.

    Args:
        gratings: on the turret, from number 1 on.
        drive: that turns them.
        drift: of the image, px/h.
        start: clock time at which the world begins, s.
    """

    def __init__(self, gratings: Sequence[Grating], drive: Drive, drift: float, start: float) -> None:
        self._gratings, self._drive, self._drift, self._start = tuple(gratings), drive, drift / 3600.0, start

    def edges(self, t: float) -> Floats:
        """Return the wavelengths at the borders of the pixels at `t`, nm in vacuum, shape (pixels + 1,).

        A place of the turret without a grating does as the last one that has.
        """
        centre = float(self._drive.centres(np.array([t]))[0])
        found: Floats = np.maximum(self._grating(t).edges(centre, self._drift * (t - self._start)), _SHORTEST)
        return found

    def coarser(self, t: float) -> float:
        """Return how much wider a sharp line is at `t` than with grating 1."""
        return self._gratings[0].grooves / self._grating(t).grooves

    def still(self, t0: float, t1: float) -> list[tuple[float, float]]:
        """Cut [t0, t1] (clock time, s) into (begin, end) in which nothing moves much."""
        centres = self._drive.centres(np.array([t0, (t0 + t1) / 2.0, t1]))
        parts = 1 + min(_MOVES, math.ceil(float(np.ptp(centres)) / _MOVED - 1e-6))
        edges = np.linspace(t0, t1, max(2, parts)).tolist()
        return list(pairwise(edges))

    def _grating(self, t: float) -> Grating:
        return self._gratings[min(self._drive.turret(t), len(self._gratings)) - 1]


class Camera(Cooled):
    """A cooled CCD with all rows binned (port `camera`).

    Args:
        light: behind the analyser.
        sight: which wavelength falls where.
        sensor: what photons become; its `quantum_efficiency` is 1, because light comes in electrons.
        cosmics: that hit it.
        pixels: of the binned line.
        rng: of this camera alone.
        lock: of the world.
        clock: of the world.
    """

    def __init__(
        self,
        light: DetectedLight,
        sight: Sight,
        sensor: Sensor,
        cosmics: Cosmics,
        pixels: int,
        rng: np.random.Generator,
        lock: threading.RLock,
        clock: Clock,
    ) -> None:
        super().__init__(clock.now(), lock)
        self.pixels, self.full_scale = pixels, sensor.full_scale
        self._light, self._sight, self._sensor, self._cosmics = light, sight, sensor, cosmics
        self._rng, self._clock = rng, clock

    def spectrum(self, t0: float, t1: float) -> NDArray[np.int64]:
        """Return one exposure, fully binned, in counts, shape (pixels,); clock time in s, t1 not in the future.

        Raises:
            UsageError: an exposure that ends in the future, or began before what is remembered.
        """
        with self._lock:
            light = self.expected(t0, t1)
            cosmics = self._cosmics.electrons(t0, t1)
            return self._sensor.read(light, max(0.0, t1 - t0), self.celsius(t1), self._rng, cosmics)

    def expected(self, t0: float, t1: float) -> Floats:
        """Return the mean electrons that light leaves in each pixel, shape (pixels,).

        Raises:
            UsageError: as for `spectrum`.
        """
        with self._lock:
            reach(self._light.exposure, self._clock.now(), t0, t1)
            found = np.zeros(self.pixels)
            for begin, end in self._sight.still(t0, t1):
                t = (begin + end) / 2.0
                found += self._light.spectrum(begin, end, self._sight.edges(t), self._sight.coarser(t))
            return found


class Ocean:
    """A small spectrometer with an axis of its own, not cooled (port `ocean`).

    Args:
        light: behind the analyser.
        rng: of this spectrometer alone.
        lock: of the world.
        clock: of the world.
    """

    pixels = _OCEAN_PIXELS
    full_scale = 65535

    def __init__(self, light: DetectedLight, rng: np.random.Generator, lock: threading.RLock, clock: Clock) -> None:
        self._light, self._rng, self._lock, self._clock = light, rng, lock, clock
        self._edges = to_vacuum(_OCEAN + _OCEAN_STEP * np.arange(_OCEAN_PIXELS + 1.0))
        centre = float(np.mean(self._edges))
        self._coarser = 1e6 * HC * _OCEAN_FWHM / centre**2 / light.resolution
        self._sensor = Sensor(
            quantum_efficiency=1.0, dark=20.0, dark_at=ROOM, read_noise=60.0, gain=4.0, offset=1500.0, full_well=2.6e5
        )

    def wavelengths(self) -> Floats:
        """Return the wavelength of each pixel in air, nm, shape (pixels,)."""
        found: Floats = _OCEAN + _OCEAN_STEP * (np.arange(float(_OCEAN_PIXELS)) + 0.5)
        return found

    def spectrum(self, t0: float, t1: float) -> NDArray[np.int64]:
        """Return one exposure in counts, shape (pixels,); clock time in s, t1 not in the future.

        Raises:
            UsageError: an exposure that ends in the future, or began before what is remembered.
        """
        with self._lock:
            reach(self._light.exposure, self._clock.now(), t0, t1)
            light = _OCEAN_SHARE * self._light.spectrum(t0, t1, self._edges, self._coarser)
            return self._sensor.read(light, max(0.0, t1 - t0), ROOM, self._rng)
