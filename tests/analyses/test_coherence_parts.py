"""Pieces of the coherence analysis against brute force: decay, Rice, phases that walk, blinking, forecast."""

import math

import numpy as np
import pytest
from scipy.special import i0e

from perovskite_meas.analyses.coherence.blinking import Chain
from perovskite_meas.analyses.coherence.decay import Line, coherence, field_autocorrelation
from perovskite_meas.analyses.coherence.fit import Points, fit, profile
from perovskite_meas.analyses.coherence.rice import equivalent, log_rice, most_likely
from perovskite_meas.analyses.coherence.setup import HBAR
from perovskite_meas.analyses.coherence.sweeps import Quadratic
from perovskite_meas.analyses.coherence.walk import Motion, Paths

TAU = np.linspace(0.0, 40.0, 21)


def brute(line: Line, tau: np.ndarray, duration: float, shape: str) -> np.ndarray:
    """Convolve on a fine grid."""
    t = np.linspace(-400, 400, 800_001)
    rate = 0.0 if math.isinf(line.t2) else 1 / line.t2
    decay = np.exp(-np.abs(t) * rate - 0.5 * (line.sigma * t / HBAR) ** 2)
    decay = decay * (1 + line.rho * np.exp(1j * line.beat * 1e3 / HBAR * t))
    found = [abs(np.sum(decay * field_autocorrelation(x - t, duration, shape))) for x in [0.0, *tau]]
    return np.array(found[1:]) / found[0]


@pytest.mark.parametrize(
    "line",
    [Line(11.12), Line(3.0), Line(math.inf, sigma=60.0), Line(11.0, sigma=30.0), Line(11.0, beat=0.1, rho=0.5)],
    ids=["exponential", "fast", "gaussian", "voigt", "doublet"],
)
@pytest.mark.parametrize(("duration", "shape"), [(2.0, "gauss"), (6.0, "gauss"), (2.0, "sech2"), (3.0, "rect")])
def test_a_decay_is_convolved_with_the_pulse(line: Line, duration: float, shape: str) -> None:
    tau = TAU[::4]
    assert coherence(line, tau, duration, shape) == pytest.approx(brute(line, tau, duration, shape), rel=2e-3, abs=1e-9)


def test_far_from_the_pulse_an_exponential_is_only_scaled() -> None:
    late = coherence(Line(11.12), np.array([10.0, 30.0]), 2.0, "gauss")
    assert late[1] / late[0] == pytest.approx(math.exp(-20 / 11.12), rel=1e-6)


def test_short_and_long_pulses_give_no_overflow() -> None:
    for duration in (1e-6, 0.01, 50.0):
        assert np.isfinite(coherence(Line(11.0, 5.0, 0.2, 0.7), TAU, duration, "gauss")).all()


def test_the_rice_distribution_is_normalised_and_its_top_is_unbiased() -> None:
    v = np.linspace(1e-6, 1.0, 20001)
    density = np.exp(log_rice(v, np.full_like(v, 0.05), np.full_like(v, 0.02)))
    assert np.sum(density) * (v[1] - v[0]) == pytest.approx(1.0, abs=1e-3)
    rng = np.random.default_rng(1)
    s = 0.012
    seen = np.abs(0.06 + s * (rng.standard_normal(20000) + 1j * rng.standard_normal(20000)))
    plain, better = float(np.mean(seen)), float(np.mean(most_likely(seen, np.full(seen.size, s))))
    assert plain > 0.0610
    assert abs(better - 0.06) < 0.3 * abs(plain - 0.06)
    assert most_likely(np.array([0.01]), np.array([0.02]))[0] == 0.0


@pytest.mark.parametrize(("length", "sigma"), [(0.5, 0.01), (0.06, 0.02), (0.02, 0.02)])
def test_a_rice_likelihood_is_known_by_its_own_numbers(length: float, sigma: float) -> None:
    grid = np.linspace(max(0.0, length - 6 * sigma), length + 6 * sigma, 25)
    told = log_rice(np.full_like(grid, length), grid, np.full_like(grid, sigma))
    found = equivalent(grid, told, length * 1.1, sigma * 1.02)
    assert found == pytest.approx((length, sigma), rel=0.03 if length > sigma else 0.1)


