"""Pulsed g2: peaks of pairs fitted with floor, background and crosstalk, isolated or overlapping."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from .afterpulses import NONE, Afterpulses
from .background import Background
from .beside import mixed_pairs
from .crosstalk import Crosstalk
from .kernels import blurred, recovering, side_peaks, two_sided
from .likelihood import PoissonFit, poisson_fit
from .response import Response
from .rows import Array, Group

ISOLATED = 10.0
"""Periods of at least this many lifetimes keep the peaks apart."""
AFTERPULSING_FEARED = 0.02
"""Pairs with an afterpulse, per pair, where no reference light shows them; of both detectors."""
WEAK = 0.02
"""<N> per pulse, and its 1-sigma, that is presumed where it is not known and its recovery shows in the pairs."""


@dataclass(frozen=True)
class PulsedFit:
    """A fit of the whole histogram."""

    fit: PoissonFit
    """Parameters ln_tau, shift; amplitudes side, centre, accidental, mixed and boxes of crosstalk."""
    overlap: bool
    """Whether the kernels are those of one emitter whose lifetime is comparable with the period."""
    zero: Value
    """Lag of simultaneous photons, in ns."""
    centre_shape: Array
    """Pairs of one pulse, sum about 1."""

    @property
    def g2_zero(self) -> float:
        """Central over side area."""
        return self.fit["centre"] / self.fit["side"]

    @property
    def gradient(self) -> Array:
        """Of `g2_zero` over the parameters."""
        side = self.fit["side"]
        return self.fit.gradient(centre=1 / side, side=-self.fit["centre"] / side**2)

    def sigma(self) -> tuple[float, float]:
        """Return statistical and systematic 1-sigma of `g2_zero`; the latter from what other rows told."""
        total = self.fit.variance(self.gradient)
        own = self.fit.variance(self.gradient, known=[name for name in self.fit.names if _told(name)])
        return math.sqrt(own), math.sqrt(max(total - own, 0.0))

    @property
    def lifetime(self) -> Value:
        """In ns."""
        tau = math.exp(self.fit["ln_tau"])
        return Value(tau, tau * self.fit.sigma("ln_tau"), "ns")


def _told(name: str) -> bool:
    return name in ("mixed", "recovery") or name.startswith("crosstalk")


def first_lifetime(counts: Array, edges: Array, period: float, response: Response) -> tuple[float, float]:
    """Return a first guess of lifetime and lag zero (ns) by a scan of least squares.

    Raises:
        AnalysisRefused: the histogram shows no peaks to fit.
    """
    width = float(edges[1] - edges[0])
    weight = 1 / np.sqrt(counts + 1)
    zeros = [response.anchor] if response.zero is not None else _zeros(counts, edges, period)
    best = (math.inf, period / 10, zeros[0])
    for tau in np.geomspace(max(width, period / 400), 3 * period, 16):
        for zero in zeros:
            shapes = np.vstack([
                side_peaks(edges, zero, tau, period, overlap=True),
                two_sided(edges, zero, tau),
                np.ones(counts.size),
            ])  # fmt: skip
            _, misfit = nnls((shapes * weight).T, counts * weight)
            if misfit < best[0]:
                best = (float(misfit), float(tau), zero)
    return best[1], best[2]


def _zeros(counts: Array, edges: Array, period: float) -> list[float]:
    """Return candidates of lag zero: the phase of the peaks, and a scan of it where the peaks overlap."""
    lags = 0.5 * (edges[1:] + edges[:-1])
    phase = float(np.angle(np.sum(counts * np.exp(2j * np.pi * lags / period)))) * period / (2 * np.pi)
    return [phase, *(float(z) for z in np.linspace(-period / 2, period / 2, 9)[1:-1])]


def fit_pulsed(
    counts: Array,
    edges: Array,
    on: Group,
    response: Response,
    background: Background,
    crosstalk: Crosstalk,
    *,
    guess: tuple[float, float],
    overlap: bool | None = None,
    afterpulses: Afterpulses = NONE,
    decay: Value | None = None,
    excitations: Value | None = None,
) -> PulsedFit:
    """Fit lifetime, areas and floor of a pulsed histogram.

    Args:
        counts: coincidences per bin.
        edges: of the bins, ns.
        on: the chunks they were counted in (period).
        response: of the detector pair.
        background: accidental and mixed pairs.
        crosstalk: satellites to take out; none for an empty one.
        guess: lifetime and lag zero, ns.
        overlap: kernels; None chooses by the lifetime.
        afterpulses: fast ones, of isolated peaks.
        decay: lifetime from arrival times, ns, for overlapping peaks.
        excitations: <N> per pulse, where known; only with `decay`.
    """
    period, width = on.period, float(edges[1] - edges[0])
    lags = 0.5 * (edges[1:] + edges[:-1])
    overlap = period < ISOLATED * guess[0] if overlap is None else overlap
    anchor = response.anchor if response.zero is not None else guess[1]
    boxes = crosstalk.shapes(lags, anchor)
    with_light = background.light_seen and background.light_share.nominal != 0

    def shapes(bent: Array) -> Array:
        tau, zero = math.exp(bent[0]), anchor + bent[1]
        middle = blurred(two_sided(edges, zero, tau), response.weights)
        side = blurred(side_peaks(edges, zero, tau, period, overlap=overlap), response.weights)
        if not overlap and afterpulses.share:
            middle = middle + afterpulses.added(middle, width, period)
            side = side + afterpulses.added(side, width, period)
        rows = [side, middle, np.ones(counts.size)]
        if with_light:
            mixed = blurred(mixed_pairs(edges, zero, tau, background.delay, period), response.weights)
            rows.append(mixed + afterpulses.added(mixed, width, period) if not overlap else mixed)
        if overlap and decay is not None:
            rows.append(blurred(recovering(edges, zero, tau, period), response.weights))
        return np.vstack([*rows, boxes])

    start, priors = _start(counts, shapes, guess, period, width, background, with_light=with_light)
    if overlap and decay is not None:
        priors["ln_tau"] = (math.log(decay.nominal), decay.sigma / decay.nominal)
        priors["recovery"] = _recovery(start["side"], math.exp(-period / decay.nominal), excitations)
        start["recovery"] = priors["recovery"][0]
    for k in range(len(crosstalk.boxes)):
        start[f"crosstalk_{k}"] = max(float(crosstalk.pairs[k]), 0.0)
        priors[f"crosstalk_{k}"] = (float(crosstalk.pairs[k]), float(crosstalk.sigmas[k]))
    if response.zero is not None:
        priors["shift"] = (0.0, response.zero.sigma)
    if overlap:
        priors["accidental"] = _floor(background, crosstalk, width, period)
    fit = poisson_fit(counts, shapes, start, ("ln_tau", "shift"), priors)
    if not (math.isfinite(fit["side"]) and fit["side"] > 0):
        raise AnalysisRefused("no side peaks are seen at the laser's period: is `period` right, is there light?")
    offset = float(np.sum((np.arange(response.weights.size) - response.weights.size // 2) * response.weights)) * width
    zero = Value(anchor + fit["shift"] + offset, fit.sigma("shift"), "ns")
    return PulsedFit(fit, overlap, zero, shapes(fit.theta[:2])[1])


def _start(
    counts: Array,
    shapes: Callable[[Array], Array],
    guess: tuple[float, float],
    period: float,
    width: float,
    background: Background,
    *,
    with_light: bool,
) -> tuple[dict[str, float], dict[str, tuple[float, float]]]:
    start = {"ln_tau": math.log(guess[0]), "shift": 0.0}
    own = shapes(np.array([start["ln_tau"], 0.0]))
    weight = 1 / np.sqrt(counts + 1)
    fixed = np.zeros(counts.size)
    priors: dict[str, tuple[float, float]] = {}
    mixed = background.light_share.nominal * background.lit * period * 1e-9
    if with_light:
        sigma = background.light_share.sigma * background.lit * period * 1e-9
        priors["mixed"] = (mixed, max(sigma, 1e-3))
        fixed = fixed + max(mixed, 0.0) * own[3]
    areas, _ = nnls((own[:3] * weight).T, np.clip(counts - fixed, 0, None) * weight)
    start |= {"side": float(areas[0]), "centre": float(areas[1]), "accidental": max(float(areas[2]), 1e-4)}
    if with_light:
        start["mixed"] = max(mixed, 0.0)
    return start, priors


def _recovery(side: float, r: float, excitations: Value | None) -> tuple[float, float]:
    """Return what is known of the excess of the first side peak: that of <N>, or of weak light."""
    x, sigma = (WEAK, WEAK) if excitations is None else (excitations.nominal, max(excitations.sigma, 1e-4))
    per_x = side * r / (1 - r)
    return per_x * x, max(per_x * sigma, 1e-3)


def _floor(background: Background, crosstalk: Crosstalk, width: float, period: float) -> tuple[float, float]:
    """Return what is known of the flat floor per bin: pairs with darks and with afterpulses."""
    per_bin = background.lit * width * 1e-9
    dark = background.dark_pairs.nominal * width * 1e-9
    if not background.dark_seen:
        return 0.5 * AFTERPULSING_FEARED * per_bin, max(0.1 * per_bin, 1e-3)
    after = crosstalk.afterpulsing
    share, sigma = (
        (0.5 * AFTERPULSING_FEARED, 0.5 * AFTERPULSING_FEARED)
        if after is None
        else (max(after.nominal, 0.0), max(after.sigma, 0.2 * abs(after.nominal), 1e-3))
    )
    told = background.dark_pairs.sigma * width * 1e-9
    return dark + share * per_bin, max(math.hypot(told, sigma * per_bin), 1e-4)


def symmetric_peaks(
    counts: Array, edges: Array, on: Group, response: Response, background: Background, guess: tuple[float, float]
) -> tuple[Value, Value] | None:
    """Return g2(0) and lifetime by the usual sum of symmetric peaks at every pulse, whatever the lifetime.

    It is what most scripts fit; where the lifetime is comparable with the period it is wrong, or finds no peaks at
    all (None).
    """
    none = Crosstalk((), np.empty(0), np.empty(0), None, None, ())
    tau, zero = guess
    usual = (min(tau, on.period / 3), zero)
    try:
        naive = fit_pulsed(counts, edges, on, response, background, none, guess=usual, overlap=False)
    except AnalysisRefused:
        return None
    statistical, systematic = naive.sigma()
    return Value.combine(naive.g2_zero, statistical, systematic, "1"), naive.lifetime
