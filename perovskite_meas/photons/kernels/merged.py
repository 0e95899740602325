"""Pairs of two channels in one merged stream, as a time tagger delivers it.

Nearly every gap between neighbours is longer than an antibunching window, and finding the others needs one comparison
per tag and no merge: the processor does four at a time, at the speed at which it reads the memory.
"""

from __future__ import annotations

import numpy as np

from ...core.compiled import compiled
from ...core.tags import Channels, Times
from .bins import Whole, bin_of

BLOCK = 4096


@compiled
def _near(times: Times, begin: int, end: int, reach: Whole, flags: Channels, busy: Times, found: Times) -> Whole:
    """Write the tags of times[begin:end] that are followed within less than `reach` ps, or by an earlier tag.

    Times in ps. At most BLOCK tags at once, and not the last one of the stream, which has no successor. `flags` is
    room for BLOCK bytes, zero behind the tags; `busy` and `found` are room for BLOCK indices each.

    Returns:
        How many were written to `found`.
    """
    tags = times[begin:end]
    nexts = times[begin + 1 : end + 1]
    for index in range(len(tags)):
        tag, following = tags[index], nexts[index]
        flags[index] = (following < tag) | (following < tag + reach)
    words = flags.view(np.uint64)
    filled: Whole = 0
    for word in range(BLOCK // 8):
        busy[filled] = word
        filled += np.int64(words[word] != 0)
    kept: Whole = 0
    if filled > BLOCK // 16:
        for index in range(len(tags)):
            found[kept] = begin + index
            kept += np.int64(flags[index])
        return kept
    for number in range(filled):
        word = 8 * busy[number]
        for index in range(word, word + 8):
            found[kept] = begin + index
            kept += np.int64(flags[index])
    return kept


@compiled
def _own(channels: Channels, start: np.uint8, stop: np.uint8, found: Times, kept: Whole) -> Whole:
    """Keep the tags of the two channels, each as twice its index, plus one where it is a stop."""
    own = np.uint64(0)
    for number in range(kept):
        index = found[number]
        channel = channels[np.uint64(index)]
        found[own] = 2 * index + np.int64(channel == stop)
        own += np.uint64((channel == start) | (channel == stop))
    return np.int64(own)


@compiled
def _visit(
    times: Times,
    channels: Channels,
    start: np.uint8,
    stop: np.uint8,
    low: int,
    span: np.uint64,
    reach: Whole,
    order: Whole,
    found: Times,
    kept: Whole,
    factor: np.uint64,
    shift: np.uint64,
    width: np.uint64,
    counts: Times,
) -> Whole:
    """Count each kept tag with the one `order` places later; keep those whose next one is within reach too."""
    one = np.uint64(1)
    alive = np.uint64(0)
    last, both = np.int64(stop), np.int64(start) ^ np.int64(stop)
    for number in range(kept):
        mark = found[number]
        is_stop = mark & 1
        other = np.uint64(mark >> 1) + order
        tag = times[np.uint64(mark >> 1)]
        gap = times[other] - tag
        offset = np.uint64((gap ^ -is_stop) + is_stop - low)
        # What does not count adds nothing, where a branch would be a guess.
        inside = np.int64(offset < span)
        matched = np.int64(np.int64(channels[other]) == last ^ (both & -is_stop))
        counts[bin_of(offset & np.uint64(-inside), factor, shift, width)] += inside & matched
        found[alive] = mark
        alive += np.uint64(times[other + one] - tag < reach)
    return np.int64(alive)


@compiled
def screen(
    times: Times,
    channels: Channels,
    first: int,
    last: int,
    start: np.uint8,
    stop: np.uint8,
    low: int,
    span: np.uint64,
    factor: np.uint64,
    shift: np.uint64,
    width: np.uint64,
    counts: Times,
) -> bool:
    """Add the pairs of two different channels whose earlier tag is in times[first:last] to `counts`.

    Times in ps. A pair counts where 0 <= t_stop - t_start - low < span, whichever of the two comes first.
    Unordered streams give wrong counts, never an access outside the arrays.

    Returns:
        Whether times[first : last + 1] is in order.
    """
    final = len(times) - 1
    reach = int(max(low + np.int64(span), np.int64(1 - low)))
    flags = np.zeros(BLOCK, np.uint8)
    busy = np.empty(BLOCK, np.int64)
    found = np.empty(BLOCK, np.int64)
    back = False
    for begin in range(first, min(last, final), BLOCK):
        end = min(begin + BLOCK, last, final)
        flags[end - begin :] = 0
        kept = _near(times, begin, end, reach, flags, busy, found)
        for number in range(kept):
            index = np.uint64(found[number])
            back |= times[index + np.uint64(1)] < times[index]
        kept = _own(channels, start, stop, found, kept)
        order = np.uint64(1)
        # The quick loop reads one tag ahead, so the end of the stream is left to the plain one.
        while kept > 0 and np.uint64(found[kept - 1] >> 1) + order < np.uint64(final):
            kept = _visit(
                times, channels, start, stop, low, span, reach, order, found, kept, factor, shift, width, counts
            )
            order += np.uint64(1)
        for number in range(kept):
            index = np.uint64(found[number] >> 1)
            is_stop = found[number] & 1
            for other in range(index + order, np.uint64(len(times))):
                gap = times[other] - times[index]
                if gap >= reach:
                    break
                offset = np.uint64((-gap if is_stop else gap) - low)
                if channels[other] == (start if is_stop else stop) and offset < span:
                    counts[bin_of(offset, factor, shift, width)] += 1
    return not back
