"""Two pulses and one dot: linear response and Bloch equations against textbook limits."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from scipy.optimize import curve_fit
from scipy.special import erfc

from perovskite_meas.core.errors import UsageError
from perovskite_meas.sim.world.michelson.pulse import Pulse
from perovskite_meas.sim.world.michelson.response import HBAR, Line, TwoPulse

T1, T2 = 200.0, 11.12
LINE, PULSE = Line(T2, T1), Pulse(2.0)


def visibility(response: TwoPulse, tau: float, area: float) -> float:
    found = response.pair(tau, area, area)
    return abs(found.first) / found.mean


def fitted(taus: np.ndarray, values: np.ndarray) -> float:
    found, _ = curve_fit(lambda t, a, t2: a * np.exp(-t / t2), taus, values, p0=(0.9, 10.0))
    return float(found[1])


@pytest.mark.parametrize("shape", ["gauss", "sech2", "rect"])
@pytest.mark.parametrize("line", [LINE, Line(T2, T1, 0.3, 0.5)], ids=["single", "doublet"])
def test_bloch_equations_and_linear_response_agree_for_weak_pulses(shape: str, line: Line) -> None:
    pulse, area = Pulse(2.0, shape), 0.003
    bloch, linear = (TwoPulse(line, pulse, kind, laser_offset=50.0) for kind in ("bloch", "linear"))
    for tau in (-5.0, -0.7, 0.0, 0.5, 2.0, 4.0, 7.3, 20.0, 39.0):
        strong, weak = bloch.pair(tau, area, 0.7 * area, 20.0), linear.pair(tau, area, 0.7 * area, 20.0)
        assert strong.mean == pytest.approx(weak.mean, rel=2e-5)
        assert abs(strong.first - weak.first) < 2e-5 * weak.mean
        assert abs(strong.second) < 2e-5 * weak.mean
        assert weak.second == 0.0


def test_a_weak_short_pulse_excites_with_a_quarter_of_its_area_squared() -> None:
    for kind in ("bloch", "linear"):
        short = TwoPulse(LINE, Pulse(0.02), kind)
        assert short.single(0.01) == pytest.approx(0.25e-4, rel=2e-3)


@pytest.mark.parametrize("kind", ["bloch", "linear"])
def test_the_visibility_decays_with_t2_once_the_pulses_are_apart(kind: str) -> None:
    response = TwoPulse(LINE, PULSE, kind)
    early, late = visibility(response, 12.0, 0.01), visibility(response, 39.0, 0.01)
    assert math.log(early / late) == pytest.approx(27.0 / T2, rel=1e-4)


@pytest.mark.parametrize("kind", ["bloch", "linear"])
def test_a_doublet_beats_at_h_over_the_splitting_with_the_ratio_of_its_strengths(kind: str) -> None:
    splitting, ratio = 0.3, 0.5
    doublet, single = (TwoPulse(line, Pulse(0.1), kind) for line in (Line(T2, T1, splitting, ratio), LINE))
    period = 4.135667696 / splitting
    for tau in (0.5 * period, period, 1.3 * period, 2.0 * period):
        turning = abs(1.0 + ratio * np.exp(2j * math.pi * tau / period)) / (1.0 + ratio)
        assert visibility(doublet, tau, 0.01) == pytest.approx(visibility(single, tau, 0.01) * turning, rel=2e-3)


def test_strong_short_pulses_follow_the_closed_form_at_every_phase() -> None:
    response = TwoPulse(LINE, Pulse(0.004))
    for area in (0.1 * math.pi, math.pi / 2.0, 2.5):
        for tau in (3.0, 12.0, 39.0):
            found = response.pair(tau, area, area)
            for phase in (0.0, 0.7, 1.6, 3.0, 4.4):
                w1 = -math.cos(area)
                rest = -1.0 + (w1 + 1.0) * math.exp(-tau / T1)
                w2 = rest * math.cos(area) + math.sin(area) ** 2 * math.exp(-tau / T2) * math.cos(phase)
                expected = (w1 + 1.0) / 2.0 * (1.0 - math.exp(-tau / T1)) + (w2 + 1.0) / 2.0
                turn = np.exp(1j * phase)
                made = found.mean + (found.first * turn).real + (found.second * turn**2).real
                assert made == pytest.approx(expected, abs=5e-4)


def test_a_slow_detuning_turns_the_phase_and_hardly_changes_the_size() -> None:
    response = TwoPulse(LINE, PULSE)
    for tau in (12.0, -12.0, 39.0):
        for detuning in (3.0, -40.0):
            rest, shifted = (response.pair(tau, 0.1, 0.1, delta) for delta in (0.0, detuning))
            assert np.angle(shifted.first / rest.first) == pytest.approx(
                detuning * tau / HBAR, abs=2e-2 * abs(detuning) / 40
            )
            assert abs(shifted.first) == pytest.approx(abs(rest.first), rel=1e-2)


def test_a_laser_far_from_the_line_excites_less_and_keeps_the_line_s_own_phase() -> None:
    resonant, off = TwoPulse(LINE, PULSE), TwoPulse(LINE, PULSE, laser_offset=400.0)
    assert off.single(0.1) < 0.7 * resonant.single(0.1)
    early, late = off.pair(20.0, 0.1, 0.1).first, off.pair(39.0, 0.1, 0.1).first
    assert np.angle(late / early) == pytest.approx(0.0, abs=1e-3)


def test_a_negative_delay_exchanges_the_arms() -> None:
    response = TwoPulse(Line(T2, T1, 0.3, 0.5), PULSE, laser_offset=30.0)
    before, after = response.pair(-7.0, 0.8, 0.3, 5.0), response.pair(7.0, 0.3, 0.8, 5.0)
    assert before.mean == pytest.approx(after.mean, rel=1e-9)
    assert before.first == pytest.approx(after.first.conjugate(), rel=1e-6)


@pytest.mark.parametrize("duration", [0.02, 2.0], ids=["short", "2 ps"])
def test_a_naive_exponential_of_strong_pulses_comes_out_short(duration: float) -> None:
    taus = np.linspace(4.0, 39.0, 20)
    biases = []
    for lifetime in (200.0, 100.0, 60.0):
        response = TwoPulse(Line(T2, lifetime), Pulse(duration))
        weak, strong = (
            fitted(taus, np.array([visibility(response, t, area) for t in taus]))
            for area in (0.1 * math.pi, math.pi / 2)
        )
        assert weak == pytest.approx(T2, rel=0.005)
        biases.append(strong / weak - 1.0)
    assert -0.14 < biases[2] < biases[1] < biases[0] < -0.03


def test_a_pulse_as_long_as_the_first_delays_makes_a_naive_exponential_long() -> None:
    taus = np.linspace(0.0, 39.0, 20)
    biases = []
    for duration in (2.0, 4.0, 6.0):
        response = TwoPulse(LINE, Pulse(duration))
        biases.append(fitted(taus, np.array([visibility(response, t, 0.05) for t in taus])) / T2 - 1.0)
    assert 0.02 < biases[0] < 0.12
    assert 0.12 < biases[1] < 0.22
    assert 0.22 < biases[2] < 0.36


def test_finite_gaussian_pulses_match_the_closed_convolution() -> None:
    response, s = TwoPulse(LINE, Pulse(4.0), "linear"), 4.0 / math.sqrt(2.0 * math.log(2.0))
    root, a = math.sqrt(2.0), s / T2

    def closed(t: float) -> float:
        decay, growth = math.exp(-t / T2), math.exp(t / T2)
        return decay * float(erfc((a - t / s) / root)) + growth * float(erfc((a + t / s) / root))

    for tau in (0.0, 1.0, 3.0, 8.0, 25.0):
        found = visibility(response, tau, 0.1) / visibility(response, 0.0, 0.1)
        assert found == pytest.approx(closed(tau) / closed(0.0), rel=1e-6)


def test_a_blocked_arm_leaves_the_answer_of_a_single_pulse() -> None:
    response = TwoPulse(LINE, PULSE)
    for found in (response.pair(12.0, 0.9, 0.0), response.pair(12.0, 0.0, 0.9)):
        assert found.mean == pytest.approx(response.single(0.9), rel=1e-6)
        assert found.first == found.second == 0.0
    assert response.pair(12.0, 0.0, 0.0).mean == 0.0
    assert response.single(math.pi) > 3.0 * response.single(math.pi / 4.0)


def test_the_curve_is_the_pair_at_every_point() -> None:
    rng = np.random.default_rng(3)
    response = TwoPulse(Line(T2, T1, 0.3, 0.5), PULSE, laser_offset=30.0)
    tau, detuning = rng.uniform(-5.0, 39.0, 50), rng.uniform(-30.0, 30.0, 50)
    for area in (0.1 * math.pi, 2.0):
        curves = response.curve(tau, area, 0.9 * area, detuning)
        pairs = [response.pair(t, area, 0.9 * area, d) for t, d in zip(tau.tolist(), detuning.tolist(), strict=True)]
        for curve, exact in zip(curves, np.array([(p.mean, p.first, p.second) for p in pairs]).T, strict=True):
            assert np.max(np.abs(curve - exact)) < 1e-4 * np.mean(curves[0])
    mean, first, second = response.curve(np.empty(0), 0.1, 0.1)
    assert len(mean) == len(first) == len(second) == 0


def test_a_new_delay_takes_no_time_to_speak_of_and_an_old_one_none() -> None:
    response = TwoPulse(Line(T2, T1, 0.3, 0.5), PULSE)
    response.pair(1.0, 0.3, 0.3)
    begin = time.perf_counter()
    for tau in range(20):
        response.pair(float(tau), 0.31, 0.3)
    assert time.perf_counter() - begin < 20 * 0.03
    assert response.pair(7.0, 0.31, 0.3) is response.pair(7.0, 0.31, 0.3)


def test_impossible_lines_and_pulses_are_refused() -> None:
    with pytest.raises(UsageError, match="never above 2 T1"):
        Line(50.0, 20.0)
    with pytest.raises(UsageError, match="gauss, sech2, rect"):
        Pulse(2.0, "square")
    with pytest.raises(UsageError, match="bloch or linear"):
        TwoPulse(LINE, PULSE, "quantum")
