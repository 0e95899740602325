"""Continuous-wave g2 from photons drawn one by one, at a few seeds; many seeds stand in tests/statistics."""

import importlib.util
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from perovskite_meas.analyses.g2 import G2Result, g2
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.testing import check_analysis

FAST: dict[str, Any] = {
    "period": 0.0, "lifetime": 1.0, "q": 0.02, "x": 0.005, "rate": 1e6, "chunk": 0.1, "chunks": 20, "dead_time": 0.0,
    "dark": 1e3, "bin": 0.1, "laser": 4, "laser_rate": 2e5, "off": 3, "darks": 3,
}  # fmt: skip
"""Ten times the light of a real run for a hundredth of its time: as many pairs per bin."""


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
    """Return truth, data and result of one dot."""
    truth = photons.Truth(**FAST, background=1e4)
    data = photons.simulate(truth, 6)
    return truth, data, g2(data)


def said(result: G2Result, *words: str) -> bool:
    return any(all(word in note for word in words) for note in result.notes)


def test_depth_and_time_of_the_dip_are_recovered(single: tuple[Any, xr.Dataset, G2Result]) -> None:
    truth, _, result = single
    assert result.model == "cw"
    assert abs(result.g2_zero.pull(truth.q * 1.005)) < 3.5
    assert result.antibunching_time is not None
    assert abs(result.antibunching_time.pull(truth.lifetime / 1.005)) < 3.5
    assert result.verdict == "single"
    assert result.lifetime is None
    assert "three powers" in result.lifetime_reason
    assert result.biexciton_ratio is None
    assert result.g2_gated is None
    assert result.pair_jitter is not None
    assert result.pair_jitter.nominal == pytest.approx(0.25, abs=0.05)


def test_the_analysis_passes_the_checks_that_every_analysis_must(single: tuple[Any, xr.Dataset, G2Result]) -> None:
    check_analysis(g2, single[1])


def test_without_a_response_the_dip_is_too_shallow_and_that_is_flagged(
    single: tuple[Any, xr.Dataset, G2Result], photons: Any
) -> None:
    _, data, result = single
    bare = g2(photons.bare(data))
    assert bare.irf_source == "none"
    assert said(bare, "no IRF")
    assert bare.g2_zero.nominal > result.g2_zero.nominal + 0.03
    assert result.estimators["no_irf"].nominal > result.g2_zero.nominal


def test_a_stated_jitter_replaces_reference_light_and_says_so(
    single: tuple[Any, xr.Dataset, G2Result], photons: Any
) -> None:
    _, data, _ = single
    bare = photons.bare(data)
    bare.attrs["conditions"] = {"tagger": {"jitter": {"value": 180.0, "sigma": 20.0, "unit": "ps"}}}
    result = g2(bare)
    assert result.irf_source == "jitter"
    assert said(result, "tagger.jitter")
    assert result.systematics["irf"] > 0
    assert abs(result.zero_lag.nominal - 3.2) < 0.3


def test_a_dip_no_wider_than_the_response_is_flagged(photons: Any) -> None:
    truth = photons.Truth(**FAST | {"lifetime": 0.3, "x": 0.002, "chunks": 10})
    result = g2(photons.simulate(truth, 1))
    assert said(result, "pair jitter")


def test_satellites_without_a_control_are_found_and_flagged(photons: Any) -> None:
    truth = photons.Truth(**FAST, crosstalk=5e-4)
    data = photons.simulate(truth, 2)
    result = g2(data.isel(row=np.flatnonzero(data["series"].values != 3)))
    assert said(result, "looks like crosstalk")
    full = g2(data)
    assert full.crosstalk is not None
    assert abs(full.crosstalk.pull(5e-4)) < 3.5
    assert abs(full.g2_zero.pull(truth.q * 1.005)) < 3.5


def test_three_powers_give_the_lifetime(photons: Any) -> None:
    truth = photons.Truth(
        **FAST | {"lifetime": 5.0, "chunks": 4, "x": 0.05, "off": 1, "rate": 6e5, "bin": 0.2}, powers=(0.05, 0.2, 0.5)
    )
    result = g2(photons.simulate(truth, 3))
    assert result.lifetime is not None
    assert abs(result.lifetime.pull(5.0)) < 3.5
    assert result.antibunching_time is not None
    assert result.antibunching_time.nominal < 4.9


def test_hardly_any_pairs_are_refused(photons: Any) -> None:
    data = photons.simulate(photons.Truth(**FAST | {"rate": 1e4, "chunks": 4}), 1)
    with pytest.raises(AnalysisRefused, match="coincidences"):
        g2(data)


def test_two_dots_are_not_single(photons: Any) -> None:
    result = g2(photons.simulate(photons.Truth(**FAST | {"lifetime": 5.0}, dots=2), 1))
    assert result.verdict == "undecided"
    assert abs(result.g2_zero.pull(0.51)) < 3.5
    assert math.isfinite(result.upper)
