"""From the energy behind a moved edge to the radii of the focus."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from perovskite_meas.core.analysis import analysis, condition, fact
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from .figure import draw
from .fit import Array, Edge, Mask, fit_edge
from .result import KnifeEdgeResult

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

EDGE, OPEN = 1, 2
MISFIT = 3.0
"""chi2 per degree of freedom from which the fit is spoken of."""
DISAGREE = 4.0
"""Sigmas by which the heads may disagree on the open beam."""
FEWEST = 7
"""Positions per axis needed for a height, a floor, a centre, a radius, and something left over."""
LARGEST_RESIDUAL = 0.05
"""Rms about the fit over the full energy, above which no Gaussian radius is claimed. Source: gate of the field."""
LEAST_CUT = 0.7
"""Share of the energy that the positions must span: with less, height and radius cannot be told apart."""
WITHIN = 3
"""Least number of positions at which the edge cuts between 5 % and 95 % of the energy."""
FLAT_GAIN = 25.0
"""chi2 by which a flat top must fit better than a Gaussian to be spoken of."""
AXES = ("x", "y")


@analysis(needs={"series": "1", "axis": "1", "position": "mm", "ratio": "1", "ratio_sigma": "1"})
def knife_edge(data: xr.Dataset) -> KnifeEdgeResult:
    """Return the 1/e^2 radii of the focus along the axes of one or two edges.

    The energy behind the edge over the energy before it, in which the jitter of the pulses cancels, is an error
    function of the edge's position. Source: Khosrofian and Garetz, Appl. Opt. 22, 3406 (1983).

    Raises:
        AnalysisRefused: a column is missing, or no axis has rows enough.
    """
    curves = _curves(data)
    notes: list[str] = []
    fits: dict[str, Edge] = {}
    refused = None
    residual = 0.0
    top_hat: dict[str, Value] = {}
    misfit = 0.0
    for axis, (position, ratio, sigma, limit) in curves.items():
        problem = _problem(axis, position, ratio)
        if problem is None:
            fit = fit_edge(position, ratio, sigma, limit, flat=False)
            off = float(np.sqrt(np.mean((ratio - fit.fit)[~limit] ** 2))) / float(np.ptp(ratio))
            residual, misfit = max(residual, off), max(misfit, fit.chi2 / fit.spare)
            flat = fit_edge(position, ratio, sigma, limit, flat=True) if position.size > FEWEST else fit
            if fit.chi2 - flat.chi2 > FLAT_GAIN and flat.flat > 2 * flat.sigma_flat:
                top_hat[axis] = Value(1e3 * flat.flat, 1e3 * flat.sigma_flat, "um")
                notes.append(
                    f"along {axis} a flat top of {1e3 * flat.flat:.3g} um fits better than a Gaussian: the peak "
                    "fluence 2E/(pi w_x w_y) of the radius given is too high"
                )
            if off > LARGEST_RESIDUAL:
                problem = f"the curve along {axis} is off its fit by {off:.1%} rms of the full energy, more than 5 %"
            fits[axis] = fit
        refused = refused or problem
    if misfit > MISFIT:
        notes.append(
            f"the curves are off their fits by more than their noise (chi2 per degree of freedom {misfit:.1f}): the "
            "beam is not quite a Gaussian, or moved"
        )
    weak = sum(int(limit.sum()) for *_, limit in curves.values())
    if weak:
        notes.append(f"at {weak} positions the head behind the edge saw nothing: taken as upper limits")
    if (opened := _opened(data)) is not None:
        notes.append(opened)
    if "y" not in curves:
        notes.append("no edge was moved along y: the spot is taken as round")
    points = {
        "axis": np.concatenate([np.full(c[0].size, AXES.index(a)) for a, c in curves.items()]),
        "position": np.concatenate([c[0] for c in curves.values()]),
        "ratio": np.concatenate([c[1] for c in curves.values()]),
        "sigma": np.concatenate([c[2] for c in curves.values()]),
        "fit": np.concatenate([fits[a].fit if a in fits else np.full(c[0].size, np.nan) for a, c in curves.items()]),
    }
    sure = {} if refused else fits
    waists = {axis: Value(1e3 * fit.waist, 1e3 * fit.sigma_waist, "um") for axis, fit in sure.items()}
    centres = {axis: Value(fit.centre, fit.sigma_centre, "mm") for axis, fit in sure.items()}
    return KnifeEdgeResult(
        waist=waists.get("x"),
        waist_y=waists.get("y"),
        centre=centres.get("x"),
        centre_y=centres.get("y"),
        ellipticity=_over(waists.get("x"), waists.get("y")),
        residual=residual,
        misfit=misfit,
        top_hat=top_hat,
        refused=refused,
        points=points,
        date=str(data.attrs.get("started") or dt.datetime.now().astimezone().date().isoformat())[:10],
        notes=tuple(notes),
    )


@knife_edge.figure
def plot(data: xr.Dataset, result: KnifeEdgeResult, figure: Figure) -> None:
    """Draw the energy behind each edge with its fit, and what is left."""
    draw(result, figure)


def _curves(data: xr.Dataset) -> dict[str, tuple[Array, Array, Array, Mask]]:
    """Return by axis position (mm), ratio, its sigma, and whether that is an upper limit alone."""
    missing = [name for name in knife_edge.needs if name not in data]
    if missing:
        raise AnalysisRefused(f"the data lack the column(s) {', '.join(missing)}, which knife_edge needs")
    column: dict[str, Any] = {name: np.asarray(data[name].values, np.float64) for name in knife_edge.needs}
    good = np.isfinite(column["ratio"]) & (column["ratio_sigma"] > 0)
    shots, seen = (np.asarray(data[name].values, np.float64) if name in data else np.ones(good.size)
                   for name in ("shots", "seen"))  # fmt: skip
    # Pulses that some bursts lack are the weaker ones: the mean of the others is none.
    good &= (seen >= shots) | (seen <= 0)
    found = {}
    for number, axis in enumerate(AXES):
        here = good & (column["series"] == EDGE) & (column["axis"] == number)
        if here.any():
            found[axis] = (column["position"][here], column["ratio"][here], column["ratio_sigma"][here],
                           seen[here] <= 0)  # fmt: skip
    if "x" not in found:
        raise AnalysisRefused("no rows of an edge along x; run KnifeEdge to its end")
    return found


def _opened(data: xr.Dataset) -> str | None:
    """Return what is wrong where the two heads do not agree on the open beam."""
    opened = np.asarray(data["ratio"].values, np.float64)[np.asarray(data["series"].values) == OPEN]
    if not opened.size:
        return None
    known = [("energy_at_sample.ratio", True), ("meter.accuracy", False), ("sample_meter.accuracy", False)]
    parts = []
    for name, relative in known:
        if fact(data, name) is not None:
            value = condition(data, name, "1")
            parts.append(value.relative if relative else value.nominal)
    sigma = math.hypot(0.01, *parts)
    if abs(float(opened.mean()) - 1) <= DISAGREE * sigma:
        return None
    return (
        f"behind the open beam the head reads {float(opened.mean()):.3g} of what the pick-off says, where 1 +- "
        f"{sigma:.2g} is stated: see the calibration energy_at_sample and the range of the head"
    )


def _problem(axis: str, position: Array, ratio: Array) -> str | None:
    places = np.unique(np.round(position, 6)).size
    if places < FEWEST:
        return f"{places} positions along {axis}; a radius needs at least {FEWEST}"
    high = float(ratio.max())
    if not high > 0 or float(ratio.min()) > (1 - LEAST_CUT) * high:
        return (
            f"the edge along {axis} takes away no more than {1 - float(ratio.min()) / high if high else 0:.0%} of the "
            f"energy; move it over a longer way, until it cuts at least {LEAST_CUT:.0%}"
        )
    inside = np.count_nonzero((ratio > 0.05 * high) & (ratio < 0.95 * high))
    if inside < WITHIN:
        return (
            f"the edge along {axis} cuts the beam at {inside} positions alone: the spot is narrower than the steps of "
            f"{1e3 * float(np.min(np.diff(np.unique(position)))):.3g} um; take finer ones"
        )
    return None


def _over(one: Value | None, other: Value | None) -> Value | None:
    if one is None or other is None:
        return None
    ratio = one.nominal / other.nominal
    return Value(ratio, ratio * math.hypot(one.relative, other.relative), "1")
