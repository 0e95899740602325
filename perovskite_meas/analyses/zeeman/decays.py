"""The dark state's lifetime against field: decay rates by Poisson likelihood, and the g difference in their growth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.analyses.spectra.joint import Fit
from perovskite_meas.analyses.spectra.rows import Array, series_names
from perovskite_meas.core.value import Value

from .levels import Exciton

if TYPE_CHECKING:
    import xarray as xr

LATE = 16.0
"""ns after the peak from which the bright states are gone."""
FAST = 8.0
"""ns after the peak within which the bright decay is read."""
FEWEST = 4
FEWEST_PHOTONS = 200.0
BINS = 120
FEEDING = 0.02
"""Relative 1-sigma of the bright rate by what goes to the dark state instead of into light."""


COARSEST = 3.0
"""ns of a bin from which the bright decay is not resolved."""
FEWEST_FAST = 100.0
"""Photons in the first bin behind the peak."""
WORST_BRIGHT = 0.2
UNEVEN_BINS = 60
MIDDLE = 3.0
"""Lifetime of what else decays within the first ns (background of the sample), over that of the bright states."""


@dataclass(frozen=True)
class Slow:
    """The slow part of one decay."""

    rate: float
    """1/ns."""
    sigma: float
    light: float
    """Photons after the start of the window."""
    floor: float
    """Photons per ns that do not decay."""
    deviance: float


@dataclass(frozen=True)
class Decays:
    """Decay rates of the dark state."""

    field: Array
    """|B| in T, (k,)."""
    rate: Array
    """1/ns, (k,)."""
    sigma: Array
    bright: Value | None
    """Lifetime of the bright states, in ns."""
    model: Array
    """The law k_D0 + k_b f_D at these fields, (k,); NaN where there is none."""
    lifetime: Value | None
    """Of the dark state without field, in ns."""
    g_diff: Value | None
    slope: Value | None
    """Of the rate in B^2, in 1/(us T^2)."""


def read_decays(data: xr.Dataset, fit: Fit | None, coil: Value) -> tuple[Decays | None, list[str]]:
    """Return the decays; None where there are none."""
    if "decay" not in data or "decay_bin" not in data:
        return None, []
    own = np.flatnonzero(series_names(data) == "decay")
    counts = np.asarray(data["decay"].values, np.float64)[own]
    width = np.asarray(data["decay_bin"].values, np.float64)[own] * 1e-3
    if not own.size or counts.ndim != 2 or not (counts.sum(axis=1) > 0).any():
        return None, []
    field = np.asarray(data["field"].values, np.float64)[own] * coil.nominal
    field, counts, width = (part[counts.sum(axis=1) > 0] for part in (field, counts, width))
    step = float(width[0])
    peak = int(np.median(counts.argmax(axis=1)))
    found = [_late(row, step, peak) for row in counts]
    good = np.array([one is not None for one in found])
    notes = []
    if (~good).any():
        notes.append(f"{int((~good).sum())} decay(s) show no slow part above their background")
    if good.sum() < FEWEST:
        return None, [*notes, f"only {int(good.sum())} decays have a slow part; the g difference needs {FEWEST}"]
    slow = [one for one in found if one is not None]
    rate, sigma = np.array([one.rate for one in slow]), np.array([one.sigma for one in slow])
    size = np.abs(field[good])
    bright, why = _bright(counts[good], step, peak, slow)
    if why:
        notes.append(why)
    low = size <= size.min() + 0.05
    weight = sigma[low] ** -2
    zero = float((weight * rate[low]).sum() / weight.sum())
    lifetime = Value(1 / zero, float(weight.sum() ** -0.5) / zero**2, "ns") if size.min() < 0.3 else None
    nothing = Decays(size, rate, sigma, bright, np.full(size.size, np.nan), lifetime, None, None)
    if np.ptp(size) < 1.0 or bright is None or fit is None:
        return nothing, notes
    return _growth(nothing, fit, bright, coil), notes


def _growth(seen: Decays, fit: Fit, bright: Value, coil: Value) -> Decays:
    """Return the same with the law k_D0 + k_b f_D(B) fitted, f_D from the levels with a free g difference.

    Source: f_D = sum_j (g_diff muB B_j / 2)^2 / (E_j - E_D)^2 for small mixing; here the mixed levels themselves.
    """
    g, base = abs(fit.value("g_diff")) or 1.0, float(seen.rate[seen.field.argmin()])
    weight = seen.sigma**-2
    covariance: Array = np.eye(2)
    for _ in range(30):
        mixed, ahead = (_mixed(fit, seen.field, value) for value in (g, g * 1.001 + 1e-6))
        slope = (ahead - mixed) / (g * 0.001 + 1e-6) / bright.nominal
        design = np.stack([np.ones_like(mixed), slope], axis=1)
        left = seen.rate - base - mixed / bright.nominal
        normal = design.T @ (design * weight[:, None])
        covariance[:] = np.linalg.pinv(normal)
        step = covariance @ (design.T @ (weight * left))
        base, g = base + float(step[0]), abs(g + float(np.clip(step[1], -0.5, 0.5)))
        if abs(step[1]) < 1e-6:
            break
    model = base + _mixed(fit, seen.field, g) / bright.nominal
    excess = max(1.0, float((weight * (seen.rate - model) ** 2).sum()) / max(1, seen.rate.size - 2))
    doubt = 0.5 * math.hypot(bright.relative, FEEDING)
    gap = fit.sigma("splitting") / max(abs(fit.value("splitting")), 1e-6)
    systematic = g * math.sqrt(doubt**2 + gap**2 + coil.relative**2)
    statistical = math.sqrt(max(float(covariance[1, 1]), 0.0) * excess)
    value = Value.combine(g, statistical, systematic, "1")
    weak = _mixed(fit, np.array([0.5]), g)[0] / 0.25
    growth = weak / bright.nominal * 1e3
    relative = 2 * statistical / max(g, 1e-6)
    slope_value = Value.combine(growth, growth * relative, growth * 2 * coil.relative, "1/us/T^2")
    lifetime = Value(1 / base, math.sqrt(float(covariance[0, 0]) * excess) / base**2, "ns") if base > 0 else None
    return Decays(seen.field, seen.rate, seen.sigma, seen.bright, model, lifetime, value, slope_value)


def _mixed(fit: Fit, field: Array, g_diff: float) -> Array:
    """Return how bright the mostly dark level is at each field, (k,)."""
    values = fit.values[:6].copy()
    values[4] = g_diff
    shares: Array = 1.0 - Exciton().dark_share(values, field).max(axis=1)
    return shares


def _late(counts: Array, step: float, peak: int) -> Slow | None:
    """Return the slow part of one decay; None where there is none."""
    start = peak + max(3, math.ceil(LATE / step))
    tail = counts[start:]
    if tail.size < 20 or tail.sum() < FEWEST_PHOTONS:
        return None
    edges = np.unique(np.concatenate([[0], np.geomspace(1, tail.size, BINS).astype(int)]))
    number = np.add.reduceat(tail, edges[:-1])
    times = edges * step
    total = float(times[-1])
    width = np.diff(times)
    floor = max(float(np.median(number[-10:] / width[-10:])) * 0.5, 1e-9)
    best: Slow | None = None
    for guess in np.geomspace(2.0 / total, 0.5, 8):
        found = _poisson(number, times, np.array([math.log(guess), 1.0, floor]))
        if found is not None and (best is None or found.deviance < best.deviance):
            best = found
    return None if best is None or best.sigma > 0.5 * best.rate else best


def _poisson(number: Array, times: Array, start: Array) -> Slow | None:
    """Return one exponential over a floor by the photons' likelihood (Fisher scoring); None where it does not show."""
    width = np.diff(times)
    rate, floor = math.exp(start[0]), float(start[2])
    light = max(float(number.sum()) - floor * float(width.sum()), 1.0)

    def parts(k: float) -> tuple[Array, Array]:
        decayed = np.exp(-k * times)
        return -np.diff(decayed), -np.diff(-times * decayed)

    deviance = math.inf
    covariance: Array = np.eye(3)
    for _ in range(40):
        law, by_rate = parts(rate)
        model = np.maximum(light * law + floor * width, 1e-9)
        now = 2 * float((model - number + number * np.log(np.maximum(number, 1e-9) / model)).sum())
        jacobian = np.stack([light * by_rate * rate, law, width], axis=1)
        normal = jacobian.T @ (jacobian / model[:, None])
        covariance[:] = np.linalg.pinv(normal)
        step = covariance @ (jacobian.T @ (number / model - 1))
        rate *= math.exp(float(np.clip(step[0], -0.7, 0.7)))
        light, floor = max(light + float(step[1]), 1e-3), max(floor + float(step[2]), 0.0)
        if abs(now - deviance) < 1e-6:
            break
        deviance = now
    if not (math.isfinite(rate) and light > 5 * math.sqrt(max(float(covariance[1, 1]), 0.0))):
        return None
    return Slow(rate, rate * math.sqrt(max(float(covariance[0, 0]), 0.0)), light, floor, deviance)


