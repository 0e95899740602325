"""Change points of the intensity: where the count rate of a photon stream steps from one level to another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tags import Tags

from .kernels.changepoint import evidences, scan, tidy

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

WINDOW = 2000
"""Photons per window of the coarsest scan."""
FINER = (1, 6, 36)
"""The windows of the scans, as parts of the coarsest: short dwells vanish within a long window."""
LEAST_THRESHOLD = 5.0
"""Least log10 of the summed Bayes factor that is used where none is stated."""
PS = 1e-12


@dataclass(frozen=True, eq=False)
class ChangePoints:
    """Change points of one stream, and the constant levels between them (n points, n + 1 segments)."""

    indices: Integers
    """Photon at which the level changes: the intervals before it belong to the old level; shape (n,)."""
    times: Integers
    """ps, the arrival of that photon; shape (n,)."""
    log_bayes: Floats
    """log10 of the Bayes factor, summed over the places of the change; shape (n,)."""
    edges: Integers
    """ps, borders of the segments, the first and the last photon included; shape (n + 2,)."""
    photons: Integers
    """Photons (intervals) per segment; shape (n + 1,)."""
    levels: Floats
    """cps per segment; shape (n + 1,)."""
    sigmas: Floats
    """1-sigma of the levels, cps, photon statistics alone; shape (n + 1,)."""
    threshold: float
    """log10 of the summed Bayes factor that a change point had to exceed."""

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def durations(self) -> Floats:
        """Return the length of each segment in s, shape (n + 1,)."""
        return np.diff(self.edges) * PS


def change_points(
    tags_or_times: Tags | Integers, *, threshold: float | None = None, window: int = WINDOW
) -> ChangePoints:
    """Find where the count rate steps, from the arrival times and without bins.

    A run of N intervals is split at the photon with the largest likelihood ratio if the Bayes factors of "two
    levels, changing at photon k" against "one level", summed over k, exceed 10^threshold; both parts are then
    searched again. Windows of `window` photons that overlap by half, then of a sixth and a 36th of it inside
    the segments found, keep the cost proportional to the number of photons and short dwells visible. In the end
    every point is tested again between its neighbours (up to half a window to each side), dropped where it
    fails, and moved to its best place there.

    The sum is not divided by the number of places: 10^-threshold stands for the prior odds of a change per photon,
    so that N x 10^-threshold false points are the most to expect among N photons of a constant level, whatever the
    window; in simulated constant streams it was a hundredth of that (0.6 points in 1e6 photons at threshold 4). The
    usual trap is to take the sum for the Bayes factor of one run and to ask for 10: it exceeds that wherever the run
    is long.

    Args:
        tags_or_times: Tags (all channels together) or sorted arrival times in ps, int64.
        threshold: log10 of the summed Bayes factor; by default log10(N) - 1, at least 5 (about 0.1 false
            points per record of constant level).
        window: photons in the coarsest window; changes slower or weaker than a window shows are not seen, which
            for 2000 photons is a step of 30 % and is what keeps slow drift from being cut into steps.

    Raises:
        UsageError: times that are not sorted int64, a window under 100 photons, or a threshold under log10(window).

    Source: Watkins and Yang, J. Phys. Chem. B 109, 617 (2005); Bayes factor: Ensign and Pande, J. Phys. Chem. B
    114, 280 (2010), with the rate prior stated at `kernels.changepoint.log_evidence`.
    """
    times = _times(tags_or_times)
    if window < 100:
        raise UsageError(f"change_points: window is {window} photons; it must hold at least 100")
    if threshold is None:
        threshold = max(LEAST_THRESHOLD, math.log10(max(len(times), 1)) - 1.0)
    if threshold < math.log10(window):
        raise UsageError(
            f"change_points: threshold {threshold:g} is under log10(window) = {math.log10(window):.2f}, so that every "
            "window of a constant level would show changes; raise it to log10 of the number of photons"
        )
    if len(times) < 2:
        empty = np.empty(0, np.int64)
        none = np.empty(0, np.float64)
        return ChangePoints(empty, empty, none, times[:1].repeat(2), empty, none, none, threshold)
    factorial = _log_factorials(2 * window + 1)
    natural = threshold * math.log(10)
    borders = np.array([0, len(times) - 1], np.int64)
    for part in FINER:
        borders = scan(times, borders, window // part, natural, factorial)
        borders, _ = tidy(times, borders, window // 2, natural, factorial)
    scores = evidences(times, borders, window // 2, factorial)
    return _described(times, borders, scores / math.log(10), threshold)


def _times(given: Tags | Integers) -> Integers:
    times = given.times if isinstance(given, Tags) else given
    if np.asarray(times).dtype != np.int64 or np.ndim(times) != 1:
        raise UsageError("change_points: arrival times must be a one-dimensional int64 array of ps")
    if isinstance(given, Tags) and given.is_pulsed:
        times = np.sort(times, kind="stable")  # a delay longer than the period puts a photon after its successor
    elif len(times) > 1 and bool((times[1:] < times[:-1]).any()):
        raise UsageError("change_points: the arrival times are not sorted")
    return times


def _log_factorials(n: int) -> Floats:
    """Return ln k! for k = 0..n."""
    logs = np.zeros(n + 1)
    logs[1:] = np.cumsum(np.log(np.arange(1, n + 1)))
    return logs


def _described(times: Integers, borders: Integers, scores: Floats, threshold: float) -> ChangePoints:
    photons = np.diff(borders)
    edges = times[borders]
    span = np.maximum(np.diff(edges), 1) * PS
    levels = photons / span
    return ChangePoints(
        indices=borders[1:-1],
        times=edges[1:-1],
        log_bayes=scores,
        edges=edges,
        photons=photons,
        levels=levels,
        sigmas=levels / np.sqrt(photons),
        threshold=threshold,
    )
