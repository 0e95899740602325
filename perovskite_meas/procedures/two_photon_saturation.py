"""Two-photon saturation: photoluminescence of one nanocrystal against pulsed excitation power."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any, ClassVar

from perovskite_meas.core.columns import Column
from perovskite_meas.core.procedure import Procedure, Rows, param
from perovskite_meas.core.roles import Attenuator, Clock, Ledger, PhotonCounter, PowerMeter, Scanner, Shutter
from perovskite_meas.core.sweeps import Logspace, Sweep, there_and_back

SERIES: Mapping[str, int] = {"up": 0, "down": 1, "reference": 2, "return": 3, "off_emitter": 4, "dark": 5}


class TwoPhotonSaturation(Procedure):
    """Count photons at each power, up and down, with reference, return, background and dark points.

    The attenuator moves only in the dark and the shutter opens only for each dwell. The power is read
    before and after every dwell. A fixed reference power every few points tells bleaching from
    saturation; the same powers beside the emitter give the background; the first power once more at
    the end is the return point. Source: review section 2.4 and Fig. 9(d); Cao et al., J. Chem. Phys.
    151, 154201 (2019).
    """

    powers: Sweep = param(
        there_and_back(Logspace("1.5 uW", "36 uW", 24)),
        unit="W",
        low=0,
        high="1 W",
        doc="average powers at the sample, in order; up and down shows bleaching and brightening",
    )
    dwell: float = param("1 s", unit="s", low="1 ms", high="10 min", doc="counting time per point")
    reference: float | None = param("9.4 uW", unit="W", low=0, high="1 W", doc="reference power; none to leave it out")
    reference_every: int = param(6, low=1, high=1000, doc="points between two visits of the reference power")
    background: bool = param(True, doc="count at every power beside the emitter, too")
    darks: int = param(2, low=1, high=100, doc="dark counts at the start, and again at the end")
    meter_time: float = param("0.1 s", unit="s", low="1 ms", high="1 min", doc="averaging time of each power reading")

    columns: ClassVar = (
        Column("series", "1", "which kind of point", codes=SERIES),
        Column("power_set", "W", "commanded average power at the sample"),
        Column("pickoff_before", "W", "reading of the pick-off head before the dwell"),
        Column("pickoff_after", "W", "reading of the pick-off head after the dwell"),
        Column("power", "W", "average power at the sample, from both readings"),
        Column("counts", "1", "registered counts, uncorrected"),
        Column("live_time", "s", "length of the counting gate"),
        Column("time", "s", "start of the dwell since the start of the run"),
        Column("dose", "J/cm^2", "light the spot took in this run before this dwell"),
    )
    analyses: ClassVar = ("saturation",)
    table: ClassVar = "virtual_confocal"

    def measure(
        self,
        *,
        shutter: Shutter,
        attenuator: Attenuator,
        meter: PowerMeter,
        counter: PhotonCounter,
        clock: Clock,
        ledger: Ledger,
        scanner: Scanner | None = None,
    ) -> Rows:
        """Yield darks, the sweep with its references, the return point, the background, darks."""
        started = clock.now()
        shutter.block()

        def point(series: str, power: float | None) -> dict[str, Any]:
            if power is None:
                attenuator.minimum()
            else:
                attenuator.set_power(power)
            before = meter.read(self.meter_time)
            begun, dose = clock.now() - started, ledger.dose()
            with nullcontext() if power is None else shutter.exposure():
                counts, live_time = counter.count(self.dwell)
            after = meter.read(self.meter_time)
            return {
                "series": SERIES[series],
                "power_set": 0.0 if power is None else power,
                "pickoff_before": before.head,
                "pickoff_after": after.head,
                "power": (before.power + after.power) / 2,
                "counts": counts,
                "live_time": live_time,
                "time": begun,
                "dose": dose,
            }

        for _ in range(self.darks):
            yield point("dark", None)
        if scanner is not None:
            scanner.on_emitter()
        sweep = list(directed(self.powers))
        for number, (series, power) in enumerate(sweep):
            if self.reference is not None and number % self.reference_every == 0:
                yield point("reference", self.reference)
            yield point(series, power)
        if self.reference is not None:
            yield point("reference", self.reference)
        yield point("return", sweep[0][1])
        if scanner is not None and self.background:
            scanner.off_emitter()
            try:
                for power in sorted(set(self.powers)):
                    yield point("off_emitter", power)
            finally:
                scanner.on_emitter()
        for _ in range(self.darks):
            yield point("dark", None)


def directed(powers: Iterable[float]) -> Iterator[tuple[str, float]]:
    """Name each power "up" or "down" by where the sweep is going when it gets there.

    Examples:
        >>> [series for series, _ in directed([1, 2, 3, 3, 2, 1])]
        ['up', 'up', 'up', 'down', 'down', 'down']
    """
    points = list(powers)
    going = "up"
    for index, power in enumerate(points):
        if index and power != points[index - 1]:
            going = "up" if power > points[index - 1] else "down"
        elif index and index + 1 < len(points) and points[index + 1] != power:
            going = "up" if points[index + 1] > power else "down"
        yield going, power
