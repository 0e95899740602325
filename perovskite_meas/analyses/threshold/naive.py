"""The usual estimate, shown as a warning: mean emission of each point against its set point."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from perovskite_meas.core.value import Value

from .film import THRESHOLD
from .gain import GainModel, refit
from .groups import Groups
from .knee import KNEE, fit_segmented, fit_soft_knee
from .law import Noise
from .rows import Rows
from .setup import Setup

EXACT = Noise(0.05, 0.0)
"""What such an estimate takes for its errors."""
FEWEST = 8


def set_point_average(rows: Rows, each: Groups, setup: Setup, known: GainModel | None) -> dict[str, Value]:
    """Return thresholds (J/cm^2) of points averaged by set point, as if every pulse had that energy, by estimator."""
    keep = np.isin(rows.series[each.row], ("up", "down"))
    if keep.sum() < FEWEST:
        return {}
    own = each.only(keep)
    asked = np.log(np.maximum(rows.asked[own.row], 1e-15) / own.unit)[:, None]
    plain = replace(own, log_fluence=asked, weight=np.ones((len(own), 1)))
    knee, pieces = fit_soft_knee(plain, EXACT, setup.photons), fit_segmented(plain, EXACT)
    found = {"soft_knee": knee, "segmented": pieces}
    ln = {name: (float(fit.theta[KNEE]), fit.sigma(KNEE)) for name, fit in found.items()}
    below = plain.only(plain.centre < pieces.theta[KNEE] + np.exp(pieces.theta[5]))
    if known is not None and len(below) > FEWEST:
        gain = refit(below, EXACT, setup, known)
        ln["gain_model"] = float(gain.theta[THRESHOLD]), gain.sigma(THRESHOLD)
    values = {name: (own.unit * float(np.exp(at)), sigma) for name, (at, sigma) in ln.items()}
    return {name: Value(nominal, nominal * sigma, "J/cm^2") for name, (nominal, sigma) in values.items()}
