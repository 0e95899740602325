"""Blinking of simulated dots: truth, traps of the naive ways, steady dots, and the table of bin widths."""

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from perovskite_meas.analyses.blinking import BlinkingResult, Observed, assess
from perovskite_meas.core.value import Value

DARK = Value(400.0, 2.0, "cps")


@cache
def forward() -> ModuleType:
    """Return the forward model's module."""
    path = Path(__file__).with_name("blinking_forward.py")
    spec = importlib.util.spec_from_file_location("blinking_forward", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@cache
def seen(seed: int, seconds: float, **dot: float) -> tuple[BlinkingResult, float]:
    """Return the result of a trace in records of 10 s, and the true on fraction of that very trace."""
    model = forward()
    rng = np.random.default_rng(seed)
    edges, rates, fraction = model.Dot(**dot).steps(rng, seconds)
    trace = model.counts(rng, edges, rates, 0.5e-3)
    return assess(Observed(tuple(np.array_split(trace, int(seconds // 10)))), background=DARK), fraction


def nominal(value: Value | None) -> float:
    """Return the nominal of a value that must be there."""
    assert value is not None
    return value.nominal


def test_on_fraction_and_exponents_are_recovered() -> None:
    found, fraction = seen(1, 300.0)
    assert found.verdict == "blinking"
    assert nominal(found.on_fraction) == pytest.approx(fraction, abs=0.001)
    assert nominal(found.exponent_on) == pytest.approx(1.5, abs=0.06)
    assert nominal(found.exponent_off) == pytest.approx(1.7, abs=0.06)
    assert nominal(found.on_rate) == pytest.approx(100_400, rel=2e-3)
    assert nominal(found.off_rate) == pytest.approx(20_400, rel=5e-3)
    assert nominal(found.grey_ratio) == pytest.approx(0.2, abs=0.002)
    assert found.cutoff_on is not None
    assert abs(found.cutoff_on.pull(2.0)) < 4
    assert 20_400 < nominal(found.threshold) < 100_400


def test_the_record_and_the_ensemble_are_told_apart() -> None:
    found, _ = seen(1, 300.0)
    assert found.on_fraction is not None
    assert found.on_fraction_ensemble is not None
    assert found.on_fraction.sigma < 0.001
    assert 0.01 < found.on_fraction_ensemble.sigma < 0.05


def test_wider_bins_bias_the_on_exponent_as_the_facts_say_and_the_table_shows_it() -> None:
    rows = {round(row["bin_width"] * 1e3, 1): row for row in seen(1, 300.0)[0].scan}
    assert set(rows) == {0.5, 1.0, 2.0, 5.0, 10.0, 50.0}
    assert rows[10.0]["exponent_on"].nominal == pytest.approx(1.29, abs=0.12)
    assert rows[50.0]["exponent_on"].nominal < 1.25
    assert any("bins longer than the shortest dwell" in note for note in seen(1, 300.0)[0].notes)


def test_the_straight_line_through_the_logarithms_is_named_and_far_off() -> None:
    naive = seen(1, 300.0)[0].estimators["log_log_least_squares"]
    assert abs(naive["exponent_on"].nominal - 1.5) > 0.3


def test_below_50_counts_per_bin_no_exponent_is_claimed_and_the_naive_one_is_far_off() -> None:
    from perovskite_meas.analyses.blinking.levels import two_levels
    from perovskite_meas.analyses.blinking.scan import rebinned
    from perovskite_meas.photons.dwells import dwells_of, fit_power_law

    found, fraction = seen(2, 200.0, bright=2e4)
    assert found.verdict == "blinking"
    assert found.exponent_on is None
    assert found.exponent_off is None
    assert "under 50" in found.reasons["exponent_on"]
    assert nominal(found.on_fraction) == pytest.approx(fraction, abs=0.01)
    model = forward()
    rng = np.random.default_rng(2)
    edges, rates, _ = model.Dot(bright=2e4).steps(rng, 200.0)
    records = rebinned([model.counts(rng, edges, rates, 0.5e-3)], 2)
    levels = two_levels(records)
    assert levels is not None
    on, _ = dwells_of([record > levels.threshold for record in records])
    assert fit_power_law(on).exponent < 1.35


def test_between_50_and_100_counts_per_bin_the_result_warns() -> None:
    found, _ = seen(3, 100.0, bright=7e4)
    assert found.exponent_on is not None
    assert any("under 100" in note for note in found.notes)


@pytest.mark.parametrize("seed", range(3))
def test_a_steady_dot_with_two_percent_noise_is_steady(seed: int) -> None:
    found, _ = seen(seed, 60.0, grey=1.0, noise=0.02)
    assert found.verdict == "steady"
    assert nominal(found.on_fraction) == 1.0
    assert found.exponent_on is None
    assert "steady" in found.reasons["exponent_on"]
    assert nominal(found.on_rate) == pytest.approx(100_400, rel=0.01)


def test_slow_drift_without_a_second_level_is_undecided_not_blinking() -> None:
    rng = np.random.default_rng(0)
    rate = np.linspace(60, 30, 120_000)
    found = assess(Observed((rng.poisson(rate),)))
    assert found.verdict == "undecided"
    assert found.on_fraction is None
    assert "no valley" in found.reasons["on_fraction"]


def test_background_alone_is_no_emitter() -> None:
    rng = np.random.default_rng(0)
    found = assess(Observed((rng.poisson(0.2, 200_000),)), background=DARK)
    assert found.verdict == "undecided"
    assert "no emitter seen" in found.reasons["on_fraction"]


def test_a_dot_that_is_rarely_off_still_blinks() -> None:
    rng = np.random.default_rng(5)
    rate = np.full(600_000, 50.0)
    for start in rng.integers(0, 599_000, 60):
        rate[start : start + 150] = 10.0
    found = assess(Observed((rng.poisson(rate),)))
    assert found.verdict == "blinking"
    assert nominal(found.on_fraction) == pytest.approx((rate > 20).mean(), abs=0.001)


def test_without_a_background_the_grey_level_is_not_named() -> None:
    model = forward()
    rng = np.random.default_rng(0)
    edges, rates, _ = model.Dot().steps(rng, 60.0)
    found = assess(Observed((model.counts(rng, edges, rates, 0.5e-3),)))
    assert found.grey_ratio is None
    assert "background" in found.reasons["grey_ratio"]


def test_no_photons_at_all_is_said_so() -> None:
    found = assess(Observed((np.zeros(1000, np.int64),)))
    assert found.verdict == "undecided"
    assert "no photon" in found.reasons["on_fraction"]
