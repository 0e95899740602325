"""ASE runs when things go wrong: pulses in declared exposures only, the table at rest, rows and pulses kept."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import pyvisa
import xarray as xr
from pymeasure.experiment import Results, Worker

from perovskite_meas import load_bench, load_record, run
from perovskite_meas.bench.bench import Bench
from perovskite_meas.bench.roles.armed_spectrometer import ArmedSpectrometerAdapter
from perovskite_meas.bench.roles.energy_meter import EnergyMeterAdapter, EnergyRecordingOfHead
from perovskite_meas.bench.roles.filter import FilterAdapter
from perovskite_meas.bench.roles.positioner import PositionerAdapter
from perovskite_meas.bench.roles.pulse import PulseAdapter
from perovskite_meas.bench.roles.pulse_attenuator import PulseAttenuatorAdapter
from perovskite_meas.bench.roles.scanner import ScannerAdapter
from perovskite_meas.bench.roles.shutter import ShutterAdapter
from perovskite_meas.core.errors import InstrumentError
from perovskite_meas.hosts import qcodes_run
from perovskite_meas.hosts._store import DatasetSink
from perovskite_meas.procedures import ASEFluence, KnifeEdge, VariableStripe
from perovskite_meas.procedures._ase_burst import Bursts
from perovskite_meas.procedures._ase_table import Table
from perovskite_meas.procedures.knife_edge import _Scan
from perovskite_meas.runner import finish as finishing
from perovskite_meas.sim.sdk.laboratory import faults_of
from perovskite_meas.sim.wire.light_conversion_states import Refusal
from perovskite_meas.sim.wire.line import Line

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows delivers no signal to its own process")
TABLE = "virtual_ase"
SHORT: dict[str, Any] = {
    "fluences": "Values('1 uJ/cm^2', '8 uJ/cm^2', '20 uJ/cm^2')",
    "shots": 3,
    "scout": 2,
    "scout_shots": 2,
    "check_every": 2,
    "fresh_spots": 1,
    "fresh_points": 3,
    "polarised": 2,
    "heating_rate": "5 Hz",
}
BRIEF = SHORT | {"scout": 0, "check_every": 0, "fresh_spots": 0, "polarised": 0, "heating_rate": None}
SHORTEST = BRIEF | {"fluences": "Values('2 uJ/cm^2')", "down": False}
TWO: dict[str, Any] = SHORT | {
    "photons": 2,
    "fluences": "Values('5 mJ/cm^2', '10 mJ/cm^2', '20 mJ/cm^2')",
    "heating_rate": None,
}
TWO_BRIEF = BRIEF | {"photons": 2, "fluences": TWO["fluences"]}
TWO_SHORTEST = SHORTEST | {"photons": 2, "fluences": "Values('6 mJ/cm^2')"}
KNIFE: dict[str, Any] = {"energy": "50 nJ", "shots": 2, "points": 5, "fine": 4}
STRIPE: dict[str, Any] = {
    "fluences": "Values('7 uJ/cm^2')",
    "lengths": "Linspace('0.1 mm', '0.4 mm', 3)",
    "shifts": "Values('0 mm', '0.2 mm')",
    "shots": 2,
}
EARLY = ("begin", "dark", "up", "down")
"""Moments that a brief sweep has too."""
MOMENTS = ("begin", "dark", "scout", "up", "down", "fresh", "heating", "polarised", "end")
UNSEEN, UNHELD = 20, 25
"""Pulses that may fall on the sample before the shutter is closed: where no meter sees them, and where the laser's
server does not answer when it is told to hold them, for a request is given up after 3 s and repeated once.
"""


# What can fail -----------------------------------------------------------------------------------------


class Fault(NamedTuple):
    """A fault: what brings it; what clears it and does what the error asks for."""

    strike: Callable[[Any], object]
    cure: Callable[[Any], object] = lambda bench: None
    said: str = ""
    """What the message must hold in place of the instrument's name."""


def world_of(bench: Any) -> Any:
    return library_of(bench).world


def library_of(bench: Any) -> Any:
    (library,) = bench.libraries.values()
    return library


PLACES: dict[str, tuple[str, str]] = {
    "laser": ("TCPIP0::192.168.0.30::20020::SOCKET", "laser"),
    "meter": ("ASRL5::INSTR", "gentec"),
    "camera": ("", "camera"),
    "shutter": ("ASRL4::INSTR", "sc10"),
    "plates": ("ASRL3::INSTR", "ell14"),
    "wheel": ("ASRL7::INSTR", "wheel"),
    "film": ("GPIB0::1::INSTR", "film"),
    "slit": ("ASRL6::INSTR", "s(lit|tage)"),
    "seed": ("", "laser"),
    "head": ("USB0::0x1313::0x8078::P0000002::INSTR", "sample_head"),
}
"""What can fail -> address, name in the station."""


def device_at(bench: Any, place: str) -> Any:
    address, station = PLACES[place]
    return library_of(bench).device(address or bench.station.components[station].address)


def faults_in(bench: Any, place: str) -> Any:
    return faults_of(TABLE, "camera") if place == "camera" else device_at(bench, place).faults


def by_method(place: str, name: str, *arguments: Any, cure: str = "", said: str = "") -> Fault:
    """Return the fault that one method of the instrument's faults brings and another clears."""

    def strike(bench: Any) -> None:
        getattr(faults_in(bench, place), name)(*arguments)

    def cured(bench: Any) -> None:
        if cure:
            getattr(faults_in(bench, place), cure)()

    return Fault(strike, cured, said)


def acting(bench: Any, *paths: str) -> None:
    """Do something at the laser's own program."""
    for path in paths:
        device_at(bench, "laser").states.act(path, bench.clock.now())


def started_again(bench: Any) -> None:
    acting(bench, "Basic/TurnOn")
    bench.clock.sleep(100.0)


