"""Magneto-PL when things go wrong: whatever fails, the dot is dark, the magnet holds and the rows are kept."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import pyvisa
import xarray as xr
from pymeasure.experiment import Results, Worker
from qcodes.instrument_drivers.american_magnetics import AMIModel430

from perovskite_meas import load_bench, load_record, run
from perovskite_meas.bench.bench import Bench
from perovskite_meas.bench.roles.analyser import AnalyserAdapter
from perovskite_meas.bench.roles.cryostat import CryostatAdapter
from perovskite_meas.bench.roles.magnet import MagnetAdapter
from perovskite_meas.bench.roles.ramping import Follower
from perovskite_meas.bench.roles.reference import ReferenceAdapter
from perovskite_meas.bench.roles.shutter import ShutterAdapter
from perovskite_meas.bench.roles.spectrograph import SpectrographAdapter
from perovskite_meas.bench.roles.spectrometer import SpectrometerAdapter
from perovskite_meas.cli import main
from perovskite_meas.core.errors import InstrumentError, UsageError
from perovskite_meas.hosts import qcodes_run
from perovskite_meas.procedures import MagnetoPL
from perovskite_meas.procedures._magneto_find import Finder
from perovskite_meas.procedures._magneto_table import Table
from perovskite_meas.runner import finish as finishing
from perovskite_meas.sim.sdk._atmcd_camera import Acquisition
from perovskite_meas.sim.sdk.laboratory import faults_of
from perovskite_meas.sim.wire.line import Line

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows delivers no signal to its own process")
TABLE = "virtual_magneto"
ANALYSES = MagnetoPL.analyses
SHORT: dict[str, Any] = {
    "fields": "Values(0, 0.5, 1)",
    "negative": "Values(0)",
    "down_every": 0,
    "frames": 2,
    "exposure": "0.2 s",
    "polar_frames": 0,
    "lamp_every": 2,
    "lamp_exposure": "0.2 s",
    "faraday_fields": 1,
    "faraday_angles": "Values(0, 90)",
    "faraday_exposure": "0.1 s",
    "darks": 1,
    "background_fields": 1,
    "background_frames": 1,
    "decay": 0,
    "find_time": "0.05 s",
    "gate": "0.05 s",
}
SHORTEST = SHORT | {"fields": "Values(0)", "lamp_every": 0, "faraday_fields": 0, "background_fields": 0}
MOMENTS = ("dark", "lamp", "faraday", "find", "on", "background", "ramp", "end")
GATES = ("shutter", "lamp", "reference")
LEAK = 1.1e-9
"""W on the sample that count as dark: the attenuator at its least lets 1 nW through."""
AMI = "TCPIP0::192.168.0.20::7180::SOCKET"

PLACES: dict[str, tuple[str, str]] = {
    "magnet": (AMI, "magnet"),
    "lakeshore": ("TCPIP0::192.168.0.21::7777::SOCKET", "lakeshore"),
    "acton": ("ASRL9::INSTR", "acton"),
    "camera": ("", "camera"),
    "plates": ("ASRL3::INSTR", "ell14"),
    "meter": ("USB0::0x1313::0x8078::P0000001::INSTR", "pickoff"),
    "shutter": ("ASRL4::INSTR", "sc10"),
    "lamp": ("ASRL5::INSTR", "lamp_shutter"),
    "reference": ("ASRL6::INSTR", "reference_shutter"),
    "focus": ("ASRL7::INSTR", "focus"),
    "counter": ("GPIB0::23::INSTR", "sr400"),
    "tagger": ("", "tagger"),
}
"""What can fail -> address, name in the station."""


class Fault(NamedTuple):
    """A fault: the method that brings it, its arguments; the one that clears it; what a hand does besides.

    Where nothing but loading the instrument again helps, `mends` is False.
    """

    method: str
    arguments: tuple[Any, ...] = ()
    cure: str = ""
    hand: Callable[[Any], object] = lambda bench: None
    mends: bool = True


def world_of(bench: Any) -> Any:
    return library_of(bench).world


def library_of(bench: Any) -> Any:
    (library,) = bench.libraries.values()
    return library


def panel(bench: Any, *words: str) -> None:
    """Do something at the panel of the magnet's supply."""
    device = library_of(bench).device(AMI)
    for word in words:
        device.feed(f"{word}\r\n".encode(), bench.clock.now())
    device.clear()


