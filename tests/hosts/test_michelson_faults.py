"""The Michelson scan when things go wrong: whatever fails at whatever moment, the table is dark and the rows kept."""

from __future__ import annotations

import errno
import os
import re
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

from perovskite_meas import load_bench, load_record, run
from perovskite_meas.bench.bench import Bench
from perovskite_meas.bench.recordings import TagStorageError
from perovskite_meas.bench.roles.attenuator import AttenuatorAdapter
from perovskite_meas.bench.roles.delay import DelayAdapter
from perovskite_meas.bench.roles.fine_axis import FineAxis
from perovskite_meas.bench.roles.running_ramp import RampOnAxis
from perovskite_meas.bench.roles.shutter import ShutterAdapter
from perovskite_meas.bench.roles.tagger import TaggerAdapter
from perovskite_meas.core.errors import HardwareFault, InstrumentError
from perovskite_meas.hosts import qcodes_run
from perovskite_meas.hosts.records import reanalyse
from perovskite_meas.photons import read_tags, segments
from perovskite_meas.photons.files import PtuWriter
from perovskite_meas.procedures import MichelsonScan
from perovskite_meas.procedures._michelson_table import Table
from perovskite_meas.runner import finish as finishing
from perovskite_meas.sim.sdk.laboratory import faults_of
from perovskite_meas.sim.wire.line import Line

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows delivers no signal to its own process")
TABLE = "virtual_michelson"
SHORT: dict[str, Any] = {
    "delays": "Values(3, 9)",
    "points": 16,
    "fringes": 2,
    "dwell": "1 ms",
    "back": "16 ms",
    "sweeps": 2,
    "control_sweeps": 2,
    "reference_delays": 2,
    "background_delays": 1,
    "check_delay": "6 ps",
    "check_every": 2,
    "area_powers": "Values(1, 4)",
    "zero_span": "0 ps",
    "fading": 0,
}
SHORTEST = SHORT | {"delays": "Values(3)", "reference_delays": 0, "check_delay": None, "area_powers": "Values(1)"}
MOMENTS = ("dark", "reference", "zero", "power", "off_emitter", "on", "check", "end")
COARSE = ("ESP301", "SMC100", "C-863")
LEAK = 1e-8
"""W on the sample that count as dark: the attenuator at its least lets 2 nW through."""

PLACES: dict[str, tuple[str, str, str]] = {
    "ESP301": ("bench.yaml", "ASRL1::INSTR", "stage"),
    "SMC100": ("bench_smc100.yaml", "ASRL2::INSTR", "stage"),
    "C-863": ("bench_gcs.yaml", "TCPIP0::192.168.0.11::50000::SOCKET", "stage"),
    "E-709": ("bench.yaml", "TCPIP0::192.168.0.10::50000::SOCKET", "piezo"),
    "KPZ101": ("bench_kpz.yaml", "ASRL7::INSTR", "piezo"),
    "shutter": ("bench.yaml", "ASRL4::INSTR", "sc10"),
    "shutter_a": ("bench.yaml", "ASRL5::INSTR", "sc10_a"),
    "shutter_b": ("bench.yaml", "ASRL6::INSTR", "sc10_b"),
    "reference": ("bench.yaml", "ASRL8::INSTR", "reference_shutter"),
    "attenuator": ("bench.yaml", "ASRL3::INSTR", "ell14"),
    "meter": ("bench.yaml", "USB0::0x1313::0x8078::P0000001::INSTR", "pickoff"),
    "scanner": ("bench.yaml", "GPIB0::23::INSTR", "sr400"),
    "tagger": ("bench.yaml", "", "tagger"),
}
"""What can fail -> bench file, address, name in the station."""


class Fault(NamedTuple):
    """A fault: the method that brings it and its arguments; the one that clears it; what is to be switched on then."""

    method: str
    arguments: tuple[Any, ...] = ()
    cure: str = ""
    on: str | None = None