def interlock_closed(bench: Any) -> None:
    faults_in(bench, "laser").close_interlock()
    acting(bench, "Advanced/ResetRemoteInterlock")
    started_again(bench)


def server_fails(bench: Any) -> None:
    """Have the laser's server answer everything by an error of its own."""

    def failing(*_: Any) -> Any:
        raise Refusal(500, "internal error")

    device_at(bench, "laser")._carry_out = failing


def server_works(bench: Any) -> None:
    vars(device_at(bench, "laser")).pop("_carry_out", None)


def server_hangs_up(bench: Any) -> None:
    device_at(bench, "laser")._last = None


def misses_triggers(bench: Any) -> None:
    """Have the camera miss every other trigger."""
    port, seen = world_of(bench).port("camera"), [0]
    original = port.triggers

    def missed(t0: float, t1: float) -> Any:
        found = []
        for time in original(t0, t1):
            seen[0] += 1
            if seen[0] % 2:
                found.append(time)
        return np.array(found)

    port.triggers = missed


def too_strong(bench: Any) -> None:
    device_at(bench, "meter").pulses.set_scale(7)


def deaf(bench: Any) -> None:
    """Have somebody raise the meter's trigger level beyond every pulse."""
    device_at(bench, "meter").pulses.trigger = 99.9


def hears(bench: Any) -> None:
    device_at(bench, "meter").pulses.trigger = 2.0


def laser_dims(bench: Any) -> None:
    """Have somebody turn the laser's own attenuator down."""
    world_of(bench).port("laser").transmit(0.0, bench.clock.now())


def laser_bright(bench: Any) -> None:
    world_of(bench).port("laser").transmit(1.0, bench.clock.now())


def camera_warms(bench: Any) -> None:
    world_of(bench).port("camera").cool(None, bench.clock.now())


def camera_cools(bench: Any) -> None:
    bench.station.components["camera"].cooler(True)


def loaded_again(bench: Any) -> None:
    """Load the camera again, as a lost one asks for."""
    faults_in(bench, "camera").clear()


def line(place: str, seconds: float = 3.0) -> dict[str, Fault]:
    return {
        "unplug": by_method(place, "unplug", cure="replug"),
        "garble": by_method(place, "garble"),
        "drop": by_method(place, "drop"),
        "late": by_method(place, "delay", seconds),
    }


RELEASE = {"film": "release"}
"""What pulls the red button out again, where there is one."""


def motors(place: str, *argument: int) -> dict[str, Fault]:
    return {
        "stall": by_method(place, "stall", *argument),
        "stop": by_method(place, "emergency_stop", *(() if place == "film" else argument), cure=RELEASE.get(place, "")),
    }


FAULTS: Mapping[str, Mapping[str, Fault]] = {
    "laser": {
        **line("laser", 8.0),
        "picker stuck": by_method("laser", "stick_picker", cure="free_picker", said="picker does not hold"),
        "interlock": Fault(
            lambda bench: faults_in(bench, "laser").trip_interlock(), interlock_closed, "[Ii]nterlock|not allowed"
        ),
        "mode lock": by_method("laser", "lose_mode_lock", cure="find_mode_lock", said="not mode-locked"),
        "standby": Fault(lambda bench: acting(bench, "Basic/GoToStandby"), started_again),
        "server error": Fault(server_fails, server_works),
        "disconnect": Fault(server_hangs_up),
        "dim": Fault(laser_dims, laser_bright, "meter|laser"),
    },
    "meter": {
        **line("meter"),
        "head unplugged": by_method("meter", "no_head", cure="head"),
        "over range": Fault(too_strong),
        "silent": Fault(deaf, hears),
    },
    "camera": {
        "unplug": Fault(lambda bench: faults_in(bench, "camera").unplug()),
        "hang": by_method("camera", "hang", cure="clear"),
        "flood": Fault(lambda bench: setattr(faults_in(bench, "camera"), "flooded", True), loaded_again),
        "warm": Fault(camera_warms, camera_cools),
        "missed triggers": Fault(misses_triggers),
    },
    "shutter": {
        **line("shutter"),
        "stuck": by_method("shutter", "stick", cure="loosen"),
        "interlock": by_method("shutter", "trip_interlock", cure="reset_interlock"),
    },
    "plates": {**line("plates"), "stall": by_method("plates", "stall"), "button": by_method("plates", "press_button")},
    "wheel": {**line("wheel"), "jam": by_method("wheel", "jam", cure="free"), "slip": by_method("wheel", "slip")},
    "film": {**line("film"), **motors("film", 2)},
    "slit": {**line("slit"), **motors("slit", 1)},
    "seed": {
        **line("seed"),
        "clamped": by_method("seed", "narrow", 810.0, 1080.0),
        "mode lock": by_method("seed", "lose_mode_lock", cure="find_mode_lock"),
        "interlock": by_method("seed", "trip_interlock", cure="close_interlock"),
    },
    "head": {**line("head"), "head unplugged": by_method("head", "no_sensor", cure="sensor")},
}
"""Place -> fault -> how."""
LINE = frozenset(line("laser"))


