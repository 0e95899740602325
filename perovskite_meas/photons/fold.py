"""Laser pulses for a recording without them."""

from __future__ import annotations

import math
from fractions import Fraction

from ..core.errors import UsageError
from ..core.tags import Tags
from ..core.units import to_unit
from . import checks
from .kernels.pulses import fold
from .kernels.walk import in_order


def fold_to_pulses(tags: Tags, period: float | str, offset: int | str = 0) -> Tags:
    """See a T2 recording as a T3 one, for laser pulses at offset, offset + period, offset + 2 period, ...

    Each photon gets the pulse before it, exactly, and its delay floored to 1 ps. Times count from the first pulse;
    photons and markers before that are left out.

    Args:
        tags: a T2 recording, in order of time.
        period: ps or text; need not be a whole number of ps.
        offset: time of the first pulse, whole ps or text; may be negative.

    Raises:
        UsageError: a T3 recording, times out of order, or a period below 1 ps or above 2 ms.
    """
    if tags.is_pulsed:
        raise UsageError(f"fold_to_pulses makes pulses for a T2 recording; {tags!r} has its own")
    length = to_unit(period, "ps")
    if not 1 <= length <= 2e9:
        raise UsageError(f"period is {length:g} ps; delays of 1 ps fit periods from 1 ps to 2 ms")
    begin = checks.picoseconds(offset, "offset")
    kept = tags.take(tags.times >= begin)
    times = kept.times - begin
    if not in_order(times, 0, len(times)):
        raise checks.disorder(times, "tags.times", "sort the recording with tags.take(np.argsort(tags.times))")
    if len(times) and times[-1] >= 2**53:
        raise UsageError(f"the recording ends {times[-1]} ps after the first pulse; the most is {2**53} ps (2.5 hours)")
    whole = math.floor(length)
    shift = (Fraction(length) - whole).denominator.bit_length() - 1
    pulses, delays = fold(times, whole, int((Fraction(length) - whole) * 2**shift), shift)
    later = tags.marker_times >= begin
    return Tags(
        times=times,
        channels=kept.channels,
        duration=max(0, tags.duration - begin),
        pulses=pulses,
        dtimes=delays,
        period=length,
        resolution=1.0,
        marker_times=tags.marker_times[later] - begin,
        marker_values=tags.marker_values[later],
        overflow=tags.overflow,
    )
