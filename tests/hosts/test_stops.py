"""Requests to end that come at any moment: no row, no transaction and no import is left half done."""

import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import qcodes.dataset as qcd
from qcodes.dataset.data_set import DataSet
from qcodes.dataset.measurements import DataSaver, Runner

from perovskite_meas import Record, load_record, run
from perovskite_meas.hosts import _patience
from perovskite_meas.hosts.qcodes_bench import QCoDeSBench
from perovskite_meas.procedures import TwoPhotonSaturation
from perovskite_meas.runner.interrupt import Requests

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows delivers no signal to its own process")

STOPS = [signal.SIGINT, signal.SIGTERM]


def asks_in(monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, number: int, call: int = 1) -> list[str]:
    """Send `number` in the middle of one call of a function; return a list that tells how far the call came."""
    original, steps = getattr(owner, name), []

    def asking(*arguments: Any, **options: Any) -> Any:
        steps.append("called")
        if len(steps) != call:
            return original(*arguments, **options)
        os.kill(os.getpid(), number)
        found = original(*arguments, **options)
        steps.append("done")
        return found

    monkeypatch.setattr(owner, name, asking)
    return steps


def stopped(procedure: TwoPhotonSaturation, bench: QCoDeSBench, into: Path) -> Record | None:
    with pytest.raises(KeyboardInterrupt) as caught:
        run(procedure, bench, into=into)
    return getattr(caught.value, "record", None)


