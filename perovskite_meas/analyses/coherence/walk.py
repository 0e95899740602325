"""The visibility of a burst whose phase walks from sweep to sweep: its likelihood with every phase integrated out.

For a constant phase this is the Rice distribution. Estimating the phase of each sweep and turning it back would make
the visibility too large; here no phase is chosen.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .filters import circled, tracked
from .rows import Array
from .sweeps import Fit, Quadratic

PHASES = 48
"""Cells of the circle of phases, at least."""
MOST_PHASES = 192
FAR = 0.03
"""rad^2 from sweep to sweep beyond which a phase is spread over the circle however clear it is."""
SURE = 40.0
"""1/sigma^2 of the phase of one sweep from which it is followed rather than spread over the circle."""
REFERENCE = 20.0
"""ps at which the diffusion by the line itself is given."""


@dataclass(frozen=True)
class Motion:
    """How phases move: drift, and a random walk with a part that grows with the delay."""

    drift: float = 0.0
    """rad/s."""
    common: float = 0.0
    """Diffusion of the interferometer, in rad^2/s."""
    own: float = 0.0
    """Diffusion by the line, at a delay of 20 ps, in rad^2/s; grows with the delay squared."""

    jitter: float = 0.0
    """Scatter from sweep to sweep by the line, faster than a sweep, at 20 ps, in rad^2; with the delay squared."""

    def scatter(self, delay: Array) -> Array:
        """Return rad^2 at these delays in ps."""
        total: Array = self.jitter * (delay / REFERENCE) ** 2
        return total

    def own_alone(self, delay: Array) -> Array:
        """Return the part of the diffusion that is the line's, in rad^2/s."""
        part: Array = self.own * (delay / REFERENCE) ** 2
        return part

    def diffusion(self, delay: Array) -> Array:
        """Return rad^2/s at these delays in ps."""
        total: Array = self.common + self.own_alone(delay)
        return total


@dataclass(frozen=True)
class Paths:
    """Sweeps of bursts with their quadratics, ready to be filtered."""

    known: Quadratic
    centre: Array
    """Visibility about which they are expanded, (n,)."""
    steps: Array
    """Of the path that they were expanded along, sweep to sweep, in rad, (n, K)."""
    gaps: Array
    """Time since the sweep before, in s, (n, K)."""
    delay: Array
    """ps, (n,)."""

    @classmethod
    def of(cls, fit: Fit, known: Quadratic, delay: Array) -> Paths:
        """Gather them."""
        gaps = np.diff(fit.bursts.start, axis=1, prepend=fit.bursts.start[:, :1])
        steps = np.diff(fit.path, axis=1, prepend=fit.path[:, :1])
        used = fit.bursts.used
        return cls(known, fit.radial, np.where(used, steps, 0.0), np.where(used, np.maximum(gaps, 0.0), 0.0), delay)

    def likelihood(self, visibility: Array, motion: Motion, phases: int = PHASES) -> Array:
        """Return the log-likelihood at `visibility` (n, m), up to a constant per burst."""
        found = np.empty_like(visibility)
        diffusion, scatter = motion.diffusion(self.delay), motion.scatter(self.delay)
        # the phase that is known beforehand, beside the path along which the sweeps were expanded
        offset = np.cumsum(motion.drift * self.gaps - self.steps, axis=1)
        known = self._phase_known()
        widest = np.maximum(diffusion * self.gaps.max(axis=1), scatter)
        clear = (known > SURE) & (widest < FAR)
        # two cells within the sigma of a phase
        cells = np.clip(2 * np.ceil(2 * np.pi * np.sqrt(np.maximum(known, 0.0))), phases, MOST_PHASES).astype(int)
        for b in range(len(self.centre)):
            told = self.known.score[b], self.known.information[b], float(self.centre[b]), offset[b], self.gaps[b]
            if clear[b]:
                tracked(*told, float(diffusion[b]), float(scatter[b]), visibility[b], found[b])
            else:
                circled(*told, float(diffusion[b]), float(scatter[b]), visibility[b], int(cells[b]), found[b])
        return found

    def _local(self, v: Array, phase: Array, variance: Array, k: int) -> tuple[Array, Array, Array]:
        """Return the log-likelihood of sweep k, its slope and its negative curvature against the phase."""
        g, h = self.known.score[:, k], self.known.information[:, k]
        gr, gt, rr, rt, tt = (part[:, None, None] for part in (g[:, 0], g[:, 1], h[:, 0, 0], h[:, 0, 1], h[:, 1, 1]))
        cosine, sine = v * np.cos(phase), v * np.sin(phase)
        dr, dt = cosine - self.centre[:, None, None], sine
        hr, ht = rr * dr + rt * dt, rt * dr + tt * dt
        value = gr * dr + gt * dt - 0.5 * (dr * hr + dt * ht)
        slope = (ht - gt) * -cosine + (hr - gr) * sine
        bend = rr * sine**2 - 2 * rt * sine * cosine + tt * cosine**2 + (gr - hr) * cosine + (gt - ht) * sine
        # far from the true phase a strong fringe bends the wrong way, and a Gaussian would run off to infinity
        usual = tt * self.centre[:, None, None] ** 2
        floor = np.where(usual * variance > 1, usual, -0.3 / variance)
        return value, slope, np.maximum(bend, floor)

    def _phase_known(self) -> Array:
        """Return 1/sigma^2 of the phase of one sweep, (n,)."""
        number = np.maximum((self.known.information[..., 1, 1] > 0).sum(axis=1), 1)
        known: Array = self.centre**2 * self.known.information[..., 1, 1].sum(axis=1) / number
        return known

    def smooth(self, visibility: Array, motion: Motion) -> tuple[Array, Array]:
        """Return phase and its 1-sigma of each sweep beside the path, at one visibility per burst; (n, K) each."""
        n, sweeps = self.gaps.shape
        v = visibility[:, None, None]
        mean, variance = np.zeros((n, 1, 1)), np.full((n, 1, 1), 1.0)
        before, spread, after, tight = (np.empty((n, sweeps)) for _ in range(4))
        diffusion = motion.diffusion(self.delay)[:, None] * self.gaps
        scatter = motion.scatter(self.delay)[:, None, None]
        for k in range(sweeps):
            if k:
                mean = mean + (motion.drift * self.gaps[:, k] - self.steps[:, k])[:, None, None]
                variance = variance + diffusion[:, k, None, None]
            before[:, k], spread[:, k] = mean[:, 0, 0], variance[:, 0, 0]
            wide = variance + scatter
            _, slope, bend = self._local(v, mean, wide, k)
            scale = 1 + bend * wide
            mean = mean + np.clip(variance * slope / scale, -0.7, 0.7)
            variance = variance - variance**2 * bend / scale
            after[:, k], tight[:, k] = mean[:, 0, 0], variance[:, 0, 0]
        phase, width = after.copy(), tight.copy()
        for k in range(sweeps - 2, -1, -1):
            gain = tight[:, k] / np.maximum(spread[:, k + 1], 1e-12)
            phase[:, k] = after[:, k] + gain * (phase[:, k + 1] - before[:, k + 1])
            width[:, k] = tight[:, k] + gain**2 * (width[:, k + 1] - spread[:, k + 1])
        return phase, np.sqrt(np.maximum(width, 0.0))
