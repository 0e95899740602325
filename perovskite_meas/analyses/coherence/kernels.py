"""Compiled loop: the chain of blinking states along each sweep."""

from __future__ import annotations

import numpy as np

from perovskite_meas.core.compiled import compiled

from .rows import Array, Mask


@compiled
def chains(
    counts: Array, expected: Array, along: Array, across: Array, background: Array, used: Mask,
    transition: Array, stationary: Array, levels: Array, state: Array, share: Array, steady: bool,
    score: Array, complete: Array, lit: Array, seen: Array,
) -> float:  # fmt: skip
    """Fill scores, information, mean brightness and expected transitions; return the log-likelihood.

    Shapes: counts, expected and its derivatives `along` and `across` (n, K, J), background (n,), used (n, K), score
    (n, K, 3) by (ln level, radial, tangential), complete (n, K, 3, 3), lit (n, K, J), seen (3, 3).
    """
    n, sweeps, points = counts.shape
    size = levels.size
    own = np.empty((points, size))
    emission, forward = np.empty((points, 3)), np.empty((points, 3))
    norm, after, ahead, posterior = np.empty(points), np.empty(3), np.empty(3), np.empty(3)
    total = 0.0
    for b in range(n):
        for k in range(sweeps):
            if not used[b, k]:
                continue
            for j in range(points):
                top = -1e300
                for m in range(1 if steady else size):
                    rate = max(levels[m] * expected[b, k, j] + background[b], 1e-6)
                    own[j, m] = counts[b, k, j] * np.log(rate) - rate
                    top = max(top, own[j, m])
                total += top
                if steady:
                    continue
                for q in range(3):
                    emission[j, q] = 0.0
                for m in range(size):
                    own[j, m] = np.exp(own[j, m] - top) * share[m]
                    emission[j, int(state[m])] += own[j, m]
                norm[j] = 0.0
                for q in range(3):
                    if j == 0:
                        forward[j, q] = stationary[q] * emission[j, q]
                    else:
                        sum_in = 0.0
                        for p in range(3):
                            sum_in += transition[p, q] * forward[j - 1, p]
                        forward[j, q] = sum_in * emission[j, q]
                    norm[j] += forward[j, q]
                norm[j] = max(norm[j], 1e-300)
                total += np.log(norm[j])
                for q in range(3):
                    forward[j, q] /= norm[j]
            for q in range(3):
                after[q] = 1.0
            for j in range(points - 1, -1, -1):
                slope, bend, bright = 0.0, 0.0, 0.0
                if steady:
                    rate = max(expected[b, k, j] + background[b], 1e-6)
                    slope, bend, bright = counts[b, k, j] / rate - 1, 1 / rate, 1.0
                else:
                    for q in range(3):
                        posterior[q] = forward[j, q] * after[q]
                    for m in range(size):
                        q = int(state[m])
                        if levels[m] > 0:
                            weight = posterior[q] * own[j, m] / max(emission[j, q], 1e-300) * levels[m]
                            rate = max(levels[m] * expected[b, k, j] + background[b], 1e-6)
                            slope += weight * (counts[b, k, j] / rate - 1)
                            bend += weight * levels[m] / rate
                            bright += weight
                    if j > 0:
                        for q in range(3):
                            ahead[q] = emission[j, q] * after[q] / norm[j]
                        for p in range(3):
                            after[p] = 0.0
                            for q in range(3):
                                after[p] += transition[p, q] * ahead[q]
                                seen[p, q] += forward[j - 1, p] * transition[p, q] * ahead[q]
                lit[b, k, j] = bright
                by0, by1, by2 = expected[b, k, j], along[b, k, j], across[b, k, j]
                score[b, k, 0] += slope * by0
                score[b, k, 1] += slope * by1
                score[b, k, 2] += slope * by2
                complete[b, k, 0, 0] += bend * by0 * by0
                complete[b, k, 1, 1] += bend * by1 * by1
                complete[b, k, 2, 2] += bend * by2 * by2
                complete[b, k, 0, 1] += bend * by0 * by1
                complete[b, k, 0, 2] += bend * by0 * by2
                complete[b, k, 1, 2] += bend * by1 * by2
            complete[b, k, 1, 0] = complete[b, k, 0, 1]
            complete[b, k, 2, 0] = complete[b, k, 0, 2]
            complete[b, k, 2, 1] = complete[b, k, 1, 2]
    return total
