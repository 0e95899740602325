"""Visibilities from counts, against fringes made here by their definition."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.photons import fit_fringes, pulse_overlap
from perovskite_meas.photons.fringes import fringe_stretch, sweeps_visibility

PHASE = 2 * np.pi * 4 * (np.arange(64) + 0.5) / 64


def expected(visibility: float, phase: float, mean: float, background: float = 0.0) -> np.ndarray:
    return mean * (1 + visibility * np.cos(PHASE + phase)) + background


@pytest.mark.parametrize("phase", [-3.0, -0.4, 0.0, 1.9])
def test_fringes_without_noise_come_back_exactly(phase: float) -> None:
    found = fit_fringes(PHASE, expected(0.34, phase, 1000.0, 50.0), background=50.0)
    assert found.visibility == pytest.approx(0.34, rel=1e-9)
    assert found.phase == pytest.approx(phase, abs=1e-9)
    assert found.offset == pytest.approx(1050.0)
    assert found.chi2 == pytest.approx(0, abs=1e-12)


def test_the_sigma_is_the_closed_form_and_the_scatter_is_the_sigma() -> None:
    rng = np.random.default_rng(1)
    mean, truth = 200.0, 0.3
    fits = [fit_fringes(PHASE, rng.poisson(expected(truth, 0.7, mean))) for _ in range(1200)]
    photons = mean * len(PHASE)
    assert fits[0].sigma == pytest.approx(math.sqrt((2 - truth**2) / photons), rel=0.06)
    pulls = np.array([(fit.visibility - truth) / fit.sigma for fit in fits])
    assert 0.94 < pulls.std() < 1.06
    assert np.mean([fit.chi2 for fit in fits]) == pytest.approx(1.0, abs=0.02)


def test_few_photons_raise_the_visibility_by_what_the_quadratures_say() -> None:
    rng = np.random.default_rng(2)
    fits = [fit_fringes(PHASE, rng.poisson(expected(0.1, 0.2, 5.0))) for _ in range(2500)]
    raw = np.mean([fit.visibility for fit in fits])
    unbiased = np.mean([fit.visibility**2 - 2 * fit.quadrature**2 for fit in fits])
    assert raw > 0.11
    assert math.sqrt(unbiased) == pytest.approx(0.1, abs=0.006)


def test_no_photon_is_no_visibility_and_no_error() -> None:
    found = fit_fringes(PHASE, np.zeros(64))
    assert (found.visibility, found.sigma) == (0.0, math.inf)


def test_too_few_or_equal_phases_are_refused() -> None:
    with pytest.raises(UsageError, match="at least four points"):
        fit_fringes(PHASE[:3], np.ones(3))
    with pytest.raises(UsageError, match="too much alike"):
        fit_fringes(np.zeros(8), np.ones(8))


def test_the_sigma_from_sweeps_holds_blinking_that_the_photons_alone_do_not() -> None:
    rng = np.random.default_rng(3)
    found = []
    for _ in range(300):
        # Off and on by single points: more than photon noise, and white over the fringes.
        on = rng.random((25, 64)) < 0.8
        found.append(sweeps_visibility(PHASE, rng.poisson(expected(0.3, 0.5, 100.0) * on)))
    values, sigmas = np.array(found).T
    assert values.mean() == pytest.approx(0.3, abs=0.003)
    assert 0.85 < values.std() / sigmas.mean() < 1.15
    assert sigmas.mean() > 2 * math.sqrt(2 / (25 * 64 * 80)), "photons alone would say half of that"


def test_background_in_every_sweep_is_taken_off() -> None:
    rng = np.random.default_rng(4)
    for sweeps in (1, 25):
        counts = rng.poisson(np.tile(expected(0.5, 0.1, 400.0, 100.0), (sweeps, 1)))
        value, sigma = sweeps_visibility(PHASE, counts, background=100.0)
        assert value == pytest.approx(0.5, abs=4 * sigma)
        assert 0 < sigma < 0.03


def test_too_few_photons_tell_no_visibility() -> None:
    assert sweeps_visibility(PHASE, np.zeros((25, 64))) == (-1.0, -1.0)


@pytest.mark.parametrize("stretch", [0.83, 1.0, 1.117])
def test_a_fine_axis_of_another_scale_is_found_out(stretch: float) -> None:
    rng = np.random.default_rng(5)
    middle = PHASE.mean()
    counts = rng.poisson(1000 * (1 + 0.8 * np.cos(stretch * (PHASE - middle) + 0.3)))
    assert fringe_stretch(PHASE, counts) == pytest.approx(stretch, abs=0.003)


def test_zero_delay_and_pulse_width_come_from_the_lasers_own_visibilities() -> None:
    rng = np.random.default_rng(6)
    duration, zero = 2.0, 0.137
    delay = np.linspace(-3.0, 3.0, 9)
    truth = 0.93 * np.exp(-math.log(2) * ((delay - zero) / duration) ** 2)
    sigma = np.full(9, 0.004)
    found = [pulse_overlap(delay, truth + sigma * rng.normal(size=9), sigma) for _ in range(200)]
    zeros, widths = np.array([each.zero for each in found]), np.array([each.duration for each in found])
    assert zeros.mean() == pytest.approx(zero, abs=0.003)
    assert widths.mean() == pytest.approx(duration, abs=0.005)
    pulls = (zeros - zero) / np.array([each.zero_sigma for each in found])
    assert 0.7 < pulls.std() < 1.1, "the misfit only ever widens a sigma"


def test_visibilities_without_a_maximum_are_refused() -> None:
    delay = np.linspace(2.0, 8.0, 7)
    with pytest.raises(UsageError, match="have no maximum inside"):
        pulse_overlap(delay, np.exp(-(delay**2) / 8), np.full(7, 0.01))
    with pytest.raises(UsageError, match="at least four delays"):
        pulse_overlap(delay[:3], np.ones(3), np.ones(3))


@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf])
def test_what_is_no_count_is_refused(wrong: float) -> None:
    counts = np.full(64, 10.0)
    counts[3] = wrong
    with pytest.raises(UsageError, match=r"counts of 0 or more.*hand in raw counts"):
        fit_fringes(PHASE, counts)
    phase = PHASE.copy()
    phase[5] = math.nan
    with pytest.raises(UsageError, match="finite phases"):
        fit_fringes(phase, np.ones(64))


def test_a_fringe_shows_what_one_looks_for() -> None:
    shown = repr(fit_fringes(PHASE, expected(0.34, 0.5, 1000.0)))
    assert shown.startswith("Fringe(visibility=0.34, sigma=0.0053, phase=0.5000, offset=1000,")
