"""Power laws of dwell times counted in bins."""

import numpy as np
import pytest

from perovskite_meas.core.errors import UsageError
from perovskite_meas.photons.dwells import Dwells, dwells_of, fit_power_law, log_log_slope, survival


def drawn(rng: np.random.Generator, exponent: float, cutoff: float, count: int) -> np.ndarray:
    """Draw continuous dwell times of at least one bin, by rejection."""
    found = np.empty(0)
    while len(found) < count:
        tried = (1 - rng.random(2 * count)) ** (-1 / (exponent - 1))
        found = np.concatenate([found, tried[rng.random(len(tried)) < np.exp(-(tried - 1) / cutoff)]])
    return found[:count]


def counted(rng: np.random.Generator, times: np.ndarray, height: float) -> np.ndarray:
    """Count dwells in bins of random phase that are on where more than `height` of them is covered."""
    phase = rng.random(len(times))
    edges = np.ceil(phase + times - height) - np.ceil(phase - 1 + height)
    return edges[edges >= 1].astype(np.int64)


@pytest.mark.parametrize(("exponent", "cutoff", "height"), [(1.5, 2000, 0.35), (1.7, 5000, 0.7), (1.2, 500, 0.5)])
def test_exponents_have_pulls_of_unit_width_whatever_the_height_of_the_threshold(
    exponent: float, cutoff: float, height: float
) -> None:
    pulls = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        lengths = counted(rng, drawn(rng, exponent, cutoff, 3000), height)
        end = rng.exponential(20_000, len(lengths)).astype(np.int64) + 1
        found = fit_power_law(Dwells(lengths[lengths < end], end[lengths >= end]), shift=2 * height - 1)
        pulls.append((found.exponent - exponent) / found.exponent_sigma)
    assert 0.75 < np.std(pulls) < 1.3
    assert abs(np.mean(pulls)) < 0.4


def test_the_cut_off_is_recovered() -> None:
    rng = np.random.default_rng(0)
    lengths = counted(rng, drawn(rng, 1.5, 300, 20_000), 0.5)
    found = fit_power_law(Dwells(lengths, np.empty(0, np.int64)))
    assert found.cutoff is not None
    assert found.cutoff_sigma is not None
    assert abs(found.cutoff - 300) < 3 * found.cutoff_sigma < 75


def test_a_pure_power_law_has_no_cut_off() -> None:
    rng = np.random.default_rng(1)
    lengths = counted(rng, drawn(rng, 2.2, 1e12, 4000), 0.5)
    found = fit_power_law(Dwells(lengths, np.empty(0, np.int64)))
    assert found.cutoff is None
    assert abs(found.exponent - 2.2) < 4 * found.exponent_sigma


def test_leaving_out_the_cut_dwells_shortens_the_cut_off() -> None:
    rng = np.random.default_rng(2)
    lengths = counted(rng, drawn(rng, 1.5, 2000, 20_000), 0.5)
    end = rng.exponential(1000, len(lengths)).astype(np.int64) + 1
    whole = fit_power_law(Dwells(lengths[lengths < end], end[lengths >= end]))
    naive = fit_power_law(Dwells(lengths[lengths < end], np.empty(0, np.int64)))
    assert whole.cutoff is not None
    assert naive.cutoff is not None
    assert abs(whole.cutoff - 2000) < 4 * (whole.cutoff_sigma or 0)
    assert naive.cutoff < 0.7 * 2000


def test_the_straight_line_through_the_logarithms_is_far_off() -> None:
    rng = np.random.default_rng(3)
    lengths = counted(rng, drawn(rng, 1.5, 2000, 8000), 0.5)
    slope, sigma = log_log_slope(Dwells(lengths, np.empty(0, np.int64)))
    assert abs(slope - 1.5) > 0.3
    assert abs(slope - 1.5) > 10 * sigma


def test_dwells_at_the_borders_are_left_out_or_cut() -> None:
    on, off = dwells_of(
        [np.array([1, 1, 0, 0, 0, 1, 0, 0], bool), np.array([0, 1, 1], bool), np.array([1, 1, 1], bool)]
    )
    assert on.complete.tolist() == [1]
    assert off.complete.tolist() == [3]
    assert on.censored.tolist() == [2]
    assert off.censored.tolist() == [2]


def test_probabilities_add_up_to_one() -> None:
    rng = np.random.default_rng(4)
    lengths = counted(rng, drawn(rng, 1.5, 300, 5000), 0.5)
    law = fit_power_law(Dwells(lengths, np.empty(0, np.int64)))
    at = np.arange(3, 400)
    lasting = survival(law, at)
    assert lasting[0] == pytest.approx(1.0)
    assert np.all(np.diff(lasting) < 0)
    seen = np.array([(lengths >= k).mean() for k in (10, 100)]) / (lengths >= 3).mean()
    assert survival(law, [10, 100]) == pytest.approx(seen, rel=0.12)


def test_too_few_dwells_and_a_shift_beyond_a_bin_are_refused() -> None:
    few = Dwells(np.full(10, 5), np.empty(0, np.int64))
    with pytest.raises(UsageError, match="10 dwells of at least 3 bins"):
        fit_power_law(few)
    with pytest.raises(UsageError, match="between -1 and 1"):
        fit_power_law(few, shift=1.0)