LINE = {
    "unplug": Fault("unplug", cure="replug"),
    "garble": Fault("garble"),
    "drop": Fault("drop"),
    "late": Fault("delay", (3.0,)),
}
OWN: Mapping[str, Mapping[str, Fault]] = {
    "ESP301": {
        "stall": Fault("stall"),
        "end switch": Fault("hit_limit"),
        "e-stop": Fault("emergency_stop", cure="release"),
        "reset": Fault("restart", (0.5,)),
    },
    "SMC100": {
        "stall": Fault("stall", on="enabled"),
        "end switch": Fault("hit_limit"),
        "e-stop": Fault("emergency_stop"),
        "reset": Fault("restart", (0.5,)),
    },
    "C-863": {
        "stall": Fault("stall"),
        "servo off": Fault("servo_off", on="servo"),
        "reset": Fault("reset"),
        "unreferenced": Fault("unreference"),
    },
    "E-709": {
        "stall": Fault("stall"),
        "servo off": Fault("servo_off"),
        "reset": Fault("reset"),
        "overflow": Fault("overflow", cure="relieve"),
    },
    "KPZ101": {
        "actuator unplugged": Fault("unplug_actuator", cure="replug_actuator"),
        "saturated": Fault("saturate", (20.0,), cure="recover"),
        "button": Fault("disable", on="enabled"),
        "reset": Fault("reset", on="enabled"),
    },
    "shutter": {"stuck": Fault("stick", cure="loosen"), "interlock": Fault("trip_interlock", cure="reset_interlock")},
    "shutter_a": {"stuck": Fault("stick", cure="loosen"), "interlock": Fault("trip_interlock", cure="reset_interlock")},
    "shutter_b": {"stuck": Fault("stick", cure="loosen"), "interlock": Fault("trip_interlock", cure="reset_interlock")},
    "reference": {"stuck": Fault("stick", cure="loosen"), "interlock": Fault("trip_interlock", cure="reset_interlock")},
    "attenuator": {"stall": Fault("stall"), "button": Fault("press_button")},
    "meter": {"head unplugged": Fault("no_sensor", cure="sensor")},
    "scanner": {},
    "tagger": {
        "unplug": Fault("unplug", cure="clear"),
        "overflow": Fault("overflow", cure="clear"),
        "trigger lost": Fault("kill_input", (2,), cure="clear"),
        "signal lost": Fault("kill_input", (0,), cure="clear"),
    },
}


def faults_at(place: str) -> dict[str, Fault]:
    return dict(OWN[place]) if place == "tagger" else {**LINE, **OWN[place]}


def library_of(bench: Any) -> Any:
    (library,) = bench.libraries.values()
    return library


def faults_in(bench: Any, place: str) -> Any:
    return faults_of(TABLE) if place == "tagger" else library_of(bench).device(PLACES[place][1]).faults


class Struck:
    """Brings one fault to the burst of one series, and knows when it was and when the table was made safe.

    Phases: as the burst begins ("before"), some exchanges later ("soon"), or while photons are recorded ("light").
    """

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, bench: Any, place: str, fault: Fault, moment: str, phase: str
    ) -> None:
        self.bench, self.place, self.fault, self.phase = bench, place, fault, phase
        self.at = self.safe = -1.0
        self._series, self._skip = ("dark", 1) if moment == "end" else (moment, 0)
        self._now = False
        row, acquire, make_safe = Table.row, TaggerAdapter.acquire, Bench.make_safe

        def rowed(table: Table, series: str, sweeps: int) -> Any:
            # A dry run takes rows too, on a clock of its own.
            if series == self._series and self.at < 0 and table.roles.clock is bench.clock:
                self._skip -= 1
                self._now = self._skip < 0
                if self._now and phase != "light":
                    self.strike()
            return row(table, series, sweeps)

        def acquired(tagger: TaggerAdapter, seconds: float, mark: int = 1) -> Any:
            if self._now and self.at < 0:
                self.strike()
            return acquire(tagger, seconds, mark)

        def made_safe(made: Bench) -> list[str]:
            problems = make_safe(made)
            self.safe = bench.clock.now()
            return problems

        monkeypatch.setattr(Table, "row", rowed)
        monkeypatch.setattr(TaggerAdapter, "acquire", acquired)
        monkeypatch.setattr(Bench, "make_safe", made_safe)

    def strike(self) -> None:
        self.at = self.bench.clock.now()
        faults = faults_in(self.bench, self.place)
        if self.phase == "soon":
            faults = faults.after(0.01) if self.place == "tagger" else faults.after(exchanges=6)
        getattr(faults, self.fault.method)(*self.fault.arguments)

    def cure(self) -> None:
        """Do what the error says: take the cause away, and switch on again what switched off."""
        faults = faults_in(self.bench, self.place)
        if self.fault.cure:
            getattr(faults, self.fault.cure)()
        faults.clear()
        self.bench.clock.sleep(5.0)
        if self.fault.on is not None:
            self.bench.station.components[PLACES[self.place][2]].parameters[self.fault.on].set(True)


