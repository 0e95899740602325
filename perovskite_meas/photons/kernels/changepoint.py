"""Compiled loops of the change-point search: splits of a run of intervals into two levels."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.compiled import compiled

Times = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

MARGIN = 5.0
"""A split is only summed where its log-likelihood ratio exceeds the threshold less this (natural units)."""
CLEAR = 12.0
"""A split this far (natural units) over the threshold needs no sum to be accepted."""
DEPTH = 12.0
"""The sum ends where a term is this far (natural units) below the largest."""
FEWEST = 4
"""Least number of intervals in a run that is split."""


@compiled
def best_split(times: Times, first: int, last: int, floor: float) -> tuple[int, float]:
    """Return the photon that splits [first, last] best, and its log-likelihood ratio; (-1, floor) if none exceeds it.

    N KL(p|v) <= N (p - v)^2 / (v (1 - v)), whose largest value is a good start: most photons cost two products and
    no logarithm.
    """
    n = last - first
    start = times[first]
    span = times[last] - start
    found = -1
    best = floor
    if n < 2 or span <= 0:
        return found, best
    scale = 1.0 / span
    step = 1.0 / n
    widest = floor
    likely = -1
    for i in range(first + 1, last):
        v = (times[i] - start) * scale
        d = (i - first) * step - v
        spread = v * (1.0 - v)
        if d * d * n > widest * spread:
            widest = d * d * n / max(spread, 1e-300)
            likely = i
    if likely < 0:
        return found, best
    v = (times[likely] - start) * scale
    p = (likely - first) * step
    best = max(floor, n * (p * math.log(p / max(v, 1e-300)) + (1.0 - p) * math.log((1.0 - p) / max(1.0 - v, 1e-300))))
    if best > floor:
        found = likely
    for i in range(first + 1, last):
        v = (times[i] - start) * scale
        p = (i - first) * step
        d = p - v
        if d * d * n > best * v * (1.0 - v):
            low = max(v, 1e-300)
            high = max(1.0 - v, 1e-300)
            ratio = n * (p * math.log(p / low) + (1.0 - p) * math.log((1.0 - p) / high))
            if ratio > best:
                best = ratio
                found = i
    return found, best


@compiled
def log_evidence(times: Times, first: int, last: int, place: int, factorial: Floats) -> float:
    """Return ln of the sum over the splits of [first, last] about the best `place` of their Bayes factor against one.

    Each level has an exponential prior whose mean is the mean rate of the run: the evidence for k intervals
    that last the fraction v of the run is k! / (N (v + 1/N)^(k+1)). The sum ends, to either side, where a term is
    `DEPTH` below the largest.
    """
    n = last - first
    start = times[first]
    scale = 1.0 / (times[last] - start)
    step = 1.0 / n
    whole = factorial[n] - (n + 1) * math.log1p(step) + math.log(n)
    total = 0.0
    top = -math.inf
    for way in (1, -1):
        i = place if way == 1 else place - 1
        while first < i < last:
            v = (times[i] - start) * scale
            k = i - first
            left = factorial[k] - (k + 1) * math.log(v + step)
            right = factorial[n - k] - (n - k + 1) * math.log(1.0 - v + step)
            term = left + right - whole
            if top == -math.inf:
                top = term
            if term < top - DEPTH:
                break
            total += math.exp(term - top)
            i += way
    return top + math.log(total)


@compiled
def tested_split(times: Times, first: int, last: int, threshold: float, factorial: Floats) -> tuple[int, float]:
    """Return the best split of [first, last] and its summed log Bayes factor; (-1, -inf) if far under the threshold.

    Far over the threshold the log-likelihood ratio itself is returned.
    """
    found, top = best_split(times, first, last, threshold - MARGIN)
    if found < 0:
        return -1, -math.inf
    if top > threshold + CLEAR:
        return found, top
    return found, log_evidence(times, first, last, found, factorial)


@compiled
def split_window(
    times: Times, first: int, last: int, threshold: float, factorial: Floats, marks: npt.NDArray[np.bool_]
) -> None:
    """Mark the change points of [first, last]: split where it exceeds the threshold, then look into both halves."""
    stack = np.empty((128, 2), np.int64)
    stack[0, 0], stack[0, 1] = first, last
    depth = 1
    while depth > 0:
        depth -= 1
        a, b = stack[depth, 0], stack[depth, 1]
        if b - a < FEWEST:
            continue
        found, evidence = tested_split(times, a, b, threshold, factorial)
        if found < 0 or evidence < threshold:
            continue
        marks[found] = True
        if depth <= 126:
            stack[depth, 0], stack[depth, 1] = a, found
            stack[depth + 1, 0], stack[depth + 1, 1] = found, b
            depth += 2


@compiled
def scan(times: Times, borders: Times, window: int, threshold: float, factorial: Floats) -> Times:
    """Return the borders and the change points found by half-overlapping windows between them."""
    marks = np.zeros(len(times), np.bool_)
    for j in range(len(borders) - 1):
        first, last = borders[j], borders[j + 1]
        marks[first] = True
        marks[last] = True
        start = first
        while True:
            stop = min(start + window, last)
            split_window(times, start, stop, threshold, factorial, marks)
            if stop >= last:
                break
            start += window // 2
    return np.nonzero(marks)[0]


@compiled
def tidy(times: Times, borders: Times, reach: int, threshold: float, factorial: Floats) -> tuple[Times, Floats]:
    """Drop the points that their neighbours do not support, weakest first, and move the rest to their best place.

    Returns the remaining borders (first and last included) and the log Bayes factor of each.
    """
    n = len(borders)
    place = borders.copy()
    score = np.full(n, math.inf)
    before = np.arange(n) - 1
    after = np.arange(n) + 1
    stale = np.ones(n, np.bool_)
    alive = np.ones(n, np.bool_)
    for _ in range(64):
        for i in range(1, n - 1):
            if alive[i] and stale[i]:
                low = max(place[before[i]], place[i] - reach)
                high = min(place[after[i]], place[i] + reach)
                found, score[i] = tested_split(times, low, high, threshold, factorial)
                stale[i] = False
                if found >= 0 and found != place[i]:
                    place[i] = found
                    stale[before[i]] = True
                    stale[after[i]] = True
        dropped = False
        for i in range(1, n - 1):
            if alive[i] and score[i] < threshold:
                lower, upper = score[before[i]], score[after[i]]
                if score[i] <= lower and score[i] <= upper:
                    alive[i] = False
                    dropped = True
                    after[before[i]] = after[i]
                    before[after[i]] = before[i]
                    stale[before[i]] = True
                    stale[after[i]] = True
        if not dropped and not stale[1 : n - 1][alive[1 : n - 1]].any():
            break
    return place[alive], score[alive]


@compiled
def evidences(times: Times, borders: Times, reach: int, factorial: Floats) -> Floats:
    """Return the summed log Bayes factor of each inner border between its neighbours, shape (len(borders) - 2,)."""
    found = np.empty(max(len(borders) - 2, 0))
    for i in range(1, len(borders) - 1):
        low = max(borders[i - 1], borders[i] - reach)
        high = min(borders[i + 1], borders[i] + reach)
        found[i - 1] = log_evidence(times, low, high, borders[i], factorial)
    return found
