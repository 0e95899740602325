"""The HTML page of a run: units, shares, and the raw data as a reader wants them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from perovskite_meas.core.analysis import StoredResult
from perovskite_meas.core.value import Value
from perovskite_meas.report import write_report
from perovskite_meas.report.fields import field_units, table
from perovskite_meas.report.raw import known


@dataclass(frozen=True)
class Found:
    t2: Value
    limit: float | None = field(metadata={"unit": "ueV"})
    share: float = field(metadata={"unit": "%"})
    systematics: Mapping[str, float] = field(metadata={"unit": "%"})
    chi2: float
    sweeps: int
    refused: str | None


FOUND = Found(Value(11.2, 0.1, "ps"), 11.29, 0.8412, {"zero_delay": 0.0052}, 1.0412, 25, None)


@pytest.fixture
def data() -> xr.Dataset:
    rows = 6
    return xr.Dataset(
        {
            "series": ("row", [2, 0, 0, 1, 0, 2], {"flag_values": [0, 1, 2], "flag_meanings": "on check dark"}),
            "visibility": ("row", [-1, 0.5, 0.4, -1, 0.3, -1.0], {"long_name": "live estimate; -1 while unknown"}),
            "delay": ("row", [-1.0, 1, 2, 3, 4, 5], {"units": "ps", "long_name": "from the zero"}),
            "counts": (("row", "sweep", "point"), np.arange(rows * 12).reshape(rows, 3, 4)),
        }
    )


def test_numbers_stand_with_their_units_and_shares_in_per_cent() -> None:
    assert table("coherence", FOUND) == [
        ("t2", "11.20 ± 0.10 ps"),
        ("limit", "11.29 ueV"),
        ("share", "84.1 %"),
        ("systematics: zero_delay", "0.52 %"),
        ("chi2", "1.041"),
        ("sweeps", "25"),
        ("refused", "none"),
    ]


def test_a_stored_result_has_the_units_that_its_analysis_declares() -> None:
    stored = StoredResult({"inhomogeneous_limit": 11.29, "systematics": {"leakage": 0.0023}, "phase_knee": 2.0})
    assert table("coherence", stored) == [
        ("inhomogeneous_limit", "11.29 ueV"),
        ("systematics: leakage", "0.23 %"),
        ("phase_knee", "2 s"),
    ]
    assert field_units("nobody_has_this", stored) == {}


def test_what_is_unknown_is_not_drawn(data: xr.Dataset) -> None:
    assert np.isnan(known(data["visibility"])).tolist() == [True, False, False, True, False, True]
    assert not np.isnan(known(data["delay"])).any()


def test_the_page_shows_series_by_name_and_images(data: xr.Dataset, tmp_path: Path) -> None:
    page = write_report(
        tmp_path, procedure="Scan", status="completed", data=data, results={"coherence": FOUND}, provenance={}
    ).read_text(encoding="utf-8")
    for name in ("on", "check", "dark"):
        assert f"<!-- {name} -->" in page, "a label of a tick"
    assert "row 1, the first of the fullest: 3 x 4" in page
    assert len(re.findall("<image", page)) == 1
    assert "<td>0.52 %</td>" in page


def test_a_run_without_rows_has_no_figure(data: xr.Dataset, tmp_path: Path) -> None:
    page = write_report(
        tmp_path, procedure="Scan", status="failed", data=data.isel(row=slice(0)), results={}, provenance={}
    ).read_text(encoding="utf-8")
    assert "<svg" not in page