GATES = ("shutter", "shutter_a", "shutter_b", "reference")


def scan(moment: str) -> MichelsonScan:
    """Return a short scan; zero delay is searched where that is what fails, else everything but that is done."""
    return MichelsonScan(**(SHORT | {"zero_span": "20 ps"} if moment == "zero" else SHORT))


def ramp_runs(bench: Any) -> bool:
    """Return whether the mirror moves by itself, whatever its controller says."""
    port, now = library_of(bench).world.port("fine"), bench.clock.now()
    bench.clock.sleep(0.2)
    return float(np.ptp(port.sensors(now + np.linspace(0.05, 0.2, 50)))) > 0.05


def open_gates(bench: Any) -> set[str]:
    world = library_of(bench).world
    now = world.clock.now()
    return {name for name in GATES if world.port(name).is_open(now)}


def light_after(bench: Any, moment: float) -> float:
    """Return the highest power in W on the sample after a moment."""
    bench.clock.sleep(0.1)
    return max((light.power for light in library_of(bench).world.light_log() if light.t1 > moment + 1e-6), default=0.0)


def assert_dark_and_still(bench: Any, safe: float, record: Any, blamed: str = "") -> None:
    """Check that no light reaches the sample, no gate is open and no ramp runs, but what the record tells of.

    Args:
        bench: on which the run was.
        safe: when the table was said to be safe, in s.
        record: of the run.
        blamed: the only thing whose gate or ramp may be beyond control, and then the record must say so.
    """
    assert light_after(bench, safe) == 0
    lit = [light.t1 - light.t0 for light in library_of(bench).world.light_log() if light.power > LEAK]
    assert max(lit, default=0.0) < 10.0, "whatever fails, the light goes off soon"
    left = open_gates(bench)
    assert left <= {blamed}
    running = ramp_runs(bench)
    assert not running or PLACES[blamed][2] == "piezo"
    if left or running:
        assert any("safe state" in problem and PLACES[blamed][2] in problem for problem in record.problems)


