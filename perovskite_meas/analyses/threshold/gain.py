"""The physical estimator: zero material gain by a fit of the film's own law, over the shapes that it may have."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from perovskite_meas.analyses.pulses.rows import Array
from perovskite_meas.analyses.pulses.setup import Setup
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from .film import NAMES, THRESHOLD, Film, Shape
from .groups import Groups
from .law import Fit, Noise, Prior, averaged, fit_law

LONGEST_PULSE = 10e3
"""fs; in longer pulses multiexcitons recombine while they are made, and <N> is no function of the fluence."""
SIZES = 0.12
"""1-sigma of ln <N> among nanocrystals that is assumed; twice of it is tried."""
OPEN_DEPTH = Value(0.15, 0.15, "1")
"""Optical depth for one-photon pumping where the bench states none; for more photons it is 0."""
OPEN_DEPTH_MANY = Value(0.0, 0.02, "1")
DEPTH_TRUST = 0.15
"""Relative 1-sigma of an optical depth that is stated without one."""
CHARGED_TRUST = 0.1
"""1-sigma of a charged fraction that is not stated."""
PRIORS: dict[str, Prior] = {
    "ln_beta": (math.log(5e-3), 2.0),
    "ln_gain": (math.log(20.0), 0.7),
}
SATURATION: dict[bool, Prior] = {True: (0.0, 3.0), False: (8.0, 4.0)}
MARGIN = 0.35
THIN = 0.02
"""Optical depth up to which all depths are pumped alike."""
TRUST = 0.005
"""Relative misfit granted to this law: the data know better than what is assumed beforehand of the biexciton."""
ONE_SIDED = 0.5
"""1-sigma over the whole move of a doubt that goes one way: light of each depth may grow on its own, more than two
pairs may emit no more than two."""
LEAST_RISE = 0.5
"""Amplified over spontaneous light at the end of the fit, below which no threshold is told."""
NO_GUIDED = -30.0


@dataclass(frozen=True)
class GainModel:
    """Zero material gain and what it rests on."""

    ln_threshold: float
    """Of the fluence over the groups' unit, mean over the shapes."""
    statistical: float
    """Of its ln."""
    parts: dict[str, float]
    """Systematic 1-sigma of its ln by cause."""
    best: Fit
    shape: Shape
    """The one that the data like best."""
    table: dict[str, tuple[float, float]]
    """ln threshold and half the weighted squares by shape."""
    chi2: float
    """Squares per degree of freedom by noise alone."""
    parameters: dict[str, Value]
    highest: float
    """ln fluence up to which it was fitted."""


def refusal(setup: Setup) -> str | None:
    """Return why no gain model is fitted, or None."""
    if setup.duration is not None and setup.duration.nominal > LONGEST_PULSE:
        return (
            f"the pulses last {setup.duration.nominal / 1e3:g} ps; beyond {LONGEST_PULSE / 1e3:g} ps Auger "
            "recombination competes with the excitation, and <N> is no function of the fluence alone"
        )
    return None


def refit(groups: Groups, noise: Noise, setup: Setup, known: GainModel) -> Fit:
    """Return the film's law of other groups, from what is known of the same film."""
    low, high = float(groups.log_fluence.min()) - MARGIN, float(groups.log_fluence.max()) + MARGIN
    return _fit(Film(known.shape, low, high), groups, noise, setup, known.best.theta, known.shape)


def fit_gain_model(groups: Groups, noise: Noise, setup: Setup, start: Array) -> GainModel:
    """Return zero material gain by the film's law; `start` is that of the softplus law (its unknowns).

    `groups` are those below the second knee: how the gain saturates beyond it is the least known part of the law.

    The reported value is the mean over the shapes that cannot be told apart, weighted by how well each fits.

    Raises:
        AnalysisRefused: hardly any amplified light, or a fit that does not tell.
    """
    central = shape_of(setup)
    low, high = float(groups.log_fluence.min()) - MARGIN, float(groups.log_fluence.max()) + MARGIN
    fits: dict[str, tuple[Shape, Fit]] = {}
    for name, clamped in (("clamped gain", True), ("saturated amplification", False)):
        tried = replace(central, clamped=clamped)
        film = Film(tried, low, high)
        fits[name] = tried, _fit(film, groups, noise, setup, _start(setup, start, groups, film), tried)
    shape, best = min(fits.values(), key=lambda item: item[1].cost)
    if failed := best.failed(THRESHOLD):
        raise AnalysisRefused(failed)
    if (rise := _rise(best, high - MARGIN)) < LEAST_RISE:
        raise AnalysisRefused(
            f"the amplified light reaches {rise:.2g} of the spontaneous light only, and {LEAST_RISE:g} of it are "
            "needed to tell gain from the spontaneous light's own bend: measure at higher fluence"
        )
    moves = np.array([fit.theta[THRESHOLD] for _, fit in fits.values()])
    costs = np.array([fit.cost for _, fit in fits.values()])
    scale = max(1.0, 2.0 * float(costs.min()) / max(len(groups) - len(NAMES), 1))
    weight = np.exp(-(costs - costs.min()) / scale)
    weight /= weight.sum()
    mean = float(weight @ moves)
    parts = {"model": math.sqrt(float(weight @ (moves - mean) ** 2)), "priors": best.open(THRESHOLD)}
    if shape.depth > THIN:
        tried = replace(shape, layered=True)
        layers = _fit(Film(tried, low, high), groups, noise, setup, best.theta, tried)
        parts["layers"] = ONE_SIDED * abs(float(layers.theta[THRESHOLD] - best.theta[THRESHOLD]))
    for cause, tried in _doubts(shape, setup).items():
        change = averaged(Film(tried, low, high), best.theta, groups) - best.model
        parts[cause] = abs(best.moved(THRESHOLD, change)) * (ONE_SIDED if cause == "ladder" else 1.0)
    return GainModel(
        mean, max(best.sigma(THRESHOLD), best.jackknife(THRESHOLD)), parts, best, shape,
        {key: (float(fit.theta[THRESHOLD]), fit.cost) for key, (_, fit) in fits.items()},
        float((best.residual**2).sum()) / max(len(groups) - len(NAMES), 1), _parameters(best), high - MARGIN,
    )  # fmt: skip


