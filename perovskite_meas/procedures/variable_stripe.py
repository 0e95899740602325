"""Variable stripe length: emission from the edge of a film against the length that is pumped, for its gain."""

from __future__ import annotations

from contextlib import closing
from typing import ClassVar, Literal

from perovskite_meas.core.columns import Column
from perovskite_meas.core.errors import ParameterError
from perovskite_meas.core.procedure import Procedure, Rows, param
from perovskite_meas.core.roles import (
    Analyser,
    ArmedSpectrometer,
    Clock,
    EnergyMeter,
    Filter,
    Positioner,
    Pulse,
    PulseAttenuator,
    PulseLedger,
    Scanner,
    Shutter,
)
from perovskite_meas.core.sweeps import Linspace, Logspace, Sweep, Values

from ._ase_range import Range
from ._ase_roles import PER_POINT, SHARED, Roles, Settings, refuse
from ._ase_table import Table
from ._habits import ordered

SERIES = {"dark": 0, "stripe": 1, "shifted": 2, "return": 3}


class VariableStripe(Procedure):
    """Put an exact number of pulses on stripes of many lengths, at one or a few fluences.

    One row is one exposure. Each fluence has a fresh place on the film. Lengths are visited interleaved, so that drift
    is no gain; the first one comes again at the end. A short stripe at growing distance from the film's edge tells the
    loss, and how even the pump and the collection are: its emission added up is what the long stripe would give
    without gain. Source: Shaklee and Leheny, Appl. Phys. Lett. 18, 475 (1971); Valenta et al., Appl. Phys. Lett. 81,
    1396 (2002), for the shifted spot (both unverified against the papers).
    """

    fluences: Sweep = param(
        Values("8 uJ/cm^2", "12 uJ/cm^2"), unit="J/cm^2", above=0, high="1 J/cm^2", doc="incident peak fluences"
    )
    lengths: Sweep = param(
        Logspace("0.02 mm", "0.8 mm", 20), unit="mm", above=0, high=100, doc="of the stripe, from the film's edge"
    )
    order: Literal["interleaved", "random", "given"] = param("interleaved", doc="in which lengths are visited")
    seed: int = param(1, low=0, high=2**31 - 1, doc="fixes the random order")
    shifts: Sweep = param(
        Linspace("0 mm", "0.7 mm", 8), unit="mm", low=0, high=100, doc="where the short stripe begins, from the edge"
    )
    short: float = param("0.1 mm", unit="mm", low=0, high=100, doc="length of the short stripe; 0 leaves it out")
    shots: int = param(20, low=1, high=1000, doc="pulses per exposure")
    rate: float = param("10 Hz", unit="Hz", above=0, high="100 kHz", doc="of the pulses, at most")
    recording: Literal["per shot", "per point"] = param(
        "per shot", doc="a spectrum for every pulse, which needs a triggered camera, or one for all of an exposure"
    )
    exposure: float = param("5 ms", unit="s", low="1 us", high="1 s", doc="of the camera to one pulse")
    overhead: float = param(
        "1 s", unit="s", low=0, high="1 min", doc="that a frame per point is longer than its pulses"
    )
    brightest: float = param(
        40_000, unit="1", low=100, high=1e9, doc="counts that the brightest pixel shall have at most"
    )
    angle: float = param("0 deg", unit="deg", low=-360, high=360, doc="of the analyser, where there is one")
    darks: int = param(2, low=2, high=1000, doc="dark exposures at the start, and again at the end")
    spacing: float = param("0.5 mm", unit="um", above=0, high="10 mm", doc="between places, along the film's edge")

    columns: ClassVar = (
        Column("series", "1", "which kind of exposure", codes=SERIES),
        *SHARED,
        Column("near", "mm", "where the stripe begins, from the film's edge"),
    )
    analyses: ClassVar = ("gain",)
    table: ClassVar = "virtual_ase"

    def measure(
        self,
        *,
        pulse: Pulse,
        shutter: Shutter,
        attenuator: PulseAttenuator,
        meter: EnergyMeter,
        spectrometer: ArmedSpectrometer,
        slit: Positioner,
        clock: Clock,
        ledger: PulseLedger,
        near: Positioner | None = None,
        filter: Filter | None = None,
        scanner: Scanner | None = None,
        analyser: Analyser | None = None,
    ) -> Rows:
        """Yield darks, then for each fluence the lengths, the short stripe, the first length again; darks."""
        roles = Roles(
            pulse, shutter, attenuator, meter, spectrometer, clock, ledger, filter, scanner, slit, near, analyser
        )
        settings = Settings(self.shots, self.rate, self.recording, self.exposure, self.overhead)
        shifts = [*self.shifts] if self.short and near is not None else []
        refuse(type(self).__name__, roles, settings, [*self.lengths, *(start + self.short for start in shifts)])
        if near is not None and shifts and not near.span()[0] <= min(shifts) <= max(shifts) <= near.span()[1]:
            low, high = near.span()
            raise ParameterError(
                f"{type(self).__name__} cannot run here:",
                [f"shifts lie beyond the near blade, which the bench allows from {low:g} to {high:g} mm"],
            )
        table = Table(roles, settings, SERIES, Range(filter, self.brightest, 1))
        # An error that is thrown in here must put the table at rest at once, not when memory is collected.
        with closing(self._rows(table, shifts)) as rows:
            yield from rows

    def _rows(self, table: Table, shifts: list[float]) -> Rows:
        lengths = ordered([*self.lengths], self.order, self.seed)
        with table.at_work():
            table.begin()
            table.turn(self.angle)
            yield from self._darks(table)
            for number, fluence in enumerate(self.fluences):
                table.go(number, 0.0, number * self.spacing)
                table.ranges.forget()
                for length in lengths:
                    yield from self._at(table, "stripe", fluence, length)
                for start in shifts:
                    yield from self._at(table, "shifted", fluence, self.short, start)
                yield from self._at(table, "return", fluence, lengths[0])
            yield from self._darks(table)

    def _darks(self, table: Table) -> Rows:
        for _ in range(self.darks):
            yield table.dark() | {"near": table.near}

    def _at(self, table: Table, series: str, fluence: float, length: float, start: float = 0.0) -> Rows:
        """Yield the exposure of one stripe, and again where the camera saturated."""
        ranges = table.ranges
        table.set_stripe(length, start)
        step = ranges.choose(length, self.shots if self.recording == PER_POINT else 1)
        while True:
            if step != ranges.step:
                ranges.insert(step)
            seen = table.expose(series, fluence, drive=length)
            yield seen.row | {"near": table.near}
            if not seen.saturated or not ranges.denser():
                return
            step = ranges.step + 1
