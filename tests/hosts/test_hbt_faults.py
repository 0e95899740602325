"""HBT when things go wrong: typed errors, every finished recording kept, the sample dark, the reference light off."""

from __future__ import annotations

import errno
import gc
import itertools
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvisa
import xarray as xr
from qcodes.instrument import Instrument
from qcodes.station import Station

from perovskite_meas import load_bench, load_record, run
from perovskite_meas.bench.pulse_axis import PulseAxis
from perovskite_meas.bench.recordings import Recordings
from perovskite_meas.bench.roles.tagger import TaggerAdapter
from perovskite_meas.cli import main
from perovskite_meas.core.errors import HardwareFault, ReplyError
from perovskite_meas.core.tags import Tags
from perovskite_meas.hosts.qcodes_bench import closed_bench
from perovskite_meas.hosts.qcodes_run import rehearse
from perovskite_meas.hosts.tag_files import analyse_tags
from perovskite_meas.photons import read_tags, segments
from perovskite_meas.photons.files import PtuWriter
from perovskite_meas.procedures import HBT, TwoPhotonSaturation
from perovskite_meas.sim.sdk._harp_device import Device
from perovskite_meas.sim.sdk.faults import TaggerFaults
from perovskite_meas.sim.sdk.laboratory import faults_of

TABLE = "virtual_confocal"
SHORT = {
    "duration": "1 s",
    "chunk": "0.5 s",
    "background_time": "0.5 s",
    "dark_time": "0.5 s",
    "control_time": "0.5 s",
    "max_pulses": "20",
}
DARK, LASER, OFF, ON = range(4)
"""Recordings of a short run; one more on the emitter follows."""
ORDER = [2, 3, 1, 0, 0]
ADDRESSES = {"sc10": "ASRL5::INSTR", "reference_shutter": "ASRL6::INSTR", "sr400": "GPIB0::23::INSTR"}


def library() -> Any:
    return pyvisa.ResourceManager(f"{TABLE}@twin").visalib


def words(into: Path, **settings: str) -> list[str]:
    pairs = [word for name, value in (SHORT | settings).items() for word in ("--set", f"{name}={value}")]
    return ["run", "HBT", "--into", str(into), "--seed", "3", *pairs]


def in_recording(monkeypatch: pytest.MonkeyPatch, number: int, strike: Any) -> None:
    """Let something happen when recording `number` of the next run begins."""
    take, begun = TaggerAdapter._take, []

    def struck(adapter: TaggerAdapter, seconds: float) -> Any:
        begun.append(seconds)
        if len(begun) == number + 1:
            strike()
        return take(adapter, seconds)

    monkeypatch.setattr(TaggerAdapter, "_take", struck)


def light_on_the_sample() -> float:
    """Return its power in W at this moment."""
    world = library().world
    now = world.clock.now()
    world.clock.advance(0.05)
    world.advance(now + 0.05)
    return float(sum(light.power for light in world.light_log() if light.t1 > now + 0.02))


def reference_is_on() -> bool:
    world = library().world
    return bool(world.port("reference").is_open(world.clock.now()))


def recorded(folder: Path) -> list[int]:
    """Return the series of the recordings in a run's file, each with its end."""
    tags = read_tags(folder / "photons.ptu")
    found = segments(tags)
    assert all(end > start for _, start, end in found)
    assert list(tags.marker_values).count(15) == len(found)
    return [mark - 1 for mark, *_ in found]


def tagger(fault: str) -> Any:
    return lambda: getattr(faults_of(TABLE).after(0.2), fault)()


def dead() -> None:
    faults_of(TABLE).kill_input(1)


def unplug(name: str) -> Any:
    return lambda: library().device(ADDRESSES[name]).faults.unplug()


