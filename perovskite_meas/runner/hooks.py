"""What follows the rows: each analysis, its result and figure on disk, then the report."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import xarray as xr

from perovskite_meas.core.analysis import Analysis, StoredResult, result_to_json
from perovskite_meas.core.errors import AnalysisRefused
from perovskite_meas.core.plugins import find

from .folder import read_json, write_json
from .interrupt import Requests


@dataclass(frozen=True)
class Analysed:
    """Results by analysis name, and what went wrong."""

    results: Mapping[str, Any]
    problems: tuple[str, ...]


def analyse(folder: Path, data: xr.Dataset, names: Iterable[str], requests: Requests) -> Analysed:
    """Run each analysis on `data`; store `analysis/<name>.json` and `.svg`.

    A hook that fails costs no data and does not stop the next one. Only the analysis and its drawing are
    cut short by `requests`: an import that is cut short leaves a broken module behind, for the report too.

    Raises:
        KeyboardInterrupt: a request to end came.
    """
    results: dict[str, Any] = {}
    problems: list[str] = []
    for name in names:
        try:
            hook = find("analyses", name)
            result = requests.interruptible(partial(hook, data))
            results[name] = result
            write_json(folder / "analysis" / f"{name}.json", result_to_json(result))
            _draw(folder / "analysis" / f"{name}.svg", hook, data, result, requests)
            refused = getattr(result, "refused", None)
            # A mapping says which of several claims are not made; the others stand.
            if refused and not isinstance(refused, Mapping):
                problems.append(f"analysis {name!r} refused: {refused}")
        except AnalysisRefused as refusal:
            problems.append(f"analysis {name!r} refused: {refusal}")
        # Anyone's analysis runs here, after the data are safe on disk: whatever it raises is reported.
        except (Exception, SystemExit) as error:
            problems.append(f"analysis {name!r} failed: {type(error).__name__}: {error}")
            _keep_traceback(folder / "analysis" / f"{name}.error.txt", problems)
    return Analysed(results, tuple(problems))


def _keep_traceback(path: Path, problems: list[str]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(traceback.format_exc(), encoding="utf-8")
    except OSError as error:
        problems.append(f"{path.name} could not be written: {error}")


def _draw(path: Path, hook: Analysis[Any], data: xr.Dataset, result: Any, requests: Requests) -> None:
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 6.5))
    FigureCanvasSVG(figure)
    requests.interruptible(lambda: hook.draw(data, result, figure))
    if figure.axes:
        figure.savefig(path, metadata={"Date": None})


def stored_results(folder: Path) -> dict[str, StoredResult]:
    """Return the results that lie in a run folder."""
    return {path.stem: StoredResult(read_json(path)) for path in sorted((folder / "analysis").glob("*.json"))}
