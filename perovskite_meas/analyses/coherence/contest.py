"""Which decay the visibilities follow: exponential unless another wins clearly."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from perovskite_meas.core.value import Value

from .fit import MODELS, Best, Points, fit, log_likelihood
from .rice import most_likely

MARGIN = 6.0
"""BIC by which a model must beat the exponential."""
EXTRA = np.array([0.0, 0.004, 0.007, 0.01, 0.015, 0.02, 0.03, 0.05, 0.08, 0.12])
"""Relative scatter beyond the sigmas that is tried."""
WORTH = 1.0
"""Log-likelihood that it must bring."""
ONE_SIDED = 1.353
"""Half of 1.645^2: drop of the log-likelihood at a one-sided 95 % limit."""


@dataclass(frozen=True)
class Contest:
    """All models, and which one is believed."""

    fits: Mapping[str, Best]
    best: Best
    extra: float
    """Relative scatter of the visibilities beyond their sigmas."""
    extras: Mapping[str, float]
    """The same by model."""
    inhomogeneous: Value | None
    """ueV."""
    limit: float | None
    """95 % upper limit of the Gaussian rms, in ueV."""
    beat: Value | None
    """meV."""
    chi2: float
    notes: tuple[str, ...]

    @property
    def shape_doubt(self) -> float:
        """Return how far ln t2 would move to other models, each by its probability beside the believed one's.

        The margin by which another model must win says how unlikely it is held to be beforehand.
        """
        moves = [0.0]
        for name in ("exponential", "voigt", "doublet"):
            other = self.fits[name]
            lead = self.best.bic - other.bic
            lead += MARGIN * ((name == "exponential") - (self.best.model == "exponential"))
            odds = math.exp(min(0.5 * lead, 50.0))
            if name != self.best.model and self.best.model != "gaussian" and math.isfinite(other.line.t2):
                # two laws with a width besides T2 that the rows do not tell apart: either may be true
                alike = "exponential" not in (name, self.best.model) and abs(lead) < MARGIN
                # what the exponential calls scatter, the other law may explain
                alike = alike or (self.best.model == "exponential" and self.extras[name] < self.extra)
                share = 1.0 if alike else odds / (1 + odds)
                moves.append(share * abs(math.log(other.line.t2 / self.best.line.t2)))
        return max(moves)

    def table(self) -> dict[str, dict[str, float]]:
        """Return likelihood, BIC and parameters by model."""
        found = {}
        for name, best in self.fits.items():
            line = best.line
            found[name] = {
                "log_likelihood": best.log_likelihood, "bic": best.bic, "visibility_zero": best.v0,
                "t2": line.t2 if math.isfinite(line.t2) else 1e9, "sigma": line.sigma, "beat": line.beat,
                "ratio": line.rho,
            }  # fmt: skip
        return found


def contest(points: Points) -> Contest:
    """Return the models fitted and the winner."""
    fits, extras = {}, {}
    for name in MODELS:
        # Each model may blame its misfit on scatter, or a beat would be found in whatever scatters.
        one = fit(points, name)
        extras[name] = _extra(points, one)
        fits[name] = fit(replace(points, extra=extras[name]), name, one.theta) if extras[name] else one
    best, undecided = _winner(fits)
    extra = extras[best.model]
    points = replace(points, extra=extra)
    # shown, and compared by eye, with one scatter for all
    fits = {name: one if extras[name] == extra else fit(points, name, one.theta) for name, one in fits.items()}
    notes = [undecided] if undecided else []
    inhomogeneous, limit, beat = None, None, None
    if best.model == "exponential":
        limit = _limit(points, fits["voigt"])
    elif best.model == "voigt":
        inhomogeneous = Value(abs(best.value("sigma")), best.deviation("sigma"), "ueV")
    elif best.model == "gaussian":
        sigma = best.line.sigma
        inhomogeneous = Value(sigma, sigma * best.deviation("ln_sigma"), "ueV")
    if best.model == "doublet":
        omega = best.line.beat
        beat = Value(omega, omega * best.deviation("ln_beat"), "meV")
    return Contest(fits, best, extra, extras, inhomogeneous, limit, beat, _chi2(points, best), tuple(notes))


def _winner(fits: Mapping[str, Best]) -> tuple[Best, str]:
    plain = fits["exponential"]
    better = sorted(
        (one for one in fits.values() if one.model != "exponential" and one.bic < plain.bic - MARGIN),
        key=lambda one: one.bic,
    )
    likely = [one.model for one in fits.values() if plain.bic - MARGIN <= one.bic < plain.bic]
    if not better:
        why = f"better than an exponential, but not by {MARGIN:g} BIC: {' and '.join(likely)}" if likely else ""
        return plain, why
    best, voigt = better[0], fits["voigt"]
    if best.model == "doublet" and voigt in better and voigt.bic < best.bic + MARGIN:
        best = voigt
    close = [one.model for one in better if one is not best and one.bic < best.bic + MARGIN]
    if "voigt" in close and best.model == "gaussian":
        close.remove("voigt")
    why = f"{best.model} and {' and '.join(close)} fit about equally well (BIC within {MARGIN:g})" if close else ""
    return best, why


def _extra(points: Points, best: Best) -> float:
    """Return the relative scatter that repeats and the other delays show about the best model."""
    worth = [log_likelihood(replace(points, extra=float(e)), best.model, best.theta) for e in EXTRA]
    k = int(np.argmax(worth))
    return float(EXTRA[k]) if worth[k] > worth[0] + WORTH else 0.0


def _limit(points: Points, voigt: Best) -> float | None:
    """Return the one-sided 95 % limit of sigma by the profile likelihood."""
    top, last = voigt.log_likelihood, voigt.theta
    low, high = abs(voigt.value("sigma")), None
    step = max(voigt.deviation("sigma"), 2.0)
    for _ in range(16):
        tried = low + step if high is None else 0.5 * (low + high)
        held = fit(points, "voigt", last, {"sigma": tried})
        if top - held.log_likelihood > ONE_SIDED:
            high = tried
        else:
            low, last = tried, held.theta
        if high is not None and high - low < 0.05 * high:
            return 0.5 * (low + high)
    return high


def _chi2(points: Points, best: Best) -> float:
    expected = points.model(best.v0, best.line)
    sigma = np.hypot(points.sigma, points.extra * expected)
    seen = most_likely(points.length, points.sigma)
    return float(((seen - expected) ** 2 / sigma**2).sum() / max(1, len(expected) - len(best.theta)))