def assert_kept(record: Any) -> None:
    """Check that data.nc, the database and the raw photons hold every row."""
    rows = record.data.sizes.get("row", 0)
    again = load_record(record.folder)
    assert again.data.sizes.get("row", 0) == rows
    assert record.dataset.number_of_results == rows * len(MichelsonScan.columns)
    record.dataset.conn.close()
    if not rows:
        return
    with xr.open_dataset(record.folder / "data.nc", engine="h5netcdf") as stored:
        np.testing.assert_array_equal(stored["counts"].values, record.data["counts"].values)
    marks = [mark - 1 for mark, *_ in segments(read_tags(record.folder / "photons.ptu"))]
    assert marks[:rows] == [int(kind) for kind in record.data["series"].values]


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what takes long and is tested elsewhere: the analysis and the page."""
    monkeypatch.setattr(MichelsonScan, "analyses", ())
    monkeypatch.setattr(finishing, "write_report", lambda *_, **__: None)


@pytest.fixture
def bench_at(checkout: Path) -> Iterator[Callable[[str], Any]]:
    opened: list[Any] = []

    def at(place: str) -> Any:
        bench = load_bench(checkout / "station_configs" / TABLE / PLACES[place][0], seed=3)
        opened.append(bench)
        return bench

    yield at
    for bench in opened:
        bench.close()


# Every thing that can fail, in every kind of burst ------------------------------------------------------

PHASES = ("before", "soon", "light")
SAMPLED = {
    ("E-709", "servo off", "on", "light"),
    ("shutter", "unplug", "on", "light"),
}


def cells() -> Iterator[tuple[str, str, str, str]]:
    """Yield every fault of each thing in each kind of burst, in one phase of it; on the emitter in all phases.

    The faults of the line are taken in every other kind of burst; the coarse axis has nothing to do at the end.
    """
    for place in PLACES:
        for number, fault in enumerate(faults_at(place)):
            for index, moment in enumerate(MOMENTS):
                turn = number + index
                if (moment == "end" and place in COARSE) or (fault in LINE and turn % 2 and moment != "on"):
                    continue
                for phase in PHASES:
                    case = (place, fault, moment, phase)
                    if case in SAMPLED or phase == PHASES[turn % 3] or (moment == "on" and fault not in LINE):
                        yield case


MATRIX = [pytest.param(*case, marks=[] if case in SAMPLED else pytest.mark.slow, id="-".join(case)) for case in cells()]


@pytest.mark.parametrize(("place", "fault", "moment", "phase"), MATRIX)
def test_whatever_fails_in_whatever_burst_ends_dark_and_still_with_the_rows_kept_and_is_told(
    bench_at: Callable[[str], Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
    fault: str,
    moment: str,
    phase: str,
) -> None:
    bench = bench_at(place)
    with monkeypatch.context() as patched:
        struck = Struck(patched, bench, place, faults_at(place)[fault], moment, phase)
        failure: BaseException | None = None
        try:
            record = run(scan(moment), bench, into=tmp_path, progress=False)
        except InstrumentError as error:
            failure, record = error, error.record  # type: ignore[attr-defined]
    assert struck.at >= 0, "the fault never struck"
    assert_dark_and_still(bench, struck.safe, record, blamed=place)
    assert_kept(record)
    assert record.status == ("completed" if failure is None else "failed")
    if failure is None:
        return
    assert PLACES[place][2] in str(failure)
    assert re.search(r"[;:] .{15,}", str(failure)), "what to do"
    assert len(str(failure)) < 800
    assert moment == "dark" or record.data.sizes["row"] > 0
    struck.cure()
    again = run(MichelsonScan(**SHORTEST), bench, into=tmp_path, progress=False)
    assert again.status == "completed"
    assert again.problems == ()
    again.dataset.conn.close()


def test_a_detector_that_dies_in_the_middle_is_noticed_by_its_missing_dark_counts(
    bench_at: Callable[[str], Any], tmp_path: Path
) -> None:
    bench = bench_at("tagger")
    faults_of(TABLE).after(12.0).kill_input(0)
    longer = SHORT | {"sweeps": 12, "control_sweeps": 12, "reference_delays": 0, "dwell": "2 ms"}
    with pytest.raises(HardwareFault, match=r"signal input .* \d+ cps in the dark: check") as caught:
        run(MichelsonScan(**longer), bench, into=tmp_path, progress=False)
    record = caught.value.record  # type: ignore[attr-defined]
    assert record.data.sizes["row"] > 2
    assert_dark_and_still(bench, bench.clock.now(), record)
    assert_kept(record)


# Stops ------------------------------------------------------------------------------------------------


def stop_within(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, call: int, words: int) -> list[str]:
    """Send Ctrl-C within a call of a method, so many words on the wires after it began; tells whether it came."""
    original, write = getattr(owner, name), Line.write
    calls, left, told = [0], [words], []

    def entered(*arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == call and words == 0:
            told.append("sent")
            os.kill(os.getpid(), signal.SIGINT)
        return original(*arguments, **options)

    def written(line: Line, data: bytes) -> None:
        write(line, data)
        if calls[0] >= call and not told:
            left[0] -= 1
            if left[0] <= 0:
                told.append("sent")
                os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(owner, name, entered)
    monkeypatch.setattr(Line, "write", written)
    return told


STOPS = {
    "move": (DelayAdapter, "move_to", 3, 7),
    "homing": (DelayAdapter, "_home", 2, 5),
    "way to the ramp": (FineAxis, "start", 8, 6),
    "ramp": (FineAxis, "start", 8, 30),
    "recording": (TaggerAdapter, "_take", 8, 0),
    "recorder read out": (RampOnAxis, "_recorded", 8, 2),
    "way back": (FineAxis, "stop", 9, 1),
    "turn of the plate": (AttenuatorAdapter, "set_power", 2, 3),
    "opening": (ShutterAdapter, "unblock", 12, 3),
    "closing": (ShutterAdapter, "block", 12, 2),
}


@posix
@pytest.mark.parametrize(
    "where",
    [pytest.param(name, marks=[] if name == "ramp" else pytest.mark.slow) for name in STOPS],
)
def test_ctrl_c_in_the_middle_of_anything_ends_dark_and_still_with_the_rows_kept(
    bench_at: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    bench = bench_at("E-709")
    with monkeypatch.context() as patched:
        patched.setattr(qcodes_run, "prepare", prepared(bench))
        told = stop_within(patched, *STOPS[where])
        with pytest.raises(KeyboardInterrupt) as caught:
            run(MichelsonScan(**SHORT), bench, into=tmp_path, progress=False)
    assert told == ["sent"]
    assert_stopped(bench, caught.value.record, tmp_path)  # type: ignore[attr-defined]


@posix
@pytest.mark.slow
@pytest.mark.parametrize("place", ["ESP301", "SMC100", "C-863", "KPZ101"])
@pytest.mark.parametrize("seed", range(12))
def test_ctrl_c_at_any_word_on_any_wire_ends_dark_and_still_with_the_rows_kept(
    bench_at: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, seed: int
) -> None:
    words = int(np.random.default_rng(seed).integers(1, 3500 if place == "KPZ101" else 700))
    bench = bench_at(place)
    with monkeypatch.context() as patched:
        patched.setattr(qcodes_run, "prepare", prepared(bench))
        told = stop_within(patched, Table, "begin", 1, words)
        with pytest.raises(KeyboardInterrupt) as caught:
            run(MichelsonScan(**SHORT), bench, into=tmp_path, progress=False)
    assert told == ["sent"]
    assert_stopped(bench, caught.value.record, tmp_path)  # type: ignore[attr-defined]


def prepared(bench: Any) -> Callable[..., Any]:
    """Return a stand-in for the rehearsal that was made before, so that what is counted is the run alone."""
    plan = qcodes_run.rehearse(MichelsonScan(**SHORT), bench)
    return lambda *_: plan


def assert_stopped(bench: Any, record: Any, into: Path) -> None:
    assert record.status == "aborted"
    assert record.problems == ()
    assert_dark_and_still(bench, bench.clock.now(), record)
    assert_kept(record)
    again = run(MichelsonScan(**SHORTEST), bench, into=into, progress=False)
    assert (again.status, again.problems) == ("completed", ())
    again.dataset.conn.close()


YIELDS = 16


@pytest.mark.parametrize("kept", [pytest.param(kept, marks=pytest.mark.slow) for kept in range(1, YIELDS)])
def test_a_scan_that_is_closed_at_any_row_is_dark_and_still(bench_at: Callable[[str], Any], kept: int) -> None:
    bench = bench_at("E-709")
    procedure = MichelsonScan(**SHORT)
    rows = procedure.measure(**bench.bind(procedure))
    for _ in range(kept):
        next(rows)
    rows.close()
    assert open_gates(bench) == set()
    assert light_after(bench, bench.clock.now()) == 0
    assert not ramp_runs(bench)
    with pytest.raises(StopIteration):
        next(rows)


KILLED = """
import os, signal, sys
from perovskite_meas import load_bench, run
from perovskite_meas.photons.files import PtuWriter
from perovskite_meas.procedures import MichelsonScan

