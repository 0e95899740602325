"""The figure of a saturation run: counts against power, residuals, estimators, and what limits sigma2."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.value import Value

from .result import SaturationResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STYLES: Mapping[str, tuple[str, str, str]] = {
    "up": ("^", "#0072B2", "up"),
    "down": ("v", "#D55E00", "down"),
    "reference": ("D", "#009E73", "reference"),
    "return": ("s", "#CC79A7", "return"),
    "off_emitter": ("x", "#7F7F7F", "off emitter"),
}
"""Marker, colour (Okabe and Ito) and label by series."""
CAUSES = {
    "power": "power",
    "spot": "spot size",
    "pulse_duration": "pulse duration",
    "centring": "centring",
    "pulse_energy": "pulse energy",
    "meter_zero": "meter zero",
    "dead_time": "dead time",
    "ladder_law": "ladder law",
    "lifetime": "lifetime",
    "one_photon": "one-photon leak",
}


def draw(result: SaturationResult, figure: Figure) -> None:
    """Draw the result into an empty figure of any size (8 x 5.5 inches suits)."""
    points = {name: np.asarray(values) for name, values in result.points.items()}
    grid = figure.add_gridspec(
        2, 2, width_ratios=(2.1, 1), height_ratios=(2.6, 1),
        left=0.09, right=0.985, bottom=0.1, top=0.84, wspace=0.42, hspace=0.08,
    )  # fmt: skip
    main = figure.add_subplot(grid[0, 0])
    below = figure.add_subplot(grid[1, 0], sharex=main)
    right = grid[:, 1].subgridspec(2, 1, hspace=0.5)
    unit = _saturation_power(result)
    _counts(main, points, result, unit)
    _residuals(below, points)
    _estimators(figure.add_subplot(right[0]), result)
    _budget(figure.add_subplot(right[1]), result)
    figure.suptitle(_title(result), x=0.09, y=0.985, ha="left", va="top", fontsize=10)


def _saturation_power(result: SaturationResult) -> float:
    """Return the power in uW with <N> = 1, from the points (whatever power has N = 1 on the fitted law)."""
    x = np.asarray(result.points["mean_excitations"])
    p = np.asarray(result.points["power"])
    on = x > 0
    return float(np.exp(np.mean(np.log(p[on] * 1e6) - 0.5 * np.log(x[on]))))


def _title(result: SaturationResult) -> str:
    shown = result.cross_section
    head = (
        "no cross-section claimed"
        if shown is None
        else f"$\\sigma_2$ = {_gm(shown)} ({result.convention.replace('_', ' ')})"
    )
    text = result.verdict if len(result.verdict) < 110 else result.verdict[:107] + "..."
    return f"Two-photon saturation: {head}\n{text}"


def _gm(value: Value) -> str:
    exponent = math.floor(math.log10(abs(value.nominal)))
    scale = 10.0**exponent

    def part(number: float | None) -> str:
        return f"{(number or 0.0) / scale:.2f}"

    return (
        f"({part(value.nominal)} ± {part(value.statistical)} stat ± {part(value.systematic)} syst)"
        f"$\\times10^{{{exponent}}}$ GM"
    )


def _counts(axes: Axes, points: Mapping[str, npt.NDArray[Any]], result: SaturationResult, unit: float) -> None:
    for series, (marker, colour, label) in STYLES.items():
        own = points["series"] == series
        if not own.any():
            continue
        power = points["power"][own] * 1e6
        raw = "raw counts" if series == "up" else None
        axes.plot(power, points["raw_rate"][own], ".", color=colour, ms=2.5, alpha=0.6, zorder=5, label=raw)
        if series == "off_emitter":
            axes.plot(power, points["raw_rate"][own], marker, color=colour, ms=4, mew=0.9, label=label, zorder=3)
            continue
        good = own & (points["signal"] > 0)
        axes.errorbar(
            points["power"][good] * 1e6, points["signal"][good], yerr=points["sigma"][good], fmt=marker,
            color=colour, ms=4.5, mfc="none", mew=1.0, elinewidth=0.8, label=label, zorder=4,
        )  # fmt: skip
    curve = {name: np.asarray(values, dtype=np.float64) for name, values in result.curve.items()}
    axes.plot(curve["power"] * 1e6, curve["signal"], "-", color="black", lw=1.1, label="model, zero dose", zorder=3)
    dark = points["raw_rate"][points["series"] == "dark"].mean()
    floor = np.clip(curve["background"], 0, None) + dark
    axes.plot(curve["power"] * 1e6, floor, "--", color="#7F7F7F", lw=1.0, label="background + dark")
    guide = curve["signal"][0] * (curve["power"] / curve["power"][0]) ** 2
    axes.plot(curve["power"] * 1e6, guide, ":", color="black", lw=0.9, label="slope 2")
    axes.axvline(unit, color="black", lw=0.7, alpha=0.6)
    axes.annotate(
        f"$\\langle N\\rangle$ = 1\n{result.saturation_fluence.nominal * 1e3:.3g} mJ/cm$^2$",
        (unit, 0.03), xycoords=("data", "axes fraction"), xytext=(4, 0), textcoords="offset points", fontsize=7.5,
    )  # fmt: skip
    axes.set(xscale="log", yscale="log", ylabel="count rate (cps)")
    lowest = points["raw_rate"][points["series"] != "dark"].min()
    axes.set_ylim(max(min(lowest, curve["signal"][0]), 0.1) / 2, curve["signal"].max() * 12)
    axes.tick_params(labelbottom=False, labelsize=8, which="both", direction="in", right=True)
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(handles, labels, loc="upper left", fontsize=7, frameon=False, ncols=3)
    top = axes.secondary_xaxis("top", functions=(lambda p: np.square(p) / unit**2, lambda x: unit * np.sqrt(np.abs(x))))
    top.set_xlabel("mean excitations per pulse $\\langle N\\rangle$", fontsize=8)
    top.tick_params(labelsize=8, direction="in", which="both")


def _residuals(axes: Axes, points: Mapping[str, npt.NDArray[Any]]) -> None:
    axes.axhspan(-1, 1, color="#7F7F7F", alpha=0.18, lw=0)
    axes.axhline(0, color="black", lw=0.7)
    for series, (marker, colour, _) in STYLES.items():
        own = points["series"] == series
        axes.plot(points["power"][own] * 1e6, points["residual"][own], marker, color=colour, ms=3.5, mfc="none")
    reach = max(3.5, float(np.abs(points["residual"]).max()) * 1.1)
    axes.set(xlabel="average power at the sample (µW)", ylabel="residual (σ)", ylim=(-reach, reach))
    axes.tick_params(labelsize=8, which="both", direction="in", top=True, right=True)


def _estimators(axes: Axes, result: SaturationResult) -> None:
    names = list(result.estimators)
    best = result.estimators["full_model"]
    for k, name in enumerate(names):
        value = result.estimators[name]
        colour = "#0072B2" if name == "full_model" else ("#D55E00" if name == "cw_hyperbola" else "#5A5A5A")
        axes.errorbar(
            value.nominal / best.nominal, k, xerr=value.sigma / best.nominal, fmt="o", color=colour, ms=4, capsize=2
        )
    axes.axvspan(1 - best.relative, 1 + best.relative, color="#0072B2", alpha=0.12, lw=0)
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names], fontsize=7.5)
    axes.invert_yaxis()
    axes.set_xlabel("$\\sigma_2$ / full model (statistical)", fontsize=8)
    axes.tick_params(axis="x", labelsize=8, direction="in")


def _budget(axes: Axes, result: SaturationResult) -> None:
    best = result.estimators["full_model"]
    parts = {"statistical": (best.statistical or 0.0) / best.nominal}
    parts |= {CAUSES.get(name, name): part for name, part in result.systematics.items()}
    names = sorted(parts, key=lambda name: parts[name])
    widths = [100 * parts[name] for name in names]
    colours = ["#0072B2" if name == "statistical" else "#E69F00" for name in names]
    axes.barh(range(len(names)), widths, color=colours, height=0.65)
    axes.set_yticks(range(len(names)), names, fontsize=7.5)
    axes.set_xlabel("relative σ of $\\sigma_2$ (%)", fontsize=8)
    axes.tick_params(axis="x", labelsize=8, direction="in")
