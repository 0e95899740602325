"""Compiled loops: amplitudes of lines, and the normal equations with amplitudes and shifts eliminated."""

from __future__ import annotations

import numpy as np

from perovskite_meas.core.compiled import compiled

from .rows import Array, Indices


@compiled
def inverted(matrix: Array, inverse: Array) -> None:
    """Fill the inverse of a symmetric positive matrix, by Cholesky; directions without weight stay put."""
    n = matrix.shape[0]
    lower = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            value = matrix[i, j]
            for k in range(j):
                value -= lower[i, k] * lower[j, k]
            if i == j:
                lower[i, i] = np.sqrt(max(value, 1e-11 * matrix[i, i] + 1e-300))
            else:
                lower[i, j] = value / lower[j, j]
    column = np.zeros(n)
    for c in range(n):
        for i in range(n):
            value = 1.0 if i == c else 0.0
            for k in range(i):
                value -= lower[i, k] * column[k]
            column[i] = value / lower[i, i]
        for i in range(n - 1, -1, -1):
            value = column[i]
            for k in range(i + 1, n):
                value -= lower[k, i] * column[k]
            column[i] = value / lower[i, i]
        for i in range(n):
            inverse[i, c] = column[i]


@compiled
def amplitudes(matrix: Array, right: Array, lines: int, held: Array, found: Array) -> int:
    """Fill the least-squares solution whose first `lines` unknowns are not negative; `held` is 1 where they are 0.

    Returns the number of unknowns that are free. Source: Lawson and Hanson, Solving Least Squares Problems, ch. 23.
    """
    size = right.size
    for i in range(size):
        held[i] = 1.0 if i < lines else 0.0
        found[i] = 0.0
    tried = np.zeros(size)
    for turn in range(4 * lines + 4):
        if turn > 0:
            best, which = 1e-4, -1
            for i in range(lines):
                if held[i] == 1.0 and matrix[i, i] > 0.0:
                    gradient = right[i]
                    for j in range(size):
                        gradient -= matrix[i, j] * found[j]
                    gain = gradient * gradient / matrix[i, i]
                    if gradient > 0.0 and gain > best:
                        best, which = gain, i
            if which < 0:
                break
            held[which] = 0.0
        for _ in range(lines + 1):
            free = 0
            place = np.zeros(size, np.int64)
            for i in range(size):
                if held[i] == 0.0:
                    place[free] = i
                    free += 1
            small, inverse = np.zeros((free, free)), np.zeros((free, free))
            for i in range(free):
                for j in range(free):
                    small[i, j] = matrix[place[i], place[j]]
                small[i, i] *= 1.0 + 1e-9
            inverted(small, inverse)
            part, stop = 1.0, -1
            for i in range(free):
                tried[i] = 0.0
                for j in range(free):
                    tried[i] += inverse[i, j] * right[place[j]]
                old = found[place[i]]
                if place[i] < lines and tried[i] <= 0.0 and old / max(old - tried[i], 1e-300) < part:
                    part, stop = old / max(old - tried[i], 1e-300), place[i]
            for i in range(free):
                found[place[i]] += part * (tried[i] - found[place[i]])
            if stop < 0:
                break
            found[stop] = 0.0
            held[stop] = 1.0
    free = 0
    for i in range(size):
        if held[i] == 0.0:
            free += 1
    return free


