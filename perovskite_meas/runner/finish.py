"""The end of a run, whatever its host: data on disk, hooks, report, provenance."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from perovskite_meas.report import write_report

from .folder import DATA, PROVENANCE, write_data, write_json
from .hooks import analyse, stored_results
from .keep import keep_calibrations
from .record import Record

if TYPE_CHECKING:
    from perovskite_meas.bench import Bench


def finish(
    folder: Path,
    data: xr.Dataset,
    facts: dict[str, Any],
    status: str,
    problems: list[str],
    analyses: Iterable[str] | None = None,
    bench: Bench | None = None,
) -> Record:
    """Export the rows, run the hooks, write the report; problems are collected, never hidden.

    Args:
        folder: the run folder.
        data: the rows.
        facts: provenance of the run; completed and written again.
        status: how the run ended.
        problems: added to in place.
        analyses: names of the hooks; by default those the procedure declared.
        bench: tells the light that each spot took, and gets the calibrations that a completed run measured.
    """
    procedure = facts["procedure"]["name"]
    data.attrs |= {
        "procedure": procedure,
        "parameters": facts["procedure"]["parameters"],
        "conditions": facts.get("conditions", {}),
        "status": status,
        "started": facts.get("started", ""),
    }
    _try(problems, "data.nc", lambda: write_data(folder / DATA, data))
    names = facts.get("analyses", ()) if analyses is None else analyses
    results: dict[str, Any] = {}
    if data.sizes.get("row", 0):
        analysed = analyse(folder, data, names)
        results = dict(analysed.results)
        problems += analysed.problems
    if bench is not None and status == "completed":
        problems += keep_calibrations(folder, results, bench)
    if bench is not None:
        facts["light"] = bench.ledger.entries()
    facts |= {
        "status": status,
        "problems": list(problems),
        "rows": int(data.sizes.get("row", 0)),
        "finished": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
    }
    _try(problems, PROVENANCE, lambda: write_json(folder / PROVENANCE, facts))
    shown = {**stored_results(folder), **results}

    def report() -> None:
        write_report(
            folder,
            procedure=procedure,
            status=status,
            data=data,
            results=shown,
            provenance=facts,
            problems=problems,
        )

    _try(problems, "report.html", report)
    return Record(
        procedure=procedure,
        status=status,
        folder=folder,
        data=data,
        results=results if analyses is None else shown,
        problems=tuple(problems),
        provenance=facts,
    )


def _try(problems: list[str], what: str, write: Any) -> None:
    try:
        write()
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        problems.append(f"{what} could not be written: {type(error).__name__}: {error}")
