"""The groups of the Photon-HDF5 files that this package writes.

Source: Photon-HDF5 format definition 0.5 (photon-hdf5.readthedocs.io).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata as packages
from typing import Any

import numpy as np

from ...core.errors import UsageError
from .hdf5_titles import TITLES
from .layouts import Mode
from .photon_hdf5 import OWN
from .ptu_form import DELAY_BITS, in_seconds

CHUNK = 2**16
"""Photons that are compressed together."""
_URL = "http://photon-hdf5.org/"
_VERSION = "0.5"
_PYTABLES_TEXT = {"CLASS": np.bytes_("ARRAY"), "FLAVOR": np.bytes_("python"), "VERSION": np.bytes_("2.4")}
"""Without these attributes, PyTables and with it phconvert take a text for an array."""


@dataclass(frozen=True)
class Form:
    """What the file is made for."""

    mode: Mode
    period: float | None
    resolution: float
    channels: int
    compression: str | None


def lay_out(file: Any, form: Form, metadata: Mapping[str, Any]) -> None:
    """Create every group, scalar and array; none can be added once the file is in SWMR mode.

    Raises:
        UsageError: if the compression is unknown, or the metadata cannot be kept.
    """
    if form.compression not in ("gzip", "lzf", None):
        raise UsageError(f"compression is {form.compression!r}; known are 'gzip', 'lzf' and None")
    file.attrs.update({"format_name": np.bytes_("Photon-HDF5"), "format_version": np.bytes_(_VERSION)})
    for place, value in _values(form, metadata).items():
        file[place] = np.bytes_(value.encode()) if isinstance(value, str) else value
        if isinstance(value, str):
            file[place].attrs.update(_PYTABLES_TEXT)
    arrays = {"photon_data/timestamps": np.int64, "photon_data/detectors": np.uint8}
    if form.mode == "T3":
        arrays["photon_data/nanotimes"] = np.uint16
    for place, kind in arrays.items():
        squeeze = {"compression": form.compression, "shuffle": True} if form.compression else {}
        file.create_dataset(place, (0,), kind, chunks=(CHUNK,), maxshape=(None,), **squeeze)
    for name, kind in (("marker_times", np.int64), ("marker_values", np.uint8)):
        file.create_dataset(f"{OWN}/{name}", (0,), kind, chunks=(1024,), maxshape=(None,))
    for place, title in TITLES.items():
        if place in file:
            file[place].attrs["TITLE"] = np.bytes_(title)


def _values(form: Form, metadata: Mapping[str, Any]) -> dict[str, Any]:
    is_pulsed = form.mode == "T3"
    unit = form.period if is_pulsed and form.period is not None else 1.0
    version = packages.version("perovskite-meas")
    further = {name: value for name, value in metadata.items() if name not in ("description", "author")}
    try:
        text = json.dumps(further, sort_keys=True)
    except TypeError as error:
        raise UsageError(f"metadata: {error}; give bools, numbers, texts, and lists or mappings of them") from error
    values: dict[str, Any] = {
        "acquisition_duration": 0.0,
        "description": str(metadata.get("description", "")) or " ",
        "photon_data/timestamps_specs/timestamps_unit": in_seconds(unit),
        "setup/num_pixels": form.channels,
        "setup/num_spots": 1,
        "setup/num_spectral_ch": 1,
        "setup/num_polarization_ch": 1,
        "setup/num_split_ch": form.channels,
        "setup/modulated_excitation": 0,
        "setup/lifetime": int(is_pulsed),
        "setup/excitation_alternated": np.array([0]),
        "setup/excitation_cw": np.array([int(form.period is None)]),
        "setup/laser_repetition_rates": np.array([1e12 / form.period if form.period else 0.0]),
        "setup/detectors/id": np.arange(form.channels),
        "identity/format_name": "Photon-HDF5",
        "identity/format_version": _VERSION,
        "identity/format_url": _URL,
        "identity/software": "perovskite_meas",
        "identity/software_version": version,
        "identity/creation_time": datetime.now(tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S"),
        "identity/author": str(metadata.get("author", "")) or " ",
        f"{OWN}/duration": 0,
        f"{OWN}/overflow": 0,
        f"{OWN}/unit": unit,
        f"{OWN}/resolution": form.resolution,
        f"{OWN}/period": form.period or 0.0,
        f"{OWN}/metadata": text,
    }
    if is_pulsed:
        step = in_seconds(form.resolution)
        values |= {
            "photon_data/nanotimes_specs/tcspc_unit": step,
            "photon_data/nanotimes_specs/tcspc_num_bins": 2**DELAY_BITS,
            "photon_data/nanotimes_specs/tcspc_range": step * 2**DELAY_BITS,
        }
    return values
