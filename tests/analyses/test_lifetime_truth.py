"""Lifetimes from photons drawn one by one, at a few seeds; many seeds stand in tests/statistics."""

import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from perovskite_meas.analyses.lifetime import analyse, lifetime, responses

SHORT: dict[str, Any] = {"period": 12_500.0, "cables": (2_000.0, 3_200.0)}


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


def near(value: Any, truth: float, relative: float) -> None:
    assert value.nominal == pytest.approx(truth, rel=relative)
    assert abs(value.pull(truth)) < 3.5


def test_one_decay_is_found_to_one_percent_with_every_nuisance_on(decay_forward: Any) -> None:
    truth = decay_forward.Truth(dark=100.0, background=0.05, fast=0.01, drift=(20.0, -30.0))
    result = lifetime(decay_forward.simulate(truth, 3))
    near(result.lifetime, 10.0, 0.012)
    assert result.model == "mono"
    assert 0.9 < result.chi2 < 1.1
    assert result.irf_source == "laser rows"
    assert abs(result.agreement) < 3.5
    assert abs(result.at_once.pull(0.01)) < 3.5
    assert abs(result.shift["a"].pull(20.0)) < 3.5
    assert abs(result.shift["b"].pull(-30.0)) < 3.5
    assert result.background.nominal == pytest.approx(0.05 / 1.05 + 0.01, abs=0.015)


def test_a_lifetime_of_twice_the_response_is_found(decay_forward: Any) -> None:
    truth = decay_forward.Truth(lifetimes=(210.0,), jitter=(100.0, 100.0), tail=0.0, bin_width=10.0, **SHORT)
    near(lifetime(decay_forward.simulate(truth, 1)).lifetime, 0.21, 0.015)


def test_two_decays_a_factor_ten_apart_are_found(decay_forward: Any) -> None:
    truth = decay_forward.Truth(lifetimes=(10_000.0, 1_000.0), photons=(0.5, 0.5), bin_width=50.0, period=100_000.0)
    result = lifetime(decay_forward.simulate(truth, 2))
    assert result.model == "bi"
    (slow_part, slow), (fast_part, quick) = result.components
    near(slow, 10.0, 0.025)
    near(quick, 1.0, 0.025)
    near(slow_part, 1 / 11, 0.06)
    assert slow_part.nominal + fast_part.nominal == pytest.approx(1.0)
    near(result.intensity_average, 5.5, 0.02)
    near(result.amplitude_average, 2 / (1 / 10 + 1), 0.04)
    assert result.lifetime == result.intensity_average
    assert result.estimators["mono"].nominal > 5.9
    assert result.alternatives["stretched"]["bic"] > 100


def test_a_decay_longer_than_the_period_is_unwrapped(decay_forward: Any) -> None:
    truth = decay_forward.Truth(lifetimes=(20_000.0,), bin_width=50.0, dark=100.0, **SHORT)
    result = lifetime(decay_forward.simulate(truth, 4))
    near(result.lifetime, 20.0, 0.08)
    assert any("wrapped" in note for note in result.notes)


def test_a_period_that_is_no_whole_number_of_bins_is_no_matter(decay_forward: Any) -> None:
    truth = decay_forward.Truth(lifetimes=(6_000.0,), bin_width=64.0, period=25_013.7, cables=(4_000.0, 7_200.0))
    near(lifetime(decay_forward.simulate(truth, 5)).lifetime, 6.0, 0.015)


@pytest.mark.parametrize("rate", [0.01, 0.05, 0.1])
def test_pile_up_is_corrected_and_told(decay_forward: Any, rate: float) -> None:
    result = lifetime(decay_forward.simulate(decay_forward.Truth(rate=rate, one_per_period=True), 6))
    near(result.lifetime, 10.0, 0.012)
    assert result.pile_up == pytest.approx(rate, rel=0.1)
    assert ("beyond" in result.verdict) == (result.pile_up > 0.05)


