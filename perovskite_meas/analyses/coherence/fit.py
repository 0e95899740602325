"""Models of the decay fitted to the visibilities by their Rice likelihood."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from .climb import climb, slopes
from .decay import Line, coherence, field_autocorrelation
from .rice import log_rice
from .rows import Array, Mask

MODELS: Mapping[str, tuple[str, ...]] = {
    "exponential": ("v0", "ln_t2"),
    "gaussian": ("v0", "ln_sigma"),
    "voigt": ("v0", "ln_t2", "sigma"),
    "doublet": ("v0", "ln_t2", "ln_beat", "ln_rho"),
}
"""Parameters by model; sigma in ueV, beat in meV, times in ps."""
SCALE = {"v0": 0.01, "ln_t2": 0.02, "sigma": 5.0, "ln_sigma": 0.02, "ln_beat": 0.03, "ln_rho": 0.1}
PRIOR_RHO = 1.5
"""1-sigma of ln rho about equal lines."""
T2_RANGE = (0.05, 5000.0)
"""ps."""
STRETCHED, WEIGHTS = (1.0, 1.3, 1.8), (0.15, 0.4, 0.9)
"""Where doublets are looked for: T2 over that of a straight line, and ratios of the lines."""
HILLS = 5
"""Of the likelihood against the beat that are climbed at most."""


@dataclass(frozen=True)
class Points:
    """Visibilities against delay, and what stands between them and the line."""

    tau: Array
    """Delay from zero, in ps."""
    length: Array
    """Of the noisy vectors."""
    sigma: Array
    """1-sigma per quadrature."""
    instrument: Array
    """Instrument visibility over that at zero delay."""
    leak: Array
    """Laser light over the emission."""
    laser_visibility: float
    """Of the leaked light at zero delay."""
    duration: float
    """Of the pulse, in ps."""
    shape: str
    """Of the pulse."""
    extra: float = 0.0
    """Relative scatter beyond the sigmas."""

    def only(self, keep: Mask) -> Points:
        """Return some of the points."""
        return replace(self, **{k: getattr(self, k)[keep] for k in ("tau", "length", "sigma", "instrument", "leak")})

    def model(self, v0: float, line: Line, tau: Array | None = None) -> Array:
        """Return the visibility expected of these points (or at other delays, with no leak)."""
        if tau is not None:
            return v0 * coherence(line, tau, self.duration, self.shape)
        emission = v0 * coherence(line, self.tau, self.duration, self.shape)
        leaked = self.leak * self.laser_visibility * field_autocorrelation(self.tau, self.duration, self.shape)
        found: Array = (emission + leaked) * self.instrument
        return found


@dataclass(frozen=True)
class Best:
    """The most likely parameters of a model."""

    model: str
    theta: Array
    log_likelihood: float
    covariance: Array
    points: int

    @property
    def bic(self) -> float:
        """Bayesian information criterion."""
        return len(self.theta) * math.log(self.points) - 2 * self.log_likelihood

    def value(self, name: str) -> float:
        """Return one parameter."""
        return float(self.theta[MODELS[self.model].index(name)])

    def deviation(self, name: str) -> float:
        """Return its 1-sigma by the observed information."""
        k = MODELS[self.model].index(name)
        return math.sqrt(max(float(self.covariance[k, k]), 0.0))

    @property
    def v0(self) -> float:
        """Visibility at zero delay."""
        return float(self.theta[0])

    @property
    def line(self) -> Line:
        """The line."""
        return line_of(self.model, self.theta)


def line_of(model: str, theta: Array) -> Line:
    """Return the line that parameters describe."""
    named = dict(zip(MODELS[model], (float(value) for value in theta), strict=True))
    return Line(
        t2=math.exp(min(named["ln_t2"], 50.0)) if "ln_t2" in named else math.inf,
        sigma=math.exp(named["ln_sigma"]) if "ln_sigma" in named else abs(named.get("sigma", 0.0)),
        beat=math.exp(named["ln_beat"]) if "ln_beat" in named else 0.0,
        rho=math.exp(named["ln_rho"]) if "ln_rho" in named else 0.0,
    )


def log_likelihood(points: Points, model: str, theta: Array) -> float:
    """Return the Rice log-likelihood of the points."""
    expected = points.model(float(theta[0]), line_of(model, theta))
    sigma = np.hypot(points.sigma, points.extra * expected)
    total = float(log_rice(points.length, expected, sigma).sum())
    if model == "doublet":
        total -= 0.5 * (float(theta[3]) / PRIOR_RHO) ** 2
    return total


def fit(points: Points, model: str, start: Array | None = None, hold: Mapping[str, float] | None = None) -> Best:
    """Return the most likely parameters of a model, some of them held.

    Args:
        points: the visibilities.
        model: one of `MODELS`.
        start: where to begin; found by trial where None.
        hold: values by name.
    """
    names = MODELS[model]
    held = dict(hold or {})
    free = [k for k, name in enumerate(names) if name not in held]
    unit = np.array([SCALE[name] for name in names])

    def whole(x: Array, base: Array) -> Array:
        theta = base.copy()
        theta[free] = base[free] + x * unit[free]
        for name, value in held.items():
            theta[names.index(name)] = value
        return theta

    begins = [start] if start is not None else _starts(points, model)
    best, top = np.asarray(begins[0], np.float64), -math.inf
    for begin in begins:
        base = np.asarray(begin, np.float64)

        def worth(x: Array, base: Array = base) -> float:
            theta = whole(x, base)
            logs = [abs(t) for t, name in zip(theta, names, strict=True) if name.startswith("ln_")]
            if not 0 < theta[0] < 20 or max(logs) > 20:
                return -1e12
            return log_likelihood(points, model, theta)

        x, found = climb(worth, len(free))
        if found > top:
            top, best = found, whole(x, base)
    final = whole(np.zeros(len(free)), best)
    hessian = slopes(lambda x: log_likelihood(points, model, whole(x, final)), np.zeros(len(free)), 0.25)[1]
    covariance = np.zeros((len(names), len(names)))
    if np.isfinite(hessian).all():
        covariance[np.ix_(free, free)] = np.linalg.pinv(-hessian) * np.outer(unit[free], unit[free])
    return Best(model, best, top, covariance, len(points.tau))


def _starts(points: Points, model: str) -> list[Array]:
    """Return where to begin, from a straight line through the logarithms of the clear visibilities."""
    net = np.sqrt(np.maximum(points.length**2 - 2 * points.sigma**2, 0.0))
    clear = net > 2 * points.sigma
    if clear.sum() < 2:
        clear = net >= np.sort(net)[-2]
    y, weight = np.log(np.maximum(net[clear], 1e-3)), net[clear] / points.sigma[clear]
    if np.ptp(points.tau[clear]) > 0:
        slope, level = np.polyfit(points.tau[clear], y, 1, w=weight)
    else:
        slope, level = -0.1, float(y.mean())
    t2 = float(np.clip(-1 / slope if slope < 0 else 10 * np.ptp(points.tau), *T2_RANGE))
    v0 = float(np.clip(math.exp(level), 0.05, 1.0))
    if model == "exponential":
        return [np.array([v0, math.log(t2)])]
    if model == "gaussian":
        return [np.array([min(v0, 0.8), math.log(658.0 / t2)])]
    if model == "voigt":
        return [np.array([v0, math.log(t2 * f), s]) for f, s in ((1.05, 5.0), (1.4, 300.0 / t2), (2.5, 500.0 / t2))]
    span = float(np.ptp(points.tau)) or 1.0
    gap = span / max(len(np.unique(np.round(points.tau, 2))) - 1, 1)
    beats = np.geomspace(0.25 * 4.135667 / span, 0.45 * 4.135667 / gap, 18)
    found = []
    for b in beats:
        tried = [np.array([v0, math.log(t2 * f), math.log(b), math.log(r)]) for f in STRETCHED for r in WEIGHTS]
        tried += [np.array([0.85 * s[0], *s[1:]]) for s in tried]
        worth = [log_likelihood(points, model, s) for s in tried]
        found.append((max(worth), tried[int(np.argmax(worth))]))
    # The likelihood has a hill for every beat; hills beside each other would be climbed twice.
    tops = [k for k in range(18) if all(found[k][0] >= found[j][0] for j in (k - 1, k + 1) if 0 <= j < 18)]
    order = sorted({0, 3, *tops}, key=lambda k: -found[k][0])
    return [found[k][1] for k in order[:HILLS]]


def profile(points: Points, best: Best, name: str = "ln_t2", drop: float = 0.5) -> tuple[float, float]:
    """Return where the likelihood, with all else free, has fallen by `drop` below and above the best value."""
    centre, width = best.value(name), max(best.deviation(name), 1e-4)
    edges = []
    for sign in (-1.0, 1.0):
        inner, outer, far = 0.0, None, 1.0
        for _ in range(12):
            held = {name: centre + sign * far * width}
            lost = best.log_likelihood - fit(points, best.model, best.theta, held).log_likelihood
            if lost > drop:
                outer = far
            else:
                inner = far
            if outer is not None and (outer - inner) < 0.06 * outer:
                break
            guess = far * math.sqrt(drop / lost) if lost > 1e-3 else 2 * far
            high = 3 * far if outer is None else 0.98 * outer + 0.02 * inner
            far = float(np.clip(guess, inner + 0.02 * ((outer or 2 * far) - inner), high))
            if outer is None and far > 30:
                break
            if abs(lost - drop) < 0.02 * drop:
                break
        edges.append(centre + sign * far * width)
    return edges[0], edges[1]
