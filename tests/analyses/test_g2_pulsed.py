"""Pulsed g2 from photons drawn one by one, at a few seeds; many seeds stand in tests/statistics."""

import importlib.util
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from perovskite_meas.analyses.g2 import G2Result, g2
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.testing import check_analysis

FAST: dict[str, Any] = {
    "rate": 2e5, "chunk": 0.1, "chunks": 12, "dark": 1e3, "laser_rate": 1e5, "off": 3, "darks": 3, "laser": 6,
    "pulses": 20,
}  # fmt: skip
"""Ten times the light of a real run for a tenth of its time."""


@pytest.fixture(scope="module")
def photons() -> Any:
    """Return the forward model's module."""
    path = Path(__file__).with_name("photon_forward.py")
    spec = importlib.util.spec_from_file_location("photon_forward", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def single(photons: Any) -> tuple[Any, xr.Dataset, G2Result]:
    """Return truth, data and result of one dot with every nuisance on."""
    truth = photons.Truth(**FAST, background=1e3, crosstalk=5e-4, afterpulse=0.01, known=0.05)
    data = photons.simulate(truth, 5)
    return truth, data, g2(data)


def said(result: G2Result, *words: str) -> bool:
    return any(all(word in note for word in words) for note in result.notes)


def test_one_dot_is_recovered_with_every_nuisance_on(single: tuple[Any, xr.Dataset, G2Result]) -> None:
    truth, _, result = single
    assert abs(result.g2_zero.pull(truth.g2_zero)) < 3.5
    assert result.lifetime is not None
    assert abs(result.lifetime.pull(truth.lifetime)) < 3.5
    assert result.verdict == "single"
    assert result.model == "isolated"
    assert result.zero_lag.nominal == pytest.approx(3.2, abs=0.05)
    assert result.background_fraction.nominal == pytest.approx(4e3 / (2e5 + 4e3), rel=0.1)
    assert result.deviance < 1.3


def test_crosstalk_is_measured_under_reference_light_and_taken_out(
    single: tuple[Any, xr.Dataset, G2Result],
) -> None:
    truth, _, result = single
    assert result.crosstalk is not None
    assert abs(result.crosstalk.pull(truth.crosstalk)) < 3.5
    assert result.g2_zero_raw.nominal > result.g2_zero.nominal + 5 * result.g2_zero.sigma
    assert result.control is not None
    assert result.control.nominal > 1 - 3 * result.control.sigma
    assert said(result, "crosstalk of the detectors", "taken out")


def test_afterpulses_make_a_floor_and_no_dip(single: tuple[Any, xr.Dataset, G2Result]) -> None:
    _, _, result = single
    assert result.afterpulsing is not None
    assert result.afterpulsing.nominal == pytest.approx(0.02, abs=4 * result.afterpulsing.sigma)
    assert result.bunching.nominal == pytest.approx(1.0, abs=4 * result.bunching.sigma)


def test_the_biexciton_ratio_follows_from_the_known_excitation(single: tuple[Any, xr.Dataset, G2Result]) -> None:
    truth, _, result = single
    assert result.mean_excitations is not None
    assert result.mean_excitations.nominal == pytest.approx(truth.x)
    assert result.biexciton_ratio is not None
    assert abs(result.biexciton_ratio.pull(truth.q)) < 3.5
    assert result.biexciton_ratio.nominal < result.g2_zero.nominal


def test_the_analysis_passes_the_checks_that_every_analysis_must(single: tuple[Any, xr.Dataset, G2Result]) -> None:
    check_analysis(g2, single[1])


def test_reference_light_becomes_a_dated_calibration_that_serves_another_run(
    single: tuple[Any, xr.Dataset, G2Result], photons: Any
) -> None:
    _, data, result = single
    irf = result.calibrations()["irf"]
    assert set(irf) == {"date", "bin", "a", "b", "zero_lag"}
    assert irf["zero_lag"].nominal == pytest.approx(3200, abs=60)
    bare = photons.bare(data)
    bare.attrs["conditions"] = {"irf": dict(irf)}
    later = g2(bare)
    assert later.irf_source == "calibration"
    assert later.zero_lag.nominal == pytest.approx(3.2, abs=0.06)
    assert said(later, str(irf["date"]))


def test_a_bare_file_works_and_says_what_is_missing(single: tuple[Any, xr.Dataset, G2Result], photons: Any) -> None:
    truth, data, _ = single
    result = g2(photons.bare(data))
    assert result.verdict == "single"
    assert result.biexciton_ratio is None
    assert result.control is None
    assert result.calibrations() == {}
    for words in (("no IRF",), ("no dark rows",), ("beside the emitter",), ("looks like crosstalk",)):
        assert said(result, *words), words
    assert result.lifetime is not None
    assert result.lifetime.nominal == pytest.approx(truth.lifetime, rel=0.03)


@pytest.mark.parametrize("seed", range(3))
def test_two_equal_dots_are_never_called_single(photons: Any, seed: int) -> None:
    truth = photons.Truth(**FAST, dots=2, q=0.0)
    result = g2(photons.simulate(truth, seed))
    assert result.verdict != "single"
    assert abs(result.g2_zero.pull(0.5)) < 3.5


def test_a_cluster_is_not_single_and_its_late_photons_say_so(photons: Any) -> None:
    truth = photons.Truth(**FAST, dots=4)
    result = g2(photons.simulate(truth, 2))
    assert result.verdict == "not single"
    assert result.g2_gated is not None
    assert abs(result.g2_gated.pull(0.75)) < 3.5


def test_a_bright_biexciton_is_undecided_because_its_late_photons_are_antibunched(photons: Any) -> None:
    truth = photons.Truth(**FAST, q=0.8, ladder=False)
    result = g2(photons.simulate(truth, 2))
    assert result.lower > 0.5
    assert result.g2_gated is not None
    assert result.g2_gated.nominal < 0.1
    assert result.verdict == "undecided"
    assert "bright biexciton" in result.verdict_reason


def test_a_lifetime_above_the_period_gives_the_stepwise_ratio_and_never_not_single(photons: Any) -> None:
    truth = photons.Truth(
        period=12.5, rate=3e5, chunk=2.0, chunks=10, dead_time=0.0, dark=100.0, q=0.2, x=0.005, laser_rate=1e5,
        laser=4, off=2, darks=2, pulses=10,
    )  # fmt: skip
    for seed in (1,):
        result = g2(photons.simulate(truth, seed))
        r = math.exp(-12.5 / 20)
        assert abs(result.g2_zero.pull(0.2 * (1 + r) / (1 - r))) < 3
        assert result.lifetime is not None
        assert result.lifetime.nominal == pytest.approx(20, rel=0.05)
        assert result.biexciton_ratio is None
        assert result.biexciton_reason
        assert result.verdict == "undecided"
        assert result.model == "truncated"
        naive = result.estimators["symmetric_peaks"]
        assert abs(naive.nominal - 0.664) > 5 * result.g2_zero.sigma


def test_uncorrected_background_would_be_seen(photons: Any) -> None:
    truth = photons.Truth(**FAST | {"dark": 100.0}, background=1e4)
    data = photons.simulate(truth, 1)
    result = g2(data)
    assert abs(result.g2_zero.pull(truth.g2_zero)) < 3.5
    without = g2(data.isel(row=np.flatnonzero(data["series"].values != 1)))
    assert without.g2_zero.nominal > truth.g2_zero + 0.1
    assert said(without, "no rows beside the emitter")


def test_blinking_makes_the_two_normalisations_differ_and_leaves_g2_zero_alone(photons: Any) -> None:
    truth = photons.Truth(**FAST, grey=0.1, dwell=(0.01, 0.01))
    result = g2(photons.simulate(truth, 3))
    assert result.bunching.nominal > 1.3
    assert result.normalisation_difference > 0
    assert abs(result.g2_zero.pull(truth.g2_zero)) < 3.5


def test_three_powers_extrapolate_to_no_excitation(photons: Any) -> None:
    truth = photons.Truth(**FAST | {"chunks": 24, "off": 2}, powers=(0.1, 0.4, 1.0), q=0.2, ladder=False)
    result = g2(photons.simulate(truth, 4))
    assert len(result.powers["power"]) == 3
    assert result.biexciton_ratio is not None
    assert abs(result.biexciton_ratio.pull(truth.q)) < 3.5
    assert "3 powers" in result.biexciton_reason


def test_few_counts_leave_it_undecided_with_wide_bounds(photons: Any) -> None:
    truth = photons.Truth(**FAST | {"rate": 3e4, "chunks": 3})
    result = g2(photons.simulate(truth, 1))
    assert result.lower < truth.g2_zero < result.upper
    assert result.upper - result.lower > 0.05


def test_a_run_without_pairs_is_refused_with_the_reason(photons: Any) -> None:
    data = photons.simulate(photons.Truth(**FAST | {"chunks": 2}), 0)
    data["histogram"] = data["histogram"] * 0
    with pytest.raises(AnalysisRefused, match="coincidences"):
        g2(data)
    with pytest.raises(AnalysisRefused, match="series 'on'"):
        g2(data.isel(row=np.flatnonzero(data["series"].values != 0)))


def test_high_rates_are_flagged(photons: Any) -> None:
    data = photons.simulate(replace(photons.Truth(**FAST), rate=1e6, chunks=4), 0)
    result = g2(data)
    assert said(result, "dead time")
    assert said(result, "counts per pulse")


def test_one_odd_side_peak_is_called_out(photons: Any) -> None:
    data = photons.simulate(photons.Truth(**FAST), 0)
    counts = data["histogram"].values.copy()
    lags = (np.arange(counts.shape[1]) - counts.shape[1] / 2 + 0.5) * 0.5
    counts[0, np.abs(lags - 403.2) < 40] += 8
    data["histogram"] = (data["histogram"].dims, counts)
    assert said(g2(data), "side peak +2")
