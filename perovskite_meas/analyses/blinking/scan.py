"""The same trace at several bin widths: what depends on the bins is part of the result."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .dwelling import Dwelling, dwelling
from .levels import Levels, two_levels
from .stream import BASE

Integers = npt.NDArray[np.int64]

STEPS = (1, 2, 4, 10, 20, 100)
"""Bin widths of the scan in units of the base bin (0.5 ms)."""
FEWEST = 200
"""Bins below which a width is left out."""


def rebinned(records: Sequence[Integers], step: int) -> list[Integers]:
    """Return counts in bins `step` times as wide; what is left over at the end of a record is dropped."""
    found = [one[: len(one) // step * step].reshape(-1, step).sum(axis=1) for one in records]
    return [one for one in found if len(one)]


def bin_scan(traces: Sequence[Integers]) -> tuple[tuple[Mapping[str, Any], ...], dict[int, Dwelling]]:
    """Return the table of the scan, and the dwelling at each width (in base bins) that has two levels."""
    rows: list[Mapping[str, Any]] = []
    found: dict[int, Dwelling] = {}
    for step in STEPS:
        records = rebinned(traces, step)
        if sum(len(one) for one in records) < FEWEST:
            continue
        width = step * BASE
        levels = two_levels(records)
        row: dict[str, Any] = {"bin_width": width, "excess": excess(records), "mean_counts": mean_counts(records)}
        row |= dict.fromkeys(("on_counts", "threshold", "on_fraction", "exponent_on", "exponent_off"))
        if levels is not None:
            found[step] = dwelling(records, levels, width)
            row |= _seen(records, levels, found[step])
        rows.append(row)
    return tuple(rows), found


def mean_counts(records: Sequence[Integers]) -> float:
    """Return the mean counts per bin."""
    return float(sum(int(one.sum()) for one in records) / max(sum(len(one) for one in records), 1))


def excess(records: Sequence[Integers]) -> float:
    """Return the relative scatter of the counts beyond photon statistics."""
    counts = np.concatenate(records)
    mean = float(counts.mean())
    return math.sqrt(max(float(counts.var()) - mean, 0.0)) / mean if mean > 0 else 0.0


def bright_share(records: Sequence[Integers], levels: Levels) -> float:
    """Return the fraction of the bins above the threshold, corrected for its height."""
    bright = [one > levels.threshold for one in records]
    edges = sum(int((one[1:] != one[:-1]).sum()) for one in bright)
    seen = sum(int(one.sum()) for one in bright)
    return (seen + 0.5 * edges * levels.shift) / sum(len(one) for one in bright)


def _seen(records: Sequence[Integers], levels: Levels, found: Dwelling) -> dict[str, Any]:
    return {
        "on_counts": levels.on,
        "threshold": levels.threshold / found.bin_width,
        "on_fraction": bright_share(records, levels),
        "exponent_on": found.exponent("on"),
        "exponent_off": found.exponent("off"),
    }
