"""Correlation of photons that know their laser pulse (T3), exact count by count."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from ..core.errors import UsageError
from ..core.tags import Tags, Times
from ..core.units import to_unit
from . import checks
from .kernels.pulses import count_by_lag, count_by_pulse
from .kernels.walk import in_order

_FARTHEST = 2**26
_SAFE = 2**61


def pulse_correlate(
    tags: Tags, max_pulses: int, *, channels: tuple[int, int] = (0, 1), gates: tuple[object, object] | None = None
) -> Times:
    """Count the pairs of two channels by how many laser pulses lie between them: pulse of b - pulse of a.

    A channel with itself is its autocorrelation: every ordered pair of different photons counts once.

    Args:
        tags: a T3 recording; chunks of one are recordings of their own here (`PulseCorrelator` joins them).
        max_pulses: the farthest lag counted, K.
        channels: a and b.
        gates: count only photons whose delay from their pulse is at least this, one per channel, in ps or as text.

    Returns:
        int64 counts of the lags -K to K, shape (2 K + 1,).

    Raises:
        UsageError: a T2 recording, pulses out of order, or arguments out of range.

    Examples:
        >>> tags = Tags(
        ...     np.array([5, 6, 207]),
        ...     np.array([0, 1, 1], np.uint8),
        ...     1000,
        ...     np.array([0, 0, 1]),
        ...     np.array([5, 6, 7], np.int32),
        ...     200.0,
        ... )
        >>> pulse_correlate(tags, 1).tolist()
        [0, 1, 1]
    """
    correlator = PulseCorrelator(max_pulses, channels=channels, gates=gates)
    correlator.add(tags)
    return correlator.counts


class PulseCorrelator:
    """Counts pairs by pulse lag while a recording comes in; see `pulse_correlate`.

    Raises:
        UsageError: arguments out of range.
    """

    def __init__(
        self, max_pulses: int, *, channels: tuple[int, int] = (0, 1), gates: tuple[object, object] | None = None
    ) -> None:
        self._farthest = _pulse_lag(max_pulses)
        self._channels = (checks.channel(channels[0], "channels[0]"), checks.channel(channels[1], "channels[1]"))
        self._gates = None if gates is None else (_gate(gates[0]), _gate(gates[1]))
        self._recent = (np.empty(0, np.int64), np.empty(0, np.int64))
        self._last: int | None = None
        self._counts = np.zeros(2 * self._farthest + 1, np.int64)

    @property
    def counts(self) -> Times:
        """Pairs of the lags -max_pulses to max_pulses so far, a copy, shape (2 max_pulses + 1,)."""
        return self._counts.copy()

    def add(self, tags: Tags) -> None:
        """Count the pairs among these photons and with those before; their pulse numbers go on from the last ones.

        Raises:
            UsageError: a T2 recording, or pulses that go back.
        """
        pulses, delays = _pulsed(tags, "pulse_correlate")
        if not len(pulses):
            return
        if self._last is not None and pulses[0] < self._last:
            raise UsageError(
                f"these photons start at pulse {pulses[0]}, before pulse {self._last} of those already counted; "
                "add the chunks of a recording in their order, each once"
            )
        self._last = int(pulses[-1])
        new = [pulses[self._chosen(tags, delays, side)] for side in (0, 1)]
        if self._channels[0] == self._channels[1]:
            self._counts[self._farthest] -= int(np.count_nonzero(self._both(tags, delays)))
        joined = tuple(np.concatenate([old, more]) for old, more in zip(self._recent, new, strict=True))
        self._counts += count_by_pulse(joined[0], joined[1], self._farthest)
        self._counts -= count_by_pulse(self._recent[0], self._recent[1], self._farthest)
        kept = [pulses[np.searchsorted(pulses, self._last - self._farthest) :] for pulses in joined]
        self._recent = (kept[0].copy(), kept[1].copy())

    def _chosen(self, tags: Tags, delays: NDArray[np.int32], side: int) -> NDArray[np.bool_]:
        chosen: NDArray[np.bool_] = tags.channels == self._channels[side]
        if self._gates is not None:
            chosen &= delays >= math.ceil(self._gates[side] / Fraction(tags.resolution))
        return chosen

    def _both(self, tags: Tags, delays: NDArray[np.int32]) -> NDArray[np.bool_]:
        return self._chosen(tags, delays, 0) & self._chosen(tags, delays, 1)


def lag_correlate(
    tags: Tags,
    bin_width: int | str,
    max_lag: int | str,
    *,
    channels: tuple[int, int] = (0, 1),
    min_lag: int | str | None = None,
) -> Times:
    """Count the pairs of two channels by their lag in time, from pulse numbers and delays where there are any.

    The lag of T3 photons is (pulses between them) * period + (difference of delays) * resolution, with the period and
    resolution as the floats that they are, and nothing rounded; delays may exceed the period. T2 recordings go to
    `correlate`. Bins and the counting of pairs are as described there.

    Args:
        tags: a recording.
        bin_width: a whole number of ps, or text with its unit.
        max_lag: end of the window, which itself is outside.
        min_lag: start of the window, -max_lag where it is not given.
        channels: first and second channel.

    Returns:
        int64 counts, shape (bins,); `lag_edges` gives their edges.

    Raises:
        UsageError: a period that is not known, pulses out of order, a window that is no whole number of bins, or
            numbers too fine and too large at once to be exact.
    """
    if not tags.is_pulsed:
        from .linear import correlate

        return correlate(tags, bin_width, max_lag, channels=channels, min_lag=min_lag)
    lags = checks.window(bin_width, max_lag, min_lag)
    first, second = checks.channel(channels[0], "channels[0]"), checks.channel(channels[1], "channels[1]")
    pulses, delays = _pulsed(tags, "lag_correlate")
    period, unit = _known_period(tags), Fraction(tags.resolution)
    a, b = tags.channels == first, tags.channels == second
    counts = np.zeros(lags.bins, np.int64)
    if not a.any() or not b.any():
        return counts
    delays1, delays2 = delays[a], delays[b]
    lowest, highest = int(delays2.min()) - int(delays1.max()), int(delays2.max()) - int(delays1.min())
    nearest = math.ceil((lags.low - highest * unit) / period)
    farthest = math.ceil((lags.high - lowest * unit) / period) - 1
    steps, spread = max(abs(nearest), abs(farthest)), max(abs(lowest), abs(highest))
    coarse, shift = _scales(period, unit, steps, spread, lags)
    counts += count_by_lag(
        pulses[a],
        delays1,
        pulses[b],
        delays2,
        nearest,
        farthest,
        _parts(period, coarse, shift),
        _parts(unit, coarse, shift),
        shift,
        lags.low << coarse,
        lags.width << coarse,
        lags.bins,
    )
    if first == second and lags.low <= 0 < lags.high:
        counts[-lags.low // lags.width] -= len(delays1)
    return counts


def _pulse_lag(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not 0 <= value <= _FARTHEST:
        raise UsageError(f"max_pulses is {value!r}; it must be a whole number from 0 to {_FARTHEST}")
    return int(value)


def _gate(value: object) -> Fraction:
    gate = to_unit(value, "ps")
    if not math.isfinite(gate):
        raise UsageError(f"a gate is {value!r}; it is the delay in ps from which photons count")
    return Fraction(gate)


def _pulsed(tags: Tags, asker: str) -> tuple[Times, NDArray[np.int32]]:
    if tags.pulses is None or tags.dtimes is None:
        raise UsageError(
            f"{asker} needs the laser pulse of each photon; {tags!r} has none. Record in T3 mode, or give it pulses "
            "with fold_to_pulses(tags, period)"
        )
    if not in_order(tags.pulses, 0, len(tags.pulses)):
        raise UsageError(
            "tags.pulses go back; sort the recording with tags.take(np.argsort(tags.pulses, kind='stable'))"
        )
    return tags.pulses, tags.dtimes


def _known_period(tags: Tags) -> Fraction:
    if tags.period is None or not tags.period > 0 or not math.isfinite(tags.period):
        raise UsageError(
            f"the time between laser pulses is {tags.period}: lags in time cannot be told. State it with "
            "dataclasses.replace(tags, period=...), or count by pulses with pulse_correlate"
        )
    return Fraction(tags.period)


def _scales(period: Fraction, unit: Fraction, steps: int, spread: int, lags: checks.Window) -> tuple[int, int]:
    """Return the bits after the point of the large part of a number, and how many more its small part has."""
    bits = max(period.denominator, unit.denominator).bit_length() - 1
    for coarse in range(bits + 1):
        shift = bits - coarse
        large = (steps * period + spread * unit + lags.reach + lags.high - lags.low + 2) * 2**coarse
        if large < _SAFE and (steps + spread) * 2**shift < _SAFE:
            return coarse, shift
    raise UsageError(
        f"a period of {float(period)!r} ps, delays of up to {spread} units of {float(unit)!r} ps and lags of up to "
        f"{lags.reach} ps need more than 122 bits to be exact; round period or resolution, or shorten the window"
    )


def _parts(number: Fraction, coarse: int, shift: int) -> tuple[int, int]:
    scaled = number * 2 ** (coarse + shift)
    return int(scaled) >> shift, int(scaled) & ((1 << shift) - 1)
