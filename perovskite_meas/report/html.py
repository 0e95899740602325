"""Write `report.html`: one self-contained page with results, figures, data and provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import xarray as xr

from perovskite_meas.core.value import Value

_MOST_WORDS = 12
"""Longer lists are data, not text, and stay out of the tables."""


@cache
def _template() -> jinja2.Template:
    text = Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(text)


def write_report(
    folder: Path,
    *,
    procedure: str,
    status: str,
    data: xr.Dataset,
    results: Mapping[str, Any],
    provenance: Mapping[str, Any],
    problems: Sequence[str] = (),
    truths: Sequence[tuple[str, str, str, str]] = (),
) -> Path:
    """Write the report of a run into its folder and return its path.

    Args:
        folder: the run folder; `analysis/*.svg` in it are shown.
        procedure: its name.
        status: how the run ended.
        data: the rows.
        results: analysis name -> result (a frozen dataclass or a stored one).
        provenance: as the runner stores it.
        problems: shown at the top.
        truths: rows (quantity, recovered, true, difference in sigma) where the truth is known.
    """
    page = _template().render(
        procedure=procedure,
        status=status,
        problems=list(problems),
        truths=list(truths),
        results={name: _table(result) for name, result in results.items()},
        figures={name: _svg(folder / "analysis" / f"{name}.svg") for name in results},
        raw_figure=_raw(data),
        rows=data.sizes.get("row", 0),
        columns=[
            (name, data[name].attrs.get("units", ""), data[name].attrs.get("long_name", "")) for name in data.data_vars
        ],
        plan=provenance.get("plan", {}).get("lines", []),
        parameters=_parameters(provenance.get("procedure", {})),
        started=provenance.get("started", ""),
        provenance=json.dumps(provenance, indent=1, default=str),
    )
    path = folder / "report.html"
    path.write_text(page, encoding="utf-8")
    return path


def _parameters(procedure: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    units = procedure.get("units", {})
    return [(name, value, units.get(name) or "") for name, value in procedure.get("parameters", {}).items()]


def _table(result: Any) -> list[tuple[str, str]]:
    fields = result if isinstance(result, Mapping) else vars(result)
    lines = []
    for name, value in fields.items():
        if isinstance(value, Mapping):
            lines += [(f"{name}: {key}", text) for key, item in value.items() if (text := _cell(item)) is not None]
        elif (text := _cell(value)) is not None:
            lines.append((name, text))
    return lines


def _cell(value: Any) -> str | None:
    if isinstance(value, Value):
        parts = [str(value)]
        if value.statistical is not None and value.systematic is not None:
            parts.append(f"(stat. {value.statistical:.2g}, syst. {value.systematic:.2g})")
        return " ".join(parts)
    if value is None:
        return "none"
    if isinstance(value, (str, bool, int)):
        return str(value)
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)) and len(value) <= _MOST_WORDS and all(isinstance(item, str) for item in value):
        return "; ".join(value) or "none"
    return None


def _svg(path: Path) -> str:
    if not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8")
    return text[text.index("<svg") :] if "<svg" in text else ""


def _raw(data: xr.Dataset) -> str:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    shown = [name for name in data.data_vars if data[name].ndim == 1 and np.issubdtype(data[name].dtype, np.number)]
    if not shown or not data.sizes.get("row", 0):
        return ""
    height = 0.8 * len(shown) + 0.5
    figure = Figure(figsize=(10, height))
    FigureCanvasSVG(figure)
    for place, name in enumerate(shown):
        axis = figure.add_axes((0.16, (0.45 + 0.8 * (len(shown) - 1 - place)) / height, 0.82, 0.68 / height))
        axis.plot(np.arange(data.sizes["row"]), data[name].values, ".-", lw=0.6, ms=3, color="#0b5394")
        unit = data[name].attrs.get("units", "1")
        axis.set_ylabel(
            str(name) if unit == "1" else f"{name}\n({unit})", fontsize=7, rotation=0, ha="right", va="center"
        )
        axis.yaxis.set_major_locator(MaxNLocator(3))
        axis.tick_params(labelsize=7, labelbottom=place == len(shown) - 1)
        if place == len(shown) - 1:
            axis.set_xlabel("row")
    buffer = StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