class Struck:
    """Brings one fault at one moment; keeps what exposures there were and when the table was made safe.

    Phases: as the step begins ("before"), some exchanges later ("soon"), when the camera is armed ("armed"), while
    pulses are let out ("light"), as the picker is to hold again ("hold").

    Attributes:
        declared: when each exposure began and ended by the clock: from the order to open to the confirmed block.
        fired: the bursts: begin, end, pulses that the row says (-1 where it failed), of these uncertain ones.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, bench: Any) -> None:
        self.bench = bench
        self.at = self.safe = -1.0
        self.declared: list[list[float]] = []
        self.fired: list[tuple[float, float, int, int]] = []
        self._strike: Callable[[], object] | None = None
        self._soon: Callable[[], object] | None = None
        self._moment, self._skip, self._phase, self._now = "", 0, "", False
        patch = monkeypatch.setattr
        expose, dark, begin, fire, wait = Table.expose, Table.dark, Table.begin, Bursts.fire, Bursts._wait
        arm, hold, make_safe = ArmedSpectrometerAdapter._arm, PulseAdapter.hold, Bench.make_safe
        unblock, block, row = ShutterAdapter.unblock, ShutterAdapter.block, _Scan._row
        own = bench.clock

        def begun(table: Table) -> None:
            if table.roles.clock is own:
                self._begins("begin")
            begin(table)

        def exposed(table: Table, series: str, *arguments: Any, **options: Any) -> Any:
            if table.roles.clock is own:
                self._begins(series)
            return expose(table, series, *arguments, **options)

        def darkened(table: Table) -> Any:
            if table.roles.clock is own:
                self._begins("dark")
            return dark(table)

        def rowed(scan: _Scan, series: str, *arguments: Any) -> Any:
            if scan._bench.clock is own:
                self._begins(series)
            return row(scan, series, *arguments)

        def fires(bursts: Bursts, *arguments: Any, **options: Any) -> Any:
            if bursts._clock is not own:
                return fire(bursts, *arguments, **options)
            since, said = own.now(), (-1, 0)
            try:
                burst = fire(bursts, *arguments, **options)
                said = len(burst.shots.times), burst.uncertain
            finally:
                self.fired.append((since, own.now(), *said))
            return burst

        def waited(bursts: Bursts, *arguments: Any) -> Any:
            if bursts._clock is own:
                self._reaches("light")
            return wait(bursts, *arguments)

        def armed(camera: ArmedSpectrometerAdapter, *arguments: Any, **options: Any) -> Any:
            found = arm(camera, *arguments, **options)
            if camera.clock is own:
                self._reaches("armed")
            return found

        def held(pulse: PulseAdapter) -> None:
            if pulse.clock is own and self.declared and self.declared[-1][1] == np.inf:
                self._reaches("hold")
            hold(pulse)

        def opened(shutter: ShutterAdapter) -> None:
            if shutter.clock is own:
                self.declared.append([own.now(), np.inf])
            unblock(shutter)

        def blocked(shutter: ShutterAdapter) -> None:
            block(shutter)
            if shutter.clock is own and self.declared:
                self.declared[-1][1] = min(own.now(), self.declared[-1][1])

        def made_safe(made: Bench) -> list[str]:
            if made is bench:
                self._reaches("safe")
            problems = make_safe(made)
            self.safe = own.now()
            return problems

        for owner, name, new in (
            (Table, "expose", exposed),
            (Table, "dark", darkened),
            (Table, "begin", begun),
            (_Scan, "_row", rowed),
            (Bursts, "fire", fires),
            (Bursts, "_wait", waited),
            (ArmedSpectrometerAdapter, "_arm", armed),
            (PulseAdapter, "hold", held),
            (ShutterAdapter, "unblock", opened),
            (ShutterAdapter, "block", blocked),
            (Bench, "make_safe", made_safe),
        ):
            patch(owner, name, new)

    def plan(self, place: str, fault: Fault, moment: str, phase: str) -> Struck:
        """Have the fault strike."""
        self._moment, self._skip = ("dark", 2) if moment == "end" else (moment, 0)
        self._phase = phase
        self._strike = partial(fault.strike, self.bench)
        if phase == "soon" and place != "camera":
            self._soon = lambda: faults_in(self.bench, place).arm(3, partial(fault.strike, self.bench))
        return self

    def _begins(self, moment: str) -> None:
        if moment != self._moment or self.at >= 0:
            return
        self._skip -= 1
        self._now = self._skip < 0
        if self._now and self._phase in ("before", "soon"):
            self.strike()

    def _reaches(self, phase: str) -> None:
        if self._now and self.at < 0 and phase == self._phase:
            self.strike()

    def strike(self) -> None:
        self.at = self.bench.clock.now()
        if self._soon is not None:
            self._soon()
        elif self._strike is not None:
            self._strike()


# What must be so afterwards ----------------------------------------------------------------------------


def assert_at_rest(
    bench: Any, struck: Struck, record: Any, blamed: str = "", unseen: int = UNSEEN, weak: int = 0
) -> None:
    """Check that pulses reached the film in declared exposures only, as many as the rows say, and none from now on.

    Args:
        bench: on which the run was.
        struck: what kept watch over it.
        record: of the run.
        blamed: the only thing that may be beyond control, and then the record must say so.
        unseen: pulses that the burst that failed may have had beyond those asked for.
        weak: pulses of a burst that may be too weak for the meter before it sees the first.
    """
    world, rows = world_of(bench), record.data
    booked = sum(spot.get("shots", 0) for spot in bench.ledger.entries().values())
    shutter, laser = world.port("shutter"), world.port("laser")
    left = shutter.is_open(bench.clock.now())
    bench.clock.sleep(5.0)
    times = np.array([shot.t for shot in world.shots()])
    astray = [t for t in times if not any(begin <= t <= end for begin, end in struck.declared)]
    assert not astray, "pulses on the film outside declared exposures"
    found = [int(((times >= begin) & (times <= end)).sum()) for begin, end, *_ in struck.fired]
    assert sum(found) == len(times), "every pulse on the film belongs to a burst"
    bursts = [(told, unsure, number) for (*_, told, unsure), number in zip(struck.fired, found, strict=True)]
    whole = [burst for burst in bursts if burst[0] >= 0]
    lit = np.flatnonzero(rows["series"].values) if rows.sizes.get("row", 0) else []
    stored, told_of = [int(rows["shots"].values[row]) for row in lit], [told for told, *_ in whole]
    if "ratio" in rows:  # an edge repeats bursts that its head did not see, without a row
        assert len(stored) <= len(told_of)
    else:
        assert stored == told_of[: len(stored)]
        assert len(told_of) - len(stored) <= 1, "only the exposure that was under way may be missing"
    assert all(abs(told - number) <= unsure + weak for told, unsure, number in whole), "rows tell the pulses"
    assert booked >= len(times) - weak, "every pulse is booked"
    failed = [number for told, _, number in bursts if told < 0]
    assert len(failed) <= 1
    assert sum(failed) <= 3 + unseen, "whatever fails, the light goes off soon"
    assert max((light.t1 for light in world.light_log()), default=0.0) <= (np.inf if left else struck.safe)
    assert not left or blamed == "shutter"
    if left:
        assert any("safe state" in problem and "sc10" in problem for problem in record.problems)
    assert laser.base_rate > 0
    if bench.roles["pulse"].gated() and blamed != "laser":
        assert device_at(bench, "laser").states.table(bench.clock.now())["Basic/IsOutputEnabled"] is False


def assert_kept(record: Any) -> None:
    """Check that data.nc, the database and the provenance hold every row and pulse."""
    rows = record.data.sizes.get("row", 0)
    assert load_record(record.folder).data.sizes.get("row", 0) == rows
    record.dataset.conn.close()
    if rows:
        with xr.open_dataset(record.folder / "data.nc", engine="h5netcdf") as stored:
            for name in ("shots", "fluences", "spectra") if "spectra" in stored else ("shots", "energy"):
                np.testing.assert_array_equal(stored[name].values, record.data[name].values)


def fails(procedure: Any, bench: Any, into: Path) -> tuple[BaseException | None, Any]:
    try:
        return None, run(procedure, bench, into=into, progress=False)
    except InstrumentError as error:
        return error, error.record  # type: ignore[attr-defined]


def assert_runs(procedure: Any, bench: Any, into: Path) -> None:
    again = run(procedure, bench, into=into, progress=False)
    assert (again.status, again.problems) == ("completed", ())
    again.dataset.conn.close()


def assert_told(failure: BaseException, place: str, fault: Fault) -> None:
    text = "\n".join([str(failure), *getattr(failure, "__notes__", ())])
    assert re.search(fault.said or PLACES[place][1], text), text
    assert re.search(r"[;:,] .{15,}", text), "what to do"
    assert len(str(failure)) < 800


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes long and is tested elsewhere: the analyses and the page."""
    for procedure in (ASEFluence, KnifeEdge, VariableStripe):
        monkeypatch.setattr(procedure, "analyses", ())
    monkeypatch.setattr(finishing, "write_report", lambda *_, **__: None)


