"""The figure of the fine structure: spectra by angle of the analyser with their lines, and a polar plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .result import FineStructureResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73")
GREY = "#7F7F7F"


def draw(result: FineStructureResult, figure: Figure) -> None:
    """Draw the result into an empty figure of any size (9 x 5.5 inches suits)."""
    grid = figure.add_gridspec(1, 2, width_ratios=(1.4, 1), left=0.075, right=0.97, bottom=0.1, top=0.86, wspace=0.2)
    _spectra(figure.add_subplot(grid[0, 0]), result)
    if result.polar and result.angles:
        _polar(figure.add_subplot(grid[0, 1], projection="polar"), result)
    else:
        _empty(figure.add_subplot(grid[0, 1]), "fewer than three angles\nof the analyser")
    gaps = ", ".join(f"{value}" for value in result.splittings)
    head = f"{result.n_lines} line(s) at {result.energy}" + (f", splittings {gaps}" if gaps else "")
    figure.suptitle(
        f"Fine structure: {head}\n{result.verdict}; homogeneous width {result.linewidth}", x=0.075, y=0.985, ha="left",
        va="top", fontsize=10,
    )  # fmt: skip


def _spectra(axes: Axes, result: FineStructureResult) -> None:
    shown = {name: np.asarray(value) for name, value in result.spectra.items()}
    top = float(shown["counts"].max())
    for k, angle in enumerate(shown["angle"]):
        base = k * 0.6 * top
        axes.plot(shown["energy"], shown["counts"][k] + base, ".", color="black", ms=3)
        axes.plot(shown["energy"], shown["model"][k] + base, color=GREY, lw=1.0)
        for part, colour in zip(shown["parts"][k], COLOURS, strict=False):
            axes.fill_between(shown["energy"], base, part + base, color=colour, alpha=0.25, lw=0)
        label = "no analyser" if angle < 0 else f"{angle:.0f}°"
        axes.annotate(label, (shown["energy"][2], base + 0.06 * top), fontsize=8)
    for place, colour in zip(shown["lines"], COLOURS, strict=False):
        axes.axvline(place, color=colour, lw=0.7, ls=":")
    axes.set_xlabel(f"energy − {result.energy.nominal:.4f} eV (meV)", fontsize=8)
    axes.set_ylabel("electrons per pixel, shifted by angle", fontsize=8)
    axes.set_title(f"χ²/dof = {result.chi2_reduced:.2f}, {result.frames} frames", fontsize=8, loc="left", pad=4)
    axes.tick_params(labelsize=8, direction="in")


def _polar(axes: Any, result: FineStructureResult) -> None:
    polar = result.polar
    angle = np.radians(np.asarray(polar["angle"]))
    for i, colour in zip(range(result.n_lines), COLOURS, strict=False):
        light, sigma = np.asarray(polar["light"][i]), np.asarray(polar["sigma"][i])
        for turned in (angle, angle + np.pi):
            axes.errorbar(turned, light, yerr=sigma, fmt="o", color=colour, ms=4, mfc="none")
        if len(polar["law"][i]):
            axes.plot(np.radians(polar["grid"]), polar["law"][i], color=colour, lw=1.1, label=f"line {i + 1}")
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=7)
    axes.legend(fontsize=7, loc="lower left", bbox_to_anchor=(-0.12, -0.1), frameon=False)
    text = ", ".join(f"{value.nominal:.0f}±{value.sigma:.0f}°" for value in result.angles)
    axes.set_title(f"light against analyser: {text}", fontsize=8, pad=12)


def _empty(axes: Axes, why: str) -> None:
    axes.annotate(why, (0.5, 0.5), xycoords="axes fraction", ha="center", va="center", fontsize=8, color=GREY)
    axes.set(xticks=[], yticks=[])
