"""The power calibration recovers ratio, maximum, angle and extinction, and refuses what is none."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from perovskite_meas.analyses.power_calibration import power_calibration
from perovskite_meas.core.analysis import StoredResult, result_to_json
from perovskite_meas.core.errors import AnalysisRefused

STATED = {
    "sample_meter": {
        "calibration": {"value": 1, "sigma": 0.03, "unit": "1"},
        "zero": {"value": 0.0, "sigma": 2e-8, "unit": "W"},
    },
    "power_at_sample": {"zero": {"value": 0.0, "sigma": 1e-6, "unit": "W"}},
}


def readings(seed: int, points: int = 24, scatter: float = 0.005, ratio: float = 0.1) -> xr.Dataset:
    """Return readings of two heads behind a half-wave plate and a polariser, from Malus' law itself."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(12.0, 57.0, points)
    plate = np.radians(angle - 12.0)
    transmitted = 1.2e-4 * ((1 - 1e-4) * np.cos(2 * plate) ** 2 + 1e-4)
    transmitted *= np.exp(np.cumsum(rng.normal(0, 1e-3, points)))
    sample = transmitted * (1 + rng.normal(0, scatter, points)) + rng.normal(0, 2e-8) + rng.normal(0, 2e-9, points)
    head = transmitted / ratio * (1 + rng.normal(0, scatter, points)) + 4e-7 + rng.normal(0, 2e-8, points)
    names = {"angle": angle, "pickoff": head, "sample_power": sample}
    return xr.Dataset({name: ("row", values) for name, values in names.items()}, attrs={"conditions": STATED})


def test_pulls_of_forty_calibrations_have_unit_width() -> None:
    ratio, top, angle, extinction = [], [], [], []
    for seed in range(40):
        found = power_calibration(readings(seed))
        assert found.ratio is not None
        ratio.append(found.ratio.pull(0.1, sigma=found.ratio.statistical))
        top.append(found.maximum.nominal / 1.2e-4 - 1)
        angle.append(found.angle_of_maximum.pull(12.0))
        extinction.append(found.extinction.pull(1e-4))
    assert abs(np.mean(ratio)) < 0.5
    assert 0.7 < np.std(ratio) < 1.4
    assert np.max(np.abs(top)) < 0.02
    assert np.std(angle) < 2
    assert np.std(extinction) < 1.6


def test_the_sigma_of_the_sample_head_goes_into_the_ratio_as_systematic() -> None:
    found = power_calibration(readings(1))
    assert found.systematics == {"sample_meter": 0.03}
    assert found.ratio is not None
    assert found.ratio.systematic == pytest.approx(0.03 * found.ratio.nominal)
    assert found.ratio.statistical is not None
    assert found.ratio.statistical < 0.005 * found.ratio.nominal


def test_the_range_ends_where_powers_were_measured() -> None:
    found = power_calibration(readings(1))
    assert found.range[1] == pytest.approx(1.2e-4, rel=0.03)
    assert 0 < found.range[0] < 1.2e-5


def test_dark_readings_of_the_sample_head_sharpen_the_extinction() -> None:
    data = readings(1)
    data.attrs = {"conditions": {}}
    blind = power_calibration(data)
    rng = np.random.default_rng(1)
    zero = data["sample_power"].values[-1] - 1.2e-4 * 1e-4
    data["sample_dark"] = ("row", zero + rng.normal(0, 2e-9, data.sizes["row"]))
    found = power_calibration(data)
    assert found.extinction.sigma < blind.extinction.sigma / 5
    assert abs(found.extinction.pull(1e-4)) < 4


def test_facts_that_are_not_stated_are_noted() -> None:
    data = readings(1)
    data.attrs = {"conditions": {}}
    notes = " ".join(power_calibration(data).notes)
    assert "sample_meter.calibration is not stated" in notes
    assert "power_at_sample.zero is not stated" in notes


def test_a_sample_head_that_sees_no_light_is_refused() -> None:
    data = readings(1)
    data["sample_power"].values[:] = np.random.default_rng(0).normal(0, 1e-8, data.sizes["row"])
    found = power_calibration(data)
    assert found.ratio is None
    assert "does not follow the pick-off" in str(found.refused)


def test_readings_that_scatter_are_refused() -> None:
    found = power_calibration(readings(1, scatter=0.1))
    assert found.ratio is None
    assert "scatters by" in str(found.refused)


def test_too_few_angles_are_refused() -> None:
    with pytest.raises(AnalysisRefused, match="5 usable angles; a power calibration needs at least 6"):
        power_calibration(readings(1, points=5))


def test_a_missing_column_is_refused_by_name() -> None:
    with pytest.raises(AnalysisRefused, match="sample_power"):
        power_calibration(readings(1).drop_vars("sample_power"))


def test_the_result_survives_the_disk_and_is_drawn_from_there() -> None:
    data = readings(1)
    found = power_calibration(data)
    stored = StoredResult(json.loads(json.dumps(result_to_json(found), allow_nan=False)))
    figure = Figure(figsize=(8, 4.5))
    power_calibration.draw(data, stored, figure)
    figure.draw_without_rendering()
    assert len(figure.axes) == 3
    assert math.isfinite(stored.extinction.nominal)
