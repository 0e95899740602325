"""PyMeasure results files as records: whole ones, cut ones, and those with arrays."""

import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from pymeasure.experiment import Results, Worker

from perovskite_meas import load_record
from perovskite_meas.core import Clock, Column, Procedure, Rows, param
from perovskite_meas.core.errors import RecordError
from perovskite_meas.hosts.pymeasure import TwoPhotonSaturation, face
from perovskite_meas.hosts.pymeasure_files import csv_record
from perovskite_meas.hosts.records import reanalyse

QUICK: dict[str, Any] = {"powers": "Logspace('2 uW', '20 uW', 6)", "dwell": "100 ms", "meter_time": "5 ms", "darks": 1}


class Spectra(Procedure):
    """A spectrum and a picture at each of a few times."""

    number: int = param(5, low=1, doc="spectra")
    columns: ClassVar = (
        Column("time", "s", "time of the spectrum"),
        Column("counts", "1", "raw counts", array=True),
        Column("image", "V", "a picture", array=True),
    )
    table: ClassVar = "virtual_confocal"

    def measure(self, *, clock: Clock) -> Rows:
        """Yield spectra from one buffer, as a camera does."""
        buffer = np.zeros(16, dtype=np.uint16)
        for index in range(self.number):
            clock.sleep(0.1)
            buffer[:] = np.arange(16) + index
            yield {"time": np.float32(index), "counts": buffer, "image": np.full((3, 2), index / 3)}


SpectraFace = face(Spectra, __name__)


def done(procedure: Any, path: Path) -> Any:
    worker = Worker(Results(procedure, str(path)))
    worker.start()
    threading.Thread.join(worker, 60)
    assert procedure.record is not None
    return procedure.record


def test_a_results_file_alone_gives_the_dataset_again_and_is_analysed_again(tmp_path: Path) -> None:
    record = done(TwoPhotonSaturation(**QUICK), tmp_path / "x.csv")
    (record.folder / "data.nc").unlink()
    again = load_record(tmp_path / "x.csv")
    assert again.status == "completed"
    assert again.data.equals(record.data)
    assert again.data.attrs["conditions"] == record.data.attrs["conditions"]
    assert again.data["power"].attrs == record.data["power"].attrs
    assert again.problems == record.problems
    assert load_record(record.folder).data.equals(record.data)
    shutil.rmtree(record.folder / "analysis")
    (record.folder / "report.html").unlink()
    analysed = reanalyse(again)
    assert analysed.report is not None
    assert analysed.report.is_file()
    assert list(analysed.results) == list(record.results) == ["saturation"]
    assert (record.folder / "data.nc").is_file()


def test_arrays_lie_beside_the_results_file_and_their_cells_say_which_row(tmp_path: Path) -> None:
    record = done(SpectraFace(), tmp_path / "x.csv")
    frame = Results.load(str(tmp_path / "x.csv"), procedure_class=SpectraFace).data
    assert np.isfinite(frame.to_numpy(dtype=float)).all()
    assert list(frame["counts [row of arrays.h5]"]) == [0, 1, 2, 3, 4]
    (record.folder / "data.nc").unlink()
    data = csv_record(tmp_path / "x.csv").data
    assert data["counts"].dims == ("row", "counts_1")
    assert data["counts"].dtype == np.uint16
    assert data["counts"].values[:, 0].tolist() == [0, 1, 2, 3, 4]
    assert data["image"].shape == (5, 3, 2)
    assert data.equals(record.data)


def test_half_a_last_line_is_dropped_and_said(tmp_path: Path) -> None:
    record = done(SpectraFace(), tmp_path / "x.csv")
    (record.folder / "data.nc").unlink()
    whole = (tmp_path / "x.csv").read_bytes()
    (tmp_path / "x.csv").write_bytes(whole.rstrip()[:-2])
    cut = csv_record(tmp_path / "x.csv")
    assert cut.data.sizes["row"] == 4
    assert any("no complete row" in problem for problem in cut.problems)


def test_a_file_without_its_folder_says_what_is_missing(tmp_path: Path) -> None:
    record = done(SpectraFace(), tmp_path / "x.csv")
    record.folder.rename(tmp_path / "elsewhere")
    with pytest.raises(RecordError, match=r"no run folder x\.run"):
        load_record(tmp_path / "x.csv")


def test_a_file_that_was_moved_with_its_folder_loads_from_there(tmp_path: Path) -> None:
    record = done(SpectraFace(), tmp_path / "x.csv")
    (record.folder / "data.nc").unlink()
    (tmp_path / "new").mkdir()
    for path in (tmp_path / "x.csv", record.folder):
        path.rename(tmp_path / "new" / path.name)
    assert load_record(tmp_path / "new" / "x.csv").data.sizes["row"] == 5


KILLED = """
import sys, threading
from pymeasure.experiment import Results, Worker
from perovskite_meas.hosts.pymeasure import TwoPhotonSaturation

class Telling(Worker):
    def emit(self, topic, record):
        super().emit(topic, record)
        if topic == "progress":
            print("row", flush=True)

worker = Telling(Results(TwoPhotonSaturation(), sys.argv[1]))
worker.start()
threading.Thread.join(worker)
"""
KILLED_WITH_ARRAYS = KILLED.replace("TwoPhotonSaturation()", "spectra.SpectraFace(number=2000)").replace(
    "from perovskite_meas.hosts.pymeasure import TwoPhotonSaturation",
    "import importlib.util\n"
    "spec = importlib.util.spec_from_file_location('spectra', sys.argv[2])\n"
    "spectra = importlib.util.module_from_spec(spec)\n"
    "sys.modules['spectra'] = spectra\n"
    "spec.loader.exec_module(spectra)",
)


@pytest.mark.parametrize(("script", "rows"), [(KILLED, 30), (KILLED_WITH_ARRAYS, 30)])
def test_after_sigkill_every_emitted_row_is_found_and_analysed(tmp_path: Path, script: str, rows: int) -> None:
    path = tmp_path / "x.csv"
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(path), __file__], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for _ in range(rows):
        assert process.stdout.readline().startswith("row"), process.communicate()[1]
    process.kill()
    told = rows + len(process.communicate()[0].split()) - 1
    record = load_record(path)
    assert record.status == "interrupted"
    assert record.data.sizes["row"] >= told
    if "counts_1" in record.data.dims:
        assert (record.data["counts"].values[:, 0] == record.data["time"].values % 2**16).all()
    again = reanalyse(record)
    assert again.report is not None
    assert again.report.is_file()
    assert load_record(tmp_path / "x.run").status == "interrupted"