def reset_quench(bench: Any) -> None:
    panel(bench, "QU 0")
    bench.clock.sleep(900.0)


LINE = {
    "unplug": Fault("unplug", cure="replug"),
    "garble": Fault("garble"),
    "drop": Fault("drop"),
    "late": Fault("delay", (8.0,)),
}
GATE = {"stuck": Fault("stick", cure="loosen"), "interlock": Fault("trip_interlock", cure="reset_interlock")}
OWN: Mapping[str, Mapping[str, Fault]] = {
    "magnet": {
        "quench": Fault("quench", hand=reset_quench),
        "interlock": Fault("refuse_ramps", hand=lambda bench: faults_in(bench, "magnet").refuse_ramps(False)),
    },
    "lakeshore": {
        "sensor": Fault("open_sensor", cure="restore_sensor"),
        "warm": Fault("warm", hand=lambda bench: (warm(bench, 4.0), bench.clock.sleep(600.0))),
    },
    "acton": {"jam": Fault("jam", cure="free"), "stall": Fault("stall")},
    "camera": {
        "unplug": Fault("unplug", mends=False),
        "hang": Fault("hang", cure="clear"),
        "flood": Fault("flooded", cure="clear"),
        "warm": Fault("warm", hand=lambda bench: world_of(bench).port("camera").cool(-70, bench.clock.now())),
    },
    "plates": {"stall": Fault("stall"), "button": Fault("press_button")},
    "meter": {"head unplugged": Fault("no_sensor", cure="sensor")},
    "shutter": GATE,
    "lamp": GATE,
    "reference": GATE,
    "focus": {
        "actuator unplugged": Fault("unplug_actuator", cure="replug_actuator"),
        "button": Fault("disable", hand=lambda bench: focus_again(bench)),
    },
    "counter": {},
    "tagger": {"unplug": Fault("unplug", cure="clear"), "signal lost": Fault("kill_input", (0,), cure="clear")},
}
SDK = ("camera", "tagger")


def warm(bench: Any, kelvin: float) -> None:
    world_of(bench).port("cryostat").set(kelvin, bench.clock.now())


def focus_again(bench: Any) -> None:
    """Switch the piezo on, and go back to where the station file begins: without voltage the focus was lost."""
    piezo = bench.station.components["focus"]
    piezo.enabled(True)
    piezo.voltage(37.5)


def faults_at(place: str) -> dict[str, Fault]:
    return dict(OWN[place]) if place in SDK else {**LINE, **OWN[place]}


def faults_in(bench: Any, place: str) -> Any:
    return faults_of(TABLE, place) if place in SDK else library_of(bench).device(PLACES[place][0]).faults  # type: ignore[call-overload]


class Struck:
    """Brings one fault at one moment, and knows when it was and when the table was made safe.

    Phases: as the step begins ("before"), some exchanges later ("soon"), or while the camera exposes ("light").
    """

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, bench: Any, strike: Callable[[str], object], moment: str, phase: str
    ) -> None:
        self.bench, self.phase, self._strike = bench, phase, strike
        self.at = self.safe = -1.0
        self._moment, self._skip = ("dark", 1) if moment == "end" else (moment, 0)
        self._now = False
        frame, recorded, find, look = Table.frame, Table.recorded, Finder.find, Follower.look
        turn = SpectrographAdapter._go
        expose, make_safe = SpectrometerAdapter.expose, Bench.make_safe

        def framed(table: Table, series: str, exposure: float) -> Any:
            if table.roles.clock is bench.clock:
                self._begins(series)
            return frame(table, series, exposure)

        def recorded_(table: Table, seconds: float) -> Any:
            if table.roles.clock is bench.clock:
                self._begins("decay")
                self._lights()
            return recorded(table, seconds)

        def found(finder: Finder) -> Any:
            if finder._table.roles.clock is bench.clock:
                self._begins("find")
            yield from find(finder)

        def looked(follower: Follower, doing: str = "") -> Any:
            if "on the way" in doing:
                self._looks += 1
                if self._looks == 20:
                    self._begins("ramp")
            return look(follower, doing)

        def turned(spectrograph: SpectrographAdapter, target: float, stands: float) -> float:
            if spectrograph.clock is bench.clock:
                self._begins("grating")
            return turn(spectrograph, target, stands)

        def exposed(camera: SpectrometerAdapter, seconds: float) -> Any:
            if camera.clock is bench.clock:
                self._lights()
            return expose(camera, seconds)

        def made_safe(made: Bench) -> list[str]:
            problems = make_safe(made)
            self.safe = bench.clock.now()
            return problems

        self._looks = 0
        monkeypatch.setattr(Table, "frame", framed)
        monkeypatch.setattr(Table, "recorded", recorded_)
        monkeypatch.setattr(Finder, "find", found)
        monkeypatch.setattr(Follower, "look", looked)
        monkeypatch.setattr(SpectrographAdapter, "_go", turned)
        monkeypatch.setattr(SpectrometerAdapter, "expose", exposed)
        monkeypatch.setattr(Bench, "make_safe", made_safe)

    def _begins(self, moment: str) -> None:
        if moment != self._moment or self.at >= 0:
            return
        self._skip -= 1
        self._now = self._skip < 0
        if self._now and (self.phase != "light" or moment in ("find", "ramp", "grating")):
            self.strike()

    def _lights(self) -> None:
        if self._now and self.at < 0:
            self.strike()

    def strike(self) -> None:
        self.at = self.bench.clock.now()
        self._strike(self.phase)


