"""What each sweep tells of the fringes: a quadratic log-likelihood of their amplitude, blinking integrated out."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .blinking import Chain, Levels
from .kernels import chains
from .rows import Array, Bursts

ROUNDS = 8
"""Steps of expectation and maximisation from a guess."""
STEADY = 15.0
"""Log-likelihood by which a blinking emitter must beat a steady one."""
RESTLESS = 0.2
"""Chance per point to leave the on state above which it is no blinking: some other noise makes the counts uneven."""
LARGEST = 0.985
"""Visibility at which counts are expanded at most."""
LEVEL_KEPT = 400.0
"""1/sigma^2 of ln of the brightness from sweep to sweep: 5 %."""
KEPT = (0.25, 1.1)
"""Part of the information that not knowing the states may leave."""
STEP = 0.004
"""Of the numerical derivatives."""


@dataclass(frozen=True)
class Fit:
    """Bursts fitted by level (1 + V cos(phase + path)), by a blinking emitter on a background."""

    bursts: Bursts
    phase: Array
    """Of the points, in rad, (n, J)."""
    path: Array
    """Phase of each sweep about which it is expanded, in rad, (n, K)."""
    level: Array
    """Photons per point in one sweep of the on state, (n,)."""
    radial: Array
    """Visibility along the path, (n,)."""
    background: Array
    """Photons per point in one sweep, (n,)."""
    chain: Chain
    fringes: bool = True
    """Whether there are any to fit."""

    @classmethod
    def begin(cls, bursts: Bursts, phase: Array, background: Array, *, fringes: bool = True) -> Fit:
        """Return a guess from the folded counts."""
        n, sweeps = bursts.used.shape
        folded = bursts.counts.sum(axis=1) / bursts.sweeps[:, None]
        level = np.maximum(folded.mean(axis=1) - background, 0.02 * np.maximum(folded.mean(axis=1), 1e-3))
        start, visibility = np.zeros(n), np.zeros(n)
        if fringes:
            amplitude = 2 * (folded * np.exp(-1j * phase)).mean(axis=1) / level
            start, visibility = np.angle(amplitude), np.minimum(np.abs(amplitude), 0.9)
        path = np.repeat(start[:, None], sweeps, axis=1)
        return cls(bursts, phase, path, level, visibility, background, Chain(np.eye(3), steady=True), fringes)

    def basis(self) -> tuple[Array, Array]:
        """Return cosine and minus sine of the phases along the path, each (n, K, J)."""
        if not self.fringes:
            none = np.zeros_like(self.bursts.counts)
            return none, none
        turned = self.phase[:, None, :] + self.path[:, :, None]
        return np.cos(turned), -np.sin(turned)


@dataclass(frozen=True)
class Slopes:
    """Derivatives by (ln level, radial, tangential) of each sweep's log-likelihood."""

    score: Array
    """(n, K, 3)."""
    complete: Array
    """Information if the states were known, (n, K, 3, 3)."""
    lit: Array
    """Mean brightness of the emitter in each point, over that of the on state, (n, K, J)."""
    transitions: Array
    """Expected number of each transition, (3, 3)."""
    likelihood: float
    """Log-likelihood of all counts, without the logarithms of their factorials."""


