"""Photons folded by the trigger of every ramp."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from perovskite_meas.core.errors import HardwareFault, UsageError
from perovskite_meas.core.tags import Tags
from perovskite_meas.photons import fold_ramps
from perovskite_meas.photons.ramps import fold_sweeps, ramp_cycles

TRIGGER, SIGNAL = 2, 0
PERIOD, FORWARD, POINTS = 0.160, 0.128, 64
MS = 1_000_000_000
"""ps."""


def recording(triggers: NDArray[np.int64], photons: NDArray[np.int64], duration: int) -> Tags:
    """Return a merged recording in the order of arrival."""
    times = np.concatenate([triggers, photons]).astype(np.int64)
    channels = np.repeat(np.array([TRIGGER, SIGNAL], np.uint8), [len(triggers), len(photons)])
    order = np.argsort(times, kind="stable")
    return Tags(times[order], channels[order], duration)


def comb(first: int, number: int, pitch: int = 160 * MS) -> NDArray[np.int64]:
    return first + pitch * np.arange(number, dtype=np.int64)


def folded(tags: Tags, most: int = 25, skip: int = 0) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    return fold_ramps(tags, TRIGGER, SIGNAL, PERIOD, FORWARD, POINTS, most, skip=skip)


def test_every_photon_of_every_sweep_falls_into_the_point_in_which_it_came() -> None:
    rng = np.random.default_rng(1)
    triggers, photons = comb(37 * MS, 26), np.sort(rng.integers(0, 26 * 160 * MS, 40_000))
    counts, starts = folded(recording(triggers, photons, 26 * 160 * MS))
    slow = np.zeros((25, POINTS), np.int64)
    for photon in photons.tolist():
        for sweep, start in enumerate(triggers[:25].tolist()):
            if start <= photon < start + 128 * MS:
                slow[sweep, (photon - start) // (2 * MS)] += 1
    np.testing.assert_array_equal(counts, slow)
    np.testing.assert_allclose(starts, triggers[:25] * 1e-12)


def test_points_are_half_open_to_the_picosecond() -> None:
    start = 10 * MS
    edges = start + 2 * MS * np.array([0, 1, 2, 64])
    photons = np.sort(np.concatenate([edges - 1, edges]))
    counts, _ = folded(recording(comb(start, 3), photons, 3 * 160 * MS))
    expected = np.zeros(POINTS, np.int64)
    expected[[0, 1, 2, 63]] = [2, 2, 1, 1]
    np.testing.assert_array_equal(counts[0], expected)


def test_points_of_a_span_that_does_not_divide_differ_by_one_picosecond_at_most() -> None:
    photons = np.arange(1000, dtype=np.int64)
    tags = recording(np.empty(0, np.int64), photons, 2000)
    counts = fold_sweeps(tags, SIGNAL, np.array([0], np.int64), 1000e-12, 7)
    assert counts.sum() == 1000
    assert set(counts[0].tolist()) == {142, 143}


def test_cycles_that_the_recording_cuts_are_left_out() -> None:
    duration = 10 * 160 * MS
    counts, starts = folded(recording(comb(100 * MS, 10), np.empty(0, np.int64), duration))
    assert len(starts) == 9, "the last forward part ends after the recording"
    whole = recording(comb(10 * MS, 10), np.empty(0, np.int64), duration)
    assert len(folded(whole)[1]) == 10, "only the way back is cut"
    assert counts.shape == (9, POINTS)


def test_no_more_sweeps_than_asked_for_and_the_first_ones_can_be_skipped() -> None:
    tags = recording(comb(1 * MS, 30), np.empty(0, np.int64), 30 * 160 * MS)
    assert len(folded(tags, most=12)[1]) == 12
    assert folded(tags, most=12, skip=2)[1][0] == pytest.approx(0.321)


def test_a_missing_trigger_costs_its_sweep_alone() -> None:
    triggers = np.delete(comb(20 * MS, 20), [4, 11])
    cycles = ramp_cycles(recording(triggers, np.empty(0, np.int64), 20 * 160 * MS), TRIGGER, PERIOD, FORWARD, 25)
    assert cycles.missing == 2
    assert cycles.extra == 0
    np.testing.assert_array_equal(cycles.starts, triggers)


@pytest.mark.parametrize("lost", [0, 19])
def test_a_trigger_missing_at_either_end_is_counted_too(lost: int) -> None:
    triggers = np.delete(comb(20 * MS, 20), lost)
    tags = recording(triggers, np.empty(0, np.int64), 20 * 160 * MS)
    assert ramp_cycles(tags, TRIGGER, PERIOD, FORWARD, 25).missing == 1


def test_triggers_between_the_teeth_and_twice_on_a_tooth_are_left_out() -> None:
    good = comb(20 * MS, 20)
    rng = np.random.default_rng(2)
    between, echo = rng.integers(0, 20 * 160 * MS, 9), good[::3] + 5_000_000
    tags = recording(np.concatenate([good, between, echo]), np.empty(0, np.int64), 20 * 160 * MS)
    cycles = ramp_cycles(tags, TRIGGER, PERIOD, FORWARD, 25)
    assert cycles.extra == len(between) + len(echo)
    np.testing.assert_array_equal(cycles.starts, good)


def test_a_controller_whose_clock_is_off_by_a_percent_is_followed_over_a_thousand_cycles() -> None:
    rng = np.random.default_rng(3)
    triggers = comb(5 * MS, 1000, 161_600_000_000) + rng.integers(-2_000_000, 2_000_000, 1000)
    tags = recording(triggers, np.empty(0, np.int64), int(triggers[-1]) + 160 * MS)
    cycles = ramp_cycles(tags, TRIGGER, PERIOD, FORWARD, 2000)
    np.testing.assert_array_equal(cycles.starts, triggers)
    assert (cycles.missing, cycles.extra) == (0, 0)


def test_one_trigger_is_one_sweep() -> None:
    tags = recording(comb(3 * MS, 1), np.array([4 * MS]), 140 * MS)
    counts, starts = folded(tags)
    assert counts[0, 0] == 1
    assert starts.tolist() == [0.003]


@pytest.mark.parametrize(
    ("triggers", "says"),
    [
        (np.empty(0, np.int64), "no trigger on input 2 of the tagger in a recording of 1.6 s"),
        (comb(0, 500, 3 * MS), "noise, a wrong trigger level, or a detector is plugged in there"),
        (comb(0, 20, 80 * MS + 7 * MS), "come every 87 ms, but a cycle of the fine axis takes 160 ms"),
        (comb(0, 10)[[0, 1, 9]], "7 of 10 cycles of 160 ms have no trigger on input 2"),
    ],
)
def test_triggers_that_tell_no_cycles_are_refused_with_what_to_look_at(triggers: NDArray[np.int64], says: str) -> None:
    with pytest.raises(HardwareFault, match=says):
        folded(recording(triggers, np.empty(0, np.int64), 10 * 160 * MS))


def test_sweeps_that_cannot_be_are_refused() -> None:
    tags = recording(comb(0, 3), np.empty(0, np.int64), 480 * MS)
    with pytest.raises(UsageError, match="the used part is above 0 and at most the cycle"):
        fold_ramps(tags, TRIGGER, SIGNAL, PERIOD, 0.2, POINTS, 3)
    with pytest.raises(UsageError, match="no sweep may begin before the last one has ended"):
        fold_sweeps(tags, SIGNAL, comb(0, 3), 0.2, POINTS)


def test_times_of_a_ramp_are_seconds_or_text_with_a_unit() -> None:
    tags = recording(comb(0, 3), np.array([4 * MS]), 480 * MS)
    for period, forward in ((0.16, 0.128), ("160 ms", "0.128 s"), ("0.16 s", 0.128)):
        counts, _ = fold_ramps(tags, TRIGGER, SIGNAL, period, forward, POINTS, 3)
        assert (counts.shape, counts.sum(), counts[0, 2]) == ((3, POINTS), 1, 1)
    for period, says in (("160 nm", "cannot be expressed in s"), (None, "is not a quantity in s")):
        with pytest.raises(UsageError, match=says):
            fold_ramps(tags, TRIGGER, SIGNAL, period, 0.128, POINTS, 3)  # type: ignore[arg-type]
    for period, forward in ((160 * MS, 128 * MS), (float("nan"), 0.1), (0.16, float("nan"))):
        with pytest.raises(UsageError, match="write these times in s or with a unit such as '160 ms'"):
            fold_ramps(tags, TRIGGER, SIGNAL, period, forward, POINTS, 3)
    with pytest.raises(UsageError, match="at least one point"):
        fold_sweeps(tags, SIGNAL, comb(0, 3), 128 * MS, POINTS)
