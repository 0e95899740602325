"""The dark state's lifetime against field: decay rates by Poisson likelihood, and the g difference in their growth."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from perovskite_meas.analyses.spectra.joint import Fit
from perovskite_meas.analyses.spectra.rows import Array, series_names
from perovskite_meas.core.value import Value

from .levels import SIZE, Exciton
from .slow import LATE, Slow, slow_part

if TYPE_CHECKING:
    import xarray as xr

FAST = 8.0
"""ns after the peak within which the bright decay is read."""
FEWEST = 4
WEAK, FEWEST_WEAK = 1.6, 2
"""T up to which decays show the bright lifetime (in a field it is partly the dark one), and how many at least."""
STRAY = 4.0
"""Sigmas of the rates without field above the law, from which they are of something else."""
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

    def bare(self) -> Decays:
        """Return the rates without a law: of whatever decays slowly where no dark state is known."""
        nothing = np.full(self.field.size, np.nan)
        return replace(self, model=nothing, lifetime=None, g_diff=None, slope=None)


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
    found = [slow_part(row, step, peak) for row in counts]
    good = np.array([one is not None for one in found])
    notes = []
    if (~good).any():
        notes.append(f"{int((~good).sum())} decay(s) show no slow part above their background")
    if good.sum() < FEWEST:
        return None, [*notes, f"only {int(good.sum())} decays have a slow part; the g difference needs {FEWEST}"]
    slow = [one for one in found if one is not None]
    rate, sigma = np.array([one.rate for one in slow]), np.array([one.sigma for one in slow])
    size = np.abs(field[good])
    weak = size <= max(WEAK, float(np.sort(size)[FEWEST_WEAK - 1]))
    behind = peak + max(3, math.ceil((FAST + 1) / step))
    uneven = unevenness(counts[good].sum(axis=0)[behind : behind + UNEVEN_BINS])
    bright, why = _bright(counts[good][weak], step, peak, list(itertools.compress(slow, weak)), uneven)
    if why:
        notes.append(why)
    nothing = Decays(size, rate, sigma, bright, np.full(size.size, np.nan), None, None, None)
    if np.ptp(size) < 1.0 or bright is None or fit is None:
        return nothing, notes
    return _settled(nothing, fit, bright, coil, notes), notes


def _settled(seen: Decays, fit: Fit, bright: Value, coil: Value, notes: list[str]) -> Decays:
    """Return the law, without the points at zero field where these stand above it.

    A dark state gives no light there: what decays slowly is then the afterpulsing of the detector, or a trap.
    """
    law = _growth(seen, fit, bright, coil)
    low = seen.field < 0.3
    above = float(((seen.rate - law.model)[low] / seen.sigma[low]).sum()) / math.sqrt(max(1, int(low.sum())))
    if not low.any() or above < STRAY or (~low).sum() < FEWEST:
        return law
    notes.append(
        f"without field the slow part decays {above:.1f} sigma faster than the dark state's law says: afterpulses of "
        "the detector, or a trap; these points do not count for it"
    )
    kept = [part[~low] for part in (seen.field, seen.rate, seen.sigma)]
    other = _growth(replace(seen, field=kept[0], rate=kept[1], sigma=kept[2], model=kept[2]), fit, bright, coil)
    if other.g_diff is None or other.lifetime is None:
        return law
    base = 1 / other.lifetime.nominal
    model = base + _mixed(fit, seen.field, other.g_diff.nominal) / bright.nominal
    return replace(other, field=seen.field, rate=seen.rate, sigma=seen.sigma, model=model)


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
    values = fit.values[:SIZE].copy()
    values[4] = g_diff
    shares: Array = 1.0 - Exciton().dark_share(values, field).max(axis=1)
    return shares


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


def _bright(
    counts: Array, step: float, peak: int, slow: Sequence[Slow], uneven: float
) -> tuple[Value | None, str]:  # fmt: skip
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
