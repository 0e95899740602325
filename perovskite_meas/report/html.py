"""Write `report.html`: one self-contained page with results, figures, data and provenance."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import xarray as xr

from .fields import table
from .raw import raw_figure

REPORT = "report.html"
_PLACE_OF_TRUTHS = "<!-- truths -->"


@cache
def _template(name: str) -> jinja2.Template:
    text = Path(__file__).with_name(f"{name}.html.j2").read_text(encoding="utf-8")
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
    """
    page = _template("report").render(
        procedure=procedure,
        status=status,
        problems=list(problems),
        results={name: table(name, result) for name, result in results.items()},
        figures={name: _svg(folder / "analysis" / f"{name}.svg") for name in results},
        raw_figure=raw_figure(data),
        rows=data.sizes.get("row", 0),
        columns=[
            (name, data[name].attrs.get("units", ""), data[name].attrs.get("long_name", "")) for name in data.data_vars
        ],
        plan=provenance.get("plan", {}).get("lines", []),
        parameters=_parameters(provenance.get("procedure", {})),
        started=provenance.get("started", ""),
        provenance=json.dumps(provenance, indent=1, default=str),
    )
    path = folder / REPORT
    path.write_text(page, encoding="utf-8")
    return path


def add_truths(folder: Path, truths: Sequence[tuple[str, str, str, str]]) -> None:
    """Put a table of what was recovered beside what is true at the top of a run's report.

    Args:
        folder: the run folder.
        truths: rows (quantity, recovered, true, difference in sigma).
    """
    path = folder / REPORT
    page = path.read_text(encoding="utf-8")
    path.write_text(page.replace(_PLACE_OF_TRUTHS, _template("truths").render(truths=truths), 1), encoding="utf-8")


def _parameters(procedure: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    units = procedure.get("units", {})
    return [(name, value, units.get(name) or "") for name, value in procedure.get("parameters", {}).items()]


def _svg(path: Path) -> str:
    if not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8")
    return text[text.index("<svg") :] if "<svg" in text else ""
