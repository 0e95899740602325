"""The camera behind the spectrometer (port `camera`)."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.clock import Clock

from ..cooler import Cooled
from ..detector import reach
from ..magneto.ccd import Sensor
from ..magneto.cosmics import Cosmics
from ..noise import Floats, generator
from .fired import Fired
from .glow import Glow
from .source import Source

_EARLY = 1e-9
"""s: an exposure that a trigger begins has the trigger's pulse."""


class Camera(Cooled):
    """A cooled CCD with all rows binned; an exposure's noise follows from the seed and its times alone.

    Args:
        glow: the light on it.
        source: whose pulses trigger it.
        fired: the diary of those that reach the film.
        sensor: what photons become; its `quantum_efficiency` is 1, because light comes in electrons.
        cosmics: that hit it.
        pixels: of the binned line.
        seed: of the world.
        lock: of the world.
        clock: of the world.
    """

    def __init__(
        self,
        glow: Glow,
        source: Source,
        fired: Fired,
        sensor: Sensor,
        cosmics: Cosmics,
        pixels: int,
        seed: int,
        lock: threading.RLock,
        clock: Clock,
    ) -> None:
        super().__init__(clock.now(), lock)
        self.pixels, self.full_scale = pixels, sensor.full_scale
        self._glow, self._source, self._fired, self._sensor, self._cosmics = glow, source, fired, sensor, cosmics
        self._seed, self._clock = seed, clock

    def spectrum(self, t0: float, t1: float) -> NDArray[np.int64]:
        """Return one exposure, fully binned, in counts, shape (pixels,); clock time in s, t1 not in the future.

        Raises:
            UsageError: an exposure that ends in the future.
        """
        found: NDArray[np.int64] = self.spectra([(t0, t1)])[0]
        return found

    def spectra(self, windows: Sequence[tuple[float, float]]) -> NDArray[np.int64]:
        """Return exposures as `spectrum` does one, in less time for many; one after the other, shape (n, pixels).

        Raises:
            UsageError: as for `spectrum`.
        """
        with self._lock:
            return np.array(
                [self._read(light, *window) for light, window in zip(self._light(windows), windows, strict=True)]
            )

    def expected(self, t0: float, t1: float) -> Floats:
        """Return the mean electrons that the pulses of [t0, t1) leave in each pixel, shape (pixels,).

        Raises:
            UsageError: as for `spectrum`.
        """
        with self._lock:
            found: Floats = self._light([(t0, t1)])[0]
            return found

    def triggers(self, t0: float, t1: float) -> Floats:
        """Return when pulses left the picker in (t0, t1], whether or not they went on to the film; s, shape (n,).

        Raises:
            UsageError: a window that ends in the future.
        """
        with self._lock:
            reach(self._fired, self._clock.now(), t0, t1)
            numbers = self._source.leaving(math.nextafter(t0, math.inf), math.nextafter(t1, math.inf))
            return self._source.times(numbers)

    def _light(self, windows: Sequence[tuple[float, float]]) -> Floats:
        for t0, t1 in windows:
            reach(self._fired, self._clock.now(), t0, t1)
        return self._glow.electrons([(t0 - _EARLY, t1 - _EARLY) for t0, t1 in windows])

    def _read(self, light: Floats, t0: float, t1: float) -> NDArray[np.int64]:
        rng = generator(self._seed, f"camera/{float(t0)!r}/{float(t1)!r}")
        return self._sensor.read(light, max(0.0, t1 - t0), self.celsius(t1), rng, self._cosmics.electrons(t0, t1))