FAULTS = {
    "tagger unplugged": (tagger("unplug"), "tagger.*broke off"),
    "overflow": (tagger("overflow"), "lost events"),
    "sync lost": (tagger("lose_sync"), "no laser pulses on the sync input"),
    "input dead": (dead, "detector b registered no photon"),
    "reference shutter unplugged": (unplug("reference_shutter"), "reference_shutter"),
    "shutter unplugged": (unplug("sc10"), "sc10"),
    "scanner unplugged": (unplug("sr400"), "sr400"),
}
ROWS = {
    "tagger unplugged": (0, 1, 2, 3),
    "overflow": (0, 1, 2, 3),
    "sync lost": (0, 1, 2, 3),
    # Neither the dark nor the background says for certain that a detector is dead.
    "input dead": (1, 1, 3, 3),
    # Light that was let on keeps its recording and loses its row; later nobody asks this shutter.
    "reference shutter unplugged": (1, 1, 5, 5),
    "shutter unplugged": (2, 2, 2, 3),
    "scanner unplugged": (2, 2, 3, 5),
}
QUICK = {
    ("tagger unplugged", ON),
    ("input dead", LASER),
    ("reference shutter unplugged", LASER),
    ("shutter unplugged", ON),
    ("scanner unplugged", OFF),
}
MATRIX = [
    pytest.param(fault, row, marks=[] if (fault, row) in QUICK else pytest.mark.slow)
    for fault in FAULTS
    for row in (DARK, LASER, OFF, ON)
]


@pytest.mark.parametrize(("fault", "row"), MATRIX)
def test_whatever_fails_in_whatever_row_is_said_and_costs_no_finished_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fault: str, row: int
) -> None:
    monkeypatch.setattr(HBT, "analyses", ())
    strike, said = FAULTS[fault]
    in_recording(monkeypatch, row, strike)
    rows = ROWS[fault][row]
    status = main(words(tmp_path))
    told = capsys.readouterr()
    record = load_record(1, into=tmp_path)
    folder = record.folder
    assert folder is not None
    assert [int(kind) for kind in record.data["series"].values] == ORDER[:rows]
    with xr.open_dataset(folder / "data.nc", engine="h5netcdf") as stored:
        np.testing.assert_array_equal(stored["histogram"].values, record.data["histogram"].values)
    dataset = record.dataset
    assert dataset.number_of_results == rows * len(HBT.columns)
    dataset.conn.close()
    if rows == 5:
        assert record.status == "completed"
    else:
        assert record.status == "failed"
        assert status == 1
        assert re.search(said, told.err), told.err
        assert f"{rows} rows are kept in {folder}" in told.err
    unsafe = [problem for problem in record.problems if "safe state" in problem]
    assert bool(unsafe) == ("shutter" in fault)
    assert status == (1 if unsafe or rows < 5 else 0)
    in_file = recorded(folder) if (folder / "photons.ptu").exists() else []
    # A recording that lost events is kept as such; so is one whose light could not be switched off.
    more = fault == "overflow" or (fault, row) in (
        ("reference shutter unplugged", LASER), ("shutter unplugged", OFF), ("shutter unplugged", ON),
    ) or fault == "input dead"  # fmt: skip
    assert in_file == ORDER[: rows + more]
    if fault == "shutter unplugged" and row in (OFF, ON):
        assert light_on_the_sample() < 1e-7, "the attenuator takes it away"
    else:
        assert light_on_the_sample() == 0
    assert reference_is_on() == ((fault, row) == ("reference shutter unplugged", LASER))


@pytest.mark.parametrize(
    ("station", "fault", "said"),
    [
        ("station.yaml", "busy", "in use by another program"),
        ("station.yaml", "unplugged", "no device is connected"),
        ("station_swabian.yaml", "busy", "tagger.*close the program that has it open|close other programs"),
        ("station_swabian.yaml", "no_licence", "no licence.*ask the vendor"),
    ],
)
def test_a_tagger_that_cannot_be_opened_is_refused_before_any_light(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    checkout: Path,
    station: str,
    fault: str,
    said: str,
) -> None:
    def broken(faults: TaggerFaults, clock: Any) -> None:
        begin(faults, clock)
        setattr(faults, fault, True)

    gc.collect()  # a vendor's scan looks at all tables: worlds of an earlier test may have been left broken
    begin = TaggerFaults.__init__
    with monkeypatch.context() as patched:
        patched.setattr(TaggerFaults, "__init__", broken)
        words_ = [*words(tmp_path / "runs"), "--bench", str(bench_with(tmp_path, checkout, station))]
        assert main(words_) == 1
    assert re.search(said, (told := capsys.readouterr().err)), told
    assert library().world.light_log() == []
    assert not list(tmp_path.glob("runs/*HBT*"))
    load_bench(TABLE).close()


