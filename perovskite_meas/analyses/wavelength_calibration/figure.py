"""The figure of a wavelength calibration: the lamp's spectrum with its lines, and what is left about the axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .result import WavelengthCalibrationResult


def draw(result: WavelengthCalibrationResult, figure: Figure) -> None:
    """Draw the result into an empty figure (8 x 4.5 inches suits)."""
    spectrum = {name: np.asarray(values) for name, values in result.spectrum.items()}
    lines = {name: np.asarray(values) for name, values in result.lines.items()}
    grid = figure.add_gridspec(2, 1, height_ratios=(2.2, 1), left=0.11, right=0.98, bottom=0.11, top=0.86, hspace=0.08)
    above = figure.add_subplot(grid[0])
    below = figure.add_subplot(grid[1], sharex=above)
    floor = max(1.0, 0.5 * float(np.median(np.abs(spectrum["counts"]))))
    above.plot(spectrum["pixel"], np.maximum(spectrum["counts"], floor), "-", color="#0072B2", lw=0.8)
    above.set(yscale="log", ylabel="counts")
    above.tick_params(labelbottom=False)
    known = lines["wavelength"] > 0 if lines["wavelength"].size else np.zeros(0, bool)
    top = float(spectrum["counts"].max())
    for pixel, nm, element in zip(
        lines["pixel"][known], lines["wavelength"][known], lines["element"][known], strict=True
    ):
        above.annotate(
            f"{element} {nm:.4f}", (pixel, top), fontsize=7, rotation=90, ha="right", va="top", color="#D55E00"
        )
    below.errorbar(
        lines["pixel"][known],
        lines["residual"][known],
        lines["sigma"][known],
        fmt="o",
        color="#0072B2",
        ms=4,
        mfc="none",
    )
    below.axhline(0, color="black", lw=0.7)
    below.set(xlabel="pixel", ylabel="line - axis (px)")
    if result.refused or result.offset is None or result.dispersion is None:
        head = f"refused: {result.refused}"
    else:
        head = f"offset {result.offset}, dispersion {result.dispersion}"
    figure.suptitle(f"Wavelength calibration, {result.n_lines} lines\n{head}", x=0.11, ha="left", fontsize=9)
