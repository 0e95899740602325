"""HBT in PyMeasure's own Worker: rows, arrays, raw tags, analyses, stops and the text of its inputs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import pyvisa
from pymeasure.experiment import Results, Worker

from perovskite_meas import load_bench, load_record, procedures, run
from perovskite_meas.hosts.pymeasure import HBT
from perovskite_meas.photons import read_tags, segments
from perovskite_meas.sim.sdk.laboratory import faults_of

Wrapped = procedures.HBT
QUICK: dict[str, Any] = {
    "duration": "1 s",
    "chunk": "0.5 s",
    "background_time": "0.5 s",
    "dark_time": "0.5 s",
    "control_time": "0.5 s",
    "max_pulses": 20,
}
ORDER = [2, 3, 1, 0, 0]


class Prodded(Worker):
    """A Worker that does something when it has emitted a certain number of rows."""

    def when(self, rows: int, action: Any) -> Prodded:
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


def light_is_off() -> bool:
    world = pyvisa.ResourceManager("virtual_confocal@twin").visalib.world
    now = world.clock.now()
    return not world.port("shutter").is_open(now) and not world.port("reference").is_open(now)


def series(record: Any) -> list[int]:
    return [int(kind) for kind in record.data["series"].values]


def recorded(folder: Path) -> list[int]:
    return [mark - 1 for mark, *_ in segments(read_tags(folder / "photons.ptu"))]


@pytest.fixture(scope="module")
def hosted(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One whole run in a stock Worker, with its analyses."""
    folder = tmp_path_factory.mktemp("hosted")
    procedure = HBT(**QUICK)
    results = Results(procedure, str(folder / "run.csv"))
    assert finished(Worker(results)) == "finished"
    assert light_is_off()
    return procedure, results, folder


def test_every_cell_of_every_row_is_a_finite_number(hosted: Any) -> None:
    procedure, results, _ = hosted
    frame = results.data
    assert list(frame.columns) == HBT.DATA_COLUMNS
    assert len(frame) == 5 == int(procedure.get_estimates()[0][1])
    assert np.isfinite(frame.to_numpy(dtype=float)).all()
    assert frame["series"].tolist() == ORDER


def test_arrays_and_raw_tags_lie_in_the_run_folder_with_results_and_report(hosted: Any) -> None:
    procedure, _, folder = hosted
    made = folder / "run.run"
    record = procedure.record
    assert record.status == "completed"
    assert record.folder == made
    assert not [problem for problem in record.problems if "failed" in problem], record.problems
    with h5py.File(made / "arrays.h5") as arrays:
        np.testing.assert_array_equal(arrays["histogram"][:], record.data["histogram"].values)
    assert recorded(made) == ORDER
    kept = record.data.attrs["photons"]
    assert kept["path"] == str(made / "photons.ptu")
    assert (
        kept["photons"]
        == len(read_tags(made / "photons.ptu"))
        == record.data[["singles_a", "singles_b"]].to_array().sum()
    )
    assert {path.stem for path in (made / "analysis").glob("*.json")} == set(record.results)
    assert set(record.results) >= {"lifetime", "blinking"}
    assert (made / "report.html").is_file()


def test_the_results_file_loads_again_with_and_without_data_nc(hosted: Any, tmp_path: Path) -> None:
    procedure, _, folder = hosted
    whole = load_record(folder / "run.csv")
    assert whole.data.attrs["photons"] == procedure.record.data.attrs["photons"]
    hidden = (folder / "run.run" / "data.nc").rename(tmp_path / "data.nc")
    try:
        rebuilt = load_record(folder / "run.csv")
    finally:
        hidden.rename(folder / "run.run" / "data.nc")
    for name in procedure.record.data:
        np.testing.assert_allclose(rebuilt.data[name].values, procedure.record.data[name].values, rtol=1e-14)


def test_both_hosts_give_the_same_rows(hosted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Wrapped, "analyses", ())
    with load_bench("virtual_confocal") as bench:
        record = run(Wrapped(**QUICK), bench, into=tmp_path)
    for name in record.data:
        ours, theirs = record.data[name], hosted[0].record.data[name]
        assert ours.dtype == theirs.dtype
        np.testing.assert_allclose(ours, theirs, rtol=1e-14, atol=0, err_msg=name)


