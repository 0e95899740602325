"""Magneto-PL: spectra of one nanocrystal against magnetic field, for its fine structure and its dark state."""

from __future__ import annotations

from contextlib import closing
from typing import ClassVar, Literal

from perovskite_meas.core.columns import Column
from perovskite_meas.core.procedure import Procedure, Rows, param
from perovskite_meas.core.roles import (
    Analyser,
    Attenuator,
    Clock,
    Cryostat,
    Ledger,
    Magnet,
    PhotonCounter,
    PowerMeter,
    ReferenceLight,
    Scanner,
    Shutter,
    Spectrometer,
    TimeTagger,
)
from perovskite_meas.core.sweeps import Linspace, Sweep, Values
from perovskite_meas.core.units import show

from ._habits import beside_emitter
from ._magneto_find import Finder
from ._magneto_identity import CODES, Identity
from ._magneto_order import Stop, alternating, refuse, stops
from ._magneto_roles import SERIES, Roles
from ._magneto_table import Table


class MagnetoPL(Procedure):
    """Take spectra of one emitter at each of many fields, up, down and of the other polarity.

    One row is one exposure of the camera. After every step of the field the emitter is found again by its counts and
    asked for its identity by rate and line; the field never moves for it. Lamp lines, a reference laser through the
    analyser, darks, spectra beside the emitter and B = 0 again after every branch are the controls; a tagger adds the
    decay at each field. The main shutter opens for each exposure alone. Source: review section 2.2; Fu et al., Nano
    Lett. 17, 2895 (2017); Tamarat et al., Nat. Mater. 18, 717 (2019).
    """

    fields: Sweep = param(
        Linspace("0 T", "7 T", 15), unit="T", low=-50, high=50, doc="fields of the first branch, in order of |B|"
    )
    negative: Sweep = param(
        Values("-2 T", "-4.5 T", "-7 T"), unit="T", low=-50, high=50, doc="then these of the other polarity; 0: none"
    )
    down_every: int = param(2, low=0, high=1000, doc="on the way down every so many of the fields; 0 for none")
    order: Literal["up_down", "random", "interleaved"] = param(
        "up_down", doc="up_down tells hysteresis; random (by seed) and interleaved tell drift, and ramp for longer"
    )
    seed: int = param(1, low=0, high=2**31 - 1, doc="fixes the random order")
    frames: int = param(4, low=1, high=10_000, doc="exposures per field, over the angles alternately")
    exposure: float = param("4 s", unit="s", low="1 ms", high="1 h", doc="of the camera, per frame; also of the darks")
    angles: Sweep = param(
        Values("0 deg", "90 deg"), unit="deg", low=-360, high=360, doc="of the analyser, from the lab's x axis"
    )
    power: float = param("0.1 uW", unit="W", low="1 pW", high="1 W", doc="average power at the sample")
    temperature: float | None = param("4 K", unit="K", above=0, high=350, doc="of the sample; none: where it stands")
    centre: float | None = param(
        None, unit="nm", low=200, high=5000, doc="middle of the window in vacuum; none leaves the grating"
    )
    polar_angles: Sweep = param(
        Values("0 deg", "45 deg", "90 deg", "135 deg"), unit="deg", low=-360, high=360, doc="polarisation series at B=0"
    )
    polar_frames: int = param(2, low=0, high=1000, doc="frames per angle of it; 0 for none")
    lamp_every: int = param(5, low=0, high=1000, doc="spectral lamp every so many fields; 0 for none")
    lamp_exposure: float = param("1 s", unit="s", low="1 ms", high="1 h", doc="of the camera to the lamp")
    faraday_fields: int = param(3, low=0, high=1000, doc="fields with the reference laser, over the range; 0 for none")
    faraday_angles: Sweep = param(
        Values("0 deg", "45 deg", "90 deg", "135 deg"), unit="deg", low=-360, high=360, doc="of the analyser for it"
    )
    faraday_exposure: float = param("0.2 s", unit="s", low="1 ms", high="1 h", doc="of the camera to that laser")
    darks: int = param(3, low=1, high=1000, doc="dark frames at the start, and again at the end")
    background_fields: int = param(3, low=0, high=1000, doc="fields with spectra beside the emitter; 0 for none")
    background_frames: int = param(2, low=1, high=1000, doc="such frames per field")
    decay: float = param("10 s", unit="s", low=0, high="1 h", doc="recording of the decay per field; 0 for none")
    decay_bin: int = param(400, low=1, high=10_000_000, doc="bin of the decays, in ps; up to whole steps of its clock")
    dark_lifetime: float | None = param(
        "500 ns", unit="ps", above=0, high=1e12, doc="expected at B = 0: five must fit between pulses; none for any"
    )
    find_power: float = param("50 nW", unit="W", low="1 pW", high="1 W", doc="weakest power that shows the emitter")
    find_step: float = param("200 nm", unit="um", low="10 nm", high="10 um", doc="arm of the cross around it")
    find_focus: float = param("0.8 um", unit="um", low=0, high="100 um", doc="the same of the focus; 0 leaves it")
    find_time: float = param("0.25 s", unit="s", low="1 ms", high="1 min", doc="counting time per place")
    reach: float = param("5 um", unit="um", above=0, high="1 mm", doc="how far the emitter may walk in one run")
    gate: float = param("0.2 s", unit="s", low="1 ms", high="1 min", doc="counting at the start of each exposure")
    suspect: float = param(0.5, low=0, high=1, doc="suspect below this share of the rate expected or above its inverse")
    lost: float = param(0.2, low=0, high=1, doc="lost below this share")
    shift: float = param("1 meV", unit="meV", above=0, high=1000, doc="suspect where the line is off by more")
    drift: float = param("1 mT", unit="T", above=0, high=1, doc="most that the field may drift within one exposure")

    columns: ClassVar = (
        Column("series", "1", "which kind of exposure", codes=SERIES),
        Column("time", "s", "start of the exposure since the start of the run"),
        Column("field_set", "T", "commanded field"),
        Column("field", "T", "field as the supply tells it, mean of before and after"),
        Column("field_change", "T", "the same after less before"),
        Column("branch", "1", "1 where |B| was going up, -1 down, 0 else"),
        Column("temperature", "K", "of the sample's thermometer"),
        Column("helium", "%", "level; -1 while unknown"),
        Column("analyser", "deg", "angle that the analyser reached, from the lab's x axis; -1000 for none"),
        Column("exposure", "s", "of the camera; of a decay, of the recording"),
        Column("power_set", "W", "commanded average power at the sample"),
        Column("power", "W", "the same as measured before and after the exposure"),
        Column("dose", "J/cm^2", "light the spot took in this run before this exposure"),
        Column("x", "um", "place of the spot, from where the run started; 0 where no scanner tells"),
        Column("y", "um", "likewise, second axis"),
        Column("z", "um", "likewise, focus"),
        Column("rate", "cps", "counter at the start of the exposure; -1 while unknown"),
        Column("identity", "1", "whether it is the same emitter", codes=CODES),
        Column("sensor", "degC", "temperature of the camera's sensor"),
        Column("saturated", "1", "pixels at full scale"),
        Column("wavelength", "nm", "in vacuum, of each pixel by calibration", array=True),
        Column("spectrum", "1", "counts of each pixel as read, nothing subtracted", array=True),
        Column("decay", "1", "photons since the laser pulse, by bin", array=True),
        Column("decay_bin", "ps", "width of these bins; 0 for no decays"),
        Column("live_time", "s", "length of the decay's recording"),
    )
    analyses: ClassVar = ("zeeman", "fine_structure")
    table: ClassVar = "virtual_magneto"

    def why_power(self, watt: float) -> str:
        """Say where a power is `find_power`."""
        if self.find_power == self.power or not abs(watt / self.find_power - 1) < 1e-6:
            return ""
        return f"find_power asks for {show(self.find_power, 'W')} at the sample"

    def measure(
        self,
        *,
        shutter: Shutter,
        magnet: Magnet,
        cryostat: Cryostat,
        spectrometer: Spectrometer,
        clock: Clock,
        ledger: Ledger,
        attenuator: Attenuator | None = None,
        meter: PowerMeter | None = None,
        analyser: Analyser | None = None,
        lamp: ReferenceLight | None = None,
        reference: ReferenceLight | None = None,
        scanner: Scanner | None = None,
        counter: PhotonCounter | None = None,
        tagger: TimeTagger | None = None,
    ) -> Rows:
        """Yield darks, the polarisation series at B = 0, then every field with its controls, darks."""
        visits = self.visits()
        refuse(self, visits, magnet, analyser, tagger)
        roles = Roles(
            shutter, magnet, cryostat, spectrometer, clock, ledger,
            attenuator, meter, analyser, lamp, reference, scanner, counter, tagger,
        )  # fmt: skip
        identity = Identity(self.suspect, self.lost, self.shift)
        table = Table(roles, identity, self.drift, self.gate, self.decay_bin if self.decay else 0)
        finder = None
        if counter is not None and table.place.steerable:
            finder = Finder(
                table, counter, identity, self.find_power, self.find_step, self.find_focus, self.find_time, self.reach
            )
        # An error that is thrown in here must put the table at rest at once, not when memory is collected.
        with closing(self._rows(table, finder, visits)) as rows:
            for row in rows:
                yield row
                table.raise_alarm()

    def visits(self) -> list[Stop]:
        """Return the fields as they are visited, with what is due at each."""
        return stops(
            [*self.fields],
            [*self.negative],
            self.order,
            self.seed,
            self.down_every,
            lamp_every=self.lamp_every,
            faraday=self.faraday_fields,
            background=self.background_fields,
        )

    def _rows(self, table: Table, finder: Finder | None, visits: list[Stop]) -> Rows:
        table.begin(self.temperature, self.centre)
        table.go(Stop(0.0, 0))
        yield from self._darks(table)
        # What the emitter does not see comes first: a lamp that is out is told before the emitter pays for the rest.
        at_zero = not visits[0].field
        if at_zero:
            table.stop = visits[0]
            yield from self._without_emitter(table)
        yield from self._found(table, finder)
        yield from self._polarisation(table)
        for number, stop in enumerate(visits):
            if number or not at_zero:
                table.go(stop)
                yield from self._without_emitter(table)
                yield from self._found(table, finder)
            yield from self._at(table, stop)
        yield from self._darks(table)

    def _darks(self, table: Table) -> Rows:
        table.set_power(0.0)
        for _ in range(self.darks):
            yield table.frame("dark", self.exposure)

    def _found(self, table: Table, finder: Finder | None) -> Rows:
        # The counter stands behind the analyser: rates compare at one angle alone.
        table.turn(self.angles[0])
        if finder is not None:
            yield from finder.find()

    def _polarisation(self, table: Table) -> Rows:
        if table.roles.analyser is None or not self.polar_frames:
            return
        table.set_power(self.power)
        for angle in self.polar_angles:
            table.turn(angle)
            for _ in range(self.polar_frames):
                yield table.frame("polar", self.exposure)

    def _without_emitter(self, table: Table) -> Rows:
        """Yield lamp and reference laser where they are due: light that the emitter does not see."""
        roles, stop = table.roles, table.stop
        if stop.lamp and roles.lamp is not None:
            row = table.frame("lamp", self.lamp_exposure)
            yield row
            table.require_line([row], "the lamp", "lamp_every = 0 goes on without")
        if stop.faraday and roles.reference is not None and roles.analyser is not None:
            taken = []
            for angle in self.faraday_angles:
                table.turn(angle)
                taken.append(table.frame("faraday", self.faraday_exposure))
                yield taken[-1]
            table.require_line(taken, "the reference laser", "faraday_fields = 0 goes on without")

    def _at(self, table: Table, stop: Stop) -> Rows:
        table.set_power(self.power)
        for angle in alternating(self.angles, self.frames):
            table.turn(angle)
            yield table.frame("check" if stop.check else "on", self.exposure)
        if self.decay:
            table.turn(self.angles[0])
            yield table.recorded(self.decay)
        if stop.background and table.roles.scanner is not None:
            with beside_emitter(table.roles.scanner):
                for angle in alternating(self.angles, self.background_frames):
                    table.turn(angle)
                    yield table.frame("background", self.exposure)
