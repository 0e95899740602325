"""One pass over a tag file: the trace of the emitter's records, the change points, and lifetimes where pulsed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from perovskite_meas.photons.changepoints import LEAST_THRESHOLD, change_points
from perovskite_meas.photons.marks import END, MARKED
from perovskite_meas.photons.segment_lifetimes import arrivals_of, flid

if TYPE_CHECKING:
    from perovskite_meas.photons.files import TagFile

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

BASE = 0.5e-3
"""s, bin of the trace; every bin width of the scan is a multiple."""
BASE_PS = 500_000_000
RECORDS = 1 << 20
"""Records read at once."""
ON = 1
"""Mark of the file where an on record begins (1 + its series code)."""
FEWEST_PHOTONS = 100
"""Photons below which nothing is said of a recording, and no lifetime of a segment."""
ABOVE = 1.2
"""Mean rate over that of the background below which the delays tell no lifetime."""
LONGEST = 86_400.0
"""s; a record that would need a longer trace is cut."""


@dataclass(frozen=True, eq=False)
class Segments:
    """Segments of constant level, in the order of time; all arrays of shape (n,)."""

    record: Integers
    """Which record each belongs to."""
    starts: Floats
    """s since the start of its record."""
    durations: Floats
    """s."""
    photons: Integers
    lifetimes: Floats
    """ns; NaN where unknown."""
    lifetime_sigmas: Floats
    """ns."""
    points: int
    """Change points found; cuts between blocks and records are none."""

    @property
    def levels(self) -> Floats:
        """Return the level of each segment in cps."""
        return self.photons / self.durations


@dataclass(frozen=True, eq=False)
class Observed:
    """What one pass over the photons leaves: the counts of all detectors, record by record."""

    traces: tuple[Integers, ...]
    """Counts per bin of 0.5 ms of each record with light on the emitter."""
    segments: Segments | None = None
    pulsed: bool = False
    notes: tuple[str, ...] = field(default=())


def observe(file: TagFile, *, background: float = 0.0, arrivals: Mapping[int, float] | None = None) -> Observed:
    """Return what the records with light on the emitter show.

    Records lie between the marks 1 (on) and 15; a file without the mark 1 is one record.

    Args:
        file: an open tag file.
        background: cps that know nothing of the laser pulses, for the lifetimes.
        arrivals: ps after the sync at which the light arrives, by channel; found from the decay where absent.
    """
    spans, photons, notes = _records(file)
    threshold = max(LEAST_THRESHOLD, math.log10(max(photons, 1)) - 1.0)
    traces = [np.zeros(max((stop - start) // BASE_PS, 0), np.int64) for start, stop in spans]
    parts: list[tuple[int, int, Integers, Integers, Floats, Floats]] = []
    found, pulsed = 0, False
    for tags in file.chunks(records=RECORDS):
        for number, (start, stop) in enumerate(spans):
            if len(tags) == 0 or tags.times[-1] < start or tags.times[0] >= stop:
                continue
            piece = tags.take(slice(*np.searchsorted(tags.times, (start, stop))))
            _add(traces[number], piece.times, start)
            if len(piece) < 2:
                continue
            points = change_points(piece, threshold=threshold)
            found += len(points)
            pulsed = pulsed or piece.is_pulsed
            tau, sigma = np.full(len(points.photons), math.nan), np.full(len(points.photons), math.nan)
            seconds = max(int(piece.times[-1] - piece.times[0]), 1) * 1e-12
            told = points.photons.max(initial=0) >= FEWEST_PHOTONS and len(piece) > ABOVE * background * seconds
            if piece.is_pulsed and piece.period and told:
                if arrivals is None or not set(np.unique(piece.channels).tolist()) <= set(arrivals):
                    arrivals = arrivals_of(piece)
                lifetimes = flid(piece, points, arrivals=arrivals, background=background)
                tau, sigma = lifetimes.lifetimes, lifetimes.lifetime_sigmas
            parts.append((number, start, points.edges, points.photons, tau, sigma))
    return Observed(tuple(traces), _joined(parts, found), pulsed, notes)


def _records(file: TagFile) -> tuple[list[tuple[int, int]], int, tuple[str, ...]]:
    """Return (start, stop) in ps of each on record, the number of photons in all, and notes."""
    marks: list[tuple[int, int]] = []
    photons, end = 0, 0
    for tags in file.chunks(records=RECORDS):
        photons += len(tags)
        end = max(end, int(tags.times[-1]) + 1 if len(tags) else 0, tags.duration)
        marks += zip(tags.marker_times.tolist(), tags.marker_values.tolist(), strict=True)
    if not file.header.get(MARKED, False) or not any(value == ON for _, value in marks):
        return (
            [(0, min(end, int(LONGEST * 1e12)))],
            photons,
            ("the tag file has no record marks: all of it counts as on",),
        )
    spans: list[tuple[int, int]] = []
    begun: int | None = None
    for time, value in sorted(marks):
        if begun is not None and (value == END or 1 <= value < END):
            spans.append((begun, time))
            begun = None
        if value == ON:
            begun = time
    notes: tuple[str, ...] = ()
    if begun is not None:
        spans.append((begun, end))
        notes = ("the last record has no end mark: the run was cut, its photons until then are used",)
    return spans, photons, notes


def _add(trace: Integers, times: Integers, start: int) -> None:
    bins = (times - start) // BASE_PS
    bins = bins[(bins >= 0) & (bins < len(trace))]
    if len(bins) == 0:
        return
    first = int(bins.min())
    counts = np.bincount(bins - first)
    trace[first : first + len(counts)] += counts


def _joined(parts: list[tuple[int, int, Integers, Integers, Floats, Floats]], found: int) -> Segments:
    """Return the segments of all blocks; a block's first and last photon are borders."""
    starts, durations = [], []
    for _, origin, edges, _, _, _ in parts:
        starts.append((edges[:-1] - origin) * 1e-12)
        durations.append(np.maximum(np.diff(edges), 1) * 1e-12)
    return Segments(
        record=np.concatenate([np.full(len(p[3]), p[0]) for p in parts]) if parts else np.empty(0, np.int64),
        starts=np.concatenate(starts) if parts else np.empty(0),
        durations=np.concatenate(durations) if parts else np.empty(0),
        photons=np.concatenate([p[3] for p in parts]) if parts else np.empty(0, np.int64),
        lifetimes=np.concatenate([p[4] for p in parts]) if parts else np.empty(0),
        lifetime_sigmas=np.concatenate([p[5] for p in parts]) if parts else np.empty(0),
        points=found,
    )
