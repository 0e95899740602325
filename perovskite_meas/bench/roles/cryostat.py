"""The cryostat: a temperature, watched."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

from ...core.cryogenics import CryostatReading
from ...core.errors import HardwareFault, ReplyError, UsageError
from ...core.units import show
from ..attempt import finish, in_words
from ..calibrations import Calibration, quantity
from ..handle import Handle
from .base import Option, PlannedHandle, RoleAdapter, RoleSpec, Table
from .thermometers import SetPoint, Thermometer
from .unread import drop_unread

_POLL = 1.0
"""s; the longest wait between two looks."""
_LAG = 120.0
"""s that a sample takes to follow its set point, in a dry run."""
_COLD = 4.0
"""K; what a dry run takes for the temperature before anybody names one."""


def _impossible_cryostat(options: Mapping[str, Any], calibrations: Mapping[str, Calibration]) -> dict[str, str]:
    """Return which of the options cannot be."""
    found = {}
    if not options["tolerance"] or not options["tolerance"] > 0:
        found["tolerance"] = "must be above 0 K"
    low, high = options["minimum"], options["maximum"]
    if low is not None and high is not None and not low < high:
        found["maximum"] = f"must be above the minimum of {low:g} K; got {high:g} K"
    if options["minimum_helium"] is not None and options["minimum_helium"] > 1:
        found["minimum_helium"] = f"must be at most 100 %; got {options['minimum_helium']:.0%}"
    if options["rate"] is not None and not options["rate"] > 0:
        found["rate"] = "must be above 0 K/min"
    return found


class CryostatAdapter(RoleAdapter):
    """Watches temperature and helium; changes the temperature only where the bench names a set point and its caps."""

    options: ClassVar = {
        "use": Option("target", "temperature of the sample, in K", required=True),
        "setpoint": Option("target", "set point of its regulation, in K"),
        "helium": Option("target", "helium level, in percent"),
        "minimum": Option("quantity", "lowest set point", unit="K", default=0.0, least=0),
        "maximum": Option("quantity", "highest set point", unit="K", least=0),
        "rate": Option("quantity", "fastest change of the set point", unit="K/min", least=0),
        "tolerance": Option("quantity", "how far the reading may be off", unit="K", default=0.02),
        "settle": Option("quantity", "for how long it must be within", unit="s", default=60.0, least=0),
        "samples": Option("quantity", "in how many readings at least", default=10, least=1),
        "timeout": Option("quantity", "longest wait beyond the ramp", unit="s", default=1800.0, least=1),
        "minimum_helium": Option("quantity", "least level", default=0.1, least=0),
    }
    verbs: ClassVar = ("hold",)
    checks: ClassVar = (_impossible_cryostat,)

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        self._thermometer = Thermometer(self.handles["use"], self.label)
        self._setpoint: SetPoint | None = None
        if "setpoint" in self.handles:
            rate, maximum = self.option("rate"), self.option("maximum")
            if rate is None or maximum is None:
                raise UsageError(
                    "a set point needs its caps: state rate (fastest change, e.g. 5 K/min) and maximum (e.g. 320 K)"
                )
            self._setpoint = SetPoint(self.handles["setpoint"], self.clock, rate / 60)

    def begin(self) -> None:
        """Start with no reply unread: one that a Ctrl-C left would be taken for the next."""
        with in_words(self.label):
            for handle in self.handles.values():
                drop_unread(handle.owner)

    def read(self) -> CryostatReading:
        """Return temperature and helium level.

        Raises:
            HardwareFault: the thermometer says that its reading means nothing.
        """
        with in_words(self.label):
            return CryostatReading(self._thermometer.read(), self._level())

    def settle_at(self, kelvin: float) -> CryostatReading:
        """Go to a temperature in K, wait until it has settled, and return the last reading.

        Raises:
            UsageError: beyond the caps, or the bench names no set point and it is not there; nothing has been set.
            HardwareFault: no helium, no valid reading, or not there in time; the set point stays where it then is.
        """
        self._check(kelvin)
        found = self.read()
        if self._setpoint is None:
            if not self._within(found.temperature, kelvin):
                raise UsageError(
                    f"{self.label}: the sample is at {show(found.temperature, 'K')} and the bench names no set point "
                    f"to bring it to {show(kelvin, 'K')}; set it by hand, or state setpoint, rate and maximum"
                )
            return self._settled(kelvin)
        try:
            with in_words(self.label):
                self._setpoint.go(found.temperature, kelvin, self._watched)
            return self._settled(kelvin)
        except BaseException as error:
            finish({"the set point could not be stopped": self.hold}, error)
            raise

    def require_steady(self, kelvin: float) -> CryostatReading:
        """Return the reading if it is within the bench's tolerance of `kelvin` and there is enough helium.

        Raises:
            HardwareFault: it is not; says by how much.
        """
        found = self._watched()
        if not self._within(found.temperature, kelvin):
            off, tolerance = found.temperature - kelvin, self.option("tolerance")
            raise HardwareFault(
                f"{self.label}: the sample is at {found.temperature:.4f} K, {show(abs(off), 'K')} "
                f"{'above' if off > 0 else 'below'} the {kelvin:g} K of this run, but the tolerance is "
                f"{show(tolerance, 'K')}; look at what heats it (loop, cryogen, ramps of the magnet) and let it "
                "settle, or state a wider tolerance"
            )
        return found

    def hold(self) -> None:
        """Leave the temperature as it is: a set point on its way stops."""
        if self._setpoint is not None:
            self._setpoint.stop()

    def facts(self) -> dict[str, Any]:
        """Return how far a temperature may be off, and the least helium where it is watched."""
        found = {"tolerance": quantity((self.option("tolerance"), 0.0), "K")}
        if "helium" in self.handles:
            found["minimum_helium"] = quantity((self.option("minimum_helium") * 100, 0.0), "percent")
        return found

    def _settled(self, kelvin: float) -> CryostatReading:
        """Wait for enough consecutive readings within the tolerance."""
        seconds, samples, timeout = self.option("settle"), self.option("samples"), self.option("timeout")
        began = self.clock.now()
        since, count = began, 0
        while True:
            found, now = self._watched(), self.clock.now()
            inside = self._within(found.temperature, kelvin)
            since, count = (since if count else now, count + 1) if inside else (now, 0)
            if count >= samples and now - since >= seconds:
                return found
            if now - began > seconds + timeout:
                raise HardwareFault(
                    f"{self.label}: did not settle at {kelvin:g} K within {now - began:.0f} s: last "
                    f"{found.temperature:.4f} K, tolerance {show(self.option('tolerance'), 'K')}; look at heater "
                    "range, cooling power and the loop's PID, or state a longer timeout"
                )
            self.clock.sleep(min(_POLL, max(seconds / samples, 0.05)))

    def _watched(self) -> CryostatReading:
        """Return the reading, if there is enough helium."""
        found = self.read()
        least = self.option("minimum_helium") * 100
        if "helium" in self.handles and not found.helium >= least:
            raise HardwareFault(
                f"{self.label}: helium is at {found.helium:.1f} %, below the {least:g} % of the bench "
                "(minimum_helium); refill before going on: a magnet that runs dry quenches"
            )
        return found

    def _level(self) -> float:
        if "helium" not in self.handles:
            return -1.0
        found = float(self.handles["helium"].get())
        if not (math.isfinite(found) and -5 <= found <= 120):
            raise ReplyError(
                f"{self.label}: {self.handles['helium'].name} reads {found:g}; expected a level in percent"
            )
        return found

    def _within(self, found: float, kelvin: float) -> bool:
        return bool(abs(found - kelvin) <= self.option("tolerance"))

    def _check(self, kelvin: float) -> None:
        low, high = self.option("minimum"), self.option("maximum")
        high = math.inf if high is None else high
        if not (math.isfinite(kelvin) and low <= kelvin <= high):
            self._refuse(
                abs(kelvin),
                f"{self.label}: {kelvin:g} K is outside {low:g} K to {high:g} K (`minimum`, `maximum`); ask for a "
                "temperature inside",
            )

    def _refuse(self, how_far: float, text: str) -> None:
        raise UsageError(text)


class PlannedCryostat(CryostatAdapter):
    """The same in a dry run: always at the temperature that was asked for; what is beyond the caps is noted."""

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        self._here: float | None = None

    def planned(self, option: str, dotted: str, table: Table) -> Handle:
        """Return a handle that is never asked."""
        return PlannedHandle(dotted, table.clock)

    def begin(self) -> None:
        """Nothing is there to be asked."""

    def read(self) -> CryostatReading:
        """Return the planned temperature."""
        self.clock.sleep(0.05)
        return CryostatReading(_COLD if self._here is None else self._here, self._level())

    def settle_at(self, kelvin: float) -> CryostatReading:
        """Let the time of the change pass; the first temperature of a plan is taken for the present one."""
        self._check(kelvin)
        seconds = self.option("settle")
        if self._setpoint is not None and self._here not in (None, kelvin):
            seconds += abs(kelvin - (self._here or kelvin)) / self.option("rate") * 60 + _LAG
        elif self._setpoint is None and self._here is not None and not self._within(self._here, kelvin):
            self._refuse(kelvin, f"{self.label}: no set point brings the sample from {self._here:g} K to {kelvin:g} K")
        self.clock.sleep(seconds)
        self._here = kelvin
        return self.read()

    def remarks(self) -> list[str]:
        """Return at what temperature the sample must be by hand."""
        if self._setpoint is not None or self._here is None:
            return []
        return [f"the sample is at {self._here:g} K already ({self.role.name} has no setpoint to bring it there)"]

    def require_steady(self, kelvin: float) -> CryostatReading:
        """Take it to be steady."""
        self._here = kelvin
        return self.read()

    def hold(self) -> None:
        """Nothing moves."""

    def _level(self) -> float:
        return 100.0 if "helium" in self.handles else -1.0

    def _refuse(self, how_far: float, text: str) -> None:
        self.guard.note(f"temperature of {self.role.name}", how_far, text)


CryostatAdapter.twin = PlannedCryostat