original, calls = PtuWriter.flush, []
def killing(writer):
    original(writer)
    calls.append(1)
    if len(calls) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)
PtuWriter.flush = killing
MichelsonScan.analyses = ()
with load_bench("virtual_michelson", seed=3) as bench:
    run(MichelsonScan(**eval(sys.argv[3])), bench, into=sys.argv[1], progress=False)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.filterwarnings("ignore:.*after the .* records that the header promises are left out")
@pytest.mark.parametrize("recording", [pytest.param(number, marks=pytest.mark.slow) for number in (1, 5, 9, 15)])
def test_after_sigkill_the_rows_and_the_photons_of_the_finished_bursts_are_found(
    tmp_path: Path, recording: int
) -> None:
    words = [sys.executable, "-c", KILLED, str(tmp_path), str(recording), repr(SHORT)]
    done = subprocess.run(words, check=False, timeout=120, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    (folder,) = tmp_path.glob("*-MichelsonScan-*")
    record = load_record(folder)
    assert record.status == "interrupted"
    series = [int(kind) for kind in record.data["series"].values]
    assert len(series) == recording - 1, "the burst that was under way has no row"
    tags = read_tags(folder / "photons.ptu")
    assert [mark - 1 for mark, *_ in segments(tags)][: recording - 1] == series
    again = reanalyse(record)
    assert again.status == "interrupted"
    assert load_record(folder).data.sizes["row"] == recording - 1


def test_a_full_disk_ends_the_scan_dark_and_still_with_the_rows_before_it(
    bench_at: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = bench_at("E-709")
    flush, flushed = PtuWriter.flush, []

    def full(writer: PtuWriter) -> None:
        flushed.append(writer)
        if len(flushed) >= 6:
            raise OSError(errno.ENOSPC, "No space left on device")
        flush(writer)

    with monkeypatch.context() as patched:
        patched.setattr(PtuWriter, "flush", full)
        with pytest.raises(TagStorageError, match=r"photons\.ptu did not take .*No space left.*make room") as caught:
            run(MichelsonScan(**SHORT), bench, into=tmp_path, progress=False)
    record = caught.value.record  # type: ignore[attr-defined]
    assert record.status == "failed"
    assert record.data.sizes["row"] == 5
    assert_dark_and_still(bench, bench.clock.now(), record)
    assert_kept(record)


class Halting(Worker):  # type: ignore[misc]
    """A Worker that stops itself when it has emitted so many rows."""

    left = 0

    def emit(self, topic: str, record: Any) -> None:
        super().emit(topic, record)
        if topic == "results":
            self.left -= 1
            if self.left == 0:
                self.stop()


@pytest.mark.parametrize("rows", [6, *(pytest.param(rows, marks=pytest.mark.slow) for rows in (1, 3, 10, 14))])
def test_an_abort_in_pymeasure_ends_dark_and_still_with_the_rows_kept(tmp_path: Path, rows: int) -> None:
    from perovskite_meas.hosts import pymeasure

    # PyMeasure's own inputs are texts and numbers.
    procedure = pymeasure.MichelsonScan(**SHORT)
    worker = Halting(Results(procedure, str(tmp_path / "run.csv")))
    worker.left = rows
    worker.start()
    threading.Thread.join(worker, 60)
    assert not worker.is_alive(), "the Worker hangs"
    record = load_record(tmp_path / "run.csv")
    assert record.status == procedure.record.status == "aborted"
    assert record.problems == ()
    assert record.data.sizes["row"] == rows
    world = pyvisa.ResourceManager(f"{TABLE}@twin").visalib.world
    now = world.clock.now()
    assert not [gate for gate in GATES if world.port(gate).is_open(now)]
    assert [mark - 1 for mark, *_ in segments(read_tags(tmp_path / "run.run" / "photons.ptu"))] == [
        int(kind) for kind in record.data["series"].values
    ]
