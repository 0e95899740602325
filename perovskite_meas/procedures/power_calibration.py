"""Power calibration: wave-plate angle and pick-off reading against the power at the sample."""

from __future__ import annotations

from typing import ClassVar

from perovskite_meas.core.columns import Column
from perovskite_meas.core.procedure import Procedure, Rows, param
from perovskite_meas.core.roles import Clock, PowerMeter, Scanner, Shutter, Waveplate
from perovskite_meas.core.sweeps import Linspace, Sweep


class PowerCalibration(Procedure):
    """Read the pick-off and a head at the sample at each wave-plate angle, beside the emitter.

    Every angle is set in the dark. Each reading at the sample is paired with a dark reading of the
    same head and pick-off readings before and after, so that both zero offsets can be fitted. The
    analysis `power_calibration` turns the rows into the dated, ranged calibrations `attenuator` and
    `power_at_sample`, which the run writes beside its data.
    """

    angles: Sweep = param(Linspace(0, 90, 37), unit="deg", low=-360, high=360, doc="wave-plate angles to visit")
    average: float = param("0.1 s", unit="s", low="1 ms", high="1 min", doc="averaging time of each power reading")
    settle: float = param("50 ms", unit="s", low=0, high="1 min", doc="wait after the shutter opens")

    columns: ClassVar = (
        Column("angle", "deg", "wave-plate angle reached"),
        Column("pickoff", "W", "reading of the pick-off head, mean of before and after"),
        Column("sample_power", "W", "reading of the head at the sample with the shutter open"),
        Column("sample_dark", "W", "reading of the head at the sample with the shutter closed"),
        Column("time", "s", "start of the exposure since the start of the run"),
    )
    analyses: ClassVar = ("power_calibration",)
    table: ClassVar = "virtual_confocal"

    def measure(
        self,
        *,
        shutter: Shutter,
        waveplate: Waveplate,
        meter: PowerMeter,
        sample_meter: PowerMeter,
        clock: Clock,
        scanner: Scanner | None = None,
    ) -> Rows:
        """Yield one row per angle."""
        started = clock.now()
        shutter.block()
        if scanner is not None:
            scanner.off_emitter()
        try:
            for angle in self.angles:
                reached = waveplate.rotate_to(angle)
                dark = sample_meter.read(self.average)
                before = meter.read(self.average)
                begun = clock.now() - started
                with shutter.exposure():
                    clock.sleep(self.settle)
                    light = sample_meter.read(self.average)
                after = meter.read(self.average)
                yield {
                    "angle": reached,
                    "pickoff": (before.head + after.head) / 2,
                    "sample_power": light.head,
                    "sample_dark": dark.head,
                    "time": begun,
                }
        finally:
            if scanner is not None:
                scanner.on_emitter()