def _rise(best: Fit, ln_fluence: float) -> float:
    """Return the amplified light over the spontaneous light at one ln fluence."""
    dark = best.theta.copy()
    dark[NAMES.index("ln_beta")] = NO_GUIDED
    at = np.array([ln_fluence])
    return float(np.expm1(best.law(best.theta, at) - best.law(dark, at))[0])


def shape_of(setup: Setup) -> Shape:
    """Return the film and pump as stated, assumed where they are not."""
    depth = setup.optical_depth or (OPEN_DEPTH if setup.photons == 1 else OPEN_DEPTH_MANY)
    return Shape(
        setup.photons,
        setup.charged.nominal if setup.charged is not None else 0.0,
        max(depth.nominal, 0.0),
        setup.profile != "top_hat",
        setup.along,
        SIZES,
    )


def _doubts(shape: Shape, setup: Setup) -> dict[str, Shape]:
    """Return the shape with each stated or assumed fact changed by its sigma."""
    found = {"sizes": replace(shape, sizes=2.0 * shape.sizes), "ladder": replace(shape, capped=True)}
    depth = setup.optical_depth or (OPEN_DEPTH if setup.photons == 1 else OPEN_DEPTH_MANY)
    spread = depth.sigma or DEPTH_TRUST * depth.nominal
    if spread:
        found["optical_depth"] = replace(shape, depth=shape.depth + spread)
    if setup.profile is None:
        found["profile"] = replace(shape, gaussian=False)
    charged = CHARGED_TRUST if setup.charged is None else setup.charged.sigma
    if charged:
        found["charged_fraction"] = replace(shape, charged=min(shape.charged + charged, 1.0))
    return found


def _priors(setup: Setup, shape: Shape) -> dict[int, Prior]:
    centimetres = setup.length.nominal / 10.0
    loss = setup.loss.nominal * centimetres
    named = dict(PRIORS)
    named["loss"] = (loss, max(setup.loss.sigma * centimetres, 0.05 * loss, 0.05))
    if setup.gain_expected is not None:
        own = setup.gain_expected
        named["ln_gain"] = (math.log(own.nominal * centimetres), max(own.relative, 0.2))
    named["biexciton"] = (setup.biexciton.nominal, setup.biexciton.sigma or 0.02)
    named["ln_saturation"] = SATURATION[shape.clamped]
    return {NAMES.index(name): prior for name, prior in named.items()}


def _start(setup: Setup, knee: Array, groups: Groups, film: Film) -> Array:
    """Return the best of a grid of thresholds below the knee and saturations."""
    priors = _priors(setup, film.shape)
    centre, y = groups.centre, np.log(np.maximum(groups.mean, 1e-3 * groups.mean.max()))
    found: list[tuple[float, Array]] = []
    for shift in (-0.9, -0.55, -0.2):
        for saturation in (-2.0, 0.0, 2.0):
            theta = np.array([priors.get(k, (0.0, 1.0))[0] for k in range(len(NAMES))])
            theta[THRESHOLD] = knee[3] + shift / setup.photons
            theta[5] += saturation
            miss = y - film(theta, centre)
            dim = miss[centre < knee[3] - 0.3 / setup.photons]
            level = float(np.median(dim if dim.size else miss))
            theta[0] += level
            found.append((float(np.abs(miss - level).mean()), theta))
    return min(found, key=lambda one: one[0])[1]


def _fit(film: Film, groups: Groups, noise: Noise, setup: Setup, start: Array, shape: Shape) -> Fit:
    low = np.array([-60.0, -14.0, 0.5, groups.centre.min() - 2.0, 0.0, -8.0, 0.0])
    high = np.array([60.0, 2.0, 5.0, groups.centre.max() + 0.5, 6.0, 40.0, 1.0])
    return fit_law(
        film,
        groups,
        np.clip(start, low, high),
        noise,
        priors=_priors(setup, shape),
        bounds=(low, high),
        trust=TRUST,
        rounds=2,
        precision=1e-3,
    )


def _parameters(best: Fit) -> dict[str, Value]:
    """Return the other unknowns as they came out, each with its statistical sigma."""
    found = {}
    for name, shown in (("ln_beta", "guided_part"), ("ln_gain", "gain_length")):
        k = NAMES.index(name)
        nominal = math.exp(float(best.theta[k]))
        found[shown] = Value.combine(nominal, nominal * best.sigma(k), nominal * best.open(k), "1")
    for name, shown in (("loss", "loss_length"), ("biexciton", "biexciton_ratio")):
        k = NAMES.index(name)
        found[shown] = Value.combine(float(best.theta[k]), best.sigma(k), best.open(k), "1")
    return found
