"""Short runs on the virtual confocal table."""

from collections.abc import Iterator
from typing import Any

import pytest

from perovskite_meas import load_bench
from perovskite_meas.hosts.qcodes_bench import QCoDeSBench
from perovskite_meas.procedures import TwoPhotonSaturation

QUICK: dict[str, Any] = {
    "powers": "there_and_back(Logspace('2 uW', '20 uW', 3))",
    "dwell": "20 ms",
    "meter_time": "5 ms",
    "darks": 1,
    "centring_dwell": "20 ms",
    "reference_every": 3,
}


@pytest.fixture
def bench() -> Iterator[QCoDeSBench]:
    with load_bench("virtual_confocal") as opened:
        yield opened


@pytest.fixture
def quick() -> TwoPhotonSaturation:
    return TwoPhotonSaturation(**QUICK)
