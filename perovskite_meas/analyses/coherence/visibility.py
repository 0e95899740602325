"""The visibility of every burst, with its sigma: blinking and phases integrated out."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.value import Value

from .blinking import Chain
from .carrier import Carrier
from .motion import find_motion
from .rice import equivalent, most_likely
from .rows import Array, Bursts
from .setup import Setup
from .sweeps import Fit, Quadratic, maximise, quadratic, rough, settle, slopes
from .walk import Motion, Paths

ROUNDS = 2
"""How often the sweeps are expanded again about the phases that were found."""
TUNING = 2e-3
"""Relative step of the fringe frequency."""
CERTAIN = 0.95
"""Probability from which a point counts as lit."""
GRID = np.linspace(-6.0, 6.0, 25)
"""Where the likelihood is taken, in sigma."""
UNSEEN_DRIFT = 0.02
"""rad/s; 1-sigma of a drift that one slow sweep per burst cannot tell from a longer period."""
AGAIN = 6
"""Steps to learn blinking anew, with the phases followed."""
NEIGHBOURS = 5
"""Bursts next to each other in delay whose sweeps are taken together."""
LOCAL = 1.5
"""Times the scatter of all bursts from which the neighbours' own is taken."""


@dataclass(frozen=True)
class Visibilities:
    """One entry per burst: p(length | V, sigma) is Rice's distribution."""

    bursts: Bursts
    length: Array
    """Of the noisy vector; noise makes it too long."""
    sigma: Array
    """1-sigma of each quadrature."""
    correction: Array
    """By which length and sigma were multiplied: dead time, moving points, phases within a sweep."""
    level: Array
    """Photons per second of the on state, dead time corrected, without background."""
    photons: Array
    """All photons of a burst."""
    lit: Array
    """Part of the time that the emitter was on."""
    phase: Array
    """Of each sweep, in rad, unwrapped, (n, K)."""
    phase_sigma: Array
    """(n, K)."""
    carrier: Carrier
    """With the frequency that these bursts like best."""
    motion: Motion
    walk_sigma: float
    """Relative 1-sigma of the common diffusion."""
    dispersion: float
    """Scatter from sweep to sweep over that of photon statistics, in variance; 1 where nothing adds."""
    unsteady: Array
    """Relative variance of the visibility itself from sweep to sweep, (n,)."""
    blinks: bool
    """Whether blinking was seen."""
    fit: Fit

    @property
    def visibility(self) -> Array:
        """Most likely visibilities, free of the upward bias, (n,)."""
        return most_likely(self.length, self.sigma)

    def of(self, *names: str) -> npt.NDArray[np.bool_]:
        """Select bursts by series."""
        return np.isin(self.bursts.series, names)


def measure(bursts: Bursts, carrier: Carrier, setup: Setup, background: float, drift: Value | None) -> Visibilities:
    """Return the visibilities of bursts with fringes.

    Args:
        bursts: of the series 'on' and 'check'.
        carrier: phase against fine delay.
        setup: dead time.
        background: darks and light that is not the emitter's, in cps.
        drift: of the phase by the reference laser, in rad/s; None where not measured.
    """
    fit = settle(Fit.begin(bursts, carrier.phase(bursts.fine), background * bursts.exposure))
    motion, width = Motion(), 0.0
    fit, carrier = _tuned(fit, carrier)
    moving = bursts.used.shape[1] > 1
    for k in range(ROUNDS if moving else 0):
        paths = Paths.of(fit, rough(fit), bursts.delay)
        motion, width = find_motion(paths, drift, motion)
        turned, _ = paths.smooth(np.maximum(fit.radial, 1e-3), motion)
        fit = replace(fit, path=fit.path + turned)
        if k == 0 and not fit.chain.steady:
            # Phases that were not followed yet look like flicker, and a chain that learned it would keep it.
            fit = replace(fit, chain=Chain.guess())
        fit = maximise(fit, AGAIN if k == 0 else 3)
    known = quadratic(fit)
    dispersion, local, unsteady = _dispersion(fit, known)
    score, information = known.score / local[:, None, None], known.information / local[:, None, None, None]
    paths = Paths.of(fit, Quadratic(score, information), bursts.delay)
    if moving:
        motion, width = find_motion(paths, drift, motion)
    carrier = replace(carrier, period=_walked(fit, carrier, motion))
    length, sigma = _lengths(paths, motion)
    turned, blur = paths.smooth(np.maximum(fit.radial, 1e-3), motion)
    level = fit.level / bursts.exposure
    correction = _corrections(fit, carrier, setup, motion)
    weight = _lit(fit)
    return Visibilities(
        bursts, length * correction, sigma * correction, correction,
        level * (1 + (level + background) * setup.dead_time), bursts.counts.sum(axis=(1, 2)), weight,
        fit.path + turned, blur, carrier, motion, width, dispersion, unsteady, not fit.chain.steady, fit,
    )  # fmt: skip