def striking(bench: Any, place: str, fault: Fault) -> Callable[[str], object]:
    """Return what brings a fault."""

    def strike(phase: str) -> None:
        faults = faults_in(bench, place)
        if fault.method == "warm":
            if place == "camera":
                world_of(bench).port("camera").cool(None, bench.clock.now())
            else:
                warm(bench, 6.0)
        elif place in SDK and fault.method in ("flooded", "endless"):
            setattr(faults, fault.method, True)
        elif phase == "soon" and place == "camera":
            getattr(faults, fault.method)(*fault.arguments, after=0.1)
        elif phase == "soon" and place != "tagger":
            getattr(faults.after(exchanges=4), fault.method)(*fault.arguments)
        else:
            getattr(faults, fault.method)(*fault.arguments)

    return strike


def cure(bench: Any, place: str, fault: Fault) -> None:
    """Do what the error says: take the cause away, and switch on again what switched off."""
    faults = faults_in(bench, place)
    if fault.cure:
        getattr(faults, fault.cure)()
    faults.clear()
    fault.hand(bench)
    bench.clock.sleep(10.0)


# What must be so afterwards ----------------------------------------------------------------------------


def open_gates(bench: Any) -> set[str]:
    world = world_of(bench)
    return {name for name in GATES if world.port(name).is_open(world.clock.now())}


def light_after(bench: Any, moment: float) -> float:
    """Return the highest power in W on the sample after a moment."""
    bench.clock.sleep(0.1)
    return max((light.power for light in world_of(bench).light_log() if light.t1 > moment + 1e-6), default=0.0)


def ramps(bench: Any) -> bool:
    """Return whether the coil's current goes on changing, whatever the supply says."""
    coil, now = world_of(bench).port("magnet"), bench.clock.now()
    return bool(np.ptp([coil.nominal(now + wait) for wait in (0.0, 1.0, 10.0, 100.0)]) > 1e-9)


def assert_dark_and_held(bench: Any, safe: float, record: Any, blamed: str = "") -> None:
    """Check that no light reaches the sample, no gate is open and the field stays, but what the record tells of.

    Args:
        bench: on which the run was.
        safe: when the table was said to be safe, in s.
        record: of the run.
        blamed: the only thing whose gate or ramp may be beyond control, and then the record must say so.
    """
    if library_of(bench).device(AMI).supply_now().quenched:
        bench.clock.sleep(10.0)
    ramping = ramps(bench)
    left = open_gates(bench)
    assert light_after(bench, safe) <= (LEAK if left else 0.0)
    lit = [light.t1 - light.t0 for light in world_of(bench).light_log() if light.power > LEAK]
    assert max(lit, default=0.0) < 30.0, "whatever fails, the light goes off soon"
    assert left <= {blamed}
    assert not ramping or blamed == "magnet"
    if left or ramping:
        assert any("safe state" in problem and PLACES[blamed][1] in problem for problem in record.problems)


def assert_kept(record: Any) -> None:
    """Check that data.nc and the database hold every row."""
    rows = record.data.sizes.get("row", 0)
    assert load_record(record.folder).data.sizes.get("row", 0) == rows
    assert record.dataset.number_of_results == rows * len(MagnetoPL.columns)
    record.dataset.conn.close()
    if rows:
        with xr.open_dataset(record.folder / "data.nc", engine="h5netcdf") as stored:
            np.testing.assert_array_equal(stored["spectrum"].values, record.data["spectrum"].values)


