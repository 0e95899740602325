"""The AMI Model 430, through QCoDeS or PyMeasure.

Commands and state numbers as the drivers of both packages use them; `CURR:SUPP?` is PyMeasure's. Unverified against the
manual: `CONF:PS:PSRR`, the rate of the supply with a cold switch, in A/s.
"""

from __future__ import annotations

from typing import Any, ClassVar

from .base import Fitting, Supply

_STATES = {
    1: "ramping", 2: "holding", 3: "holding", 4: "ramping", 5: "ramping", 6: "ramping", 7: "quench", 8: "holding",
    9: "switching", 10: "switching",
}  # fmt: skip


class Ami430(Supply):
    """An AMI 430 spoken to in its own words, such as PyMeasure's driver behind the bridge.

    The rate is set by hand and not by PyMeasure's `ramp_rate_field`, which holds up to 1 kG only.
    """

    kind: ClassVar[str] = "ami430"

    def __init__(self, owner: Any, field_name: str, fitting: Fitting) -> None:
        super().__init__(owner, field_name, fitting)
        self._talker = getattr(owner, "driver", owner)
        self._unit: float | None = None

    def field(self) -> float:
        """Return the field of the coil, in T; in persistent mode the one that it was left at."""
        return self._number("FIELD:MAG?") * self._tesla()

    def state(self) -> str:
        """Return the state as a word."""
        # A reply that came too late for its question would put all further ones a question behind.
        self.drop_unread()
        found = _STATES.get(int(self._number("STATE?")), "fault")
        if found != "ramping":
            self._unit = None
        return "persistent" if found == "holding" and self._cold() else found

    def start(self, tesla: float, rate: float) -> None:
        """Begin to ramp the coil to a field in T at `rate` T/s."""
        self._set_rate(rate)
        self._go(tesla)

    def hold(self) -> None:
        """Pause."""
        self._talker.write("PAUSE")

    def ceiling(self) -> tuple[float, float]:
        """Return the field of the current limit; a rate limit is not asked for."""
        return self._number("CURR:LIMIT?") * self._number("COIL?") * self._tesla(), float("inf")

    def leads(self) -> float:
        """Return the field to which the supply's current corresponds, in T."""
        return self._number("CURR:SUPP?") * self._number("COIL?") * self._tesla()

    def start_leads(self, tesla: float, rate: float) -> None:
        """Begin to ramp the supply alone; with a cold switch it has a rate of its own."""
        self._talker.write(f"CONF:PS:PSRR {rate / (self._number('COIL?') * self._tesla()):.6g}")
        self._go(tesla)

    def heat(self, on: bool) -> None:
        """Turn the heater of the persistent switch on or off."""
        self._talker.write(f"PS {int(on)}")

    def switch_times(self) -> tuple[float, float] | None:
        """Return the times that the supply itself is set to, in s."""
        return self._number("PS:HTIME?"), self._number("PS:CTIME?")

    def unit(self) -> tuple[float, float]:
        """Return its field unit in T and its time unit in s."""
        return self._tesla(), self._seconds()

    def _go(self, tesla: float) -> None:
        target = tesla / self._tesla()
        self._talker.write("PAUSE")
        self._talker.write(f"CONF:FIELD:TARG {target:.7g}")
        self._verify("target", tesla, self._number("FIELD:TARG?") * self._tesla(), "T")
        self._talker.write("RAMP")

    def _set_rate(self, rate: float) -> None:
        per_second = self._tesla() / self._seconds()
        self._talker.write("CONF:RAMP:RATE:SEG 1")
        self._talker.write(f"CONF:RAMP:RATE:FIELD 1,{rate / per_second:.7g},0")
        understood = float(self._ask("RAMP:RATE:FIELD:1?").split(",")[0])
        self._verify("rate", rate * 60, understood * per_second * 60, "T/min")

    def _cold(self) -> bool:
        # Never remembered: the supply can be told of a switch at its panel.
        return self._fitting.switch and bool(self._number("PS:INST?")) and not self._number("PS?")

    def _tesla(self) -> float:
        """Return what one of its field units is in T; a hand may change that at the panel between ramps."""
        if self._unit is None:
            self._unit = 1.0 if self._number("FIELD:UNITS?") else 0.1
        return self._unit

    def _seconds(self) -> float:
        return 60.0 if self._number("RAMP:RATE:UNITS?") else 1.0

    def _number(self, question: str) -> float:
        return float(self._ask(question))

    def _ask(self, question: str) -> str:
        return str(self._talker.ask(question)).strip()


class QcodesAmi430(Ami430):
    """QCoDeS' `AMIModel430`: rate and target go through the driver, so that its own limits hold too."""

    def ceiling(self) -> tuple[float, float]:
        """Return the field of the current limit, and the driver's own `field_ramp_limit`."""
        highest, _ = super().ceiling()
        return highest, float(self.owner.field_ramp_limit()) * self._tesla() / self._seconds()

    def _set_rate(self, rate: float) -> None:
        per_second = self._tesla() / self._seconds()
        self.owner.ramp_rate(rate / per_second)
        self._verify("rate", rate * 60, float(self.owner.ramp_rate()) * per_second * 60, "T/min")

    def start(self, tesla: float, rate: float) -> None:
        """Begin to ramp the coil; one axis of an `AMIModel4303D` asks that first, which else would block."""
        self._set_rate(rate)
        above = getattr(self.owner, "_parent_instrument", None)
        blocks = None if above is None else above.block_during_ramp()
        try:
            if above is not None:
                above.block_during_ramp(False)
            self.owner.set_field(tesla / self._tesla(), block=False)
        finally:
            if above is not None:
                above.block_during_ramp(blocks)
        self._verify("target", tesla, self._number("FIELD:TARG?") * self._tesla(), "T")
