"""The optical table of a Michelson scan as its steps see it: move, set the power, take a burst, get a row."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from perovskite_meas.core.delay_scale import LIGHT
from perovskite_meas.core.errors import HardwareFault
from perovskite_meas.core.roles import (
    Attenuator,
    Clock,
    DelayLine,
    DelayReading,
    Ledger,
    PowerMeter,
    ReferenceLight,
    Scanner,
    Shutter,
)
from perovskite_meas.photons.fringes import Overlap, fringe_stretch, sweeps_visibility

from ._habits import set_power
from ._michelson_bursts import Burst, Recorder

Floats = NDArray[np.float64]

SERIES: Mapping[str, int] = {
    "on": 0,
    "check": 1,
    "dark": 2,
    "reference": 3,
    "zero": 4,
    "arm_a": 5,
    "arm_b": 6,
    "power": 7,
    "off_emitter": 8,
}
UNKNOWN = -1.0
_CERTAIN = 20.0
"""Photons whose absence is no chance (2e-9)."""
_METERED = 0.1
"""s of one power reading."""
_ON_SAMPLE = ("on", "check", "arm_a", "arm_b", "power", "off_emitter")
_ARMS: Mapping[str, str] = {"dark": "", "arm_a": "a", "arm_b": "b", "power": "a"}


@dataclass(frozen=True)
class Roles:
    """What there is on the table."""

    shutter: Shutter
    delay: DelayLine
    clock: Clock
    ledger: Ledger
    shutter_a: Shutter | None
    shutter_b: Shutter | None
    attenuator: Attenuator | None
    meter: PowerMeter | None
    reference: ReferenceLight | None
    scanner: Scanner | None

    def can_block(self, arm: str) -> bool:
        """Return whether an arm, 'a' or 'b', can be blocked."""
        return (self.shutter_a if arm == "a" else self.shutter_b) is not None


class Table:
    """Takes bursts and makes rows of them; knows zero delay and the live visibility of each delay so far.

    Args:
        roles: of the bench.
        recorder: takes the photons.
        wavelength: of the laser in vacuum, in nm.
        rows: sweeps that every row holds, used or not.
    """

    def __init__(self, roles: Roles, recorder: Recorder, wavelength: float, rows: int) -> None:
        self.roles, self._recorder = roles, recorder
        self._period = wavelength * 1e-3 / LIGHT
        self._rows = rows
        self._started = roles.clock.now()
        self._power = 0.0
        self._asked = 0.0
        self._reading = DelayReading(0.0, 0.0, 0.0)
        self._stretch, self._clearest = 1.0, 0.3
        self._backgrounds: dict[str, float] = {}
        self._seen: list[tuple[float, float]] = []
        self.zero, self.zero_sigma = 0.0, UNKNOWN
        self.blank = False
        """Whether the last burst recorded nothing at all."""

    def begin(self) -> None:
        """Block all light and put the spot on the emitter."""
        for shutter in (self.roles.shutter, self.roles.shutter_a, self.roles.shutter_b):
            if shutter is not None:
                shutter.block()
        if self.roles.scanner is not None:
            self.roles.scanner.on_emitter()

    def set_power(self, watt: float) -> None:
        """Set the power at the sample, in W; 0 is the least. In the dark."""
        self._power = watt
        set_power(self.roles.attenuator, watt)

    def move(self, delay: float) -> None:
        """Move to a delay in ps from zero delay as it is known so far; what was seen at the last one is forgotten."""
        self._asked = delay + self.zero
        self._reading = self.roles.delay.move_to(self._asked)
        self._seen = []

    def found_zero(self, overlap: Overlap | None) -> None:
        """Take note of zero delay, or of None where it is not known."""
        if overlap is not None:
            self.zero, self.zero_sigma = overlap.zero, overlap.zero_sigma

    def row(self, series: str, sweeps: int) -> dict[str, Any]:
        """Take one burst of a series and return its row.

        Raises:
            HardwareFault: an axis, the tagger or a detector failed.
        """
        roles, lit = self.roles, series in _ON_SAMPLE
        before = self._metered()
        begun, dose = roles.clock.now() - self._started, roles.ledger.dose()
        burst = self._recorder.take(self._light(series), sweeps, 1 + SERIES[series])
        power = (before + self._metered()) / 2 if lit else before
        self.blank = burst.blank
        if lit:
            self._require_signal(burst)
        per_um, reading = roles.delay.scale().per_length, self._reading
        fine_delay = burst.positions * per_um
        visibility, sigma = self._visibility(series, burst, fine_delay)
        counts, monitor = self._padded(burst.counts), self._padded(burst.monitor)
        return {
            "series": SERIES[series],
            "time": begun,
            "delay_set": self._asked,
            "delay": reading.delay - reading.fine * per_um * 1e-3,
            "coarse": reading.coarse,
            "fine": reading.fine,
            "zero": self.zero,
            "zero_sigma": self.zero_sigma,
            "power_set": self._power,
            "power": power,
            "dose": dose,
            "sweeps": len(burst.starts),
            "exposure": burst.exposure,
            "point_time": burst.times,
            "position": burst.positions,
            "fine_delay": fine_delay,
            "sweep_start": np.pad(burst.starts, (0, self._rows - len(burst.starts))),
            "counts": counts,
            "monitor": monitor,
            "visibility_running": visibility,
            "visibility_sigma": sigma,
        }

    @contextmanager
    def _light(self, series: str) -> Iterator[None]:
        """Let the light of a series in: the arms before the main shutter, which so is the last to open."""
        roles = self.roles
        arms = _ARMS.get(series, "ab")
        with ExitStack() as opened:
            if series == "reference" and roles.reference is not None:
                opened.enter_context(roles.reference.shining())
            for arm, shutter in (("a", roles.shutter_a), ("b", roles.shutter_b)):
                if arm in arms and shutter is not None:
                    opened.enter_context(shutter.exposure())
            if series in _ON_SAMPLE:
                opened.enter_context(roles.shutter.exposure())
            yield

    def _metered(self) -> float:
        return self._power if self.roles.meter is None or not self._power else self.roles.meter.read(_METERED).power

    def _require_signal(self, burst: Burst) -> None:
        """Refuse a detector that counts nothing where even its dark counts would have been many."""
        dark = self._backgrounds.get("dark", 0.0)
        if burst.blank or burst.counts.any() or dark * burst.exposure * burst.counts.size < _CERTAIN:
            return
        raise HardwareFault(
            "the signal input of the tagger counted nothing in a whole burst with light on the sample, where it had "
            f"counted {dark:.3g} cps in the dark: check that detector, its power and its cable"
        )

    def _padded(self, array: Floats) -> Floats:
        return np.pad(array, ((0, self._rows - len(array)), (0, 0)))

    def _visibility(self, series: str, burst: Burst, fine_delay: Floats) -> tuple[float, float]:
        """Return the visibility of this delay so far and its 1-sigma; -1, -1 where there is none to tell."""
        phase = 2 * math.pi * fine_delay / self._period
        if series == "zero" and not burst.blank:
            # Nothing is known of the scale of the fine axis yet; near zero delay the fringes themselves tell it.
            stretch = fringe_stretch(phase, burst.monitor.sum(axis=0))
            found = sweeps_visibility(stretch * phase, burst.monitor)
            if found[0] > self._clearest:
                self._stretch, self._clearest = stretch, found[0]
            return found
        rate = float(burst.counts.mean()) / burst.exposure
        if series in ("dark", "off_emitter"):
            self._backgrounds[series] = rate
        if series not in ("on", "check"):
            return UNKNOWN, UNKNOWN
        background = self._backgrounds.get("off_emitter", self._backgrounds.get("dark", 0.0)) * burst.exposure
        if not math.isfinite(rate):
            return UNKNOWN, UNKNOWN
        found = sweeps_visibility(self._stretch * phase, burst.counts, background)
        if found[1] > 0:
            self._seen.append(found)
        if not self._seen:
            return UNKNOWN, UNKNOWN
        values, sigmas = np.array(self._seen).T
        weights = sigmas**-2
        return math.sqrt(float((weights * values**2).sum() / weights.sum())), float(weights.sum() ** -0.5)
