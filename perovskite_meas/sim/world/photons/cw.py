"""Photons of a dot under continuous light: a jump process from one detected photon to the next.

Excitons come one by one at a constant rate and go one by one; what happens between two detected photons
is a sum of exponentials in time, the eigenvectors of the motion without a detected photon. The cost is
per photon, not per excitation.
"""

from __future__ import annotations

import math

import numpy as np

from perovskite_meas.core.compiled import compiled

from ..noise import Floats
from .dot import CW_LEVELS, Dot
from .streams import grown

BEGIN, END, BLEACHING = range(3)
"""Columns of the pieces: ps, ps, 1/ps."""
_NEARLY = 1.0 - 1e-9
_DARK = 1e-3
"""Detected photons per second that are taken for none: an eigenvalue so much smaller than Auger rates is noise."""


def silent_motion(dot: Dot, pump: Floats, efficiency: Floats) -> tuple[Floats, Floats, Floats]:
    """Return what happens until the next detected photon, for each of n pieces of constant light.

    Args:
        dot: the dot in one charge state.
        pump: excitations per second, shape (n,).
        efficiency: detected photons per recombination of the last exciton, shape (n,).

    Returns:
        Decay rates mu, shape (n, levels), ascending; residues R, shape (n, levels, levels, levels), of the
        propagator sum_l exp(-mu_l t) R[l, i, j]; rate of detected photons from each level, shape (n, levels).
    """
    n, levels = len(pump), CW_LEVELS
    down = dot.decay_rates(levels)
    dark = pump * efficiency < _DARK
    pump, efficiency = np.where(dark, 1.0, pump), np.where(dark, 0.0, efficiency)
    seen = np.minimum(np.multiply.outer(efficiency, dot.ratios[:levels]), _NEARLY)
    unseen = down * (1.0 - seen)
    motion = np.zeros((n, levels, levels))
    scale = np.ones((n, levels))
    for level in range(levels - 1):
        motion[:, level, level + 1] = motion[:, level + 1, level] = -np.sqrt(pump * unseen[:, level + 1])
        motion[:, level, level] += pump
        motion[:, level + 1, level + 1] += down[level + 1]
        scale[:, level + 1] = scale[:, level] * np.sqrt(pump / unseen[:, level + 1])
    rates, vectors = np.linalg.eigh(motion)
    residues = np.einsum("pil,pjl->plij", vectors, vectors)
    residues *= (scale[:, None, :] / scale[:, :, None])[:, None]
    return rates, residues, down * seen


@compiled
def cw_photons(
    rng: np.random.Generator, pieces: Floats, rates: Floats, residues: Floats, seen: Floats, room: int
) -> Floats:
    """Return the times of all detected photons, in ps, ascending.

    Args:
        rng: the source of all chance.
        pieces: constant light, in the order of time; columns as above, shape (n, 3).
        rates: as from `silent_motion`, but per ps.
        residues: as from `silent_motion`.
        seen: as from `silent_motion`, but per ps.
        room: photons to expect; more are fine.
    """
    times = np.empty(max(room, 16))
    found, state, last_end = 0, 0, -1.0
    levels = rates.shape[1]
    density = np.empty((levels, levels))  # of the next photon: from each level, by exponential
    weight = np.empty(levels)
    for piece in range(len(pieces)):
        begin, end, bleaching = pieces[piece, BEGIN], pieces[piece, END], pieces[piece, BLEACHING]
        if begin != last_end:
            state = 0
        last_end = end
        mu = rates[piece]
        for i in range(levels):
            for one in range(levels):
                density[i, one] = 0.0
                for j in range(levels):
                    density[i, one] += residues[piece, one, i, j] * seen[piece, j]
        if density[0, 0] <= 0.0 or mu[0] <= 0.0:
            continue
        late = 40.0 / (mu[1] - mu[0])
        now = begin
        while True:
            # The waiting time, from its positive exponentials by acceptance.
            mass = 0.0
            for one in range(levels):
                mass += max(density[state, one], 0.0) / mu[one]
            while True:
                pick, chosen = rng.random() * mass, 0
                for one in range(levels):
                    part = max(density[state, one], 0.0) / mu[one]
                    if part > 0.0:
                        chosen = one
                        pick -= part
                        if pick < 0.0:
                            break
                wait = rng.standard_exponential() / mu[chosen]
                if wait > late:
                    break
                bound, value = 0.0, 0.0
                for one in range(levels):
                    term = density[state, one] * math.exp(-mu[one] * wait)
                    value += term
                    bound += max(term, 0.0)
                if rng.random() * bound < value:
                    break
            ended = now + wait >= end
            if ended:
                wait = end - now
            # The level just before the photon (or at the end of the piece).
            sum_of_weights = 0.0
            for j in range(levels):
                amount = residues[piece, 0, state, j]
                if wait <= late:
                    for one in range(1, levels):
                        amount += math.exp(-(mu[one] - mu[0]) * wait) * residues[piece, one, state, j]
                weight[j] = max(amount, 0.0) * (1.0 if ended else seen[piece, j])
                sum_of_weights += weight[j]
            pick, level = rng.random() * sum_of_weights, 0
            while level < levels - 1 and pick >= weight[level]:
                pick -= weight[level]
                level += 1
            if ended:
                state = level
                break
            state = level - 1
            now += wait
            if bleaching == 0.0 or rng.random() < math.exp(-bleaching * (now - begin)):
                if found >= len(times):
                    times = grown(times)
                times[found] = now
                found += 1
    return times[:found]
