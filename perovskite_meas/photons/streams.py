"""Recordings put together, delayed, and cleaned of what their detectors added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UsageError
from ..core.tags import Tags, Times, joined
from . import checks
from .amounts import positive_ps, sorted_times
from .kernels.dead import spaced


def merge(*streams: Tags | tuple[Times, int]) -> Tags:
    """Put streams of one clock together, in order of time; equal times keep the order in which streams are given.

    T3 recordings are put in order of their pulses, then times.

    Args:
        streams: recordings, or (sorted times in ps, channel). The result lasts as long as the longest; a stream
            of times lasts until its last photon.

    Raises:
        UsageError: nothing to merge, T2 with T3 recordings, or T3 recordings of unequal period or resolution.

    Examples:
        >>> merge((np.array([10, 30]), 0), (np.array([20, 30]), 1)).channels.tolist()
        [0, 1, 0, 1]
    """
    parts = [stream if isinstance(stream, Tags) else _one_channel(*stream) for stream in streams]
    joined = joined_tags(parts, "merge")
    order = np.argsort(joined.marker_times, kind="stable")
    marked = replace(
        joined,
        duration=max(part.duration for part in parts),
        marker_times=joined.marker_times[order],
        marker_values=joined.marker_values[order],
    )
    return in_order_of_time(marked)


def with_delays(tags: Tags, delays: Mapping[int, int | str], *, wrap: bool = False) -> Tags:
    """Delay the photons of channels, such as by the difference of two cables, and put all in order again.

    Photons are never dropped: some may come before 0 or after the recording's end. In T3 recordings the delays from
    the pulses change, by whole units of `resolution` (the nearest number of them); they may become negative or exceed
    the period, which no correlation minds. With `wrap` they are brought back between 0 and the period, each
    photon going to the pulse before it; where the period is no whole number of units this moves it by up to half a
    unit.

    Args:
        tags: a recording.
        delays: ps or text by channel, negative for earlier; channels that are not named stay.
        wrap: for T3 recordings alone, see above.

    Raises:
        UsageError: a delay that is no whole number of ps, or wrapping without a known period.
    """
    shifts = np.zeros(256, np.int64)
    for name, delay in delays.items():
        shifts[checks.channel(name, "a channel of delays")] = checks.picoseconds(delay, f"delay of channel {name}")
    if tags.pulses is None or tags.dtimes is None:
        return in_order_of_time(replace(tags, times=tags.times + shifts[tags.channels]))
    units = np.rint(shifts / tags.resolution).astype(np.int64)
    dtimes, pulses = tags.dtimes + units[tags.channels], tags.pulses
    if wrap:
        if tags.period is None:
            raise UsageError(
                "with_delays cannot wrap: the recording does not know its period; state it, or leave wrap out"
            )
        turns = np.floor(dtimes * tags.resolution / tags.period).astype(np.int64)
        pulses = pulses + turns
        dtimes = dtimes - np.rint(turns * (tags.period / tags.resolution)).astype(np.int64)
    delayed = replace(tags, pulses=pulses, dtimes=_narrow(dtimes), times=tags.times)
    moved = np.rint(units * tags.resolution).astype(np.int64)[tags.channels]
    return in_order_of_time(replace(delayed, times=pulsed_times(delayed, tags.times + moved)))


def mask_dead_time(tags: Tags, dead_time: int | str) -> Tags:
    """Drop photons sooner than `dead_time` after the last kept one of their channel (non-paralysable).

    This makes the dead time of a detector the same for all of them, and known.

    Raises:
        UsageError: a dead time that is no positive whole number of ps.
    """
    return tags.take(spaced(tags.times, tags.channels, positive_ps(dead_time, "dead_time"), extends=False))


def mask_afterpulses(tags: Tags, window: int | str) -> Tags:
    """Drop photons sooner than `window` after any photon of their channel, kept or not.

    Raises:
        UsageError: a window that is no positive whole number of ps.
    """
    return tags.take(spaced(tags.times, tags.channels, positive_ps(window, "window"), extends=True))


def joined_tags(parts: Sequence[Tags], asker: str) -> Tags:
    """Return all photons and markers one recording after the other, times as they are; the duration is the first's.

    Raises:
        UsageError: no recording, or recordings of unlike kinds.
    """
    if not parts:
        raise UsageError(f"{asker} needs at least one stream")
    first = parts[0]
    for part in parts[1:]:
        if part.is_pulsed != first.is_pulsed:
            raise UsageError(f"{asker} takes T2 recordings or T3 recordings; got {first!r} and {part!r}")
        if part.is_pulsed and (part.period, part.resolution) != (first.period, first.resolution):
            raise UsageError(
                f"{asker} takes T3 recordings of one clock; got a period of {first.period} ps with a resolution of "
                f"{first.resolution} ps, and {part.period} ps with {part.resolution} ps"
            )
    return replace(joined(parts), duration=first.duration, period=first.period, resolution=first.resolution)


def in_order_of_time(tags: Tags) -> Tags:
    """Return the photons sorted by time, T3 ones by pulse and then time; what is equal keeps its order."""
    order = np.argsort(tags.times, kind="stable")
    if tags.pulses is not None:
        # Only delays beyond the period are out of order now, which a stable sort mends quickly.
        order = order[np.argsort(tags.pulses[order], kind="stable")]
    return replace(
        tags,
        times=tags.times[order],
        channels=tags.channels[order],
        pulses=None if tags.pulses is None else tags.pulses[order],
        dtimes=None if tags.dtimes is None else tags.dtimes[order],
    )


def pulsed_times(tags: Tags, otherwise: Times) -> Times:
    """Return round(pulse * period + dtime * resolution) in ps, or `otherwise` where the period is not known."""
    if tags.pulses is None or tags.dtimes is None or tags.period is None:
        return otherwise
    return np.rint(tags.pulses * tags.period + tags.dtimes * tags.resolution).astype(np.int64)


def _one_channel(times: Times, channel: int) -> Tags:
    photons = sorted_times(times, "times")
    number = checks.channel(channel, "channel")
    duration = int(photons[-1]) + 1 if len(photons) else 0
    return Tags(photons, np.full(len(photons), number, np.uint8), duration)


def _narrow(dtimes: Times) -> NDArray[np.int32]:
    limits = np.iinfo(np.int32)
    if len(dtimes) and (int(dtimes.min()) < limits.min or int(dtimes.max()) > limits.max):
        raise UsageError(
            f"delays from the pulses would run from {dtimes.min()} to {dtimes.max()} units, beyond 32 bits"
            "; delay by less"
        )
    return dtimes.astype(np.int32)
