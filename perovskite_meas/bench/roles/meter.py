"""A power meter, with or without the calibration that tells the power at the sample."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from ...core.errors import HardwareFault
from ...core.roles import PowerReading
from ..calibrations import PowerAtSample, quantity
from .base import Option, RoleAdapter, RoleSpec, Table

_LEAST_READINGS = 3
_OVER_RANGE = 1e30
"""SCPI instruments say 9.9E37 where a reading is out of range."""


class PowerMeterAdapter(RoleAdapter):
    """Averages readings of a head and turns them into power at the sample."""

    options: ClassVar = {
        "use": Option("target", "power on the head, in W", required=True),
        "calibration": Option("calibration", "a power_at_sample calibration"),
        "accuracy": Option("quantity", "relative 1-sigma of the head's own calibration", least=0),
        "averaging": Option("quantity", "most readings in one average", default=10, least=_LEAST_READINGS),
    }

    def __init__(self, role: RoleSpec, table: Table) -> None:
        super().__init__(role, table)
        self._handle = self.handles["use"]

    def read(self, seconds: float) -> PowerReading:
        """Average for about `seconds` (at least three readings) and return the reading, in W.

        Raises:
            HardwareFault: the head is out of range.
        """
        most = int(self.option("averaging"))
        start, clock, total, count = self.clock.now(), self.clock, 0.0, 0
        while count < most and (count < _LEAST_READINGS or clock.now() - start < seconds):
            total += self._reading()
            count += 1
            clock.sleep(start + seconds * count / most - clock.now())
        self.guard.watch()
        head = total / count
        return PowerReading(self._at_sample(head), head)

    def facts(self) -> dict[str, Any]:
        """Return the head's own accuracy as `calibration`, where it is stated."""
        accuracy = self.option("accuracy")
        return {} if accuracy is None else {"calibration": quantity((1.0, accuracy), "1")}

    def _reading(self) -> float:
        reading = float(self._handle.get())
        if not math.isfinite(reading) or abs(reading) > _OVER_RANGE:
            raise HardwareFault(
                f"{self.label} reads {reading:g} W, which means out of range: set a higher range or auto-range, "
                "and see that the head is plugged in"
            )
        return reading

    def _at_sample(self, head: float) -> float:
        name = self.option("calibration")
        return head if name is None else float(self.calibration(name).power(head))


class PlannedMeter(PowerMeterAdapter):
    """The same in a dry run: reads what the commanded power makes it show."""

    def _reading(self) -> float:
        self.clock.sleep(0.005)
        name, power = self.option("calibration"), self.guard.light
        if power is None:
            return 0.0
        if name is None:
            return power if self.guard.light_on else 0.0
        calibration: PowerAtSample = self.calibration(name)
        return calibration.reading(power)


PowerMeterAdapter.twin = PlannedMeter
