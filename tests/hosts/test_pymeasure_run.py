"""Runs in PyMeasure's own Worker on the virtual confocal table."""

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvisa
from pymeasure.experiment import Results, Worker

from perovskite_meas import load_bench, load_record, run
from perovskite_meas.core.tables import table
from perovskite_meas.hosts import _pymeasure_run
from perovskite_meas.hosts.pymeasure import Face, PowerCalibration, TwoPhotonSaturation
from perovskite_meas.procedures import TwoPhotonSaturation as Wrapped

QUICK: dict[str, Any] = {
    "powers": "there_and_back(Logspace('2 uW', '20 uW', 3))",
    "dwell": "20 ms",
    "meter_time": "5 ms",
    "darks": 1,
    "reference_every": 3,
}


class Prodded(Worker):
    """A Worker that does something when it has emitted a certain number of rows."""

    def when(self, rows: int, action: Any) -> "Prodded":
        self.left, self.action = rows, action
        return self

    def emit(self, topic: str, record: Any) -> None:
        super().emit(topic, record)
        if topic == "results":
            self.left -= 1
            if self.left == 0:
                self.action()


def finished(worker: Worker) -> str:
    """Run a Worker to its end and return its status in small letters."""
    worker.start()
    threading.Thread.join(worker, 60)
    assert not worker.is_alive(), "the Worker hangs"
    procedure = worker.results.procedure
    return str(getattr(procedure, "STATUS_STRINGS", {}).get(procedure.status, procedure.status)).lower()


def library() -> Any:
    return pyvisa.ResourceManager("virtual_confocal@twin").visalib


def light_is_off() -> bool:
    world = library().world
    return not world.port("shutter").is_open(world.clock.now())


def test_a_run_in_a_stock_worker_finishes_with_a_finite_number_in_every_cell(tmp_path: Path) -> None:
    procedure = TwoPhotonSaturation(**QUICK)
    results = Results(procedure, str(tmp_path / "run.csv"))
    assert finished(Worker(results)) == "finished"
    frame = results.data
    assert list(frame.columns) == TwoPhotonSaturation.DATA_COLUMNS
    assert frame.columns[0] == "row"
    assert len(frame) == procedure.record.data.sizes["row"] == int(procedure.get_estimates()[0][1])
    assert np.isfinite(frame.to_numpy(dtype=float)).all()
    assert procedure.record.status == "completed"
    assert (tmp_path / "run.run" / "report.html").is_file()
    assert "#\trun folder: run.run" in (tmp_path / "run.csv").read_text()
    assert light_is_off()


def test_the_same_seed_gives_the_same_rows_in_both_hosts(tmp_path: Path) -> None:
    procedure = TwoPhotonSaturation(**QUICK)
    finished(Worker(Results(procedure, str(tmp_path / "run.csv"))))
    with load_bench("virtual_confocal") as bench:
        record = run(Wrapped(**QUICK), bench, into=tmp_path)
    for name in record.data:
        ours, theirs = record.data[name], procedure.record.data[name]
        assert ours.dtype == theirs.dtype
        assert np.allclose(ours, theirs, rtol=1e-14, atol=0), (
            f"{name}: SQLite keeps 15 digits, but these differ by more"
        )
    assert record.data.attrs["conditions"] == procedure.record.data.attrs["conditions"]


def test_the_power_calibration_runs_too(tmp_path: Path) -> None:
    procedure = PowerCalibration(angles="Linspace(0, 90, 7)", average="5 ms", settle="5 ms")
    assert finished(Worker(Results(procedure, str(tmp_path / "run.csv")))) == "finished"
    assert procedure.record.data.sizes["row"] == 7


def test_two_runs_in_one_process_follow_each_other(tmp_path: Path) -> None:
    for number in range(2):
        assert finished(Worker(Results(TwoPhotonSaturation(**QUICK), str(tmp_path / f"{number}.csv")))) == "finished"


def test_an_abort_keeps_the_rows_and_ends_dark_and_aborted(tmp_path: Path) -> None:
    procedure = TwoPhotonSaturation(**QUICK)
    worker = Prodded(Results(procedure, str(tmp_path / "run.csv")))
    assert finished(worker.when(5, worker.stop)) == "aborted"
    assert light_is_off()
    assert procedure.record.status == "aborted"
    assert load_record(tmp_path / "run.csv").data.sizes["row"] == 5


def test_an_abort_during_startup_is_an_abort_without_rows_and_without_light(tmp_path: Path) -> None:
    procedure = TwoPhotonSaturation(**QUICK)
    worker = Worker(Results(procedure, str(tmp_path / "run.csv")))
    worker.stop()
    assert finished(worker) == "aborted"
    assert procedure.record.status == load_record(tmp_path / "run.csv").status == "aborted"
    assert procedure.record.data.sizes["row"] == 0
    assert library().world.light_log() == []
    load_bench("virtual_confocal").close()