def sweeps(v: float, sigma: float, walk: float, seed: int, number: int = 25) -> tuple[Paths, np.ndarray]:
    rng = np.random.default_rng(seed)
    phase = 1.0 + np.cumsum(np.append(0.0, math.sqrt(walk * 0.16) * rng.standard_normal(number - 1)))
    seen = v * np.exp(1j * phase) + sigma * (rng.standard_normal(number) + 1j * rng.standard_normal(number))
    seen = seen * np.exp(-1j * np.angle(seen.mean()))
    centre = abs(seen.mean())
    score = np.stack([seen.real - centre, seen.imag], axis=-1)[None] / sigma**2
    information = np.broadcast_to(np.eye(2) / sigma**2, (1, number, 2, 2)).copy()
    gaps = np.append(0.0, np.full(number - 1, 0.16))[None]
    return Paths(Quadratic(score, information), np.array([centre]), np.zeros((1, number)), gaps, np.array([20.0])), seen


def summed_over_phases(seen: np.ndarray, sigma: float, walk: float, v: float) -> float:
    """Integrate over every phase on a circle of 720 cells."""
    angle = np.arange(720) * 2 * np.pi / 720
    kernel = np.exp(-0.5 * ((angle + np.pi) % (2 * np.pi) - np.pi) ** 2 / (walk * 0.16))
    spread = np.fft.fft(kernel / kernel.sum())
    weight, total = np.full(720, 1 / 720), 0.0
    for k, z in enumerate(seen):
        if k:
            weight = np.maximum(np.fft.ifft(np.fft.fft(weight) * spread).real, 0.0)
        log = -0.5 * np.abs(v * np.exp(1j * angle) - z) ** 2 / sigma**2
        weight = weight * np.exp(log - log.max())
        total += log.max() + math.log(weight.sum())
        weight /= weight.sum()
    return total


@pytest.mark.parametrize(("v", "walk"), [(0.02, 0.05), (0.1, 0.05), (0.1, 0.8), (0.3, 0.005)])
def test_walking_phases_are_integrated_out_as_brute_force_does(v: float, walk: float) -> None:
    paths, seen = sweeps(v, 0.03, walk, seed=3)
    grid = np.maximum(paths.centre[0] + 0.006 * np.arange(-3, 4), 1e-3)
    found = paths.likelihood(grid[None], Motion(common=walk))[0]
    truth = np.array([summed_over_phases(seen, 0.03, walk, float(x)) for x in grid])
    assert found - found[3] == pytest.approx(truth - truth[3], abs=0.15)


def test_a_phase_that_stands_still_gives_the_rice_distribution() -> None:
    paths, _ = sweeps(0.05, 0.03, 1e-12, seed=4)
    grid, s = np.linspace(0.03, 0.08, 6), 0.03 / 5
    found = paths.likelihood(grid[None], Motion())[0]
    argument = grid * paths.centre[0] / s**2
    rice = -0.5 * grid**2 / s**2 + np.log(i0e(argument)) + argument
    assert found - found[0] == pytest.approx(rice - rice[0], abs=0.02)


def test_time_spent_on_follows_from_the_transitions() -> None:
    chain = Chain(np.array([[0.98, 0.0, 0.02], [0.5, 0.0, 0.5], [0.1, 0.0, 0.9]]))
    assert chain.stationary == pytest.approx([10 / 12, 0.0, 2 / 12])


def test_the_fit_recovers_a_line_from_clean_visibilities_with_its_sigma() -> None:
    tau = np.linspace(3, 39, 20)
    v, s = 0.85 * coherence(Line(11.12), tau, 2.0, "gauss"), np.full(20, 0.006)
    points = Points(tau, np.hypot(v, s), s, np.ones(20), np.zeros(20), 0.9, 2.0, "gauss")
    best = fit(points, "exponential")
    low, high = profile(points, best)
    assert best.line.t2 == pytest.approx(11.12, rel=2e-3)
    assert 0.5 * (high - low) == pytest.approx(best.deviation("ln_t2"), rel=0.1)
    slopes = np.stack([v / 0.85, v * tau / 11.12])
    bound = math.sqrt(np.linalg.inv(slopes @ slopes.T / 0.006**2)[1, 1])
    assert best.deviation("ln_t2") == pytest.approx(bound, rel=0.15)
