"""The figure of a Michelson scan: a burst of fringes, visibility against delay, residuals, phases, the laser itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.value import Value

from .result import CoherenceResult
from .setup import HBAR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY, PINK = "#0072B2", "#D55E00", "#009E73", "#7F7F7F", "#CC79A7"
MODELS = {"exponential": (BLUE, "-"), "gaussian": (GREY, ":"), "voigt": (GREEN, "--"), "doublet": (PINK, "-.")}

Array = npt.NDArray[np.float64]


def draw(result: CoherenceResult, figure: Figure) -> None:
    """Draw the result into an empty figure of any size (9 x 6.5 inches suits)."""
    grid = figure.add_gridspec(
        3, 2, width_ratios=(1.75, 1), height_ratios=(1.15, 1.5, 0.65),
        left=0.085, right=0.985, bottom=0.085, top=0.875, wspace=0.26, hspace=0.5,
    )  # fmt: skip
    _burst(figure.add_subplot(grid[0, 0]), result)
    rest = grid[1:, 0].subgridspec(2, 1, height_ratios=(2.4, 1), hspace=0.06)
    main = figure.add_subplot(rest[0])
    _decay(main, result)
    _residuals(figure.add_subplot(rest[1], sharex=main), result)
    right = grid[:, 1].subgridspec(3, 1, hspace=0.55)
    _phases(figure.add_subplot(right[0]), result)
    _laser(figure.add_subplot(right[1]), result)
    _estimators(figure.add_subplot(right[2]), result)
    figure.suptitle(_title(result), x=0.085, y=0.985, ha="left", va="top", fontsize=10)


def _title(result: CoherenceResult) -> str:
    if result.t2 is None:
        head = "no $T_2$ claimed"
    else:
        t2 = result.t2
        head = (
            f"$T_2$ = {t2.nominal:.2f} ± {t2.statistical or 0.0:.2f} stat ± {t2.systematic or 0.0:.2f} syst ps, "
            f"$\\Gamma$ = 2ħ/$T_2$ = {2 * HBAR / t2.nominal:.1f} ± {2 * HBAR / t2.nominal * t2.relative:.1f} µeV"
        )
    text = result.verdict if len(result.verdict) < 115 else result.verdict[:112] + "..."
    return f"Two-pulse coherence: {head}\n{text}"


def _columns(values: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
    return {name: np.asarray(value) for name, value in values.items()}


def _burst(axes: Axes, result: CoherenceResult) -> None:
    burst = _columns(result.burst)
    x, counts, model = burst["fine_delay"], burst["counts"], burst["model"]
    axes.errorbar(
        x, counts, yerr=np.sqrt(np.maximum(counts, 1)), fmt=".", color=GREY, ms=4, elinewidth=0.7, label="counts"
    )
    axes.plot(x, model, color=BLUE, lw=1.1, label="fringes × on-times")
    lit = burst["on"]
    if float(np.min(lit)) < 0.97:
        level = float(np.mean(model)) * lit / max(float(np.mean(lit)), 1e-9)
        axes.plot(x, level, color=ORANGE, lw=0.9, ls="--", label="on-times")
    axes.set_ylim(0, float(counts.max()) * 1.25)
    axes.set_xlabel("fine delay (fs)", fontsize=8)
    axes.set_ylabel("counts per point", fontsize=8)
    axes.legend(loc="lower right", bbox_to_anchor=(1.01, 0.99), fontsize=7, frameon=False, ncols=3, borderaxespad=0.1)
    value = Value(float(result.burst["visibility"]), float(result.burst["sigma"]), "1")
    axes.set_title(f"burst at {float(result.burst['delay']):.1f} ps: V = {value}", fontsize=8, loc="left", pad=4)
    axes.tick_params(labelsize=8, direction="in", top=True, right=True)


def _decay(axes: Axes, result: CoherenceResult) -> None:
    points, curves = _columns(result.points), _columns(result.curves)
    sigma = np.asarray(points["sigma"], np.float64)
    low = 0.3 * float(np.median(sigma))
    for series, marker, colour in (("on", "o", "black"), ("check", "D", GREEN)):
        own = points["series"] == series
        if not own.any():
            continue
        shown = own & (points["visibility"] > 0)
        axes.errorbar(
            points["delay"][shown], np.maximum(points["visibility"][shown], low), yerr=sigma[shown], fmt=marker,
            color=colour, ms=3.6, mfc="none", mew=0.9, elinewidth=0.8, label=series if series == "on" else "repeats",
            zorder=4,
        )  # fmt: skip
        none = own & ~shown
        axes.plot(points["delay"][none], np.full(none.sum(), 1.3 * low), "v", color=colour, ms=4, mfc="none", zorder=4)
    axes.plot(points["delay"], points["naive"], "x", color=ORANGE, ms=3.5, mew=0.8, label="(max−min)/(max+min)")
    for name, (colour, style) in MODELS.items():
        if name in curves:
            chosen = name == result.model
            wins = float(result.models[name]["bic"]) - float(result.models["exponential"]["bic"])
            label = name if name == "exponential" else f"{name} ({wins:+.0f} BIC)"
            axes.plot(
                curves["delay"], curves[name], style, color=colour, lw=1.5 if chosen else 0.8,
                alpha=1.0 if chosen else 0.7, label=label,
            )  # fmt: skip
    photons = float(np.median(points["photons"]))
    axes.axhline(2 / np.sqrt(photons), color=GREY, lw=0.7, ls=(0, (1, 3)))
    axes.annotate(
        "$2/\\sqrt{N}$", (0.995, 2 / np.sqrt(photons)), xycoords=("axes fraction", "data"), ha="right", va="bottom",
        fontsize=7, color=GREY,
    )  # fmt: skip
    top = float(max(np.max(points["visibility"]), float(curves[result.model].max()), 0.05))
    axes.set(yscale="log", ylim=(low, min(1.6 * top, 2.0)), xlim=(0, float(curves["delay"].max())))
    axes.set_ylabel("visibility", fontsize=8)
    axes.legend(loc="lower left", fontsize=6.5, frameon=False, ncols=2)
    axes.tick_params(labelbottom=False, labelsize=8, direction="in", which="both", top=True, right=True)


def _residuals(axes: Axes, result: CoherenceResult) -> None:
    points = _columns(result.points)
    residual = np.asarray(points["residual"], np.float64)
    axes.axhspan(-1, 1, color=GREY, alpha=0.18, lw=0)
    axes.axhline(0, color="black", lw=0.7)
    for series, marker, colour in (("on", "o", "black"), ("check", "D", GREEN)):
        own = points["series"] == series
        axes.plot(points["delay"][own], residual[own], marker, color=colour, ms=3.2, mfc="none", mew=0.9)
    reach = max(3.5, float(np.abs(residual).max()) * 1.15)
    axes.set(ylim=(-reach, reach))
    axes.set_xlabel("delay (ps)", fontsize=8)
    axes.set_ylabel("residual (σ)", fontsize=8)
    axes.tick_params(labelsize=8, direction="in", top=True, right=True)


def _phases(axes: Axes, result: CoherenceResult) -> None:
    axes.set_xlabel("time in the burst (s)", fontsize=8)
    axes.set_ylabel("phase (rad)", fontsize=8)
    axes.tick_params(labelsize=7.5, direction="in")
    bursts = list(zip(*(result.phases[name] for name in ("time", "phase", "sigma")), strict=True))
    if not bursts:
        _empty(axes, "no burst is clear enough\nto follow its phase")
        return
    longest = 0.0
    for time, phase, sigma in bursts:
        t, p, s = np.asarray(time), np.asarray(phase), np.asarray(sigma)
        axes.fill_between(t, p - s, p + s, color=BLUE, alpha=0.06, lw=0)
        axes.plot(t, p, color=BLUE, lw=0.8, alpha=0.7)
        longest = max(longest, float(t.max()))
    t = np.linspace(0, longest, 50)
    drift = result.phase_drift.nominal * (t - longest / 2)
    spread = np.sqrt(result.phase_diffusion.nominal * longest / 3) * np.ones_like(t)
    axes.plot(t, drift, color="black", lw=1.1)
    axes.plot(t, drift + spread, color="black", lw=0.7, ls=":")
    axes.plot(t, drift - spread, color="black", lw=0.7, ls=":")
    axes.set_title(
        f"drift {result.phase_drift.nominal:.3f} rad/s, walk {np.sqrt(result.phase_diffusion.nominal):.2f} "
        "rad/$\\sqrt{\\mathrm{s}}$",
        fontsize=7.5, loc="left", pad=3,
    )  # fmt: skip


def _laser(axes: Axes, result: CoherenceResult) -> None:
    axes.set_xlabel("delay on the axis of the rows (ps)", fontsize=8)
    axes.set_ylabel("laser visibility", fontsize=8)
    axes.tick_params(labelsize=7.5, direction="in")
    laser = _columns(result.laser)
    duration = result.pulse_duration
    if "model" not in laser or duration is None:
        _empty(axes, "the laser's own fringes\nwere not measured")
        return
    order = np.argsort(laser["delay"])
    axes.errorbar(laser["delay"], laser["visibility"], yerr=laser["sigma"], fmt="o", color="black", ms=3, mfc="none")
    axes.plot(laser["delay"][order], laser["model"][order], color=BLUE, lw=1.0)
    axes.axvline(result.zero_delay.nominal, color=ORANGE, lw=0.8, ls="--")
    axes.set_ylim(0, 1.05)
    axes.set_title(f"zero {result.zero_delay}, pulse {duration.nominal:.3g} ps", fontsize=7.5, loc="left", pad=3)


def _estimators(axes: Axes, result: CoherenceResult) -> None:
    every = {**dict(result.estimators), **dict(result.naive)}
    if not every:
        _empty(axes, "no estimator gives a $T_2$")
        return
    best = result.t2
    for place, (name, value) in enumerate(every.items()):
        colour = ORANGE if name in result.naive else (BLUE if name == "rice" else "#5A5A5A")
        axes.errorbar(value.nominal, place, xerr=value.sigma, fmt="o", color=colour, ms=4, capsize=2)
    if best is not None:
        axes.axvspan(best.nominal - best.sigma, best.nominal + best.sigma, color=BLUE, alpha=0.12, lw=0)
    axes.set_yticks(range(len(every)), [name.replace("_", " ") for name in every], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("$T_2$ by estimator (ps); orange: naive", fontsize=8)
    axes.tick_params(axis="x", labelsize=7.5, direction="in")


def _empty(axes: Axes, why: str) -> None:
    axes.annotate(why, (0.5, 0.5), xycoords="axes fraction", ha="center", va="center", fontsize=8, color=GREY)
    axes.set(xticks=[], yticks=[])