@compiled
def accumulate(
    energy: Array, width: Array, counts: Array, weight: Array, scale: Array, starts: Indices, place: Array,
    slope: Array, table: Array, first: float, step: float, prior: float, shifts: Array, want: bool,
    model: Array, amplitude: Array, error: Array, normal: Array, gradient: Array, back: Array, own: Array,
) -> float:  # fmt: skip
    """Fill model, amplitudes and the reduced normal equation; return sum of weight (counts - model)^2.

    Shapes: energy, width, counts, weight, model (F, P), scale, shifts, own (F,), starts (G + 1,), place (F, n) where
    the lines are with their shift, slope (F, n, L) by the parameters of the levels, table (6, N), amplitude and error
    (G, n + 2), normal (T, T), gradient (T,), back (F, T), T = L + 4. The shift of frame f that goes with a step d is
    own[f] - back[f] @ d.
    """
    pixels = counts.shape[1]
    lines, levels = place.shape[1], slope.shape[2]
    size, params = lines + 2, levels + 4
    chi = 0.0
    points = table.shape[1]
    most = 0
    for g in range(starts.size - 1):
        most = max(most, starts[g + 1] - starts[g])
    phi = np.zeros((most, pixels, size))
    for g in range(starts.size - 1):
        f0, f1 = starts[g], starts[g + 1]
        matrix, right = np.zeros((size, size)), np.zeros(size)
        for f in range(f0, f1):
            q = f - f0
            for p in range(pixels):
                for i in range(lines):
                    u = (energy[f, p] - place[f, i] - first) / step
                    j = int(np.floor(u))
                    value = 0.0
                    if 0 <= j < points - 1:
                        r = u - j
                        y0, y1 = table[0, j], table[0, j + 1]
                        d0, d1 = table[1, j] * step, table[1, j + 1] * step
                        value = y0 + r * (d0 + r * (3 * (y1 - y0) - 2 * d0 - d1 + r * (2 * (y0 - y1) + d0 + d1)))
                    phi[q, p, i] = value * width[f, p] * scale[f]
                phi[q, p, lines] = width[f, p]
                phi[q, p, lines + 1] = width[f, p] * energy[f, p] * 0.2
                w = weight[f, p]
                if w > 0.0:
                    for i in range(size):
                        right[i] += w * phi[q, p, i] * counts[f, p]
                        for j in range(i + 1):
                            matrix[i, j] += w * phi[q, p, i] * phi[q, p, j]
        for i in range(size):
            for j in range(i):
                matrix[j, i] = matrix[i, j]
        held, a = np.zeros(size), np.zeros(size)
        free = amplitudes(matrix, right, lines, held, a)
        for i in range(size):
            amplitude[g, i] = a[i]
        for f in range(f0, f1):
            q = f - f0
            for p in range(pixels):
                value = 0.0
                for i in range(size):
                    value += a[i] * phi[q, p, i]
                model[f, p] = value
                chi += weight[f, p] * (counts[f, p] - value) ** 2
            chi += shifts[f] ** 2 * prior
        if not want:
            continue
        local = free + f1 - f0
        block, mixed, score = np.zeros((local, local)), np.zeros((local, params)), np.zeros(local)
        at = np.zeros(free, np.int64)
        b = 0
        for i in range(size):
            if held[i] == 0.0 and b < free:
                at[b] = i
                b += 1
        row = np.zeros(params)
        for f in range(f0, f1):
            q = f - f0
            s = free + q
            block[s, s] += prior
            score[s] -= prior * shifts[f]
            for p in range(pixels):
                w = weight[f, p]
                if w <= 0.0:
                    continue
                for t in range(params):
                    row[t] = 0.0
                moved = 0.0
                for i in range(lines):
                    if a[i] <= 0.0:
                        continue
                    u = (energy[f, p] - place[f, i] - first) / step
                    j = int(np.floor(u))
                    if j < 0 or j >= points - 1:
                        continue
                    r = u - j
                    height = a[i] * width[f, p] * scale[f]
                    by = -height * ((1 - r) * table[1, j] + r * table[1, j + 1])
                    moved += by
                    for t in range(levels):
                        row[t] += by * slope[f, i, t]
                    for t in range(4):
                        row[levels + t] += height * ((1 - r) * table[2 + t, j] + r * table[2 + t, j + 1])
                left = w * (counts[f, p] - model[f, p])
                for b in range(free):
                    x = phi[q, p, at[b]]
                    score[b] += left * x
                    for c in range(b + 1):
                        block[b, c] += w * x * phi[q, p, at[c]]
                    block[s, b] += w * x * moved
                    for t in range(params):
                        mixed[b, t] += w * x * row[t]
                block[s, s] += w * moved * moved
                score[s] += left * moved
                for t in range(params):
                    mixed[s, t] += w * moved * row[t]
                    gradient[t] += left * row[t]
                    for v in range(t + 1):
                        normal[t, v] += w * row[t] * row[v]
        for i in range(local):
            for j in range(i):
                block[j, i] = block[i, j]
            block[i, i] += 1e-7 * block[i, i] + 1e-12
        inverse, solved, step_own = np.zeros((local, local)), np.zeros((local, params)), np.zeros(local)
        inverted(block, inverse)
        for i in range(local):
            for j in range(local):
                step_own[i] += inverse[i, j] * score[j]
                for t in range(params):
                    solved[i, t] += inverse[i, j] * mixed[j, t]
        for b in range(free):
            error[g, at[b]] = np.sqrt(max(inverse[b, b], 0.0))
        for t in range(params):
            for i in range(local):
                gradient[t] -= mixed[i, t] * step_own[i]
            for v in range(t + 1):
                value = 0.0
                for i in range(local):
                    value += mixed[i, t] * solved[i, v]
                normal[t, v] -= value
        for f in range(f0, f1):
            own[f] = step_own[free + f - f0]
            for t in range(params):
                back[f, t] = solved[free + f - f0, t]
    for t in range(params):
        for v in range(t):
            normal[v, t] = normal[t, v]
    return chi
