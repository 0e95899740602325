"""The instrument response of each detector: where and how sharply it sees light that comes at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from perovskite_meas.core.analysis import fact

from .pile_up import blind
from .rows import DETECTORS, Array, Decays, Sum, dead_time, read_decays

if TYPE_CHECKING:
    import xarray as xr

FEWEST = 300.0
"""Photons below which a histogram is no response."""
RESOLVED = 1.2
"""Rms width in bins above which the shape within a bin can be told from the neighbours."""
SECTORS = 48
"""Blocks of the period over which the faint far tail of a response is averaged."""


@dataclass(frozen=True)
class Response:
    """Instrument response of one detector on the axis of the decays."""

    shape: Array
    """Fraction of the photons per bin, sums to 1, shape (m,)."""
    variance: Array
    """Variance of `shape` from its own photon statistics, shape (m,)."""
    sharp: Array
    """`shape` with the width of the bins taken out (may dip below 0), shape (m,); equal to it if unresolved."""
    centre: float
    """Centroid of the core, in bins (the centre of the first bin is 0.5)."""
    width: float
    """Rms width of the core, in bins; its far tail left out."""
    late: float
    """Part of the light that the detector reports behind the core: afterpulses and reflections."""
    counts: float
    """Photons in it."""
    source: str
    """'laser rows', 'calibration' or 'assumed'."""


def responses(data: xr.Dataset) -> tuple[Response, Response] | None:
    """Return the measured responses of detectors a and b, or None where none was measured.

    From rows of the series 'laser' (reference light at the emission colour), freed of dark counts and pile-up,
    else from the dated calibration in conditions["irf"].

    Raises:
        AnalysisRefused: the rows cannot be read.
    """
    decays = read_decays(data)
    return of_laser(decays, dead_time(data)) or of_calibration(data, decays)


def of_laser(decays: Decays, blind_for: float | None) -> tuple[Response, Response] | None:
    """Return the responses from the rows with reference light; None without them or with too few photons."""
    laser = decays.of("laser")
    if laser is None or decays.period <= 0 or min(part.sum() for part in laser.counts) < FEWEST:
        return None
    dark = decays.of("dark")
    return tuple(_measured(decays, laser, dark, d, blind_for) for d in range(2))  # type: ignore[return-value]


def of_calibration(data: xr.Dataset, decays: Decays) -> tuple[Response, Response] | None:
    """Return the responses of the stored calibration on the axis of the decays; None where none is stored."""
    stored = fact(data, "irf")
    if not isinstance(stored, Mapping) or decays.period <= 0 or any(d not in stored for d in DETECTORS):
        return None
    width = _number(stored.get("bin", 0.0))
    made = []
    for d in DETECTORS:
        counts = np.asarray(stored[d], dtype=np.float64)
        if width <= 0 or counts.ndim != 1 or counts.sum() < FEWEST:
            return None
        moved = rebinned(counts, width, decays)
        floor = np.full(decays.bins, _lowest(moved))
        made.append(_response(moved, moved + 0.0, floor, "calibration"))
    return made[0], made[1]


def gaussian(centre: float, width: float, bins: int) -> Array:
    """Return a Gaussian response of unit sum, wrapped; centre and rms width in bins, shape (bins,)."""
    from scipy.special import ndtr

    edges = np.arange(bins + 1) - centre
    out = np.zeros(bins)
    for turn in (-bins, 0, bins):
        out += np.diff(ndtr((edges + turn) / width))
    return out


def rebinned(counts: Array, width: float, decays: Decays) -> Array:
    """Return a histogram with bins of `width` (ps, from 0) in the bins of the decays."""
    if abs(width - decays.bin_width) < 1e-9 * width and counts.size >= decays.bins:
        return np.asarray(counts[: decays.bins], dtype=np.float64)
    total = np.concatenate([[0.0], np.cumsum(counts)])
    edges = np.arange(decays.bins + 1) * decays.bin_width
    return np.diff(np.interp(edges, np.arange(total.size) * width, total))


def _measured(decays: Decays, laser: Sum, dark: Sum | None, detector: int, blind_for: float | None) -> Response:
    raw = laser.counts[detector]
    seen = 1.0 - blind(raw, decays.pulses("laser"), decays.bin_width, blind_for, int(np.argmax(raw)))
    counts = raw / seen
    if dark is None:
        floor = np.full(decays.bins, _lowest(counts))
    else:
        floor = np.full(decays.bins, dark.counts[detector].mean() * laser.live_time / dark.live_time)
    return _response(counts, raw / seen**2, floor, "laser rows")


def _response(counts: Array, variance: Array, floor: Array, source: str) -> Response:
    net = counts - floor
    peak = int(np.argmax(np.convolve(net, np.ones(3), "same")))
    m = net.size
    # Turned so that the pulse stands a tenth of the period from the start: the core never wraps.
    turn = peak - m // 10
    net, noise = np.roll(net, -turn), np.roll(np.clip(variance, 0.0, None), -turn)
    first, last = _core(net, noise, m // 10)
    smooth = _sectors(net, first, last)
    total = float(smooth.sum())
    shape, spread = smooth / total, noise / total**2
    x = np.arange(m) + 0.5
    core = shape[first:last]
    weight = float(core.sum())
    centre = float((core * x[first:last]).sum() / weight)
    width = float(np.sqrt(max(float((core * (x[first:last] - centre) ** 2).sum() / weight) - 1.0 / 12.0, 1e-4)))
    sharp = _sharpened(shape) if width > RESOLVED else shape
    return Response(
        np.roll(shape, turn), np.roll(spread, turn), np.roll(sharp, turn), float((centre + turn) % m),
        width, max(0.0, 1.0 - weight), float(counts.sum() - floor.sum()), source,
    )  # fmt: skip


def _core(net: Array, noise: Array, peak: int) -> tuple[int, int]:
    """Return where the response rises out of its floor and sinks into it again (half-open)."""
    half = net[peak] / 2
    block = max(2, int((net[max(0, peak - 50) : peak + 50] > half).sum()))

    def significant(low: int, high: int) -> bool:
        low, high = max(low, 0), min(high, net.size)
        return high > low and net[low:high].sum() > 3.0 * np.sqrt(noise[low:high].sum() + 1.0)

    first, last = peak, peak + 1
    while first > 0 and (significant(first - block, first) or significant(first - 2 * block, first - block)):
        first -= block
    while last < net.size // 2 and (significant(last, last + block) or significant(last + block, last + 2 * block)):
        last += block
    return max(first - block, 0), min(last + block, net.size)


def _sectors(net: Array, first: int, last: int) -> Array:
    """Return `net` with all but its core averaged over sectors, not below 0."""
    out = net.copy()
    step = max(1, net.size // SECTORS)
    for low, high in [(0, first), *((k, min(k + step, net.size)) for k in range(last, net.size, step))]:
        if high > low:
            out[low:high] = max(0.0, float(net[low:high].mean()))
    return out


def _sharpened(shape: Array) -> Array:
    """Take out the variance b^2/6 that binning twice adds, to second order (Sheppard)."""
    out: Array = shape - (np.roll(shape, 1) - 2.0 * shape + np.roll(shape, -1)) / 12.0
    return out


def _lowest(counts: Array) -> float:
    """Return the mean of the lowest quarter of the sectors: a floor where no dark rows tell it."""
    means = np.sort([part.mean() for part in np.array_split(counts, SECTORS)])
    return float(means[: SECTORS // 4].mean())


def _number(stored: Any) -> float:
    return float(stored["value"]) if isinstance(stored, Mapping) else float(stored)
