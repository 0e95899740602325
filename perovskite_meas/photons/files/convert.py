"""Whole files: write tags at once, and convert between formats."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
    """Write tags to a new PTU file, T3 where they have pulses; see `PtuWriter` for the arguments and errors.

    The file appears when it is complete; a failure leaves no file, or the one that was there.
    """
    form = _form(tags)
    if form["mode"] == "T2" and not _fits(tags):
        form["resolution"] = 1.0
    with _complete(path, overwrite=overwrite) as new, PtuWriter(new, **form, metadata=metadata) as writer:
        writer.write(tags)


def write_photon_hdf5(
    path: str | PathLike[str],
    tags: Tags,
    *,
    metadata: Mapping[str, Any] | None = None,
    compression: str | None = "gzip",
    overwrite: bool = False,
) -> None:
    """Write tags to a new Photon-HDF5 file; see `PhotonHdf5Writer` for the arguments and errors.

    The file appears when it is complete; a failure leaves no file, or the one that was there.
    """
    form: dict[str, Any] = _form(tags) | {"metadata": metadata, "compression": compression}
    with _complete(path, overwrite=overwrite) as new, PhotonHdf5Writer(new, **form) as writer:
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

    The target appears when it is complete; a failure leaves none, or the file that was there.

    Args:
        source: File to read.
        target: New file.
        channels: Most detectors that the source may have.
        metadata: See `PtuWriter` and `PhotonHdf5Writer`.
        overwrite: Replace a file of the target's name.

    Raises:
        UsageError: if the suffix of the target is none of these, the target is the source, or the source has no
            period that its pulses count.
        TagFileError: if the source cannot be read.
    """
    suffix = Path(target).suffix.lower()
    if suffix not in (".ptu", *HDF5_SUFFIXES):
        raise UsageError(f"cannot write {Path(target).name}: give it the suffix .ptu, .h5 or .hdf5")
    if Path(source).exists() and Path(target).exists() and os.path.samefile(source, target):
        raise UsageError(
            f"{target} is the file to read and the file to write; a recording cannot be converted into itself: "
            "choose another target"
        )
    with open_tags(source) as file:
        if file.kind == "T3" and file.period is None:
            raise UsageError(
                f"{file.path.name} counts a clock of its own and not laser pulses; neither .ptu nor Photon-HDF5 can "
                "say so. Read it, and write what you need"
            )
        resolution = file.resolution if file.kind == "T3" else 1.0
        form: dict[str, Any] = {"mode": file.kind, "period": file.period, "resolution": resolution}
        form |= {"channels": channels, "metadata": metadata}
        make = PtuWriter if suffix == ".ptu" else PhotonHdf5Writer
        with _complete(target, overwrite=overwrite) as new, make(new, **form) as writer:
            for tags in file.chunks():
                writer.write(tags)


@contextmanager
def _complete(path: str | PathLike[str], *, overwrite: bool) -> Iterator[Path]:
    """Give a place to write a file of the same name, which takes its own place when the `with` block succeeds."""
    # A link stays a link.
    target = Path(path).resolve()
    if target.exists() and not overwrite:
        raise UsageError(f"{path} exists already; choose another name, or say overwrite=True")
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=target.parent) as folder:
        new = Path(folder) / target.name
        yield new
        new.replace(target)


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
