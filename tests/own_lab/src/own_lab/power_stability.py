"""Power stability: repeated readings at one setting of the attenuator, the sample kept dark."""

from typing import ClassVar

from perovskite_meas.core import Clock, Column, Procedure, Rows, param
from perovskite_meas.core.roles import Attenuator, PowerMeter, Shutter


class PowerStability(Procedure):
    """Read the power before the shutter at regular moments; no light reaches the sample."""

    power: float = param("10 uW", unit="W", low=0, high="1 W", doc="power at the sample, were the shutter open")
    readings: int = param(40, low=5, high=100_000, doc="how many readings")
    every: float = param("5 s", unit="s", low="10 ms", high="1 h", doc="from the start of one reading to the next")
    average: float = param("0.1 s", unit="s", low="1 ms", high="1 min", doc="averaging time of each reading")

    columns: ClassVar = (
        Column("time", "s", "start of the reading since the start of the run"),
        Column("power", "W", "power at the sample, were the shutter open"),
        Column("head", "W", "reading of the head"),
    )
    analyses: ClassVar = ("power_drift",)
    table: ClassVar = "virtual_confocal"

    def measure(self, *, shutter: Shutter, attenuator: Attenuator, meter: PowerMeter, clock: Clock) -> Rows:
        """Yield one reading after another."""
        shutter.block()
        attenuator.set_power(self.power)
        started = clock.now()
        for number in range(self.readings):
            clock.sleep(started + number * self.every - clock.now())
            begun = clock.now() - started
            reading = meter.read(self.average)
            yield {"time": begun, "power": reading.power, "head": reading.head}
