"""The inputs of a time tagger: delays and dead times that the user sets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ._lags import alive
from .stream import Piece


class Inputs:
    """Applies delays and dead times to a stream, piece by piece."""

    def __init__(self) -> None:
        self._late = (np.empty(0, np.int64), np.empty(0, np.uint8))
        self._start: int | None = None
        self._last: dict[int, int] = {}

    def apply(self, piece: Piece, delays: Mapping[int, int], dead_times: Mapping[int, int]) -> Piece:
        """Return the piece as it leaves the inputs, in order of time.

        Args:
            piece: the next one of the stream.
            delays: ps by detector; may be negative, then the piece ends as much earlier.
            dead_times: ps by detector; those that are not named have none.
        """
        return self._registered(self._delayed(piece, delays), dead_times)

    def _delayed(self, piece: Piece, delays: Mapping[int, int]) -> Piece:
        if not any(delays.values()) and not len(self._late[0]) and self._start in (None, piece.start):
            return piece
        times = piece.times.copy()
        for channel, delay in delays.items():
            times[piece.channels == channel] += delay
        times = np.concatenate([self._late[0], times])
        channels = np.concatenate([self._late[1], piece.channels])
        order = np.argsort(times, kind="stable")
        times, channels = times[order], channels[order]
        start = piece.start if self._start is None else self._start
        stop = max(start, piece.stop + min(0, *delays.values()))
        now = times < stop
        self._late = (times[~now], channels[~now])
        self._start = stop
        now &= times >= start
        return replace(piece, start=start, stop=stop, times=times[now], channels=channels[now])

    def _registered(self, piece: Piece, dead_times: Mapping[int, int]) -> Piece:
        kept = np.ones(len(piece.times), np.bool_)
        for channel, dead_time in dead_times.items():
            places = np.flatnonzero(piece.channels == channel)
            kept[places] = alive(piece.times[places], dead_time, self._last.get(channel))
            registered = piece.times[places][kept[places]]
            if len(registered):
                self._last[channel] = int(registered[-1])
        return piece if kept.all() else replace(piece, times=piece.times[kept], channels=piece.channels[kept])