def _tuned(fit: Fit, carrier: Carrier) -> tuple[Fit, Carrier]:
    """Return the fit at the fringe frequency of highest likelihood, blinking included, and the carrier."""
    nominal, relative = 1.0, carrier.period.relative
    for _ in range(2 if carrier.source == "emission" else 1):
        worth = [slopes(replace(fit, phase=fit.phase * f)).likelihood for f in (1 - TUNING, 1.0, 1 + TUNING)]
        bend = worth[0] - 2 * worth[1] + worth[2]
        if bend >= 0:
            break
        move = float(np.clip(0.5 * TUNING * (worth[0] - worth[2]) / bend, -5 * TUNING, 5 * TUNING))
        told = TUNING / float(np.sqrt(-bend))
        # one slow sweep: only the bursts among themselves tell how far phases walk within it
        relative = max(told, carrier.period.relative) if fit.bursts.stepped else told
        nominal *= 1 + move
        fit = maximise(replace(fit, phase=fit.phase * (1 + move)), 2)
    period = carrier.period.nominal / nominal
    return fit, replace(carrier, period=Value(period, period * relative, "fs"))


def _walked(fit: Fit, carrier: Carrier, motion: Motion) -> Value:
    """Return the period with the sigma that drift and walk within the sweeps leave it."""
    bursts = fit.bursts
    seconds = bursts.exposure * bursts.fine.shape[1]
    span = np.ptp(carrier.phase(bursts.fine), axis=1)
    weight = fit.radial**2 * bursts.counts.sum(axis=(1, 2))
    weight = weight / max(float(weight.sum()), 1e-9)
    # variance of the slope of a random walk over a time T: 6/5 D/T
    walk = 1.2 * motion.diffusion(bursts.delay) * seconds / span**2 / bursts.sweeps
    drift = UNSEEN_DRIFT * float((weight * seconds / span).sum()) if bursts.stepped else 0.0
    relative = carrier.period.relative
    return Value(
        carrier.period.nominal, carrier.period.nominal * math.sqrt(relative**2 + (weight**2 * walk).sum() + drift**2),
        "fs",
    )  # fmt: skip


def _lengths(paths: Paths, motion: Motion) -> tuple[Array, Array]:
    """Return length and sigma of the Rice distribution of each burst."""
    total = paths.known.information.sum(axis=1)
    width = 1 / np.sqrt(np.maximum(total[:, 0, 0], 1e-6))
    begin = np.maximum(paths.centre[:, None] + width[:, None] * GRID, 0.0)
    low = begin.min(axis=1)
    grid = low[:, None] + (begin.max(axis=1) - low)[:, None] * np.linspace(0, 1, GRID.size)
    likelihood = paths.likelihood(grid, motion)
    found = [
        equivalent(x, y, float(c), float(s))
        for x, y, c, s in zip(grid, likelihood, np.maximum(paths.centre, width), width, strict=True)
    ]
    length, sigma = np.array(found).T
    return length, sigma