def fails(bench: Any, into: Path, settings: Mapping[str, Any] = SHORT) -> tuple[BaseException | None, Any]:
    try:
        return None, run(MagnetoPL(**settings), bench, into=into, progress=False)
    except InstrumentError as error:
        return error, error.record  # type: ignore[attr-defined]


def assert_runs(bench: Any, into: Path) -> None:
    again = run(MagnetoPL(**SHORTEST), bench, into=into, progress=False)
    assert (again.status, again.problems) == ("completed", ())
    again.dataset.conn.close()


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes long and is tested elsewhere: the analyses and the page."""
    monkeypatch.setattr(MagnetoPL, "analyses", ())
    monkeypatch.setattr(finishing, "write_report", lambda *_, **__: None)
    # QCoDeS' driver tries everything twice, so many seconds of the wall apart.
    monkeypatch.setattr(AMIModel430, "_RETRY_TIME", 0)


@pytest.fixture
def bench() -> Iterator[Any]:
    with load_bench(TABLE, seed=3) as opened:
        yield opened


# Every thing that can fail, at every moment -------------------------------------------------------------

PHASES = ("before", "soon", "light")
SAMPLED = {
    ("magnet", "quench", "ramp", "before"),
    ("camera", "hang", "on", "light"),
}


def cells() -> Iterator[tuple[str, str, str, str]]:
    """Yield every fault of each thing at each moment, in one phase of it; on the emitter in all phases."""
    for place in PLACES:
        for number, fault in enumerate(faults_at(place)):
            for index, moment in enumerate(ONLY.get(place, MOMENTS)):
                turn = number + index
                if fault in LINE and turn % 4 and moment != "ramp":
                    continue
                for phase in PHASES:
                    case = (place, fault, moment, phase)
                    if case in SAMPLED or phase == PHASES[turn % 3] or (moment == "on" and fault not in LINE):
                        yield case


ONLY = {
    "acton": ("grating",),
    "tagger": (*MOMENTS, "decay"),
    "lamp": ("lamp", "ramp"),
    "reference": ("faraday", "ramp"),
}
"""Moments of what is not asked at all others."""
MATRIX = [pytest.param(*case, marks=[] if case in SAMPLED else pytest.mark.slow, id="-".join(case)) for case in cells()]


@pytest.mark.parametrize(("place", "fault", "moment", "phase"), MATRIX)
def test_whatever_fails_at_whatever_moment_ends_dark_and_held_with_the_rows_kept_and_is_told(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, fault: str, moment: str, phase: str
) -> None:
    what = faults_at(place)[fault]
    settings = SHORT | {"tagger": {"decay": "0.5 s"}, "acton": {"centre": "540 nm"}}.get(place, {})
    with monkeypatch.context() as patched:
        struck = Struck(patched, bench, striking(bench, place, what), moment, phase)
        failure, record = fails(bench, tmp_path, settings)
    assert struck.at >= 0, "the fault never struck"
    assert_dark_and_held(bench, struck.safe, record, blamed=place)
    assert_kept(record)
    assert record.status == ("completed" if failure is None else "failed")
    if failure is None:
        return
    assert PLACES[place][1] in str(failure)
    assert re.search(r"[;:] .{15,}", str(failure)), "what to do"
    assert len(str(failure)) < 800
    assert moment in ("dark", "grating") or record.data.sizes["row"] > 0
    if what.mends:
        cure(bench, place, what)
        assert_runs(bench, tmp_path)


# What the instruments do not tell ----------------------------------------------------------------------


def dot_of(bench: Any) -> Any:
    return world_of(bench)._scene._dot


def jump(bench: Any, nanometres: float) -> None:
    """Move the emitter sideways from now on."""
    mount, since = dot_of(bench)._mount, bench.clock.now()
    places = mount.places

    def moved(times: Any) -> Any:
        found = places(times)
        found[0] += np.where(times >= since, nanometres, 0.0)
        return found

    mount.places = moved


def bleach(bench: Any) -> None:
    dot_of(bench).counts = lambda excitations: 0.0 * excitations


@pytest.mark.slow
def test_an_emitter_that_jumps_a_little_is_found_again(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Struck(monkeypatch, bench, lambda _: jump(bench, 600.0), "ramp", "before")
    failure, record = fails(bench, tmp_path)
    assert failure is None
    x = record.data.x.values
    assert x[-2] - x[5] == pytest.approx(0.6, abs=0.25)
    assert {*record.data.identity.values[record.data.series.values == 8]} <= {1, 2, 3}
    assert_kept(record)


@pytest.mark.parametrize("how", ["jump", pytest.param("bleach", marks=pytest.mark.slow)])
def test_an_emitter_that_is_lost_at_a_field_ends_the_run_there(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    strike = {"jump": lambda _: jump(bench, 9000.0), "bleach": lambda _: bleach(bench)}[how]
    struck = Struck(monkeypatch, bench, strike, "ramp", "before")
    failure, record = fails(bench, tmp_path)
    told = str(failure)
    assert re.search(r"the emitter is lost at 0\.5 T: .* cps at 50 nW, where .* cps were expected", told), told
    assert "look for it by hand" in told
    assert_dark_and_held(bench, struck.safe, record)
    assert world_of(bench).port("magnet").nominal(bench.clock.now()) == pytest.approx(0.5, abs=1e-3), "not ramped down"
    assert_kept(record)
    assert record.status == "failed"


@pytest.mark.slow
def test_an_emitter_that_walks_too_far_is_another_one(bench: Any, tmp_path: Path) -> None:
    failure, record = fails(bench, tmp_path, SHORT | {"reach": "20 nm"})
    assert re.search(r"the emitter moved 0\.\d+ um away .* more than the 0\.02 um of `reach`", str(failure))
    assert_dark_and_held(bench, bench.clock.now(), record)
    assert_kept(record)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "said"), [("lamp_rate", "the lamp shows no line"), ("reference_rate", "the reference laser shows no line")]
)
def test_a_light_that_is_out_behind_an_open_shutter_is_told(tmp_path: Path, key: str, said: str) -> None:
    world = tmp_path / "world.yaml"
    world.write_text(f"table: magneto\noptics: {{{key}: 0 cps}}\n", encoding="utf-8")
    with load_bench(TABLE, world=world, seed=3) as bench:
        failure, record = fails(bench, tmp_path)
        assert re.search(rf"{said} on the camera at 0 T: see that it is on", str(failure)), failure
        assert world_of(bench).light_log() == []
        assert_dark_and_held(bench, bench.clock.now(), record)
        assert_kept(record)


HANDS = {
    "stalls": (
        ("CONF:RAMP:RATE:SEG 1", "CONF:RAMP:RATE:FIELD 1,0.0001,0"),
        r"the ramp has stalled at .* mT|only .* mT after \d+ s",
    ),
    "paused": (("PAUSE",), "says 'holding' at .* mT .* somebody else has paused it"),
    "zeroed": (("ZERO",), r"the ramp has stalled at|the field went from|became"),
}


@pytest.mark.parametrize("hand", [pytest.param(hand, marks=pytest.mark.slow) for hand in HANDS])
def test_a_ramp_that_does_not_go_on_is_told_and_held(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hand: str
) -> None:
    words, said = HANDS[hand]
    with monkeypatch.context() as patched:
        struck = Struck(patched, bench, lambda _: panel(bench, *words), "ramp", "before")
        failure, record = fails(bench, tmp_path)
    assert re.search(said, str(failure)), failure
    assert_dark_and_held(bench, struck.safe, record)
    assert_kept(record)
    assert_runs(bench, tmp_path)


@pytest.mark.slow
def test_a_field_that_another_hand_moves_during_an_exposure_ends_the_run(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    struck = Struck(monkeypatch, bench, lambda _: panel(bench, "CONF:FIELD:TARG 8", "RAMP"), "on", "light")
    failure, record = fails(bench, tmp_path)
    assert "the magnet says 'ramping'" in str(failure)
    assert_dark_and_held(bench, struck.safe, record)
    assert_kept(record)


def heat_switch(bench: Any) -> None:
    """Bring the leads to the coil's current and open the switch, as a hand would."""
    coil = world_of(bench).port("magnet").nominal(bench.clock.now())
    for word, wait in ((f"CONF:FIELD:TARG {coil:.6f}", 0.0), ("RAMP", 900.0), ("PS 1", 120.0)):
        panel(bench, word)
        bench.clock.sleep(wait)