@pytest.mark.parametrize("number", STOPS)
def test_a_stop_while_a_row_is_stored_comes_after_it(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    steps = asks_in(monkeypatch, DataSaver, "flush_data_to_database", number, call=3)
    record = stopped(quick, bench, tmp_path)
    assert "done" in steps
    assert record is not None
    assert record.status == "aborted"
    assert record.data.sizes["row"] == 3
    assert record.dataset.number_of_results == 3 * len(quick.columns)
    assert not [problem for problem in record.problems if "database" in problem]


MOMENTS = [
    (Runner, "__enter__", "aborted"),
    (DataSet, "prepare", "aborted"),
    (DataSet, "add_metadata", "aborted"),
    (Runner, "__exit__", "completed"),
    (DataSet, "mark_completed", "completed"),
]


# Each moment with one of the two by default: past their handler, which other tests here ask in turn, they are one.
@pytest.mark.parametrize(
    ("owner", "name", "status", "number"),
    [
        pytest.param(*moment, number, marks=[] if number == STOPS[place % 2] else pytest.mark.slow)
        for place, moment in enumerate(MOMENTS)
        for number in STOPS
    ],
)
def test_a_stop_while_qcodes_begins_or_ends_the_run_leaves_a_record(
    bench: QCoDeSBench,
    quick: TwoPhotonSaturation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,
    name: str,
    status: str,
    number: int,
) -> None:
    steps = asks_in(monkeypatch, owner, name, number)
    record = stopped(quick, bench, tmp_path)
    assert "done" in steps
    assert record is not None
    assert record.status == load_record(1, into=tmp_path).status == status
    assert record.report is not None
    assert record.report.is_file()


def test_a_stop_before_the_run_exists_leaves_no_folder(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks_in(monkeypatch, qcd, "load_or_create_experiment", signal.SIGTERM)
    assert stopped(quick, bench, tmp_path) is None
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_a_stop_ends_the_patience_with_a_locked_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def locked() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        raise _patience.sqlite3.OperationalError("database is locked")

    monkeypatch.setattr(_patience, "_WAITS", (0.01,))
    with Requests() as requests, pytest.raises(KeyboardInterrupt):
        _patience.patiently(Path("runs.db"), locked, requests.raise_noted)


def test_a_run_under_nohup_goes_on_when_its_terminal_is_closed() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Requests() as requests:
            os.kill(os.getpid(), signal.SIGHUP)
            assert requests.take() == []
    finally:
        signal.signal(signal.SIGHUP, before)


def script(*words: str, code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *words], capture_output=True, text=True, check=False, timeout=300
    )


SCRIPT = """
import os, signal, sys, traceback

class Asking:
    def find_spec(self, name, path=None, target=None):
        if name == "matplotlib.lines":
            os.kill(os.getpid(), signal.SIGTERM)

sys.meta_path.insert(0, Asking())
from perovskite_meas import load_bench, run
from perovskite_meas.procedures import TwoPhotonSaturation
assert "matplotlib.lines" not in sys.modules
scan = TwoPhotonSaturation(dwell="20 ms")
with load_bench("virtual_confocal") as bench:
    try:
        run(scan, bench, into=sys.argv[1], progress=False)
    except KeyboardInterrupt as stop:
        print(stop.record.status, stop.record.report.is_file())
        print("importing" if "find_spec" in str(traceback.extract_tb(stop.__traceback__)) else "imported")

def broken(*_):
    raise ValueError("no counts today")

print("a script without logging", file=sys.stderr)
with load_bench("virtual_confocal") as bench:
    bench.roles["counter"].count = broken
    try:
        run(scan, bench, into=sys.argv[1], progress=False)
    except ValueError as error:
        print(error.record.status, error)
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[str], list[str]]:
    """Run a script that is stopped while it imports, then fails; return the lines of its output and its errors."""
    done = script(str(tmp_path_factory.mktemp("script")), code=SCRIPT)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), done.stderr.splitlines()


def test_a_stop_while_matplotlib_is_imported_breaks_neither_the_import_nor_the_report(
    told: tuple[list[str], list[str]],
) -> None:
    assert told[0][:2] == ["completed True", "imported"]
    assert told[1][0] == "a script without logging", "nothing was told before"


def test_a_failure_in_a_script_without_logging_prints_nothing_of_its_own(told: tuple[list[str], list[str]]) -> None:
    assert told[0][2:] == ["failed no counts today"]
    assert told[1][1:] == []


def test_a_lab_that_set_up_logging_still_gets_the_traceback_from_qcodes(
    bench: QCoDeSBench,
    quick: TwoPhotonSaturation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("no counts today")

    handlers = list(logging.getLogger("qcodes").handlers)
    monkeypatch.setattr(bench.roles["counter"], "count", broken)
    with pytest.raises(ValueError, match="no counts today"):
        run(quick, bench, into=tmp_path)
    assert "An exception occurred in measurement" in caplog.text
    assert logging.getLogger("qcodes").handlers == handlers


STORM = """
import json, os, random, signal, sys, threading
seed, runs, into = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
chance = random.Random(seed)
outside = []
for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, lambda *_: outside.append(1))
from perovskite_meas import load_bench, run
from perovskite_meas.procedures import TwoPhotonSaturation
for turn in range(runs):
    with load_bench("virtual_confocal") as bench:
        number = chance.choice((signal.SIGINT, signal.SIGTERM))
        timer = threading.Timer(chance.uniform(0, 1.3 if turn else 2.5), os.kill, (os.getpid(), number))
        outside.clear()
        timer.start()
        record, ended = None, "stopped"
        try:
            record, ended = run(TwoPhotonSaturation(dwell="10 ms"), bench, into=into, progress=False), "done"
        except KeyboardInterrupt as stop:
            record = getattr(stop, "record", None)
        timer.join()
        library, = bench.libraries.values()
        print(json.dumps({
            "ended": ended,
            "outside": len(outside),
            "folder": None if record is None else str(record.folder),
            "status": None if record is None else record.status,
            "problems": [] if record is None else record.problems,
            "light": library.world.port("shutter").is_open(library.clock.now() + 1),
        }))
"""

DEFAULT, MORE = range(1), range(1, 13)


@pytest.mark.parametrize("seed", [*DEFAULT, *(pytest.param(seed, marks=pytest.mark.slow) for seed in MORE)])
def test_whenever_a_stop_comes_the_light_is_off_and_every_run_folder_has_its_record(seed: int, tmp_path: Path) -> None:
    runs = 4 if seed in DEFAULT else 8
    done = script(str(seed), str(runs), str(tmp_path), code=STORM)
    assert (done.returncode, done.stderr) == (0, "")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(told) == runs
    for run_told in told:
        assert not run_told["light"]
        assert (run_told["ended"] == "done") == bool(run_told["outside"]), "a stop is never swallowed"
        assert run_told["status"] in ("aborted", "completed", None)
        assert not [problem for problem in run_told["problems"] if "database" in problem or "results where" in problem]
    folders = sorted(str(path) for path in tmp_path.iterdir() if path.is_dir())
    assert folders == sorted(run_told["folder"] for run_told in told if run_told["folder"] is not None)
    for folder in folders:
        record = load_record(folder)
        assert record.status in ("aborted", "completed")
        assert record.dataset.number_of_results == record.data.sizes["row"] * len(record.data.data_vars)
