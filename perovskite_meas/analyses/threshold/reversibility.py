"""Does the film come back? Down against up, the lowest fluence again, and what the dose changes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from perovskite_meas.analyses.pulses.rows import Array, Mask, Names, Rows
from perovskite_meas.core.value import Value

from .groups import Groups
from .knee import KNEE, fit_soft_knee, knee_sigma
from .law import Fit, Noise, averaged, variance

SURE = 2.0
DOUBTFUL = 4.0
"""Sigmas up to which two thresholds agree, and from which any difference is one."""
USUAL, UNLIKELY = 0.02, 1e-3
"""Chance of all differences together above which they are noise, and below which they are not."""
FLOOR_THRESHOLD = 0.01
FLOOR_SIGNAL = 0.01
"""Relative differences that are granted to the laser and the alignment."""
STEEP = 0.03
FEWEST = 8


@dataclass(frozen=True)
class Reversal:
    """Whether up, down and return agree."""

    verdict: str
    """'reversible', 'irreversible' or 'not decidable'."""
    thresholds: Value | None
    """Threshold going down over that going up."""
    signals: Value | None
    """Emission going down over going up at equal fluence."""
    back: Value | None
    """Emission at the lowest fluence at the end over that of the first visit."""
    damage: Value | None
    """Change of ln emission below the knee per J/cm^2 of dose."""
    damage_shots: Value | None
    """Change of ln emission per 1000 pulses."""
    changes: tuple[str, ...]
    """What differs, in words."""


def reversal(rows: Rows, each: Groups, up: Groups, down: Groups, fit: Fit, noise: Noise, photons: int) -> Reversal:
    """Return the verdict.

    Args:
        rows: of the run.
        each: one group per row.
        up: groups going up alone.
        down: groups going down alone; may be few.
        fit: the softplus law of the whole sweep.
        noise: beyond shot and read noise.
        photons: pump photons per exciton.
    """
    model = averaged(fit.law, fit.theta, each)
    ratio = np.log(np.maximum(each.mean / model, 1e-6))
    square = variance(fit.law, fit.theta, each, noise) / model**2
    series = rows.series[each.row]
    thresholds = _thresholds(up, down, fit, noise, photons)
    signals, damage, damage_shots = _signals(rows, each, series, ratio, square, each.centre < fit.theta[KNEE] - 0.1)
    back = _back(rows, each, series, ratio, square)
    checks = {
        "the threshold going down": (thresholds, FLOOR_THRESHOLD),
        "the emission going down": (signals, FLOOR_SIGNAL),
        "the emission at the lowest fluence at the end": (back, FLOOR_SIGNAL),
    }
    pulls, changes = [], []
    for name, (value, floor) in checks.items():
        if value is None:
            continue
        pull = (value.nominal - 1.0) / math.hypot(value.sigma, floor)
        pulls.append(abs(pull))
        if abs(pull) > SURE:
            changes.append(f"{name} is {value.nominal:.3f} of that before ({pull:+.1f} sigma)")
    apart = 0.0 if thresholds is None else abs(thresholds.nominal - 1.0) / math.hypot(thresholds.sigma, FLOOR_THRESHOLD)
    joint = float(chi2.sf(sum(pull**2 for pull in pulls), len(pulls))) if pulls else 0.0
    if thresholds is None and back is None:
        verdict = "not decidable"
    elif max(pulls) > DOUBTFUL or joint < UNLIKELY:
        verdict = "irreversible"
    elif apart <= SURE and joint > USUAL:
        verdict = "reversible"
    else:
        verdict = "not decidable"
    return Reversal(verdict, thresholds, signals, back, damage, damage_shots, tuple(changes))


def _thresholds(up: Groups, down: Groups, fit: Fit, noise: Noise, photons: int) -> Value | None:
    if len(up) < FEWEST or len(down) < FEWEST:
        return None
    fits = [fit_soft_knee(part, noise, photons, fit.theta) for part in (up, down)]
    ratio = math.exp(float(fits[1].theta[KNEE] - fits[0].theta[KNEE]))
    sigmas = (knee_sigma(part, one, noise) for part, one in zip((up, down), fits, strict=True))
    return Value(ratio, ratio * math.hypot(*sigmas), "1")


def _signals(
    rows: Rows, each: Groups, series: Names, ratio: Array, square: Array, dim: Mask
) -> tuple[Value | None, Value | None, Value | None]:
    """Return emission down over up, and its change by dose and by pulses below the knee, by settings visited twice."""
    asked = np.log(np.maximum(rows.asked[each.row], 1e-15))
    logs, weights, doses, fired, below = [], [], [], [], []
    for k in np.flatnonzero(series == "up"):
        same = np.flatnonzero((series == "down") & (np.abs(asked - asked[k]) < 1e-3) & (each.step == each.step[k]))
        for j in same:
            logs.append(ratio[j] - ratio[k])
            weights.append(1.0 / (square[j] + square[k] + STEEP**2))
            doses.append(rows.dose[each.row[j]] - rows.dose[each.row[k]])
            below.append(bool(dim[k]))
            fired.append(rows.fired[each.row[j]] - rows.fired[each.row[k]])
    if len(logs) < 3:
        return None, None, None
    log, weight = np.array(logs), np.array(weights)
    mean = float(weight @ log / weight.sum())
    spread = math.sqrt(float(weight @ (log - mean) ** 2 / weight.sum()) / (len(logs) - 1))
    sigma = max(spread, 0.5 / math.sqrt(weight.sum()))
    signals = Value(math.exp(mean), math.exp(mean) * sigma, "1")
    low = np.array(below)
    if low.sum() < 3:
        low[:] = True
    dose, shots = np.array(doses)[low], np.array(fired)[low] / 1e3
    return signals, _per(dose, log[low], weight[low], "cm^2/J"), _per(shots, log[low], weight[low], "1")


def _per(x: Array, log: Array, weight: Array, unit: str) -> Value | None:
    total = float(weight @ x**2)
    if not total > 0:
        return None
    slope = float(weight @ (x * log) / total)
    left = log - slope * x
    factor = max(1.0, math.sqrt(float(weight @ left**2) / max(log.size - 1, 1)))
    return Value(slope, factor / math.sqrt(total), unit)


def _back(rows: Rows, each: Groups, series: Names, ratio: Array, square: Array) -> Value | None:
    last = np.flatnonzero(series == "return")
    if not last.size:
        return None
    asked = rows.asked[each.row]
    up = np.flatnonzero(series == "up")
    away = np.abs(np.log(np.maximum(asked[up], 1e-15) / asked[last[0]]))
    first = up[away < max(float(away.min()) * 1.01, 0.01)]
    if not first.size or away.min() > 0.1:
        return None
    parts = [(ratio[k], square[k]) for k in (last, first)]
    means = [float(np.average(log, weights=1.0 / part)) for log, part in parts]
    sigmas = [math.sqrt(1.0 / float((1.0 / part).sum())) for _, part in parts]
    found = math.exp(means[0] - means[1])
    return Value(found, found * math.hypot(*sigmas), "1")
