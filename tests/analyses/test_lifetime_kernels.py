"""Closed forms of the lifetime model against brute force."""

import numpy as np
import pytest
from scipy.stats import poisson

from perovskite_meas.analyses.lifetime.background import convolved
from perovskite_meas.analyses.lifetime.deviance import deviance, expected_deviance
from perovskite_meas.analyses.lifetime.kernel import exponential, stretched, with_slopes
from perovskite_meas.analyses.lifetime.pile_up import INDEPENDENT, Bunching, blind


@pytest.mark.parametrize("tau", [75.0, 210.0, 5_000.0, 20_000.0, 1e6])
def test_a_wrapped_decay_in_bins_is_what_a_fine_sum_gives(tau: float) -> None:
    width, period, shift = 100.0, 12_550.0, 37.0
    lag = np.arange(-126, 127) * width - shift
    offset = ((np.arange(2000) + 0.5) / 1000 - 1) * width
    weight = 1 - np.abs(offset) / width
    t = (lag[1:-1, None] + offset) % period
    density = np.exp(-t / tau) / (tau * -np.expm1(-period / tau))
    expected = (density * weight).sum(axis=1) / weight.sum() * width
    np.testing.assert_allclose(exponential(lag, width, tau, period), expected, atol=2e-5 * expected.max())


@pytest.mark.parametrize("tau", [210.0, 5_000.0, 30_000.0])
def test_slopes_are_the_derivatives(tau: float) -> None:
    width, period = 100.0, 12_500.0
    lag = np.arange(-125, 126) * width - 21.0
    _, by_tau, by_lag = with_slopes(lag, width, tau, period)
    h = 1e-5
    up, down = exponential(lag, width, tau * np.exp(h), period), exponential(lag, width, tau * np.exp(-h), period)
    np.testing.assert_allclose(by_tau, (up - down) / (2 * h), atol=1e-6)
    up, down = exponential(lag + 1e-2, width, tau, period), exponential(lag - 1e-2, width, tau, period)
    np.testing.assert_allclose(by_lag, (up - down) / 2e-2, atol=2e-8)


def test_a_stretched_decay_with_exponent_one_is_exponential() -> None:
    lag = np.arange(-2000, 2001) * 100.0 - 37.0
    one, other = stretched(lag, 100.0, 5_000.0, 1.0, 200_000.0), exponential(lag, 100.0, 5_000.0, 200_000.0)
    np.testing.assert_allclose(one, other, atol=1e-6 * other.max())


def test_a_stretched_decay_holds_all_its_photons() -> None:
    lag = np.arange(-2000, 2001) * 100.0
    kernel = stretched(lag, 100.0, 3_000.0, 0.5, 200_000.0)
    assert kernel[-2000:].sum() == pytest.approx(1.0, abs=1e-3)


def test_convolution_is_the_plain_sum() -> None:
    rng = np.random.default_rng(1)
    response, kernel = rng.random(17), rng.random(33)
    plain = [sum(response[i] * kernel[j - i + 16] for i in range(17)) for j in range(17)]
    np.testing.assert_allclose(convolved(response, kernel), plain)


@pytest.mark.parametrize("mean", [0.01, 0.3, 1.0, 7.0, 45.0, 300.0])
def test_the_expected_deviance_is_that_of_a_poisson_number(mean: float) -> None:
    n = np.arange(0.0, 800.0)
    chance = poisson.pmf(n, mean)
    value = deviance(n, np.full_like(n, mean))
    average, variance = expected_deviance(np.array([mean]))
    assert average[0] == pytest.approx((chance * value).sum(), rel=2e-3)
    exact = (chance * value**2).sum() - (chance * value).sum() ** 2
    assert variance[0] == pytest.approx(exact, rel=0.03)


def test_one_photon_per_period_gives_back_the_light_of_coates() -> None:
    light = 0.3 * np.exp(-np.arange(50) / 10.0)
    light /= light.sum() / 0.4
    alive, seen = 1.0, []
    for rate in light:
        seen.append(alive * -np.expm1(-rate))
        alive -= seen[-1]
    live = 1 - blind(np.array(seen), 1.0, 100.0, None, 0, INDEPENDENT)
    np.testing.assert_allclose(np.array(seen) / live, light, rtol=2e-3)


def test_a_dead_time_beyond_the_period_blinds_evenly_but_for_the_remainder() -> None:
    rate = np.full(20, 0.005)
    blinded = blind(rate, 1.0, 100.0, 4_500.0, 0, INDEPENDENT)
    np.testing.assert_allclose(blinded, 45 * 0.005, rtol=1e-9)


def test_single_photons_are_not_blinded_by_those_of_their_own_pulse() -> None:
    rate = np.zeros(100)
    rate[10:30] = 0.01
    blinded = blind(rate, 1.0, 100.0, 3_000.0, 5, Bunching(0.0, 1.0, "stated"))
    assert blinded.max() == 0.0