def bench_with(folder: Path, checkout: Path, station: str) -> Path:
    """Return a bench file that differs from the packaged one in its station line alone."""
    table = checkout / "station_configs" / TABLE
    text = (table / "bench.yaml").read_text(encoding="utf-8")
    assert text.count("station: station.yaml\n") == 1
    target = folder / "table" / "bench.yaml"
    for path in table.rglob("*.yaml"):
        copy = target.parent / path.relative_to(table)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    target.write_text(text.replace("station: station.yaml\n", f"station: {station}\n"), encoding="utf-8")
    return target


@pytest.mark.parametrize("analysed", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_another_make_of_tagger_gives_the_same_physics(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkout: Path, analysed: bool
) -> None:
    settings = SHORT | ({"duration": "10 s", "chunk": "5 s", "control_time": "2 s"} if analysed else {})
    if not analysed:
        monkeypatch.setattr(HBT, "analyses", ())
    found = {}
    for station in ("station.yaml", "station_swabian.yaml"):
        with load_bench(bench_with(tmp_path, checkout, station), world="hbt_pulsed", seed=5) as bench:
            found[station] = run(HBT(**settings), bench, into=tmp_path / "runs")
            truths = next(iter(bench.libraries.values())).world.truths()
        record = found[station]
        assert record.status == "completed"
        assert record.problems == ()
        assert recorded(record.folder) == ORDER
        total = record.data[["singles_a", "singles_b"]].to_array().sum()
        assert len(read_tags(record.folder / "photons.ptu")) == total
        if analysed:
            assert abs(record.results["lifetime"].lifetime.pull(truths["lifetime"])) < 4
            assert abs(record.results["g2"].g2_zero.pull(truths["g2_zero"])) < 4
            assert abs(record.results["g2"].zero_lag.pull(3.2)) < 4
    picoquant, swabian = (record.data.isel(row=-1) for record in found.values())
    assert float(swabian["singles_a"]) == pytest.approx(float(picoquant["singles_a"]), rel=0.1)
    assert float(swabian["period"]) == pytest.approx(float(picoquant["period"]), rel=1e-5)
    assert float(swabian["arrival_b"] - swabian["arrival_a"]) == pytest.approx(3200, abs=30)


@pytest.mark.slow
@pytest.mark.parametrize("row", [DARK, LASER, OFF, ON])
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("unplug", "check USB cable and power"),
        ("overflow", "lost events"),
        ("lose_sync", "no laser pulses on the sync input"),
    ],
)
def test_faults_of_another_make_end_as_safely(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    checkout: Path,
    fault: str,
    said: str,
    row: int,
) -> None:
    monkeypatch.setattr(HBT, "analyses", ())
    in_recording(monkeypatch, row, tagger(fault))
    bench = bench_with(tmp_path, checkout, "station_swabian.yaml")
    assert main([*words(tmp_path / "runs"), "--bench", str(bench)]) == 1
    assert re.search(said, (told := capsys.readouterr().err)), told
    record = load_record(1, into=tmp_path / "runs")
    assert record.status == "failed"
    assert record.problems == ()
    assert record.data["series"].values.tolist() == ORDER[:row]
    assert (recorded(record.folder) if (record.folder / "photons.ptu").exists() else []) == ORDER[
        : row + (fault == "overflow")
    ]
    assert light_on_the_sample() == 0
    assert not reference_is_on()


