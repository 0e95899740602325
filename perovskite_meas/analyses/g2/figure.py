"""The figure of g2: coincidences with model and residuals, peaks raw and corrected, slow correlation, control."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.value import Value

from .result import G2Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[np.float64]

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"
MOST_BINS = 700
"""Bins drawn; more are pooled."""
SHOWN = 2.6
"""Periods on both sides of lag zero in the main panel."""


def draw(result: G2Result, figure: Figure) -> None:
    """Draw the result into an empty figure of any size (8 x 5.5 inches suits)."""
    grid = figure.add_gridspec(
        2, 2, width_ratios=(2.1, 1), height_ratios=(2.6, 1),
        left=0.08, right=0.985, bottom=0.1, top=0.84, wspace=0.27, hspace=0.08,
    )  # fmt: skip
    main = figure.add_subplot(grid[0, 0])
    below = figure.add_subplot(grid[1, 0], sharex=main)
    right = grid[:, 1].subgridspec(3, 1, hspace=0.75)
    _coincidences(main, below, result)
    _peaks(figure.add_subplot(right[0]), result)
    _slow(figure.add_subplot(right[1]), result)
    _control(figure.add_subplot(right[2]), result)
    figure.suptitle(_title(result), x=0.08, y=0.985, ha="left", va="top", fontsize=10)
    figure.text(0.08, 0.935, _because(result), ha="left", va="top", fontsize=8)


def _title(result: G2Result) -> str:
    parts = [f"$g^{{(2)}}(0)$ = {result.g2_zero} (raw {result.g2_zero_raw.nominal:.3f})"]
    if result.lifetime is not None:
        parts.append(f"$\\tau$ = {result.lifetime}")
    if result.antibunching_time is not None:
        parts.append(f"$\\tau_a$ = {result.antibunching_time}")
    if result.biexciton_ratio is not None:
        parts.append(f"$Q_{{BX}}/Q_X$ = {result.biexciton_ratio}")
    return ", ".join(parts)


def _because(result: G2Result) -> str:
    return "\n".join(textwrap.wrap(f"{result.verdict}: {result.verdict_reason}", 135)[:3])


def _pooled(values: Array, group: int) -> Array:
    whole = values.size // group * group
    return np.asarray(values[:whole].reshape(-1, group).sum(axis=1))


def _coincidences(axes: Axes, below: Axes, result: G2Result) -> None:
    lag, counts, model, floor = (
        np.asarray(result.histogram[name], dtype=np.float64) for name in ("lag", "counts", "model", "floor")
    )
    zero = result.zero_lag.nominal
    reach = _reach(result, lag)
    near = np.abs(lag - zero) <= reach
    lag, counts, model, floor = lag[near] - zero, counts[near], model[near], floor[near]
    group = max(1, -(-lag.size // MOST_BINS))
    place = _pooled(lag, group) / group
    n, m, f = (_pooled(part, group) for part in (counts, model, floor))
    width = float(place[1] - place[0])
    axes.step(place, n, where="mid", color=GREY, lw=0.7, label="coincidences")
    axes.plot(place, m, color=BLUE, lw=1.2, label=f"model ({result.model})")
    axes.plot(place, f, "--", color=ORANGE, lw=0.9, label="accidental pairs")
    axes.set_ylabel(f"pairs per {width:.3g} ns", fontsize=8)
    axes.set_ylim(0, max(float(n.max()), 1.0) * 1.25)
    axes.legend(loc="upper right", fontsize=7, frameon=False, ncols=3)
    axes.tick_params(labelbottom=False, labelsize=8, direction="in", top=True, right=True)
    residual = (n - m) / np.sqrt(np.maximum(m, 0.5))
    below.axhspan(-1, 1, color=GREY, alpha=0.18, lw=0)
    below.axhline(0, color="black", lw=0.7)
    below.plot(place, residual, ".", color=BLUE, ms=2)
    top = max(4.0, float(np.abs(residual).max()) * 1.1)
    below.set(ylim=(-top, top), xlim=(float(place[0]), float(place[-1])))
    below.set_xlabel(f"lag (ns) from lag zero at {zero:.3f} ns", fontsize=8)
    below.set_ylabel("residual (σ)", fontsize=8)
    below.tick_params(labelsize=8, direction="in", top=True, right=True)


def _reach(result: G2Result, lag: Array) -> float:
    zero = result.zero_lag.nominal
    whole = min(zero - float(lag[0]), float(lag[-1]) - zero)
    if result.antibunching_time is not None:
        jitter = result.pair_jitter.nominal if result.pair_jitter is not None else 0.3
        return min(whole, max(12 * result.antibunching_time.nominal, 30 * jitter, 12.0))
    period = 2 * result.plateau[0]
    return min(whole, max(SHOWN * period, 60.0 if period < 25 else 0.0))


def _peaks(axes: Axes, result: G2Result) -> None:
    if not result.peaks:
        _estimators(axes, result)
        return
    k, raw, net = (np.asarray(result.peaks[name], dtype=np.float64) for name in ("k", "raw", "net"))
    near = np.abs(k) <= 10
    axes.bar(k[near] - 0.2, raw[near], 0.4, color=GREY, label="raw")
    corrected = np.where(k == 0, result.g2_zero.nominal, net)
    axes.bar(k[near] + 0.2, corrected[near], 0.4, color=BLUE, label="corrected")
    axes.errorbar(0.2, result.g2_zero.nominal, result.g2_zero.sigma, fmt="none", ecolor="black", capsize=2, lw=0.9)
    axes.axhline(1, color="black", lw=0.6)
    axes.axhline(0.5, color=ORANGE, lw=0.8, ls="--")
    axes.set_ylim(min(0.0, 1.1 * float(corrected[near].min())), 1.45)
    axes.set_xlabel("pulse lag", fontsize=8)
    axes.set_ylabel("area / side", fontsize=8)
    axes.legend(fontsize=6.5, frameon=False, ncols=2, loc="upper right")
    axes.tick_params(labelsize=7.5, direction="in")


def _estimators(axes: Axes, result: G2Result) -> None:
    names = [name for name in result.estimators if not name.endswith("_lifetime")]
    for place, name in enumerate(names):
        value: Value = result.estimators[name]
        colour = BLUE if name == "fit" else GREY
        axes.errorbar(value.nominal, place, xerr=value.sigma, fmt="o", color=colour, ms=4, capsize=2)
    axes.axvline(0.5, color=ORANGE, lw=0.8, ls="--")
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names], fontsize=7)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlabel("$g^{(2)}(0)$ by estimator", fontsize=8)
    axes.tick_params(axis="x", labelsize=7.5, direction="in")


def _slow(axes: Axes, result: G2Result) -> None:
    axes.set_xlabel("lag (s)", fontsize=8)
    axes.set_ylabel("slow $g^{(2)}$", fontsize=8)
    axes.tick_params(labelsize=7.5, direction="in", which="both")
    if not result.slow:
        _empty(axes, "no slow correlation")
        return
    lag, level = (np.asarray(result.slow[name], dtype=np.float64) for name in ("lag", "g2"))
    good = (lag > 0) & (level > 0)
    axes.semilogx(lag[good], level[good], "o-", color=BLUE, ms=2.5, lw=0.8)
    axes.axhline(1, color="black", lw=0.6)
    bunching = result.bunching
    axes.axhspan(bunching.nominal - bunching.sigma, bunching.nominal + bunching.sigma, color=ORANGE, alpha=0.3, lw=0)
    axes.annotate(f"side peaks: {bunching}", (0.04, 0.06), xycoords="axes fraction", fontsize=7, color=ORANGE)
    low, high = min(float(level[good].min()), 1.0), max(float(level[good].max()), bunching.nominal, 1.0)
    margin = max(0.1 * (high - low), 0.03)
    axes.set_ylim(low - 2.5 * margin, high + margin)


def _control(axes: Axes, result: G2Result) -> None:
    axes.set_xlabel("lag (ns)", fontsize=8)
    axes.set_ylabel("control pairs", fontsize=8)
    axes.tick_params(labelsize=7.5, direction="in", which="both")
    if "lag" not in result.reference:
        _empty(axes, "no reference light")
        return
    lag, counts = (np.asarray(result.reference[name], dtype=np.float64) for name in ("lag", "counts"))
    near = np.abs(lag - result.zero_lag.nominal) < 15
    axes.step(lag[near] - result.zero_lag.nominal, np.maximum(counts[near], 0.5), where="mid", color=GREEN, lw=0.9)
    axes.set_yscale("log")
    said = "" if result.control is None else f"$g^{{(2)}}(0)$ = {result.control}"
    if result.crosstalk is not None:
        said += f"\ncrosstalk {result.crosstalk.nominal:.1e} per photon"
    axes.set_ylim(0.5, max(float(counts[near].max()), 1.0) * 60)
    axes.annotate(said.strip(), (0.04, 0.95), xycoords="axes fraction", fontsize=7, va="top")


def _empty(axes: Axes, why: str) -> None:
    axes.annotate(why, (0.5, 0.5), xycoords="axes fraction", ha="center", va="center", fontsize=8, color=GREY)
    axes.set(xticks=[], yticks=[])