@pytest.mark.parametrize("rows", [3, *(pytest.param(rows, marks=pytest.mark.slow) for rows in (1, 2, 4))])
def test_a_stop_in_the_middle_keeps_every_row_and_every_photon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    monkeypatch.setattr(Wrapped, "analyses", ())
    procedure = HBT(**QUICK)
    worker = Prodded(Results(procedure, str(tmp_path / "run.csv")))
    assert finished(worker.when(rows, worker.stop)) == "aborted"
    assert light_is_off()
    record = load_record(tmp_path / "run.csv")
    assert record.status == procedure.record.status == "aborted"
    assert record.problems == ()
    assert series(record) == ORDER[:rows]
    assert recorded(tmp_path / "run.run") == ORDER[:rows]
    assert record.data.attrs["photons"]["photons"] == record.data[["singles_a", "singles_b"]].to_array().sum()


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("unplug", "broke off"),
        pytest.param("overflow", "lost events", marks=pytest.mark.slow),
        pytest.param("lose_sync", "no laser pulses", marks=pytest.mark.slow),
    ],
)
def test_a_tagger_that_fails_in_the_middle_fails_the_run_and_costs_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, said: str
) -> None:
    monkeypatch.setattr(Wrapped, "analyses", ())
    procedure = HBT(**QUICK)
    worker = Prodded(Results(procedure, str(tmp_path / "run.csv")))
    strike = lambda: getattr(faults_of("virtual_confocal").after(0.3), fault)()  # noqa: E731
    assert finished(worker.when(3, strike)) == "failed"
    assert light_is_off()
    record = load_record(tmp_path / "run.csv")
    assert record.status == "failed"
    assert said in record.provenance["error"]
    assert series(record) == ORDER[:3]
    assert recorded(tmp_path / "run.run")[:3] == ORDER[:3]


INPUTS: dict[str, Any] = {
    "powers": "there_and_back(Logspace('2 uW', '20 uW', 3))",
    "duration": "0.1 s",
    "chunk": "1.7 s",
    "precision": "3 %",
    "dose": "1234.5 J/cm^2",
    "fading": 0.123456789,
    "bin_width": "0.25 ns",
    "max_lag": None,
    "max_pulses": 77,
    "gate": "2.5 ns",
    "saturation": "runs/über 7/100 %",
}


@pytest.mark.parametrize("given", [INPUTS, {}, {"precision": None, "dose": None, "bin_width": None}])
def test_inputs_survive_the_header_of_a_results_file(tmp_path: Path, given: dict[str, Any]) -> None:
    procedure = HBT(**given)
    path = tmp_path / "run.csv"
    results = Results(procedure, str(path))
    again = Results.load(str(path)).procedure
    assert type(again).__name__ == "HBT"
    assert again.wrapped() == procedure.wrapped() == Wrapped(**given)
    for name in Wrapped.model_fields:
        assert getattr(again, name) == getattr(results.procedure, name), name


def test_inputs_may_be_set_after_the_procedure_was_made_as_a_window_does() -> None:
    procedure = HBT()
    procedure.precision, procedure.powers, procedure.chunk = "0.05", "3 uW, 5 uW", "500 ms"
    assert procedure.wrapped() == Wrapped(precision=0.05, powers="Values('3 uW', '5 uW')", chunk=0.5)
    procedure.precision = "none"
    assert procedure.wrapped().precision is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"chunk": "3 um"}, "cannot be expressed in s"), ({"powers": 3}, "1 pW .. 1 W"), ({"gate": "3 uW"}, "in ps")],
)
def test_wrong_inputs_are_refused_with_the_unit(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        HBT(**wrong)


def test_the_estimates_tell_duration_and_dose_and_what_is_unknown() -> None:
    told = dict(HBT().get_estimates())
    assert told["Duration"] == "6:12"
    assert told["Dose on the emitter"] == "313.2 kJ/cm^2"
    assert told["Plan"] == "ready"
    assert "exceeds the limit of 2 MJ/cm^2" in dict(HBT(duration="2 h").get_estimates())["Plan"]