def test_a_rate_meter_that_misses_the_laser_by_some_pulses_spoils_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates, misses = Device.getCountRates, itertools.cycle((10, -10, 20, 0, -20))

    def counted(device: Device) -> Any:
        found = rates(device)
        found[0] += next(misses) if found[0] else 0
        return found

    monkeypatch.setattr(Device, "getCountRates", counted)
    monkeypatch.setattr(HBT, "analyses", ())
    with load_bench(TABLE, seed=3) as bench:
        record = run(HBT(**SHORT), bench, into=tmp_path)
    assert len(set(record.data["period"].values)) == 1
    again = analyse_tags(record.folder / "photons.ptu", (), into=tmp_path, max_pulses=20)
    for name in ("series", "histogram", "pulse_pairs", "decay_a", "singles_b"):
        np.testing.assert_array_equal(again.data[name].values, record.data[name].values, err_msg=name)


# Ctrl-C and a full disk while photons.ptu is written --------------------------------------------------


def short(seed: int, pulsed: bool) -> Tags:
    rng = np.random.default_rng(seed)
    times = np.sort(rng.integers(0, 10**10, 50)) // 10 * 10
    pulses = times // 200_000
    t3 = {"pulses": pulses, "dtimes": ((times - pulses * 200_000) // 10).astype(np.int32), "period": 200_000.0}
    return Tags(
        times=times,
        channels=(np.arange(50) % 2).astype(np.uint8),
        duration=10**10,
        resolution=10.0,
        **(t3 if pulsed else {}),
    )


class AtLine:
    """Traces the writing of tags and raises once, at one of its lines."""

    files = ("ptu_writer.py", "recordings.py", "pending.py", "ptu_packing.py")

    def __init__(self, line: int) -> None:
        self.left = line

    def __call__(self, frame: Any, event: str, arg: object) -> Any:
        return self.lines if frame.f_code.co_filename.endswith(self.files) else None

    def lines(self, frame: Any, event: str, arg: object) -> Any:
        if event == "line":
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt
        return self.lines


# Between two lines an open file may have no owner yet; Python closes it.
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:.*photons.ptu::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("pulsed", "before"),
    [(True, 1), *(pytest.param(*case, marks=pytest.mark.slow) for case in ((True, 0), (False, 0), (False, 1)))],
)
def test_ctrl_c_at_any_line_of_the_writer_tears_no_recording(tmp_path: Path, pulsed: bool, before: int) -> None:
    line, whole = 0, 0
    while True:
        line += 1
        folder = tmp_path / str(line)
        folder.mkdir()
        recordings = Recordings()
        recordings.begin(folder)
        made = [short(seed, pulsed) for seed in range(before + 1)]
        for number in range(before):
            recordings.append("photons", made[number], 3, float(number))
        traced = AtLine(line)
        outer = sys.gettrace()
        sys.settrace(traced)
        try:
            recordings.append("photons", made[before], 1, float(before))
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(outer)
        recordings.end()
        if traced.left > 0:
            break
        if not (folder / "photons.ptu").exists():
            assert before == 0
            continue
        tags = read_tags(folder / "photons.ptu")
        found = segments(tags)
        assert len(found) in (before, before + 1)
        assert len(tags) == 50 * len(found)
        assert tags.marker_values.tolist() == [3, 15] * before + [1, 15] * (len(found) - before)
        for (_, start, end), kept in zip(found, made, strict=False):
            np.testing.assert_array_equal(tags.times[(tags.times >= start) & (tags.times < end)] - start, kept.times)
        if facts := recordings.facts():
            assert facts["photons"]["photons"] == len(tags)
        whole += len(found) > before
    assert line > 200
    assert whole > 150, "nearly always the recording itself is kept too"


@pytest.mark.parametrize(
    ("name", "moment"),
    [
        pytest.param(name, moment, marks=[] if (name, moment) == ("flush", "before") else pytest.mark.slow)
        for name in ("write", "mark", "flush")
        for moment in ("before", "after")
    ],
)
def test_ctrl_c_while_a_recording_is_written_ends_dark_with_everything_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, moment: str
) -> None:
    monkeypatch.setattr(HBT, "analyses", ())
    original, calls = getattr(PtuWriter, name), []
    struck = {"write": 4, "mark": 7, "flush": 4}[name]

    def interrupted(writer: PtuWriter, *arguments: Any) -> None:
        calls.append(arguments)
        if moment == "after":
            original(writer, *arguments)
        if len(calls) == struck:
            raise KeyboardInterrupt
        if moment == "before":
            original(writer, *arguments)

    monkeypatch.setattr(PtuWriter, name, interrupted)
    with load_bench(TABLE, seed=3) as bench:
        with pytest.raises(KeyboardInterrupt) as stop:
            run(HBT(**SHORT), bench, into=tmp_path)
        assert light_on_the_sample() == 0
        assert not reference_is_on()
    record = stop.value.record  # type: ignore[attr-defined]
    assert record.status == "aborted"
    assert record.problems == ()
    assert [int(kind) for kind in record.data["series"].values] == ORDER[:3]
    assert recorded(record.folder) == ORDER[:4]
    tags = read_tags(record.folder / "photons.ptu")
    assert record.data.attrs["photons"]["photons"] == len(tags)


