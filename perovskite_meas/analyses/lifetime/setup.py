"""From the rows of a run to a model that can be fitted."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .background import Background, background
from .model import Model, Trace
from .pile_up import Bunching, blind, bunching
from .response import Response, gaussian, responses
from .rows import DETECTORS, Array, Decays, dead_time

if TYPE_CHECKING:
    import xarray as xr

FEWEST = 100.0
"""Photons on a detector below which it is left out."""
BEFORE = 4.0
"""Widths of the response before its centre at which the light of a pulse begins."""
GUESS = 2.0
"""Rms width in bins of a response that is not measured, before it is fitted."""
EDGE = 6
"""Bins by which the rising edge may lie beside where it is first seen."""


@dataclass(frozen=True)
class Setup:
    """A model with one decay, and what it was made of; detectors in order."""

    model: Model
    names: tuple[str, ...]
    """Detectors in the fit."""
    responses: tuple[Response, ...]
    """Measured responses; empty where there are none."""
    backgrounds: tuple[Background, ...]
    seen: tuple[tuple[Array, float, float | None, int], ...]
    """For each detector its histogram, pulses, dead time (ps) and bin of arrival."""
    light: Bunching
    width: float
    """Rms width of the widest response, in bins; 2 where it is not yet known."""
    source: str
    """Where the responses are from."""


def set_up(data: xr.Dataset, decays: Decays) -> Setup:
    """Return the model for the rows on the emitter; the two detectors share their decays."""
    on = decays.series["on"]
    chosen = [d for d in range(len(DETECTORS)) if float(on.counts[d].sum()) >= FEWEST]
    found = responses(data)
    light, blind_for = bunching(data, decays), dead_time(data)
    traces, backgrounds, seen = [], [], []
    for d in chosen:
        counts, response = on.counts[d], found[d] if found else None
        centre = response.centre if response else rising_edge(counts)
        guess = response.shape if response else gaussian(centre, GUESS, decays.bins)
        floor = background(decays, d, guess)
        early = BEFORE * response.width if response else EDGE
        zero = int(centre - early) % decays.bins
        seen.append((counts, decays.pulses("on"), blind_for, zero))
        live = 1.0 - blind(counts, decays.pulses("on"), decays.bin_width, blind_for, zero, light)
        shape = response.sharp if response else np.zeros(decays.bins)
        used = np.ones(decays.bins, dtype=bool)
        traces.append(Trace(counts, shape, centre, live, floor.shape, floor.scale_sigma, floor.flat_sigma, used))
        backgrounds.append(floor)
    kept = tuple(found[d] for d in chosen) if found else ()
    width = max((r.width for r in kept), default=GUESS)
    source = kept[0].source if kept else "assumed"
    bound = {"laser rows": 2.0 + width, "calibration": 2.0 + 3.0 * width}.get(source, float(EDGE))
    model = Model(tuple(traces), decays.bin_width, decays.period, 1, False, bound, fitted_response=not kept)
    names = tuple(DETECTORS[d] for d in chosen)
    return Setup(model, names, kept, tuple(backgrounds), tuple(seen), light, width, source)


def rising_edge(counts: Array) -> float:
    """Return where a decay rises most steeply, in bins."""
    m = counts.size
    reach = max(2, min(8, m // 50))
    wide = np.concatenate([counts[-reach:], counts, counts[:reach]])
    total = np.concatenate([[0.0], np.cumsum(wide)])
    here = np.arange(m) + reach
    after, before = total[here + reach] - total[here], total[here] - total[here - reach]
    # Significance rather than height: a step out of few counts counts as well.
    step = (after - before) / np.sqrt(after + before + 1.0)
    return float(np.argmax(step)) + 0.0 if math.isfinite(float(step.max())) else 0.0
