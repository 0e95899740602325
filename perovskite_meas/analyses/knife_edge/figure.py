"""The figure of a knife edge: the energy behind each edge with its fit, and what is left of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .result import KnifeEdgeResult


def draw(result: KnifeEdgeResult, figure: Figure) -> None:
    """Draw the result into an empty figure (8 x 4.5 inches suits)."""
    points = {name: np.asarray(values) for name, values in result.points.items()}
    axes = sorted({int(axis) for axis in points["axis"]})
    grid = figure.add_gridspec(
        2, len(axes), height_ratios=(2.6, 1), left=0.1, right=0.98, bottom=0.11, top=0.86, hspace=0.08, wspace=0.28
    )
    for place, axis in enumerate(axes):
        above = figure.add_subplot(grid[0, place])
        below = figure.add_subplot(grid[1, place], sharex=above)
        here = points["axis"] == axis
        order = np.argsort(points["position"][here])
        x, y, sigma, fit = (points[name][here][order] for name in ("position", "ratio", "sigma", "fit"))
        above.errorbar(x, y, sigma, fmt="o", color="#0072B2", ms=4, mfc="none")
        above.plot(x, fit, "-", color="black", lw=1)
        above.set(ylabel="energy behind the edge / before it")
        above.tick_params(labelbottom=False)
        below.errorbar(x, 100 * (y - fit) / float(y.max()), 100 * sigma / float(y.max()), fmt="o", color="#0072B2",
                       ms=4, mfc="none")  # fmt: skip
        below.axhline(0, color="black", lw=0.7)
        below.set(xlabel=f"edge along {'xy'[axis]} (mm)", ylabel="residual (%)")
    head = f"refused: {result.refused}" if result.refused else f"w_x {result.waist}"
    if result.waist_y is not None:
        head += f", w_y {result.waist_y}"
    figure.suptitle(f"Knife edge, 1/e² radii of the intensity\n{head}", x=0.1, ha="left", fontsize=10)
