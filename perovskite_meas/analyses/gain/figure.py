"""The figure of a gain: emission against length, the gain by window, and its spectrum."""

from __future__ import annotations

from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .result import GainResult

_BLUE, _RED = "#0072B2", "#D55E00"
_SURE = 100.0
"""1/cm: bands whose gain is known worse are not drawn."""


def draw(result: GainResult, figure: Figure) -> None:
    """Draw the result into an empty figure (10 x 4.5 inches suits)."""
    grid = figure.add_gridspec(2, 2, left=0.09, right=0.98, bottom=0.12, top=0.85, wspace=0.26, hspace=0.5)
    left, window, spectrum = (
        figure.add_subplot(grid[:, 0]),
        figure.add_subplot(grid[0, 1]),
        figure.add_subplot(grid[1, 1]),
    )
    curve = {name: np.asarray(values) for name, values in result.curve.items()}
    inside = curve["inside"] > 0
    x = 10 * curve["length"]
    for keep, colour, word in ((inside, _BLUE, "in the window"), (~inside, "0.6", "left out")):
        if keep.any():
            left.errorbar(x[keep], curve["intensity"][keep], curve["sigma"][keep], fmt="o", ms=4, mfc="none",
                          color=colour, label=word)  # fmt: skip
    fine = inside | (curve["fit"] < 3 * curve["intensity"].max())
    left.plot(x[fine], curve["fit"][fine], "-", color="black", lw=1, label="law")
    if result.saturation_length is not None:
        left.axvline(10 * result.saturation_length.nominal, color="0.5", lw=0.8, ls="--", label="10 % saturated")
    left.set(yscale="log", xlabel="length of the stripe (mm)", ylabel="electrons per pulse in the band")
    left.legend(fontsize=8, frameon=False, loc="lower right")
    part = {name: np.asarray(values) for name, values in result.windows.items()}
    sure = part["sigma"] < max(_SURE, 3 * part["sigma"].min())
    for keep, colour in ((sure & (part["taken"] == 0), "0.6"), (part["taken"] > 0, _BLUE)):
        window.errorbar(10 * part["length"][keep], part["gain"][keep], part["sigma"][keep], fmt="o", ms=4, mfc="none",
                        color=colour)  # fmt: skip
    if result.net_gain is not None:
        low, high = (result.net_gain.nominal + side * result.net_gain.sigma for side in (-1, 1))
        window.axhspan(low, high, color="0.88", lw=0)
        window.axhline(result.net_gain.nominal, color="black", lw=0.8)
    window.set(xlabel="longest stripe of the window (mm)", ylabel="net gain (1/cm)")
    colours = {name: np.asarray(values) for name, values in result.spectrum.items()}
    good = colours["sigma"] < _SURE
    spectrum.errorbar(colours["wavelength"][good], colours["gain"][good], colours["sigma"][good], fmt="o-", ms=4,
                      mfc="none", color=_RED, lw=0.8)  # fmt: skip
    spectrum.axhline(0, color="black", lw=0.7)
    spectrum.set(xlabel="wavelength (nm)", ylabel="net gain (1/cm)")
    head = f"refused: {shorten(result.refused, 130)}" if result.refused else f"net gain {result.net_gain}"
    if result.fluence is not None and not result.refused:
        head += f" at {result.fluence.to('uJ/cm^2')}"
    if result.saturation_length is not None:
        head += f", saturation from {10 * result.saturation_length.nominal:.3g} mm on"
    figure.suptitle(f"Variable stripe\n{head}", x=0.09, ha="left", fontsize=10)
