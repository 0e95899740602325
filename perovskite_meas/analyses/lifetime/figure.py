"""The figure of a lifetime: the decay with its fit on a logarithmic axis, the response, residuals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.value import Value

from .result import LifetimeResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS: Mapping[str, str] = {"a": "#0072B2", "b": "#D55E00"}
"""By detector (Okabe and Ito)."""
MODELS = {"mono": "one decay", "bi": "two decays", "tri": "three decays"}


def draw(result: LifetimeResult, figure: Figure) -> None:
    """Draw the result into an empty figure of any size (8 x 5.5 inches suits)."""
    figure.suptitle(_title(result), x=0.09, y=0.985, ha="left", va="top", fontsize=10)
    if result.lifetime is None:
        axes = figure.add_subplot()
        axes.set_axis_off()
        axes.text(0.0, 0.6, f"no lifetime: {result.reason}", transform=axes.transAxes, fontsize=9, wrap=True)
        return
    grid = figure.add_gridspec(
        1 + len(result.curve), 1, height_ratios=[3.4, *([1.0] * len(result.curve))],
        left=0.09, right=0.985, bottom=0.09, top=0.87, hspace=0.08,
    )  # fmt: skip
    main = figure.add_subplot(grid[0])
    _decays(main, result)
    for k, (name, curve) in enumerate(result.curve.items()):
        below = figure.add_subplot(grid[1 + k], sharex=main)
        _residuals(below, {key: np.asarray(part) for key, part in curve.items()}, name)
        last = k == len(result.curve) - 1
        below.tick_params(labelbottom=last)
        if last:
            below.set_xlabel("delay after the pulse's light arrives (ns)", fontsize=9)


def _title(result: LifetimeResult) -> str:
    text = result.verdict if len(result.verdict) < 110 else result.verdict[:107] + "..."
    if result.lifetime is None:
        return "Lifetime"
    head = f"Lifetime {_both(result.lifetime)}"
    if result.amplitude_average is not None and result.model != "mono":
        head = f"Intensity-averaged lifetime {result.lifetime}; amplitude-averaged {result.amplitude_average}"
    return f"{head}\n{text}"


def _both(value: Value) -> str:
    def part(number: float | None) -> str:
        return f"{number or 0.0:.2g}"

    return f"{value} ({part(value.statistical)} stat, {part(value.systematic)} syst)"


def _decays(axes: Axes, result: LifetimeResult) -> None:
    lowest, highest = np.inf, 0.0
    for name, stored in result.curve.items():
        curve = {key: np.asarray(part) for key, part in stored.items()}
        x, colour = curve["start"] + curve["width"] / 2, COLOURS[name]
        counts = np.where(curve["counts"] > 0, curve["counts"], np.nan)
        axes.plot(x, counts, ".", color=colour, ms=3, alpha=0.6, label=f"detector {name}", zorder=2)
        axes.plot(x, curve["fit"], "-", color="black", lw=1.1, zorder=4, label="fit" if name == "a" else None)
        peak = float(curve["fit"].max())
        response = np.where(curve["response"] > 1e-5, curve["response"] * peak, np.nan)
        axes.plot(x, response, "--", color=colour, lw=0.8, alpha=0.8, label=f"response {name}", zorder=3)
        out = ~curve["used"].astype(bool)
        if out.any():
            axes.axvspan(x[out].min(), x[out].max(), color="#7F7F7F", alpha=0.12, lw=0)
        lowest, highest = min(lowest, float(curve["fit"].min())), max(highest, peak)
    axes.set(yscale="log", ylabel="counts per bin", ylim=(max(lowest / 3, highest * 1e-6), highest * 4))
    axes.tick_params(labelbottom=False, labelsize=8, which="both", direction="in", right=True, top=True)
    axes.legend(loc="upper right", fontsize=7.5, frameon=False, ncols=2)
    axes.text(0.985, 0.72, _facts(result), transform=axes.transAxes, ha="right", va="top", fontsize=7.5)


def _facts(result: LifetimeResult) -> str:
    lines = [MODELS[result.model]]
    if len(result.components) > 1:
        lines += [f"{tau}, amplitude {100 * a.nominal:.1f} %" for a, tau in result.components]
    lines.append(f"{result.counts:.4g} photons, {100 * result.pile_up:.2g} counts per 100 pulses")
    if result.chi2 is not None:
        lines.append(f"deviance per degree of freedom {result.chi2:.3f} ± {result.chi2_sigma or 0.0:.3f}")
    lines.append(f"response: {result.irf_source}")
    if result.background is not None:
        lines.append(f"background {100 * result.background.nominal:.2g} % of the counts")
    if result.at_once is not None:
        lines.append(f"at once {100 * result.at_once.nominal:.2g} ± {100 * result.at_once.sigma:.1g} % of the photons")
    return "\n".join(lines)


def _residuals(axes: Axes, curve: Mapping[str, npt.NDArray[Any]], name: str) -> None:
    x = curve["start"] + curve["width"] / 2
    axes.axhspan(-1, 1, color="#7F7F7F", alpha=0.18, lw=0)
    axes.axhline(0, color="black", lw=0.7)
    used = curve["used"].astype(bool)
    axes.plot(x[used], curve["residual"][used], ".", color=COLOURS[name], ms=2.5)
    reach = max(4.0, float(np.abs(curve["residual"][used]).max()) * 1.1) if used.any() else 4.0
    axes.set(ylim=(-reach, reach))
    axes.set_ylabel(f"{name}: res. (σ)", fontsize=8)
    axes.tick_params(labelsize=8, which="both", direction="in", top=True, right=True)