def unevenness(counts: Array) -> float:
    """Return by how much, relative, the widths of bins differ: more scatter about a parabola than photons have.

    Bins that are no multiple of the tagger's resolution hold now more, now fewer of its channels.
    """
    if counts.size < 10 or counts.mean() < 20:
        return 0.0
    x = np.linspace(-1.0, 1.0, counts.size)
    smooth = np.polynomial.polynomial.polyval(x, np.polynomial.polynomial.polyfit(x, counts, 2))
    left = float(np.sum((counts - smooth) ** 2) / (counts.size - 3)) / float(counts.mean())
    scatter = math.sqrt(max(0.0, left - 1.0) / float(counts.mean()))
    return scatter if left > 1.0 + 3.0 * math.sqrt(2.0 / counts.size) else 0.0


def _bright(counts: Array, step: float, peak: int, slow: Sequence[Slow]) -> tuple[Value | None, str]:
    """Return the bright lifetime in ns from the bins behind the peak of all decays together, and why there is none."""
    total = counts.sum(axis=0)
    first = peak + 1
    late = peak + max(3, math.ceil(LATE / step))
    last = first + max(5, math.ceil(FAST / step))
    number, k = total[first:last], np.arange(last - first)
    before = (np.arange(first, last + 1) - late) * step  # edges, from where the slow parts were fitted
    base = np.sum([-np.diff(np.exp(-one.rate * before)) * one.light + one.floor * step for one in slow], axis=0)
    if number.size < 4 or step > COARSEST or number[0] - base[0] < FEWEST_FAST:
        return None, f"the bright lifetime does not show in bins of {step:g} ns: no g difference from the decays"
    uneven = unevenness(total[last : last + UNEVEN_BINS])
    rate, parts = 1.0, np.array([float(number[0]), 0.0, 1.0])
    covariance: Array = np.eye(4)
    for _ in range(80):
        fast, tail = np.exp(-rate * step * k), np.exp(-rate * step * k / MIDDLE)
        model = np.maximum(parts @ np.array([fast, tail, base]), 1e-6)
        jacobian = np.stack([-parts[0] * fast * step * k * rate, fast, tail, base], axis=1)
        variance = model + (uneven * model) ** 2
        covariance[:] = np.linalg.pinv(jacobian.T @ (jacobian / variance[:, None]))
        move = covariance @ (jacobian.T @ ((number - model) / variance))
        rate *= math.exp(float(np.clip(move[0], -0.5, 0.5)))
        parts = np.maximum(parts + move[1:], [1.0, 0.0, 0.0])
        if abs(move[0]) < 1e-7:
            break
    relative = math.sqrt(max(float(covariance[0, 0]), 0.0))
    if not relative < WORST_BRIGHT:
        return None, "the bright lifetime does not show in the decays: no g difference from them"
    why = f"the bins of the decays differ in width by {uneven:.1%}: take a multiple of the tagger's resolution"
    return Value(1 / rate, relative / rate, "ns"), why if uneven else ""
