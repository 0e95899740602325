"""Continuous-wave g2: the dip at lag zero, blurred by the detectors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from .background import Background
from .crosstalk import Crosstalk
from .kernels import blurred, two_sided
from .likelihood import PoissonFit, poisson_fit
from .response import Response
from .rows import Array

DEEPEST = 20
"""Antibunching times tried for a first guess."""
FEWEST_PER_WINDOW = 100.0


@dataclass(frozen=True)
class CwFit:
    """Level x (1 - E) + floor x E, E the blurred exponential."""

    fit: PoissonFit
    """Parameters ln_tau, shift; amplitudes level, bottom (pairs per bin far from and at lag zero), crosstalk."""
    accidental: float
    """Pairs per bin that involve background."""
    accidental_sigma: float
    """1-sigma of them."""
    zero: Value
    """Lag of simultaneous photons, in ns."""
    dip_shape: Array
    """E per bin."""

    @property
    def g2_zero(self) -> float:
        """What is left at lag zero of the emitter's own pairs."""
        return (self.fit["bottom"] - self.accidental) / (self.fit["level"] - self.accidental)

    @property
    def gradient(self) -> Array:
        """Of `g2_zero` over the parameters."""
        own = self.fit["level"] - self.accidental
        return self.fit.gradient(bottom=1 / own, level=-(self.fit["bottom"] - self.accidental) / own**2)

    @property
    def time(self) -> Value:
        """Antibunching time, in ns."""
        tau = math.exp(self.fit["ln_tau"])
        return Value(tau, tau * self.fit.sigma("ln_tau"), "ns")

    @property
    def of_background(self) -> float:
        """1-sigma of g2_zero from that of the background."""
        own = self.fit["level"] - self.accidental
        return abs(self.fit["bottom"] - self.fit["level"]) / own**2 * self.accidental_sigma


def dip(edges: Array, zero: float, tau: float) -> Array:
    """Return the mean of exp(-|t - zero|/tau) over each bin."""
    return two_sided(edges, zero, tau) * 2 * tau / float(edges[1] - edges[0])


def first_dip(counts: Array, edges: Array, response: Response) -> tuple[float, float]:
    """Return a first guess of antibunching time and lag zero, in ns.

    Raises:
        AnalysisRefused: too few coincidences.
    """
    if counts.sum() < FEWEST_PER_WINDOW:
        raise AnalysisRefused(
            f"{counts.sum():.0f} coincidences in the whole window (at least {FEWEST_PER_WINDOW:.0f} are needed for a "
            "dip under continuous light): count longer"
        )
    width, span = float(edges[1] - edges[0]), float(edges[-1] - edges[0])
    lags = 0.5 * (edges[1:] + edges[:-1])
    best = (-math.inf, span / 50, response.anchor)
    deficit = counts.mean() - counts
    for tau in np.geomspace(width / 2, span / 12, DEEPEST):
        half = min(int(4 * tau / width) + 1, counts.size // 4)
        places = np.asarray((np.arange(2 * half + 2) - half - 0.5) * width, dtype=np.float64)
        shape = dip(places, 0.0, float(tau))
        shape = blurred(shape, response.weights) if response.zero is not None else shape
        shape = shape - shape.sum() / counts.size
        found = np.correlate(deficit, shape, mode="same") / math.sqrt(float(np.sum(shape**2)))
        inner = slice(half, counts.size - half)
        if response.zero is not None:
            k = int(np.argmin(np.abs(lags - response.zero.nominal)))
        else:
            k = int(np.argmax(found[inner])) + half
        if found[k] > best[0]:
            best = (float(found[k]), float(tau), float(lags[k]))
    return best[1], best[2] if response.zero is None else response.anchor


def fit_cw(
    counts: Array,
    edges: Array,
    response: Response,
    background: Background,
    crosstalk: Crosstalk,
    guess: tuple[float, float],
) -> CwFit:
    """Fit antibunching time, level and bottom.

    Args:
        counts: coincidences per bin.
        edges: ns.
        response: of the detector pair.
        background: pairs that involve it.
        crosstalk: satellites to take out; none for an empty one.
        guess: antibunching time and lag zero, ns.
    """
    lags = 0.5 * (edges[1:] + edges[:-1])
    anchor = response.anchor if response.zero is not None else guess[1]
    boxes = crosstalk.shapes(lags, anchor)

    def shapes(bent: Array) -> Array:
        own = blurred(dip(edges, anchor + bent[1], math.exp(bent[0])), response.weights)
        return np.vstack([1 - own, own, boxes])

    weight = 1 / np.sqrt(counts + 1)
    start = {"ln_tau": math.log(guess[0]), "shift": 0.0}
    known = sum((max(p, 0.0) * box for p, box in zip(crosstalk.pairs, boxes, strict=True)), np.zeros(counts.size))
    own = shapes(np.array([start["ln_tau"], 0.0]))[:2]
    areas, _ = nnls((own * weight).T, np.clip(counts - known, 0, None) * weight)
    start |= {"level": max(float(areas[0]), 1e-6), "bottom": max(float(areas[1]), 1e-3 * float(areas[0]), 1e-6)}
    priors: dict[str, tuple[float, float]] = {}
    for k in range(len(crosstalk.boxes)):
        start[f"crosstalk_{k}"] = max(float(crosstalk.pairs[k]), 0.0)
        priors[f"crosstalk_{k}"] = (float(crosstalk.pairs[k]), float(crosstalk.sigmas[k]))
    if response.zero is not None:
        priors["shift"] = (0.0, response.zero.sigma)
    fit = poisson_fit(counts, shapes, start, ("ln_tau", "shift"), priors)
    whole = background.normalisation * float(edges[1] - edges[0]) * 1e-9
    offset = (
        float(np.sum((np.arange(response.weights.size) - response.weights.size // 2) * response.weights))
        * float(edges[1] - edges[0])
    )  # fmt: skip
    return CwFit(
        fit,
        background.total_share * whole,
        background.total_share_sigma * whole,
        Value(anchor + fit["shift"] + offset, fit.sigma("shift"), "ns"),
        shapes(fit.theta[:2])[1],
    )
