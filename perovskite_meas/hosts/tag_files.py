"""`pmeas analyze dot.ptu --with g2`: the analyses for people who use nothing else of the package."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from perovskite_meas.core.columns import RowCheck
from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.procedure import extra_of
from perovskite_meas.procedures.tag_file import TagFile
from perovskite_meas.runner.finish import finish
from perovskite_meas.runner.folder import PROVENANCE, check_writable, make_folder, write_json
from perovskite_meas.runner.provenance import versions
from perovskite_meas.runner.record import Record

from ._store import rows_to_xarray

SUFFIXES = (".ptu", ".ht2", ".ht3", ".pt2", ".pt3", ".t3r", ".spc", ".h5", ".hdf5", ".phdf5")


def analyse_tags(
    file: str | Path, analyses: Iterable[str] | None = None, *, into: str | Path = "runs", **settings: Any
) -> Record:
    """Analyse a recording of any supported format and return the record, with its folder and report.

    Args:
        file: the recording.
        analyses: names; by default g2, lifetime and blinking.
        into: where the run folder goes.
        settings: other parameters of `TagFile`, such as `background="beside.ptu"` or `detectors="0,1"`.

    Raises:
        UsageError: no such file, no tags in it, or wrong settings.
    """
    procedure = TagFile(file=str(file), **settings)
    check_writable(Path(into))
    check = RowCheck(TagFile.columns)
    rows = [check(row) for row in procedure.measure()]
    if not rows:
        raise UsageError(
            f"{file}: there is no photon of the emitter in it; a run that ended before its light was on the emitter "
            "leaves recordings of the dark, the reference light and the background alone"
        )
    names = list(TagFile.analyses if analyses is None else analyses)
    dead_time = {"dead_time": {"value": procedure.dead_time, "sigma": 0.0, "unit": "ns"}}
    conditions = {} if procedure.dead_time is None else {"tagger": dead_time}
    facts = {
        "format": 1,
        "status": "running",
        "started": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
        "procedure": {
            "name": "TagFile",
            "module": TagFile.__module__,
            "parameters": procedure.to_json(),
            "units": {name: extra_of(info)["unit"] for name, info in TagFile.model_fields.items()},
        },
        "columns": [{"name": c.name, "array": c.array, **c.attrs()} for c in TagFile.columns],
        "analyses": names,
        "conditions": conditions,
        "recordings": {"photons": {"file": str(Path(file).absolute())}},
        "versions": versions(),
        "host": {"framework": "none"},
    }
    folder = make_folder(Path(into), "TagFile", Path(file).stem)
    write_json(folder / PROVENANCE, facts)
    return finish(folder, rows_to_xarray(rows, TagFile.columns), facts, "completed", [], names)
