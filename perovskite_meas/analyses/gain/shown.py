"""What a figure and a table show of a fitted fluence, and what of it is checked against other exposures."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from perovskite_meas.analyses.spectra.setup import EV_NM
from perovskite_meas.core.value import Value

from . import known, law
from .naive import naive
from .one import One
from .windows import FEWEST

AGED = 3.0
"""Sigmas by which the first stripe must have changed to be spoken of."""
RAISED = 0.01
"""Step of the gain's line for its derivative."""
LOSS_TOLD = 15.0
"""1/cm: a loss that is known worse is not given."""


def loss(found: One, notes: list[str]) -> Value | None:
    """Return the loss of light that runs under what is not pumped, 1/cm; None where it cannot be told."""
    fit = found.windows.chosen
    if np.count_nonzero(fit.seen.series == "shifted") < FEWEST:
        notes.append("no short stripes at several distances: the loss and the uniformity of the pump are not measured")
        return None
    others = [abs(other.theta[law.LOSS] - fit.theta[law.LOSS]) for other in found.windows.fits[: found.windows.taken]]
    sigmas = [other.sigma(law.LOSS) for other in found.windows.fits[: found.windows.taken]]
    own = fit.sigma(law.LOSS)
    spread = max((max(off**2 - max(sigma**2 - own**2, 0.0), 0.0) for off, sigma in zip(others, sigmas, strict=True)),
                 default=0.0)  # fmt: skip
    value = Value.combine(float(fit.theta[law.LOSS]), own, math.hypot(math.sqrt(spread), known.LOSS_LEAST), "1/cm")
    if value.sigma > LOSS_TOLD:
        notes.append(f"too little of the light is guided to tell the loss: it would be {value}")
        return None
    return value


def wavelength(found: One) -> Value:
    """Return where the gain is highest, nm in vacuum."""
    fit = found.windows.chosen
    centre = float(fit.theta[law.CENTRE])
    return Value(1e3 * EV_NM / centre, 1e3 * EV_NM * fit.sigma(law.CENTRE) / centre**2, "nm")


def curve(found: One) -> dict[str, Any]:
    """Return light against length in the band of the highest gain, brought to the reference fluence; `naive` too."""
    fit, seen = found.windows.chosen, found.seen
    band = int(np.argmin(np.abs((seen.borders[1:] + seen.borders[:-1]) / 2 - fit.theta[law.CENTRE])))
    value, _ = found.problem.told(fit.place)
    law_at = found.problem.at_reference(fit.place)[:, band]
    stripe = np.flatnonzero(seen.series == "stripe")
    stripe = stripe[np.argsort(seen.length[stripe], kind="stable")]
    sigma = np.array([math.sqrt(found.problem.covariance(int(row))[0][band, band]) for row in stripe])
    told = np.exp(law_at[stripe])
    intensity = told * np.exp((seen.value - value)[stripe, band])
    length = seen.length[stripe]
    return {
        "length": length,
        "intensity": intensity,
        "sigma": sigma * intensity,
        "fit": told,
        "inside": (length <= found.windows.held * (1 + 1e-9)).astype(np.float64),
        "naive": naive(length, intensity),
    }


def spectrum(found: One) -> dict[str, Any]:
    """Return the net gain of every band, each on its own but for all else that the fit found."""
    fit = found.windows.chosen
    problem = found.problem.of(fit.seen)
    value, slope = problem.told(fit.place)
    up, steeper = problem.told(fit.place, RAISED)
    bands = fit.levels.size
    lines = law.line(fit.seen.borders, fit.theta[law.CENTRE], math.exp(fit.theta[law.LN_WIDTH]))
    lines = lines.reshape(bands, -1).mean(axis=1)
    pairs = np.exp(fit.theta[law.LN_PAIRS : law.LN_PAIRS + 1])
    material = math.exp(fit.theta[law.LN_GAIN]) * float(law.relative_gain(pairs, fit.pump)[0])
    gains, sigmas = np.zeros(bands), np.zeros(bands)
    for band in range(bands):
        parts = []
        for row in range(fit.seen.length.size):
            noise = [math.sqrt(part[band, band]) for part in problem.covariance(row)]
            own = (fit.seen.value - value)[row, band], (up - value)[row, band] / RAISED, 1.0, noise[0]
            parts.append(own)
            if np.isfinite(slope[row, band]):
                parts.append(
                    ((fit.seen.slope - slope)[row, band], (steeper - slope)[row, band] / RAISED, 0.0, noise[1])
                )
        left, rise, level, noise_of = np.array(parts).T
        design = np.column_stack([rise, level]) / noise_of[:, None]
        covariance = np.linalg.pinv(design.T @ design)
        raised = covariance @ (design.T @ (left / noise_of))
        gains[band] = material * (lines[band] + raised[0])
        sigmas[band] = abs(material) * math.sqrt(float(covariance[0, 0]))
    lost = float(fit.theta[law.LOSS] + fit.theta[law.EXCESS])
    middle = (fit.seen.borders[1:] + fit.seen.borders[:-1]) / 2
    return {"wavelength": 1e3 * EV_NM / middle, "gain": gains - lost, "sigma": sigmas}


def shifted(found: One) -> tuple[float | None, dict[str, Any]]:
    """Return the rms by which short stripes are off the law, and their light against the distance."""
    fit, seen = found.windows.chosen, found.seen
    rows = np.flatnonzero(seen.series == "shifted")
    if rows.size < FEWEST:
        return None, {}
    rows = rows[np.argsort(seen.near[rows], kind="stable")]
    value, _ = found.problem.told(fit.place)
    off = (seen.value - value)[rows].mean(axis=1)
    told = np.exp(found.problem.at_reference(fit.place)[rows]).sum(axis=1)
    sigma = np.array([_mean_sigma(found, int(row)) for row in rows])
    light = told * np.exp(off)
    return float(np.std(off)), {"distance": seen.near[rows], "intensity": light, "sigma": sigma * light, "fit": told}


def returned(found: One, notes: list[str]) -> Value | None:
    """Return the first stripe's emission at the end over that at the start, both at one fluence."""
    seen = found.seen
    again = np.flatnonzero(seen.series == "return")
    stripe = np.flatnonzero(seen.series == "stripe")
    if not again.size:
        return None
    last = int(again[-1])
    first = int(stripe[np.argmin(np.abs(seen.length[stripe] - seen.length[last]))])
    place = found.windows.chosen.place
    place[-1] = 0.0
    value, _ = found.problem.told(place)
    off = (seen.value - value).mean(axis=1)
    ratio = math.exp(float(off[last] - off[first]))
    sigma = ratio * math.hypot(_mean_sigma(found, first), _mean_sigma(found, last))
    ratio_value = Value(ratio, sigma, "1")
    if abs(ratio - 1) > AGED * sigma:
        notes.append(
            f"the first stripe came back with {ratio:.3g} of its emission: the film or the table changed during the run"
        )
    return ratio_value


def _mean_sigma(found: One, row: int) -> float:
    covariance = found.problem.covariance(row)[0]
    return math.sqrt(float(covariance.sum())) / len(covariance)
