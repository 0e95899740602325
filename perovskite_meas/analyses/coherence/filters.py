"""Compiled loops: the likelihood of a visibility with the phase of every sweep integrated out."""

from __future__ import annotations

import numpy as np

from perovskite_meas.core.compiled import compiled

from .rows import Array


@compiled
def tracked(
    score: Array, information: Array, centre: float, offset: Array, gaps: Array, diffusion: float, jitter: float,
    visibility: Array, found: Array,
) -> None:  # fmt: skip
    """Fill the log-likelihood (m,) of visibilities (m,) of one burst whose phase is clear in every sweep.

    A Kalman filter of the phase, linearised at its prediction. Shapes: score (K, 2), information (K, 2, 2), offset of
    the phase that is known beforehand and gaps in time (K,).
    """
    for i in range(visibility.size):
        v, mean, variance, total = visibility[i], 0.0, 1.0, 0.0
        for k in range(gaps.size):
            if k > 0:
                mean += offset[k] - offset[k - 1]
                variance += diffusion * gaps[k]
            rr, rt, tt = information[k, 0, 0], information[k, 0, 1], information[k, 1, 1]
            cosine, sine = v * np.cos(mean), v * np.sin(mean)
            dr, dt = cosine - centre, sine
            left_r = score[k, 0] - rr * dr - rt * dt
            left_t = score[k, 1] - rt * dr - tt * dt
            value = score[k, 0] * dr + score[k, 1] * dt - 0.5 * (rr * dr * dr + 2 * rt * dr * dt + tt * dt * dt)
            slope = left_t * cosine - left_r * sine
            bend = rr * sine**2 - 2 * rt * sine * cosine + tt * cosine**2 + left_r * cosine + left_t * sine
            # far from the true phase a strong fringe bends the wrong way, and a Gaussian would run off
            wide = variance + jitter
            bend = max(bend, tt * centre**2, 0.0)
            scale = 1 + bend * wide
            total += value - 0.5 * np.log(scale) + 0.5 * slope * slope * wide / scale
            mean += variance * slope / scale
            variance -= variance * variance * bend / scale
        found[i] = total


@compiled
def spread_kernel(variance: float, number: int, kernel: Array) -> int:
    """Fill the weights by which a phase spreads over neighbouring cells, (number,); return how many on either side."""
    cell = 2 * np.pi / number
    kernel[:] = 0.0
    if variance < 0.36 * cell**2:
        kernel[1] = 0.5 * variance / cell**2
        kernel[0] = 1 - 2 * kernel[1]
        return 1
    reach = min(number // 2, int(np.ceil(4.5 * np.sqrt(variance) / cell)))
    total = 0.0
    for d in range(reach + 1):
        for turn in range(-2, 3):
            kernel[d] += np.exp(-0.5 * (d * cell + 2 * np.pi * turn) ** 2 / variance)
        total += kernel[d] * (1.0 if d == 0 or 2 * d == number else 2.0)
    for d in range(reach + 1):
        kernel[d] /= total
    return reach


@compiled
def spread_out(weights: Array, kernel: Array, reach: int, out: Array) -> None:
    """Fill `out` with weights over a circle convolved with a kernel, (number,) each."""
    number = weights.size
    for c in range(number):
        out[c] = kernel[0] * weights[c]
    for d in range(1, reach + 1):
        share = kernel[d]
        for c in range(number - d):
            out[c] += share * weights[c + d]
        for c in range(number - d, number):
            out[c] += share * weights[c + d - number]
        if 2 * d != number:
            for c in range(d):
                out[c] += share * weights[c - d + number]
            for c in range(d, number):
                out[c] += share * weights[c - d]


@compiled
def circled(
    score: Array, information: Array, centre: float, offset: Array, gaps: Array, diffusion: float, jitter: float,
    visibility: Array, number: int, found: Array,
) -> None:  # fmt: skip
    """Fill the log-likelihood (m,) of visibilities (m,) of one burst, on `number` cells of a circle of phases.

    Exact as far as cells are narrow beside what one sweep tells of the phase. Shapes as in `tracked`.
    """
    cell = 2 * np.pi / number
    step, blur = np.empty(number), np.empty(number)
    weights, moved, own = np.empty(number), np.empty(number), np.empty(number)
    # with d = (v cos - centre, v sin), score d - d' information d / 2 is level + linear v + square v^2
    sweeps = gaps.size
    level, linear, square = np.empty(sweeps), np.empty((sweeps, number)), np.empty((sweeps, number))
    for k in range(sweeps):
        rr, rt, tt = information[k, 0, 0], information[k, 0, 1], information[k, 1, 1]
        level[k] = -score[k, 0] * centre - 0.5 * rr * centre**2
        for c in range(number):
            cosine, sine = np.cos(c * cell + offset[k]), np.sin(c * cell + offset[k])
            linear[k, c] = (score[k, 0] + rr * centre) * cosine + (score[k, 1] + rt * centre) * sine
            square[k, c] = -0.5 * (rr * cosine**2 + 2 * rt * cosine * sine + tt * sine**2)
    far = spread_kernel(jitter, number, blur) if jitter > 0 else 0
    last, reach = -1.0, 1
    for i in range(visibility.size):
        v, total = visibility[i], 0.0
        weights[:] = 1.0 / number
        for k in range(sweeps):
            top = -1e300
            for c in range(number):
                own[c] = (linear[k, c] + square[k, c] * v) * v
                top = max(top, own[c])
            for c in range(number):
                own[c] = np.exp(own[c] - top)
            if jitter > 0:
                spread_out(own, blur, far, moved)
                own[:] = moved
            if k > 0 and diffusion * gaps[k] > 0:
                if gaps[k] != last:
                    reach, last = spread_kernel(diffusion * gaps[k], number, step), gaps[k]
                spread_out(weights, step, reach, moved)
                weights[:] = moved
            norm = 0.0
            for c in range(number):
                weights[c] *= own[c]
                norm += weights[c]
            norm = max(norm, 1e-300)
            for c in range(number):
                weights[c] /= norm
            total += level[k] + top + np.log(norm)
        found[i] = total
