"""Knife edge: the energy that passes an edge against its position, for the radii of the focus."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import closing
from typing import Any, ClassVar, Literal, NamedTuple

import numpy as np

from perovskite_meas.core.columns import Column, Row
from perovskite_meas.core.errors import HardwareFault
from perovskite_meas.core.procedure import Procedure, Rows, param
from perovskite_meas.core.roles import (
    Clock,
    EnergyMeter,
    Positioner,
    Pulse,
    PulseAttenuator,
    PulseLedger,
    Shots,
    Shutter,
)

from ._ase_burst import Bursts

SERIES = {"dark": 0, "edge": 1, "open": 2}
AXES = {"x": 0, "y": 1}
_ROUNDS = 3
"""At most so often the positions close in on where the edge cuts."""
_ENOUGH = 5
"""Positions at which it must cut."""
_WHOLE, _NONE = 0.97, 0.03
"""Shares of the open energy beyond which nothing more is cut, and nothing left."""
_CUT = (0.05, 0.95)
_LEAST = 0.02
"""Share of the full energy for which the head is set at least."""
_FINER = 10.0
"""Factor by which its range goes down where it sees nothing."""
_UNSEEN = 0.3
"""1-sigma of a pulse that it does not see, in units of what it is set for then."""

log = logging.getLogger(__name__)


class KnifeEdge(Procedure):
    """Step an edge through the focus along x, then one along y, at a fixed pulse energy.

    One row is a burst of pulses: the energy on a head behind the edge, where the sample is otherwise, over that on the
    pick-off, pulse by pulse, so that the jitter of the laser cancels. Coarse steps come first, then finer ones where
    the edge cuts; each axis begins and ends with the open beam. The analysis `knife_edge` turns the rows into the
    dated calibration `spot`, which the run writes beside its data. The sample has to be out of the way.
    """

    energy: float | None = param(
        None, unit="J", above=0, high="1 J", doc="of a pulse in the focus; none for half of the most that is calibrated"
    )
    shots: int = param(20, low=2, high=1000, doc="pulses per position")
    rate: float = param("10 Hz", unit="Hz", above=0, high="100 kHz", doc="of the pulses, at most")
    points: int = param(13, low=3, high=1000, doc="coarse positions over the range of each edge")
    fine: int = param(12, low=3, high=1000, doc="positions of each finer round")
    clear: Literal["low", "high"] = param("low", doc="end of their range at which the edges leave the beam free")
    darks: int = param(1, low=0, high=100, doc="rows with the shutter closed, before and after")

    columns: ClassVar = (
        Column("series", "1", "which kind of row", codes=SERIES),
        Column("axis", "1", "along which the edge moves", codes=AXES),
        Column("position", "mm", "of the edge"),
        Column("energy", "J", "of a pulse behind the edge, mean; 0 for pulses too weak for the head"),
        Column("reference", "J", "of a pulse by the pick-off, mean"),
        Column("ratio", "1", "energy over reference, mean of the pulses"),
        Column("ratio_sigma", "1", "1-sigma of that mean"),
        Column("shots", "1", "pulses that were sent"),
        Column("seen", "1", "of these, pulses that the head behind the edge saw"),
        Column("time", "s", "start of the burst since the start of the run"),
    )
    analyses: ClassVar = ("knife_edge",)
    table: ClassVar = "virtual_ase"

    def measure(
        self,
        *,
        pulse: Pulse,
        shutter: Shutter,
        attenuator: PulseAttenuator,
        meter: EnergyMeter,
        sample_meter: EnergyMeter,
        edge_x: Positioner,
        clock: Clock,
        ledger: PulseLedger,
        edge_y: Positioner | None = None,
    ) -> Rows:
        """Yield darks, the open beam and the edge along x, the same along y, darks."""
        edges = {"x": edge_x} if edge_y is None else {"x": edge_x, "y": edge_y}
        bench = _Bench(pulse, shutter, attenuator, meter, sample_meter, clock, edges)
        bursts = Bursts(pulse, shutter, meter, ledger, clock, beside=sample_meter)
        # An error that is thrown in here must put the table at rest at once, not when memory is collected.
        with closing(self._rows(bench, bursts)) as rows:
            yield from rows

    def _rows(self, bench: _Bench, bursts: Bursts) -> Rows:
        started = bench.clock.now()
        with bursts.in_the_dark():
            bench.pulse.state()
            rate = bench.pulse.set_rate(min(self.rate, bench.meter.fastest(), bench.sample_meter.fastest()))
            energy = bench.attenuator.span()[1] / 2 if self.energy is None else self.energy
            reached = bench.attenuator.set_energy(energy)
            bench.meter.expect(reached)
            scan = _Scan(self, bench, bursts, reached, rate, started)
            for edge in bench.edges.values():
                edge.move_to(self._ends(edge)[0])
            yield from scan.darks()
            for axis, edge in bench.edges.items():
                yield from scan.along(axis, edge, *self._ends(edge))
            yield from scan.darks()

    def _ends(self, edge: Positioner) -> tuple[float, float]:
        """Return where the edge leaves the beam free, and the other end, in mm."""
        low, high = edge.span()
        return (low, high) if self.clear == "low" else (high, low)


class _Bench(NamedTuple):
    """What there is on the table."""

    pulse: Pulse
    shutter: Shutter
    attenuator: PulseAttenuator
    meter: EnergyMeter
    sample_meter: EnergyMeter
    clock: Clock
    edges: dict[str, Positioner]


class _Scan:
    """Takes bursts behind an edge and makes rows of them."""

    def __init__(
        self, procedure: KnifeEdge, bench: _Bench, bursts: Bursts, joule: float, rate: float, started: float
    ) -> None:
        self._procedure, self._bench, self._bursts = procedure, bench, bursts
        self._joule, self._rate, self._started = joule, rate, started
        self._axis, self._position = "x", 0.0

    def darks(self) -> Rows:
        """Yield rows with pulses on the pick-off and the shutter closed."""
        bench, shots = self._bench, self._procedure.shots
        for _ in range(self._procedure.darks):
            bench.sample_meter.expect(self._joule)
            begun = bench.clock.now()
            with bench.meter.recording() as recording, bench.sample_meter.recording() as behind:
                with bench.pulse.releasing():
                    recording.wait(shots, 5.0 + 2 * shots / self._rate)
                reference, seen = recording.shots(), behind.shots()
            yield self._row("dark", reference, seen, begun, 1.0)

    def along(self, axis: str, edge: Positioner, clear: float, blocked: float) -> Rows:
        """Yield the rows of one axis: open, coarse, finer where the edge cuts, open."""
        self._axis = axis
        opened = yield from self._at(edge, clear, "open", 1.0)
        known = {clear: 1.0}
        todo = [float(place) for place in np.linspace(clear, blocked, self._procedure.points)[1:]]
        for _ in range(1 + _ROUNDS):
            for place in todo:
                before = min((share for at, share in known.items() if (at - place) * (blocked - clear) <= 0), default=1)
                ratio = yield from self._at(edge, place, "edge", max(before, _LEAST))
                known[place] = ratio / opened if opened > 0 else 1.0
            todo = self._finer(known, clear, blocked)
            if not todo:
                break
        yield from self._at(edge, clear, "open", 1.0)

    def _finer(self, known: dict[float, float], clear: float, blocked: float) -> list[float]:
        """Return where to look next, from the free end on; nothing where that is enough, or the edge never cuts."""
        if sum(_CUT[0] < share < _CUT[1] for share in known.values()) >= _ENOUGH:
            return []
        places = sorted(known, key=lambda place: abs(place - clear))
        last = max((n for n, place in enumerate(places) if known[place] > _WHOLE), default=0)
        first = next((n for n, place in enumerate(places) if known[place] < _NONE and n > last), None)
        if first is None:
            return []
        inside = np.linspace(places[last], places[first], self._procedure.fine + 2)[1:-1]
        return [float(place) for place in inside]

    def _at(self, edge: Positioner, place: float, series: str, share: float) -> Generator[Row, None, float]:
        """Yield the row of one position and return its ratio; at most this share of the energy is expected."""
        self._position = edge.move_to(place)
        self._bench.pulse.state()
        while True:
            wanted, share = share, self._ranged(share)
            begun = self._bench.clock.now()
            burst = self._bursts.fire(self._procedure.shots, self._joule, self._rate)
            seen = 0 if burst.beside is None else len(burst.beside.times)
            if seen or wanted <= _LEAST or share > wanted or series == "open":
                break
            share = max(share / _FINER, _LEAST)
        if series == "open" and not seen:
            raise HardwareFault(
                f"the head behind the edge saw none of {len(burst.shots.times)} pulses with the edge at {place:g} mm, "
                "where the beam should be free: see that the head is plugged in and in the beam, that its trigger "
                "level is below the pulses, and at which end the edge is out of the beam (`clear`)"
            )
        row = self._row(series, burst.shots, burst.beside, begun, share)
        yield row
        return float(row["ratio"])

    def _ranged(self, share: float) -> float:
        """Set the head for this share of the energy, or for the least that it has a range for, and return that."""
        while True:
            try:
                self._bench.sample_meter.expect(self._joule * share)
            except HardwareFault as fault:
                if share >= 1:
                    raise
                log.debug("no range for %g of the energy: %s", share, fault)
                share = min(_FINER**0.25 * share, 1.0)
            else:
                return share

    def _row(self, series: str, before: Shots, behind: Shots | None, begun: float, share: float) -> dict[str, Any]:
        reference = before.energies
        seen = np.zeros(0) if behind is None else behind.energies[: reference.size]
        if seen.size == reference.size and seen.size > 1:
            ratios = seen / reference
            ratio, sigma = float(ratios.mean()), float(ratios.std(ddof=1) / np.sqrt(ratios.size))
        else:
            # What does not trigger the head is weak, and nobody knows how weak.
            ratio = float(seen.mean() / reference.mean()) if seen.size else 0.0
            sigma = _UNSEEN * share
        return {
            "series": SERIES[series],
            "axis": AXES[self._axis],
            "position": self._position,
            "energy": float(seen.mean()) if seen.size else 0.0,
            "reference": float(reference.mean()) if reference.size else 0.0,
            "ratio": ratio,
            "ratio_sigma": max(sigma, 1e-6),
            "shots": int(reference.size),
            "seen": int(seen.size),
            "time": begun - self._started,
        }
