"""What every test relies on: an untouched QCoDeS configuration and no instrument left open."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Two workers test side by side on two cores: small products by many threads each would stand in each other's way.
for _threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_threads, "1")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--statistics-seeds", type=int, default=100, help="virtual sessions per case of the long statistical suites"
    )


@pytest.fixture
def statistics_seeds(request: pytest.FixtureRequest) -> int:
    return int(request.config.getoption("--statistics-seeds"))


@pytest.fixture(autouse=True)
def own_qcodes(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[None]:
    """Point QCoDeS at a database of this test alone; close what the test left open."""
    if "doctest" in type(request.node).__name__.lower():
        yield
        return
    import qcodes
    from qcodes.instrument import Instrument
    from qcodes.station import Station

    before = qcodes.config["core"]["db_location"]
    qcodes.config["core"]["db_location"] = str(tmp_path_factory.mktemp("qcodes") / "lab.db")
    try:
        yield
    finally:
        qcodes.config["core"]["db_location"] = before
        Station.default = None
        Instrument.close_all()


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the figures out of reports: in all shipped procedures `test_contracts.py` has them drawn."""
    monkeypatch.setattr("perovskite_meas.runner.hooks._draw", lambda *_: None)
    monkeypatch.setattr("perovskite_meas.report.html.raw_figure", lambda _: "")


@pytest.fixture
def checkout() -> Path:
    return Path(__file__).resolve().parents[1]