@pytest.mark.parametrize("lasting", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_disk_that_fills_up_fails_the_run_and_keeps_the_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], lasting: bool
) -> None:
    monkeypatch.setattr(HBT, "analyses", ())
    write, appended = PtuWriter._write_all, []

    def full(writer: PtuWriter, data: bytes) -> None:
        grows = writer.records > 0 and writer._file.tell() >= writer._end
        if grows:
            appended.append(len(data))
        if grows and (len(appended) == 4 or (lasting and len(appended) > 4)):
            write(writer, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "No space left on device")
        write(writer, data)

    monkeypatch.setattr(PtuWriter, "_write_all", full)
    assert main(words(tmp_path)) == 1
    told = capsys.readouterr().err
    assert re.search(r"photons\.ptu did not take a recording of \d+ photons: No space left on device", told), told
    assert "make room" in told
    record = load_record(1, into=tmp_path)
    assert record.status == "failed"
    kept = len(record.data["series"])
    assert 0 < kept < 5
    assert record.data["series"].values.tolist() == ORDER[:kept]
    assert recorded(record.folder) == ORDER[:kept]
    assert light_on_the_sample() == 0
    assert not reference_is_on()


# A process that is killed ------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from perovskite_meas import load_bench, run
from perovskite_meas.photons.files import PtuWriter
from perovskite_meas.procedures import HBT

where, count, settings = sys.argv[2], int(sys.argv[3]), eval(sys.argv[4])
original, calls = getattr(PtuWriter, where), []
def killing(*arguments, **options):
    calls.append(1)
    original(*arguments, **options)
    if len(calls) == count:
        os.kill(os.getpid(), signal.SIGKILL)
setattr(PtuWriter, where, killing)
with load_bench("virtual_confocal", seed=3) as bench:
    run(HBT(**settings), bench, into=sys.argv[1], progress=False)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.filterwarnings("ignore:.*after the .* records that the header promises are left out")
@pytest.mark.parametrize(
    ("where", "count", "rows"),
    [
        ("flush", 4, 3),
        pytest.param("_append", 7, 3, marks=pytest.mark.slow),
        pytest.param("_put_right", 6, 2, marks=pytest.mark.slow),
    ],
)
def test_after_sigkill_the_rows_and_the_tags_are_found_and_analysed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], where: str, count: int, rows: int
) -> None:
    words_ = [sys.executable, "-c", KILLED, str(tmp_path), where, str(count), repr(SHORT)]
    done = subprocess.run(words_, check=False, timeout=120, capture_output=True, text=True)
    assert done.returncode == -9, done.stderr
    folder = next(tmp_path.glob("*-HBT-*"))
    record = load_record(folder)
    assert record.status == "interrupted"
    assert record.data.sizes["row"] == rows
    tags = read_tags(folder / "photons.ptu")
    assert [mark - 1 for mark, *_ in segments(tags)][:rows] == ORDER[:rows]
    lights = record.data[["singles_a", "singles_b"]].to_array().sum().item()
    assert len(tags) >= lights
    # A measurement without the emitter is no g2: the exit status says it, but nothing breaks.
    chosen = [] if where != "flush" else ["--with", "lifetime"]
    assert main(["analyze", str(folder), *chosen, "--into", str(tmp_path)]) in (0, 1)
    assert "Traceback" not in (told := capsys.readouterr()).out + told.err
    kept = load_record(folder).data.attrs["photons"]
    assert kept["path"] == str(folder / "photons.ptu")
    assert kept["sha256"] is None
    status = main(["analyze", str(folder / "photons.ptu"), "--with", "g2", "--into", str(tmp_path / "again")])
    if where != "flush":
        assert status == 2
        assert "there is no photon of the emitter in it" in capsys.readouterr().err
        return
    assert status in (0, 1)
    again = next((tmp_path / "again").glob("*TagFile*"))
    assert load_record(again).data["series"].values.tolist()[:rows] == ORDER[:rows]
    assert (again / "report.html").is_file()


