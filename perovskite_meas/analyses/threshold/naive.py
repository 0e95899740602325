"""The usual estimate, shown as a warning: mean emission of each point against its set point."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from perovskite_meas.analyses.pulses.light import Light
from perovskite_meas.analyses.pulses.rows import Rows
from perovskite_meas.analyses.pulses.setup import Setup
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from .estimators import Estimates
from .film import THRESHOLD
from .gain import refit
from .groups import Groups
from .knee import KNEE, fit_segmented, fit_soft_knee
from .law import Noise
from .linear import half_width, linear_intercept
from .narrowing import narrowing

EXACT = Noise(0.05, 0.0)
"""What such an estimate takes for its errors."""
FEWEST = 8


def set_point_average(rows: Rows, each: Groups, light: Light, setup: Setup, known: Estimates) -> dict[str, Value]:
    """Return thresholds (J/cm^2) of points averaged by set point, as if every pulse had that energy.

    By estimator; those that the pulses themselves refuse are left out.
    """
    keep = np.isin(rows.series[each.row], ("up", "down"))
    if keep.sum() < FEWEST:
        return {}
    own = each.only(keep)
    asked = np.log(np.maximum(rows.asked[own.row], 1e-15) / own.unit)[:, None]
    plain = replace(own, log_fluence=asked, weight=np.ones((len(own), 1)))
    try:
        ln = _all(plain, light, setup, known)
    except AnalysisRefused:  # what is shown as a warning only is not worth a result
        return {}
    values = {name: (own.unit * math.exp(at), sigma) for name, (at, sigma) in ln.items() if name in known.ln}
    return {name: Value(nominal, nominal * sigma, "J/cm^2") for name, (nominal, sigma) in values.items()}


def _all(plain: Groups, light: Light, setup: Setup, known: Estimates) -> dict[str, tuple[float, float]]:
    """Return ln threshold and its sigma by estimator."""
    knee = fit_soft_knee(plain, EXACT, setup.photons)
    pieces = fit_segmented(plain, EXACT, knee)
    ln = {name: (float(fit.theta[KNEE]), fit.sigma(KNEE)) for name, fit in (("soft_knee", knee), ("segmented", pieces))}
    second = float(pieces.theta[KNEE] + np.exp(pieces.theta[5]))
    draws = linear_intercept(plain, knee, EXACT, ln["segmented"][0], second)
    if draws is not None:
        ln["linear_intercept"] = float(draws[0]), half_width(draws)
    narrow = narrowing(plain, light, knee, EXACT.reading)
    if narrow.refused is None:
        ln["narrowing"] = narrow.ln_threshold, narrow.sigma
    below = plain.only(plain.centre < second)
    if known.gain is not None and len(below) > FEWEST:
        gain = refit(below, EXACT, setup, known.gain)
        ln["gain_model"] = float(gain.theta[THRESHOLD]), gain.sigma(THRESHOLD)
    return ln
