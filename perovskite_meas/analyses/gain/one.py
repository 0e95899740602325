"""Everything that the stripes of one fluence tell."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from perovskite_meas.analyses.pulses.light import read_light
from perovskite_meas.analyses.pulses.rows import Array, Rows
from perovskite_meas.analyses.pulses.setup import Setup
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from . import known, law
from .bands import Seen, seen
from .fit import Fit, Problem
from .windows import FEWEST, HOPELESS, Windows, windows

if TYPE_CHECKING:
    import xarray as xr

TELLING = 40.0
"""1/cm: a gain that is known worse, and not better than to a third, is not claimed."""
SATURATION_TRUST = 0.07
"""Relative 1-sigma of every saturation length: gain, width of the line and source are as found."""
SATURATING = 0.9
"""Part of the light without saturation that is left at the saturation length."""


class One(NamedTuple):
    """What one fluence gives."""

    fluence: Value
    """Incident peak fluence, mean of the pulses, J/cm^2."""
    seen: Seen
    problem: Problem
    """Of all its exposures."""
    windows: Windows
    net: Value
    """1/cm."""
    parts: dict[str, float]
    """1-sigma of the net gain by cause, 1/cm."""
    saturation: Value | None
    """Length from which saturation takes a tenth, cm."""
    refused: str | None


def one(
    data: xr.Dataset, rows: Rows, setup: Setup, geometry: dict[str, Array], fluence: float, *, thorough: bool
) -> tuple[One, list[str]]:
    """Return what the stripes at one fluence tell, and notes.

    Args:
        data: of the run, for what is stated.
        rows: of the run.
        setup: of the bench.
        geometry: `length` and `near` of the rows, mm.
        fluence: that was asked for, J/cm^2.
        thorough: whether to try other things that may be true of film and pump.

    Raises:
        AnalysisRefused: fewer than four lengths.
    """
    keep = (rows.series == "dark") | (rows.asked == fluence)
    own, places = rows.only(keep), {name: values[keep] for name, values in geometry.items()}
    stripe = np.flatnonzero(own.series == "stripe")
    lengths = places["length"][stripe]
    if np.unique(lengths).size < FEWEST:
        raise AnalysisRefused(f"{np.unique(lengths).size} lengths of the stripe; a gain needs at least {FEWEST}")
    # Short stripes show the whole spectrum; long ones only what was amplified.
    named = own.series.astype("U12")
    named[stripe[np.argsort(lengths, kind="stable")[:2]]] = "shortest"
    light, notes = read_light(replace(own, series=named), setup, main=("shortest",))
    stripes = seen(own, light, places, setup.reading)
    pump = known.pump(data, setup)
    prior = known.prior(data, setup, pump, stripes)
    filters = {
        int(step): setup.filter_trust(float(through))
        for step, through in zip(stripes.step, stripes.transmission, strict=True)
    }

    def problem(some: Seen, other: law.Pump = pump) -> Problem:
        return Problem(some, other, prior, filters, setup.reading)

    found = windows(stripes, problem, prior.middle)
    best = found.chosen
    material = best.net() + float(best.theta[law.LOSS])
    parts = {"window": found.spread, "law": known.LAW_TRUST * abs(material)}
    moved = 0.0
    for cause, (other, share, unknown) in (known.rivals(setup, pump) if thorough else {}).items():
        there = problem(best.seen, other).solve(best.theta, best.levels, best.filters)
        parts[cause] = share * abs(there.net() - best.net())
        moved += share * (there.net() - best.net()) * unknown
    net = Value.combine(best.net() + moved, best.net_sigma, math.hypot(*parts.values()), "1/cm")
    pulses = np.concatenate([np.log(row[row > 0]) for row in own.fluences[stripe]])
    noise = float(np.std(pulses)) / math.sqrt(pulses.size)
    scale = math.hypot(*setup.scale.values(), 0.0)
    value = Value.combine(stripes.fluence, stripes.fluence * noise, stripes.fluence * scale, "J/cm^2")
    return One(
        value, stripes, problem(stripes), found, net, parts, _saturation(found), _refusal(found, net)
    ), notes  # fmt: skip


def _refusal(found: Windows, net: Value) -> str | None:
    best = found.chosen
    if best.p < HOPELESS:
        return (
            f"the law holds for none of the windows (p = {best.p:.1g} for stripes up to {10 * found.held:.3g} mm): "
            "take shorter stripes, or less fluence"
        )
    if not net.sigma < max(TELLING, abs(net.nominal) / 3):
        return (
            f"amplified light does not stand out of what leaves the film unguided: the net gain would be {net}. "
            "Take longer stripes, more fluence, or more pulses"
        )
    return None


def _saturation(found: Windows) -> Value | None:
    """Return the length from which saturation takes a tenth of the guided light; None where no stripe is that long."""
    fit = found.chosen
    if fit.sigma(law.LN_SATURATION) > 1.0:
        return None
    middle = [_tenth(fit, found.held, move) for move in (0.0, -1.0, 1.0)]
    if middle[0] is None:
        return None
    near = [other for other in middle[1:] if other is not None]
    own = max(abs(other - middle[0]) for other in near) if near else middle[0] / 2
    return Value.combine(middle[0], own, SATURATION_TRUST * middle[0], "cm")


def _tenth(fit: Fit, longest: float, move: float) -> float | None:
    theta = fit.theta
    pairs = np.exp(theta[law.LN_PAIRS : law.LN_PAIRS + 1])
    gain = math.exp(theta[law.LN_GAIN]) * law.relative_gain(pairs, fit.pump)
    source = law.emission(pairs, fit.pump)
    lines = law.line(fit.seen.borders, theta[law.CENTRE], math.exp(theta[law.LN_WIDTH]))
    share = np.exp(fit.levels - fit.levels.max())
    lengths = np.linspace(longest / 40, longest, 40)
    at = float(np.exp(theta[law.LN_SATURATION] + move * fit.sigma(law.LN_SATURATION)))
    loss = float(theta[law.LOSS] + theta[law.EXCESS])
    band = int(np.argmin(np.abs((fit.seen.borders[1:] + fit.seen.borders[:-1]) / 2 - theta[law.CENTRE])))
    left, full = (
        law.grow(gain, source, lengths, lines, loss, limit, share / share.sum())[:, 0, band] for limit in (at, 1e30)
    )
    below = np.flatnonzero(left < SATURATING * full)
    return float(np.interp(-SATURATING, -(left / full), lengths)) if below.size else None
