"""The figure of a blinking run: trace and histogram, dwell times, bin scan, level against lifetime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .result import BlinkingResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ON, OFF, GREY, LEVEL = "#0072B2", "#D55E00", "#9A9A9A", "#000000"
"""Okabe and Ito."""
FLOOR = 1e-4
"""Least part of the highest bin that the histogram shows."""


def draw(result: BlinkingResult, figure: Figure) -> None:
    """Draw the result into an empty figure of any size (8 x 5.5 inches suits)."""
    figure.suptitle(_title(result), x=0.09, y=0.985, ha="left", va="top", fontsize=10)
    if not result.curves:
        figure.text(0.09, 0.5, "\n".join(_folded(one) for one in result.notes), fontsize=9, va="center")
        return
    rows = figure.add_gridspec(2, 1, left=0.09, right=0.985, bottom=0.1, top=0.86, hspace=0.42)
    upper = rows[0].subgridspec(1, 2, width_ratios=(3.2, 1), wspace=0.04)
    lower = rows[1].subgridspec(1, 3, width_ratios=(1.3, 1, 1), wspace=0.42)
    trace = figure.add_subplot(upper[0])
    _trace(trace, result)
    _histogram(figure.add_subplot(upper[1], sharey=trace), result)
    _dwells(figure.add_subplot(lower[0]), result)
    _scan(figure.add_subplot(lower[1]), result)
    _map(figure.add_subplot(lower[2]), result)


def _folded(text: str, width: int = 95) -> str:
    lines, line = [], ""
    for word in text.split():
        if len(line) + len(word) >= width:
            lines.append(line)
            line = ""
        line += word + " "
    return "\n".join([*lines, line])


def _title(result: BlinkingResult) -> str:
    parts = [f"Blinking: {result.verdict}"]
    if result.on_fraction is not None:
        parts.append(f"on fraction {result.on_fraction}")
    exponents = [
        f"$a_{{\\mathrm{{{kind}}}}}$ = {value}"
        for kind, value in (("on", result.exponent_on), ("off", result.exponent_off))
        if value is not None
    ]
    reason = result.reasons.get("exponent_on", "")
    second = ", ".join(exponents) if exponents else (reason if len(reason) < 105 else reason.split(":")[0])
    return ", ".join(parts) + "\n" + second


def _tidy(axes: Axes) -> None:
    axes.tick_params(labelsize=8, direction="in", which="both", top=True, right=True)


def _trace(axes: Axes, result: BlinkingResult) -> None:
    shown = result.curves["trace"]
    if shown:
        time, rate = np.asarray(shown["time"]), np.asarray(shown["rate"]) / 1e3
        axes.step(time, rate, where="mid", color=GREY, lw=0.7, label="counts, 5 ms")
        if "levels" in shown:
            ends = np.stack([np.asarray(shown["starts"]), np.asarray(shown["ends"])], axis=1)
            levels = np.asarray(shown["levels"]) / 1e3
            axes.plot(ends.ravel(), levels.repeat(2), color=LEVEL, lw=0.9, label="levels between change points")
        axes.set_xlim(time[0], time[-1])
    _threshold(axes, result, label="threshold")
    axes.set_ylim(0, None)
    axes.set_xlabel("time since the record began (s)", fontsize=8)
    axes.set_ylabel("count rate (kcps)", fontsize=9)
    axes.margins(y=0.25)
    axes.legend(loc="upper right", fontsize=7, frameon=True, framealpha=0.85, edgecolor="none", ncols=3)
    _tidy(axes)


def _threshold(axes: Axes, result: BlinkingResult, label: str | None = None) -> None:
    if result.threshold is not None:
        axes.axhline(result.threshold.nominal / 1e3, color=OFF, lw=0.9, ls="--", label=label)


def _histogram(axes: Axes, result: BlinkingResult) -> None:
    shown = result.curves["histogram"]
    if shown:
        rate, bins = np.asarray(shown["rate"]) / 1e3, np.asarray(shown["bins"], dtype=np.float64)
        axes.fill_betweenx(rate, np.maximum(bins, 0.5), 0.5, step="mid", color=GREY, alpha=0.6, lw=0)
        axes.set_xscale("log")
        seen = bins > FLOOR * bins.max()
        axes.set_xlim(max(0.5, FLOOR * bins.max()), bins.max() * 2)
        axes.set_ylim(0, float(rate[seen].max()) * 1.3)
        axes.set_xlabel(f"bins of {shown['bin_width'] * 1e3:g} ms", fontsize=8)
    _threshold(axes, result)
    axes.tick_params(labelleft=False)
    _tidy(axes)


def _dwells(axes: Axes, result: BlinkingResult) -> None:
    dwells: Mapping[str, Any] = result.curves["dwells"]
    drawn = False
    for kind, colour, marker in (("on", ON, "o"), ("off", OFF, "s")):
        shown = dwells.get(kind)
        if not shown:
            continue
        drawn = True
        axes.errorbar(
            shown["time"], shown["density"], yerr=np.minimum(shown["sigma"], 0.999 * np.asarray(shown["density"])),
            fmt=marker, ms=3, mfc="none", color=colour, elinewidth=0.7, mew=0.8, label=kind,
        )  # fmt: skip
        if "law" in shown:
            law = np.asarray(shown["law"], dtype=np.float64)
            axes.plot(shown["law_time"], np.where(law > 0, law, np.nan), color=colour, lw=1.1)
    if drawn:
        low = min(np.min(dwells[kind]["density"]) for kind in dwells if dwells[kind])
        axes.set(xscale="log", yscale="log")
        axes.set_ylim(low / 5, None)
        axes.legend(fontsize=7, frameon=False)
    else:
        _empty(axes, "no dwells")
    axes.set_xlabel("dwell time (s)", fontsize=8)
    axes.set_ylabel("dwells per second of time", fontsize=8)
    _tidy(axes)


def _scan(axes: Axes, result: BlinkingResult) -> None:
    drawn = False
    for kind, colour, marker in (("on", ON, "o"), ("off", OFF, "s")):
        rows = [row for row in result.scan if row[f"exponent_{kind}"] is not None]
        if not rows:
            continue
        drawn = True
        axes.errorbar(
            [row["bin_width"] * 1e3 for row in rows], [row[f"exponent_{kind}"].nominal for row in rows],
            yerr=[row[f"exponent_{kind}"].sigma for row in rows], fmt=marker, ms=3.5, mfc="none", color=colour,
            elinewidth=0.8, capsize=2,
        )  # fmt: skip
        chosen = result.exponent_on if kind == "on" else result.exponent_off
        if chosen is not None:
            axes.axhspan(chosen.nominal - chosen.sigma, chosen.nominal + chosen.sigma, color=colour, alpha=0.15, lw=0)
    if drawn:
        axes.set_xscale("log")
        widths = [row["bin_width"] * 1e3 for row in result.scan]
        axes.set_xticks(widths, [f"{width:g}" for width in widths])
        axes.minorticks_off()
    else:
        rows = [row for row in result.scan if row["mean_counts"] >= 1]
        axes.semilogx([row["bin_width"] * 1e3 for row in rows], [100 * row["excess"] for row in rows], "o-", color=ON)
        axes.set_ylim(0, 120 * max([row["excess"] for row in rows], default=0.01))
    axes.set_xlabel("bin width (ms)", fontsize=8)
    axes.set_ylabel("exponent" if drawn else "scatter beyond photons (%)", fontsize=8)
    _tidy(axes)


def _map(axes: Axes, result: BlinkingResult) -> None:
    shown = result.curves["flid"]
    if shown:
        seconds = np.asarray(shown["seconds"], dtype=np.float64)
        axes.pcolormesh(
            np.asarray(shown["lifetimes"]), np.asarray(shown["levels"]) / 1e3,
            np.log10(np.where(seconds > 0, seconds, np.nan)), cmap="Blues", rasterized=True,
        )  # fmt: skip
    else:
        _empty(axes, "no lifetimes:\nnot a pulsed (T3) recording")
    axes.set_xlabel("lifetime (ns)", fontsize=8)
    axes.set_ylabel("level (kcps)", fontsize=8)
    _tidy(axes)


def _empty(axes: Axes, text: str) -> None:
    axes.set(xticks=[], yticks=[])
    axes.text(0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", fontsize=8, color=GREY)
