"""Correlation while the tags arrive: the same counts as after the fact, at every moment."""

from __future__ import annotations

import math

import numpy as np

from ..core.errors import UsageError
from ..core.tags import Channels, Tags, Times
from . import checks
from .kernels.bins import factors
from .kernels.count import count_merged, count_separate, is_sparse
from .kernels.split import of_channels, split
from .kernels.walk import in_order, walk

_LATEST = 2**62


class Correlator:
    """Counts the pairs of two channels chunk by chunk, equal to `correlate` of everything added so far.

    Pairs across the borders of chunks are kept: of what has passed it remembers the tags that are younger than the
    longest lag, and nothing else. Chunks may have any size. T3 recordings, whose times may go back by less than
    their longest delay, are counted as `correlate` counts them.

    Args:
        bin_width: a whole number of ps, or text with its unit ("100 ps").
        max_lag: end of the window.
        min_lag: its start; -max_lag where it is not given.
        channels: first and second channel; lag = t[channels[1]] - t[channels[0]].

    Raises:
        UsageError: a window that `cross_correlate` would refuse.
    """

    def __init__(
        self,
        bin_width: int | str,
        max_lag: int | str,
        channels: tuple[int, int] = (0, 1),
        *,
        min_lag: int | str | None = None,
    ) -> None:
        self._lags = checks.window(bin_width, max_lag, min_lag)
        self._pair = (checks.channel(channels[0], "channels"), checks.channel(channels[1], "channels"))
        span = self._lags.high - self._lags.low
        self._numbers = (np.uint64(span), *factors(self._lags.width, span))
        self._counts = np.zeros(self._lags.bins, np.int64)
        self._tails = (np.empty(0, np.int64), np.empty(0, np.int64))
        self._singles = [0, 0]
        self._newest: int | None = None
        self._slack = 0
        self._live_time = 0
        self._is_finished = False

    @property
    def counts(self) -> Times:
        """Counts so far, int64, shape (bins,): a copy that stays as it is."""
        return self._counts.copy()

    @property
    def singles(self) -> tuple[int, int]:
        """Photons so far in the first and the second channel."""
        return self._singles[0], self._singles[1]

    @property
    def live_time(self) -> float:
        """Length in s of what was recorded so far, from time 0."""
        return self._live_time * 1e-12

    @property
    def edges(self) -> Times:
        """Edges of the lag bins in ps, int64, shape (bins + 1,)."""
        return self._lags.edges

    def add(self, tags: Tags) -> None:
        """Count all pairs of these photons with each other and with those before them.

        Raises:
            UsageError: times that go back, or beyond 53 days; nothing of the chunk was counted then.
        """
        if self._is_finished:
            raise UsageError("this Correlator is finished; make a new one for another recording")
        times, channels = checks.times(tags.times, "tags.times"), tags.channels
        if len(times):
            inside = self._merged(times, channels)
            if inside is None and not in_order(times, 0, len(times)):
                if not tags.is_pulsed:
                    raise checks.disorder(times, "tags.times", "sort the chunk, or read it with its delays applied")
                order = np.argsort(times, kind="stable")
                times, channels = times[order], channels[order]
                inside = self._merged(times, channels)
            self._check_continues(int(times[0]), int(times[-1]))
            self._count(times, channels, tags, inside)
            self._newest = max(int(times[-1]), int(times[0]) if self._newest is None else self._newest)
        self._live_time = max(self._live_time, tags.duration, self._newest or 0)

    def finish(self) -> Times:
        """Return the counts of the whole recording, and take no more of it."""
        self._is_finished = True
        self._tails = (self._tails[0][:0].copy(), self._tails[1][:0].copy())
        return self.counts

    def _check_continues(self, first: int, last: int) -> None:
        if self._newest is not None and first < self._newest - self._slack:
            raise UsageError(
                f"the chunk starts at {first} ps, before the photon at {self._newest} ps that was added already; "
                "chunks continue each other, so add them in order and make a new Correlator for a new recording"
            )
        if max(-first, last) + self._lags.reach >= _LATEST:
            raise UsageError(
                f"tags from {first} to {last} ps with lags up to {self._lags.reach} ps leave 2^62 ps (53 days); "
                "count times from the start of the recording"
            )

    def _merged(self, times: Times, channels: Channels) -> Times | None:
        """Return the pairs inside a sparse chunk that is in order; None for any other."""
        if self._pair[0] == self._pair[1] or not is_sparse(times, self._lags.reach):
            return None
        inside = np.zeros_like(self._counts)
        return inside if count_merged(times, channels, self._pair, self._lags, inside) else None

    def _count(self, times: Times, channels: Channels, tags: Tags, inside: Times | None) -> None:
        lags, same = self._lags, self._pair[0] == self._pair[1]
        if tags.dtimes is not None:
            self._slack = max(self._slack, math.ceil(int(tags.dtimes.max()) * tags.resolution) + 1)
        newest = int(times[-1]) if self._newest is None else max(int(times[-1]), self._newest)
        if inside is not None:
            # Only its two ends meet other chunks; to take all of it apart would cost more than to count it.
            first = int(times[0]) - 1 - lags.reach if self._newest is None else self._newest
            head = int(np.searchsorted(times, first + lags.reach, side="right"))
            end = int(np.searchsorted(times, newest - lags.reach - self._slack))
            starts, stops, _ = split(times[:head], channels[:head], *self._pair)
            late = split(times[end:], channels[end:], *self._pair)[:2]
            self._counts += inside
            singles = [int(number) for number in of_channels(channels, *self._pair)]
        else:
            starts, stops, _ = split(times, channels, *self._pair)
            late = starts, stops
            count_separate(starts, stops, lags, self._counts)
            singles = [len(starts), len(stops)]
        self._bridge(self._tails[0], stops)
        self._bridge(starts, self._tails[1])
        if same and lags.zero_bin is not None:
            self._counts[lags.zero_bin] -= len(starts)
        self._tails = (self._younger(self._tails[0], late[0], newest), self._younger(self._tails[1], late[1], newest))
        self._singles = [before + more for before, more in zip(self._singles, singles, strict=True)]

    def _bridge(self, starts: Times, stops: Times) -> None:
        """Count the pairs between the tail of one channel and the new photons of the other."""
        if len(starts) and len(stops):
            low = self._lags.low
            last = int(np.searchsorted(starts, int(stops[-1]) - low, side="right"))
            partner = int(np.searchsorted(stops, int(starts[0]) + low))
            walk(starts, stops, 0, last, partner, low, *self._numbers, self._counts)

    def _younger(self, tail: Times, new: Times, newest: int) -> Times:
        oldest = newest - self._lags.reach - self._slack
        kept = np.concatenate(
            (tail[np.searchsorted(tail, oldest) :], new[np.searchsorted(new, oldest) :]), dtype=np.int64
        )
        if self._slack:
            kept.sort()
        return kept
