"""The guard: knows whether light is on the sample and how much, and keeps it within the limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from ..core.errors import LimitError, UsageError
from ..core.units import show
from .attempt import attempt
from .ledger import EMITTER, DoseLedger
from .limits import Beam, Limit, Limits
from .pulse_light import PulseLight
from .worst_case import WorstCase


class Blockable(Protocol):
    """What the guard needs of a shutter."""

    @property
    def label(self) -> str:
        """Name for messages."""

    def block(self) -> None:
        """Block the light and confirm it."""

    def is_blocking(self) -> bool:
        """Return whether the light is blocked."""


_MEASURED = 0.5
"""Share by which measured pulses may exceed a limit: meters and lasers scatter, and one pulse may be all there is."""

Collect = Callable[[str, float, str, float | None], None]
"""Takes what was broken, how far, the text, and the power at the sample that broke it; a rehearsal goes on."""


class Guard:
    """Keeps the light of one run within the limits.

    Args:
        limits: the bench's limits.
        beam: turns power into fluence and irradiance.
        ledger: books the dose.
        collect: takes broken limits instead of raising them (dry run); None in a run.
    """

    def __init__(self, limits: Limits, beam: Beam, ledger: DoseLedger, collect: Collect | None = None) -> None:
        self.limits = limits
        self.ledger = ledger
        self._beam = beam
        self._collect = collect
        self._shutters: list[Blockable] = []
        self._arms: list[Blockable] = []
        self._open: set[str] = set()
        self._power: float | None = None
        self.pulses = PulseLight(limits, beam, self._refuse)
        """Energy and rate of single pulses, on benches that know them."""
        ledger.watched = self._fired
        self.worst: WorstCase | None = None
        """What is taken for the power wherever that is not known; None where nothing is stated."""
        self.opened = 0
        """Exposures so far."""
        self.max_power = 0.0
        """Highest power of an exposure so far, in W."""

    @property
    def power(self) -> float | None:
        """Power at the sample with the light on, in W, as it was set; None while unknown."""
        return self._power

    @property
    def light(self) -> float | None:
        """What the limits and the ledger take for the power, in W: as set, else the most that is stated."""
        if self._power is not None and math.isfinite(self._power):
            return self._power
        of_pulses = self.pulses.watt
        if of_pulses is not None and self.pulses.energy is not None:
            return of_pulses
        return max((found for found in (of_pulses, self.worst and self.worst.level) if found is not None), default=None)

    @property
    def light_on(self) -> bool:
        """True while an exposure lasts."""
        return bool(self._open)

    def add_shutter(self, shutter: Blockable, *, arm: bool = False) -> None:
        """Make this shutter one that blocks when a limit is reached.

        Args:
            shutter: it.
            arm: True where another shutter stands between it and the sample: opening it alone puts no light there.
        """
        (self._arms if arm else self._shutters).append(shutter)

    def power_is(self, watt: float | None) -> None:
        """Take note of the power at the sample; None where it is not known, and the worst is assumed."""
        self._power = watt
        if watt is None:
            self.pulses.energy_is(None)
        elif self._open and not self.pulses.counted:
            self.ledger.shine(watt)

    def check_power(self, watt: float, slack: float = 1e-9, why: str = "") -> None:
        """Refuse a power at the sample that breaks a limit by more than the share `slack`; `why` ends the message.

        Raises:
            LimitError: it does; the light is off.
        """
        limits, over = self.limits, 1 + slack
        if limits.average_power is not None and watt > limits.average_power.value * over:
            self._refuse(limits.average_power, watt, " at the sample", why, watt)
        if limits.fluence is not None and (fluence := self._beam.fluence(watt) or 0.0) > limits.fluence.value * over:
            self._refuse(limits.fluence, fluence, f" of a pulse at {show(watt, 'W')}", why, watt)
        if limits.peak_irradiance is not None:
            irradiance = self._beam.irradiance(watt) or 0.0
            if irradiance > limits.peak_irradiance.value * over:
                self._refuse(limits.peak_irradiance, irradiance, f" at {show(watt, 'W')}", why, watt)

    def check_rate(self, rate: float, who: str) -> None:
        """Refuse a registered count rate in cps that endangers the detector.

        Raises:
            LimitError: it does; the light is off.
        """
        limit = self.limits.count_rate
        if limit is not None and rate > limit.value:
            self._refuse(limit, rate, f" on {who}")

    def watch(self, ahead: float = 0.0) -> None:
        """Refuse to go on for `ahead` s if the emitter has then taken more than its dose.

        Where pulses are counted every spot has its dose, and none come while they are held.

        Raises:
            LimitError: it has; the light is off.
        """
        limit, spot, counted = self.limits.dose, self.ledger.spot, self.pulses.counted
        if limit is None or (spot != EMITTER and not counted):
            return
        dark = not self._open or (counted and self.pulses.held)
        coming = 0.0 if dark else (self.light or 0.0) * ahead
        dose = self.ledger.dose_on(spot) + (self._beam.dose(coming) or 0.0)
        if dose > limit.value:
            self._refuse(limit, dose, " on the emitter" if spot == EMITTER else f" on the spot at {spot} um")

    def require_dark(self, what: str) -> None:
        """Refuse to move `what` unless every shutter (but those of arms) itself reports that it blocks.

        Raises:
            UsageError: one does not.
        """
        for shutter in self._shutters:
            if shutter.label in self._open or not shutter.is_blocking():
                raise UsageError(f"{what} moves only in the dark, but {shutter.label} is open; block it first")

    def open_light(self, shutter: Blockable) -> None:
        """Allow this shutter to open, and book the light from now on; an arm's alone gives none.

        Raises:
            UsageError: the power at the sample is not known, nor the most that it can be.
            LimitError: a limit would be broken.
        """
        if shutter in self._arms:
            return
        watt = self._counted_power(shutter) if self.pulses.counted else self.light
        if watt is None:
            raise UsageError(
                f"{shutter.label} stays closed: the power at the sample is not known, nor the most that it can be; "
                "call attenuator.set_power first, or state `maximum` in calibrations.power_at_sample or at the role "
                "waveplate"
            )
        # The power asked for was held to the limit itself; read back, it may miss by a step of the mount.
        if self.pulses.counted or (self._power != watt and self.pulses.watt == watt):
            self.pulses.check_opening()
        elif watt == self._power:
            self.check_power(watt, slack=0.02)
        else:
            self.check_power(watt, why=f"; {self.worst}")
        self.watch()
        self.opened += 1
        self.max_power = max(self.max_power, watt)
        self._open.add(shutter.label)
        if not self.pulses.counted:
            self.ledger.shine(watt)

    def closed(self, shutter: Blockable) -> None:
        """Take note that this shutter blocks."""
        if shutter in self._arms:
            return
        self._open.discard(shutter.label)
        if not self._open:
            self.ledger.dark()
            if self._collect is not None:
                self.watch()

    def note(self, what: str, how_far: float, text: str, watt: float | None = None) -> None:
        """Take note of another refusal in a dry run; of several of one kind the farthest is kept."""
        if self._collect is not None:
            self._collect(what, how_far, text, watt)

    def _counted_power(self, shutter: Blockable) -> float:
        """Return the average power of the pulses that may come, in W; 0 where their rate is not known."""
        if self.pulses.most is None:
            raise UsageError(
                f"{shutter.label} stays closed: the energy of a pulse at the sample is not known, nor the most that it "
                "can be; call set_energy or set_fluence of the attenuator first, or state `maximum` in a calibration "
                "of kind energy"
            )
        return self.pulses.watt or 0.0

    def _fired(self, joules: float, shots: int) -> None:
        """Hold pulses that were just booked to the limits: on average they may be stronger than what was set."""
        if shots:
            self.pulses.check(joules / shots, slack=_MEASURED, why="; so much was measured: calibrate the attenuator")
        self.watch()

    def _refuse(self, limit: Limit, value: float, where: str, why: str = "", watt: float | None = None) -> None:
        text = limit.breach(value, where) + why
        if self._collect is not None:
            self._collect(limit.name, value, text, watt)
            return
        error = LimitError(text)
        for shutter in (*self._shutters, *self._arms):
            outcome = attempt(shutter.block)
            if outcome.text():
                error.add_note(f"while blocking {shutter.label}: {outcome.text()}")
        raise error
