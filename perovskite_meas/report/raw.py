"""The figure of the raw data: one panel for each column, and images of what a row holds in two dimensions."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import StringIO
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from perovskite_meas.core.columns import meanings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_UNKNOWN = re.compile(r"(-?\d+)\S* (?:while|if|where) unknown")
"""How the doc of a column says which number stands for none."""
_PANEL, _CODE, _IMAGE, _GAP, _LEFT = 0.68, 0.13, 1.6, 0.12, 0.19
_MOST_PIXELS = 1_000_000

Part = tuple[float, Callable[["Axes"], None]]


def raw_figure(data: xr.Dataset) -> str:
    """Return the figure as SVG; empty where there is nothing to draw.

    Numbers that a column's doc calls unknown are left out, categories are shown by name.
    """
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import NullLocator

    plots, images = _parts(data) if data.sizes.get("row", 0) else ([], [])
    if not plots:
        return ""
    parts = [*plots, *images]
    gaps = [_GAP] * len(plots) + [0.3 + 0.25 * (place == 0) for place in range(len(images))]
    height = 0.1 + (0.0 if images else 0.3) + sum(gaps) + sum(tall for tall, _ in parts)
    figure = Figure(figsize=(10, height))
    FigureCanvasSVG(figure)
    top = height
    for place, (tall, draw) in enumerate(parts):
        top -= tall + gaps[place]
        axis = figure.add_axes((_LEFT, top / height, 0.98 - _LEFT, tall / height))
        draw(axis)
        axis.tick_params(labelsize=7)
        if place == len(plots) - 1:
            axis.set_xlabel("row", fontsize=8, labelpad=1)
        else:  # ticks that nobody reads would be a third of the work
            axis.xaxis.set_major_locator(NullLocator())
    buffer = StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def _parts(data: xr.Dataset) -> tuple[list[Part], list[Part]]:
    """Return (height in inches, what draws it) of every panel, and of every image."""
    plots: list[Part] = []
    images: list[Part] = []
    for name, column in data.data_vars.items():
        if not np.issubdtype(column.dtype, np.number):
            continue
        if column.ndim == 1:
            tall = max(_PANEL, _CODE * len(meanings(column.attrs) or {}))
            plots.append((tall, _panel(str(name), column)))
        elif column.ndim == 3 and 0 < column[0].size <= _MOST_PIXELS:
            images.append((_IMAGE, _image(str(name), column)))
    return plots, images


def _panel(name: str, column: xr.DataArray) -> Callable[[Axes], None]:
    def draw(axis: Axes) -> None:
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        axis.plot(np.arange(column.size), known(column), ".-", lw=0.6, ms=3, color="#0b5394")
        axis.set_xlim(-0.02 * column.size - 0.5, 1.02 * column.size - 0.5)
        _label(axis, name, column)
        if codes := meanings(column.attrs):
            seen = set(column.values.tolist())
            axis.set_yticks(*zip(*(item for item in codes.items() if item[0] in seen), strict=True))
            return
        # Room above and below, so that the labels of two panels do not meet; no offset, which nobody would find.
        axis.margins(y=0.15)
        axis.yaxis.set_major_locator(MaxNLocator(3, prune="both"))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.7g}"))

    return draw


def _image(name: str, column: xr.DataArray) -> Callable[[Axes], None]:
    def draw(axis: Axes) -> None:
        filled = np.count_nonzero(column.values.reshape(len(column), -1), axis=1)
        fullest = int(np.argmax(filled))
        axis.imshow(column.values[fullest], aspect="auto", interpolation="nearest", cmap="viridis", origin="lower")
        _label(axis, name, column)
        size = " x ".join(map(str, column.shape[1:]))
        axis.set_title(f"row {fullest}, the first of the fullest: {size}", fontsize=7, pad=2, loc="left")

    return draw


def _label(axis: Axes, name: str, column: xr.DataArray) -> None:
    unit = column.attrs.get("units", "1")
    axis.set_ylabel(name if unit == "1" else f"{name}\n({unit})", fontsize=7, rotation=0, ha="right", va="center")
    axis.yaxis.set_label_coords(-0.1, 0.5)


def known(column: xr.DataArray) -> NDArray[np.float64]:
    """Return the numbers of a column with nan for the one that its doc calls unknown."""
    values = np.asarray(column.values, dtype=float)
    none = _UNKNOWN.search(str(column.attrs.get("long_name", "")))
    return values if none is None else np.where(values == float(none[1]), np.nan, values)
