"""Unrest of interferometer and line, and the photons of a light that changes: statistics and independence."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from perovskite_meas.core.delay_scale import DelayScale
from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.world.michelson.arrivals import arrivals
from perovskite_meas.sim.world.michelson.interferometer import LaserFringes, PathNoise, balance_visibility
from perovskite_meas.sim.world.michelson.line_noise import SpectralDiffusion, TelegraphBlinking
from perovskite_meas.sim.world.michelson.pulse import Pulse

WAVELENGTH = 696.54


def test_spectral_diffusion_has_the_variance_and_the_correlation_asked_for() -> None:
    for memory, step, points in ((10.0, 1.0, 20000.0), (0.01, 0.003, 6000.0)):
        found = np.concatenate(
            [SpectralDiffusion(seed, 3.0, memory).detuning(step * np.arange(points)) for seed in range(3)]
        ).reshape(3, -1)
        assert np.std(found) == pytest.approx(3.0, rel=0.06)
        assert abs(np.mean(found)) < 0.25
        for lag in (1, 3, 7, 20):
            correlation = np.mean(found[:, lag:] * found[:, :-lag]) / np.mean(found**2)
            assert correlation == pytest.approx(math.exp(-lag * step / memory), abs=0.06)


def test_spectral_diffusion_moves_like_a_random_walk_inside_a_cell_and_across_its_ends() -> None:
    noise = SpectralDiffusion(4, 3.0, 10.0)
    step = 0.3
    moves = np.diff(noise.detuning(step * np.arange(30000.0)))
    assert np.var(moves) == pytest.approx(2.0 * 9.0 * -math.expm1(-step / 10.0), rel=0.05)
    ends = 20.0 * np.arange(1.0, 400.0)
    over = noise.detuning(ends + 0.15) - noise.detuning(ends - 0.15)
    assert np.var(over) == pytest.approx(2.0 * 9.0 * -math.expm1(-step / 10.0), rel=0.25)


def test_noise_does_not_depend_on_who_looked_before() -> None:
    times = np.array([3.2, 700.1, 700.2, 15.0, 4000.7])

    def fresh() -> tuple[SpectralDiffusion, TelegraphBlinking, PathNoise]:
        return SpectralDiffusion(1, 3.0, 10.0), TelegraphBlinking(1, 0.5, 0.1), PathNoise(1, WAVELENGTH, walk=0.1)

    diffusion, blinking, path = fresh()
    at_once = [diffusion.detuning(times), blinking.on(times), path.phase(times)]
    diffusion, blinking, path = fresh()
    for t in np.linspace(4500.0, 0.0, 300):
        diffusion.detuning(np.array([t])), blinking.on(np.array([t])), path.phase(np.array([t]))
    one_by_one = [np.array([f(np.array([t]))[0] for t in times]) for f in (diffusion.detuning, blinking.on, path.phase)]
    for first, second in zip(at_once, one_by_one, strict=True):
        assert np.array_equal(first, second)
    assert not np.array_equal(SpectralDiffusion(2, 3.0, 10.0).detuning(times), at_once[0])


def test_a_telegraph_keeps_its_mean_dwell_times_and_their_exponential_spread() -> None:
    blinking = TelegraphBlinking(7, 0.5, 0.1)
    changes = np.array(blinking.breaks(0.0, 3000.0))
    dwells = np.diff(changes)
    middle_on = blinking.on(changes[:-1] + dwells / 2.0)
    assert np.all(middle_on[1:] != middle_on[:-1])
    for state, mean in ((True, 0.5), (False, 0.1)):
        here = dwells[middle_on == state]
        assert np.mean(here) == pytest.approx(mean, rel=5.0 / math.sqrt(len(here)))
        assert np.mean(here > mean) == pytest.approx(math.exp(-1.0), abs=0.03)


def test_the_share_of_bright_time_is_exact_between_any_edges() -> None:
    blinking = TelegraphBlinking(7, 0.5, 0.1, start=3.0)
    edges = np.array([3.0, 3.4, 7.0, 7.0625, 90.0])
    fine = np.linspace(3.0, 90.0, 400001)
    on = blinking.on((fine[1:] + fine[:-1]) / 2.0)
    middles = (fine[1:] + fine[:-1]) / 2.0
    for low, high, share in zip(edges[:-1], edges[1:], blinking.share(edges), strict=True):
        assert share == pytest.approx(np.mean(on[(middles > low) & (middles < high)]), abs=6e-3)
    lasting = TelegraphBlinking(7, 0.5, 0.0)
    assert lasting.share(edges).tolist() == [1.0] * 4
    assert lasting.breaks(0.0, 1e3) == []
    assert np.all(lasting.on(edges))


def test_about_half_of_all_seeds_begin_dark_when_both_dwell_times_are_equal() -> None:
    bright = [bool(TelegraphBlinking(seed, 1.0, 1.0).on(np.zeros(1))[0]) for seed in range(200)]
    assert 0.35 < np.mean(bright) < 0.65


def test_the_walk_of_the_phase_grows_with_the_square_root_of_time() -> None:
    paths = [PathNoise(seed, WAVELENGTH, walk=0.1) for seed in range(60)]
    for lag in (0.01, 0.3, 5.0):
        starts = (lag + 0.037) * np.arange(40.0)
        moves = np.concatenate([path.phase(starts + lag) - path.phase(starts) for path in paths])
        assert np.std(moves) == pytest.approx(0.1 * math.sqrt(lag), rel=0.08)
    assert paths[0].phase(np.zeros(1))[0] == 0.0
    later = PathNoise(1, WAVELENGTH, drift=0.02, walk=0.1, start=50.0)
    assert later.phase(np.array([50.0]))[0] == 0.0
    assert later.phase(np.array([60.0]))[0] == pytest.approx(
        PathNoise(1, WAVELENGTH, drift=0.02, walk=0.1).phase(np.array([10.0]))[0]
    )


def test_the_acoustic_line_stands_at_its_frequency_with_its_rms() -> None:
    path = PathNoise(3, WAVELENGTH, acoustic=0.1, acoustic_frequency=97.0)
    phase = path.phase(np.arange(20000.0) * 1e-3)
    power = np.abs(np.fft.rfft(phase)) ** 2
    assert np.argmax(power) * 0.05 == pytest.approx(97.0)
    assert np.std(phase) == pytest.approx(0.1, rel=1e-3)


def test_a_drift_is_steady_and_has_the_sign_of_its_seed() -> None:
    drifts = [PathNoise(seed, WAVELENGTH, drift=0.02) for seed in range(40)]
    assert {round(path.drift, 9) for path in drifts} == {0.02, -0.02}
    phase = drifts[0].phase(np.array([0.0, 10.0, 110.0]))
    assert (phase[2] - phase[1]) == pytest.approx(10.0 * (phase[1] - phase[0]))


def test_one_turn_of_the_phase_is_one_period_of_light_and_half_a_wavelength_of_mirror_travel() -> None:
    path = PathNoise(1, WAVELENGTH, drift=2.0 * math.pi)
    t = np.array([1.0])
    assert abs(path.delay_error(t)[0]) == pytest.approx(2.3234e-3, rel=1e-4)
    travel = DelayScale(passes=2, air_index=1.0).travel(path.delay_error(t)[0]) * 1e3
    assert abs(travel) == pytest.approx(WAVELENGTH * 1e-3 / 2.0, rel=1e-9)


def test_a_gaussian_pulse_has_the_field_autocorrelation_of_its_spectrum() -> None:
    tau = np.array([0.0, 0.5, 2.0, -2.0, 4.0, 50.0])
    s = 2.0 / math.sqrt(2.0 * math.log(2.0))
    assert Pulse(2.0).autocorrelation(tau) == pytest.approx(np.exp(-(tau**2) / (2.0 * s**2)), abs=1e-6)


def test_sech_and_rectangular_pulses_have_their_own_autocorrelations() -> None:
    x = np.array([0.3, 1.0, 3.0]) / (2.0 / (2.0 * math.acosh(math.sqrt(2.0))))
    assert Pulse(2.0, "sech2").autocorrelation(np.array([0.3, 1.0, 3.0])) == pytest.approx(x / np.sinh(x), abs=1e-5)
    assert Pulse(2.0, "rect").autocorrelation(np.array([0.0, 0.5, 1.5, 3.0])) == pytest.approx(
        [1.0, 0.75, 0.25, 0.0], abs=1e-3
    )


def test_both_ports_share_the_light_and_the_reference_laser_never_loses_its_fringes() -> None:
    tau = np.linspace(-3.0, 3.0, 10001)
    sample, monitor = (LaserFringes(WAVELENGTH, Pulse(2.0), port).factor(tau, 0.9) for port in (1, -1))
    assert sample + monitor == pytest.approx(np.full(len(tau), 2.0))
    assert LaserFringes(WAVELENGTH, Pulse(2.0), 1).factor(np.zeros(1), 0.9)[0] == pytest.approx(1.9)
    reference = LaserFringes(632.816, None, -1).factor(tau + 40.0, 0.9)
    assert np.max(reference) == pytest.approx(1.9, abs=1e-2)
    assert np.min(reference) == pytest.approx(0.1, abs=1e-2)
    assert balance_visibility(1.0) == 1.0
    assert balance_visibility(0.9) == pytest.approx(0.99861, abs=1e-5)


def test_arrivals_are_poissonian_with_the_rate_of_their_cell() -> None:
    rng = np.random.default_rng(5)
    rates = 2e4 * (1.0 + 0.9 * np.cos(np.arange(400) * 0.3))
    rates[100:120] = 0.0
    step = 0.25e-3
    runs = [arrivals(rng, rates, step, begin=5e9) for _ in range(400)]
    edges = 5e9 + step * 1e12 * np.arange(401)
    counts = np.array([np.histogram(run, edges)[0] for run in runs])
    expected = rates * step
    assert all(np.all(np.diff(run) >= 0.0) for run in runs)
    assert np.sum(counts) == sum(len(run) for run in runs)
    assert np.all(counts[:, 100:120] == 0)
    lit = expected > 0.3
    pulls = (counts.mean(axis=0) - expected)[lit] / np.sqrt(expected[lit] / 400)
    assert np.std(pulls) == pytest.approx(1.0, abs=0.15)
    assert np.mean(counts.var(axis=0)[lit] / expected[lit]) == pytest.approx(1.0, abs=0.03)
    totals = counts.sum(axis=1)
    assert np.var(totals) / np.mean(totals) == pytest.approx(1.0, abs=0.25)


def test_arrivals_are_uniform_inside_a_cell_and_their_gaps_exponential() -> None:
    times = arrivals(np.random.default_rng(6), np.full(40000, 2e4), 0.25e-3)
    gaps = np.diff(times) * 1e-12
    assert np.mean(gaps) == pytest.approx(5e-5, rel=0.01)
    assert np.std(gaps) == pytest.approx(5e-5, rel=0.01)
    inside = np.mod(times, 0.25e9) / 0.25e9
    assert np.histogram(inside, 10, (0.0, 1.0))[0] == pytest.approx(np.full(10, len(times) / 10), rel=0.04)


def test_no_rate_gives_no_arrival_and_a_negative_one_is_refused() -> None:
    rng = np.random.default_rng(0)
    assert len(arrivals(rng, np.empty(0), 1e-3)) == len(arrivals(rng, np.zeros(5), 1e-3)) == 0
    for bad in (-1.0, math.nan):
        with pytest.raises(UsageError, match="no rate"):
            arrivals(rng, np.array([1.0, bad]), 1e-3)


def test_a_minute_on_a_fine_grid_takes_little_time() -> None:
    times = 0.25e-3 * np.arange(240_000.0)
    path, diffusion = PathNoise(1, WAVELENGTH, drift=0.02, walk=0.1, acoustic=0.1), SpectralDiffusion(1, 3.0, 10.0)
    arrivals(np.random.default_rng(1), np.ones(1), 1.0)
    begin = time.perf_counter()
    path.phase(times), diffusion.detuning(times)
    arrivals(np.random.default_rng(1), np.full(len(times), 2e4), 0.25e-3)
    assert time.perf_counter() - begin < 1.0


def test_impossible_noise_is_refused() -> None:
    with pytest.raises(UsageError, match="memory 0"):
        SpectralDiffusion(1, 3.0, 0.0)
    with pytest.raises(UsageError, match="on_time 0"):
        TelegraphBlinking(1, 0.0, 1.0)
    with pytest.raises(UsageError, match="ports 1 and -1"):
        LaserFringes(WAVELENGTH, None, 2)