# A lab's own tagger ------------------------------------------------------------------------------------


class OwnInstrument(Instrument):
    def get_idn(self) -> dict[str, str | None]:
        return {"vendor": "us", "model": type(self).__name__, "serial": None, "firmware": None}


class OwnTagger(OwnInstrument):
    """A lab's driver: it returns tags of four inputs and knows no mode."""

    def __init__(self, name: str, kind: str, shutter: Instrument) -> None:
        super().__init__(name)
        self.kind, self.shutter, self._rng = kind, shutter, np.random.default_rng(1)
        self.add_parameter("seconds", unit="s", set_cmd=None, initial_value=1.0)
        self.add_parameter("photons", get_cmd=self._record, snapshot_get=False, snapshot_value=False)

    def _record(self) -> Tags:
        duration = round(float(self.seconds()) * 1e12)
        rate = 2e5 if self.shutter.state() == "open" else 100
        count = self._rng.poisson(rate * duration * 1e-12)
        times = np.sort(self._rng.integers(0, duration, count))
        pulses, t3 = times // 200_000, {}
        if self.kind == "T3":
            delays = np.minimum(self._rng.exponential(20_000, count), 199_999).astype(np.int32)
            times, t3 = pulses * 200_000 + delays, {"pulses": pulses, "dtimes": delays, "period": 200_000.0}
        return Tags(times, self._rng.integers(0, 4, count).astype(np.uint8), duration, **t3)


OWN_BENCH = """
station: station.yaml
roles:
  shutter: own_shutter.state
  tagger: {use: own.photons, time: own.seconds}
  waveplate: {use: own_shutter.angle, maximum: 10 uW}
limits: {average_power: 150 uW}
safe_state: [shutter.block]
sample: {name: dot 7}
"""


@pytest.mark.parametrize("kind", [pytest.param("T2", marks=pytest.mark.slow), "T3"])
def test_a_labs_own_tagger_and_a_shutter_are_enough(tmp_path: Path, kind: str) -> None:
    station = Station()
    shutter = OwnInstrument("own_shutter")
    station.add_component(OwnTagger("own", kind, shutter))
    shutter.add_parameter("state", set_cmd=None, initial_value="closed")
    shutter.add_parameter("angle", unit="deg", set_cmd=None, initial_value=0.0)
    station.add_component(shutter)
    (tmp_path / "bench.yaml").write_text(OWN_BENCH, encoding="utf-8")
    (tmp_path / "station.yaml").write_text("instruments: {}\n", encoding="utf-8")
    with load_bench(tmp_path / "bench.yaml", station=station) as bench:
        record = run(HBT(**SHORT), bench, into=tmp_path)
    assert record.status == "completed"
    assert [int(kind) for kind in record.data["series"].values] == [2, 0, 0]
    assert shutter.state() == "closed"
    assert not [problem for problem in record.problems if "failed" in problem], record.problems
    assert [mark - 1 for mark, *_ in segments(read_tags(record.folder / "photons.ptu"))] == [2, 0, 0]
    assert len(read_tags(record.folder / "photons.ptu")) > 1.5 * record.data["singles_a"].values.sum()
    notes = " ".join(record.results["g2"].notes)
    for missing in ("no rows beside the emitter", "no reference light", "tagger.dead_time is not stated"):
        assert missing in notes


