"""The figure of a fluence sweep: spectra, input against output with every estimator, width, up against down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .result import ThresholdResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {
    "soft_knee": "#0072B2",
    "segmented": "#009E73",
    "linear_intercept": "#E69F00",
    "narrowing": "#CC79A7",
    "gain_model": "#D55E00",
}
"""By estimator, after Okabe and Ito."""
SCALE = ("energy", "zero", "spot", "spot_to_spot", "damage")
GREY = "#7F7F7F"
SHADES = "magma"
UNITS = ((1e-6, "nJ/cm²", 1e9), (1e-3, "µJ/cm²", 1e6), (1.0, "mJ/cm²", 1e3), (np.inf, "J/cm²", 1.0))

Array = npt.NDArray[np.float64]


def draw(result: ThresholdResult, figure: Figure) -> None:
    """Draw the result into an empty figure of any size (10 x 6.5 inches suits)."""
    grid = figure.add_gridspec(
        2, 2, left=0.075, right=0.985, bottom=0.085, top=0.865, wspace=0.24, hspace=0.34, height_ratios=(1.1, 1)
    )
    spectra_against_fluence(figure.add_subplot(grid[0, 0]), result)
    input_output(figure.add_subplot(grid[0, 1]), result)
    width_against_fluence(figure.add_subplot(grid[1, 0]), result)
    up_and_down(figure.add_subplot(grid[1, 1]), result)
    figure.suptitle(_title(result), x=0.075, y=0.985, ha="left", va="top", fontsize=9)


def spectra_against_fluence(axes: Axes, result: ThresholdResult) -> None:
    """Draw the spectra going up, each over its maximum, as a colour map."""
    shown = _columns(result.spectra)
    scale, unit = _unit(result)
    fluence, order = shown["fluence"] * scale, np.argsort(shown["wavelength"])
    edges = _edges(np.log(fluence)) if fluence.size > 1 else np.log(fluence[0]) + np.array([-0.1, 0.1])
    mesh = axes.pcolormesh(
        _edges(shown["wavelength"][order]), np.exp(edges), np.clip(shown["emission"][:, order], 0, 1), cmap=SHADES,
        vmin=0, vmax=1, rasterized=True,
    )  # fmt: skip
    bar = axes.figure.colorbar(mesh, ax=axes, pad=0.02, fraction=0.05)
    bar.ax.tick_params(labelsize=7)
    if result.threshold is not None:
        axes.axhline(result.threshold.nominal * scale, color="white", lw=1.0, ls="--")
    axes.set(yscale="log", xlabel="wavelength (nm)", ylabel=f"fluence ({unit})")
    axes.set_title("spectra over their maximum, going up", fontsize=8.5, loc="left")
    _plain(axes, "y", np.exp(edges))


def input_output(axes: Axes, result: ThresholdResult) -> None:
    """Draw emission against fluence with the laws, and every estimator as a mark with both of its sigmas."""
    points, curves = _columns(result.points), _columns(result.curves)
    scale, unit = _unit(result)
    axes.errorbar(
        points["fluence"] * scale, points["emission"], yerr=points["sigma"], fmt="o", color=GREY, ms=2.6, mew=0,
        elinewidth=0.6, zorder=2, label="measured",
    )  # fmt: skip
    x = curves["fluence"] * scale
    for name, style in (("soft_knee", "-"), ("segmented", "--"), ("gain_model", ":")):
        if name in curves:
            axes.plot(x, curves[name], style, color=COLOURS[name], lw=1.3, zorder=3)
    if np.isfinite(result.slope_log):
        dim = x < np.quantile(x, 0.4)
        guide = curves["soft_knee"][0] * (x / x[0]) ** result.slope_log
        axes.plot(x[dim], 0.55 * guide[dim], color="black", lw=0.8)
        axes.annotate(f"slope {result.slope_log:.2f}", (x[dim][-1], 0.5 * guide[dim][-1]), fontsize=7, va="top")
    good = points["emission"][points["emission"] > 0]
    low, high = float(np.quantile(good, 0.02)) / 2.5, float(good.max()) * 2.0
    for k, (name, value) in enumerate(result.thresholds.items()):
        at, sigma, total = value.nominal * scale, _own(result, name) * scale, value.sigma * scale
        axes.axvline(at, color=COLOURS[name], lw=0.8, alpha=0.6, zorder=1)
        height = high / (high / low) ** (0.05 + 0.075 * k)
        ill = " (ill-conditioned)" if name in result.flags else ""
        text = f"{name.replace('_', ' ')} {at:.3g} ± {total:.2g} {unit}{ill}"
        axes.errorbar([at], [height], xerr=[total], fmt="none", color=COLOURS[name], elinewidth=0.7, zorder=5)
        axes.errorbar([at], [height], xerr=[sigma], fmt="D", ms=4, color=COLOURS[name], capsize=2, label=text, zorder=5)
    for k, (name, value) in enumerate(result.naive.items()):
        label = "the same by set points (naive)" if k == 0 else None
        axes.plot([value.nominal * scale], [low * 1.4], "x", color=COLOURS[name], ms=5, mew=1.3, label=label, zorder=5)
    axes.set(xscale="log", yscale="log", xlabel=f"incident peak fluence ({unit})", ylabel="electrons per pulse")
    axes.set_ylim(low, high)
    axes.legend(fontsize=6.8, frameon=False, loc="center left", bbox_to_anchor=(0.0, 0.68))
    axes.set_title("caps: statistical, law and film; thin bars: total", fontsize=8.5, loc="left")
    _plain(axes, "x", x)


def width_against_fluence(axes: Axes, result: ThresholdResult) -> None:
    """Draw the width of the spectra with the fitted step."""
    points, curves = _columns(result.points), _columns(result.curves)
    scale, unit = _unit(result)
    seen = points["width_sigma"] < 0.5 * points["width"]
    axes.errorbar(
        points["width_fluence"][seen] * scale, points["width"][seen], yerr=points["width_sigma"][seen], fmt="o",
        color=GREY, ms=2.6, mew=0, elinewidth=0.6,
    )  # fmt: skip
    x = curves["fluence"] * scale
    axes.plot(x, curves["width"], "-", color=COLOURS["narrowing"], lw=1.3)
    if "narrowing" in result.thresholds:
        value = result.thresholds["narrowing"].nominal * scale
        axes.axvline(value, color=COLOURS["narrowing"], lw=0.8)
        axes.annotate(f"{value:.3g} {unit}", (value, result.linewidth_below.nominal), xytext=(3, 0), fontsize=7.5,
                      textcoords="offset points", color=COLOURS["narrowing"])  # fmt: skip
    axes.set(xscale="log", xlabel=f"incident peak fluence ({unit})", ylabel="width (meV)")
    axes.set_ylim(0, 1.25 * max(float(np.nanmax(curves["width"])), 1.0))
    axes.set_title(
        f"{result.linewidth_below.nominal:.3g} meV below, {result.linewidth_above.nominal:.3g} above: {result.lasing}",
        fontsize=8.5, loc="left",
    )  # fmt: skip
    _plain(axes, "x", x)


def up_and_down(axes: Axes, result: ThresholdResult) -> None:
    """Draw emission over the law of the whole sweep, going up and going down."""
    scale, unit = _unit(result)
    drawn = False
    for name, marker, colour in (("up", "^", "#0072B2"), ("down", "v", "#D55E00")):
        part = _columns(result.points[name])
        if not part or not part["fluence"].size:
            continue
        axes.errorbar(
            part["fluence"] * scale, part["emission"] / part["model"], yerr=part["sigma"] / part["model"], fmt=marker,
            color=colour, ms=3.2, mfc="none", mew=0.9, elinewidth=0.6, label=name,
        )  # fmt: skip
        drawn = True
    axes.axhline(1.0, color="black", lw=0.7)
    axes.set(xscale="log", xlabel=f"incident peak fluence ({unit})", ylabel="emission / soft-knee law", ylim=(0.5, 1.6))
    parts = [result.reversible]
    if result.signal_ratio is not None:
        parts.append(f"down/up {result.signal_ratio}")
    if result.return_ratio is not None:
        parts.append(f"return {result.return_ratio}")
    axes.set_title(", ".join(parts), fontsize=8.5, loc="left")
    if drawn:
        axes.legend(fontsize=7.5, frameon=False, loc="lower left", ncols=2)
    _plain(axes, "x", _columns(result.curves)["fluence"] * scale)


def _title(result: ThresholdResult) -> str:
    text = result.verdict if len(result.verdict) < 140 else result.verdict[:137] + "..."
    order = "" if result.order is None else f"order {result.order} (n = {result.photons}), "
    return (
        f"Threshold of amplified emission: {text}\n{order}recorded {result.recording}, energies scatter by "
        f"{result.energy_jitter:.0%}, {result.collection[:45]}"
    )


def _own(result: ThresholdResult, name: str) -> float:
    """Return the sigma of an estimator without the scale of the fluences and without other spots, in J/cm^2."""
    value = result.thresholds[name]
    own = [part for cause, part in result.systematics[name].items() if cause not in SCALE]
    return float(np.hypot(value.statistical or 0.0, value.nominal * float(np.linalg.norm(own))))


def _unit(result: ThresholdResult) -> tuple[float, str]:
    middle = float(np.median(np.asarray(result.points["fluence"])))
    return next((factor, name) for limit, name, factor in UNITS if middle < limit)


def _edges(values: Array) -> Array:
    inner = (values[1:] + values[:-1]) / 2
    return np.concatenate([[2 * values[0] - inner[0]], inner, [2 * values[-1] - inner[-1]]])


def _columns(values: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
    return {name: np.asarray(value) for name, value in values.items() if not isinstance(value, Mapping)}


def _plain(axes: Axes, which: str, values: Array) -> None:
    """Write numbers and not powers of ten along an axis of about a decade."""
    low, high = float(np.min(values)), float(np.max(values))
    ticks = [m * 10.0**k for k in range(-3, 5) for m in (1, 2, 5) if low <= m * 10.0**k <= high]
    if high / low < 12:
        ticks = [m * 10.0**k for k in range(-3, 5) for m in (1, 1.5, 2, 3, 4, 5, 6, 8) if low <= m * 10.0**k <= high]
    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_ticks(ticks, [f"{tick:g}" for tick in ticks])
    axis.set_ticks([], minor=True)
    axes.tick_params(labelsize=8, which="both", direction="in", top=True, right=True)
