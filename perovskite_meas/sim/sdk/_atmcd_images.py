"""Functions of Andor's library that hand out several frames of a series at once."""

# ruff: noqa: N802 - the vendor's own names

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _atmcd_calls as c
from ._atmcd_acquire import run_of
from ._atmcd_calls import c_function, store, store_pixels
from ._atmcd_camera import Acquisition

_INT = ctypes.c_int


@c_function()
def GetNumberAvailableImages(library: Any, first: Any, last: Any) -> int:
    run = run_of(library)
    if run is None or not run.frames:
        return c.NO_NEW_DATA
    store(first, _INT, _oldest(run))
    store(last, _INT, run.complete)
    return c.SUCCESS


@c_function()
def GetImages(library: Any, first: int, last: int, target: Any, size: int, valid_first: Any, valid_last: Any) -> int:
    """Frames `first` to `last`, counted from 1, as 32-bit counts."""
    return _hand_out(library, first, last, target, size, np.int32, valid_first, valid_last)


@c_function()
def GetImages16(library: Any, first: int, last: int, target: Any, size: int, valid_first: Any, valid_last: Any) -> int:
    """The same as 16-bit counts."""
    return _hand_out(library, first, last, target, size, np.uint16, valid_first, valid_last)


def _oldest(run: Acquisition) -> int:
    """Return the number of the oldest frame that is still kept."""
    return run.complete - len(run.frames) + 1


def _hand_out(
    library: Any, first: int, last: int, target: Any, size: int, kind: Any, valid_first: Any, valid_last: Any
) -> int:
    run = run_of(library)
    if run is None or not run.frames:
        return c.NO_NEW_DATA
    if not _oldest(run) <= first <= run.complete:
        return c.P1INVALID
    if not first <= last <= run.complete:
        return c.P2INVALID
    wanted = list(run.frames)[first - _oldest(run) : last - _oldest(run) + 1]
    counts: NDArray[Any] = np.concatenate(wanted)
    if size != counts.size:
        return c.P4INVALID
    store_pixels(target, np.minimum(counts, np.iinfo(kind).max), kind)
    store(valid_first, _INT, first)
    store(valid_last, _INT, last)
    if last == run.complete:
        run.fetched = run.complete
    return c.SUCCESS
