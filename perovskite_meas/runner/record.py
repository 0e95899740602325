"""A run as it lies on disk: status, data, results, folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import xarray as xr

from .folder import label, stored_status
from .hooks import stored_results


@dataclass(repr=False)
class Record:
    """One run.

    Attributes:
        procedure: name of the procedure.
        status: "completed", "failed", "aborted" or, for a run that was killed, "interrupted".
        folder: where everything about the run lies; None for a bare database run.
        data: the rows; first dimension "row", units in `attrs["units"]`.
        results: analysis name -> result.
        problems: hooks that failed, rows that did not verify, safe-state steps that did not work.
        provenance: versions, files, identities and seeds with which the run was made.
        run_id: number of the run in its QCoDeS database; None for other hosts.
        guid: its identifier there.
    """

    procedure: str
    status: str
    folder: Path | None
    data: xr.Dataset
    results: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)
    run_id: int | None = None
    guid: str | None = None
    open_dataset: Callable[[], Any] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # A script may change its working directory before it opens the report.
        if self.folder is not None:
            self.folder = self.folder.absolute()

    def __repr__(self) -> str:
        rows = self.data.sizes.get("row", 0)
        return (
            f"Record({self.procedure}, {self.status}, {rows} rows, results: {', '.join(self.results) or 'none'}, "
            f"folder: {self.folder})"
        )

    @cached_property
    def dataset(self) -> Any:
        """The QCoDeS dataset of this run, opened when first asked for; None for other hosts."""
        return None if self.open_dataset is None else self.open_dataset()

    @property
    def report(self) -> Path | None:
        """Where the HTML report lies."""
        return None if self.folder is None else self.folder / "report.html"


def stored_record(folder: Path | None, facts: Mapping[str, Any], data: xr.Dataset) -> Record:
    """Return a run as its folder tells it, whatever its host; `facts` is its provenance."""
    status = stored_status(facts)
    label(data, facts, status, folder)
    return Record(
        procedure=str(facts["procedure"]["name"]),
        status=status,
        folder=folder,
        data=data,
        results=stored_results(folder) if folder is not None else {},
        problems=tuple(str(problem) for problem in facts.get("problems", ())),
        provenance=facts,
    )
