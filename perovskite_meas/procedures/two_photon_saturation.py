"""Two-photon saturation: photoluminescence of one nanocrystal against pulsed excitation power."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from typing import Any, ClassVar

from perovskite_meas.core.columns import Column
from perovskite_meas.core.procedure import Procedure, Rows, param
from perovskite_meas.core.roles import (
    Attenuator,
    CentringScanner,
    Clock,
    Ledger,
    PhotonCounter,
    PowerMeter,
    Scanner,
    Shutter,
)
from perovskite_meas.core.sweeps import Logspace, Sweep, there_and_back

from ._habits import beside_emitter

SERIES: Mapping[str, int] = {
    "up": 0,
    "down": 1,
    "reference": 2,
    "return": 3,
    "off_emitter": 4,
    "dark": 5,
    "centring": 6,
}
CROSS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))
"""Places of one round of centring, in steps from where the emitter is taken to be."""
ROUNDS = 2
"""At most so many; a second one follows only a move by more than half a step."""


class TwoPhotonSaturation(Procedure):
    """Count photons at each power, up and down, with reference, return, background and dark points.

    A cross of short exposures first puts the emitter on the beam axis. The attenuator moves only in the
    dark and the shutter opens only for each dwell. The power is read before and after every dwell. A
    fixed reference power every few points tells bleaching from saturation; the same powers beside the
    emitter give the background; the first power once more at the end is the return point. Source: review
    section 2.4 and Fig. 9(d); Cao et al., J. Chem. Phys. 151, 154201 (2019).
    """

    powers: Sweep = param(
        there_and_back(Logspace("1.5 uW", "36 uW", 24)),
        unit="W",
        low="1 pW",
        high="1 W",
        doc="average powers at the sample, in order; up and down shows bleaching and brightening",
    )
    dwell: float = param("1 s", unit="s", low="1 ms", high="10 min", doc="counting time per point")
    reference: float | None = param(
        "9.4 uW", unit="W", low="1 pW", high="1 W", doc="reference power; none to leave it out"
    )
    reference_every: int = param(6, low=1, high=1000, doc="points between two visits of the reference power")
    background: bool = param(True, doc="count at every power beside the emitter, too")
    darks: int = param(2, low=1, high=100, doc="dark counts at the start, and again at the end")
    meter_time: float = param("0.1 s", unit="s", low="1 ms", high="1 min", doc="averaging time of each power reading")
    centring: bool = param(True, doc="find the emitter and put it on the beam axis first; needs a scanner")
    centring_power: float = param("4 uW", unit="W", low="1 pW", high="1 W", doc="power at which the emitter is found")
    centring_step: float = param("200 nm", unit="um", low="10 nm", high="10 um", doc="arm of the cross around it")
    centring_dwell: float = param("0.5 s", unit="s", low="1 ms", high="10 min", doc="counting time per point of it")

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
        Column("x", "um", "place of the spot, from where the run started; 0 where no scanner tells"),
        Column("y", "um", "likewise, second axis"),
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
        """Yield darks, the centring, the sweep with its references, the return point, the background, darks."""
        started = clock.now()
        spot = Spot(scanner)
        shutter.block()

        def point(series: str, power: float | None, dwell: float = self.dwell) -> dict[str, Any]:
            if power is None:
                attenuator.minimum()
            else:
                attenuator.set_power(power)
            before = meter.read(self.meter_time)
            begun, dose = clock.now() - started, ledger.dose()
            with nullcontext() if power is None else shutter.exposure():
                counts, live_time = counter.count(dwell)
            after = meter.read(self.meter_time)
            x, y = spot.place()
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
                "x": x,
                "y": y,
            }

        for _ in range(self.darks):
            yield point("dark", None)
        if scanner is not None:
            scanner.on_emitter()
        for _ in range(ROUNDS if self.centring and spot.steerable else 0):
            counted = []
            try:
                for x, y in CROSS:
                    spot.go(x * self.centring_step, y * self.centring_step)
                    row = point("centring", self.centring_power, self.centring_dwell)
                    counted.append(row["counts"])
                    yield row
            finally:
                spot.go(0.0, 0.0)
            if spot.centre(self.centring_step, counted) <= self.centring_step / 2:
                break
        sweep = list(directed(self.powers))
        for number, (series, power) in enumerate(sweep):
            if self.reference is not None and number % self.reference_every == 0:
                yield point("reference", self.reference)
            yield point(series, power)
        if self.reference is not None:
            yield point("reference", self.reference)
        yield point("return", sweep[0][1])
        if scanner is not None and self.background:
            with beside_emitter(scanner):
                for power in sorted(set(self.powers)):
                    yield point("off_emitter", power)
        for _ in range(self.darks):
            yield point("dark", None)


class Spot:
    """The place of the spot relative to where the run started, in um, and of the emitter as far as known."""

    def __init__(self, scanner: Scanner | None) -> None:
        self._scanner = scanner if isinstance(scanner, CentringScanner) else None
        self._emitter = (0.0, 0.0)

    @property
    def steerable(self) -> bool:
        """Whether there is a scanner that can be told where the emitter is."""
        return self._scanner is not None

    def place(self) -> tuple[float, float]:
        """Return x, y in um; 0 where no scanner tells, for every stored number must be finite."""
        if self._scanner is None:
            return 0.0, 0.0
        x, y = self._scanner.position()
        return self._emitter[0] + x, self._emitter[1] + y

    def go(self, x: float, y: float) -> None:
        """Move to x, y in um, relative to the emitter."""
        if self._scanner is not None:
            self._scanner.move_to(x, y)

    def centre(self, step: float, counts: Iterable[float]) -> float:
        """Take the emitter for where the counts of a cross have their top; return the larger move of both axes.

        An axis whose counts tell no top keeps its place.
        """
        middle, left, right, below, above = counts
        moves = [top(step, *three) for three in ((left, middle, right), (below, middle, above))]
        x, y = (move if math.isfinite(move) else 0.0 for move in moves)
        if self._scanner is not None and (x or y):
            self._scanner.centre_on(x, y)
            self._scanner.on_emitter()
            self._emitter = (self._emitter[0] + x, self._emitter[1] + y)
        return max(abs(x), abs(y))


def top(step: float, minus: float, middle: float, plus: float) -> float:
    """Return the top of the Gaussian through three counts at -step, 0, step; NaN where they tell none.

    They tell none where a count is missing or 0, where the middle is lowest, where the top is more than two steps
    away, or where photon statistics leave it uncertain by more than a quarter of a step.

    Examples:
        >>> round(top(200, 500, 1000, 500))
        0
        >>> round(top(200, 2500, 10000, 3500), 1)
        13.8
    """
    if not all(math.isfinite(count) and count > 0 for count in (minus, middle, plus)):
        return math.nan
    curvature = 2 * math.log(middle) - math.log(plus) - math.log(minus)
    if curvature <= 0:
        return math.nan
    found = step / 2 * (math.log(plus) - math.log(minus)) / curvature
    sigma = step / 2 * math.sqrt(1 / plus + 1 / minus) / curvature
    return found if abs(found) <= 2 * step and sigma <= step / 4 else math.nan


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
