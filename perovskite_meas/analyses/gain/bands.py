"""Emission of every stripe at one fluence, band by band, from the single pulses."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.ndimage import uniform_filter1d

from perovskite_meas.analyses.pulses.light import Light
from perovskite_meas.analyses.pulses.rows import Array, Rows

WIDTH = 8.0
"""meV: width of a band."""
FAR = 52.0
"""meV from the top of the longest stripe's spectrum that bands reach, at most."""
FAINT = 0.08
"""Part of the brightest band's emission in the shortest stripe below which a band is left out."""
SMOOTH = 9
"""Pixels over which a spectrum is smoothed to find its top."""
SLOPED = 5
"""Single pulses from which on a slope is taken."""
LEVEL = 0.004
"""Relative 1-sigma of an exposure, all bands together: blades and pump are not set better."""
UNEVEN = 0.003
"""The same of one band."""
LEAST = 0.005
"""Relative scatter of one band of one pulse that is there at least."""
JITTER = 0.1
"""Relative scatter of pulse energies against which a reading's own is held where it cannot be told."""


@dataclass(frozen=True)
class Seen:
    """n exposures in b bands: ln of the emission per pulse, and its slope against ln fluence."""

    series: npt.NDArray[np.str_]
    """(n,)."""
    length: Array
    """cm, (n,)."""
    near: Array
    """cm, (n,)."""
    step: npt.NDArray[np.intp]
    """Place of the filter, (n,)."""
    transmission: Array
    """(n,)."""
    time: Array
    """From the first exposure, 0, to the last, 1, (n,)."""
    borders: Array
    """Of the bands, meV, rising, (b + 1,)."""
    pulses: tuple[Array, ...]
    """ln of each pulse's fluence over the reference, by exposure."""
    alone: npt.NDArray[np.bool_]
    """Whether each pulse has its own frame, (n,)."""
    value: Array
    """ln of the emission, mean of the pulses' logarithms, or logarithm of their mean, (n, b)."""
    slope: Array
    """d ln I/d ln F, (n, b); NaN where it was not recorded."""
    spread: Array
    """1-sigma of one pulse in one band, relative, (n, b)."""
    fluence: float
    """J/cm^2, the reference: mean of the logarithms over all stripes."""

    def only(self, keep: npt.NDArray[np.bool_]) -> Seen:
        """Return the exposures to keep."""
        return Seen(
            self.series[keep], self.length[keep], self.near[keep], self.step[keep], self.transmission[keep],
            self.time[keep],
            self.borders, tuple(one for one, wanted in zip(self.pulses, keep, strict=True) if wanted),
            self.alone[keep], self.value[keep], self.slope[keep], self.spread[keep], self.fluence,
        )  # fmt: skip

    def noise(self, row: int, reading: float) -> tuple[Array, Array]:
        """Return the covariances of value and slope of one exposure, both (b, b).

        Args:
            row: the exposure.
            reading: relative rms of one energy reading; it moves all bands of a pulse, as their slopes tell.
        """
        x, bands = self.pulses[row], self.value.shape[1]
        steep = np.where(np.isfinite(self.slope[row]), self.slope[row], 1.0)
        pulse = np.diag(self.spread[row] ** 2) + reading**2 * np.outer(steep, steep)
        own = LEVEL**2 * np.ones((bands, bands)) + UNEVEN**2 * np.eye(bands)
        width = float(((x - x.mean()) ** 2).sum())
        slopes = pulse / max(width, 1e-12) + np.diag((0.02 + 0.01 * np.abs(steep)) ** 2)
        return pulse / x.size + own, slopes


