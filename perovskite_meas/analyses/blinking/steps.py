"""The change-point route: on fraction, dwells and states without bins."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.value import Value
from perovskite_meas.photons.dwells import Dwells, fit_power_law
from perovskite_meas.photons.states import group_states

from .stream import Segments

Floats = npt.NDArray[np.float64]

UNIT = 0.1e-3
"""s; dwells between change points are counted in this unit for the fit."""
SPREAD = 0.05
"""Relative scatter of a level between segments that is not another state: unseen short dwells shift a segment."""
TELLING = 300
"""Photons below which a segment has no say in the states: its borders take photons from its neighbours."""
LEAST_OCCUPANCY = 0.01
"""States that hold less of the time are segments in which a short dwell was not seen apart."""
LEAST = 3e-3
"""s; shortest dwell fitted: shorter ones are missed too often."""


@dataclass(frozen=True)
class ByChangePoints:
    """What the change points say about the same record."""

    on_fraction: Value
    exponents: Mapping[str, Value]
    """By 'on' and 'off', where there are enough dwells."""


def states_of(segments: Segments) -> Mapping[str, Any]:
    """Return number, levels (cps), sigmas and occupancy of the intensity states, and the share of time in none."""
    total = float(segments.durations.sum())
    known = segments.photons >= TELLING
    if not known.any():
        known = segments.photons >= np.max(segments.photons)
    found = group_states((segments.photons[known], segments.durations[known]), spread=SPREAD)
    occupancy = found.occupancy * float(segments.durations[known].sum()) / total
    real = occupancy >= min(LEAST_OCCUPANCY, float(occupancy.max()))
    return {
        "number": int(real.sum()),
        "levels": found.levels[real].tolist(),
        "sigmas": found.sigmas[real].tolist(),
        "occupancy": occupancy[real].tolist(),
        "unresolved": 1.0 - float(occupancy[real].sum()),
    }


def by_change_points(segments: Segments, threshold: float) -> ByChangePoints:
    """Return on fraction and exponents of the segments above and below a threshold in cps."""
    bright = segments.levels > threshold
    total = float(segments.durations.sum())
    fraction = float(segments.durations[bright].sum()) / total
    on, off, edges = _dwells(segments, bright)
    # a change point is known to about three photon intervals; dwells missed altogether are not in this sigma
    level = float(np.mean(segments.levels[bright])) if bright.any() else threshold
    sigma = math.sqrt(max(edges, 1)) * 3.0 / level / total
    exponents = {}
    for kind, dwells in (("on", on), ("off", off)):
        try:
            law = fit_power_law(dwells, least=round(LEAST / UNIT))
        except UsageError:
            continue
        exponents[kind] = Value(law.exponent, law.exponent_sigma, "1", law.exponent_sigma)
    return ByChangePoints(Value(fraction, sigma, "1", sigma), exponents)


def _dwells(segments: Segments, bright: npt.NDArray[np.bool_]) -> tuple[Dwells, Dwells, int]:
    """Return (on, off) dwells in UNIT and the number of edges; consecutive segments of one kind are one dwell."""
    complete: dict[bool, list[Floats]] = {True: [], False: []}
    cut: dict[bool, list[float]] = {True: [], False: []}
    edges = 0
    for record in np.unique(segments.record):
        own = segments.record == record
        on, lengths = bright[own], segments.durations[own]
        begins = np.append(0, np.nonzero(on[1:] != on[:-1])[0] + 1)
        edges += len(begins) - 1
        if len(begins) < 2:
            continue
        times, kinds = np.add.reduceat(lengths, begins), on[begins]
        for kind in (True, False):
            complete[kind].append(times[1:-1][kinds[1:-1] == kind])
        cut[bool(kinds[-1])].append(float(times[-1]))

    def counted(times: npt.ArrayLike) -> npt.NDArray[np.int64]:
        return np.maximum(np.round(np.asarray(times, np.float64) / UNIT), 1).astype(np.int64)

    on_dwells, off_dwells = (
        Dwells(counted(np.concatenate(complete[kind]) if complete[kind] else []), counted(cut[kind]))
        for kind in (True, False)
    )
    return on_dwells, off_dwells, edges
