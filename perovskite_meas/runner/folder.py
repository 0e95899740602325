"""The folder of one run: data, provenance, results, report."""

from __future__ import annotations

import datetime
import errno
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from perovskite_meas.core.errors import RecordError, UsageError

PROVENANCE = "provenance.json"
DATA = "data.nc"


def make_folder(into: Path, procedure: str, tag: str) -> Path:
    """Create and return `<into>/<date>-<time>-<procedure>-<tag>`.

    Raises:
        UsageError: the place cannot be written.
    """
    stamp = datetime.datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    folder = into / f"{stamp}-{procedure}-{tag}"
    try:
        folder.mkdir(parents=True, exist_ok=False)
    except FileExistsError:
        return make_folder(into, procedure, f"{tag}b")
    except OSError as error:
        raise UsageError(
            f"cannot create the run folder {folder}: {error.strerror or error}; choose another with into="
        ) from error
    return folder


def check_writable(into: Path) -> None:
    """Make sure that runs can be stored in `into`, before any light.

    Raises:
        UsageError: it is no folder or cannot be written.
    """
    probe = into / f".write-test-{os.getpid()}"
    try:
        into.mkdir(parents=True, exist_ok=True)
        probe.write_text("", encoding="utf-8")
        probe.unlink()
    except OSError as error:
        raise UsageError(f"cannot store runs in {into}: {error.strerror or error}; choose another folder") from error


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write JSON so that a crash leaves the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(data, indent=1, default=_plain, allow_nan=True), encoding="utf-8")
    os.replace(partial, path)


def read_json(path: Path) -> dict[str, Any]:
    """Read what `write_json` wrote.

    Raises:
        RecordError: missing or unreadable.
    """
    try:
        loaded = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(f"cannot read {path}: {error.strerror or error}") from error
    except ValueError as error:
        raise RecordError(f"{path} is not JSON: {error}") from error
    if not isinstance(loaded, dict):
        raise RecordError(f"{path} does not hold a JSON object")
    return loaded


def _plain(item: Any) -> Any:
    if isinstance(item, np.generic):
        return item.item()
    if isinstance(item, np.ndarray):
        return item.tolist()
    return str(item)


PHOTONS = "photons.ptu"
"""Raw tags of a run, where it took any."""


def label(data: xr.Dataset, facts: Mapping[str, Any], status: str, folder: Path | None = None) -> None:
    """Write into a run's data what its analyses may ask.

    That is procedure, parameters, conditions, status and start, and where in `folder` its raw tags lie.
    """
    data.attrs |= {
        "procedure": facts["procedure"]["name"],
        "parameters": facts["procedure"]["parameters"],
        "conditions": facts.get("conditions", {}),
        "status": status,
        "started": facts.get("started", ""),
    }
    kept = facts.get("recordings", {}).get("photons", {})
    if folder is not None and (path := folder / kept.get("file", PHOTONS)).is_file():
        # A killed run could not say what it had kept; the file is there all the same.
        data.attrs["photons"] = {
            "path": str(path.absolute()),
            "sha256": kept.get("sha256"),
            "photons": kept.get("photons"),
        }


def stored_status(facts: Mapping[str, Any]) -> str:
    """Return how a stored run ended; "interrupted" where it was killed before it could say."""
    status = str(facts.get("status", "running"))
    return "interrupted" if status == "running" else status


_NESTED = ("units", "conditions", "parameters", "photons")
_HEADERS = 300_000
"""Bytes that names, attributes and HDF5's own pages may take besides the numbers."""


def write_data(path: Path, data: xr.Dataset) -> None:
    """Write the dataset as netCDF; nested attributes become JSON text.

    Raises:
        OSError: it cannot be written, or there is too little room.
    """
    flat = data.copy()
    flat.attrs = {
        name: json.dumps(value, default=_plain) if name in _NESTED else value for name, value in data.attrs.items()
    }
    # HDF5 takes the whole process with it where the disk fills up beneath it.
    needed = 2 * flat.nbytes + _HEADERS
    if (free := shutil.disk_usage(path.parent).free) < needed:
        raise OSError(errno.ENOSPC, f"{free} bytes are free where {needed} are needed; make room", str(path))
    partial = path.with_name(path.name + ".partial")
    flat.to_netcdf(partial, engine="h5netcdf")
    os.replace(partial, path)


def read_data(path: Path) -> xr.Dataset:
    """Read what `write_data` wrote.

    Raises:
        RecordError: missing or unreadable.
    """
    try:
        with xr.open_dataset(path, engine="h5netcdf") as opened:
            data = opened.load()
    except (OSError, ValueError, RuntimeError) as error:
        raise RecordError(f"cannot read {path}: {error}") from error
    for name in _NESTED:
        if isinstance(data.attrs.get(name), str):
            data.attrs[name] = json.loads(data.attrs[name])
    return data
