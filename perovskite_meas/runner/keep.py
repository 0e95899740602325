"""Calibrations that a run measured: into its folder, onto the bench, and into the bench's own files."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perovskite_meas.bench import write_calibration
from perovskite_meas.core.errors import UsageError
from perovskite_meas.core.tables import tables_folder

if TYPE_CHECKING:
    from perovskite_meas.bench import Bench


def keep_calibrations(folder: Path, results: Mapping[str, Any], bench: Bench) -> list[str]:
    """Keep what results offer as `calibrations()`; return what went wrong.

    Each is written to `<folder>/calibrations/<name>.yaml` and used by `bench` from now on. Where the
    bench file names a file of its own for it, that file is replaced, and its old content kept in the run
    folder; packaged tables are never written to.
    """
    problems: list[str] = []
    for result in results.values():
        offered = getattr(result, "calibrations", None)
        if not callable(offered):
            continue
        for name, mapping in offered().items():
            try:
                write_calibration(folder / "calibrations" / f"{name}.yaml", mapping)
                own = own_file(bench, name)
                bench.install_calibration(name, mapping)
                if own is not None:
                    shutil.copy2(own, folder / "calibrations" / f"{name}.replaced.yaml")
                    write_calibration(own, mapping)
            except (OSError, UsageError) as error:
                problems.append(f"calibration {name!r} could not be kept: {error}")
    return problems


def own_file(bench: Bench, name: str) -> Path | None:
    """Return the file that the bench names for a calibration; None if written in place, absent or packaged."""
    known = bench.spec.calibrations.get(name)
    if known is None or not known.text:
        return None
    path = (bench.spec.path.parent / known.source.rsplit(":", 1)[0]).resolve()
    return None if path.is_relative_to(tables_folder()) or not path.is_file() else path
