"""The photon tags of a run: found, verified, and the rows' background."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from perovskite_meas.core.value import Value

if TYPE_CHECKING:
    import xarray as xr


def tag_file(data: xr.Dataset) -> tuple[Path | None, str]:
    """Return (path, "") of the run's photon tags, or (None, why not).

    The file must be there and have the hash that the run stored.
    """
    stored = data.attrs.get("photons")
    if not isinstance(stored, Mapping) or not stored.get("path"):
        return None, "the run kept no photon tags (the data have no attribute 'photons'): dwells cannot be seen in rows"
    path = Path(str(stored["path"]))
    if not path.is_file():
        return None, f"the photon tags {path} are not there: put the file back, or analyse it by its new path"
    wanted = str(stored.get("sha256") or "").lower()
    if wanted:
        found = _sha256(path)
        if found != wanted:
            return None, (
                f"the photon tags {path} are not those of the run: its sha256 begins with {found[:12]}, the run stored "
                f"{wanted[:12]}"
            )
    return path, ""


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def background(data: xr.Dataset) -> tuple[Value | None, str]:
    """Return the rate of all detectors beside the emitter (or else in the dark) in cps, and the series it is from."""
    if "series" not in data or "live_time" not in data:
        return None, ""
    counts = [np.asarray(data[name].values, np.float64) for name in ("singles_a", "singles_b") if name in data]
    if not counts:
        return None, ""
    total = np.sum(counts, axis=0)
    live = np.asarray(data["live_time"].values, np.float64)
    for series in ("off_emitter", "dark"):
        own = _of(data, series) & np.isfinite(total) & (live > 0)
        if own.any():
            seconds, photons = float(live[own].sum()), float(total[own].sum())
            return Value(photons / seconds, max(photons, 1.0) ** 0.5 / seconds, "cps"), series
    return None, ""


def _of(data: xr.Dataset, series: str) -> npt.NDArray[np.bool_]:
    """Return which rows belong to a series; none where the flags do not name it."""
    attrs = data["series"].attrs
    words = str(attrs.get("flag_meanings", "on off_emitter dark laser")).split()
    values = [int(one) for one in np.atleast_1d(attrs.get("flag_values", range(len(words))))]
    codes = [value for value, word in zip(values, words, strict=False) if word == series]
    return np.isin(np.asarray(data["series"].values), codes)