def test_pulsed_recordings_of_one_run_get_one_period_and_delays_that_a_file_can_hold() -> None:
    axis, first = PulseAxis(), replace(short(0, pulsed=True), resolution=1.0)
    put = axis.put(first, 0.0, "tagger")
    assert (put.period, put.resolution) == (200_000.0, 8.0)
    assert first.dtimes is not None
    np.testing.assert_array_equal(put.dtimes, first.dtimes // 8)
    later = axis.put(replace(first, period=200_000.4), 0.0, "tagger")
    assert later.period == 200_000.0
    np.testing.assert_array_equal(later.times, put.times)
    with pytest.raises(HardwareFault, match=r"period was 200 ns and is now 100 ns; check laser and sync"):
        axis.put(replace(first, period=100_000.0), 0.0, "tagger")
    silent = replace(first, period=None)
    assert PulseAxis().put(silent, 5e6, "tagger").period == 200_000.0
    with pytest.raises(ReplyError, match="T3 recording without the laser's period; let the driver say it"):
        PulseAxis().put(silent, 0.0, "tagger")
    continuous = short(0, pulsed=False)
    assert axis.put(continuous, 0.0, "tagger") is continuous


# The dry run -------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_dry_run_tells_duration_dose_and_sigma(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with load_bench(TABLE, seed=4) as bench:
        saturation = run(TwoPhotonSaturation(dwell="0.1 s"), bench, into=tmp_path)
    assert main(["run", "HBT", "--dry-run", "--set", f"saturation={saturation.folder}"]) == 0
    told = capsys.readouterr().out
    assert re.search(r"^duration +6:\d\d$", told, re.M), told
    assert re.search(r"^dose +3\d\d(\.\d)? kJ/cm\^2 on the emitter$", told, re.M), told
    assert re.search(r"sigma\(g2.*\) \d", told), told


def test_a_dose_beyond_the_limit_is_refused_before_any_light(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for more in (["--dry-run"], ["--into", str(tmp_path)]):
        assert main(["run", "HBT", *more, "--set", "duration=2 h"]) == 2
        assert re.search(
            r"refused before any light:\n  - dose .* exceeds the limit of 2 MJ/cm\^2", capsys.readouterr().err
        )
    assert library().world.light_log() == []
    assert not list(tmp_path.glob("*HBT*"))


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("chunk=3 um", "chunk: '3 um' cannot be expressed in s"),
        ("chunk=3 h", r"chunk = 10800 s is outside 0.1 s .. 600 s|chunk = .* is outside"),
        ("powers=3", "powers = 3 W is outside 1 pW .. 1 W"),
        ("powers=3 nm", "powers: '3 nm' cannot be expressed in W"),
        ("gate=3 uW", "gate: '3 uW' cannot be expressed in ps"),
        ("dose=4000 J", "dose: '4000 J' cannot be expressed in J/cm"),
        ("chnk=3 s", "no parameter 'chnk'; did you mean 'chunk'"),
        ("max_pulses=3.5", "max_pulses = '3.5' must be a whole number"),
        ("precision=much", "precision: 'much' is not a quantity"),
        ("saturation=nowhere", "give the run folder of a TwoPhotonSaturation"),
    ],
)
def test_a_wrong_setting_says_what_it_should_be(capsys: pytest.CaptureFixture[str], setting: str, said: str) -> None:
    assert main(["run", "HBT", "--dry-run", "--set", setting]) == 2
    assert re.search(said, (told := capsys.readouterr().err)), told


def test_none_leaves_an_optional_setting_out(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "HBT", "--dry-run", "--set", "precision=none", "--set", "dose=none", "--set", "chunk=3"]) == 0
    assert "rows             103" in capsys.readouterr().out


def test_the_emitter_is_lit_no_longer_than_was_said() -> None:
    for duration, chunk, seconds in (("10 s", "20 s", 10), ("25 s", "10 s", 20), ("300 s", "10 s", 300)):
        with closed_bench(TABLE) as bench:
            lit = rehearse(HBT(duration=duration, chunk=chunk), bench).dose
        assert lit == pytest.approx(seconds * 1044, rel=0.05)
