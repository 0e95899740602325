"""Amplified spontaneous emission or lasing: line width, resolved modes, and pulse-to-pulse scatter."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.signal import find_peaks

from perovskite_meas.analyses.pulses.light import Light
from perovskite_meas.analyses.pulses.rows import Array, Rows
from perovskite_meas.core.value import Value

from .groups import Groups, spectra
from .law import Fit, Noise, averaged, variance

SMOOTH = 6.0
"""Pixels over which a spectrum without modes is smooth."""
PROMINENT = 0.10
PROMINENT_ONCE = 0.35
"""Prominence of a peak over the highest one, in the mean spectrum and in that of a single pulse."""
SEVERAL = 3
"""Peaks from which they are modes: amplified emission has one."""
SHARPEST = 3.0
"""Pixels of the width below which a single line may be a single mode."""
SCATTER = 0.2
POLARISED = 0.4
"""Degree of polarisation from which light has chosen one."""
BATCHES = 4
SINGLE = 100
FEWEST = 5


@dataclass(frozen=True)
class Lasing:
    """What speaks for or against a laser."""

    verdict: str
    """'ASE', 'lasing' or 'not decidable'."""
    contrast: Value | None
    """Rms of the fine structure of the spectrum above threshold over the smooth spectrum."""
    scatter: float
    """Relative rms of the emission of one recorded frame at known energy above threshold; NaN where not known."""
    spectrum: Array
    """Mean spectrum above threshold, (b,)."""
    evidence: tuple[str, ...]


def lasing_or_ase(
    rows: Rows, light: Light, groups: Groups, knee: Fit, noise: Noise, narrow: Value, polarisation: Value | None
) -> Lasing:
    """Return the verdict from groups well above the knee.

    `narrow` is the width above threshold, meV; `polarisation` the degree of it, None where it was not measured.
    """
    centre, knee_at = groups.centre, float(knee.theta[3])
    above = centre > knee_at + 0.25 * max(float(centre.max()) - knee_at, 0.0)
    above &= centre > knee_at
    if above.sum() < FEWEST:
        return Lasing("not decidable", None, math.nan, np.zeros(light.energy.size), ("too few points above the knee",))
    top = groups.only(above)
    mean, square = spectra(top, light)
    weight = 1.0 / np.maximum(mean.sum(axis=1), 1e-9)
    shape, error = weight @ mean, weight**2 @ square
    contrast = _contrast(weight[:, None] * mean, weight[:, None] ** 2 * square)
    single = np.flatnonzero((light.pulse >= 0) & np.isin(rows.series[light.row], ("up", "down")))
    own = single[np.isin(single, np.concatenate(top.members))]
    own = own[:: max(1, own.size // SINGLE)]
    peaks = _peaks(shape, error, PROMINENT)
    once = [
        _peaks(light.electrons[k], np.clip(light.electrons[k], 0, None) + light.variance, PROMINENT_ONCE) for k in own
    ]
    modes = max(peaks, float(np.median(once)) if once else 0.0)
    scatter = _scatter(top, knee, noise)
    evidence = [
        f"the width above threshold is {narrow.nominal:.3g} meV",
        f"{modes:.0f} peaks above threshold: " + ("resolved modes" if modes >= SEVERAL else "no resolved modes"),
    ]
    if math.isfinite(scatter):
        evidence.append(f"the emission of one frame scatters by {scatter:.0%} at known energy")
    if polarisation is not None:
        said = "as a laser's is" if polarisation.nominal > POLARISED else "a laser's is more"
        evidence.append(f"the emission above threshold is polarised to {polarisation.nominal:.0%}: {said}")
    sharp = narrow.nominal < SHARPEST * float(np.median(light.step))
    if modes >= SEVERAL:
        verdict = "lasing"
    elif modes <= 1 and not sharp and not scatter > SCATTER:
        verdict = "ASE"
    else:
        verdict = "not decidable"
    return Lasing(verdict, contrast, scatter, shape / max(float(shape.max()), 1e-12), tuple(evidence))


def _peaks(shape: Array, error: Array, least: float) -> int:
    """Return how many peaks stand out of a spectrum by more than noise."""
    noise = math.sqrt(float(error.max()))
    found, _ = find_peaks(np.pad(shape, 1), prominence=max(least * float(shape.max()), 6.0 * noise))
    return int(found.size)


def _contrast(parts: Array, squares: Array) -> Value:
    """Return the rms of the fine structure of all groups (n, b) together; its sigma from batches of them."""
    batches = [_fine(parts[k::BATCHES].sum(axis=0), squares[k::BATCHES].sum(axis=0)) for k in range(BATCHES)]
    nominal = _fine(parts.sum(axis=0), squares.sum(axis=0))
    return Value(nominal, max(float(np.std(batches, ddof=1)) / math.sqrt(BATCHES), 1e-4), "1")


def _fine(shape: Array, error: Array) -> float:
    """Return the rms of the fine structure where the spectrum is bright, noise subtracted, over the smooth one."""
    smooth = gaussian_filter1d(shape, SMOOTH, mode="nearest")
    bright = smooth > 0.2 * smooth.max()
    left = (shape - smooth)[bright]
    # A curved smooth line is no fine structure: neighbours three pixels apart share it.
    curved = gaussian_filter1d(shape, SMOOTH / 2.0, mode="nearest") - smooth
    left = left - curved[bright] * float(left @ curved[bright]) / max(float(curved[bright] @ curved[bright]), 1e-30)
    total = max(float((smooth[bright] ** 2).sum()), 1e-30)
    return math.sqrt(max(float((left**2).sum() - error[bright].sum()) / total, 0.0))


def _scatter(top: Groups, knee: Fit, noise: Noise) -> float:
    """Return the relative scatter of one recorded frame about its neighbours above the knee."""
    if len(top) < FEWEST:
        return math.nan
    order = np.argsort(top.centre)
    model = averaged(knee.law, knee.theta, top)[order]
    known = (variance(knee.law, knee.theta, top, Noise(0.0, noise.reading))[order]) / model**2
    ratio, relative = top.mean[order] / model, top.relative[order]
    bend = ratio[1:-1] - 0.5 * (ratio[:-2] + ratio[2:])
    expected = known[1:-1] + 0.25 * (known[:-2] + known[2:])
    per = relative[1:-1] + 0.25 * (relative[:-2] + relative[2:])
    excess = float(np.median(bend**2)) / 0.455 - float(np.median(expected))
    return math.sqrt(max(excess, 0.0) / float(np.median(per)))
