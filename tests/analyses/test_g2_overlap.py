"""Lifetimes near the period: the kernels against pair densities summed from the chain of pulses, without noise."""

import math

import numpy as np
import pytest

from perovskite_meas.analyses.g2.background import Background
from perovskite_meas.analyses.g2.beside import mixed_pairs
from perovskite_meas.analyses.g2.crosstalk import Crosstalk
from perovskite_meas.analyses.g2.pulsed import PulsedFit, fit_pulsed, symmetric_peaks
from perovskite_meas.analyses.g2.response import Response
from perovskite_meas.analyses.g2.rows import Group
from perovskite_meas.core.value import Value

PAIRS = 1e5
"""Per side peak."""
PERIODS = 5.5
BINS = 100
"""Per period."""
NONE = Crosstalk((), np.empty(0), np.empty(0), None, Value(0.0, 1e-3, "1"), ())


def after(state: float, x: float, r: float, number: int) -> tuple[list[float], list[float]]:
    """Return for the next pulses the chance of an exciton after each, and of two or more at it."""
    kept, pairs = [], []
    for _ in range(number):
        pairs.append((1 - state) * (1 - math.exp(-x) * (1 + x)) + state * (1 - math.exp(-x)))
        kept.append(1 - (1 - state) * math.exp(-x))
        state = kept[-1] * r
    return kept, pairs


def chain_pairs(period: float, tau: float, q: float, x: float) -> np.ndarray:
    """Return expected pairs per bin of one dot whose second exciton leaves at once: side peaks of PAIRS.

    Photon by photon: the first one leaves the dot empty (or, of a pair of excitons, with one), and every pulse that
    follows does what the state before it allows.
    """
    fine, r, number = period / 800, math.exp(-period / tau), math.ceil(PERIODS) + 3
    kept, pairs = after(0.0, x, r, 2000)
    steady, double = kept[-1], q * pairs[-1]
    photons = steady * (1 - r) + double
    lags = (np.arange(round(PERIODS * 800)) + 0.5) * fine
    density = np.zeros(lags.size)

    def follow(weight: float, begin: float, chances: list[float], twice: list[float]) -> None:
        for k, (one, two) in enumerate(zip(chances, twice, strict=True)):
            start = begin + k * period
            late = lags - start
            inside = (late >= 0) & (late < period)
            density[inside] += weight * one * np.exp(-late[inside] / tau) / tau
            if start < lags[-1]:
                density[int(start / fine)] += weight * q * two / fine

    kept, pairs = after(0.0, x, r, number)
    for phase in (np.arange(400) + 0.5) * period / 400:
        follow(steady * math.exp(-phase / tau) / tau * period / 400, period - phase, kept, pairs)
    kept, pairs = after(r, x, r, number)
    follow(double, 0.0, [1.0, *kept], [0.0, *pairs])
    both = np.concatenate([density[::-1], density]) * fine / photons**2 * PAIRS
    return np.asarray(both.reshape(-1, 800 // BINS).sum(axis=1))


def fitted(period: float, tau: float, counts: np.ndarray, decay: Value | None, x: Value | None = None) -> PulsedFit:
    """Return the fit of a histogram with a sharp response and no background."""
    on, edges = setting(period, counts)
    return fit_pulsed(
        counts, edges, on, sharp(), clean(period), NONE, guess=(tau, 0.0), overlap=True, decay=decay, excitations=x
    )


def setting(period: float, counts: np.ndarray) -> tuple[Group, np.ndarray]:
    edges = (np.arange(counts.size + 1) - counts.size / 2) * period / BINS
    return Group(np.ones(1), np.ones(1), np.ones(1), counts[None], np.ones(1), period, {}), edges


def sharp() -> Response:
    return Response(np.ones(1), 0.0, Value(0.0, 0.02, "ns"), None, "none", math.inf)


def clean(period: float) -> Background:
    nothing, none = Value(0.0, 0.0, "cps"), Value(0.0, 0.0, "1")
    return Background(
        (nothing, nothing), (nothing, nothing), (1e4, 1e4), PAIRS / period * 1e9, none, none, none, True, False, ()
    )


@pytest.mark.parametrize(("period", "tau"), [(12.5, 20.0), (12.5, 10.0), (50.0, 40.0), (50.0, 20.0), (50.0, 10.0)])
def test_weak_light_gives_the_stepwise_amplitude_and_the_lifetime(period: float, tau: float) -> None:
    r, q = math.exp(-period / tau), 0.2
    fit = fitted(period, tau, chain_pairs(period, tau, q, 3e-4), None)
    assert fit.g2_zero == pytest.approx(q * (1 + r) / (1 - r), rel=5e-3)
    assert fit.lifetime.nominal == pytest.approx(tau, rel=2e-3)


@pytest.mark.parametrize("x", [0.006, 0.025])
def test_re_excitation_is_told_from_the_lifetime_where_arrival_times_tell_that(x: float) -> None:
    period, tau, q = 12.5, 20.0, 0.2
    counts, r = chain_pairs(period, tau, q, x), math.exp(-period / tau)
    alone = fitted(period, tau, counts, None)
    assert alone.lifetime.nominal == pytest.approx(1 / (1 / tau - math.expm1(-x) / period), rel=3e-3)
    for known in (None, Value(x, 0.1 * x, "1")):
        fit = fitted(period, tau, counts, Value(tau, 0.002 * tau, "ns"), known)
        assert fit.lifetime.nominal == pytest.approx(tau, rel=1e-3)
        assert fit.g2_zero == pytest.approx(q * (1 + r) / (1 - r), rel=0.01 + x / 2)
        assert fit.g2_zero > alone.g2_zero


def test_symmetric_peaks_say_nothing_rather_than_refuse() -> None:
    period, tau = 12.5, 20.0
    counts = np.random.default_rng(1).poisson(chain_pairs(period, tau, 0.2, 0.006) / 300).astype(float)
    on, edges = setting(period, counts)
    naive = symmetric_peaks(counts, edges, on, sharp(), clean(period), (tau, 0.0))
    assert naive is None or naive[0].nominal < 0.3


def test_pairs_of_background_and_emitter_are_those_of_two_decays() -> None:
    period, tau, delay = 200.0, 15.0, 2.0
    edges = np.linspace(-1100, 1100, 4401)
    rng = np.random.default_rng(2)
    late = rng.exponential(delay, 400_000) - rng.exponential(tau, 400_000)
    late = np.where(rng.random(late.size) < 0.5, late, -late)
    expected = mixed_pairs(edges, 0.0, tau, delay, period)
    near = np.abs(edges[:-1] + 0.25) < 60
    drawn = np.histogram(late, edges)[0][near] / late.size
    assert np.abs(drawn - expected[near]).max() < 6 * math.sqrt(expected.max() / late.size)
    assert expected.sum() == pytest.approx(11, abs=0.01)
