"""What the figure of a blinking run shows, small enough to be stored with the result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from perovskite_meas.photons.dwells import Dwells, PowerLaw, survival

from .dwelling import Dwelling
from .scan import rebinned
from .stream import BASE, Observed, Segments

Integers = npt.NDArray[np.int64]

SHOWN = 500
"""Bins of the trace that are shown."""
WIDE = 10
"""Width of the bins of the shown trace in base bins: 5 ms."""
HEIGHTS = 150
MAP = (48, 48)
TRUSTED = 100
"""Photons below which a segment is left out of the map of level against lifetime."""


def curves(traces: Sequence[Integers], seen: Observed, main: Dwelling | None) -> Mapping[str, Any]:
    """Return trace, histogram, dwells and map, each a mapping of arrays or empty."""
    wide = 2 if main is None else round(main.bin_width / BASE)
    return {
        "trace": _trace(seen),
        "histogram": _histogram(rebinned(traces, wide), wide * BASE),
        "dwells": {} if main is None else {kind: _dwells(main, kind) for kind in ("on", "off")},
        "flid": _map(seen.segments) if seen.pulsed else {},
    }


def _trace(seen: Observed) -> Mapping[str, Any]:
    """Return the part of a record in which most happens: time (s), rate (cps), and the levels between steps."""
    number = int(np.argmax([len(one) for one in seen.traces]))
    counts = rebinned([seen.traces[number]], WIDE)
    if not counts or len(counts[0]) < 2:
        return {}
    rate = counts[0] / (WIDE * BASE)
    length = min(SHOWN, len(rate))
    activity = np.append(0.0, np.cumsum(np.abs(np.diff(rate))))
    starts = np.arange(0, len(rate) - length + 1, max(length // 4, 1))
    begin = int(starts[np.argmax(activity[starts + length - 1] - activity[starts])])
    time = (np.arange(begin, begin + length) + 0.5) * WIDE * BASE
    found: dict[str, Any] = {"time": time, "rate": rate[begin : begin + length], "record": number}
    if seen.segments is not None:
        own = seen.segments
        ends = own.starts + own.durations
        inside = (own.record == number) & (ends > time[0]) & (own.starts < time[-1]) & (own.durations > 1e-3)
        found |= {"starts": own.starts[inside], "ends": ends[inside], "levels": own.levels[inside]}
    return found


def _histogram(records: Sequence[Integers], width: float) -> Mapping[str, Any]:
    counts = np.concatenate(records) if records else np.empty(0, np.int64)
    if len(counts) == 0:
        return {}
    step = max(1, int(counts.max() + 1) // HEIGHTS)
    bins = np.bincount(counts // step)
    return {"rate": (np.arange(len(bins)) + 0.5) * step / width, "bins": bins, "bin_width": width}


def _dwells(main: Dwelling, kind: str) -> Mapping[str, Any]:
    """Return how many dwells per second last how long in logarithmic bins, and the law that was fitted."""
    dwells: Dwells = main.on if kind == "on" else main.off
    law: PowerLaw | None = main.laws[kind]
    if len(dwells.complete) == 0:
        return {}
    shift = main.levels.shift * (1 if kind == "on" else -1)
    longest = max(dwells.longest, 2)
    edges = np.unique(np.round(np.geomspace(1, longest + 1, 40))).astype(np.int64)
    counts, _ = np.histogram(dwells.complete, bins=edges)
    shown = counts > 0
    middle = np.sqrt(edges[:-1] * (edges[1:] - 1.0))
    width = np.diff(edges)
    found: dict[str, Any] = {
        "time": (middle * main.bin_width)[shown],
        "density": (counts / width / main.bin_width)[shown],
        "sigma": (np.sqrt(counts) / width / main.bin_width)[shown],
    }
    if law is not None:
        at = edges[edges >= law.least].astype(np.float64)
        lasting = survival(law, at, shift=shift) * law.dwells
        found |= {
            "law_time": (np.sqrt(at[:-1] * (at[1:] - 1)) * main.bin_width),
            "law": -np.diff(lasting) / np.diff(at) / main.bin_width,
        }
    return found


def _map(segments: Segments | None) -> Mapping[str, Any]:
    """Return time (s) spent by level and lifetime: level edges (cps), lifetime edges (ns)."""
    if segments is None:
        return {}
    good = np.isfinite(segments.lifetimes) & (segments.photons >= TRUSTED)
    if not good.any():
        return {}
    top = float(np.percentile(segments.levels[good], 99)) * 1.2
    longest = float(np.percentile(segments.lifetimes[good], 99)) * 1.2
    levels, lifetimes = np.linspace(0, top, MAP[0] + 1), np.linspace(0, longest, MAP[1] + 1)
    seconds, _, _ = np.histogram2d(
        segments.levels[good], segments.lifetimes[good], bins=(levels, lifetimes), weights=segments.durations[good]
    )
    return {"levels": levels, "lifetimes": lifetimes, "seconds": seconds}