def seen(rows: Rows, light: Light, geometry: dict[str, Array], reading: float) -> Seen:
    """Return the emission of all rows with light.

    Args:
        rows: at one fluence.
        light: of these rows.
        geometry: `length` and `near` of the rows, mm.
        reading: relative rms of one energy reading.
    """
    wanted = np.flatnonzero(rows.series != "dark")
    stripe = np.flatnonzero(rows.series == "stripe")
    order = stripe[np.argsort(geometry["length"][stripe], kind="stable")]
    logs = np.concatenate([np.log(_fluences(rows, int(row))) for row in stripe])
    reference = float(logs.mean())
    # What was read scatters more than what fell: of a pulse's distance from the mean, a part is the reading's own.
    jitter = float(logs.var())
    trust = max(1 - reading**2 / jitter, 0.2) if jitter > 0 else 1.0
    borders = _borders(light, int(order[0]), int(order[-1]))
    inside = np.searchsorted(borders, light.energy, "right") - 1
    bands = borders.size - 1
    member = (inside[:, None] == np.arange(bands)).astype(np.float64)
    signal = light.electrons @ member
    noise = np.sqrt(np.clip(signal, 0, None) + light.variance * member.sum(axis=0))
    good, value, slope, spread, pulses = [], [], [], [], []
    for row in wanted:
        frames = np.flatnonzero(light.row == row)
        own, faint = signal[frames], noise[frames]
        x = np.log(_fluences(rows, int(row))) - reference
        x = x.mean() + trust * (x - x.mean())
        alone = bool(rows.paired[row]) and frames.size == x.size
        level = np.clip(own, faint, None)
        y = np.log(level * light.factor[frames, None])
        if alone:
            off = x - x.mean()
            steep = off @ y / float(off @ off) if x.size >= SLOPED else np.full(bands, np.nan)
            value.append(y.mean(axis=0))
        else:
            steep = np.full(bands, np.nan)
            value.append(np.log((level * light.factor[frames, None]).mean(axis=0)))
        slope.append(steep)
        share = np.sqrt(((faint / level) ** 2).mean(axis=0) * (1 if alone else x.size))
        spread.append(share)
        good.append(alone)
        pulses.append(x)
    found = Seen(
        rows.series[wanted], geometry["length"][wanted] / 10, geometry["near"][wanted] / 10, rows.step[wanted],
        rows.transmission[wanted], _elapsed(rows, wanted), borders, tuple(pulses), np.array(good), np.array(value),
        np.array(slope), np.array(spread), math.exp(reference),
    )  # fmt: skip
    flicker = _flicker(rows, light, signal, found, wanted)
    widened = np.hypot(found.spread, np.where(found.alone, flicker, 0.05)[:, None])
    return replace(found, spread=widened)


def _elapsed(rows: Rows, wanted: npt.NDArray[np.intp]) -> Array:
    time = rows.time[wanted] if np.isfinite(rows.time).all() else rows.index[wanted].astype(np.float64)
    return np.asarray((time - time.min()) / max(float(np.ptp(time)), 1e-9), np.float64)


def _fluences(rows: Rows, row: int) -> Array:
    own: Array = rows.fluences[row]
    return np.asarray(own[own > 0], np.float64)


def _borders(light: Light, shortest: int, longest: int) -> Array:
    """Return borders of bands round the top of the longest stripe's spectrum, where the shortest shines, (b + 1,)."""
    spectrum = light.electrons[light.row == longest].sum(axis=0) / light.step
    top = float(light.energy[int(np.argmax(uniform_filter1d(spectrum, SMOOTH, mode="nearest")))])
    number = int(FAR / WIDTH)
    borders = top + WIDTH * (np.arange(-number, number + 2) - 0.5)
    borders = borders[(borders > light.energy.min()) & (borders < light.energy.max())]
    first = light.electrons[light.row == shortest].mean(axis=0)
    places = np.searchsorted(borders, light.energy, "right") - 1
    shine = np.array([first[places == k].sum() for k in range(borders.size - 1)])
    bright = np.flatnonzero(shine > FAINT * shine.max())
    return np.asarray(borders[bright[0] : bright[-1] + 2], np.float64)


def _flicker(rows: Rows, light: Light, signal: Array, found: Seen, wanted: npt.NDArray[np.intp]) -> float:
    """Return the relative scatter of one band of one pulse beyond shot noise, the fluence's share taken out."""
    squares, count = 0.0, 0
    for k, row in enumerate(wanted):
        if not found.alone[k] or found.pulses[k].size < SLOPED:
            continue
        frames = np.flatnonzero(light.row == row)
        x = found.pulses[k] - found.pulses[k].mean()
        y = np.log(np.clip(signal[frames], 1.0, None))
        left = y - y.mean(axis=0) - np.outer(x, found.slope[k])
        # A wrong energy moves all bands alike: what neighbours do not share is the light's own.
        own = np.diff(left, axis=1)
        shot = (found.spread[k, 1:] ** 2 + found.spread[k, :-1] ** 2) * (x.size - 2)
        squares += float(((own**2).sum(axis=0) - shot).sum()) / 2
        count += (x.size - 2) * own.shape[1]
    return math.sqrt(max(squares / count, LEAST**2)) if count else JITTER / 2
