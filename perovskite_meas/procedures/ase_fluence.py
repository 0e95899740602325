"""ASE fluence sweep: emission of a film against the fluence of single laser pulses, for its threshold."""

from __future__ import annotations

import logging
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import ClassVar, Literal

import numpy as np

from perovskite_meas.core.columns import Column, Row
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
from perovskite_meas.core.sweeps import Logspace, Sweep

from ._ase_damage import Damage
from ._ase_points import Knee, around, refined
from ._ase_range import Range
from ._ase_roles import PER_POINT, SHARED, Roles, Settings, refuse, refuse_order
from ._ase_table import Table
from ._ase_walk import Walk

SERIES = {
    "dark": 0,
    "scout": 1,
    "up": 2,
    "down": 3,
    "return": 4,
    "fresh": 5,
    "overlap": 6,
    "heating": 7,
    "polarised": 8,
}
_HALVED = 3
"""Fluences of the scout with which it closes in on the knee, after its first pass."""
_SURE = 3.0
"""Sigmas of the camera's noise below which the scout has seen nothing."""

log = logging.getLogger(__name__)


class ASEFluence(Procedure):
    """Put an exact number of pulses on a film at each of many fluences, and keep the energy of every one.

    One row is one exposure. A scout on a spot of its own finds the knee with few pulses, round which the sweep is
    then twice as dense; it goes up, down and back to the lowest fluence, and short sweeps on fresh spots tell how
    much spots differ. Filters change before the camera saturates, each time with one setting through both. The sweep
    of a spot is dropped when its emission has fallen by the share `damage`. Between exposures no pulse reaches the
    film. The defaults are for one-photon pumping of the packaged table. Source: review Fig. 4(a, b); Milanese et al.,
    Molecules 27, 4261 (2022), for threshold estimators.
    """

    photons: int = param(1, low=1, high=3, doc="photons of the pump per excitation")
    fluences: Sweep = param(
        Logspace("0.5 uJ/cm^2", "30 uJ/cm^2", 28),
        unit="J/cm^2",
        above=0,
        high="1 J/cm^2",
        doc="incident peak fluences; more are added round the knee",
    )
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
    length: float = param("0.5 mm", unit="mm", above=0, high=100, doc="of the pumped stripe, where there is a slit")
    angle: float = param("0 deg", unit="deg", low=-360, high=360, doc="of the analyser, where there is one")
    darks: int = param(2, low=2, high=1000, doc="dark exposures at the start, and again at the end")
    scout: int = param(9, low=0, high=100, doc="fluences on a spot of their own that find the knee; 0 for none")
    scout_shots: int = param(3, low=1, high=1000, doc="pulses at each of them")
    down: bool = param(True, doc="visit every fluence again on the way down")
    check_every: int = param(12, low=0, high=1000, doc="on the way up, the lowest fluence every so many; 0 for none")
    damage: float = param(0.5, above=0, high=1, doc="share by which the emission must have fallen to stop; 1: never")
    fresh_spots: int = param(4, low=0, high=100, doc="spots with a short sweep round the knee")
    fresh_points: int = param(10, low=3, high=100, doc="fluences of each")
    spacing: float = param("0.5 mm", unit="um", above=0, high="10 mm", doc="between two spots, along the film's edge")
    polarised: int = param(4, low=0, high=36, doc="angles of the analyser over half a turn; 0 for none")
    heating_rate: float | None = param(
        None, unit="Hz", above=0, high="100 kHz", doc="another rate of pulses, to tell heating; none to leave it out"
    )

    columns: ClassVar = (
        Column("series", "1", "which kind of exposure", codes=SERIES),
        *SHARED,
        Column("remaining", "1", "emission over that of the first passage of the same spot; -1 while unknown"),
        Column("stopped", "1", "1 from where damage ended the sweep of this spot"),
    )
    analyses: ClassVar = ("threshold",)
    table: ClassVar = "virtual_ase"

    def measure(
        self,
        *,
        pulse: Pulse,
        shutter: Shutter,
        attenuator: PulseAttenuator,
        meter: EnergyMeter,
        spectrometer: ArmedSpectrometer,
        clock: Clock,
        ledger: PulseLedger,
        filter: Filter | None = None,
        scanner: Scanner | None = None,
        slit: Positioner | None = None,
        near: Positioner | None = None,
        analyser: Analyser | None = None,
    ) -> Rows:
        """Yield darks, the scout, the sweep up, down and its return point, fresh spots, controls, darks."""
        roles = Roles(
            pulse, shutter, attenuator, meter, spectrometer, clock, ledger, filter, scanner, slit, near, analyser
        )
        settings = Settings(self.shots, self.rate, self.recording, self.exposure, self.overhead)
        refuse(type(self).__name__, roles, settings, [self.length])
        refuse_order(type(self).__name__, roles, self.photons)
        table = Table(roles, settings, SERIES, Range(filter, self.brightest, self.photons))
        # An error that is thrown in here must put the table at rest at once, not when memory is collected.
        with closing(self._rows(table)) as rows:
            yield from rows

    def _rows(self, table: Table) -> Rows:
        with table.at_work():
            table.begin()
            table.set_stripe(self.length)
            table.turn(self.angle)
            yield from self._darks(table)
            scouted = yield from self._scouted(table)
            knee, unharmed = yield from self._swept(table, scouted)
            yield from self._fresh(table, knee)
            if unharmed:
                table.go(0)
                yield from self._controls(table)
            yield from self._darks(table)

    def _darks(self, table: Table) -> Rows:
        for _ in range(self.darks):
            yield table.dark() | {"remaining": -1.0, "stopped": 0}

    def _walk(self, table: Table, *, overlaps: bool = False) -> Walk:
        gathered = self.shots if self.recording == PER_POINT else 1
        return Walk(table, Damage(self.damage, self.photons), gathered, overlaps=overlaps)

    def _scouted(self, table: Table) -> Generator[Row, None, Knee | None]:
        """Yield the rows of the scout and return what it knows; None without one."""
        if not self.scout or table.roles.scanner is None:
            return None
        knee = Knee(min(self.fluences), max(self.fluences), max(self.scout - _HALVED, 2))
        table.go(1, 0.0, -self.spacing)
        walk = self._walk(table)
        for _ in range(self.scout):
            fluence = knee.ask()
            seen = yield from walk.at("scout", fluence, self.scout_shots)
            knee.tell(fluence, seen.signal if seen.signal > _SURE * seen.sigma else 0.0)
        return knee

    def _swept(self, table: Table, scouted: Knee | None) -> Generator[Row, None, tuple[Knee, bool]]:
        """Yield the rows of the main spot and return its knee, and whether the spot is as before."""
        table.go(0)
        walk, knee = self._walk(table, overlaps=True), Knee(min(self.fluences), max(self.fluences), 2)
        points = sorted(set(self.fluences))
        if scouted is not None:
            points = refined(points, scouted.fluence(), self._zone)
        for number, fluence in enumerate(points):
            if number and self.check_every and number % self.check_every == 0:
                yield from walk.reference("return", points[0])
            if walk.damage.reason:
                break
            seen = yield from walk.first("up", fluence)
            knee.tell(fluence, seen.signal)
        if self.down:
            yield from self._downwards(
                walk, points if scouted is not None else refined(points, knee.fluence(), self._zone)
            )
        yield from walk.reference("return", points[0])
        if walk.damage.reason:
            log.warning("the sweep of this spot was stopped: %s", walk.damage.reason)
        return knee, not walk.damage.reason

    def _downwards(self, walk: Walk, points: Sequence[float]) -> Rows:
        for fluence in reversed(points):
            if walk.damage.reason:
                return
            yield from walk.at("down", fluence, judged=True)

    def _fresh(self, table: Table, knee: Knee) -> Rows:
        if table.roles.scanner is None:
            return
        points = around(knee.fluence(), self._zone**1.25, self.fresh_points, min(self.fluences), max(self.fluences))
        for number in range(self.fresh_spots):
            table.go(2 + number, 0.0, (1 + number) * self.spacing)
            walk = self._walk(table)
            for fluence in points:
                yield from walk.at("fresh", fluence)

    def _controls(self, table: Table) -> Rows:
        """Yield the series at another rate and through the analyser, at the highest fluence but one."""
        points, walk = sorted(set(self.fluences)), self._walk(table)
        fluence = points[-2:][0]
        if self.heating_rate is not None:
            for hertz in (self.rate, self.heating_rate, self.rate):
                table.set_rate(hertz)
                yield from walk.at("heating", fluence)
        if self.polarised and table.roles.analyser is not None:
            for angle in np.linspace(0.0, 180.0, self.polarised, endpoint=False):
                table.turn(self.angle + float(angle))
                yield from walk.at("polarised", fluence)
            table.turn(self.angle)

    @property
    def _zone(self) -> float:
        """Factor around the knee within which the sweep is denser: the same range of excitations for all orders."""
        return float(2.0 ** (1 / self.photons))
