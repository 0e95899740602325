"""What one accumulation chunk of a Hanbury Brown-Twiss measurement amounts to: histograms over fixed windows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.columns import Column
from ..core.errors import UsageError
from ..core.tags import Tags

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_BINS_PER_PERIOD = 400
_DECAY_BINS = 2000
_PERIODS = 5.5
_CW_BIN, _CW_LAG = 100, 100_000
_SLOW_FIRST, _SLOW_LAST = 1_000_000, 1_000_000_000_000


HISTOGRAM_COLUMNS = (
    Column("live_time", "s", "length of the recording"),
    Column("singles_a", "1", "photons on detector a"),
    Column("singles_b", "1", "photons on detector b"),
    Column("histogram", "1", "pairs by lag t_b - t_a, centred on zero", array=True),
    Column("bin_width", "ps", "bin of the lags"),
    Column("period", "ps", "laser period; 0 for continuous excitation"),
    Column("pulse_pairs", "1", "pairs by pulse lag, centred on zero", array=True),
    Column("pulse_pairs_gated", "1", "the same, both photons later than the gate", array=True),
    Column("gate", "ps", "gate after the arrival of a pulse's light"),
    Column("arrival_a", "ps", "where a pulse's light arrives on detector a, after the sync"),
    Column("arrival_b", "ps", "likewise on detector b"),
    Column("decay_a", "1", "photons on detector a by delay from the sync", array=True),
    Column("decay_b", "1", "photons on detector b by delay from the sync", array=True),
    Column("decay_bin", "ps", "bin of the delays"),
    Column("slow_lag", "s", "logarithmic lags", array=True),
    Column("slow_pairs", "1", "pairs at the logarithmic lags", array=True),
    Column("slow_g2", "1", "normalised correlation at the logarithmic lags", array=True),
)
"""What `Histograms` makes of each recording."""


@dataclass(frozen=True)
class Windows:
    """Bins of all histograms of a run, chosen once so that every row has the same shape."""

    bin_width: int
    """ps."""
    max_lag: int
    """ps; a whole number of bins."""
    max_pulses: int
    """Largest pulse lag counted; as large for continuous excitation, where it stays empty."""
    gate: float
    """ps after the arrival of a pulse's light."""
    decay_bin: int
    """ps."""
    decay_bins: int
    slow_last: int
    """ps: longest of the logarithmic lags."""

    @classmethod
    def choose(
        cls,
        tags: Tags,
        *,
        shortest: float,
        bin_width: float | None = None,
        max_lag: float | None = None,
        max_pulses: int = 500,
        gate: float = 3000.0,
    ) -> Windows:
        """Return windows that suit the recordings of a run.

        By default 1/400 of the laser's period and 5 periods and a half to either side; with continuous excitation
        100 ps and 100 ns. Bins are whole multiples of the recorder's own resolution, which else would beat with them.

        Args:
            tags: the first recording.
            shortest: length of the shortest recording, in s; logarithmic lags reach to a quarter of it, at most 1 s.
            bin_width: of the lags, in ps.
            max_lag: in ps; rounded up to whole bins.
            max_pulses: largest pulse lag.
            gate: ps after the arrival of a pulse's light; later photons alone count as gated.

        Raises:
            UsageError: bins wider than the window.
        """
        period = tags.period if tags.is_pulsed else None
        unit = max(1, round(tags.resolution))
        wanted = bin_width or (_CW_BIN if period is None else period / _BINS_PER_PERIOD)
        width = unit * math.ceil(wanted / unit - 1e-9)
        lag = max_lag or (_CW_LAG if period is None else _PERIODS * period)
        if lag < 2 * width:
            raise UsageError(f"max_lag = {lag:g} ps holds no two bins of {width} ps; widen it or narrow bin_width")
        if period is None:
            decay_bin, decay_bins = 1, 1
        else:
            decay_bin = unit * math.ceil(period / _DECAY_BINS / unit)
            decay_bins = math.ceil(period / decay_bin)
        slow = min(_SLOW_LAST, round(shortest * 1e12 / 4))
        return cls(width, width * math.ceil(lag / width), max_pulses, gate, decay_bin, decay_bins, slow)


class Histograms:
    """The histograms of each recording of a run, over windows that the first one fixes for all.

    Args:
        options: of `Windows.choose`.
    """

    def __init__(self, **options: Any) -> None:
        self._options = options
        self._windows: Windows | None = None
        self._arrivals: tuple[float, float] | None = None
        self.zero = 0.0
        """Lag of simultaneous photons, in ps, as far as the recordings tell it."""

    def of(self, tags: Tags, *, prompt: bool, emitting: bool) -> dict[str, Any]:
        """Return the histogram columns of one recording.

        Args:
            tags: of detectors 0 and 1.
            prompt: reference light, which tells zero lag and where a pulse's light arrives.
            emitting: light of the emitter, whose rise tells it where there is no reference.
        """
        if self._windows is None:
            self._windows = Windows.choose(tags, **self._options)
        windows = self._windows
        found = chunk_columns(tags, windows, self._arrivals or (0.0, 0.0))
        if tags.is_pulsed and self._arrivals is None and (prompt or emitting):
            a, b = (pulse_arrival(found[f"decay_{side}"], windows.decay_bin, prompt=prompt) for side in "ab")
            if a is not None and b is not None:
                self._arrivals, self.zero = (a, b), b - a
                found |= _gated(tags, windows, self._arrivals)
        elif prompt and not tags.is_pulsed:
            counts = found["histogram"]
            self.zero = (int(counts.argmax()) + 0.5 - len(counts) / 2) * windows.bin_width
        return found