def test_an_instrument_that_fails_in_the_middle_fails_the_run_and_costs_no_row(tmp_path: Path) -> None:
    procedure = TwoPhotonSaturation(**QUICK)
    worker = Prodded(Results(procedure, str(tmp_path / "run.csv")))
    broken = worker.when(4, lambda: library().device("GPIB0::23::INSTR").faults.unplug())
    assert finished(broken) == "failed"
    assert light_is_off()
    record = load_record(tmp_path / "run.csv")
    assert record.status == "failed"
    assert record.data.sizes["row"] == 4
    assert "sr400" in record.provenance["error"]


@pytest.mark.parametrize(
    ("parameters", "said"),
    [({"bench": "no/such/bench.yaml"}, "bench.yaml"), ({"powers": "Values('1 mW')"}, "refused before any light")],
)
def test_what_is_refused_in_startup_fails_with_its_reason_and_hangs_nothing(
    tmp_path: Path, parameters: dict[str, Any], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    procedure = TwoPhotonSaturation(**QUICK | parameters)
    assert finished(Worker(Results(procedure, str(tmp_path / "run.csv")))) == "failed"
    assert said in caplog.text
    assert procedure.record is None
    assert not (tmp_path / "run.run").exists()
    assert finished(Worker(Results(TwoPhotonSaturation(**QUICK), str(tmp_path / "next.csv")))) == "finished"


def test_an_instrument_that_is_missing_fails_the_start_and_leaves_the_table_free(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "table"
    shutil.copytree(table("virtual_confocal"), folder)
    station = folder / "station.yaml"
    station.write_text(station.read_text().replace("GPIB0::23", "GPIB0::24"))
    procedure = TwoPhotonSaturation(bench=folder / "bench.yaml", **QUICK)
    assert finished(Worker(Results(procedure, str(tmp_path / "run.csv")))) == "failed"
    assert "sr400" in caplog.text
    load_bench("virtual_confocal").close()


def test_a_hook_that_fails_leaves_the_run_finished_and_is_said_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    procedure = TwoPhotonSaturation(**QUICK)
    assert finished(Worker(Results(procedure, str(tmp_path / "run.csv")))) == "finished"
    assert "analysis 'saturation' refused" in caplog.text
    assert any("saturation" in problem for problem in procedure.record.problems)


@pytest.mark.parametrize("error", [RuntimeError("no ink"), SystemExit(3), KeyboardInterrupt()])
def test_shutdown_cannot_raise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(_pymeasure_run, "finish", fail)
    procedure = TwoPhotonSaturation(**QUICK)
    assert finished(Worker(Results(procedure, str(tmp_path / "run.csv")))) == "finished"
    record = load_record(tmp_path / "run.csv")
    assert record.status == "completed"
    assert any("the end of the run" in problem for problem in record.problems)
    load_bench("virtual_confocal").close()


def test_a_results_file_is_never_continued(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = str(tmp_path / "run.csv")
    finished(Worker(Results(TwoPhotonSaturation(**QUICK), path)))
    before = Path(path).read_text()
    assert finished(Worker(Results.load(path))) == "failed"
    assert Path(path).read_text() == before
    assert "choose another results file" in caplog.text


def lose_lines(worker: Worker) -> None:
    """Do what a full disk does: logging prints a complaint, and the line is gone."""
    worker.recorder.handlers[0].emit = lambda record: None


def test_a_row_that_does_not_reach_the_file_fails_the_run_and_is_kept(tmp_path: Path) -> None:
    procedure = TwoPhotonSaturation(**QUICK)
    worker = Prodded(Results(procedure, str(tmp_path / "run.csv")))
    assert finished(worker.when(3, lambda: lose_lines(worker))) == "failed"
    record = load_record(tmp_path / "run.csv")
    assert "row 3 did not reach" in record.provenance["error"]
    assert record.data.sizes["row"] == 4
    assert light_is_off()


def without_worker(procedure: Face) -> None:
    try:
        procedure.startup()
        procedure.execute()
    finally:
        procedure.shutdown()


def test_without_a_worker_the_run_has_its_own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    seen: list[str] = []
    procedure = TwoPhotonSaturation(**QUICK)
    procedure.emit = lambda topic, record: seen.append(topic)
    procedure.should_stop = lambda: seen.count("results") >= 6
    without_worker(procedure)
    assert procedure.record.status == "aborted"
    record = load_record(next(Path("runs").glob("*.csv")))
    assert record.data.sizes["row"] == seen.count("results") == 6
    silent = TwoPhotonSaturation(**QUICK)
    without_worker(silent)
    assert silent.record.status == "completed"
    assert len(list(Path("runs").glob("*.csv"))) == 2


def test_execute_before_startup_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=r"call startup\(\) before"):
        TwoPhotonSaturation().execute()