@pytest.fixture
def bench() -> Iterator[Any]:
    with load_bench(TABLE, seed=3) as opened:
        yield opened


@pytest.fixture
def bench_of(checkout: Path) -> Iterator[Callable[[str], Any]]:
    opened: list[Any] = []

    def of(name: str) -> Any:
        opened.append(load_bench(checkout / "station_configs" / TABLE / name, seed=3))
        return opened[-1]

    yield of
    for one in opened:
        one.close()


# Every thing that can fail, at every moment -------------------------------------------------------------

PHASES = ("before", "soon", "armed", "light", "hold")
DARK_PHASES = ("before", "soon", "armed")
SAMPLED = {
    ("laser", "picker stuck", "up", "light"),
    ("meter", "head unplugged", "up", "light"),
}
ONLY: Mapping[str, tuple[str, ...]] = {
    "wheel": ("begin", "up", "down"),
    "film": ("scout", "fresh", "end"),
    "slit": ("begin",),
    "plates": ("begin", "up", "polarised"),
}
"""Moments of what is not asked at all others."""


def phases_of(moment: str) -> tuple[str, ...]:
    return {"begin": ("before", "soon")}.get(moment, DARK_PHASES if moment in ("dark", "end") else PHASES)


def cells() -> Iterator[tuple[str, str, str, str]]:
    """Yield every fault of each thing at each moment, in one phase of it; on the way up in all phases."""
    for place in FAULTS:
        if place in ("seed", "head"):
            continue
        for number, fault in enumerate(FAULTS[place]):
            for index, moment in enumerate(ONLY.get(place, MOMENTS)):
                turn = number + index
                if fault in LINE and turn % 3 and moment not in ("up", "begin"):
                    continue
                phases = phases_of(moment)
                for phase in phases:
                    case = (place, fault, moment, phase)
                    if case in SAMPLED or phase == phases[turn % len(phases)] or (moment == "up" and fault not in LINE):
                        yield case


ENDING = {
    *(("laser", fault) for fault in ("unplug", "picker stuck", "interlock", "mode lock", "standby", "server error")),
    *(("meter", fault) for fault in ("unplug", "head unplugged", "silent")),
    *(("camera", fault) for fault in ("unplug", "hang")),
    *(("shutter", fault) for fault in ("unplug", "interlock")),
    ("plates", "unplug"),
}
"""What no run survives where something is left to do."""
MATRIX = [pytest.param(*case, marks=[] if case in SAMPLED else pytest.mark.slow, id="-".join(case)) for case in cells()]


@pytest.mark.parametrize(("place", "fault", "moment", "phase"), MATRIX)
def test_whatever_fails_at_whatever_moment_no_pulse_goes_astray_and_rows_and_pulses_are_kept(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, fault: str, moment: str, phase: str
) -> None:
    what = FAULTS[place][fault]
    with monkeypatch.context() as patched:
        struck = Struck(patched, bench).plan(place, what, moment, phase)
        failure, record = fails(ASEFluence(**(BRIEF if moment in EARLY else SHORT)), bench, tmp_path)
    assert struck.at >= 0, "the fault never struck"
    unseen = UNHELD if place == "laser" and fault in (*LINE, "disconnect") else UNSEEN
    assert_at_rest(bench, struck, record, blamed=place, unseen=unseen)
    assert_kept(record)
    assert record.status == ("completed" if failure is None else "failed")
    if failure is None:
        assert (place, fault) not in ENDING or moment == "end" or (moment, phase) == ("polarised", "hold")
        return
    assert_told(failure, place, what)
    assert moment in ("begin", "dark") or record.data.sizes["row"] > 0
    if (place, fault) == ("camera", "unplug"):
        return
    what.cure(bench)
    faults_in(bench, place).clear()
    bench.clock.sleep(10.0)
    assert_runs(ASEFluence(**SHORTEST), bench, tmp_path)


