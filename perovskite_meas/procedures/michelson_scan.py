"""Michelson delay scan: fringes of one nanocrystal under pairs of pulses, for its coherence time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

import pydantic

from perovskite_meas.core.columns import Column, Row
from perovskite_meas.core.errors import ParameterError
from perovskite_meas.core.procedure import Procedure, Rows, param
from perovskite_meas.core.roles import (
    Attenuator,
    Clock,
    DelayLine,
    Ledger,
    PhotonCounter,
    PowerMeter,
    ReferenceLight,
    Scanner,
    Shutter,
    WiredTagger,
)
from perovskite_meas.core.sweeps import Linspace, Sweep, Values

from ._habits import beside_emitter, ordered
from ._michelson_bursts import Recorder, Shape, Stepped, Streamed
from ._michelson_dark import DarkCounts
from ._michelson_order import refuse, shape_problems, span_problems, spread, travel_of, why_power
from ._michelson_table import SERIES, Roles, Table
from ._michelson_zero import find_zero

FADING = 3
"""So many bursts in a row must be too faint before the emitter is taken for bleached: it may only be blinking."""


class MichelsonScan(Procedure):
    """Scan fringes at each of many delays between two pulses, in an order that drift cannot mimic.

    One row is one burst: at one coarse delay the fine axis runs over a few fringes again and again, faster than the
    dot blinks, while every photon is tagged. Before the dot sees light, the monitor tells zero delay and the
    pulse's own autocorrelation; darks, each arm alone, arm a at several powers and bursts beside the emitter are
    the controls. The main shutter opens for each burst alone. Source: review section 2.3 and Fig. 8(c, d); Lv et
    al., Nano Lett. 19, 4442 (2019); Bonadeo et al., Science 282, 1473 (1998).
    """

    delays: Sweep = param(
        Linspace("3 ps", "39 ps", 20), unit="ps", low=-5000, high=5000, doc="delays from zero delay, to 3 T2 and more"
    )
    order: Literal["random", "interleaved", "given"] = param(
        "random", doc="order of the delays: random (by seed), interleaved (every other, then back), or as given"
    )
    seed: int = param(1, low=0, high=2**31 - 1, doc="fixes the random order")
    power: float = param("0.2 uW", unit="W", low="1 pW", high="1 W", doc="average power at the sample, of both arms")
    wavelength: float = param("696.54 nm", unit="nm", low=200, high=5000, doc="of the laser, in vacuum")
    pulse: float = param("2 ps", unit="ps", low=0.01, high=1000, doc="expected intensity FWHM: step of the zero search")
    mode: Literal["streamed", "stepped"] = param(
        "streamed", doc="streamed: fast ramps and a trigger; stepped: point by point in software, which blinking spoils"
    )
    fringes: float = param(4.0, low=2, high=1000, doc="fringes per sweep")
    points: int = param(64, low=8, high=100_000, doc="points per sweep; 8 per fringe or more")
    dwell: float = param("2 ms", unit="s", low="10 us", high="10 s", doc="time per point; stepped: 20 ms or more")
    back: float = param("32 ms", unit="s", low="0.1 ms", high="10 s", doc="way back of the fine axis; nothing counts")
    sweeps: int = param(25, low=1, high=100_000, doc="sweeps per burst on the emitter; stepped: one, whatever is said")
    bursts: int = param(1, low=1, high=10_000, doc="bursts per delay, at most")
    precision: float | None = param(
        None,
        unit="1",
        above=0,
        high=1,
        doc="enough for a delay when sigma of its live visibility is this small",
    )
    check_delay: float | None = param(
        "6 ps", unit="ps", low=-5000, high=5000, doc="fixed delay visited again and again; none to leave it out"
    )
    check_every: int = param(5, low=1, high=100_000, doc="delays between two visits of the fixed one")
    fading: float = param(
        0.2, low=0, high=1, doc="end as bleached below this share of the first burst's rate; 0 to go on"
    )
    control_sweeps: int = param(10, low=1, high=100_000, doc="sweeps per burst of all controls")
    reference_delays: int = param(4, low=0, high=1000, doc="bursts of reference light over the delays; 0 for none")
    zero_span: float = param(
        "20 ps", unit="ps", low=0, high=5000, doc="how far from the calibrated zero it is looked for; 0 for not"
    )
    area_powers: Sweep = param(
        Values(1, 4, 16), unit="1", low=0.01, high=1000, doc="arm a alone at these multiples of the power; one: none"
    )
    background_delays: int = param(3, low=0, high=1000, doc="bursts beside the emitter over the delays; 0 for none")

    columns: ClassVar = (
        Column("series", "1", "which kind of burst", codes=SERIES),
        Column("time", "s", "start of the burst since the start of the run"),
        Column("delay_set", "ps", "commanded delay from the calibrated zero"),
        Column("delay", "ps", "delay from the calibrated zero, as the coarse axis reads back"),
        Column("coarse", "mm", "reading of the coarse axis"),
        Column("fine", "um", "where the fine axis rests, from the middle of its range"),
        Column("zero", "ps", "zero delay on the axis of `delay`, as found so far"),
        Column("zero_sigma", "ps", "its 1-sigma; -1 while unknown"),
        Column("power_set", "W", "commanded average power at the sample, of both arms; 0 for the least"),
        Column("power", "W", "the same as measured before and after the burst"),
        Column("dose", "J/cm^2", "light the spot took in this run before this burst"),
        Column("sweeps", "1", "sweeps used; later ones are empty"),
        Column("exposure", "s", "counting time of each point in each sweep"),
        Column("point_time", "s", "middle of each point since the start of its cycle", array=True),
        Column("position", "um", "recorded mirror travel at these times, from the middle of the range", array=True),
        Column("fine_delay", "fs", "what this travel is worth", array=True),
        Column("sweep_start", "s", "start of each sweep since the start of the burst", array=True),
        Column("counts", "1", "signal photons by sweep and point", array=True),
        Column("monitor", "1", "monitor photons by sweep and point", array=True),
        Column("visibility_running", "1", "live estimate at this delay: emitter, or laser for zero; -1 while unknown"),
        Column("visibility_sigma", "1", "its 1-sigma; -1 while unknown"),
    )
    analyses: ClassVar = ("coherence",)
    table: ClassVar = "virtual_michelson"

    @pydantic.model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = shape_problems(self.mode, self.points, self.fringes, self.dwell, self.bursts, self.precision)
        if problems:
            raise ValueError(problems)
        return self

    def why_power(self, watt: float) -> str:
        """Say where a power is one of `area_powers`."""
        return why_power(watt, self.power, [*self.area_powers])

    def measure(
        self,
        *,
        shutter: Shutter,
        delay: DelayLine,
        clock: Clock,
        ledger: Ledger,
        shutter_a: Shutter | None = None,
        shutter_b: Shutter | None = None,
        attenuator: Attenuator | None = None,
        meter: PowerMeter | None = None,
        tagger: WiredTagger | None = None,
        counter: PhotonCounter | None = None,
        reference: ReferenceLight | None = None,
        scanner: Scanner | None = None,
    ) -> Rows:
        """Yield dark, reference and zero bursts, the controls, then the delays with their checks, controls, dark."""
        shape = Shape(travel_of(delay, self.fringes, self.wavelength), self.points, self.dwell, self.back)
        visited = [*self.delays, *([] if self.check_delay is None else [self.check_delay])]
        refuse(self.mode, delay, tagger, counter, shape.travel, visited)
        recorder: Recorder
        if self.mode == "streamed" and tagger is not None:
            recorder = Streamed(delay, tagger, clock, shape)
        else:
            recorder = Stepped(delay, tagger, counter, clock, shape)
        stepped = self.mode == "stepped"
        table = Table(
            Roles(shutter, delay, clock, ledger, shutter_a, shutter_b, attenuator, meter, reference, scanner),
            recorder,
            self.wavelength,
            1 if stepped else max(self.sweeps, self.control_sweeps),
        )
        inputs = {} if tagger is None else tagger.inputs()
        dark = DarkCounts(inputs, attenuator is not None or (shutter_a is not None and shutter_b is not None))
        table.begin()
        yield from self._in_the_dark(table, dark, "monitor" in inputs)
        problems = span_problems(delay, visited, table.zero)
        if problems:
            raise ParameterError("MichelsonScan stops before any light on the sample:", problems)
        lit = self._lit(table)
        yield from dark.ending(lit, table) if self.fading > 0 else lit

    def _lit(self, table: Table) -> Rows:
        """Yield everything that gives the sample light, and the last dark."""
        yield from self._controls(table)
        yield from self._scan(table)
        yield from self._arms(table)
        table.set_power(0.0)
        yield table.row("dark", self.control_sweeps)

    def _in_the_dark(self, table: Table, dark: DarkCounts, monitored: bool) -> Rows:
        """Yield the dark, reference light over the delays, and the search for zero delay."""
        table.set_power(0.0)
        table.move(min(self.delays))
        row = table.row("dark", self.control_sweeps)
        yield row
        dark.learn(row)
        if table.roles.reference is not None and monitored:
            visited = spread([*self.delays], self.reference_delays)
            for tau in visited:
                table.move(tau)
                row = table.row("reference", self.control_sweeps)
                yield row
                if not table.blank:
                    dark.require_reference(row, self.wavelength, abs(tau) > 3 * self.pulse)
        table.set_power(self.power)
        low, high = table.roles.delay.span()
        if monitored and self.zero_span and low <= 0 <= high:

            def take(tau: float) -> tuple[Mapping[str, Any], bool]:
                table.move(tau)
                return table.row("zero", self.control_sweeps), table.blank

            def require(row: Row) -> None:
                dark.require_monitor(row, "the laser", "zero_span = 0 goes on without the monitor")

            table.found_zero((yield from find_zero(take, require, self.pulse, self.zero_span, (low, high))))

    def _controls(self, table: Table) -> Rows:
        """Yield arm a at several powers, each arm alone, and both beside the emitter."""
        roles = table.roles
        table.move(min(self.delays))
        factors = sorted(set(self.area_powers))
        if roles.attenuator is not None and roles.can_block("b") and len(factors) > 1:
            for factor in factors:
                table.set_power(factor * self.power)
                yield table.row("power", self.control_sweeps)
            table.set_power(self.power)
        yield from self._arms(table)
        if roles.scanner is not None:
            for tau in spread([*self.delays], self.background_delays):
                table.move(tau)
                with beside_emitter(roles.scanner):
                    # Stored before the spot moves back: a scanner that fails now costs no row.
                    yield table.row("off_emitter", self.control_sweeps)

    def _arms(self, table: Table) -> Rows:
        """Yield each arm alone, as far as the other can be blocked."""
        for series, other in (("arm_a", "b"), ("arm_b", "a")):
            if table.roles.can_block(other):
                yield table.row(series, self.control_sweeps)

    def _scan(self, table: Table) -> Rows:
        """Yield the delays in their order, with the fixed delay in between, first and last."""
        delays = ordered([*self.delays], self.order, self.seed)
        rates: list[float] = []
        for number, tau in enumerate([*delays, None]):
            if self.check_delay is not None and (number % self.check_every == 0 or tau is None):
                table.move(self.check_delay)
                yield table.row("check", self.sweeps)
            if tau is None:
                return
            table.move(tau)
            for _ in range(self.bursts):
                row = table.row("on", self.sweeps)
                yield row
                rates.append(float(row["counts"].sum()) / (row["sweeps"] * self.points * row["exposure"]))
                if self.precision is not None and 0 < row["visibility_sigma"] <= self.precision:
                    break
            if len(rates) > FADING and max(rates[-FADING:]) < self.fading * rates[0]:
                return
