"""Timing response of a detector pair: where lag zero is, and how far apart simultaneous photons are registered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.analysis import condition, fact
from perovskite_meas.core.value import Value

from .rows import Rows

if TYPE_CHECKING:
    import xarray as xr

Array = npt.NDArray[np.float64]

REACH = 2.0
"""ns about lag zero that belong to the response; beyond lies crosstalk."""
FEWEST_PROMPT = 100
"""Pairs of the reference light that make a response."""
COLOUR = 0.02
"""ns; feared shift of lag zero between the reference light and the emission."""
PROMPT_SHARE = 0.5
"""Least share of the pairs near the peak of the reference light that makes it a pulse."""


@dataclass(frozen=True)
class Response:
    """Pair response on the grid of the lag bins."""

    weights: Array
    """Odd number of entries, sum 1; the middle one is `anchor`."""
    anchor: float
    """Lag of the middle entry, in ns."""
    zero: Value | None
    """Lag of simultaneous photons (mean of the response), in ns; None where only the data can tell."""
    jitter: Value | None
    """Rms of the pair's core, in ns; None where unknown."""
    source: str
    """'reference light', 'calibration', 'jitter' or 'none'."""
    pairs: float
    """Pairs it was measured with; inf where it was not measured here."""
    notes: tuple[str, ...] = ()
    """What must be known about it."""

    @property
    def known(self) -> bool:
        """Whether there is any."""
        return self.source != "none"

    def stretched(self, factor: float, bin_width: float) -> Response:
        """Return the response `factor` times as wide."""
        half = math.ceil(self.weights.size // 2 * max(factor, 1.0)) + 1
        offsets = (np.arange(self.weights.size) - self.weights.size // 2) * bin_width
        middle = float(np.sum(offsets * self.weights))
        moved = middle + (offsets - middle) * factor
        return Response(
            shared(np.asarray(moved / bin_width, dtype=np.float64), self.weights, half),
            self.anchor, self.zero, self.jitter, self.source, self.pairs, self.notes,
        )  # fmt: skip


def shared(places: Array, weights: Array, half: int) -> Array:
    """Return weights at places (in bins) shared linearly among the grid points -half..half."""
    grid = np.zeros(2 * half + 1)
    low = np.floor(places)
    part = places - low
    for shift, share in ((0, 1 - part), (1, part)):
        index = (low + shift + half).astype(int)
        inside = (index >= 0) & (index < grid.size)
        np.add.at(grid, index[inside], (weights * share)[inside])
    return grid


def read_response(data: xr.Dataset, rows: Rows) -> Response:
    """Return the best response there is: the reference light's, a dated calibration, a stated jitter, or none."""
    measured = _from_laser(rows)
    if measured is not None:
        return measured
    stored = _from_calibration(fact(data, "irf"), rows.bin)
    if stored is not None:
        return stored
    if fact(data, "tagger.jitter") is not None:
        return _from_jitter(condition(data, "tagger.jitter", "ps"), rows.bin)
    note = (
        "no IRF: neither reference light, nor a calibration 'irf', nor tagger.jitter is there; lag zero is fitted, "
        "and what the detectors' jitter fills into the dip at zero is not taken out"
    )
    return Response(np.ones(1), 0.0, None, None, "none", math.inf, (note,))


def _from_laser(rows: Rows) -> Response | None:
    if rows.laser is None:
        return None
    counts, lags, width = rows.laser.counts(), rows.lags, rows.bin
    period = rows.laser.period
    folded, phases = _folded(counts, lags, period, width)
    if folded is None or phases is None:
        return None
    peak = float(phases[int(np.argmax(np.convolve(folded, np.ones(3), mode="same")))])
    near = np.abs(phases - peak) < REACH
    level = float(np.median(folded[~near])) if (~near).any() else 0.0
    prompt = np.clip(folded - level, 0, None)
    for _ in range(3):
        near = np.abs(phases - peak) < max(REACH, 2 * width)
        total = float(prompt[near].sum())
        if total < FEWEST_PROMPT or total < PROMPT_SHARE * float(folded[near].sum()):
            return None
        peak = float(np.sum(phases[near] * (folded - level)[near]) / np.sum((folded - level)[near]))
    places = phases[near] - peak
    weights = (folded - level)[near]
    core = np.abs(places) < max(1.0, width)
    variance = float(np.sum(weights[core] * places[core] ** 2) / weights[core].sum()) - width**2 / 12
    jitter = math.sqrt(max(variance, 0.0))
    rms = math.sqrt(max(float(np.sum(weights * places**2) / weights.sum()), width**2 / 12))
    half = math.ceil(max(REACH, 2 * width) / width) + 1
    grid = np.clip(shared(places / width, weights, half), 0, None)
    sigma = math.hypot(rms / math.sqrt(total), COLOUR)
    return Response(
        grid / grid.sum(), peak, Value(peak, sigma, "ns"),
        Value(jitter, max(jitter, width / math.sqrt(12)) / math.sqrt(2 * total), "ns"), "reference light", total,
    )  # fmt: skip


def _folded(counts: Array, lags: Array, period: float, width: float) -> tuple[Array | None, Array | None]:
    """Return the reference light's pairs over one period about lag zero; the whole window if it is shorter."""
    if not counts.sum() > 0:
        return None, None
    if not period or lags[-1] - lags[0] < 1.5 * period:
        return counts, lags
    # Where the period is no whole number of bins the peaks are shared linearly: it widens them by less than a bin.
    reduced = (lags + period / 2) % period - period / 2
    number = int(period / width) // 2
    grid = np.arange(-number, number + 1) * width + (lags[lags.size // 2] if lags.size % 2 else width / 2)
    folded = shared((reduced - grid[number]) / width, counts, number)
    return folded, grid


def _from_calibration(stored: Any, width: float) -> Response | None:
    if not isinstance(stored, Mapping) or not {"bin", "a", "b"} <= set(stored):
        return None
    a, b = (np.asarray(stored[key], dtype=np.float64) for key in "ab")
    a, b = (np.clip(part - np.median(part), 0, None) for part in (a, b))
    if not (a.sum() > 0 and b.sum() > 0):
        return None
    fine = _number(stored["bin"], "ps") * 1e-3
    spectrum = np.fft.rfft(b, 2 * b.size) * np.conj(np.fft.rfft(a, 2 * b.size))
    pair = np.fft.fftshift(np.fft.irfft(spectrum, 2 * b.size))
    lags = (np.arange(pair.size) - b.size) * fine
    zero = float(lags[int(np.argmax(pair))])
    for _ in range(3):
        near = np.abs(lags - zero) < REACH
        zero = float(np.sum(lags[near] * pair[near]) / pair[near].sum())
    places, weights = lags[near] - zero, np.clip(pair[near], 0, None)
    half = math.ceil(REACH / width) + 1
    grid = shared(places / width, weights / weights.sum(), half)
    core = np.abs(places) < 1.0
    rms = math.sqrt(float(np.sum((weights * places**2)[core]) / weights[core].sum()))
    stated, sigma = stored.get("zero"), 0.05
    if isinstance(stated, Mapping):
        told = float(stated.get("sigma") or 0.0) * 1e-3
        if told > 0:  # a lag of 0 +- 0 is one that was not stated
            zero, sigma = _number(stated, "ps") * 1e-3, told
    elif stated is not None:
        zero = _number(stated, "ps") * 1e-3
    counted = float(min(a.sum(), b.sum()))
    note = f"IRF and lag zero from the calibration of {stored.get('date', 'an unknown date')}, not from this run"
    return Response(
        grid, zero, Value(zero, math.hypot(sigma, COLOUR), "ns"),
        Value(rms, rms / math.sqrt(2 * counted), "ns"), "calibration", counted, (note,),
    )  # fmt: skip


def _number(item: Any, unit: str) -> float:
    """Return a stored quantity: a number, or a mapping with its value."""
    if isinstance(item, Value):
        return item.to(unit).nominal if item.unit != unit else item.nominal
    return float(item["value"]) if isinstance(item, Mapping) else float(item)


def _from_jitter(jitter: Value, width: float) -> Response:
    pair = jitter.nominal * math.sqrt(2) * 1e-3
    half = max(1, math.ceil(5 * pair / width))
    fine = 21
    offsets = (np.arange((2 * half + 1) * fine) + 0.5) / fine - half - 0.5
    grid = np.exp(-0.5 * (offsets * width / max(pair, 1e-6)) ** 2).reshape(-1, fine).sum(axis=1)
    if not grid.sum() > 0:
        grid = np.zeros(2 * half + 1)
        grid[half] = 1.0
    note = "IRF assumed Gaussian from tagger.jitter: tails are not in it, and lag zero is fitted"
    return Response(
        grid / grid.sum(), 0.0, None, Value(pair, jitter.sigma * math.sqrt(2) * 1e-3, "ns"), "jitter", math.inf, (note,)
    )
