"""From the energy behind a moved edge to the radii of the focus."""

from __future__ import annotations

import datetime as dt
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from perovskite_meas.core.analysis import analysis
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.value import Value

from .figure import draw
from .fit import Array, Edge, fit_edge
from .result import KnifeEdgeResult

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

DARK, EDGE = 0, 1
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
    for axis, (position, ratio, sigma) in curves.items():
        problem = _problem(axis, position, ratio)
        if problem is None:
            fit = fit_edge(position, ratio, sigma, flat=False)
            off = float(np.sqrt(np.mean((ratio - fit.fit) ** 2))) / float(np.ptp(ratio))
            residual = max(residual, off)
            flat = fit_edge(position, ratio, sigma, flat=True) if position.size > FEWEST else fit
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


def _curves(data: xr.Dataset) -> dict[str, tuple[Array, Array, Array]]:
    """Return position (mm), ratio and its sigma by axis, dark subtracted."""
    missing = [name for name in knife_edge.needs if name not in data]
    if missing:
        raise AnalysisRefused(f"the data lack the column(s) {', '.join(missing)}, which knife_edge needs")
    column: dict[str, Any] = {name: np.asarray(data[name].values, np.float64) for name in knife_edge.needs}
    good = np.isfinite(column["ratio"]) & (column["ratio_sigma"] > 0)
    found = {}
    for number, axis in enumerate(AXES):
        here = good & (column["series"] == EDGE) & (column["axis"] == number)
        if here.any():
            found[axis] = (column["position"][here], column["ratio"][here], column["ratio_sigma"][here])
    if "x" not in found:
        raise AnalysisRefused("no rows of an edge along x; run KnifeEdge to its end")
    return found


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
