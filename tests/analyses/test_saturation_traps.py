"""Every known trap of a saturation run is recovered or flagged, and the naive way fails where ours does not."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from perovskite_meas.analyses.saturation import SaturationResult, analyse, saturation

TRUTH = 6.8e6


def run(forward: ModuleType, seed: int = 100, **changes: Any) -> SaturationResult:
    return saturation(forward.simulate(forward.Truth(**changes), seed))


def bias(result: SaturationResult, estimator: str = "full_model") -> float:
    return result.estimators[estimator].nominal / TRUTH - 1


def mean_bias(forward: ModuleType, estimator: str = "full_model", **changes: Any) -> float:
    return float(np.mean([bias(run(forward, seed, **changes), estimator) for seed in range(100, 104)]))


def test_a_zero_of_the_power_head_of_one_percent_is_found_in_the_dark_rows(forward: ModuleType) -> None:
    assert abs(mean_bias(forward, zero=9.4e-7)) < 0.04
    assert run(forward, zero=9.4e-7).systematics["meter_zero"] < 0.01


def test_the_leak_of_the_attenuator_is_not_taken_for_the_zero_of_the_head(forward: ModuleType) -> None:
    leaky = {"leak": 5e-6, "sigma_zero": 5e-6}
    assert abs(mean_bias(forward, **leaky)) < 0.04
    assert run(forward, **leaky).notes == ()


def test_an_extinction_that_was_stated_wrong_by_far_is_refused_by_the_slope(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(leak=5e-6, sigma_zero=5e-6), 100)
    forward.state(data, "power_at_sample.extinction", 1e-4, 1e-5, "1")
    result = saturation(data)
    assert result.cross_section is None
    assert "a wrong zero of the power head" in str(result.refused)


def test_an_extinction_that_was_stated_a_little_wrong_is_flagged(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(leak=1e-6, sigma_zero=5e-6), 100)
    forward.state(data, "power_at_sample.extinction", 1e-5, 1e-5, "1")
    assert any("wrong zero of the power head" in note for note in saturation(data).notes)


def test_dead_time_at_a_plateau_of_one_megacount_is_corrected_and_flagged(forward: ModuleType) -> None:
    result = run(forward, brightness=1e6)
    assert abs(result.cross_section.pull(TRUTH)) < 3
    assert result.dead_time_correction > 0.03
    assert any("dead-time correction" in note for note in result.notes)
    assert any("counts per pulse" in note for note in result.notes)


def test_ten_percent_bleaching_is_seen_and_does_not_bias(forward: ModuleType) -> None:
    result = run(forward, bleach=0.1)
    assert "bleached" in result.verdict
    assert result.reversibility.nominal < 1 - 3 * result.reversibility.sigma
    assert abs(result.drift.pull(-0.1)) < 4
    assert abs(mean_bias(forward, bleach=0.1)) < 0.04


def test_going_up_only_without_the_drift_would_be_biased_and_is_flagged(forward: ModuleType) -> None:
    up_only = {"bleach": 0.1, "down": False}
    result = run(forward, **up_only)
    assert "reversibility unknown" in result.verdict
    assert mean_bias(forward, "no_drift", **up_only) > mean_bias(forward, **up_only) + 0.03
    assert abs(mean_bias(forward, **up_only)) < 0.05


def test_a_period_shorter_than_the_lifetime_is_fitted_with_the_finite_period_chain(forward: ModuleType) -> None:
    result = run(forward, seed=1, rate=8e7)
    assert abs(result.cross_section.pull(TRUTH)) < 3
    assert bias(result, "isolated_pulses") > 0.7
    assert result.systematics["lifetime"] > 0.005


def test_a_short_period_is_refused_when_the_finite_period_form_is_off(forward: ModuleType) -> None:
    result = analyse(forward.simulate(forward.Truth(rate=8e7), 1), finite_period=False)
    assert result.cross_section is None
    assert result.verdict.startswith("refused: pulses come every 12.5 ns, 0.62 lifetimes")


def test_a_short_period_is_refused_when_the_lifetime_is_not_stated(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(rate=8e7), 1)
    del data.attrs["conditions"]["sample"]["expect"]["lifetime"]
    result = saturation(data)
    assert result.cross_section is None
    assert "the lifetime is not stated" in str(result.refused)


def test_a_one_photon_leak_is_refused_by_the_slope(forward: ModuleType) -> None:
    result = run(forward, one_photon=0.1)
    assert result.cross_section is None
    assert "one-photon leak" in str(result.refused)
    assert result.low_power_slope.nominal < 1.9


def test_a_leak_too_small_to_refuse_is_corrected_booked_and_flagged(forward: ModuleType) -> None:
    errors = []
    for seed in range(100, 104):
        result = run(forward, seed, one_photon=0.03)
        assert any("small one-photon leak" in note for note in result.notes)
        assert result.estimators["quadratic_only"].nominal > 1.08 * result.cross_section.nominal
        assert result.systematics["one_photon"] > 0.03
        errors.append(result.cross_section.nominal / TRUTH - 1)
    assert abs(np.mean(errors)) < 0.06


def test_what_a_leak_below_the_gate_could_do_is_booked_without_one(forward: ModuleType) -> None:
    result = run(forward, one_photon=0.0)
    assert 0.003 < result.systematics["one_photon"] < 0.05
    assert not any("leak" in note for note in result.notes)


def test_pulse_energy_jitter_of_ten_percent_is_recovered_when_stated(forward: ModuleType) -> None:
    biases = []
    for seed in range(100, 104):
        data = forward.simulate(forward.Truth(pulse_jitter=0.1), seed)
        forward.state(data, "pulse.energy_spread", 0.1, 0.0, "1")
        biases.append(bias(saturation(data)))
    assert abs(np.mean(biases)) < 0.04
    assert abs(run(forward, pulse_jitter=0.1).cross_section.pull(TRUTH)) < 3


def test_powers_without_saturation_are_flagged_as_badly_determined(forward: ModuleType) -> None:
    result = run(forward, x_range=(0.005, 0.5))
    assert "badly determined" in result.verdict
    assert any("no saturation is seen" in note for note in result.notes)


def test_powers_that_start_saturated_are_flagged(forward: ModuleType) -> None:
    result = run(forward, x_range=(0.5, 20.0))
    assert any("quadratic range was not reached" in note for note in result.notes)


def test_another_ladder_law_is_covered_by_its_systematic(forward: ModuleType) -> None:
    for ladder in (0.7, 2.0):
        result = run(forward, ladder=ladder)
        assert abs(result.cross_section.pull(TRUTH)) < 3
        assert result.systematics["ladder_law"] > 0.003


def test_a_truncated_ladder_of_a_bright_biexciton_is_recovered_by_the_mean_over_the_laws(forward: ModuleType) -> None:
    expect = {"biexciton_ratio": (0.3, 0.03, "1"), "lifetime": (20.0, 2.0, "ns")}
    errors, naive = [], []
    for seed in range(100, 104):
        result = run(forward, seed, q=0.3, ladder=40.0, expect=expect)
        errors.append(result.cross_section.nominal / TRUTH - 1)
        naive.append(bias(result))
    assert np.mean(naive) > 0.09
    assert abs(np.mean(errors)) < 0.05


def test_readings_that_disagree_around_an_exposure_are_flagged(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 1)
    data["pickoff_after"].values[16] *= 1.1
    result = saturation(data)
    assert any(note.startswith("row 16: the head read") for note in result.notes)


def test_an_exposure_in_which_the_dot_was_off_is_flagged(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(), 1)
    data["counts"].values[16] *= 0.4
    assert any(note.startswith("row 16 lies") for note in saturation(data).notes)


def test_an_emitter_off_the_axis_is_corrected_on_average_and_booked(forward: ModuleType) -> None:
    data = forward.simulate(forward.Truth(offset=50.0), 1)
    forward.state(data, "spot.centring", 50.0, 0.0, "nm")
    result = saturation(data)
    assert result.systematics["centring"] == pytest.approx(0.051, abs=0.003)
    assert abs(result.cross_section.pull(TRUTH)) < 3


def test_a_wrong_definition_of_the_fluence_shows_its_size(forward: ModuleType) -> None:
    right = run(forward, seed=1)
    data = forward.simulate(forward.Truth(), 1)
    # E/(pi w^2), the mean instead of the peak, is the peak fluence of a spot sqrt(2) wider.
    forward.state(data, "spot.waist", 433.0 * np.sqrt(2), 0.0, "nm")
    wide = saturation(data)
    forward.state(data, "spot.waist", 433.0 * 1.17741 / np.sqrt(2), 0.0, "nm")
    # A disc of the FWHM's diameter: E/(pi (FWHM/2)^2).
    disc = saturation(data)
    assert wide.cross_section.nominal / right.cross_section.nominal == pytest.approx(4.0, rel=0.01)
    assert disc.cross_section.nominal / right.cross_section.nominal == pytest.approx(0.48, rel=0.01)
