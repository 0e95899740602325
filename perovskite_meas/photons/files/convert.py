"""Whole files: write tags at once, and convert between formats."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

from ...core.errors import UsageError
from ...core.tags import Tags
from .opening import open_tags
from .photon_hdf5_writer import PhotonHdf5Writer
from .ptu_writer import PtuWriter

HDF5_SUFFIXES = (".h5", ".hdf5")


def write_ptu(
    path: str | PathLike[str],
    tags: Tags,
    *,
    metadata: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Write tags to a new PTU file, T3 where they have pulses; see `PtuWriter` for the arguments and errors."""
    form = _form(tags)
    if form["mode"] == "T2" and not _fits(tags):
        form["resolution"] = 1.0
    with PtuWriter(path, **form, metadata=metadata, overwrite=overwrite) as writer:
        writer.write(tags)


def write_photon_hdf5(
    path: str | PathLike[str],
    tags: Tags,
    *,
    metadata: Mapping[str, Any] | None = None,
    compression: str | None = "gzip",
    overwrite: bool = False,
) -> None:
    """Write tags to a new Photon-HDF5 file; see `PhotonHdf5Writer` for the arguments and errors."""
    form = _form(tags)
    with PhotonHdf5Writer(path, **form, metadata=metadata, compression=compression, overwrite=overwrite) as writer:
        writer.write(tags)


def convert_tags(
    source: str | PathLike[str],
    target: str | PathLike[str],
    *,
    channels: int = 16,
    metadata: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> None:
    """Convert a file of any known format to .ptu or .h5, by the suffix of the target, in bounded memory.

    Args:
        source: File to read.
        target: New file.
        channels: Most detectors that the source may have.
        metadata: See `PtuWriter` and `PhotonHdf5Writer`.
        overwrite: Replace a file of the target's name.

    Raises:
        UsageError: if the suffix of the target is none of these, or the source has no period that its pulses count.
        TagFileError: if the source cannot be read.
    """
    suffix = Path(target).suffix.lower()
    if suffix not in (".ptu", *HDF5_SUFFIXES):
        raise UsageError(f"cannot write {Path(target).name}: give it the suffix .ptu, .h5 or .hdf5")
    with open_tags(source) as file:
        if file.kind == "T3" and file.period is None:
            raise UsageError(
                f"{file.path.name} counts a clock of its own and not laser pulses; neither .ptu nor Photon-HDF5 can "
                "say so. Read it, and write what you need"
            )
        resolution = file.resolution if file.kind == "T3" else 1.0
        form: dict[str, Any] = {"mode": file.kind, "period": file.period, "resolution": resolution}
        form |= {"channels": channels, "metadata": metadata, "overwrite": overwrite}
        with PtuWriter(target, **form) if suffix == ".ptu" else PhotonHdf5Writer(target, **form) as writer:
            for tags in file.chunks():
                writer.write(tags)


def _form(tags: Tags) -> dict[str, Any]:
    if tags.is_pulsed and tags.period is None:
        raise UsageError(
            "these tags count a recorder's own clock and not laser pulses (period is None): a T3 file cannot hold them"
        )
    channels = int(tags.channels.max()) + 1 if len(tags) else 1
    return {
        "mode": "T3" if tags.is_pulsed else "T2",
        "period": tags.period,
        "resolution": tags.resolution,
        "channels": max(channels, 2),
    }


def _fits(tags: Tags) -> bool:
    tick = tags.resolution
    return tick >= 1 and tick == int(tick) and not (tags.times % int(tick)).any()
