"""Photons counted while an axis ran to and fro: folded into sweeps and points by the trigger of every cycle."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.errors import HardwareFault, UsageError
from ..core.tags import Tags, Times
from ..core.units import show, to_unit

_LOOSE = 0.02
"""Share of a cycle by which the controller's cycle may differ from what it was told."""
_TIGHT = 0.002
"""Share of a cycle by which a trigger may come beside its tooth."""
_SOME = 64
"""Triggers at the beginning that tell the comb."""
_LONGEST = 1e5
"""s: what is longer was given in ps."""
_PS = 1e12


class Cycles(NamedTuple):
    """The cycles of a recording whose forward part lies wholly inside it."""

    starts: Times
    """ps from the start of the recording, rising, shape (n,)."""
    missing: int
    """Complete cycles left out because their trigger was not heard."""
    extra: int
    """Tags on the trigger input that start no cycle."""


def fold_ramps(
    tags: Tags,
    trigger: int,
    signal: int,
    period: float | str,
    forward: float | str,
    points: int,
    max_sweeps: int,
    *,
    skip: int = 0,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the photons of every sweep and point, and when each sweep began.

    Args:
        tags: one recording, in any order.
        trigger: input that hears the start of every cycle.
        signal: input whose photons are counted.
        period: of a cycle, in s, or text with its unit ("160 ms").
        forward: how much of a cycle, from its start, is counted; likewise.
        points: into which `forward` is cut.
        max_sweeps: later cycles are left out.
        skip: so many of the first cycles are left out, too.

    Returns:
        Counts int64, shape (sweeps, points), sweeps <= `max_sweeps`; and the starts in s from the start of the
        recording, shape (sweeps,).

    Raises:
        UsageError: sweeps that cannot be.
        HardwareFault: see `ramp_cycles`.
    """
    starts = ramp_cycles(tags, trigger, period, forward, max_sweeps, skip=skip).starts
    return fold_sweeps(tags, signal, starts, forward, points), starts / _PS


def ramp_cycles(
    tags: Tags, trigger: int, period: float | str, forward: float | str, max_sweeps: int, *, skip: int = 0
) -> Cycles:
    """Return the complete cycles of a recording, as their triggers tell.

    The triggers must stand like the teeth of a comb, whose pitch may differ from `period` by 2 %; what stands between
    the teeth, or a second time on the same tooth, is an extra. A cycle that was running when the recording began or
    ended is left out, and so is one without a trigger.

    Raises:
        UsageError: sweeps that cannot be.
        HardwareFault: no trigger, far too many, of another pitch, or more cycles without one than with one.
    """
    period, forward = to_unit(period, "s"), to_unit(forward, "s")
    if not 0 < forward <= period < _LONGEST or max_sweeps < 1 or skip < 0:
        raise UsageError(
            f"cycles of {period:g} s of which {forward:g} s are used, at most {max_sweeps} without the first {skip}: "
            f"the used part is above 0 and at most the cycle, at least one is used, and no cycle takes {_LONGEST:g} s; "
            "write these times in s or with a unit such as '160 ms'"
        )
    times = np.sort(tags.of(trigger)).astype(np.float64)
    length, cycle, used = float(tags.duration), period * _PS, forward * _PS
    _plausible(len(times), length, cycle, trigger, period)
    pitch, first = _comb(times, cycle, trigger)
    chosen, numbers = _teeth(times, first, pitch)
    starts = times[chosen]
    complete = starts + used <= length
    lowest = math.ceil(_LOOSE - starts[0] / pitch)
    highest = math.floor((length - used - starts[0]) / pitch - _LOOSE)
    missing = len(np.setdiff1d(np.arange(lowest, highest + 1), numbers))
    if missing > np.count_nonzero(complete):
        raise HardwareFault(
            f"{missing} of {missing + np.count_nonzero(complete)} cycles of {show(period, 's')} have no trigger on "
            f"input {trigger} of the tagger: check the level of that input and the cable to the controller of the fine "
            "axis"
        )
    kept = starts[complete][skip : skip + max_sweeps]
    return Cycles(kept.astype(np.int64), missing, len(times) - len(starts))


def fold_sweeps(tags: Tags, channel: int, starts: Times, forward: float | str, points: int) -> NDArray[np.int64]:
    """Return the photons of one input by sweep and point.

    A photon x ps after the start of a sweep belongs to point floor(points x / forward), in whole numbers: points are
    half-open, [0, forward/points) is the first.

    Args:
        tags: one recording, in any order.
        channel: input.
        starts: of the sweeps, ps, rising, shape (n,).
        forward: how much of each sweep is counted, in s or with its unit.
        points: into which they are cut.

    Returns:
        Counts, int64, shape (n, points).

    Raises:
        UsageError: sweeps that overlap, or no point.
    """
    seconds = to_unit(forward, "s")
    span = round(seconds * _PS) if 0 < seconds < _LONGEST else 0
    if points < 1 or span < points or (len(starts) > 1 and int(np.diff(starts).min()) < span):
        raise UsageError(
            f"{len(starts)} sweeps of {seconds:g} s in {points} points: at least one point of 1 ps, and no sweep may "
            "begin before the last one has ended"
        )
    if not len(starts):
        return np.zeros((0, points), np.int64)
    times = tags.of(channel)
    sweep = np.searchsorted(starts, times, side="right") - 1
    since = times - starts[np.maximum(sweep, 0)]
    inside = (sweep >= 0) & (since < span)
    place = sweep[inside] * points + since[inside] * points // span
    counts = np.bincount(place, minlength=len(starts) * points)
    return counts.reshape(len(starts), points).astype(np.int64)


def _plausible(heard: int, length: float, cycle: float, trigger: int, period: float) -> None:
    """Refuse no trigger, and noise."""
    expected = length / cycle
    if not heard:
        raise HardwareFault(
            f"no trigger on input {trigger} of the tagger in a recording of {show(length / _PS, 's')}, where a cycle "
            f"takes {show(period, 's')}: check that the controller of the fine axis sends one, its cable, and the "
            "trigger level of that input"
        )
    if heard > 4 * expected + 16:
        raise HardwareFault(
            f"{heard} tags on the trigger input {trigger} of the tagger in a recording that holds {expected:.1f} "
            f"cycles of {show(period, 's')}: noise, a wrong trigger level, or a detector is plugged in there"
        )


def _comb(times: NDArray[np.float64], cycle: float, trigger: int) -> tuple[float, int]:
    """Return the pitch of the comb in ps, and which trigger is the first on it."""
    some = times[:_SOME]
    steps = some[None, :] - some[:, None]
    near = steps[np.abs(steps - cycle) <= _LOOSE * cycle]
    if near.size:
        pitch = float(np.median(near))
    elif some[-1] - some[0] < (1 - _LOOSE) * cycle:
        pitch = cycle
    else:
        seen = float(np.median(np.diff(times))) / _PS
        raise HardwareFault(
            f"the triggers on input {trigger} of the tagger come every {show(seen, 's')}, but a cycle of the fine axis "
            f"takes {show(cycle / _PS, 's')}: its controller runs another ramp than it was told"
        )
    away = steps / pitch
    beside = np.abs(away - np.rint(away)) <= _TIGHT
    return pitch, int(np.argmax(beside[int(np.argmax(beside.sum(axis=1)))]))


def _teeth(times: NDArray[np.float64], first: int, pitch: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which triggers stand on the comb, and the number of the tooth of each, counted from the first.

    The comb is followed from tooth to tooth, so that the error of its pitch does not add up.
    """
    chosen, numbers = [first], [0]
    for index in range(first + 1, len(times)):
        away = (times[index] - times[chosen[-1]]) / pitch
        teeth = round(away)
        if teeth >= 1 and abs(away - teeth) <= _TIGHT * teeth:
            chosen.append(index)
            numbers.append(numbers[-1] + teeth)
    return np.array(chosen, np.int64), np.array(numbers, np.int64)
