"""What a lab does to a run: stops it at odd moments, fills the disk, runs two at once."""

import errno
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perovskite_meas import load_record, run
from perovskite_meas.bench import Bench
from perovskite_meas.core.errors import BenchError, UsageError
from perovskite_meas.core.plugins import find
from perovskite_meas.hosts import _patience, _store
from perovskite_meas.hosts._station import read_station
from perovskite_meas.hosts.qcodes_bench import QCoDeSBench
from perovskite_meas.hosts.qcodes_run import prepare
from perovskite_meas.procedures import TwoPhotonSaturation
from perovskite_meas.runner import finish, folder, hooks

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows delivers no signal to its own process")


def first(action: Callable[[], None], then: Callable[..., Any]) -> Callable[..., Any]:
    def both(*arguments: Any, **options: Any) -> Any:
        action()
        return then(*arguments, **options)

    return both


def ask(number: int) -> None:
    os.kill(os.getpid(), number)


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_during_the_analysis_leaves_a_completed_run_with_its_report(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(finish, "analyse", first(lambda: ask(number), finish.analyse))
    with pytest.raises(KeyboardInterrupt) as caught:
        run(quick, bench, into=tmp_path)
    record = caught.value.record  # type: ignore[attr-defined]
    assert record.status == load_record(1, into=tmp_path).status == "completed"
    assert any("analyses were stopped" in problem for problem in record.problems)
    assert (record.folder / "report.html").is_file()


@posix
def test_a_stop_during_the_safe_state_is_not_swallowed(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    made_safe = Bench.make_safe

    def make_safe(self: Bench) -> list[str]:
        ask(signal.SIGINT)
        problems = made_safe(self)
        done.append("safe")
        return problems

    monkeypatch.setattr(Bench, "make_safe", make_safe)
    with pytest.raises(KeyboardInterrupt) as caught:
        run(quick, bench, into=tmp_path)
    assert done == ["safe"]
    assert caught.value.record.data.sizes["row"] > 0  # type: ignore[attr-defined]


@posix
def test_a_hail_of_stops_does_not_keep_the_table_from_being_made_safe(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hail(*_: Any) -> None:
        try:
            ask(signal.SIGINT)
        finally:
            for _ in range(3):
                ask(signal.SIGINT)

    monkeypatch.setattr(bench.roles["counter"], "count", hail)
    with pytest.raises(KeyboardInterrupt) as caught:
        run(quick, bench, into=tmp_path)
    record = caught.value.record  # type: ignore[attr-defined]
    assert record.status == "aborted"
    assert any("made safe first" in problem for problem in record.problems)


def test_progress_that_nobody_reads_does_not_stop_the_run(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Gone:
        def isatty(self) -> bool:
            return False

        def write(self, text: str) -> int:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    monkeypatch.setattr(sys, "stderr", Gone())
    assert run(quick, bench, into=tmp_path, progress=True).status == "completed"
    monkeypatch.setattr(sys, "stderr", None)
    assert run(quick, bench, into=tmp_path, progress=True).status == "completed"


def test_a_full_disk_is_a_problem_of_the_record_and_not_the_end_of_the_process(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    monkeypatch.setattr(hooks, "write_json", full)
    monkeypatch.setattr(Path, "write_text", full)
    monkeypatch.setattr(folder, "check_writable", lambda _: None)
    monkeypatch.setattr("perovskite_meas.hosts.qcodes_run.check_writable", lambda _: None)
    monkeypatch.setattr("perovskite_meas.hosts.qcodes_run.write_json", lambda *_: None)
    record = run(quick, bench, into=tmp_path)
    told = "\n".join(record.problems)
    for name in ("data.nc", "saturation", "provenance.json", "report.html"):
        assert name in told
    assert not list(tmp_path.glob("*/data.nc*"))


def test_what_stopped_a_run_is_told_where_a_full_disk_cannot_close_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Runner:
        def __exit__(self, *_: object) -> None:
            full_database()

    monkeypatch.setattr(_store, "patiently", lambda *_: (Runner(), object()))
    monkeypatch.setattr(_store, "_place", lambda _: Path("runs.db"))
    with pytest.raises(ValueError, match="the first reason") as caught, _store.quiet_run(object()):  # type: ignore[arg-type]
        raise ValueError("the first reason")
    assert "could the run be closed in the database: database or disk is full" in caught.value.__notes__[0]


def test_a_locked_database_is_refused_with_its_reason_before_any_light(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(quick, bench, into=tmp_path)
    monkeypatch.setattr(_patience, "_WAITS", (0.01,))
    other = sqlite3.connect(tmp_path / "runs.db")
    try:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(UsageError, match="database is locked; close the program"):
            run(quick, bench, into=tmp_path)
    finally:
        other.rollback()
        other.close()
    assert run(quick, bench, into=tmp_path).status == "completed"


def test_a_lock_that_passes_is_waited_for() -> None:
    tries: list[int] = []

    def begin() -> str:
        tries.append(1)
        if len(tries) < 3:
            raise sqlite3.OperationalError("database is locked")
        return "begun"

    assert _patience.patiently(Path("runs.db"), begin) == "begun"
    with pytest.raises(UsageError, match="disk is full"):
        _patience.patiently(Path("runs.db"), full_database)
    with pytest.raises(RuntimeError, match="something else"):
        _patience.patiently(Path("runs.db"), other_trouble)


def full_database() -> None:
    raise sqlite3.OperationalError("database or disk is full")


def other_trouble() -> None:
    raise RuntimeError("something else")


@pytest.mark.parametrize("text", ["", "[1, 2]", "foo: 1", "instruments: 5", "instruments: {sc10: 5}"])
def test_a_station_file_of_another_shape_is_told_what_it_must_hold(tmp_path: Path, text: str) -> None:
    (tmp_path / "station.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BenchError, match="must hold 'instruments:'"):
        read_station(tmp_path / "station.yaml")


@posix
def test_the_command_line_keeps_to_one_screen_whatever_reads_it(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "import sys; from perovskite_meas.cli import main; sys.exit(main())"]
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as gone:
        listed = subprocess.run([*words, "list"], stdout=gone, stderr=subprocess.PIPE, text=True, check=False)
    assert (listed.returncode, listed.stderr) == (1, "")
    plain = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [*words, "run", "TwoPhotonSaturation", "--set", "dwell=0.1 s", "--into", "runs"],
        cwd=tmp_path,
        env=plain,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "cross_section" in done.stdout


@posix
def test_ctrl_c_on_the_command_line_is_one_screen_without_the_traceback_that_qcodes_logs(tmp_path: Path) -> None:
    code = "import sys; from perovskite_meas.cli import main; sys.exit(main())"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "run", "TwoPhotonSaturation", "--into", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    process.stderr.readline()
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 3
    assert "rows are kept in" in told
    assert "Traceback" not in told


def test_the_record_is_found_from_any_working_directory(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    made = run(quick, bench, into="runs")
    assert made.folder is not None
    stored = load_record(Path("runs") / made.folder.name)
    monkeypatch.chdir(tmp_path / "elsewhere")
    for record in (made, stored):
        assert record.report is not None
        assert record.report.is_absolute()
        assert record.report.is_file()


def test_a_closed_bench_is_refused_before_anything_is_made(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, tmp_path: Path
) -> None:
    bench.close()
    with pytest.raises(UsageError, match="this bench is closed; open it again with load_bench"):
        run(quick, bench, into=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("wrong", [lambda _: 1 / 0, lambda _: "bright"])
def test_a_forecast_that_fails_is_told_in_the_plan_and_refuses_nothing(
    bench: QCoDeSBench, quick: TwoPhotonSaturation, monkeypatch: pytest.MonkeyPatch, wrong: Callable[[Any], Any]
) -> None:
    monkeypatch.setattr(find("analyses", "saturation"), "_forecast", wrong)
    rehearsed = prepare(quick, bench)
    (told,) = rehearsed.forecasts["saturation"].unknown
    assert told.startswith("the forecast failed: ")
    assert any(told in line for line in rehearsed.lines())
