"""What a reader must know: gates, refusals and doubts in words."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from perovskite_meas.analyses.pulses.rows import Rows
from perovskite_meas.analyses.pulses.setup import Setup
from perovskite_meas.core.value import Value

from .estimators import NAMES, Estimates
from .filters import Filters
from .fresh import Fresh
from .lasing import Lasing
from .reversibility import Reversal

JITTER = 0.10
ORDER = 0.1
POOR = 0.10
"""Relative rms that a law may leave."""
POOR_CHI2 = 2.0


def notes(
    rows: Rows,
    setup: Setup,
    found: Estimates,
    filters: Filters,
    back: Reversal,
    fresh: Fresh,
    emission: Lasing,
    jitter: float,
    order: Value | None,
) -> list[str]:
    """Return the notes of a result."""
    said = [f"{name}: {reason}" for name, reason in found.refused.items()]
    said += [*_unstated(setup, found), *_fits(found), *_filters(filters, rows), *back.changes]
    if back.verdict == "irreversible":
        said.append("the film changed under the light: estimators use the rows going up alone")
    if not (rows.series == "down").any():
        said.append("no sweep going down: whether the film came back is not known")
    if fresh.scatter is None:
        said.append("fewer than two fresh spots: how the threshold differs from place to place is not known")
    said += _crowded(rows, setup)
    if not rows.paired.any() and jitter > JITTER:
        said.append(
            f"pulses scatter by {jitter:.0%} and were not recorded one by one: laws are averaged over their energies"
        )
    if order is not None and abs(order.nominal - setup.photons) > max(ORDER, 3.0 * order.sigma):
        said.append(f"the exponent of <N> is {order}, not {setup.photons}: is this the excitation that was meant?")
    if emission.verdict == "lasing":
        said.append("resolved modes: this film lases, and its threshold is one of a laser, not of amplified emission")
    return said


def _crowded(rows: Rows, setup: Setup) -> list[str]:
    lit = rows.series != "dark"
    places = sorted(float(np.median(rows.across[lit & (rows.spot == spot)])) for spot in np.unique(rows.spot[lit]))
    apart = min(np.diff(places), default=math.inf)
    if setup.radius is None or apart >= 2.0 * setup.radius:
        return []
    return [
        f"spots lie {apart:.3g} um apart, less than two radii of the focus ({setup.radius:.3g} um): a fresh one has "
        "taken light before"
    ]


def misfits(found: Estimates) -> dict[str, float]:
    """Return the relative rms of what each law leaves."""
    laws = {"soft_knee": found.knee, "segmented": found.pieces}
    if found.gain is not None:
        laws["gain_model"] = found.gain.best
    return {name: fit.misfit() for name, fit in laws.items() if name in found.ln}


def _fits(found: Estimates) -> list[str]:
    said = [
        f"{name} misses the emission by {rms:.0%} rms: a definition of the threshold, and no law of this film"
        for name, rms in misfits(found).items()
        if rms > POOR
    ]
    if found.gain is not None and found.gain.chi2 > POOR_CHI2:
        said.append(f"gain_model leaves {found.gain.chi2:.1f} of squares per degree of freedom: this film is another")
    return said


def _unstated(setup: Setup, found: Estimates) -> list[str]:
    if found.gain is None:
        return []
    said = []
    if setup.optical_depth is None:
        said.append("sample.expect.optical_depth is not stated: assumed, and its sigma booked in gain_model")
    if setup.profile is None:
        said.append("spot.profile is not stated: Gaussian assumed, the difference to a top hat booked in gain_model")
    if setup.charged is None:
        said.append("sample.expect.charged_fraction is not stated: neutral nanocrystals assumed in gain_model")
    if not setup.loss_stated:
        said.append(f"sample.expect.loss is not stated: {setup.loss} assumed in gain_model")
    if not setup.length_stated:
        said.append(f"the length of the stripe is not stated: {setup.length} assumed in gain_model")
    return said


def _filters(filters: Filters, rows: Rows) -> list[str]:
    if len(filters.steps) < 2:
        return []
    if not filters.compared:
        return ["filters were changed, but no setting was seen through two of them: stated transmissions are used"]
    worst = max(zip(filters.steps, filters.correction, strict=True), key=lambda one: abs(one[1]))
    if abs(worst[1]) > 0.05:
        stated = float(rows.transmission[rows.step == worst[0]].max())
        return [f"the filter of transmission {stated:g} is off by {-worst[1]:+.1%}; corrected"]
    return []


def summary(values: Mapping[str, Value], found: Estimates, flags: Mapping[str, str]) -> tuple[str, ...]:
    """Return one line per estimator."""
    lines = []
    for name in NAMES:
        if name not in values:
            lines.append(f"{name}: refused, {found.refused.get(name, 'no value')}")
            continue
        value = values[name]
        flag = f", {flags[name]}" if name in flags else ""
        stat = (value.statistical or 0.0) / value.nominal
        lines.append(f"{name}: {value}, statistical {stat:.1%}, with law and film {found.own(name):.1%}{flag}")
    return tuple(lines)


def verdict(
    primary: str,
    values: Mapping[str, Value],
    found: Estimates,
    back: Reversal,
    emission: Lasing,
    flags: Mapping[str, str],
    spread: float,
) -> str:
    """Return the line that says what was found."""
    value = values.get(primary)
    if value is None:
        head = f"no threshold by {primary}: {found.refused.get(primary, 'refused')}"
    else:
        head = f"{primary.replace('_', ' ')} at {value}" + (" (ill-conditioned)" if primary in flags else "")
    apart = f"; {len(values)} estimators spread by {spread:.0%}" if len(values) > 1 else ""
    lases = {"ASE": "amplified spontaneous emission", "lasing": "lasing"}.get(emission.verdict, "ASE or lasing: open")
    return f"{head}{apart}; {lases}; {back.verdict}"
