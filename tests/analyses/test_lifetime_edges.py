"""Traps that a lifetime falls into by the usual short cuts, and data that hold no lifetime."""

import importlib.util
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from perovskite_meas.analyses.lifetime import lifetime
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.testing.analyses import check_analysis


@pytest.fixture(scope="module")
def decay_forward() -> Any:
    """Return the forward model's module."""
    path = Path(__file__).with_name("decay_forward.py")
    spec = importlib.util.spec_from_file_location("decay_forward", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def measured(decay_forward: Any) -> xr.Dataset:
    """Return a small run with every series."""
    return decay_forward.simulate(decay_forward.Truth(counts=2e4, laser=1e5, dark=100.0, background=0.03), 1)


def relative_bias(decay_forward: Any, truth: Any, name: str, seeds: int) -> tuple[float, float]:
    """Return the mean relative error of a naive estimator, and of the analysis itself."""
    found = [lifetime(decay_forward.simulate(truth, 100 + seed)).estimators for seed in range(seeds)]
    wanted = truth.lifetimes[0] * 1e-3
    return tuple(float(np.mean([e[key].nominal for e in found]) / wanted - 1) for key in (name, "poisson"))  # type: ignore[return-value]


def test_least_squares_with_weights_of_the_counts_are_biased_and_poisson_is_not(decay_forward: Any) -> None:
    truth = decay_forward.Truth(counts=1e4, period=100_000.0, bin_width=250.0)
    naive, ours = relative_bias(decay_forward, truth, "neyman", 3)
    assert -0.08 < naive < -0.025
    assert abs(ours) < 0.02


def test_pile_up_that_is_not_corrected_shortens_the_lifetime(decay_forward: Any) -> None:
    truth = decay_forward.Truth(rate=0.1, one_per_period=True, counts=2e5, laser=4e5, bin_width=250.0)
    naive, ours = relative_bias(decay_forward, truth, "no_pile_up_correction", 2)
    assert -0.035 < naive < -0.018
    assert abs(ours) < 0.008


def test_close_decays_are_told_apart_only_where_the_photons_allow(decay_forward: Any) -> None:
    close = decay_forward.Truth(lifetimes=(10_000.0, 5_000.0), photons=(0.5, 0.5), counts=2e3, laser=2e5)
    few = lifetime(decay_forward.simulate(close, 2))
    many = lifetime(decay_forward.simulate(replace(close, counts=6e5, period=100_000.0), 3))
    assert few.model == "mono"
    assert many.model == "bi"
    for (_, found), wanted in zip(many.components, (10.0, 5.0), strict=True):
        assert found.nominal == pytest.approx(wanted, rel=0.08)
        assert abs(found.pull(wanted)) < 3.5


def test_continuous_excitation_gives_no_lifetime_but_the_reason(measured: xr.Dataset) -> None:
    data = measured.copy(deep=True)
    data["period"] = data["period"] * 0.0
    for name in ("decay_a", "decay_b"):
        data[name] = data[name] * 0
    result = lifetime(data)
    assert result.lifetime is None
    assert result.reason is not None
    assert "continuous" in result.reason
    figure = Figure()
    lifetime.draw(data, result, figure)
    assert figure.axes


def test_too_few_photons_give_no_lifetime_but_the_reason(decay_forward: Any) -> None:
    result = lifetime(decay_forward.simulate(decay_forward.Truth(counts=60), 1))
    assert result.lifetime is None
    assert result.reason is not None
    assert "photons" in result.reason


def test_one_detector_is_enough(measured: xr.Dataset) -> None:
    data = measured.copy(deep=True)
    data["decay_b"] = data["decay_b"] * 0
    result = lifetime(data)
    assert list(result.detectors) == ["a"]
    assert result.agreement is None
    assert abs(result.lifetime.pull(10.0)) < 4
    assert any("only detector a" in note for note in result.notes)


def test_missing_columns_and_missing_rows_are_refused_by_name(measured: xr.Dataset) -> None:
    with pytest.raises(AnalysisRefused, match="decay_bin"):
        lifetime(measured.drop_vars("decay_bin"))
    with pytest.raises(AnalysisRefused, match="'on'"):
        lifetime(measured.isel(row=measured["series"].values == 2))
    different = measured.copy(deep=True)
    different["decay_bin"] = ("row", np.linspace(100.0, 120.0, different.sizes["row"]))
    with pytest.raises(AnalysisRefused, match="different decay_bin"):
        lifetime(different)


def test_rows_with_missing_numbers_are_left_out_and_told(measured: xr.Dataset) -> None:
    data = measured.copy(deep=True)
    live = data["live_time"].values.copy()
    live[0] = np.nan
    data["live_time"] = ("row", live)
    assert any("1 row(s)" in note for note in lifetime(data).notes)


def test_a_response_of_another_day_is_told_by_its_shift(decay_forward: Any) -> None:
    truth = decay_forward.Truth(drift=(250.0, 0.0), laser=3e5)
    result = lifetime(decay_forward.simulate(truth, 4))
    assert result.shift["a"].nominal == pytest.approx(250.0, abs=50.0)
    assert any(note.startswith("detector a: the decay starts") for note in result.notes)
    assert not any(note.startswith("detector b: the decay starts") for note in result.notes)


def test_without_dark_rows_a_wrapped_decay_says_what_it_lacks(decay_forward: Any) -> None:
    truth = decay_forward.Truth(
        lifetimes=(20_000.0,), period=25_000.0, cables=(2_000.0, 3_200.0), off=0.0, dark_rows=False, dark=100.0
    )
    result = lifetime(decay_forward.simulate(truth, 5))
    assert any("without dark rows" in note for note in result.notes)
    with_dark = lifetime(decay_forward.simulate(replace(truth, dark_rows=True), 5))
    assert not any("without dark rows" in note for note in with_dark.notes)


def test_afterpulses_of_one_percent_are_part_of_the_response(decay_forward: Any) -> None:
    stated = {"tagger": {"dead_time": {"value": 45.0, "sigma": 0.0, "unit": "ns"}}}
    truth = decay_forward.Truth(afterpulsing=0.01, dead_time=45_000.0, dark=100.0, stated=stated)
    result = lifetime(decay_forward.simulate(truth, 6))
    assert abs(result.lifetime.pull(10.0)) < 3.5
    assert any("afterpulses" in note for note in result.notes)


def test_the_bench_s_expectation_is_compared(decay_forward: Any) -> None:
    stated = {"sample": {"expect": {"lifetime": {"value": 20.0, "sigma": 1.0, "unit": "ns"}}}}
    result = lifetime(decay_forward.simulate(decay_forward.Truth(counts=2e4, laser=1e5, stated=stated), 7))
    assert any("expects" in note for note in result.notes)


def test_it_keeps_the_contract_of_an_analysis(measured: xr.Dataset, decay_forward: Any) -> None:
    check_analysis(lifetime, measured)
    check_analysis(lifetime, decay_forward.bare(decay_forward.Truth(counts=2e4, bin_width=250.0), 8))


def test_the_systematic_parts_add_up(measured: xr.Dataset) -> None:
    result = lifetime(measured)
    parts = math.sqrt(sum(part**2 for part in result.systematics.values()))
    assert result.lifetime.systematic == pytest.approx(parts)
    assert result.lifetime.sigma == pytest.approx(math.hypot(parts, result.lifetime.statistical))


def test_background_with_a_decay_is_taken_out_even_without_a_measured_response(decay_forward: Any) -> None:
    truth = decay_forward.Truth(background=0.3, laser=0.0, dark=100.0, off=2.0, bin_width=250.0)
    beside = lifetime(decay_forward.simulate(truth, 9))
    without = lifetime(decay_forward.simulate(replace(truth, off=0.0), 9))
    assert abs(beside.lifetime.pull(10.0)) < 3.5
    slowest = without.components[0][1].nominal if without.components else 0.0
    assert without.model != "mono" or slowest < 9.3
