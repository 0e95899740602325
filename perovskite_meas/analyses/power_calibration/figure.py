"""The figure of a power calibration: the attenuator's curve, and sample against pick-off with residuals."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .result import PowerCalibrationResult


def draw(result: PowerCalibrationResult, figure: Figure) -> None:
    """Draw the result into an empty figure (8 x 4.5 inches suits)."""
    points = {name: np.asarray(values) for name, values in result.points.items()}
    grid = figure.add_gridspec(
        2, 2, height_ratios=(2.6, 1), left=0.1, right=0.98, bottom=0.11, top=0.86, wspace=0.3, hspace=0.08
    )
    left, right = figure.add_subplot(grid[:, 0]), figure.add_subplot(grid[0, 1])
    below = figure.add_subplot(grid[1, 1], sharex=right)
    order = np.argsort(points["angle"])
    left.plot(points["angle"], points["sample"] * 1e6, "o", color="#0072B2", ms=4, mfc="none", label="sample head")
    left.plot(points["angle"][order], points["malus"][order] * 1e6, "-", color="black", lw=1, label="Malus")
    left.set(xlabel="half-wave plate (deg)", ylabel="power at the sample (µW)")
    left.legend(fontsize=8, frameon=False)
    offset = result.offset.nominal
    x, y = points["pickoff"] * 1e6, (points["sample"] - offset) * 1e6
    fitted = (points["line"] - offset) * 1e6
    good = (fitted >= result.range[0] * 1e6 * 0.999) & (y > 0) & (x > 0)
    right.plot(x[good], y[good], "o", color="#0072B2", ms=4, mfc="none")
    rising = np.argsort(x[good])
    right.plot(x[good][rising], fitted[good][rising], "-", color="black", lw=1)
    right.set(xscale="log", yscale="log", ylabel="sample - offset (µW)")
    right.tick_params(labelbottom=False)
    below.plot(x[good], 100 * (y / fitted - 1)[good], "o", color="#0072B2", ms=4, mfc="none")
    below.axhline(0, color="black", lw=0.7)
    below.set(xlabel="pick-off reading (µW)", ylabel="residual (%)")
    head = f"refused: {result.refused}" if result.refused else f"ratio {result.ratio}"
    figure.suptitle(f"Power calibration: {head}\nmaximum {result.maximum.to('uW')}", x=0.1, ha="left", fontsize=10)