def test_a_magnet_that_somebody_left_persistent_is_refused_in_the_dark(bench: Any, tmp_path: Path) -> None:
    world_of(bench).port("magnet").path(bench.clock.now(), 0.0, bench.clock.now() + 300.0, 0.7)
    bench.clock.sleep(600.0)
    faults_in(bench, "magnet").leave_persistent()
    with pytest.raises(UsageError, match=r"magnet .*persistent at 700 mT .*bring it out .* by hand") as caught:
        run(MagnetoPL(**SHORT), bench, into=tmp_path, progress=False)
    record = caught.value.record  # type: ignore[attr-defined]
    assert (record.status, record.problems, record.data.sizes.get("row", 0)) == ("failed", (), 0)
    assert world_of(bench).light_log() == []
    assert_dark_and_held(bench, bench.clock.now(), record)
    assert world_of(bench).port("magnet").nominal(bench.clock.now()) == pytest.approx(0.7), "not touched"
    heat_switch(bench)
    assert_runs(bench, tmp_path)


@pytest.mark.slow
def test_a_magnet_that_becomes_persistent_in_the_middle_is_not_ramped_on(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def park(_: str) -> None:
        faults_in(bench, "magnet").leave_persistent()

    with monkeypatch.context() as patched:
        struck = Struck(patched, bench, park, "on", "light")
        struck._skip = 3
        with pytest.raises(UsageError, match="the magnet is persistent at 500 mT") as caught:
            run(MagnetoPL(**SHORT), bench, into=tmp_path, progress=False)
    record = caught.value.record  # type: ignore[attr-defined]
    assert_dark_and_held(bench, struck.safe, record)
    assert world_of(bench).port("magnet").nominal(bench.clock.now()) == pytest.approx(0.5, abs=1e-3)
    assert_kept(record)
    heat_switch(bench)
    assert_runs(bench, tmp_path)


@pytest.mark.slow
def test_a_camera_that_does_not_get_cold_is_not_used(bench: Any, tmp_path: Path) -> None:
    faults_of(TABLE, "camera").cooler_broken = True
    bench.station.components["camera"].cooler(True)
    bench.clock.sleep(600.0)
    failure, record = fails(bench, tmp_path)
    assert re.search(r"the sensor is at \d+\.\d degC, warmer than -60 degC .* after 18\d\d s: switch", str(failure))
    assert world_of(bench).light_log() == []
    assert_dark_and_held(bench, bench.clock.now(), record)
    faults_of(TABLE, "camera").clear()
    bench.station.components["camera"].cooler(True)
    assert_runs(bench, tmp_path)


@pytest.mark.slow
def test_helium_that_runs_low_ends_the_run(checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "table"
    shutil.copytree(checkout / "station_configs" / TABLE, folder)
    text = (folder / "bench.yaml").read_text("utf-8")
    level = "use: lakeshore.A.temperature\n    helium: lakeshore.B.temperature\n    minimum_helium: 3 %"
    (folder / "bench.yaml").write_text(text.replace("use: lakeshore.A.temperature", level), encoding="utf-8")
    with load_bench(folder / "bench.yaml", seed=3) as bench:
        struck = Struck(monkeypatch, bench, lambda _: faults_in(bench, "lakeshore").open_sensor("B"), "on", "light")
        failure, record = fails(bench, tmp_path)
        told = r"cryostat .*: helium is at 0\.0 %, below the 3 % of the bench \(minimum_helium\); refill"
        assert re.search(told, str(failure)), failure
        assert record.data.helium.values[0] == pytest.approx(3.8, abs=0.1)
        assert_dark_and_held(bench, struck.safe, record)
        assert_kept(record)


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
    "ramp": (MagnetAdapter, "ramp_to", 2, 90),
    "start of a ramp": (MagnetAdapter, "ramp_to", 2, 9),
    "settling": (Follower, "settle", 2, 7),
    "temperature": (CryostatAdapter, "settle_at", 3, 9),
    "exposure": (Acquisition, "advance", 30, 0),
    "grating": (SpectrographAdapter, "_go", 1, 12),
    "analyser": (AnalyserAdapter, "set_angle", 3, 3),
    "cross": (Finder, "find", 2, 40),
    "opening": (ShutterAdapter, "unblock", 5, 3),
    "closing": (ShutterAdapter, "block", 6, 2),
    "lamp": (ReferenceAdapter, "_unblock", 1, 2),
}


def moved_until(bench: Any, since: float) -> float:
    """Return when the coil's current stopped to change, s after `since`."""
    coil, now = world_of(bench).port("magnet"), bench.clock.now()
    times = np.arange(since, max(now, since + 20.0), 0.05)
    fields = np.array([coil.nominal(t) for t in times])
    moving = np.flatnonzero(np.abs(fields - fields[-1]) > 1e-9)
    return float(times[moving[-1] + 1] - since) if len(moving) else 0.0


def prepared(bench: Any, settings: Mapping[str, Any]) -> Callable[..., Any]:
    """Return a stand-in for the rehearsal that was made before, so that what is counted is the run alone."""
    plan = qcodes_run.rehearse(MagnetoPL(**settings), bench)
    return lambda *_: plan


def stopped(
    bench: Any, into: Path, monkeypatch: pytest.MonkeyPatch, where: tuple[Any, str, int, int], sent: signal.Signals
) -> tuple[float, Any]:
    """Run until a signal stops it; return when that was sent, and the record."""
    settings = SHORT | {"centre": "540 nm"}
    with monkeypatch.context() as patched:
        patched.setattr(qcodes_run, "prepare", prepared(bench, settings))
        told = stop_within(patched, bench, *where, sent)
        with pytest.raises(KeyboardInterrupt) as caught:
            run(MagnetoPL(**settings), bench, into=into, progress=False)
    assert len(told) == 1
    return told[0], caught.value.record  # type: ignore[attr-defined]


@posix
@pytest.mark.parametrize(
    ("where", "sent"),
    [
        pytest.param(name, sent, marks=[] if (name, sent) == ("ramp", signal.SIGINT) else pytest.mark.slow)
        for name in STOPS
        for sent in (signal.SIGINT, signal.SIGTERM)
        if sent == signal.SIGINT or name in ("ramp", "exposure")
    ],
)
def test_a_stop_in_the_middle_of_anything_ends_dark_and_held_within_a_second_with_the_rows_kept(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, sent: signal.Signals
) -> None:
    at, record = stopped(bench, tmp_path, monkeypatch, STOPS[where], sent)
    assert moved_until(bench, at) < 1.0
    if where == "ramp":
        assert 0.05 < world_of(bench).port("magnet").nominal(bench.clock.now()) < 0.45, "it stands in the middle"
    assert record.status == "aborted"
    assert record.problems == ()
    assert_dark_and_held(bench, at + 5.0, record)
    assert_kept(record)
    assert_runs(bench, tmp_path)


@posix
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_ctrl_c_at_any_word_on_any_wire_ends_dark_and_held_with_the_rows_kept(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    words = int(np.random.default_rng(seed).integers(1, 2500))
    at, record = stopped(bench, tmp_path, monkeypatch, (Table, "begin", 1, words), signal.SIGINT)
    assert moved_until(bench, at) < 1.0
    assert record.status == "aborted"
    assert record.problems == ()
    assert_dark_and_held(bench, at + 5.0, record)
    assert_kept(record)


@pytest.mark.parametrize("kept", [pytest.param(kept, marks=pytest.mark.slow) for kept in range(1, 20, 3)])
def test_a_scan_that_is_closed_at_any_row_is_dark_and_held(bench: Any, kept: int) -> None:
    procedure = MagnetoPL(**SHORT)
    rows = procedure.measure(**bench.bind(procedure))
    for _ in range(kept):
        next(rows)
    rows.close()
    assert open_gates(bench) == set()
    assert light_after(bench, bench.clock.now()) == 0
    assert not ramps(bench)
    with pytest.raises(StopIteration):
        next(rows)


KILLED = """
import os, signal, sys
from perovskite_meas import load_bench, run
from perovskite_meas.hosts._store import DatasetSink
from perovskite_meas.procedures import MagnetoPL

write, calls = DatasetSink.write, []
def killing(sink, row):
    write(sink, row)
    calls.append(1)
    if len(calls) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
DatasetSink.write = killing
MagnetoPL.analyses = ()
with load_bench("virtual_magneto", seed=3) as bench:
    run(MagnetoPL(**eval(sys.argv[3])), bench, into=sys.argv[1], progress=False)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("rows", [pytest.param(number, marks=pytest.mark.slow) for number in (1, 7, 15)])
def test_after_sigkill_the_rows_are_found(tmp_path: Path, rows: int) -> None:
    words = [sys.executable, "-c", KILLED, str(tmp_path), str(rows), repr(SHORT)]
    done = subprocess.run(words, check=False, timeout=120, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    (folder,) = tmp_path.glob("*-MagnetoPL-*")
    record = load_record(folder)
    assert record.status == "interrupted"
    assert record.data.sizes["row"] == rows
    assert record.data.spectrum.shape == (rows, 2000)


class Halting(Worker):  # type: ignore[misc]
    """A Worker that stops itself when it has emitted so many rows."""

    left = 0

    def emit(self, topic: str, record: Any) -> None:
        super().emit(topic, record)
        if topic == "results":
            self.left -= 1
            if self.left == 0:
                self.stop()


def worked(worker: Any) -> None:
    worker.start()
    threading.Thread.join(worker, 60)
    assert not worker.is_alive(), "the Worker hangs"


@pytest.mark.parametrize("rows", [pytest.param(rows, marks=pytest.mark.slow) for rows in (1, 8, 14)])
def test_an_abort_in_pymeasure_ends_dark_and_held_with_the_rows_kept(tmp_path: Path, rows: int) -> None:
    from perovskite_meas.hosts import pymeasure

    procedure = pymeasure.MagnetoPL(**SHORT)
    worker = Halting(Results(procedure, str(tmp_path / "run.csv")))
    worker.left = rows
    worked(worker)
    assert_aborted(tmp_path, procedure, rows)


@pytest.mark.parametrize("looks", [20])
def test_an_abort_in_pymeasure_during_a_ramp_pauses_the_magnet_within_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: int
) -> None:
    from perovskite_meas.hosts import pymeasure

    procedure = pymeasure.MagnetoPL(**SHORT)
    worker = Worker(Results(procedure, str(tmp_path / "run.csv")))
    look, seen = Follower.look, []

    def looked(follower: Follower, doing: str = "") -> Any:
        if "on the way" in doing:
            seen.append(follower._clock.now())
            if len(seen) == looks:
                worker.stop()
        return look(follower, doing)

    monkeypatch.setattr(Follower, "look", looked)
    worked(worker)
    assert len(seen) == looks
    world = assert_aborted(tmp_path, procedure, 8)
    coil = world.port("magnet")
    asked, reached = coil.nominal(seen[-1]), coil.nominal(world.clock.now())
    assert 0 < asked <= reached < asked + 0.3 / 60  # T in a second


def assert_aborted(folder: Path, procedure: Any, rows: int) -> Any:
    record = load_record(folder / "run.csv")
    assert record.status == procedure.record.status == "aborted"
    assert record.problems == ()
    assert record.data.sizes["row"] == rows
    world = pyvisa.ResourceManager(f"{TABLE}@twin").visalib.world
    now = world.clock.now()
    assert not [gate for gate in GATES if world.port(gate).is_open(now)]
    assert world.port("magnet").nominal(now) == world.port("magnet").nominal(now + 100.0)
    return world


# What is refused before any light ----------------------------------------------------------------------


def edited(checkout: Path, folder: Path, old: str, new: str) -> str:
    """Copy the table with one thing in its bench file changed; return the file."""
    shutil.copytree(checkout / "station_configs" / TABLE, folder)
    text = (folder / "bench.yaml").read_text("utf-8")
    changed = re.sub(old, new, text, count=1, flags=re.MULTILINE)
    assert changed != text
    (folder / "bench.yaml").write_text(changed, encoding="utf-8")
    return str(folder / "bench.yaml")


REFUSED = {
    "field": ("", "", ["fields=Values(0, 9)"], r"fields of 9 T lie beyond the magnet, .* from -7 to 7 T: choose other"),
    "geometry": (r"^  geometry: .*\n", "", [], r"geometry"),
    "analyser": (r"^  analyser: .*\n", "", [], r"analyser"),
    "laser": (
        "repetition_rate: 0.4 MHz",
        "repetition_rate: 5 MHz",
        [],
        r"after 200 ns, but 5 dark lifetimes of 500 ns",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_table_cannot_do_is_refused_in_words(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    monkeypatch.setattr(MagnetoPL, "analyses", ANALYSES)
    old, new, settings, said = REFUSED[case]
    bench = edited(checkout, tmp_path / "table", old, new) if old else TABLE
    status = main(["run", "MagnetoPL", "--dry-run", "--bench", bench, *(f"--set={one}" for one in settings)])
    told = capsys.readouterr()
    assert status == 2
    assert re.search(said, told.err + told.out)