def test_single_photons_are_not_corrected_for_pile_up_that_they_cannot_have(decay_forward: Any) -> None:
    truth = decay_forward.Truth(rate=0.1, one_per_period=True, single=True, counts=2e5)
    data = decay_forward.simulate(truth, 7)
    near(lifetime(data).lifetime, 10.0, 0.01)
    # Without the coincidences the correction for independent photons is wrong, and half of it is booked.
    blind = lifetime(data.drop_vars("pulse_pairs"))
    assert blind.lifetime.nominal > 10.1
    assert blind.systematics["pile_up"] > 0.08


def test_a_dead_time_shorter_than_the_period_is_corrected(decay_forward: Any) -> None:
    stated = {"tagger": {"dead_time": {"value": 15.0, "sigma": 0.0, "unit": "ns"}}}
    truth = decay_forward.Truth(lifetimes=(20_000.0,), rate=0.1, dead_time=15_000.0, stated=stated)
    result = lifetime(decay_forward.simulate(truth, 8))
    near(result.lifetime, 20.0, 0.012)


def test_a_bare_file_gives_a_lifetime_with_a_calculated_response(decay_forward: Any) -> None:
    result = lifetime(decay_forward.bare(decay_forward.Truth(dark=100.0), 9))
    near(result.lifetime, 10.0, 0.015)
    assert result.irf_source == "assumed"
    assert any("calculated response" in note for note in result.notes)
    assert result.irf_width["a"] == pytest.approx(170, abs=60)


def test_a_stored_calibration_serves_where_no_laser_rows_are(decay_forward: Any) -> None:
    full = decay_forward.simulate(decay_forward.Truth(dark=100.0), 10)
    laser = full.isel(row=full["series"].values == 3)
    irf = {"bin": 100.0, "date": "2026-01-05", **{d: laser[f"decay_{d}"].values[0].tolist() for d in "ab"}}
    data = decay_forward.bare(decay_forward.Truth(dark=100.0), 11)
    data.attrs["conditions"] = {"irf": irf}
    result = lifetime(data)
    near(result.lifetime, 10.0, 0.012)
    assert result.irf_source == "calibration"
    assert any("2026-01-05" in note for note in result.notes)


def test_the_response_is_measured_where_laser_rows_are(decay_forward: Any) -> None:
    truth = decay_forward.Truth(dark=300.0)
    found = responses(decay_forward.simulate(truth, 12))
    assert found is not None
    for response, cable in zip(found, truth.cables, strict=True):
        assert response.shape.sum() == pytest.approx(1.0)
        assert response.centre * 100 == pytest.approx(cable + 30, abs=10)
        assert response.width * 100 == pytest.approx(190, abs=20)
        assert response.counts == pytest.approx(1e5, rel=0.02)
        assert response.late < 0.004
    assert responses(decay_forward.bare(truth, 12)) is None


def test_biexciton_photons_do_not_enter_the_lifetime(decay_forward: Any) -> None:
    sharp: dict[str, Any] = {"jitter": (20.0, 20.0), "tail": 0.0, "bin_width": 32.0, "period": 60_000.0}
    truth = decay_forward.Truth(fast=0.1, fast_lifetime=90.0, laser=3e5, **sharp)
    result = lifetime(decay_forward.simulate(truth, 13))
    near(result.components[0][1], 10.0, 0.015)
    near(result.lifetime, 10.0, 0.015)
    near(result.amplitude_average, 10.0, 0.015)
    assert abs(result.at_once.pull(0.1)) < 3.5


def test_more_photons_than_needed_do_not_invent_decays(decay_forward: Any) -> None:
    truth = decay_forward.Truth(counts=8e5, dark=100.0, fast=0.005)
    result = analyse(decay_forward.simulate(truth, 14))
    assert result.model == "mono"
    near(result.lifetime, 10.0, 0.005)


def test_rows_in_which_the_lifetime_changes_are_noted(decay_forward: Any) -> None:
    one = decay_forward.simulate(decay_forward.Truth(rows=1), 15)
    other = decay_forward.simulate(replace(decay_forward.Truth(rows=1), lifetimes=(6_000.0,)), 16)
    on = other.isel(row=[0])
    data = xr.concat([on, one], "row", combine_attrs="override")
    data["series"].attrs = one["series"].attrs
    assert any("differs from row to row" in note for note in lifetime(data).notes)
