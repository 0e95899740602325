"""Coherence of simulated scans: the truth is recovered, nuisances and all, and what the result says beside it."""

import importlib.util
import json
import math
import sys
import time
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from perovskite_meas.analyses.coherence import CoherenceResult, coherence
from perovskite_meas.core.analysis import result_to_json
from perovskite_meas.testing import check_analysis


@cache
def forward() -> ModuleType:
    """Return the forward model's module."""
    path = Path(__file__).with_name("fringe_forward.py")
    spec = importlib.util.spec_from_file_location("fringe_forward", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@cache
def seen(seed: int = 1, **truth: Any) -> CoherenceResult:
    model = forward()
    return coherence(model.scan(model.Truth(**truth), seed))


@cache
def quiet(seed: int = 1, **truth: Any) -> CoherenceResult:
    model = forward()
    return coherence(model.scan(model.quiet(**truth), seed))


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (2, 3))])
def test_t2_is_recovered_with_every_nuisance_on(seed: int) -> None:
    result = seen(seed)
    assert result.refused is None
    assert result.t2 is not None
    assert result.model == "exponential"
    assert abs(result.t2.pull(11.12)) < 3.5
    assert result.t2.statistical is not None
    assert 0.006 < result.t2.statistical / result.t2.nominal < 0.02
    assert result.t2.systematic is not None
    assert 0 < result.t2.systematic < 0.25


def test_without_nuisances_the_error_is_that_of_the_photons() -> None:
    result, model = quiet(2), forward()
    assert result.t2 is not None
    assert result.t2.statistical is not None
    assert abs(result.t2.pull(11.12)) < 3.5
    bound = model.crb(model.quiet())
    assert bound < result.t2.statistical / result.t2.nominal < 1.2 * bound
    assert result.visibility_zero is not None
    assert abs(result.visibility_zero.pull(0.8498)) < 3.5
    assert not result.on_fraction < 0.999


def test_what_stands_beside_t2_is_recovered_too() -> None:
    result = seen()
    assert result.linewidth is not None
    assert result.t2 is not None
    assert result.linewidth.nominal == pytest.approx(2 * 658.212 / result.t2.nominal, rel=1e-4)
    assert abs(result.zero_delay.pull(0.03)) < 4
    assert result.pulse_duration is not None
    assert result.pulse_duration.nominal == pytest.approx(2.0, rel=0.01)
    assert result.fringe_period.nominal == pytest.approx(2.32338, rel=3e-3)
    assert result.pulse_area is not None
    assert result.pulse_area.nominal == pytest.approx(0.1, abs=0.015)
    assert result.instrument_visibility is not None
    assert result.instrument_visibility.nominal == pytest.approx(0.95 * 0.9986, abs=0.03)
    assert result.arm_visibility is not None
    assert result.arm_visibility.nominal == pytest.approx(0.9986, abs=0.002)
    assert result.brightness.nominal == pytest.approx(2e4, rel=0.02)
    assert result.on_fraction == pytest.approx(5 / 6, abs=0.06)
    assert math.sqrt(result.phase_diffusion.nominal) == pytest.approx(0.1, abs=0.04)
    assert abs(result.phase_drift.pull(0.02)) < 4
    assert result.inhomogeneous is None
    assert result.inhomogeneous_limit is not None
    assert 3 < result.inhomogeneous_limit < 25
    assert result.beat is None
    assert "exponential" in result.verdict


def test_the_estimators_agree_and_the_naive_ones_stand_apart() -> None:
    result = seen()
    assert result.t2 is not None
    assert {"rice", "folded_rice", "squared", "least_squares", "late", "unconvolved"} <= set(result.estimators)
    assert result.spread < 0.04
    assert result.naive["max_min"].nominal > 1.2 * result.t2.nominal
    assert set(result.naive) == {"max_min", "log_linear"}


def test_systematics_are_named_and_small_on_a_careful_scan() -> None:
    result = seen()
    assert {"pulse_duration", "zero_delay", "instrument", "delay_scale", "leakage", "pulse_area"} <= set(
        result.systematics
    )
    assert max(result.systematics.values()) < 0.02


def test_a_bright_dot_without_reference_zero_arms_or_dark_still_gives_t2() -> None:
    result = seen(beside=False, zeros=(), references=(), check_every=0, background=0.0, leakage=0.0, dark=0.0)
    assert result.t2 is not None
    assert abs(result.t2.pull(11.12)) < 4
    notes = " ".join(result.notes)
    assert "zero delay was not measured" in notes
    assert "arms" in notes
    assert "background is taken as 0" in notes


def test_the_result_keeps_the_contract_and_survives_storage() -> None:
    data = forward().scan(forward().Truth(sweeps=6, delays=tuple(np.linspace(3, 30, 6)), check_every=0), 1)
    check_analysis(coherence, data=data)
    assert "NaN" not in json.dumps(result_to_json(seen()))


def test_the_forecast_is_the_error_that_comes_out() -> None:
    model = forward()
    expect = {
        "t2": {"value": 11.12, "sigma": 2.0, "unit": "ps"},
        "brightness": {"value": 2e4, "sigma": 0, "unit": "cps"},
    }
    data = model.scan(model.quiet(), 2, sample={"name": "dot", "expect": expect})
    told = coherence.predict(data)
    assert told is not None
    assert told.sigma["t2"] == pytest.approx(model.crb(model.quiet()), rel=0.1)
    assert told.count_rate == pytest.approx(3.7e4, rel=0.1)
    assert not told.unknown
    data["counts"][:] = np.nan
    unknown = coherence.predict(data.assign_attrs(conditions={"delay": {"passes": 2}}))
    assert unknown is not None
    assert "sample.expect.t2" in unknown.unknown
    assert not unknown.sigma


@pytest.mark.slow
def test_the_analysis_of_a_default_run_is_quick() -> None:
    data = forward().scan(forward().Truth(), 5)
    coherence(data)
    begun = time.process_time()
    coherence(data)
    assert time.process_time() - begun < 3.0
