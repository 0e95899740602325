"""The traps of a Michelson scan: what the naive way makes of them, and that ours recovers or flags them."""

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scipy.optimize import curve_fit

from perovskite_meas.analyses.coherence import CoherenceResult, coherence

T2 = 11.12


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
    return coherence(forward().scan(forward().Truth(**truth), seed))


@cache
def quiet(seed: int = 1, **truth: Any) -> CoherenceResult:
    return coherence(forward().scan(forward().quiet(**truth), seed))


def plain_exponential(result: CoherenceResult) -> float:
    """Return T2 of an exponential through the visibilities, as if pulses had no duration."""
    tau, v, s = (np.asarray(result.points[name], float) for name in ("delay", "visibility", "sigma"))
    solved, _ = curve_fit(lambda t, a, b: a * np.exp(-t / b), tau, v, p0=(0.9, 10.0), sigma=s)
    return float(solved[1])


def recovered(result: CoherenceResult, truth: float = T2) -> bool:
    """Tell whether T2 is claimed, within four of its sigmas."""
    return result.t2 is not None and abs(result.t2.pull(truth)) < 4


def test_max_minus_min_over_the_sum_makes_t2_too_long_and_the_likelihood_does_not() -> None:
    result = quiet(3)
    assert 1.15 < result.naive["max_min"].nominal / T2 < 1.5
    assert recovered(result)
    faint = quiet(3, rate=2e3, exposure=4e-3)
    assert faint.naive["max_min"].nominal / T2 > 1.6
    assert recovered(faint)


def test_a_line_through_logarithms_is_pulled_by_the_faint_visibilities() -> None:
    result = seen(2, rate=2e3, exposure=4e-3)
    assert 0.01 < result.naive["log_linear"].nominal / T2 - 1 < 0.2
    assert recovered(result)


@pytest.mark.slow
def test_a_line_through_logarithms_is_pulled_in_the_median_of_sessions() -> None:
    off = [seen(seed, rate=2e3, exposure=4e-3).naive["log_linear"].nominal / T2 - 1 for seed in range(1, 4)]
    assert 0.01 < np.median(off) < 0.2
    assert all(recovered(seen(seed, rate=2e3, exposure=4e-3)) for seed in range(1, 4))


def test_blinking_under_one_slow_sweep_spoils_plain_fits_and_not_ours() -> None:
    results = [seen(seed, sweeps=1, exposure=0.05, back=0.0) for seed in (1, 2)]
    assert np.mean([result.naive["log_linear"].nominal / T2 for result in results]) > 1.25
    for result in results:
        assert recovered(result) or result.refused is not None
        assert any("slow sweep" in note for note in result.notes)


@pytest.mark.parametrize("rms", [pytest.param(10.0, marks=pytest.mark.slow), 20.0])
def test_spectral_diffusion_shortens_plain_sums_and_is_followed(rms: float) -> None:
    result = seen(1, detuning=rms, detuning_time=0.5)
    assert result.estimators["folded_rice"].nominal < T2 * (1 - 0.001 * rms)
    assert recovered(result)
    assert result.line_diffusion > 0
    assert any("the line wanders" in note for note in result.notes)


def test_spectral_diffusion_faster_than_a_sweep_is_a_voigt_line() -> None:
    result = seen(2, detuning=30.0, detuning_time=5e-3, rate=1e5)
    assert result.model == "voigt"
    assert result.models["exponential"]["t2"] < 0.9 * T2
    assert result.t2 is not None
    assert result.t2.nominal == pytest.approx(T2, rel=max(0.12, 4 * result.t2.relative))
    assert result.inhomogeneous is not None
    assert result.inhomogeneous.nominal == pytest.approx(30.0, rel=0.25)


@pytest.mark.parametrize(("pulse", "least"), [pytest.param(4.0, 1.08, marks=pytest.mark.slow), (6.0, 1.15)])
def test_long_pulses_from_zero_delay_on_are_unfolded(pulse: float, least: float) -> None:
    result = seen(
        1, pulse=pulse, delays=tuple(np.linspace(0, 39, 20)), zeros=tuple(np.linspace(-2 * pulse, 2 * pulse, 13))
    )
    assert plain_exponential(result) > least * T2
    assert recovered(result)
    assert result.pulse_duration is not None
    assert result.pulse_duration.nominal == pytest.approx(pulse, rel=0.02)


def test_an_unseen_doublet_would_shorten_t2_by_a_third_and_its_beat_is_measured() -> None:
    result = seen(splitting=0.1)
    assert result.models["exponential"]["t2"] / T2 == pytest.approx(0.68, abs=0.08)
    assert result.model == "doublet"
    assert result.beat is not None
    assert result.beat.nominal == pytest.approx(0.1, abs=0.004)
    assert recovered(result)


def test_strong_pulses_shorten_t2_and_are_flagged() -> None:
    result = seen(strong=True, area=0.5)
    assert result.t2 is not None
    assert 0.85 < result.t2.nominal / T2 < 0.97
    assert recovered(result), "its systematic part covers it"
    assert result.pulse_area is not None
    assert result.pulse_area.nominal == pytest.approx(0.5, abs=0.05)
    assert any("pulse area" in note and "0.2 pi" in note for note in result.notes)
    assert "too strong" in result.verdict
    assert result.systematics["pulse_area"] > 0.05


def test_a_strong_random_walk_of_the_phase_is_followed_without_bias() -> None:
    assert recovered(seen(1, walk=0.3))


def test_a_grey_state_is_not_taken_for_fringes() -> None:
    assert recovered(seen(1, grey=0.2))


@pytest.mark.parametrize("seed", [4, pytest.param(11, marks=pytest.mark.slow)])
def test_a_faint_second_line_is_found_wherever_its_beat_lies(seed: int) -> None:
    result = seen(seed, splitting=0.1, splitting_ratio=0.3)
    assert result.model == "doublet"
    assert result.beat is not None
    assert abs(result.beat.pull(0.1)) < 4
    assert recovered(result)


def test_a_bright_line_that_wanders_on_the_time_of_a_sweep_gives_no_t2() -> None:
    result = seen(1, detuning=40.0, detuning_time=5e-3, rate=2e5)
    assert result.t2 is None
    assert "the line wanders" in str(result.refused)
    assert "visibilities scatter" in str(result.refused)
    assert len(result.points["visibility"]) == len(result.points["delay"])