def _dispersion(fit: Fit, known: Quadratic) -> tuple[float, Array, Array]:
    """Return the scatter of the sweeps along their own phase over what photons alone make, in variance.

    Of all bursts together; of each with its neighbours in delay, where that is clearly more; and the relative variance
    of the visibility from sweep to sweep beyond photons that it takes, (n,) each.
    """
    number = fit.bursts.sweeps
    if not (number >= 3).any():
        whole = _misfit(fit)
        return whole, np.full(len(number), whole), np.zeros(len(number))
    used = fit.bursts.used & (number >= 3)[:, None]
    shrink = (number / np.maximum(number - 1, 1))[:, None]
    squares = np.where(used, shrink * known.score[..., 0] ** 2, 0.0)
    information = np.where(used, known.information[..., 0, 0], 0.0)
    whole = max(float(squares.sum() / max(information.sum(), 1e-9)), 1.0)
    order = np.argsort(fit.bursts.delay)

    def near(values: Array) -> Array:
        total = np.empty(len(values))
        total[order] = np.convolve(values[order], np.ones(min(NEIGHBOURS, len(values))), mode="same")
        return total

    local = near(squares.sum(axis=1)) / np.maximum(near(information.sum(axis=1)), 1e-9)
    more = near((squares - whole * information).sum(axis=1))
    unsteady = more / np.maximum(near((information**2).sum(axis=1) * fit.radial**2), 1e-9)
    return whole, np.where(local > LOCAL * whole, local, whole), unsteady


def _misfit(fit: Fit) -> float:
    """Return chi-squared per degree of freedom of the points at which the emitter was on all the time."""
    cosine, _ = fit.basis()
    lit = slopes(fit).lit
    mean = fit.level[:, None, None] * (1 + fit.radial[:, None, None] * cosine) * lit + fit.background[:, None, None]
    left = (fit.bursts.counts - mean) ** 2 / np.maximum(mean, 0.5)
    shown: Array = left[(lit > CERTAIN) & fit.bursts.used[:, :, None]]
    return float(max(1.0, float(np.sum(shown)) / max(1, shown.size - 4 * len(fit.level))))


def _corrections(fit: Fit, carrier: Carrier, setup: Setup, motion: Motion) -> Array:
    """Return true over fitted visibility."""
    bursts = fit.bursts
    # Dead time flattens the crests: r = R/(1 + R td).
    angle = np.linspace(0, 2 * np.pi, 64, endpoint=False)
    rate = fit.level[:, None] * (1 + fit.radial[:, None] * np.cos(angle)) + fit.background[:, None]
    rate = np.maximum(rate / bursts.exposure[:, None], 0.0)
    true = rate / np.maximum(1 - rate * setup.dead_time, 0.1)
    beside = (fit.background / bursts.exposure)[:, None]
    radial = np.maximum(fit.radial, 1e-3)
    shape = 2 * (true * np.cos(angle)).mean(axis=1) / (true - beside).mean(axis=1)
    plain = 2 * (rate * np.cos(angle)).mean(axis=1) / (rate - beside).mean(axis=1)
    dead = np.where(fit.radial > 0.01, shape / np.where(np.abs(plain) > 1e-6, plain, radial), 1.0)
    if bursts.stepped:
        return np.asarray(dead, np.float64)
    # The mirror moves on during a point, and the phase walks on during a sweep.
    point = np.abs(np.diff(carrier.phase(bursts.fine), axis=1)).mean(axis=1)
    averaged = np.sinc(point / (2 * np.pi))
    seconds = bursts.exposure * bursts.fine.shape[1]
    walked = np.exp(motion.diffusion(bursts.delay) * seconds / 12)
    corrected: Array = dead / averaged * walked
    return corrected


def _lit(fit: Fit) -> Array:
    cosine, _ = fit.basis()
    mean = fit.level[:, None, None] * (1 + fit.radial[:, None, None] * cosine) * fit.bursts.used[:, :, None]
    net = fit.bursts.counts.sum(axis=(1, 2)) - fit.background * fit.bursts.sweeps * fit.phase.shape[1]
    share: Array = net / np.maximum(mean.sum(axis=(1, 2)), 1e-9)
    return share
