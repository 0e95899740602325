"""The end of a run, whatever its host: data on disk, hooks, report, provenance."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from perovskite_meas.report import write_report

from .folder import DATA, PROVENANCE, label, write_data, write_json
from .hooks import analyse, stored_results
from .interrupt import Requests, Terminated
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
    requests: Requests | None = None,
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
        requests: those of the run that this is the end of; by default its own.

    Raises:
        KeyboardInterrupt: Ctrl-C or SIGTERM came; the analyses stop at once, all else is done first, and
            `error.record` is set.
    """
    if requests is None:
        with Requests() as own:
            record, stopped = _finish(folder, data, facts, status, problems, analyses, bench, own)
        heard = own.take()
    else:
        record, stopped = _finish(folder, data, facts, status, problems, analyses, bench, requests)
        heard = requests.take()
    if stopped is None and heard:
        stopped = Terminated(f"{heard[0]} came while the run was stored")
    if stopped is not None:
        stopped.record = record  # type: ignore[attr-defined]
        raise stopped
    return record


def _finish(
    folder: Path,
    data: xr.Dataset,
    facts: dict[str, Any],
    status: str,
    problems: list[str],
    analyses: Iterable[str] | None,
    bench: Bench | None,
    requests: Requests,
) -> tuple[Record, KeyboardInterrupt | None]:
    procedure = facts["procedure"]["name"]
    if bench is not None:
        _try(problems, "the raw recordings", lambda: facts.update(recordings=bench.recordings.facts()))
    label(data, facts, status, folder)
    _try(problems, "data.nc", lambda: write_data(folder / DATA, data))
    facts |= {"status": status, "problems": list(problems), "rows": int(data.sizes.get("row", 0))}
    # Already here: an analysis may take long, or take the whole process with it.
    _try([], PROVENANCE, lambda: write_json(folder / PROVENANCE, facts))
    names = facts.get("analyses", ()) if analyses is None else analyses
    results: dict[str, Any] = {}
    stopped: KeyboardInterrupt | None = None
    if data.sizes.get("row", 0):
        try:
            analysed = analyse(folder, data, names, requests)
            results = dict(analysed.results)
            problems += analysed.problems
        except KeyboardInterrupt as stop:
            stopped = stop
            problems.append(f"the analyses were stopped; `pmeas analyze` makes up for it: {folder}")
    if bench is not None and status == "completed":
        problems += keep_calibrations(folder, results, bench)
    if bench is not None:
        facts["light"] = bench.ledger.entries()
    facts |= {
        "problems": list(problems),
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
    record = Record(
        procedure=procedure,
        status=status,
        folder=folder,
        data=data,
        results=results if analyses is None else shown,
        problems=tuple(problems),
        provenance=facts,
    )
    return record, stopped


def _try(problems: list[str], what: str, write: Any) -> None:
    try:
        write()
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        problems.append(f"{what} could not be written: {type(error).__name__}: {error}")
