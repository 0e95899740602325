"""Power at the sample for each exposure, from the two readings of the pick-off head around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.units import show
from perovskite_meas.core.value import Value

from .rows import Array, Rows
from .setup import Setup

LOWEST_NOISE = 1e-3
"""Relative noise of a power reading is never taken to be below this."""


@dataclass(frozen=True)
class Power:
    """Powers of all rows and what is known of their errors."""

    sample: Array
    """W at the sample, zero of the head subtracted."""
    noise: float
    """Relative 1-sigma of one row's power, from the scatter of before against after."""
    extra: Array
    """Further relative 1-sigma of each row: noise of the head at low power, readings that disagree."""
    zero: Value
    """Zero of the head, in W, with its remaining sigma."""
    notes: tuple[str, ...]
    """Flags."""


def powers(rows: Rows, setup: Setup) -> Power:
    """Return the power at the sample for each row.

    Raises:
        AnalysisRefused: an exposure on the emitter has no power above the zero of the head.
    """
    zero, additive, notes = head_zero(rows, setup)
    head = (rows.before + rows.after) / 2 - zero.nominal
    lit = ~rows.of("dark")
    if (head[lit] <= 0).any():
        worst = float(head[lit].min())
        raise AnalysisRefused(
            f"the head reads {show(worst, 'W')} above its zero in an exposure with light: check the head and its zero"
        )
    unsteady = (rows.before - rows.after)[lit] / head[lit]
    scatter = 1.4826 * float(np.median(np.abs(unsteady - np.median(unsteady))))
    excess = np.abs(unsteady) - max(6 * scatter, 0.02)
    jumps = np.where(excess > 0, np.abs(unsteady) / 2, 0.0)
    extra = np.zeros(head.size)
    extra[lit] = np.hypot(additive / math.sqrt(2) / head[lit], jumps)
    for row in np.flatnonzero(lit)[jumps > 0]:
        notes.append(
            f"row {rows.index[row]}: the head read {show(float(rows.before[row]), 'W')} before and "
            f"{show(float(rows.after[row]), 'W')} after the exposure; its weight is reduced"
        )
    return Power(setup.ratio.nominal * head, max(scatter / 2, LOWEST_NOISE), extra, zero, tuple(notes))


def head_zero(rows: Rows, setup: Setup) -> tuple[Value, float, list[str]]:
    """Return the zero of the head in W, the noise of one reading in W, and notes.

    Dark rows see the zero plus the known leak of the attenuator at its minimum; the zero known
    beforehand is combined with them by inverse variance.
    """
    prior = setup.zero
    readings = np.concatenate([rows.before[rows.of("dark")], rows.after[rows.of("dark")]])
    n = readings.size
    noise = float(readings.std(ddof=1)) if n > 1 else prior.sigma
    if setup.leak is None:
        note = "extinction or maximum of the attenuator not stated: the zero of the head is taken from the bench alone"
        return prior, noise, [note]
    # Student's t: few readings know their own scatter badly.
    widening = math.sqrt((n - 1) / (n - 3)) if n > 3 else 3.0
    measured = Value(
        float(readings.mean()) - setup.leak.nominal,
        math.hypot(max(noise, 1e-15) * widening / math.sqrt(n), setup.leak.sigma),
        "W",
    )
    if prior.sigma <= 0:
        return measured, noise, []
    w_prior, w_measured = prior.sigma**-2, measured.sigma**-2
    mean = (prior.nominal * w_prior + measured.nominal * w_measured) / (w_prior + w_measured)
    notes = []
    if abs(measured.nominal - prior.nominal) > 4 * math.hypot(prior.sigma, measured.sigma):
        notes.append(f"the zero of the head is {measured}, but {prior} was stated")
    return Value(mean, (w_prior + w_measured) ** -0.5, "W"), noise, notes
