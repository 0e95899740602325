"""The pulsed laser: what it says of itself, its pulse picker, and the gate that holds all pulses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from ...core.errors import HardwareFault, LimitError, UsageError
from ...core.pulses import PulseState
from ...core.units import show
from ..attempt import Bracket, attempt, in_words
from ..calibrations import Calibration, PulseCalibration, quantity
from ..handle import Handle
from .base import Option, PlannedHandle, RoleAdapter, RoleSpec, Table
from .laser_checks import LaserChecks
from .pulse_rate import PulseRate, divider_for
from .words import same_word

_SLACK = 1.02
"""A laser without divider may be so much faster than what was asked for: its rate is what it is."""


def _impossible(options: Mapping[str, Any], calibrations: Mapping[str, Calibration]) -> dict[str, str]:
    """Return which of the options cannot be."""
    found = {}
    if same_word(options["open"], options["closed"]):
        found["closed"] = f"`closed` is the same word as `open`, {options['open']!r}; state what holds the pulses"
    for name in ("maximum_rate", "base_rate"):
        if options[name] is not None and not options[name] > 0:
            found[name] = "must be above 0 Hz"
    return found


class PulseAdapter(RoleAdapter):
    """Holds and releases the pulses by one parameter and divides their rate by another.

    A run begins with the pulses held; a procedure that does not ask for the role finds them released.
    """

    options: ClassVar = {
        "use": Option("target", "gate that holds all pulses or lets them out"),
        "open": Option("setting", "its value for letting them out", default="open"),
        "closed": Option("setting", "its value for holding them", default="closed"),
        "settle": Option("quantity", "wait after each change of the gate", unit="s", default=0.0, least=0),
        "frequency": Option("target", "pulses per second that leave the picker, in Hz"),
        "divider": Option("target", "every how many pulses of the laser one is let out"),
        "base": Option("target", "pulses per second before the picker, in Hz"),
        "base_rate": Option("quantity", "the same, where the laser does not tell", unit="Hz"),
        "maximum_rate": Option("quantity", "highest rate that may be set", unit="Hz"),
        "wavelength": Option("target", "of the pulses at the sample, in nm"),
        "tolerance": Option("quantity", "how far it may be off", unit="nm", default=2.0, least=0),
        "locked": Option("target", "whether the laser is mode-locked"),
        "faults": Option("target", "faults of the laser as text or list; empty where there are none"),
        "duration": Option("target", "of the pulses that leave the laser, in fs"),
        "stretch": Option("quantity", "share by which it may differ from the calibration", default=0.5, least=0),
    }
    verbs: ClassVar = ("hold",)
    checks: ClassVar = (_impossible,)

    def __init__(self, role: RoleSpec, table: Table) -> None:
        if not isinstance(table.calibrations.get("pulse"), PulseCalibration):
            raise UsageError(
                "a pulsed laser is held to its nominal pulses: state calibrations.pulse, e.g. pulse: {date: ..., "
                "repetition_rate: 10 Hz, duration: 100 fs, shape: gauss, wavelength: 800 nm}"
            )
        if "divider" in role.targets and "base" not in role.targets and role.options["base_rate"] is None:
            raise UsageError(
                "`divider` divides a rate that must be known: name the parameter that tells it as `base`, or state "
                "`base_rate`, e.g. base_rate: 1 kHz"
            )
        super().__init__(role, table)
        self._gate = self.handles.get("use")

    @property
    def label(self) -> str:
        """Name of the role and of what stands behind it, for messages."""
        targets = self.role.targets
        shown = targets.get("use") or next(iter(targets.values()), "no parameters")
        return f"{self.role.name} ({shown}, {self.role.source})"

    def begin(self) -> None:
        """Start every run with the pulses held, and count them from now on."""
        self.guard.pulses.counted = True
        self.guard.pulses.rate_is(None)
        with in_words(self.label):
            held = self._gate is not None and same_word(self._gate.get(), self.option("closed"))
        self.guard.pulses.held = held
        if not held:
            self.hold()

    def stand_by(self) -> None:
        """Let the pulses out for a procedure that knows nothing of them: held, they would give it no light.

        Its light is then booked by time. Where the laser refuses they stay held, which harms no lamp and no dark run.
        """
        pulses = self.guard.pulses
        pulses.counted = False
        attempt(self._release)
        attempt(lambda: pulses.rate_is(self._rates().read()))

    def state(self) -> PulseState:
        """Ask the laser how it is, and return the pulses that it gives.

        Raises:
            HardwareFault: it has a fault, is not mode-locked, or rate, wavelength or duration are not those stated.
        """
        nominal = self._nominal()
        with in_words(self.label):
            laser = LaserChecks(self.handles, self.label, self.option("tolerance"), self.option("stretch"))
            laser.require_faultless()
            wavelength = laser.wavelength(nominal)
            laser.check_duration(nominal)
            rate = self._rates().read()
        self.guard.pulses.rate_is(rate)
        return PulseState(rate, nominal.duration[0], wavelength)

    def set_rate(self, hertz: float) -> float:
        """Have the picker let through the highest rate not above `hertz`, and return that rate in Hz. In the dark.

        Raises:
            LimitError: no such rate within what the bench allows.
            UsageError: a shutter is open.
            HardwareFault: the picker did not take the divider.
        """
        if not 0 < hertz < math.inf:
            raise UsageError(f"{self.label}: {hertz} Hz is no rate of pulses; ask for one above 0 Hz")
        self.guard.require_dark(f"the rate of {self.label}")
        maximum = self.option("maximum_rate")
        highest = hertz if maximum is None else min(hertz, maximum)
        with in_words(self.label):
            rate = self._set(highest)
        if rate > highest * _SLACK:
            allowed = "" if maximum is None else f" (`maximum_rate`: {show(maximum, 'Hz')})"
            self._refuse(
                rate,
                f"{self.label}: the laser gives {show(rate, 'Hz')} and has no `divider`, so there is no rate of "
                f"{show(hertz, 'Hz')} or less{allowed}; ask for {show(rate, 'Hz')}, or name the picker's divider",
            )
        self.guard.pulses.rate_is(rate)
        return rate

    def gated(self) -> bool:
        """Return whether the picker can hold all pulses, and so count them out."""
        return self._gate is not None

    def hold(self) -> None:
        """Hold all pulses and confirm it; where the picker cannot, do nothing.

        Raises:
            HardwareFault: it does not report that it holds.
        """
        if self._gate is None:
            return
        closed = self.option("closed")
        self.guard.pulses.held = False
        with in_words(self.label):
            answer = self._told(closed)
        if not same_word(answer, closed):
            raise HardwareFault(
                f"{self.label} was told {closed!r} but reports {answer!r}: the picker does not hold, and pulses may go "
                "on; block the beam by hand, then look at the picker's driver and its trigger"
            )
        self.guard.pulses.held = True

    def releasing(self) -> Bracket[None]:
        """Let pulses out for the duration of a `with` block; held again however the block ends.

        Raises:
            HardwareFault: the gate does not open, or does not report that it holds again.
        """
        return Bracket(self._release, {"the pulses could not be held": self.hold})

    def facts(self) -> dict[str, Any]:
        """Return whether pulses can be held, and what is stated of their rates."""
        found: dict[str, Any] = {"gated": self.gated()}
        stated = {name: self.option(name) for name in ("base_rate", "maximum_rate")}
        return found | {name: quantity((rate, 0.0), "Hz") for name, rate in stated.items() if rate is not None}

    def _nominal(self) -> PulseCalibration:
        found: PulseCalibration = self.calibration("pulse")
        return found

    def _rates(self) -> PulseRate:
        nominal = self._nominal().repetition_rate[0]
        return PulseRate(self.handles, self.label, self.option("base_rate"), nominal)

    def _set(self, highest: float) -> float:
        return self._rates().set(highest)

    def _release(self) -> None:
        if self._gate is None:
            return
        word = self.option("open")
        self.guard.pulses.held = False
        with in_words(self.label):
            answer = self._told(word)
        if not same_word(answer, word):
            raise HardwareFault(
                f"{self.label} was told {word!r} but reports {answer!r}: no pulses come; switch the laser's output on, "
                "and look at its interlock and shutter"
            )

    def _told(self, word: Any) -> Any:
        gate = self.handles["use"]
        gate.set(word)
        self.clock.sleep(self.option("settle"))
        return gate.get()

    def _refuse(self, how_far: float, text: str) -> None:
        raise LimitError(text)


class PlannedPulse(PulseAdapter):
    """The same in a dry run: a faultless laser; any rate may be had where the rate before the picker is not stated."""

    def planned(self, option: str, dotted: str, table: Table) -> Handle:
        """Return a gate that takes 20 ms to confirm a change; all else is never asked."""
        return PlannedHandle(dotted, table.clock, self.role.options["closed"], set_takes=0.01, get_takes=0.01)

    def state(self) -> PulseState:
        """Return the nominal pulses."""
        nominal = self._nominal()
        return PulseState(self.guard.pulses.rate or nominal.repetition_rate[0], nominal.duration[0], nominal.wavelength)

    def _set(self, highest: float) -> float:
        base = self.option("base_rate")
        if "divider" not in self.role.targets:
            return self._nominal().repetition_rate[0]
        return highest if base is None else float(base) / divider_for(base, highest)

    def _refuse(self, how_far: float, text: str) -> None:
        self.guard.note(f"rate of {self.role.name}", how_far, text)


PulseAdapter.twin = PlannedPulse