def chunk_columns(tags: Tags, windows: Windows, arrivals: tuple[float, float]) -> dict[str, Any]:
    """Return the histogram columns of one recording of detectors 0 and 1.

    Args:
        tags: the recording.
        windows: of the run.
        arrivals: where each detector sees a pulse's light arrive, ps after the sync.
    """
    from .histograms import decay_histogram
    from .linear import correlate
    from .pulsed import lag_correlate, pulse_correlate

    found: dict[str, Any] = {
        "live_time": tags.duration * 1e-12,
        "singles_a": int(np.count_nonzero(tags.channels == 0)),
        "singles_b": int(np.count_nonzero(tags.channels == 1)),
        "bin_width": windows.bin_width,
        "period": float(tags.period or 0.0) if tags.is_pulsed else 0.0,
        "gate": windows.gate,
        "decay_bin": windows.decay_bin,
    }
    if tags.is_pulsed:
        found |= {
            "histogram": lag_correlate(tags, windows.bin_width, windows.max_lag),
            "pulse_pairs": pulse_correlate(tags, windows.max_pulses),
            "decay_a": decay_histogram(tags, windows.decay_bin, 0, bins=windows.decay_bins),
            "decay_b": decay_histogram(tags, windows.decay_bin, 1, bins=windows.decay_bins),
        }
    else:
        none = np.zeros(windows.decay_bins, np.int64)
        found |= {
            "histogram": correlate(tags, windows.bin_width, windows.max_lag),
            "pulse_pairs": np.zeros(2 * windows.max_pulses + 1, np.int64),
            "decay_a": none,
            "decay_b": none,
        }
    return found | _gated(tags, windows, arrivals) | _slow(tags, windows)


def _gated(tags: Tags, windows: Windows, arrivals: tuple[float, float]) -> dict[str, Any]:
    """Return the columns that depend on where a pulse's light arrives."""
    from .pulsed import pulse_correlate

    pairs = np.zeros(2 * windows.max_pulses + 1, np.int64)
    if tags.is_pulsed:
        gates = (arrivals[0] + windows.gate, arrivals[1] + windows.gate)
        pairs = pulse_correlate(tags, windows.max_pulses, gates=gates)
    return {"arrival_a": arrivals[0], "arrival_b": arrivals[1], "pulse_pairs_gated": pairs}


def _slow(tags: Tags, windows: Windows) -> dict[str, Any]:
    """Return the cross-correlation at logarithmic lags, where blinking shows."""
    from .log import log_correlate

    order = np.argsort(tags.times, kind="stable") if tags.is_pulsed else slice(None)
    times, channels = tags.times[order], tags.channels[order]
    slow = log_correlate(
        times[channels == 0],
        times[channels == 1],
        first_lag=_SLOW_FIRST,
        max_lag=windows.slow_last,
        duration=tags.duration,
    )
    lags = slow.lags > 0
    g2 = np.where(np.isfinite(slow.g2), slow.g2, 0.0)
    return {
        "slow_lag": slow.lags[lags] * 1e-12,
        "slow_pairs": slow.counts[lags].astype(np.float64),
        "slow_g2": g2[lags],
    }


def pulse_arrival(decay: Counts, decay_bin: float, *, prompt: bool) -> float | None:
    """Return where a pulse's light arrives on the axis of an arrival histogram, in ps; None where too little arrives.

    Args:
        decay: arrival histogram over one period, shape (m,).
        decay_bin: ps.
        prompt: True for reference light, whose centroid it is; else the steepest rise of a decay.
    """
    counts = np.asarray(decay, np.float64)
    if counts.sum() < 10 or len(counts) < 10:
        return None
    if not prompt:
        half = max(1, round(300.0 / decay_bin))
        steps = np.convolve(np.r_[counts[-half:], counts, counts[:half]], np.r_[np.ones(half), -np.ones(half)], "same")
        return float(np.argmax(steps[half:-half]) * decay_bin)
    peak, reach = int(np.argmax(counts)), max(1, round(1000.0 / decay_bin))
    around = np.arange(peak - reach, peak + reach + 1)
    weights = counts[around % len(counts)] - np.median(counts)
    return float(((around + 0.5) * weights).sum() / weights.sum() * decay_bin)
