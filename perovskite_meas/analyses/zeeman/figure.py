"""The figure of a field scan: spectra with the fitted branches, residuals, the dark line's growth and decay."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .result import ZeemanResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#7F7F7F"
SHADES = "magma"
DIVERGING = "RdBu_r"
GAP = "#B0B0B0"
"""Fields that were not applied."""
WIDEST = 0.25
"""T on either side of a field that its spectrum is drawn over at most."""

Array = npt.NDArray[np.float64]


def draw(result: ZeemanResult, figure: Figure) -> None:
    """Draw the result into an empty figure of any size (10 x 6.5 inches suits)."""
    grid = figure.add_gridspec(
        2, 3, width_ratios=(1.25, 1.05, 0.95), left=0.065, right=0.985, bottom=0.085, top=0.875, wspace=0.32,
        hspace=0.42,
    )  # fmt: skip
    main = figure.add_subplot(grid[:, 0])
    residual = figure.add_subplot(grid[:, 1], sharey=main)
    if result.maps:
        _spectra(main, result)
        _residuals(residual, result, figure)
    else:
        _separate(main, result)
        _empty(residual, "no joint fit")
    _growth(figure.add_subplot(grid[0, 2]), result)
    lower = figure.add_subplot(grid[1, 2])
    if result.decays:
        _rates(lower, result)
    else:
        _shifts(lower, result)
    figure.suptitle(_title(result), x=0.065, y=0.985, ha="left", va="top", fontsize=10)


def _title(result: ZeemanResult) -> str:
    parts: list[str] = []
    if result.bright_dark_splitting is not None:
        parts.append(f"bright − dark = {result.bright_dark_splitting}")
    if result.g_sum is not None:
        parts.append(f"|$g_e+g_h$| = {result.g_sum}")
    if result.g_diff is not None:
        parts.append(f"|$g_e-g_h$| = {result.g_diff}")
    text = result.verdict if len(result.verdict) < 130 else result.verdict[:127] + "..."
    return f"Magneto-PL: {text}\n{', '.join(parts)}"


def _edges(values: Array) -> Array:
    """Return the edges of pixels around evenly spaced values, (n + 1,)."""
    half = float(np.median(np.diff(values))) / 2 if values.size > 1 else 0.25
    return np.concatenate([[values[0] - half], (values[1:] + values[:-1]) / 2, [values[-1] + half]])


def _bands(fields: Array, drawn: Array) -> tuple[Array, Array]:
    """Return edges and rows of a map in which each field is a band of its own, and what was not applied is empty.

    `drawn` (k, P) by field, (k,) in T; the edges come as (2k,), the rows as (2k - 1, P) with NaN in between.
    """
    steps = np.diff(fields)
    half = 0.55 * float(np.percentile(steps, 25)) if steps.size else WIDEST
    half = min(max(half, 1e-3), WIDEST)
    below = fields - np.minimum(half, np.concatenate([[half], steps / 2]))
    above = fields + np.minimum(half, np.concatenate([steps / 2, [half]]))
    edges = np.stack([below, above], axis=1).ravel()
    rows = np.full((2 * fields.size - 1, drawn.shape[1]), np.nan)
    rows[::2] = drawn
    return edges, rows


def _columns(values: Mapping[str, Any]) -> dict[str, npt.NDArray[Any]]:
    return {name: np.asarray(value) for name, value in values.items()}


def _spectra(axes: Axes, result: ZeemanResult) -> None:
    maps, branches = _columns(result.maps), _columns(result.branches)
    counts = maps["counts"]
    height = np.maximum(counts, 0.0) / np.maximum(counts.max(axis=1, keepdims=True), 1.0)
    edges, rows = _bands(maps["field"], np.sqrt(height))
    axes.set_facecolor(GAP)
    axes.pcolormesh(_edges(maps["energy"]), edges, rows, cmap=SHADES, vmin=0, vmax=1, rasterized=True)
    for place, share in zip(branches["levels"], branches["dark_share"], strict=True):
        dark = float(np.mean(share)) > 0.5
        axes.plot(
            place, branches["field"], color="#56B4E9" if dark else "white", lw=0.9, ls="--" if dark else "-", alpha=0.8
        )
    axes.set_xlabel(f"energy − {result.energy.nominal:.4f} eV (meV)", fontsize=8)
    axes.set_ylabel("field (T)", fontsize=8)
    axes.set_title("spectra (square root), fitted levels; dashed: dark", fontsize=8, loc="left", pad=4)
    axes.tick_params(labelsize=8, direction="in")


def _residuals(axes: Axes, result: ZeemanResult, figure: Figure) -> None:
    maps = _columns(result.maps)
    edges, rows = _bands(maps["field"], maps["residual"])
    axes.set_facecolor(GAP)
    drawn = axes.pcolormesh(
        _edges(maps["energy"]), edges, rows, cmap=DIVERGING, vmin=-5, vmax=5, rasterized=True
    )  # fmt: skip
    bar = figure.colorbar(drawn, ax=axes, pad=0.02, fraction=0.05)
    bar.ax.tick_params(labelsize=7)
    axes.set_xlabel("energy (meV)", fontsize=8)
    axes.set_title(f"residuals (σ), χ²/dof = {result.chi2_reduced:.2f}", fontsize=8, loc="left", pad=4)
    axes.tick_params(labelsize=8, direction="in", labelleft=False)


def _separate(axes: Axes, result: ZeemanResult) -> None:
    axes.set_xlabel("energy (meV)", fontsize=8)
    axes.set_ylabel("field (T)", fontsize=8)
    axes.tick_params(labelsize=8, direction="in")
    for field, energies, sigmas in zip(
        *(result.lines.get(name, ()) for name in ("field", "energy", "sigma")), strict=True
    ):
        axes.errorbar(energies, [field] * len(energies), xerr=sigmas, fmt="o", color=BLUE, ms=4)
    axes.set_title("lines, each field by itself", fontsize=8, loc="left", pad=4)


def _growth(axes: Axes, result: ZeemanResult) -> None:
    if not result.dark_line:
        _empty(axes, "no dark line in this model")
        return
    dark = _columns(result.dark_line)
    square = dark["field"] ** 2
    axes.errorbar(square, 100 * dark["share"], yerr=100 * dark["sigma"], fmt="o", color="black", ms=3.5, mfc="none")
    order = np.argsort(square)
    axes.plot(square[order], 100 * dark["law"][order], color=BLUE, lw=1.1)
    axes.set_xlabel("$B^2$ (T²)", fontsize=8)
    axes.set_ylabel("dark line in the light (%)", fontsize=8)
    axes.set_ylim(bottom=min(0.0, float(100 * dark["share"].min())))
    power = "" if result.brightening is None else f": $B^m$, m = {result.brightening}"
    axes.set_title(f"brightening{power}", fontsize=7, loc="left", pad=4)
    axes.tick_params(labelsize=8, direction="in")


def _rates(axes: Axes, result: ZeemanResult) -> None:
    decays = _columns(result.decays)
    square = decays["field"] ** 2
    axes.errorbar(square, decays["rate"], yerr=decays["sigma"], fmt="o", color="black", ms=3.5, mfc="none")
    order = np.argsort(square)
    if decays["model"].any():
        axes.plot(square[order], decays["model"][order], color=GREEN, lw=1.1)
    axes.set_xlabel("$B^2$ (T²)", fontsize=8)
    axes.set_ylabel("dark decay rate (1/µs)", fontsize=8)
    known = result.g_diff_lifetime
    text = "slow decay, no law claimed" if known is None else f"dark decay: |$g_e-g_h$| = {known}"
    axes.set_title(text, fontsize=8, loc="left", pad=4)
    axes.tick_params(labelsize=8, direction="in")


def _shifts(axes: Axes, result: ZeemanResult) -> None:
    shifts = _columns(result.shifts)
    if not shifts or not shifts["field"].size:
        _empty(axes, "no shifts")
        return
    axes.plot(shifts["field"] ** 2, shifts["shift"], "o", color="black", ms=3.5, mfc="none")
    if result.diamagnetic is not None:
        x = np.array([0.0, float((shifts["field"] ** 2).max())])
        mean = float(np.mean(shifts["shift"] - result.diamagnetic.nominal * shifts["field"] ** 2))
        axes.plot(x, mean + result.diamagnetic.nominal * x, color=ORANGE, lw=1.1)
    axes.set_xlabel("$B^2$ (T²)", fontsize=8)
    axes.set_ylabel("shift of a stay (µeV)", fontsize=8)
    text = "none claimed" if result.diamagnetic is None else f"{result.diamagnetic}"
    axes.set_title(f"diamagnetic: {text}", fontsize=8, loc="left", pad=4)
    axes.tick_params(labelsize=8, direction="in")


def _empty(axes: Axes, why: str) -> None:
    axes.annotate(why, (0.5, 0.5), xycoords="axes fraction", ha="center", va="center", fontsize=8, color=GREY)
    axes.tick_params(labelbottom=False, labelleft=False, length=0)