def slopes(fit: Fit, shift: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> Slopes:
    """Return the derivatives at the fit, shifted by a step in (ln level, radial, tangential)."""
    cosine, sine = fit.basis()
    level = (fit.level * np.exp(shift[0]))[:, None, None]
    shape = 1 + (fit.radial + shift[1])[:, None, None] * cosine + shift[2] * sine
    counts, chain = fit.bursts.counts, fit.chain
    gradient, complete = np.zeros((*counts.shape[:2], 3)), np.zeros((*counts.shape[:2], 3, 3))
    lit, transitions = np.zeros_like(counts), np.zeros((3, 3))
    levels = Levels.fine_enough(float(np.median(fit.level)))
    likelihood = chains(
        counts, level * np.maximum(shape, 0.01), level * cosine, level * sine, fit.background, fit.bursts.used,
        chain.transition, chain.stationary, levels.level, levels.state, levels.share, chain.steady,
        gradient, complete, lit, transitions,
    )  # fmt: skip
    return Slopes(gradient, complete, lit, transitions, float(likelihood))


def maximise(fit: Fit, rounds: int = ROUNDS, *, learn: bool = True) -> Fit:
    """Return the fit after some rounds; level, radial and mean phase move, the form of the path does not."""
    for _ in range(rounds):
        now = slopes(fit)
        score, information = now.score.sum(axis=1), now.complete.sum(axis=1)
        information = information + np.eye(3) * np.array([1e-6, 1e-3, 1e-3])
        step = np.linalg.solve(information, score[..., None])[..., 0]
        radial, tangential = fit.radial + np.clip(step[:, 1], -0.4, 0.4), np.clip(step[:, 2], -0.4, 0.4)
        turned = np.angle(radial + 1j * tangential) if fit.fringes else np.zeros(len(fit.level))
        fit = replace(
            fit,
            level=fit.level * np.exp(np.clip(step[:, 0], -0.5, 0.5)),
            radial=np.minimum(np.hypot(radial, tangential), LARGEST) if fit.fringes else fit.radial,
            path=fit.path + turned[:, None],
            chain=fit.chain.relearned(now.transitions) if learn and not fit.chain.steady else fit.chain,
        )
    return fit


def settle(fit: Fit) -> Fit:
    """Return the fit of a steady emitter, or of a blinking one where the counts tell that it does."""
    steady = maximise(fit, 4)
    blinking = maximise(replace(steady, chain=Chain.guess(), level=steady.level * 1.1))
    gain = slopes(blinking).likelihood - slopes(steady).likelihood
    restless = 1 - float(blinking.chain.transition[0, 0]) > RESTLESS
    return steady if gain <= STEADY or restless else blinking


@dataclass(frozen=True)
class Quadratic:
    """Log-likelihood of the amplitude r + i t of each sweep: score d - d information d/2 with d = (r - radial, t)."""

    score: Array
    """(n, K, 2)."""
    information: Array
    """(n, K, 2, 2)."""


def rough(fit: Fit) -> Quadratic:
    """Return the same as if the states were known: good enough to follow phases."""
    return _held(slopes(fit))


def _held(now: Slopes) -> Quadratic:
    """Return the quadratic in the amplitude, with the brightness of each sweep its own, near that of the burst."""
    held = now.complete[..., 0, 0] + LEVEL_KEPT
    mixed = now.complete[..., 0, 1:]
    score = now.score[..., 1:] - mixed * (now.score[..., 0] / held)[..., None]
    return Quadratic(
        score, now.complete[..., 1:, 1:] - mixed[..., :, None] * mixed[..., None, :] / held[..., None, None]
    )


def quadratic(fit: Fit) -> Quadratic:
    """Return what the sweeps tell of the amplitude about the fit.

    Not knowing the states costs a part of the information, which is found for each burst from the derivatives of the
    exact score; taken sweep by sweep these would scatter, and mislead where the counts follow another law.
    """
    told = _held(slopes(fit))
    kept = np.empty((len(fit.level), 2))
    for k in range(2):
        up, down = ((0.0, h, 0.0) if k == 0 else (0.0, 0.0, h) for h in (STEP, -STEP))
        exact = -(slopes(fit, up).score - slopes(fit, down).score)[..., 1 + k].sum(axis=1) / (2 * STEP)
        kept[:, k] = np.sqrt(np.clip(exact / np.maximum(told.information[..., k, k].sum(axis=1), 1e-9), *KEPT))
    return Quadratic(told.score, told.information * (kept[:, None, :, None] * kept[:, None, None, :]))
