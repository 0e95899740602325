"""Two channels of a merged stream as two arrays."""

from __future__ import annotations

import numpy as np

from ...core.compiled import compiled
from ...core.tags import Channels, Times


def split(times: Times, channels: Channels, start: int, stop: int) -> tuple[Times, Times, bool]:
    """Return the times of both channels, in ps, and whether the whole stream is in order."""
    first, second = np.uint8(start), np.uint8(stop)
    starts_in, stops_in = _numbers(channels, first, second)
    # NumPy asks the system for large pages; memory that compiled code makes is paid for page by page.
    starts, stops = np.empty(starts_in + 1, np.int64), np.empty(stops_in + 1, np.int64)
    ordered = _deal(times, channels, first, second, starts, stops)
    return starts[:-1], stops[:-1], bool(ordered)


@compiled
def _numbers(channels: Channels, start: np.uint8, stop: np.uint8) -> tuple[np.int64, np.int64]:
    starts, stops = np.int64(0), np.int64(0)
    for index in range(len(channels)):
        starts += np.int64(channels[index] == start)
        stops += np.int64(channels[index] == stop)
    return starts, stops


@compiled
def _deal(times: Times, channels: Channels, start: np.uint8, stop: np.uint8, starts: Times, stops: Times) -> bool:
    """Write every tag to both and keep it in one or none: no branch that a processor would have to guess."""
    back = np.int64(0)
    before = times[0] if len(times) else np.int64(0)
    first, second = np.uint64(0), np.uint64(0)
    for index in range(len(times)):
        tag, channel = times[index], channels[index]
        back |= np.int64(tag < before)
        before = tag
        starts[first] = tag
        first += np.uint64(channel == start)
        stops[second] = tag
        second += np.uint64(channel == stop)
    return bool(back == 0)


@compiled
def of_channels(channels: Channels, first: int, second: int) -> tuple[int, int]:
    """Return how many photons are of each of two channels."""
    a, b = np.uint8(first), np.uint8(second)
    of_a = of_b = 0
    for index in range(len(channels)):
        of_a += channels[index] == a
        of_b += channels[index] == b
    return of_a, of_b
