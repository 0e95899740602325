"""The table of an ASE run as its steps see it: set a fluence in the dark, fire a burst, get a row."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.roles import Spectrum
from perovskite_meas.core.units import show

from ._ase_burst import Bursts
from ._ase_counted import SPARE, Burst, Taking, in_the_dark
from ._ase_range import Range
from ._ase_roles import NO_ANGLE, PER_SHOT, Roles, Settings
from ._habits import afterwards

Floats = NDArray[np.float64]

log = logging.getLogger(__name__)

_HIT = 3
"""Pixels of one frame that a cosmic ray may fill."""
_BRIGHTER = 1.5
"""Times which the brightest pixel is brighter than the one after so many: a line is wider."""


class Seen(NamedTuple):
    """One exposure: the row, and what the next steps of the run want to know of it."""

    row: dict[str, Any]
    fluence: float
    """Measured, in J/cm^2."""
    signal: float
    """Counts of all pixels above dark per pulse, as without a filter."""
    sigma: float
    """Of `signal`, by the camera's noise."""
    saturated: bool


class Table:
    """Makes rows of exposures.

    Args:
        roles: of the bench.
        settings: of the recording.
        codes: of the procedure's column `series`.
        ranges: chooses filters.
    """

    def __init__(self, roles: Roles, settings: Settings, codes: Mapping[str, int], ranges: Range) -> None:
        self.roles, self._settings, self._codes, self.ranges = roles, settings, codes, ranges
        self._bursts = Bursts(
            roles.pulse, roles.shutter, roles.meter, roles.ledger, roles.clock, roles.spectrometer
        )  # fmt: skip
        self._started = roles.clock.now()
        self._triggered = settings.recording == PER_SHOT
        self._room = settings.shots + SPARE
        pixels = roles.spectrometer.pixels()
        self._wavelength: Floats = np.zeros(pixels)
        self._darks: list[Floats] = []
        self._scale = roles.attenuator.fluence(1.0)
        self._rate, self._slowest, self._length, self._angle = 0.0, 0.0, 0.0, NO_ANGLE
        self._place = (0, 0.0, 0.0)
        self.near = 0.0
        """Where the stripe begins, in mm."""

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Block and hold now, and again however the block ends, and then move the film back to its first spot."""
        with self._bursts.in_the_dark(), afterwards(self._back):
            yield

    def begin(self) -> None:
        """Check the laser, set its rate, turn to the least light and to the lightest filter; all in the dark."""
        self.roles.pulse.state()
        self.roles.attenuator.minimum()
        self.set_rate(self._settings.rate)
        self.ranges.insert(0)
        self._wavelength = np.asarray(self.roles.spectrometer.wavelengths(), np.float64)

    def set_rate(self, hertz: float) -> None:
        """Have pulses at this rate, or at the highest of which meter and camera see every one. In the dark."""
        fastest = [hertz, self.roles.meter.fastest()]
        if self._triggered:
            fastest.append(1 / (self._settings.exposure + self.roles.spectrometer.frame_time()))
        self._rate = self.roles.pulse.set_rate(min(fastest))
        if self._rate < 0.99 * hertz:
            log.warning(
                "the rate is %s, not %s: laser, meter and camera together allow no more",
                show(self._rate, "Hz"),
                show(hertz, "Hz"),
            )
        self._slowest = self._slowest or self._rate

    def set_stripe(self, length: float, near: float = 0.0) -> None:
        """Put the blades so that the stripe reaches from `near` mm over `length` mm. In the dark."""
        roles = self.roles
        start = 0.0 if roles.near is None else roles.near.move_to(near)
        if roles.slit is not None:
            self._length = roles.slit.move_to(start + length) - start
        self.near = start

    def turn(self, degrees: float) -> None:
        """Turn the analyser, where there is one."""
        if self.roles.analyser is not None:
            self._angle = self.roles.analyser.set_angle(degrees)

    def go(self, spot: int, x: float = 0.0, y: float = 0.0) -> None:
        """Move the film to a spot, at x, y in um from where the run started. In the dark."""
        if self.roles.scanner is not None:
            self.roles.scanner.move_to(x, y)
            self._place = spot, x, y

    def dark(self) -> dict[str, Any]:
        """Return a row with frames without a pulse."""
        taking = self._taking(self._settings.shots)
        number = self._settings.shots if self._triggered else 1
        row = self._opening("dark", 0.0)
        with self.roles.spectrometer.armed(number, taking.seconds, triggered=False) as armed:
            self.roles.clock.sleep(number * (taking.seconds + self.roles.spectrometer.frame_time()))
            frames = in_the_dark(armed.read())
        self._darks += [_without_hits(shown(frame)) for frame in frames]
        return row | self._frames(frames)

    def expose(self, series: str, fluence: float, shots: int | None = None, drive: float | None = None) -> Seen:
        """Set a fluence in the dark, fire a burst and return what was seen.

        Args:
            series: word of the procedure's column.
            fluence: J/cm^2.
            shots: pulses; None for the procedure's own number.
            drive: what the ranges go by; None for the fluence.

        Raises:
            HardwareFault: the laser, the meter, the picker or the camera is not as it should be.
        """
        roles, number = self.roles, self._settings.shots if shots is None else shots
        roles.pulse.state()
        reached = roles.attenuator.set_fluence(fluence)
        roles.meter.expect(reached / self._scale)
        row = self._opening(series, fluence)
        burst = self._bursts.fire(number, reached / self._scale, self._rate, self._taking(number))
        row |= self._pulses(burst) | self._frames(burst.frames) | {"paired": int(burst.paired)}
        return self._seen(row, burst, fluence if drive is None else drive)

    def _back(self) -> None:
        with self._bursts.in_the_dark():
            if self.roles.scanner is not None:
                self.roles.scanner.on_emitter()

    def _taking(self, shots: int) -> Taking:
        if self._triggered:
            return Taking(self._room, self._settings.exposure, True)
        # One length for all, so that one dark serves all.
        longest, slowest = max(shots, self._settings.shots), min(self._rate, self._slowest)
        return Taking(1, (longest + 1) / slowest + self._settings.overhead, False)

    def _opening(self, series: str, fluence: float) -> dict[str, Any]:
        spot, x, y = self._place
        nothing = np.zeros(self._room)
        return {
            "series": self._codes[series],
            "time": self.roles.clock.now() - self._started,
            "fluence_set": fluence,
            "fluence": 0.0,
            "fluences": nothing,
            "heads": nothing,
            "shots": 0,
            "uncertain": 0,
            "paired": 0,
            "wavelength": self._wavelength,
            "transmission": self.ranges.transmission,
            "step": self.ranges.step,
            "rate": self._rate,
            "spot": spot,
            "x": x,
            "y": y,
            "shots_before": self.roles.ledger.shots(),
            "dose": self.roles.ledger.dose(),
            "length": self._length,
            "analyser": self._angle,
        }

    def _pulses(self, burst: Burst) -> dict[str, Any]:
        fluences = np.array([self.roles.attenuator.fluence(joule) for joule in burst.shots.energies])
        return {
            "fluence": float(fluences.mean()),
            "fluences": self._padded(fluences),
            "heads": self._padded(burst.shots.heads),
            "shots": len(fluences),
            "uncertain": burst.uncertain,
        }

    def _frames(self, frames: list[Spectrum]) -> dict[str, Any]:
        room = self._room if self._triggered else 1
        spectra = np.zeros((room, self._wavelength.size), np.float32)
        for place, frame in enumerate(frames[:room]):
            spectra[place] = shown(frame)
        return {
            "spectra": spectra,
            "frames": min(len(frames), room),
            "exposure": frames[0].exposure if frames else 0.0,
            "saturated": max((frame.saturated for frame in frames), default=0),
            "sensor": frames[0].sensor if frames else 20.0,
        }

    def _seen(self, row: dict[str, Any], burst: Burst, drive: float) -> Seen:
        number = max(row["shots"], 1)
        light = np.array([shown(frame) for frame in burst.frames] or [np.zeros(self._wavelength.size)])
        light = _without_hits(light - (np.mean(self._darks, axis=0) if self._darks else 0.0))
        through = self.ranges.transmission * number
        gathered = 1 if self._triggered else number
        full = bool(row["saturated"])
        self.ranges.tell(drive, float(light.max()), gathered, saturated=full)
        noise = self._noise() * np.sqrt(len(light)) / through
        return Seen(row, row["fluence"], float(light.sum()) / through, float(noise), full)

    def _noise(self) -> float:
        """Return the 1-sigma of all pixels of one frame together, by the difference of two dark ones."""
        if len(self._darks) < 2:
            return 0.0
        first, second = self._darks[:2]
        return float((first - second).std() / np.sqrt(2) * np.sqrt(first.size))

    def _padded(self, numbers: Floats) -> Floats:
        padded = np.zeros(self._room)
        padded[: min(self._room, numbers.size)] = numbers[: self._room]
        return padded


def _without_hits(counts: Floats) -> Floats:
    """Return frames, shape (..., pixels), in which the few pixels that a cosmic ray fills are no brighter than others.

    For the choice of filters and the watch for damage alone; the rows keep what was read.
    """
    base = np.median(counts, axis=-1, keepdims=True)
    others = np.partition(counts, -1 - _HIT, axis=-1)[..., -1 - _HIT, None]
    return np.minimum(counts, base + _BRIGHTER * (others - base))


def shown(frame: Spectrum) -> Floats:
    """Return the counts of a frame, shape (pixels,); zeros in a dry run, where nobody knows them."""
    counts = np.asarray(frame.counts, np.float64)
    return counts if np.isfinite(counts).all() else np.zeros_like(counts)
