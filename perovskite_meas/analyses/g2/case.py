"""What both kinds of excitation have in common before any fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.analysis import condition, fact
from perovskite_meas.core.value import Value

from .afterpulses import Afterpulses, read_afterpulses
from .background import Background, read_background
from .beside import background_delay
from .crosstalk import FARTHEST, Crosstalk, read_crosstalk
from .interval import Posterior
from .response import Response, read_response
from .rows import Group, Rows, read_rows

if TYPE_CHECKING:
    import xarray as xr

Array = npt.NDArray[np.float64]

POOLED = 20.0
"""Expected counts per pooled bin of the deviance."""
SAME = 1e-3
"""Relative difference of commanded powers that are the same."""


@dataclass(frozen=True)
class Case:
    """Rows, and what was measured beside the emitter."""

    rows: Rows
    """Of one power."""
    every: tuple[Rows, ...]
    """One entry per power, `rows` among them."""
    response: Response
    """Of the detector pair."""
    background: Background
    """At the power of `rows`."""
    crosstalk: Crosstalk
    """Scaled to `rows`."""
    afterpulses: Afterpulses
    """The fast ones."""
    decay: Value | None = None
    """Lifetime from arrival times, in ns, where pulses follow so closely that it is needed."""


@dataclass(frozen=True)
class Found:
    """What a fit of one power found."""

    g2_zero: Value
    raw: Value
    posterior: Posterior
    zero: Value
    model: str
    bunching: Value
    plateau: tuple[float, float]
    rates: Value | None
    estimators: Mapping[str, Value]
    systematics: Mapping[str, float]
    bootstrap: float | None
    expected: Array
    floor: Array
    peaks: Mapping[str, Any] = field(default_factory=dict)
    lifetime: Value | None = None
    antibunching_time: Value | None = None
    overlap: str = ""
    survival: float = 0.0
    doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_case(data: xr.Dataset) -> Case:
    """Return the rows by power, the response and the background.

    Raises:
        AnalysisRefused: as `read_rows`.
    """
    rows = read_rows(data)
    every = tuple(_with(rows, group) for group in by_power(rows.on))
    best = max(every, key=lambda one: float(one.on.histogram.sum()))
    response = read_response(data, rows)
    return case_of(best, every, response, dead_time_of(data))


def dead_time_of(data: xr.Dataset) -> float | None:
    """Return the detectors' dead time in ns; None where it is not stated."""
    return None if fact(data, "tagger.dead_time") is None else condition(data, "tagger.dead_time", "ns").nominal


def case_of(rows: Rows, every: tuple[Rows, ...], response: Response, dead_time: float | None) -> Case:
    """Return the case of one power."""
    background = read_background(rows, rows.on)
    zero = response.anchor if response.zero is not None else 0.0
    reach = min(zero - rows.edges[0], rows.edges[-1] - zero)
    if rows.on.period and reach < FARTHEST + math.ceil(2 * FARTHEST / rows.on.period) * rows.on.period:
        reach = min(reach, rows.on.period / 2)  # no peak of reference light is free of the central one's flashes
    crosstalk = read_crosstalk(rows, rows.on, response, reach, background.dark)
    afterpulses = read_afterpulses(rows, response, dead_time)
    background = replace(background, delay=background_delay(rows))
    background = replace(background, afterpulsing=crosstalk.afterpulsing, prompt_afterpulses=afterpulses.share)
    return Case(rows, every, response, background, crosstalk, afterpulses)


def by_power(on: Group) -> list[Group]:
    """Return the chunks of every commanded power."""
    commanded = np.nan_to_num(on.others.get("power_set", np.zeros(on.live_time.size)))
    groups, left = [], np.ones(commanded.size, dtype=bool)
    while left.any():
        first = float(commanded[left][0])
        same = left & (np.abs(commanded - first) <= SAME * abs(first))
        groups.append(on.only(same))
        left &= ~same
    return sorted(groups, key=lambda group: float(group.power.mean()))


def _with(rows: Rows, on: Group) -> Rows:
    return Rows(on, rows.off, rows.dark, rows.laser, rows.edges, rows.dropped)


def pooled_deviance(counts: Array, expected: Array) -> float:
    """Return chi-squared over bins pooled until each expects twenty counts, per pooled bin."""
    total, groups = 0.0, np.zeros(counts.size, dtype=int)
    number = 0
    for k in range(counts.size):
        groups[k] = number
        total += float(expected[k])
        if total >= POOLED:
            number, total = number + 1, 0.0
    n, m = np.bincount(groups, counts), np.bincount(groups, expected)
    good = m > 0.5 * POOLED
    return float(np.mean((n - m)[good] ** 2 / m[good])) if good.any() else float("nan")
