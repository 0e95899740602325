"""A fluence sweep in PyMeasure's own Worker: rows, single pulses, analysis, and a stop in the middle."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvisa
from pymeasure.experiment import Results, Worker

from perovskite_meas import load_record
from perovskite_meas.hosts.pymeasure import ASEFluence

QUICK: dict[str, Any] = {
    "fluences": "Logspace('0.8 uJ/cm^2', '28 uJ/cm^2', 9)",
    "shots": 4,
    "scout": 0,
    "down": False,
    "fresh_spots": 0,
    "polarised": 0,
}


class Stopped(Worker):
    """A Worker that is told to stop after some rows."""

    left = 4

    def emit(self, topic: str, record: Any) -> None:
        super().emit(topic, record)
        self.left -= topic == "results"
        if topic == "results" and self.left == 0:
            self.stop()


def finished(worker: Worker) -> str:
    worker.start()
    threading.Thread.join(worker, 120)
    assert not worker.is_alive(), "the Worker hangs"
    procedure = worker.results.procedure
    return str(getattr(procedure, "STATUS_STRINGS", {}).get(procedure.status, procedure.status)).lower()


@pytest.fixture
def laboratory() -> Any:
    """Return the table's laboratory; held here, it outlives the bench that the procedure opens and closes."""
    return pyvisa.ResourceManager("virtual_ase@twin").visalib


def dark(world: Any) -> bool:
    return not world.port("shutter").is_open(world.clock.now())


def test_a_worker_runs_stores_and_analyses_a_sweep(tmp_path: Path, laboratory: Any) -> None:
    procedure = ASEFluence(**QUICK)
    results = Results(procedure, str(tmp_path / "run.csv"))
    assert finished(Worker(results)) == "finished"
    assert dark(laboratory.world)
    assert np.isfinite(results.data.select_dtypes("number").to_numpy()).all()
    record = load_record(tmp_path / "run.csv")
    assert int(record.data["shots"].sum()) == len(laboratory.world.shots())
    assert record.results["threshold"].photons == 1


def test_a_stop_leaves_the_film_dark_and_every_pulse_in_a_row(tmp_path: Path, laboratory: Any) -> None:
    results = Results(ASEFluence(**QUICK), str(tmp_path / "run.csv"))
    assert finished(Stopped(results)) == "aborted"
    assert dark(laboratory.world)
    told = int(results.data["shots"].sum())
    assert told >= QUICK["shots"]
    # The burst under way when the stop came may have been finished, but no other follows.
    assert len(laboratory.world.shots()) - told in (0, QUICK["shots"])