def test_a_saturated_exposure_is_kept_and_repeated_through_denser_filters(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    struck = Struck(monkeypatch, bench)
    bright = SHORTEST | {"fluences": "Values('1 uJ/cm^2', '25 uJ/cm^2')", "check_every": 0}
    failure, record = fails(ASEFluence(**bright), bench, tmp_path)
    data = record.data
    assert failure is None
    at = np.flatnonzero((data.fluence_set.values > 2e-5) & (data.series.values == 2))
    assert len(at) >= 2
    full, steps = data.saturated.values[at], data.step.values[at]
    assert full[0] > 0
    assert full[-1] == 0
    assert list(steps) == sorted(set(steps)), "each time through a denser filter"
    assert_at_rest(bench, struck, record)
    assert_kept(record)


@pytest.mark.slow
def test_light_that_saturates_behind_the_densest_filter_is_told_and_the_rows_are_kept(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    struck = Struck(monkeypatch, bench).plan("camera", FAULTS["camera"]["flood"], "up", "before")
    failure, record = fails(ASEFluence(**SHORTEST), bench, tmp_path)
    assert re.search(r"512 of the camera's 512 pixels are at full scale in the dark: switch", str(failure)), failure
    flooded = record.data.saturated.values > 0
    assert {0, 1, 2, 3, 4, 5} <= set(record.data.step.values[flooded].astype(int))
    assert "saturated at 2e-06 J/cm^2 behind its densest filter" in caplog.text
    assert_at_rest(bench, struck, record)


@pytest.mark.slow
def test_frames_without_their_pulses_are_not_paired(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    struck = Struck(monkeypatch, bench).plan("camera", FAULTS["camera"]["missed triggers"], "up", "before")
    failure, record = fails(ASEFluence(**SHORT), bench, tmp_path)
    assert failure is None
    data = record.data
    later = (data.series.values >= 2) & (data.shots.values > 0)
    assert (data.paired.values[later] == 0).all()
    assert (data.frames.values[later] < data.shots.values[later]).all()
    assert_at_rest(bench, struck, record)


@pytest.mark.parametrize("when", ["before", pytest.param("unwatched", marks=pytest.mark.slow)])
def test_a_picker_that_is_stuck_open_before_the_first_exposure_lets_no_pulse_on_the_film(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    struck = Struck(monkeypatch, bench)
    bench.station.components["laser"].output("open")
    faults_in(bench, "laser").stick_picker()
    if when != "before":
        monkeypatch.setattr(Bursts, "_require_held", lambda *_: None)
    failure, record = fails(ASEFluence(**BRIEF), bench, tmp_path)
    assert re.search(r"\d+ pulses? came .*: the picker does not hold; .* block the beam by hand", str(failure))
    assert record.status == "failed"
    assert record.data.sizes["row"] == 2, "the darks, with the shutter closed"
    if when == "before":
        assert world_of(bench).shots() == []
    assert_at_rest(bench, struck, record, blamed="laser")
    assert_kept(record)


@pytest.mark.slow
def test_a_camera_that_does_not_get_cold_is_not_used(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    struck = Struck(monkeypatch, bench)
    faults_in(bench, "camera").cooler_broken = True
    bench.station.components["camera"].cooler(True)
    bench.clock.sleep(600.0)
    failure, record = fails(ASEFluence(**SHORT), bench, tmp_path)
    assert re.search(r"the sensor is at -?\d+\.\d degC, warmer than -60 degC .* after \d+ s: switch", str(failure))
    assert world_of(bench).shots() == []
    assert_at_rest(bench, struck, record)
    faults_in(bench, "camera").clear()
    bench.station.components["camera"].cooler(True)
    assert_runs(ASEFluence(**SHORTEST), bench, tmp_path)


# A laser that only seeds the amplifier: the shutter counts ----------------------------------------------

SEEDS = ("bench_chameleon.yaml", "bench_maitai.yaml")


def tuned_away(bench: Any) -> None:
    """Have a hand tune the laser to where it cannot go."""
    faults_in(bench, "seed").narrow(815.0, 1080.0)
    device_at(bench, "seed").head.tune(800.0, bench.clock.now())


SEED_FAULTS: Mapping[str, Fault] = {
    **FAULTS["seed"],
    "clamped": Fault(
        tuned_away, lambda bench: None, r"laser is at 81\d nm but .* states 800 nm.* clamped|not mode-locked"
    ),
    "mode lock": FAULTS["seed"]["mode lock"]._replace(said="laser is not mode-locked|Continuous|mode lock"),
}
SEED_SAMPLED = {("bench_chameleon.yaml", "mode lock", "up", "light")}
SEED_CELLS = [
    (file, fault, moment, phase)
    for file in SEEDS
    for number, fault in enumerate(SEED_FAULTS)
    for index, moment in enumerate(("begin", "up", "fresh"))
    for phase in (("before", "soon") if moment == "begin" else ("before", "armed", "light"))
    if (number + index + len(phase)) % 2 or (file, fault, moment, phase) in SEED_SAMPLED
]


@pytest.mark.parametrize(
    ("file", "fault", "moment", "phase"),
    [
        pytest.param(*case, marks=[] if case in SEED_SAMPLED else pytest.mark.slow, id="-".join(case))
        for case in SEED_CELLS
    ],
)
def test_whatever_becomes_of_a_seed_laser_only_counted_pulses_reach_the_film(
    bench_of: Callable[[str], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: str,
    fault: str,
    moment: str,
    phase: str,
) -> None:
    bench, what = bench_of(file), SEED_FAULTS[fault]
    with monkeypatch.context() as patched:
        struck = Struck(patched, bench).plan("seed", what, moment, phase)
        failure, record = fails(ASEFluence(**(TWO_BRIEF if moment in EARLY else TWO)), bench, tmp_path)
    assert struck.at >= 0, "the fault never struck"
    assert_at_rest(bench, struck, record, blamed="seed", weak=7 if fault == "mode lock" else 0)
    assert_kept(record)
    assert record.status == ("completed" if failure is None else "failed")
    if fault in ("clamped", "mode lock", "interlock", "unplug"):
        assert failure is not None
    if failure is None:
        return
    assert_told(failure, "seed", what)
    if fault in ("mode lock", "drop", "garble", "late"):
        what.cure(bench)
        faults_in(bench, "seed").clear()
        bench.clock.sleep(10.0)
        assert_runs(ASEFluence(**TWO_SHORTEST), bench, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("file", SEEDS)
def test_a_wavelength_that_the_laser_clamps_is_refused_before_any_light(
    bench_of: Callable[[str], Any], tmp_path: Path, file: str
) -> None:
    bench = bench_of(file)
    laser = bench.station.components["laser"]
    laser.shutter("closed")
    faults_in(bench, "seed").narrow(815.0, 1080.0)
    with pytest.raises(InstrumentError, match=r"stands at 815 nm instead of 805 nm|took 815 nm for the 805 nm"):
        laser.wavelength(805.0)
    laser.shutter("open")
    bench.clock.sleep(10.0)
    failure, record = fails(ASEFluence(**TWO), bench, tmp_path)
    assert re.search(r"pulse .*laser is at 815 nm but calibrations\.pulse .* states 800 nm", str(failure)), failure
    assert record.status == "failed"
    assert world_of(bench).shots() == []
    assert_kept(record)


# The other procedures ----------------------------------------------------------------------------------

OTHERS: dict[str, tuple[type[Any], dict[str, Any]]] = {
    "knife": (KnifeEdge, KNIFE),
    "stripe": (VariableStripe, STRIPE),
}
OTHER_CELLS = [
    ("knife", "head", "head unplugged", "edge", "light"),
    ("knife", "head", "unplug", "edge", "light"),
    ("knife", "head", "garble", "edge", "light"),
    ("knife", "head", "late", "edge", "light"),
    ("knife", "laser", "picker stuck", "edge", "light"),
    ("knife", "meter", "head unplugged", "edge", "light"),
    ("knife", "edge", "stall", "edge", "before"),
    ("knife", "edge", "stop", "edge", "before"),
    ("knife", "shutter", "stuck", "edge", "light"),
    ("stripe", "slit", "stall", "stripe", "before"),
    ("stripe", "near", "stall", "stripe", "before"),
    ("stripe", "slit", "unplug", "shifted", "before"),
    ("stripe", "laser", "picker stuck", "shifted", "light"),
    ("stripe", "meter", "over range", "stripe", "light"),
    ("stripe", "laser", "interlock", "stripe", "light"),
    ("stripe", "camera", "unplug", "shifted", "armed"),
]
OTHER_SAMPLED = {("knife", "head", "head unplugged")}
BLADES = {"edge": ("slit", 3, "edge_x_stage"), "near": ("slit", 2, "near_stage")}


@pytest.mark.parametrize(
    ("what", "place", "fault", "moment", "phase"),
    [
        pytest.param(*case, marks=[] if case[:3] in OTHER_SAMPLED else pytest.mark.slow, id="-".join(case))
        for case in OTHER_CELLS
    ],
)
def test_knife_edge_and_stripe_end_at_rest_whatever_fails(
    bench: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    what: str,
    place: str,
    fault: str,
    moment: str,
    phase: str,
) -> None:
    procedure, settings = OTHERS[what]
    if place in BLADES:
        place, number, station = BLADES[place]
        brought = motors("slit", number)[fault]._replace(said=station)
    else:
        brought = FAULTS[place][fault]
    if fault == "late":
        brought = brought._replace(said="an instrument answered late|sample_head")
    with monkeypatch.context() as patched:
        struck = Struck(patched, bench).plan(place, brought, moment, phase)
        failure, record = fails(procedure(**settings), bench, tmp_path)
    assert struck.at >= 0, "the fault never struck"
    # Where the head behind the edge is late, the picker waits with it.
    assert_at_rest(bench, struck, record, blamed=place, unseen=35 if fault == "late" else UNSEEN)
    assert_kept(record)
    assert record.status == ("completed" if failure is None else "failed")
    assert failure is not None or (place, fault) in (("head", "garble"), ("head", "late"))
    if failure is not None:
        assert_told(failure, place, brought)
        assert record.data.sizes["row"] > 0


# Stops ------------------------------------------------------------------------------------------------


def stop_within(
    monkeypatch: pytest.MonkeyPatch, bench: Any, owner: Any, name: str, call: int, words: int, sent: signal.Signals
) -> list[float]:
    """Send a signal within a call of a method, so many words on the wires after it began; tells when."""
    original, write = getattr(owner, name), Line.write
    calls, left, told = [0], [words], []

    def send() -> None:
        told.append(bench.clock.now())
        os.kill(os.getpid(), sent)

    def entered(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == call and words == 0:
            send()
        return original(*arguments, **options)

    def written(line: Line, data: bytes) -> None:
        write(line, data)
        if calls[0] >= call and not told:
            left[0] -= 1
            if left[0] <= 0:
                send()

    monkeypatch.setattr(owner, name, entered)
    monkeypatch.setattr(Line, "write", written)
    return told


STOPS: dict[str, tuple[Any, str, int, int]] = {
    "burst": (EnergyRecordingOfHead, "wait", 9, 0),
    "picker released": (PulseAdapter, "_release", 3, 2),
    "picker being released": (PulseAdapter, "_release", 3, 1),
    "picker held": (PulseAdapter, "hold", 8, 1),
    "camera armed": (Bursts, "_by_picker", 3, 0),
    "camera being armed": (ArmedSpectrometerAdapter, "_arm", 5, 0),
    "frames": (ArmedSpectrometerAdapter, "frames_of", 4, 0),
    "meter begins": (EnergyMeterAdapter, "_begin_recording", 3, 1),
    "meter ends": (EnergyMeterAdapter, "_end_recording", 3, 0),
    "range": (EnergyMeterAdapter, "expect", 2, 2),
    "opening": (ShutterAdapter, "unblock", 3, 3),
    "closing": (ShutterAdapter, "block", 6, 2),
    "turn of the plate": (PulseAttenuatorAdapter, "set_energy", 3, 3),
    "filter": (FilterAdapter, "insert", 2, 2),
    "film": (ScannerAdapter, "move_to", 2, 4),
    "slit": (PositionerAdapter, "move_to", 2, 5),
}


def prepared(bench: Any, settings: Mapping[str, Any]) -> Callable[..., Any]:
    """Return a stand-in for the rehearsal that was made before, so that what is counted is the run alone."""
    plan = qcodes_run.rehearse(ASEFluence(**settings), bench)
    return lambda *_: plan


def assert_stopped(
    bench: Any, into: Path, monkeypatch: pytest.MonkeyPatch, where: tuple[Any, str, int, int], sent: signal.Signals
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(qcodes_run, "prepare", prepared(bench, SHORT))
        struck = Struck(patched, bench)
        told = stop_within(patched, bench, *where, sent)
        with pytest.raises(KeyboardInterrupt) as caught:
            run(ASEFluence(**SHORT), bench, into=into, progress=False)
    assert len(told) == 1
    record = caught.value.record  # type: ignore[attr-defined]
    assert (record.status, record.problems) == ("aborted", ())
    assert_at_rest(bench, struck, record, unseen=1)
    assert max((shot.t for shot in world_of(bench).shots()), default=0.0) < told[0] + 0.5
    assert_kept(record)


@posix
@pytest.mark.parametrize(
    ("where", "sent"),
    [
        pytest.param(name, sent, marks=[] if (name, sent) == ("burst", signal.SIGINT) else pytest.mark.slow)
        for name in STOPS
        for sent in (signal.SIGINT, signal.SIGTERM)
        if sent == signal.SIGINT or name in ("burst", "closing")
    ],
)
def test_a_stop_in_the_middle_of_anything_ends_at_rest_with_rows_and_pulses_kept(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, sent: signal.Signals
) -> None:
    assert_stopped(bench, tmp_path, monkeypatch, STOPS[where], sent)
    assert_runs(ASEFluence(**SHORTEST), bench, tmp_path)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(16))
def test_ctrl_c_at_any_word_on_any_wire_ends_at_rest_with_rows_and_pulses_kept(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    words = int(np.random.default_rng(seed).integers(1, 800))
    assert_stopped(bench, tmp_path, monkeypatch, (Table, "begin", 1, words), signal.SIGINT)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("file", SEEDS)
@pytest.mark.parametrize("words", [200, 300, 400])
def test_ctrl_c_where_the_shutter_counts_ends_dark(
    bench_of: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, words: int
) -> None:
    bench = bench_of(file)
    with monkeypatch.context() as patched:
        patched.setattr(qcodes_run, "prepare", prepared(bench, TWO))
        struck = Struck(patched, bench)
        told = stop_within(patched, bench, Table, "begin", 1, words, signal.SIGINT)
        with pytest.raises(KeyboardInterrupt) as caught:
            run(ASEFluence(**TWO), bench, into=tmp_path, progress=False)
    assert len(told) == 1
    assert_at_rest(bench, struck, caught.value.record, unseen=3)  # type: ignore[attr-defined]
    assert_kept(caught.value.record)  # type: ignore[attr-defined]


@pytest.mark.parametrize("kept", [4, *(pytest.param(kept, marks=pytest.mark.slow) for kept in range(1, 22, 3))])
def test_a_sweep_that_is_closed_at_any_row_is_at_rest(bench: Any, monkeypatch: pytest.MonkeyPatch, kept: int) -> None:
    struck = Struck(monkeypatch, bench)
    procedure = ASEFluence(**SHORT)
    rows = procedure.measure(**bench.bind(procedure))
    seen = [next(rows) for _ in range(kept)]
    rows.close()
    world, now = world_of(bench), bench.clock.now()
    bench.clock.sleep(5.0)
    assert not world.port("shutter").is_open(now)
    assert sum(row["shots"] for row in seen) == len(world.shots())
    assert all(any(begin <= shot.t <= end for begin, end in struck.declared) for shot in world.shots())
    assert bench.station.components["laser"].output() == "closed"
    with pytest.raises(StopIteration):
        next(rows)


KILLED = """
import os, signal, sys
from perovskite_meas import load_bench, run
from perovskite_meas.hosts._store import DatasetSink
from perovskite_meas.bench.roles.energy_recording import EnergyRecordingOfHead
from perovskite_meas.procedures import ASEFluence

write, wait, calls = DatasetSink.write, EnergyRecordingOfHead.wait, []
def counting(sink, row):
    write(sink, row)
    calls.append(1)
def killing(recording, *arguments):
    if len(calls) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
    return wait(recording, *arguments)
DatasetSink.write, EnergyRecordingOfHead.wait = counting, killing
ASEFluence.analyses = ()
with load_bench("virtual_ase", seed=3) as bench:
    run(ASEFluence(**eval(sys.argv[3])), bench, into=sys.argv[1], progress=False)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("rows", [3, *(pytest.param(number, marks=pytest.mark.slow) for number in (2, 6))])
def test_after_sigkill_in_a_burst_the_rows_are_found(tmp_path: Path, rows: int) -> None:
    words = [sys.executable, "-c", KILLED, str(tmp_path), str(rows), repr(BRIEF)]
    done = subprocess.run(words, check=False, timeout=120, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    (folder,) = tmp_path.glob("*-ASEFluence-*")
    record = load_record(folder)
    assert record.status == "interrupted"
    assert record.data.sizes["row"] == rows
    assert record.data.spectra.shape == (rows, 5, 512)
    assert (record.data.shots.values[2:] > 0).all()


class Halting(Worker):  # type: ignore[misc]
    """A Worker that stops itself when it has emitted so many rows."""

    left = 0

    def emit(self, topic: str, record: Any) -> None:
        super().emit(topic, record)
        if topic == "results":
            self.left -= 1
            if self.left == 0:
                self.stop()


def aborted_in_pymeasure(folder: Path, worker: Any, procedure: Any) -> Any:
    # Held here, the laboratory outlives the bench that the procedure opens and closes.
    laboratory = pyvisa.ResourceManager(f"{TABLE}@twin").visalib
    worker.start()
    threading.Thread.join(worker, 60)
    assert not worker.is_alive(), "the Worker hangs"
    record = load_record(folder / "run.csv")
    assert record.status == procedure.record.status == "aborted"
    assert record.problems == ()
    world = laboratory.world
    assert not world.port("shutter").is_open(world.clock.now())
    stored = int(record.data.shots.values.sum()) if record.data.sizes["row"] else 0
    world.clock.sleep(5.0)
    return record.data.sizes["row"], len(world.shots()) - stored


@pytest.mark.parametrize("rows", [5, *(pytest.param(rows, marks=pytest.mark.slow) for rows in (1, 3, 7))])
def test_an_abort_in_pymeasure_ends_at_rest_with_rows_and_pulses_kept(tmp_path: Path, rows: int) -> None:
    from perovskite_meas.hosts import pymeasure

    procedure = pymeasure.ASEFluence(**BRIEF)
    worker = Halting(Results(procedure, str(tmp_path / "run.csv")))
    worker.left = rows
    assert aborted_in_pymeasure(tmp_path, worker, procedure) == (rows, 0)


@pytest.mark.slow
def test_an_abort_in_pymeasure_in_the_middle_of_a_burst_closes_the_shutter_before_the_next_pulse(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from perovskite_meas.hosts import pymeasure

    procedure = pymeasure.ASEFluence(**SHORT | {"shots": 30, "scout": 0})
    worker, add, seen = Worker(Results(procedure, str(tmp_path / "run.csv"))), EnergyRecordingOfHead._add, []

    def added(recording: EnergyRecordingOfHead, look: Any) -> None:
        add(recording, look)
        if type(recording) is EnergyRecordingOfHead and len(recording._heads) == 5 and not seen:
            seen.append(1)
            worker.stop()

    monkeypatch.setattr(EnergyRecordingOfHead, "_add", added)
    rows, more = aborted_in_pymeasure(tmp_path, worker, procedure)
    assert seen
    assert rows == 2
    assert 5 <= more <= 7


@pytest.mark.slow
def test_a_full_disk_ends_the_sweep_at_rest_with_the_rows_before_it(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, written = DatasetSink.write, []

    def full(sink: DatasetSink, row: Any) -> None:
        written.append(row)
        if len(written) >= 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(sink, row)

    with monkeypatch.context() as patched:
        struck = Struck(patched, bench)
        patched.setattr(DatasetSink, "write", full)
        with pytest.raises(OSError, match="No space left") as caught:
            run(ASEFluence(**SHORT), bench, into=tmp_path, progress=False)
    record = caught.value.record  # type: ignore[attr-defined]
    assert record.status == "failed"
    assert record.data.sizes["row"] == 5
    assert_at_rest(bench, struck, record)
    assert_kept(record)


# A fault during the clean-up ---------------------------------------------------------------------------

SECONDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "laser": {"unplug": ("hold", "safe"), "server error": ("hold", "safe"), "late": ("hold",), "garble": ("safe",)},
    "shutter": {"unplug": ("safe",), "stuck": ("hold",), "garble": ("hold", "safe"), "late": ("safe",)},
    "plates": {"unplug": ("safe",), "stall": ("safe",), "button": ("safe",)},
    "film": {"unplug": ("hold",), "stall": ("hold",)},
    "camera": {"unplug": ("hold",)},
    "meter": {"unplug": ("hold",), "garble": ("hold",)},
}
CLEANING = [
    (place, fault, phase) for place, faults in SECONDS.items() for fault, phases in faults.items() for phase in phases
]


@pytest.mark.parametrize(
    ("place", "fault", "phase"),
    [
        pytest.param(*case, marks=[] if case == ("laser", "unplug", "hold") else pytest.mark.slow, id="-".join(case))
        for case in CLEANING
    ],
)
def test_a_fault_during_the_clean_up_hides_neither_the_first_one_nor_leaves_light_on(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, fault: str, phase: str
) -> None:
    first = FAULTS["meter"]["over range"]
    with monkeypatch.context() as patched:
        struck = Struck(patched, bench).plan("meter", first, "up", "light")
        second, waiting = FAULTS[place][fault], [1]
        owner, name = {"hold": (PulseAdapter, "hold"), "safe": (Bench, "make_safe")}[phase]
        original = getattr(owner, name)

        def cleans(one: Any) -> Any:
            if struck.at >= 0 and waiting:
                waiting.clear()
                second.strike(bench)
            return original(one)

        patched.setattr(owner, name, cleans)
        failure, record = fails(ASEFluence(**BRIEF), bench, tmp_path)
    assert not waiting, "the second fault never struck"
    told = "\n".join([str(failure), *getattr(failure, "__notes__", ()), *record.problems])
    assert "gentec" in str(failure)
    if fault in ("unplug", "server error") and place in ("laser", "shutter"):
        assert re.search(PLACES[place][1], told)
        assert record.problems
    assert record.status == "failed"
    assert_at_rest(bench, struck, record, blamed=place)
    assert_kept(record)
