"""Photons per bin: of the delay from the laser pulse, and of time."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UsageError
from ..core.tags import Tags, Times
from . import checks
from .amounts import positive_ps

_MOST_BINS = 2**27


def decay_histogram(
    tags: Tags, bin_width: int | str, channel: int, *, bins: int | None = None, wrap: bool = False
) -> Times:
    """Count the photons of a channel by their delay from the laser pulse (T3).

    Bins start at 0 and are half-open; a photon counts where dtime * resolution lies, exactly. Take a whole multiple
    of `tags.resolution` as bin width, or neighbouring bins hold unequal numbers of its steps.

    Args:
        tags: a T3 recording.
        bin_width: whole ps, or text with its unit.
        channel: of the photons.
        bins: how many; by default as many as cover the period.
        wrap: bring delays beyond the period (and negative ones) back into it; otherwise photons outside of the
            bins do not count.

    Returns:
        int64 counts, shape (bins,).

    Raises:
        UsageError: a T2 recording, or a period that is needed and not known.
    """
    width, number = positive_ps(bin_width, "bin_width"), checks.channel(channel, "channel")
    if tags.dtimes is None:
        raise UsageError(
            f"decay_histogram needs the delay of each photon from its laser pulse; {tags!r} has none. Record in T3 "
            "mode, or give it pulses with fold_to_pulses(tags, period)"
        )
    if tags.period is None and (bins is None or wrap):
        raise UsageError("the recording does not know its period; state the number of bins, without wrap")
    period = Fraction(tags.period or 0)
    count = _fitting(math.ceil(period / width), width) if bins is None else _bins(bins)
    dtimes = tags.dtimes[tags.channels == number]
    unit, width_in_ps = Fraction(tags.resolution), Fraction(width)
    scale = math.lcm(unit.denominator, period.denominator)
    step, turn, wide = (int(x * scale) for x in (unit, period, width_in_ps))
    largest = max((abs(int(dtimes.min())), abs(int(dtimes.max()))) if len(dtimes) else (0,)) + 1
    if max(largest * step, turn, wide) < 2**62:
        return _tally(_scaled(dtimes.astype(np.int64), step, turn if wrap else 0, wide), None, count)
    values, numbers = np.unique(dtimes, return_counts=True)
    exact = [min(max(-1, index), count) for index in _scaled(values.astype(object), step, turn if wrap else 0, wide)]
    return _tally(np.array(exact, np.int64), numbers, count)


def intensity_trace(tags: Tags, bin_width: int | str, channel: int | None = None) -> Times:
    """Count photons in bins of time from 0 to the end of the recording; a last bin that is not whole is left out.

    Args:
        tags: a recording.
        bin_width: whole ps, or text with its unit ("1 ms").
        channel: of the photons; all of them by default.

    Returns:
        int64 counts, shape (bins,).

    Raises:
        UsageError: a bin that is no positive whole number of ps, or more bins than fit in memory.
    """
    width = positive_ps(bin_width, "bin_width")
    count = _fitting(tags.duration // width, width)
    times = tags.times if channel is None else tags.of(checks.channel(channel, "channel"))
    return _tally(times // width, None, count)


def _fitting(count: int, width: int) -> int:
    if count > _MOST_BINS:
        raise UsageError(
            f"{count} bins of {width} ps take {count * 8 / 2**30:.3g} GiB; take wider bins (at most {_MOST_BINS})"
        )
    return count


def _bins(bins: object) -> int:
    if isinstance(bins, bool) or not isinstance(bins, int | np.integer) or not 0 < bins <= _MOST_BINS:
        raise UsageError(f"bins is {bins!r}; it must be a whole number from 1 to {_MOST_BINS}")
    return int(bins)


def _scaled(dtimes: NDArray[Any], step: int, turn: int, wide: int) -> NDArray[Any]:
    delays = dtimes * step
    return (delays % turn if turn else delays) // wide


def _tally(indices: Times, numbers: Times | None, count: int) -> Times:
    inside = (indices >= 0) & (indices < count)
    if not inside.all():
        indices = indices[inside]
        numbers = None if numbers is None else numbers[inside]
    tally = np.bincount(indices, numbers, minlength=count)
    return tally if numbers is None else np.rint(tally).astype(np.int64)


def whole_steps(width: int, resolution: float) -> int:
    """Return the least whole multiple, in ps, of the tagger's resolution that is at least `width`."""
    step = round(resolution)
    return width if step < 1 or abs(resolution - step) > 1e-9 else -(-width // step) * step
